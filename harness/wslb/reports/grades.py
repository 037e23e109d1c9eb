"""Two grades of a broken rule: a MUST fails its scenario, a SHOULD leaves it "PASS, not strict".

The words are those of RFC 2119, the two grades those of the Autobahn test suite.
"""

from __future__ import annotations

from wslb.model.results import Grade, Outcome, Verdict
from wslb.reports.document import SavedScenario
from wslb.reports.texts import DASH

__all__ = ["SHAPES", "WORDS", "mark", "row_mark"]

WORDS = {"passed": "PASS", "failed": "FAIL", "skipped": "SKIP", "errored": "ERROR"}
SHAPES = {"passed": "✔", "failed": "✖", "skipped": DASH, "errored": "!"}

_NOT_STRICT = ("lenient", f"{WORDS['passed']}, not strict", SHAPES["passed"])
_BROKEN_SHOULD = ("lenient", "NOT STRICT", "≈")


def mark(scenario: SavedScenario) -> tuple[str, str, str]:
    """Style, word and shape of a scenario's outcome."""
    outcome = scenario.outcome
    if outcome is Outcome.PASSED and scenario.lenient:
        return _NOT_STRICT
    return outcome.value, WORDS[outcome], SHAPES[outcome]


def row_mark(verdict: Verdict) -> tuple[str, str, str]:
    """Style, word and shape of one verdict."""
    outcome = verdict.outcome
    if outcome is Outcome.FAILED and verdict.grade is Grade.SHOULD:
        return _BROKEN_SHOULD
    return outcome.value, WORDS[outcome], SHAPES[outcome]
