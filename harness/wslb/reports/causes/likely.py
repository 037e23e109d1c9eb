"""What a failed scenario's evidence points to, what it speaks against, and where to look when no rule matched.

A rule that does not match says nothing: a guess without evidence is worse than "no rule matched". Pure functions over
one scenario of the saved document.
"""

from __future__ import annotations

from dataclasses import replace

from wslb.model.handshake import header_values
from wslb.reports.causes import RULES, Cause
from wslb.reports.causes.cause import capabilities, failed
from wslb.reports.document import SavedConnection, SavedScenario
from wslb.reports.sequences import overlapping, turns_of

__all__ = ["Cause", "likely", "look_at", "ruled_out"]


OF_A_USER = "conf"
"""Family of what was asked of a user's own configuration: whoever asked has named line and cause already."""


_OF_OURS = ("balancer-manager: ", "ProxyPass ")
"""How evidence begins that is told in our words; all other is as it was seen."""


def likely(scenario: SavedScenario) -> Cause | None:
    """The first rule that matches; None when none does or the scenario did not fail."""
    if scenario.outcome != "failed":
        return None
    if scenario.family == OF_A_USER:
        first, *others = scenario.explanation.splitlines() or [""]
        return Cause(rule="configuration", sentence=first, evidence=tuple(others)) if first else None
    turns = turns_of(scenario)
    cause = next((cause for rule in RULES if (cause := rule(scenario, turns))), None)
    if cause is None:
        return None
    named = capabilities(scenario).named
    evidence = (named(said) if said.startswith(_OF_OURS) else said for said in cause.evidence)
    return replace(cause, sentence=named(cause.sentence), evidence=tuple(evidence))


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
        found.append("no line in Apache's log")
    return tuple(map(capabilities(scenario).named, found))


def _pinning(connection: SavedConnection) -> bool:
    """Whether a request had a place that mod_proxy_balancer may read a route from."""
    return bool(header_values(connection.request, "Cookie")) or not {";", "?"}.isdisjoint(connection.url)


def look_at(scenario: SavedScenario) -> str:
    """Where to look when no rule matched."""
    places: list[str] = []
    if scenario.log:
        places.append("Apache's log lines")
    if scenario.connections:
        places.append("the connections around the first deviation")
    if scenario.members.after:
        places.append("the members as balancer-manager showed them")
    return capabilities(scenario).named(", ".join(places)) or "the evidence of the verdicts"
