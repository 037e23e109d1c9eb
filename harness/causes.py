"""What a failed scenario's evidence points to: a table of rules, each with the evidence that must be there.

A rule that does not match says nothing. Pure functions over one scenario of the saved document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Cause", "likely", "look_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A likely cause.

    Attributes:
        sentence: what probably happened.
        evidence: what in this run says so.
    """

    sentence: str
    evidence: tuple[str, ...]


def likely(scenario: Mapping[str, Any]) -> Cause | None:
    """The first rule that matches, None when none does or nothing failed."""
    if scenario["outcome"] != "failed":
        return None
    return None


def look_at(scenario: Mapping[str, Any]) -> str:
    """Where to look when no rule matched."""
    places: list[str] = []
    if scenario["log"]:
        places.append("Apache's log lines")
    if scenario["connections"]:
        places.append("the connections around the first deviation")
    if scenario["members"]["after"]:
        places.append("the members as balancer-manager showed them")
    return ", ".join(places) or "the evidence of the verdicts"


def failed_checks(scenario: Mapping[str, Any]) -> Sequence[str]:
    """Names of the checks that failed."""
    return [verdict["check"] for verdict in scenario["verdicts"] if verdict["outcome"] == "failed"]
