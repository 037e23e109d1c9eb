"""The step that every check ends with: evidence in, verdict out, and never a pass without evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wslb.model.handshake import Handshake, Headers, one_header
from wslb.model.results import Claim, Grade, Outcome, Record, Verdict

__all__ = [
    "About",
    "called",
    "each",
    "first_wrong",
    "judged",
    "no_evidence",
    "numbered",
    "sequence",
    "told_field",
    "told_status",
]

_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What all verdicts of one check have in common; see `wslb.model.results.Verdict`."""

    check: str
    phrase: str = ""
    claims: Claim = Claim.NONE
    tolerance: float | None = None


def judged(
    check: str | About,
    *,
    holds: bool,
    expected: str,
    observed: str,
    evidence: Iterable[str] = (),
    grade: Grade = Grade.MUST,
) -> Verdict:
    """A verdict that passed or failed."""
    about = check if isinstance(check, About) else About(check=check)
    return Verdict(
        check=about.check,
        phrase=about.phrase or f"{about.check.replace('_', ' ')} does not hold",
        claims=about.claims,
        tolerance=about.tolerance,
        outcome=Outcome.PASSED if holds else Outcome.FAILED,
        expected=expected,
        observed=observed,
        evidence=tuple(evidence)[:20],
        grade=grade,
    )


def no_evidence(check: str | About, *, expected: str, lacking: str) -> Verdict:
    """The failed verdict of a check that has nothing to look at."""
    return judged(check, holds=False, expected=expected, observed=f"no evidence: {lacking}")


def called(handshake: Handshake) -> str:
    """How a sentence names a connection."""
    return f"connection {handshake.seq}"


def told_status(handshake: Handshake) -> str:
    """How a handshake was answered, such as ``status 503 (server rejected WebSocket connection: HTTP 503)``."""
    return f"status {handshake.status or 'none'}" + (f" ({handshake.error})" if handshake.error else "")


def told_field(headers: Headers, name: str) -> str:
    """The first value of a field as a verdict shows it: quoted, or ``absent``."""
    value = one_header(headers, name)
    return "absent" if value is None else repr(value)


def sequence(routes: Sequence[str | None]) -> str:
    """Routes in order, shortened in the middle of nowhere in particular: after the first 40."""
    words = [route or "nobody" for route in routes[:_SHOWN]]
    more = len(routes) - _SHOWN
    return " ".join(words) + (f" … and {more} more" if more > 0 else "")


def numbered(
    check: str | About, record: Record, seq: int, *, expected: str, judge: Callable[[Handshake], tuple[bool, str]]
) -> Verdict:
    """Apply a rule to the connection of this number; the rule says whether it holds, and what was observed."""
    handshake = next((h for h in record.handshakes if h.seq == seq), None)
    if handshake is None:
        return no_evidence(check, expected=expected, lacking=f"there is no connection {seq}")
    holds, observed = judge(handshake)
    return judged(check, holds=holds, expected=expected, observed=observed, evidence=[handshake.conn_id])


def first_wrong(
    check: str | About, handshakes: Iterable[Handshake], *, expected: str, wrong: Callable[[Handshake], str]
) -> Verdict | None:
    """The failed verdict that names the first handshake which breaks a rule, and how; None when none does."""
    for handshake in handshakes:
        sentence = wrong(handshake)
        if sentence:
            told = f"{called(handshake)}: {sentence}"
            return judged(check, holds=False, expected=expected, observed=told, evidence=[handshake.conn_id])
    return None


def each(
    name: str | About,
    record: Record,
    *,
    expected: str,
    wrong: Callable[[Handshake], str],
    accepted_only: bool = True,
    or_arrived: bool = False,
    grade: Grade = Grade.MUST,
) -> Verdict:
    """Apply a rule to every handshake; the first that breaks it is named. Without evidence no grade is lenient.

    Args:
        name, record, expected, grade: of the verdict.
        wrong: the rule; empty where a handshake keeps it.
        accepted_only: judge those that were accepted, and no other.
        or_arrived: where none was accepted, one that reached a backend and breaks the rule is named all the same: that
            is often why it was refused. None of them can make the check pass.
    """
    handshakes = record.accepted if accepted_only else record.handshakes
    if or_arrived and not handshakes:
        arrived = [handshake for handshake in record.handshakes if handshake.arrivals]
        if (odd := first_wrong(name, arrived, expected=expected, wrong=wrong)) is not None:
            return odd
    if not handshakes:
        lacking = "no handshake was accepted" if record.handshakes else "no handshake was made"
        return no_evidence(name, expected=expected, lacking=lacking)
    broken = [(handshake, sentence) for handshake in handshakes if (sentence := wrong(handshake))]
    if not broken:
        told = f"holds on all {len(handshakes)} handshakes"
        return judged(name, holds=True, expected=expected, observed=told, grade=grade)
    handshake, sentence = broken[0]
    return judged(
        name,
        holds=False,
        expected=expected,
        observed=f"{called(handshake)}: {sentence}; {len(broken)} of {len(handshakes)} handshakes wrong",
        evidence=[h.conn_id for h, _ in broken],
        grade=grade,
    )
