"""Which requests take a turn, and the cycle in which the turns come."""

from __future__ import annotations

from harness.checks.judging import called, judged, no_evidence, sequence
from harness.results import Check, Record, Verdict

__all__ = ["repeats", "turns_taken"]


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
