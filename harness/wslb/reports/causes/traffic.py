"""Which connections went where, and what else used the balancer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from wslb.model.handshake import header_values
from wslb.model.results import Claim
from wslb.reports.causes.cause import HTTPD, Cause, failed
from wslb.reports.document import SavedConnection, SavedScenario
from wslb.reports.sequences import Turns, overlapping

__all__ = ["interleaved", "others_used_it", "refused_then_failed_over", "sticky", "still_busy"]

NEAR_SECONDS = 0.05
"""How close to a connection a log line must stand to be about it."""

_ZONE_SECONDS = 900
_REFUSED = ("AH00957", "AH01114", "AH02452", "AH00959")


def refused_then_failed_over(scenario: SavedScenario, turns: Turns) -> Cause | None:
    """A member refused TCP at the moment of the break, so Apache elected another one."""
    for i in turns.marks:
        moment = _moment(scenario.connections, i)
        for line in scenario.log:
            at = _seconds(line.at)
            if line.code not in _REFUSED or moment is None or at is None:
                continue
            # Log lines are in local time and journals in Unix time: zones differ by whole quarters of an hour.
            apart = (at - moment + _ZONE_SECONDS / 2) % _ZONE_SECONDS - _ZONE_SECONDS / 2
            if abs(apart) <= NEAR_SECONDS + scenario.connections[i].elapsed_seconds:
                want = turns.expected[i] or "a member"
                sentence = (
                    f"{want} refused a connect at connection #{turns.numbers[i]}; Apache failed over to "
                    f"{turns.seen[i] or 'nobody'} and the turns moved by one"
                )
                return Cause(rule="failover", sentence=sentence, evidence=(f"{line.at} {line.text}",))
    return None


def sticky(scenario: SavedScenario, turns: Turns) -> Cause | None:
    """Everything on one member, with a sticky route configured, or with a cookie or path parameter in every request."""
    served = [share.lane for share in turns.shares if share.seen]
    if len(served) != 1 or len(turns.lanes) < 2 or len(turns) < 2 or turns.unserved:
        return None
    name = scenario.balancer.stickysession if scenario.balancer else None
    if name:
        return Cause(
            rule="sticky",
            sentence=f"a sticky route is on, so every connection went to {served[0]}",
            evidence=(f"stickysession={name}",),
        )
    connections = scenario.connections
    places = [_pin(c) for c in connections]
    if all(places):
        return Cause(
            rule="sticky",
            sentence=(
                f"every request carried {places[0]}, and every connection went to {served[0]}: a sticky route "
                "(stickysession=) pins them"
            ),
            evidence=(f"connection #{connections[0].seq}: {places[0]}",),
        )
    return None


def _pin(connection: SavedConnection) -> str:
    """What of a request can name a route; empty where nothing can."""
    if ";" in connection.url:
        return "a path parameter"
    if header_values(connection.request, "Cookie"):
        return "a Cookie field"
    if any(header_values(arrival.headers, "Cookie") for arrival in connection.arrivals):
        return "a Cookie field that was added on its way"
    return ""


def interleaved(scenario: SavedScenario, turns: Turns) -> Cause | None:
    """Handshakes overlapped, so elections of several processes of httpd may have interleaved."""
    many = overlapping(scenario.connections)
    if scenario.proxy == HTTPD and many and any(claim.shares for claim in failed(scenario)) and not turns.unserved:
        return Cause(
            rule="interleaved",
            sentence="handshakes overlapped: elections are locked inside one process of httpd only and can interleave",
            evidence=(f"{many} of {len(turns)} handshakes began before the one before them had ended",),
        )
    return None


def others_used_it(scenario: SavedScenario, _: Turns) -> Cause | None:
    """Members were elected more often than there were connections, or less often."""
    before = {member.route: member.elected for member in scenario.members.before}
    after = {member.route: member.elected for member in scenario.members.after}
    cut = any("shown" in event.data for event in scenario.events)
    if Claim.ELECTED not in failed(scenario) or not before or before.keys() != after.keys() or cut:
        return None
    elected, opened = sum(after.values()) - sum(before.values()), len(scenario.connections)
    counts = ", ".join(f"{route} +{after[route] - before[route]}" for route in after)
    evidence = (f"balancer-manager: {counts}, for {opened} connections",)
    if elected > opened and not any(line.code in _REFUSED for line in scenario.log):
        sentence = (
            f"members were elected {elected} times for {opened} connections: somebody else opened through this "
            "balancer meanwhile, such as a readiness probe, a health check or a browser; each one takes a turn"
        )
        return Cause(rule="others", sentence=sentence, evidence=evidence)
    if elected < opened:
        sentence = (
            f"members were elected {elected} times for {opened} connections: the page is another server's or an older "
            "one, or httpd was started anew meanwhile"
        )
        return Cause(rule="counters", sentence=sentence, evidence=evidence)
    return None


def still_busy(scenario: SavedScenario, _: Turns) -> Cause | None:
    """Apache counts tunnels that this client has closed."""
    busy = [member for member in scenario.members.after if member.busy]
    open_ones = [c for c in scenario.connections if c.accepted and c.closed_at is None]
    if Claim.OPEN not in failed(scenario) or not busy or open_ones:
        return None
    return Cause(
        rule="busy",
        sentence=(
            "every tunnel of this client is closed, and Apache still counts some as open: another client holds them, "
            "or a tunnel that failed over was counted on the dead member and never taken off"
        ),
        evidence=tuple(f"balancer-manager: {member.route} busy {member.busy}" for member in busy),
    )


def _moment(connections: Sequence[SavedConnection], position: int) -> float | None:
    """Unix time at which a connection reached a backend; from its neighbours when none saw it."""
    for i in sorted(range(len(connections)), key=lambda i: abs(i - position)):
        if connections[i].arrivals:
            moment: float = connections[i].arrivals[-1].at + (
                connections[position].opened_at - connections[i].opened_at
            )
            return moment
    return None


def _seconds(at: str) -> float | None:
    """Local time of a log line as if it were UTC; None when it has none."""
    try:
        return datetime.strptime(at, "%a %b %d %H:%M:%S.%f %Y").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
