"""What a rule is given and what it says, and how it reads the saved document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wslb.interfaces import Capabilities
from wslb.model.results import Claim, MemberStatus
from wslb.reports.document import SavedScenario
from wslb.reports.sequences import Turns

__all__ = ["HTTPD", "Cause", "Rule", "capabilities", "failed", "foreseen", "told"]

HTTPD = "apache"
"""The product that the rules speak of; another one's own words take the place of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A likely cause.

    Attributes:
        rule: name of the rule that matched.
        sentence: what probably happened.
        evidence: what in this run says so.
    """

    rule: str
    sentence: str
    evidence: tuple[str, ...]


Rule = Callable[[SavedScenario, Turns], Cause | None]


def failed(scenario: SavedScenario) -> frozenset[Claim]:
    """What the failed checks made claims about."""
    return frozenset(verdict.claims for verdict in scenario.verdicts if not verdict.holds)


def foreseen(scenario: SavedScenario, kind: str, who: str) -> bool:
    """Whether the scenario itself did this, such as a ``fault`` of a backend or a change of a ``member``."""
    return any(event.kind == kind and event.text.startswith(f"{who}: ") for event in scenario.events)


def capabilities(scenario: SavedScenario) -> Capabilities:
    """Of the product that was asked; those of httpd where this version of ours does not know it."""
    if scenario.proxy == HTTPD:
        return _OF_HTTPD
    from wslb.proxies.registry import PROXIES  # noqa: PLC0415 - a report of httpd needs none of them

    product = PROXIES.get(scenario.proxy)
    return product.dialect.capabilities if product else _OF_HTTPD


_OF_HTTPD = Capabilities(can=frozenset())


def told(member: MemberStatus) -> str:
    """One member in balancer-manager's words."""
    return (
        f"balancer-manager: {member.route} {member.status}, loadfactor {member.loadfactor:g}, "
        f"{member.lbmethod or 'lbmethod not shown'}"
    )
