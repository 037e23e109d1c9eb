"""What became of mutations, and how it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wslb.commands.mutations.mutation import Mutation, Touch
from wslb.model.results import Outcome
from wslb.reports.causes.likely import Cause

__all__ = ["Proof", "exit_code", "matrix", "skips", "summary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What became of one mutation.

    Attributes:
        outcome: passed when every check that should have gone red did; failed when one did not; errored when nobody
            could look, or the scenario is red without any mutation; skipped for lack of a module.
        sentences: by check that had to go red: what it said, empty where it stayed green.
        others: further checks that went red.
        reason: why it was skipped or errored.
        cause: likely cause that a report would name.
    """

    mutation: Mutation
    outcome: Outcome
    sentences: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0
    cause: Cause | None = None

    @property
    def red(self) -> tuple[str, ...]:
        """Every check that went red."""
        return (*(check for check, said in self.sentences if said), *self.others)

    def __str__(self) -> str:
        mark = {Outcome.PASSED: "✔", Outcome.FAILED: "✖", Outcome.ERRORED: "!", Outcome.SKIPPED: "–"}[self.outcome]
        head = f"{mark} {self.mutation.name:<26} {self.mutation.what}, asked {self.mutation.scenario}"
        lines = [f"    {check:<22} {said or 'STAYED GREEN'}" for check, said in self.sentences]
        if self.cause:
            lines.append(f"    {'likely cause':<22} {self.cause.sentence}")
        elif self.sentences and (why := self.mutation.silent):
            lines.append(f"    {'no likely cause':<22} {why}")
        if self.outcome is Outcome.FAILED and self.others:
            lines.append(f"    noticed only by         {', '.join(self.others)}")
        if self.reason:
            lines.append(f"    {self.reason}")
        return "\n".join([head, *lines])


def exit_code(proofs: Sequence[Proof]) -> int:
    """0 all caught, 1 one was not, 4 nobody could look, 5 nothing ran."""
    outcomes = {proof.outcome for proof in proofs}
    if Outcome.FAILED in outcomes:
        return 1
    if Outcome.ERRORED in outcomes:
        return 4
    return 0 if Outcome.PASSED in outcomes else 5


def summary(proofs: Sequence[Proof]) -> str:
    """One line for the end."""
    counts = {outcome: sum(proof.outcome is outcome for proof in proofs) for outcome in Outcome}
    words = {
        Outcome.PASSED: "caught by the check that should",
        Outcome.FAILED: "NOT caught",
        Outcome.ERRORED: "could not be asked",
        Outcome.SKIPPED: "skipped",
    }
    told = ", ".join(f"{counts[outcome]} {word}" for outcome, word in words.items() if counts[outcome])
    touched = Counter(proof.mutation.touches for proof in proofs)
    kinds = ", ".join(f"{touched[touch]} of {touch.told}" for touch in Touch if touched[touch])
    caused = sum(proof.cause is not None and proof.cause.rule == proof.mutation.rule for proof in proofs)
    named = f"; the likely cause is named in {caused}" if caused else ""
    return f"{len(proofs)} mutations" + (f" ({kinds})" if kinds else "") + f": {told or 'none ran'}{named}"


def skips(proofs: Sequence[Proof]) -> str:
    """What was skipped, a line a reason."""
    found: dict[str, list[str]] = {}
    for proof in proofs:
        if proof.outcome is Outcome.SKIPPED:
            found.setdefault(proof.reason, []).append(proof.mutation.name)
    return "\n".join(f"– {len(names)} skipped: {reason}: {', '.join(names)}" for reason, names in found.items())


def matrix(proofs: Sequence[Proof]) -> str:
    """Which mutations turned each check red, a line a check; ``*`` marks those that it alone noticed."""
    noticed: dict[str, list[str]] = {}
    for proof in proofs:
        red = proof.red
        for check in red:
            noticed.setdefault(check, []).append(f"{proof.mutation.name}{'*' if len(red) == 1 else ''}")
    return "\n".join(f"{check:<24} {len(names):>3}  {' '.join(names)}" for check, names in sorted(noticed.items()))
