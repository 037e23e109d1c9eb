"""Bytes of tunnels: who counts them, and what the lbmethods see of them."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

from wslb.checks.judging import called, judged, no_evidence
from wslb.model.handshake import Handshake
from wslb.model.results import Check, Event, Record, Verdict

__all__ = ["counted_on_tunnels", "logged_by_logio"]

_COUNTERS = ("elected", "busy", "transferred", "read")


def logged_by_logio(at_least: int) -> Check:
    """The access log (mod_logio, %I and %O) has the tunnelled bytes of every connection, both ways.

    Args:
        at_least: bytes that at least one connection must have carried each way, so that there is something to count.
    """

    def logged(record: Record) -> Verdict:
        name = "logged_by_logio"
        expected = f"%I and %O hold every message of every tunnel; the busiest has {at_least} bytes or more each way"
        lines = {line.conn_id: line for line in record.access}
        found = [(handshake, lines.get(handshake.conn_id)) for handshake in record.accepted]
        if not found:
            return no_evidence(name, expected=expected, lacking="no handshake was accepted")
        busiest = 0
        for handshake, line in found:
            sent, received = _said(handshake, sent=True), _said(handshake, sent=False)
            if line is None or line.bytes_in < sent or line.bytes_out < received:
                told = f"in={line.bytes_in} out={line.bytes_out}" if line else "no line"
                return judged(
                    name,
                    holds=False,
                    expected=expected,
                    observed=f"{called(handshake)}: {told} for {sent} sent and {received} received",
                    evidence=[handshake.conn_id],
                )
            busiest = max(busiest, min(sent, received))
        return judged(
            name,
            holds=busiest >= at_least,
            expected=expected,
            observed=f"so for all {len(found)}; the busiest carried {busiest} bytes each way",
        )

    return logged


def _said(handshake: Handshake, *, sent: bool) -> int:
    return sum(exchange.size for exchange in handshake.exchanges if exchange.sent is sent)


def counted_on_tunnels(record: Record) -> Verdict:
    """What each lbmethod's counters say of the same work, side by side: elections, open tunnels, heads, status lines.

    The scenario notes the counters of the balancer on ``/<lbmethod>`` as an event of kind ``counters``.
    """
    name = "counted_on_tunnels"
    expected = "elected = connections, busy = open ones, transferred = request heads, read = status lines, on each path"
    rows = [event for event in record.events if event.kind == "counters"]
    if not rows or not record.accepted:
        return no_evidence(name, expected=expected, lacking="no counters were noted, or no handshake was accepted")
    told: list[str] = []
    wrong: list[str] = []
    for event in rows:
        claimed = _claimed(event, record)
        shown = {route: dict(values) for route, values in event.data["members"].items()}
        told.append(event.text)
        if claimed != shown or not any(values["elected"] for values in claimed.values()):
            wrong.append(f"{event.data['lbmethod']} should be {claimed}")
    first = f"first wrong: {wrong[0]}; " if wrong else ""
    return judged(name, holds=not wrong, expected=expected, observed=first + " | ".join(told), evidence=wrong)


def _claimed(event: Event, record: Record) -> dict[str, dict[str, int]]:
    """Counters that the connections of the event's path must have led to at its moment, by route."""
    each = record.carrier.read_per_tunnel
    totals: dict[str, Counter[str]] = {r: Counter(dict.fromkeys(_COUNTERS, 0)) for r in event.data["members"]}
    for handshake in record.accepted:
        route = record.route_of(handshake)
        if urlsplit(handshake.url).path != f"/{event.data['lbmethod']}" or handshake.opened_at > event.at:
            continue
        if route not in totals:
            continue
        open_then = handshake.closed_at is None or handshake.closed_at > event.at
        head = handshake.arrival.request_bytes if handshake.arrival else 0
        totals[route].update({"elected": 1, "busy": int(open_then), "transferred": head, "read": each})
    return {route: dict(total) for route, total in totals.items()}
