"""What came back for a handshake, valid or not: its status, who made it, what it says, byte by byte if need be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wslb.checks.judging import About, called, each, judged, no_evidence, told_status
from wslb.model.balancer import Carrier
from wslb.model.handshake import Handshake, header_values, one_header
from wslb.model.results import Check, Claim, Record, Verdict

__all__ = ["BACKEND", "HTTPD", "NOBODY", "Expected", "answered", "carries", "gives_up_after", "redirected"]

BACKEND, HTTPD, NOBODY = "a backend", "httpd itself", "nobody"

_OWN_PAGES = ("<!DOCTYPE HTML", "<hr><center>nginx")
"""What httpd's own pages begin with, and what nginx's own end with (ngx_http_special_response)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must come back for one handshake.

    Attributes:
        status: None for an answer without a status line, or for none at all.
        by: who made it; NOBODY when nothing may come.
        arrives: whether a backend sees the request.
        says: text that its body, or what came without a head, must contain.
        logged: status in the access log; None is not judged.
        ends: whether the proxy must have ended the connection when the scenario stopped looking.
    """

    status: int | None
    by: str = BACKEND
    arrives: bool = True
    says: str = ""
    logged: int | None = None
    ends: bool = False

    @property
    def told(self) -> str:
        """The expectation as a clause."""
        what = "no answer" if self.by is NOBODY else f"{self.status or 'no status line'} by {self.by}"
        parts = [what + (f" with {self.says!r}" if self.says else "")]
        parts += [] if self.arrives else ["no backend sees it"]
        parts += [f"{self.logged} in the access log"] if self.logged else []
        return ", ".join(parts + (["the connection ends"] if self.ends else []))

    def broken(self, handshake: Handshake) -> str:
        """How a handshake deviates; empty when it does not."""
        wire = handshake.wire
        rules: tuple[tuple[bool, str], ...] = (
            (handshake.status == self.status, told_status(handshake)),
            (_maker(handshake) == self.by, f"answered by {_maker(handshake)}"),
            (bool(handshake.arrivals) == self.arrives, f"{len(handshake.arrivals)} arrivals at backends"),
            (
                not self.says or (wire is not None and self.says in wire.body),
                f"it says {wire.body[:80]!r}" if wire else "nobody kept what it says",
            ),
            (self.logged in {None, handshake.logged_status}, f"the access log has {handshake.logged_status}"),
            (not self.ends or (wire is not None and wire.ended == "closed"), "the connection stayed open"),
        )
        return next((sentence for holds, sentence in rules if not holds), "")


def _maker(handshake: Handshake) -> str:
    """Who made what came: backends sign it or greet, the proxy's own pages are HTML.

    Of a real server, the recorder's journal has the answer: of this status, and of the type in which it came. A page
    of httpd's in its place (ProxyErrorOverride) keeps the status and has a type of its own.
    """
    if handshake.signers or handshake.greeters or _passed_on(handshake):
        return BACKEND
    wire = handshake.wire
    if handshake.status is None and (wire is None or not wire.received):
        return NOBODY
    server = one_header(handshake.response, "Server") or ""
    body = wire.body if wire else ""
    of_haproxy = not server and body.startswith(f"<html><body><h1>{handshake.status} ")  # its http_err_msgs
    by_itself = server.startswith(("Apache", "nginx/")) or any(page in body for page in _OWN_PAGES) or of_haproxy
    return HTTPD if by_itself else "somebody unknown"


def _passed_on(handshake: Handshake) -> bool:
    """Whether the answer is the one that is journalled of the real server that is said to have made it."""
    kind = header_values(handshake.response, "Content-Type")
    return any(
        arrival.backend == handshake.recorded_by
        and arrival.status == handshake.status
        and header_values(arrival.response, "Content-Type") == kind
        for arrival in handshake.arrivals
    )


def answered(
    *, http: Expected | Sequence[Expected], wstunnel: Expected | Sequence[Expected] | None = None, count: int = 2
) -> Check:
    """Every handshake was answered as expected with the carrier of this run.

    Args:
        http, wstunnel: one expectation for all handshakes, or one for each in order; wstunnel None is as http.
        count: how many handshakes there must be, where one expectation is for all.
    """

    def answers(record: Record) -> Verdict:
        name = About(check="answered", claims=Claim.MESSAGES)
        chosen = wstunnel if record.carrier is Carrier.WSTUNNEL and wstunnel is not None else http
        wanted = [chosen] * count if isinstance(chosen, Expected) else list(chosen)
        expected = f"with {record.carrier.module}: " + "; ".join(dict.fromkeys(want.told for want in wanted))
        if len(record.handshakes) != len(wanted):
            lacking = f"{len(record.handshakes)} of {len(wanted)} handshakes were made"
            return no_evidence(name, expected=expected, lacking=lacking)
        broken = [(h, fault) for h, want in zip(record.handshakes, wanted, strict=True) if (fault := want.broken(h))]
        return judged(
            name,
            holds=not broken,
            expected=expected,
            observed=f"{called(broken[0][0])}: {broken[0][1]}" if broken else f"holds on all {len(wanted)} handshakes",
            evidence=[h.conn_id for h, _ in broken],
        )

    return answers


def carries(name: str, *values: str) -> Check:
    """The answer has this field with exactly these values, as the backend sent it; none means that it is absent."""

    def rule(handshake: Handshake) -> str:
        arrival = handshake.arrival
        if arrival is None or header_values(arrival.response, name) != values:
            return f"the backend sent {header_values(arrival.response, name) if arrival else 'nothing'}"
        got = header_values(handshake.response, name)
        return "" if got == values else f"{name} reached the client as {got or 'nothing'}"

    return lambda record: each(
        About(check="carries", claims=Claim.FIELDS),
        record,
        expected=f"{name}: {', '.join(values) or 'absent'}, at the backend and at the client",
        wrong=rule,
        accepted_only=False,
    )


def redirected(*, rewritten_by: Carrier | None = None) -> Check:
    """A backend's redirect to its own address: rewritten to the proxy's by this module, untouched by any other."""

    def check(record: Record) -> Verdict:
        rewritten = record.carrier is rewritten_by
        front = f"http://{record.front.get('ws')}/"
        expected = (
            f"Location is the backend's own at the backend, {'the proxy' if rewritten else 'the same'} at the client"
        )

        def rule(handshake: Handshake) -> str:
            arrival = handshake.arrival
            sent = one_header(arrival.response, "Location") if arrival else None
            if arrival is None or sent is None or record.addresses.get(f"ws://{arrival.backend}", " ") not in sent:
                return f"the backend sent {sent}"
            got = one_header(handshake.response, "Location") or ""
            return (
                "" if (got.startswith(front) if rewritten else got == sent) else f"{sent} reached the client as {got}"
            )

        return each(
            About(check="redirected", claims=Claim.FIELDS), record, expected=expected, wrong=rule, accepted_only=False
        )

    return check


def gives_up_after(seconds: float, *, within: float, hangs: float) -> Check:
    """How long the proxy waits for a silent backend.

    Args:
        seconds, within: mod_proxy_http answers no earlier than this, and within a time that a busy machine keeps.
        hangs: mod_proxy_wstunnel has sent nothing when the client goes after this time.
    """

    def check(record: Record) -> Verdict:
        hanging = record.carrier is Carrier.WSTUNNEL
        expected = (
            f"with {record.carrier.module} no byte in {hangs:g} s"
            if hanging
            else f"with {record.carrier.module} an answer after {seconds:g} s, and within {within:g} s"
        )

        def rule(handshake: Handshake) -> str:
            took = handshake.elapsed_seconds
            if hanging:
                quiet = handshake.wire is not None and handshake.wire.received == 0 and handshake.wire.ended == "open"
                return "" if quiet and took >= hangs else f"something came, or the wait ended, after {took:.2f} s"
            return "" if handshake.status and seconds <= took <= within else f"it came after {took:.2f} s"

        return each("gives_up_after", record, expected=expected, wrong=rule, accepted_only=False)

    return check
