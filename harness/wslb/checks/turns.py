"""Which requests take a turn, and the cycle in which the turns come."""

from __future__ import annotations

from wslb.checks.judging import called, judged, no_evidence, sequence
from wslb.model.results import Check, Record, Verdict

__all__ = ["knocked", "never_elected", "repeats", "turns_taken"]


def repeats(*cycle: str) -> Check:
    """The elections are this cycle again and again, from its first turn on and at least twice."""

    def cycles(record: Record) -> Verdict:
        name = "repeats"
        expected = f"the cycle {sequence(cycle)}, again and again"
        seen = record.elections
        if not cycle or len(seen) < 2 * len(cycle):
            return no_evidence(name, expected=expected, lacking=f"{len(seen)} connections are not two whole cycles")
        for index, (handshake, got) in enumerate(zip(record.handshakes, seen, strict=True)):
            want = cycle[index % len(cycle)]
            if got != want:
                return judged(
                    name,
                    holds=False,
                    expected=expected,
                    observed=f"{called(handshake)} expected {want}, got {got or 'nobody'}; seen {sequence(seen)}",
                    evidence=[handshake.conn_id],
                )
        whole = len(seen) / len(cycle)
        return judged(name, holds=True, expected=expected, observed=f"{whole:g} cycles over {len(seen)} connections")

    return cycles


def turns_taken(*, thieves: int, whose: str) -> Check:
    """The members were elected once for each connection, and once more for each of so many thieves.

    Args:
        thieves: elections that led to no WebSocket of the scenario.
        whose: which requests those were, or would have been, in words.
    """

    def turns(record: Record) -> Verdict:
        name = "turns_taken"
        expected = f"{whose}: {thieves} turns taken besides the connections' own"
        if not record.before or not record.after or not record.handshakes:
            return no_evidence(name, expected=expected, lacking="balancer-manager was not read around any connection")
        elected = sum(status.elected for status in record.after) - sum(status.elected for status in record.before)
        taken = elected - len(record.handshakes)
        return judged(
            name,
            holds=taken == thieves,
            expected=expected,
            observed=f"{elected} elections for {len(record.handshakes)} connections: {taken} taken by others",
        )

    return turns


def knocked(count: int) -> Check:
    """So many TCP connections to the proxy were completed and ended without a word."""

    def so_often(record: Record) -> Verdict:
        expected = f"{count} TCP connects"
        seen = sum(event.kind == "knock" for event in record.events)
        if not seen:
            return no_evidence("knocked", expected=expected, lacking="no TCP connect was completed")
        return judged("knocked", holds=seen == count, expected=expected, observed=f"{seen} TCP connects")

    return so_often


def never_elected(record: Record) -> Verdict:
    """Not one member was elected, and no backend heard of any attempt."""
    name = "never_elected"
    expected = "no member elected, nothing at any backend"
    if not record.before or not record.after or not record.handshakes:
        return no_evidence(name, expected=expected, lacking="balancer-manager was not read around any connection")
    elected = sum(status.elected for status in record.after) - sum(status.elected for status in record.before)
    heard = sum(len(handshake.arrivals) for handshake in record.handshakes)
    told = f"{elected} elections, {heard} requests at backends, for {len(record.handshakes)} attempts"
    return judged(name, holds=elected == 0 and heard == 0, expected=expected, observed=told)
