"""Two grades of a broken rule: a MUST fails its scenario, a SHOULD leaves it "PASS, not strict".

The words are those of RFC 2119, the two grades those of the Autobahn test suite.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wslb.reports.texts import DASH

__all__ = ["SHAPES", "WORDS", "breaking", "lenient", "mark", "row_mark"]

WORDS = {"passed": "PASS", "failed": "FAIL", "skipped": "SKIP", "errored": "ERROR"}
SHAPES = {"passed": "✔", "failed": "✖", "skipped": DASH, "errored": "!"}

_NOT_STRICT = ("lenient", f"{WORDS['passed']}, not strict", SHAPES["passed"])
_BROKEN_SHOULD = ("lenient", "NOT STRICT", "≈")


def breaking(scenario: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Failed verdicts of a saved scenario that fail it."""
    return tuple(verdict for verdict in scenario["verdicts"] if verdict["outcome"] == "failed" and not _should(verdict))


def lenient(scenario: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Failed verdicts of a saved scenario that it passes nevertheless."""
    return tuple(verdict for verdict in scenario["verdicts"] if verdict["outcome"] == "failed" and _should(verdict))


def mark(scenario: Mapping[str, Any]) -> tuple[str, str, str]:
    """Style, word and shape of a scenario's outcome."""
    outcome = scenario["outcome"]
    if outcome == "passed" and lenient(scenario):
        return _NOT_STRICT
    return outcome, WORDS[outcome], SHAPES[outcome]


def row_mark(verdict: Mapping[str, Any]) -> tuple[str, str, str]:
    """Style, word and shape of one verdict."""
    outcome = verdict["outcome"]
    if outcome == "failed" and _should(verdict):
        return _BROKEN_SHOULD
    return outcome, WORDS[outcome], SHAPES[outcome]


def _should(verdict: Mapping[str, Any]) -> bool:
    """Whether a rule is a SHOULD; documents without grades know only MUST."""
    return bool(verdict.get("grade") == "should")
