"""The step that every check ends with: evidence in, verdict out, and never a pass without evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.handshake import Handshake
from harness.results import Outcome, Verdict

__all__ = ["called", "judged", "no_evidence", "sequence"]

_SHOWN = 40


def judged(check: str, *, holds: bool, expected: str, observed: str, evidence: Iterable[str] = ()) -> Verdict:
    """A verdict that passed or failed."""
    return Verdict(
        check=check,
        outcome=Outcome.PASSED if holds else Outcome.FAILED,
        expected=expected,
        observed=observed,
        evidence=tuple(evidence)[:20],
    )


def no_evidence(check: str, *, expected: str, lacking: str) -> Verdict:
    """The failed verdict of a check that has nothing to look at."""
    return judged(check, holds=False, expected=expected, observed=f"no evidence: {lacking}")


def called(handshake: Handshake) -> str:
    """How a sentence names a connection."""
    return f"connection {handshake.seq}"


def sequence(routes: Sequence[str | None]) -> str:
    """Routes in order, shortened in the middle of nowhere in particular: after the first 40."""
    words = [route or "nobody" for route in routes[:_SHOWN]]
    more = len(routes) - _SHOWN
    return " ".join(words) + (f" … and {more} more" if more > 0 else "")
