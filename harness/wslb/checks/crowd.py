"""Many handshakes at the same time: shares within a bound of known odds, and counters that drift."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from wslb.checks.judging import About, called, judged, no_evidence
from wslb.model.odds import bound_for, coin_passes, race_alarm
from wslb.model.results import Check, Claim, Record, Verdict

__all__ = ["RACE_RATE", "balanced", "busy_drift", "elected_drift"]

RACE_RATE = 1 / 1000
"""Collisions per election that a sound proxy is granted. An election is locked inside its own process only
(PROXY_THREAD_LOCK in mod_proxy.h), so two processes may elect at the same moment. Measured on httpd 2.4.71 with up to
21 processes: shares off by 0 or 1 after 6,000 and 10,000 elections, a rate near 1 in 10,000; ten times is granted."""


def balanced(*, rate: float = RACE_RATE, alarm: float = 1e-6) -> Check:
    """Two members of equal weight share the connections within a bound that a sound proxy breaks once in a million.

    Args:
        rate: collisions per election that are granted; 0 asks for an exact split.
        alarm: largest allowed probability of a false alarm; the bound is computed from it and from the number of
            connections.
    """

    def shares(record: Record) -> Verdict:
        name = About(check="balanced", phrase="the shares are out of tolerance", claims=Claim.SHARE)
        balancer = record.balancer
        total = len(record.handshakes)
        if balancer is None or len(balancer.members) != 2 or total < 1:
            return no_evidence(name, expected="even shares", lacking="no connections to two members")
        bound = bound_for(total, rate, alarm)
        odd = total % 2  # one connection more on one side is no imbalance
        told = f"a false alarm in {race_alarm(total, rate, bound):.1e} of runs" if rate else "locked, so exact"
        passes = coin_passes(total, bound + odd / 2)
        expected = f"each share within {bound + odd / 2:g} of {total / 2:g} ({told}; a coin would pass in {passes:.1%})"
        counts = Counter(record.elections)
        lost = [handshake for handshake in record.handshakes if record.route_of(handshake) is None]
        off = max(abs(counts[member.route] - total / 2) for member in balancer.members)
        split = ", ".join(f"{member.route} {counts[member.route]}" for member in balancer.members)
        unserved = f"; {len(lost)} served by nobody, first {called(lost[0])}" if lost else ""
        return judged(
            replace(name, tolerance=bound + odd / 2),
            holds=off <= bound + odd / 2 and not lost,
            expected=expected,
            observed=split + unserved,
            evidence=[h.conn_id for h in lost],
        )

    return shares


def busy_drift(*, rate: float = RACE_RATE, alarm: float = 1e-6) -> Check:
    """``busy`` after the last tunnel: how many that httpd still believes open, within a bound of known odds.

    Args:
        rate: lost counts per change of the counter; each tunnel changes it twice, without a lock.
        alarm: largest allowed probability of a false alarm.
    """

    def drift(record: Record) -> Verdict:
        name = "busy_drift"
        changes = 2 * len(record.accepted)
        if not record.after or not changes:
            return no_evidence(name, expected="busy", lacking="no tunnel, or balancer-manager was not read")
        bound = bound_for(changes, rate, alarm)
        odds = f"a false alarm in {race_alarm(changes, rate, bound):.1e} of runs"
        left = {status.route: status.busy for status in record.after}
        return judged(
            name,
            holds=sum(left.values()) <= bound,
            expected=f"busy is off by {bound} at most after {len(record.accepted)} tunnels have ended ({odds})",
            observed="left: " + ", ".join(f"{route} {busy}" for route, busy in left.items()),
        )

    return drift


def elected_drift(*, rate: float = RACE_RATE, alarm: float = 1e-6) -> Check:
    """``elected`` against the connections that each member served: how many elections httpd lost count of.

    Args:
        rate: lost counts per election; 0 where one process locks them all.
        alarm: largest allowed probability of a false alarm.
    """

    def drift(record: Record) -> Verdict:
        name = "elected_drift"
        total = len(record.handshakes)
        if record.balancer is None or not record.before or not record.after or not total:
            return no_evidence(name, expected="elected", lacking="balancer-manager was not read around any connection")
        bound = bound_for(total, rate, alarm)
        counts = Counter(record.elections)
        before = {status.route: status.elected for status in record.before}
        off = {s.route: s.elected - before.get(s.route, 0) - counts[s.route] for s in record.after}
        return judged(
            name,
            holds=sum(abs(number) for number in off.values()) <= bound,
            expected=f"elected is off by {bound} at most, over {total} connections",
            observed="off by " + ", ".join(f"{route} {number:+d}" for route, number in off.items()),
        )

    return drift
