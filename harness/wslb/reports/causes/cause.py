"""What a rule is given and what it says, and how it reads the saved document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wslb.reports.sequences import Turns

__all__ = ["Cause", "Rule", "Scenario", "broken", "failed", "shown", "told"]


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


Scenario = Mapping[str, Any]
Rule = Callable[[Scenario, Turns], Cause | None]


def failed(scenario: Scenario) -> frozenset[str]:
    """Names of the checks that failed."""
    return frozenset(verdict["check"] for verdict in scenario["verdicts"] if verdict["outcome"] == "failed")


def broken(scenario: Scenario, check: str) -> str:
    """What a failed check observed; empty when it held."""
    return next((v["observed"] for v in scenario["verdicts"] if v["check"] == check and v["outcome"] == "failed"), "")


def shown(scenario: Scenario) -> Iterator[Mapping[str, Any]]:
    """Members as balancer-manager showed them, after the acting first: that is when a state has changed."""
    yield from scenario["members"]["after"]
    yield from scenario["members"]["before"]


def told(member: Mapping[str, Any]) -> str:
    """One member in balancer-manager's words."""
    return (
        f"balancer-manager: {member['route']} {member['status']}, loadfactor {member['loadfactor']:g}, "
        f"{member['lbmethod'] or 'lbmethod not shown'}"
    )
