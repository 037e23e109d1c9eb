"""The evidence itself is damaged: a counter that stands still, a lost message, a line that nobody announced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from wslb.commands.mutations.mutation import Mutation
from wslb.model.handshake import Handshake, Headers
from wslb.model.results import LogLine, MemberStatus, Record

__all__ = ["MUTATIONS"]

Spoil = Callable[[Record], Record]


def one(change: Callable[[Handshake], Handshake], *, number: int = 3) -> Spoil:
    """One handshake is another; a number beyond the last one takes the last."""

    def spoil(record: Record) -> Record:
        at = min(number, len(record.handshakes)) - 1
        kept = record.handshakes
        return replace(record, handshakes=(*kept[:at], change(kept[at]), *kept[at + 1 :]))

    return spoil


def after(change: Callable[[MemberStatus], MemberStatus]) -> Spoil:
    """The first member's last counters are others."""
    return lambda record: replace(record, after=(change(record.after[0]), *record.after[1:]))


def _one_lost(record: Record) -> Record:
    return replace(record, handshakes=record.handshakes[:4] + record.handshakes[5:])


def _two_swapped(record: Record) -> Record:
    first, second, *rest = record.handshakes
    moved = tuple(
        replace(mine, opened_at=other.opened_at, elapsed_seconds=other.elapsed_seconds)
        for mine, other in ((second, first), (first, second))
    )
    return replace(record, handshakes=(*moved, *rest))


def _arrived(handshake: Handshake, change: Callable[[Headers], Headers]) -> Handshake:
    return replace(handshake, arrivals=tuple(replace(a, headers=change(a.headers)) for a in handshake.arrivals))


def _without(name: str) -> Callable[[Headers], Headers]:
    return lambda headers: tuple(field for field in headers if field[0].lower() != name)


def _with(name: str, value: str) -> Callable[[Headers], Headers]:
    return lambda headers: tuple((key, value if key.lower() == name else old) for key, old in headers)


def _frame_cut(handshake: Handshake) -> Handshake:
    """The last message that came back lacks its last byte."""
    *kept, last = handshake.exchanges
    return replace(
        handshake, exchanges=(*kept, replace(last, size=last.size - 1, text=last.text[:-1], sha256="0" * 64))
    )


def _end_line_lost(handshake: Handshake) -> Handshake:
    *kept, last = handshake.exchanges
    return replace(handshake, exchanges=(*kept, replace(last, text=last.text[:-20])))


def _same_listing(record: Record) -> Record:
    """Every backend gave the first one's answers."""
    first = record.handshakes[0]
    return replace(record, handshakes=tuple(replace(h, exchanges=first.exchanges) for h in record.handshakes))


def _log_line(record: Record) -> Record:
    line = LogLine(at="", module="proxy", level="error", code="AH00957", text="AH00957: attempt to connect failed")
    return replace(record, log=(*record.log, line))


def _mutation(name: str, what: str, scenario: str, spoil: Spoil, *checks: str) -> Mutation:
    return Mutation(name=name, what=what, scenario=scenario, checks=checks, spoil=spoil)


MUTATIONS: tuple[Mutation, ...] = (
    _mutation(
        "counter-stale",
        "balancer-manager shows the counters from before",
        "lb-byrequests",
        lambda record: replace(record, after=record.before),
        "elected_counted",
    ),
    _mutation(
        "counter-off-by-one",
        "liberty's elected is one too many",
        "lb-byrequests",
        after(lambda status: replace(status, elected=status.elected + 1)),
        "elected_counted",
    ),
    _mutation(
        "tunnel-left",
        "one tunnel is counted as open for ever",
        "lb-byrequests",
        after(lambda status: replace(status, busy=1)),
        "nothing_left_open",
    ),
    _mutation(
        "bytes-off-by-one",
        "liberty's transferred is one byte too many",
        "lb-bytraffic",
        after(lambda status: replace(status, transferred=status.transferred + 1)),
        "bytes_counted",
    ),
    _mutation(
        "status-unread",
        "balancer-manager was never read",
        "lb-byrequests",
        lambda record: replace(record, before=(), after=()),
        "elected_counted",
        "members_as_claimed",
        "nothing_left_open",
    ),
    _mutation(
        "connection-lost", "one connection is missing", "lb-byrequests", _one_lost, "alternates", "elected_counted"
    ),
    _mutation(
        "connections-swapped",
        "the first two connections changed places",
        "lb-byrequests",
        _two_swapped,
        "alternates",
        "follows_model",
    ),
    _mutation(
        "access-line-lost",
        "the access log lacks a line",
        "lb-byrequests",
        one(lambda h: replace(h, logged_by=None, logged_status=None)),
        "witnesses_agree",
        "carried_as_asked",
    ),
    _mutation(
        "access-line-lies",
        "the access log names the other member",
        "lb-byrequests",
        one(lambda h: replace(h, logged_by="node")),
        "witnesses_agree",
    ),
    _mutation(
        "greeting-lost",
        "one greeting did not come",
        "article-listing8",
        one(lambda h: replace(h, greeting=None, greeters=(), signed_by=None)),
        "greeted",
        "witnesses_agree",
    ),
    _mutation(
        "accept-altered",
        "one Sec-WebSocket-Accept is another key's",
        "headers-handshake",
        one(lambda h: replace(h, response=_with("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")(h.response))),
        "accept_is_right",
    ),
    _mutation(
        "answer-field-lost",
        "one field of the backend's answer did not reach the client",
        "headers-handshake",
        one(lambda h: replace(h, response=_without("x-backend")(h.response))),
        "answer_reaches_client",
    ),
    _mutation(
        "key-altered",
        "one key arrived at the backend as another",
        "headers-handshake",
        one(lambda h: _arrived(h, _with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="))),
        "arrived_intact",
        "only_known_changes",
    ),
    _mutation(
        "upgrade-lost",
        "one request arrived without Upgrade",
        "headers-handshake",
        one(lambda h: _arrived(h, _without("upgrade"))),
        "arrived_intact",
        "carried_as_asked",
    ),
    _mutation(
        "carrier-disguised",
        "the access log has the status of the other carrier",
        "lb-byrequests",
        one(lambda h: replace(h, logged_status={101: 200, 200: 101}.get(h.logged_status or 0))),
        "carried_as_asked",
    ),
    _mutation("frame-truncated", "the last message lacks a byte", "payload-text", one(_frame_cut), "echoed"),
    _mutation(
        "close-code-dropped",
        "the client never saw the close code",
        "payload-close-by-backend",
        one(lambda h: replace(h, closed=None)),
        "closed_as",
    ),
    _mutation(
        "close-reason-dropped",
        "the close reason is empty in the journal",
        "payload-close-by-backend",
        one(
            lambda h: replace(
                h,
                arrivals=tuple(
                    replace(a, closed=replace(a.closed, reason="") if a.closed else None) for a in h.arrivals
                ),
            )
        ),
        "closed_as",
    ),
    _mutation("end-line-lost", "a listing lacks its end line", "article-listing8", one(_end_line_lost), "listed"),
    _mutation("listings-alike", "both backends gave one answer", "article-listing8", _same_listing, "told_apart"),
    _mutation("log-line", "an error stands in httpd's log", "lb-byrequests", _log_line, "log_is_clean"),
    _mutation(
        "hop-fields-kept",
        "Keep-Alive and a field that Connection names reach the backend",
        "headers-hop-fields",
        one(lambda h: _arrived(h, lambda fields: (*fields, ("Keep-Alive", "timeout=5"), ("X-Hop", "1"))), number=2),
        "nominated_fields_dropped",
        "hop_fields_dropped",
    ),
    _mutation(
        "host-second",
        "Host is the second field that the backend receives",
        "headers-handshake",
        one(lambda h: _arrived(h, lambda fields: (*fields[1:2], fields[0], *fields[2:])), number=2),
        "host_comes_first",
    ),
    _mutation(
        "nothing-seen",
        "the record is empty",
        "lb-byrequests",
        lambda record: Record(balancer=record.balancer),
        "alternates",
        "follows_model",
        "answered_101",
        "accept_is_right",
        "members_as_claimed",
        "witnesses_agree",
        "elected_counted",
        "nothing_left_open",
        "carried_as_asked",
    ),
)
