"""What a failed scenario's evidence points to, what it speaks against, and where to look when no rule matched.

A rule that does not match says nothing: a guess without evidence is worse than "no rule matched". Pure functions over
one scenario of the saved document.
"""

from __future__ import annotations

from wslb.model.handshake import header_values
from wslb.reports.causes import RULES, Cause
from wslb.reports.causes.cause import failed
from wslb.reports.document import SavedConnection, SavedScenario
from wslb.reports.sequences import overlapping, turns_of

__all__ = ["Cause", "likely", "look_at", "ruled_out"]


OF_A_USER = "conf"
"""Family of what was asked of a user's own configuration: whoever asked has named line and cause already."""


def likely(scenario: SavedScenario) -> Cause | None:
    """The first rule that matches; None when none does or the scenario did not fail."""
    if scenario.outcome != "failed":
        return None
    if scenario.family == OF_A_USER:
        first, *others = scenario.explanation.splitlines() or [""]
        return Cause(rule="configuration", sentence=first, evidence=tuple(others)) if first else None
    turns = turns_of(scenario)
    return next((cause for rule in RULES if (cause := rule(scenario, turns))), None)


def ruled_out(scenario: SavedScenario) -> tuple[str, ...]:
    """What the evidence speaks against, where a balance failed."""
    balancer = scenario.balancer
    if not balancer or not any(claim.shares for claim in failed(scenario)):
        return ()
    found: list[str] = []
    factors = [member.loadfactor for member in scenario.members.before]
    if factors and len(set(factors)) == 1:
        found.append(f"loadfactors equal ({':'.join(f'{factor:g}' for factor in factors)})")
    if scenario.connections and not any(_pinning(one) for one in scenario.connections):
        found.append("no request carried a cookie, a query or a path parameter that a route could stand in")
    before = scenario.members.before
    if before and all(member.status == "Init Ok" for member in before):
        found.append("all members Init Ok at the start")
    if not overlapping(scenario.connections):
        found.append("handshakes did not overlap")
    if not scenario.log:
        found.append("no line in the proxy's log")
    return tuple(found)


def _pinning(connection: SavedConnection) -> bool:
    """Whether a request had a place that mod_proxy_balancer may read a route from."""
    return bool(header_values(connection.request, "Cookie")) or not {";", "?"}.isdisjoint(connection.url)


def look_at(scenario: SavedScenario) -> str:
    """Where to look when no rule matched."""
    places: list[str] = []
    if scenario.log:
        places.append("the proxy's log lines")
    if scenario.connections:
        places.append("the connections around the first deviation")
    if scenario.members.after:
        places.append("the members as balancer-manager showed them")
    return ", ".join(places) or "the evidence of the verdicts"
