"""A good record in which one thing is wrong: the checks of the scenario that it came from must see that."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.fakes.lab import FakeLab, fake_lab
from wslb.commands.mutations.mutation import HEADERS, LB
from wslb.model.handshake import Handshake, Headers
from wslb.model.results import LogLine, MemberStatus, Outcome, Record, ScenarioResult
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.scenario import Scenario

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


def _log_line(record: Record) -> Record:
    line = LogLine(at="", module="proxy", level="error", code="AH00957", text="AH00957: attempt to connect failed")
    return replace(record, log=(*record.log, line))


ROWS: tuple[tuple[str, str, str, tuple[str, ...], Spoil], ...] = (
    (
        "counter-stale",
        "balancer-manager shows the counters from before",
        LB,
        ("elected_counted",),
        lambda record: replace(record, after=record.before),
    ),
    (
        "counter-off-by-one",
        "liberty's elected is one too many",
        LB,
        ("elected_counted",),
        after(lambda status: replace(status, elected=status.elected + 1)),
    ),
    (
        "tunnel-left",
        "one tunnel is counted as open for ever",
        LB,
        ("nothing_left_open",),
        after(lambda status: replace(status, busy=1)),
    ),
    (
        "bytes-off-by-one",
        "liberty's transferred is one byte too many",
        "lb-bytraffic",
        ("bytes_counted",),
        after(lambda status: replace(status, transferred=status.transferred + 1)),
    ),
    (
        "status-unread",
        "balancer-manager was never read",
        LB,
        ("elected_counted", "members_as_claimed", "nothing_left_open"),
        lambda record: replace(record, before=(), after=()),
    ),
    ("connection-lost", "one connection is missing", LB, ("alternates", "elected_counted"), _one_lost),
    (
        "connections-swapped",
        "the first two connections changed places",
        LB,
        ("alternates", "follows_model"),
        _two_swapped,
    ),
    (
        "access-line-lost",
        "the access log lacks a line",
        LB,
        ("witnesses_agree", "carried_as_asked"),
        one(lambda h: replace(h, logged_by=None, logged_status=None)),
    ),
    (
        "access-line-lies",
        "the access log names the other member",
        LB,
        ("witnesses_agree",),
        one(lambda h: replace(h, logged_by="node")),
    ),
    (
        "accept-altered",
        "one Sec-WebSocket-Accept is another key's",
        HEADERS,
        ("accept_is_right",),
        one(lambda h: replace(h, response=_with("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")(h.response))),
    ),
    (
        "answer-field-lost",
        "one field of the backend's answer did not reach the client",
        HEADERS,
        ("answer_reaches_client",),
        one(lambda h: replace(h, response=_without("x-backend")(h.response))),
    ),
    (
        "key-altered",
        "one key arrived at the backend as another",
        HEADERS,
        ("arrived_intact", "only_known_changes"),
        one(lambda h: _arrived(h, _with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="))),
    ),
    (
        "upgrade-lost",
        "one request arrived without Upgrade",
        HEADERS,
        ("arrived_intact", "carried_as_asked"),
        one(lambda h: _arrived(h, _without("upgrade"))),
    ),
    (
        "carrier-disguised",
        "the access log has the status of the other carrier",
        LB,
        ("carried_as_asked",),
        one(lambda h: replace(h, logged_status={101: 200, 200: 101}.get(h.logged_status or 0))),
    ),
    ("frame-truncated", "the last message lacks a byte", "payload-text", ("echoed",), one(_frame_cut)),
    (
        "close-code-dropped",
        "the client never saw the close code",
        "payload-close-by-backend",
        ("closed_as",),
        one(lambda h: replace(h, closed=None)),
    ),
    (
        "close-reason-dropped",
        "the close reason is empty in the journal",
        "payload-close-by-backend",
        ("closed_as",),
        one(
            lambda h: replace(
                h,
                arrivals=tuple(
                    replace(a, closed=replace(a.closed, reason="") if a.closed else None) for a in h.arrivals
                ),
            )
        ),
    ),
    ("log-line", "an error stands in httpd's log", LB, ("log_is_clean",), _log_line),
    (
        "host-second",
        "Host is the second field that the backend receives",
        HEADERS,
        ("host_comes_first",),
        one(lambda h: _arrived(h, lambda fields: (*fields[1:2], fields[0], *fields[2:])), number=2),
    ),
    (
        "nothing-seen",
        "the record is empty",
        LB,
        (
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
        lambda record: Record(balancer=record.balancer),
    ),
)
"""Name, what is wrong, the scenario, the checks that must go red, and how it is done."""

SOUND: dict[str, ScenarioResult] = {}
"""Each scenario's result with nothing wrong, asked once."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fakes() -> AsyncIterator[FakeLab]:
    async with fake_lab(sockets=True) as made:
        yield made


def shipped(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


@pytest.mark.parametrize(("what", "name", "checks", "spoil"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
async def test_a_spoilt_record_turns_its_checks_red(
    what: str, name: str, checks: tuple[str, ...], spoil: Spoil, fakes: FakeLab
) -> None:
    if name not in SOUND:
        SOUND[name] = await runner.run(shipped(name), fakes.lab)
    sound = SOUND[name]
    assert sound.outcome is Outcome.PASSED, sound.reason or sound.first_failure
    spoilt = runner.judge(shipped(name), spoil(sound.record), lab=fakes.lab, began=time.monotonic())
    assert set(checks) <= {verdict.check for verdict in spoilt.verdicts if not verdict.holds}, what
