"""The tester tested: breaks the lab on purpose, and wants the right check to go red each time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wslb.commands.mutations import MUTATIONS, Mutation
from wslb.config import Timeouts
from wslb.errors import ConfigError
from wslb.lab.lab import Lab
from wslb.lab.relay import relayed
from wslb.model.results import Outcome, Report, ScenarioResult
from wslb.reports.causes import likely as causes
from wslb.reports.causes.likely import Cause
from wslb.reports.json_file import document
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.scenario import Scenario

__all__ = [
    "QUICK",
    "Proof",
    "chosen",
    "exit_code",
    "judged",
    "matrix",
    "prove",
    "prove_all",
    "scenario_of",
    "summary",
]

QUICK = Timeouts(handshake=4.0, message=0.8, settle=2.0)
"""Many mutations make wait for what never comes."""


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
        if self.outcome is Outcome.FAILED and self.others:
            lines.append(f"    noticed only by         {', '.join(self.others)}")
        if self.reason:
            lines.append(f"    {self.reason}")
        return "\n".join([head, *lines])


def chosen(names: Sequence[str]) -> tuple[Mutation, ...]:
    """Mutations of these names; all for none.

    Raises:
        ConfigError: there is no such mutation.
    """
    known = {mutation.name: mutation for mutation in MUTATIONS}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise ConfigError(
            option="mutation", value=unknown, allowed=f"one of {', '.join(known)}", hint="wslb selftest --list"
        )
    return tuple(known[name] for name in names) or MUTATIONS


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
    return f"{len(proofs)} mutations: {told or 'none ran'}"


def matrix(proofs: Sequence[Proof]) -> str:
    """Which mutations turned each check red, a line a check; ``*`` marks those that it alone noticed."""
    noticed: dict[str, list[str]] = {}
    for proof in proofs:
        red = proof.red
        for check in red:
            noticed.setdefault(check, []).append(f"{proof.mutation.name}{'*' if len(red) == 1 else ''}")
    return "\n".join(f"{check:<24} {len(names):>3}  {' '.join(names)}" for check, names in sorted(noticed.items()))


async def prove_all(mutations: Sequence[Mutation], lab: Lab, *, done: Callable[[Proof], None]) -> list[Proof]:
    """Break the lab in each of these ways in turn; each scenario is asked first with nothing broken."""
    proofs: list[Proof] = []
    sound: dict[tuple[str, str], ScenarioResult] = {}
    for mutation in mutations:
        scenario = scenario_of(mutation)
        asked = (scenario.name, mutation.carrier or "")
        if asked not in sound:
            sound[asked] = await runner.run(scenario, lab)
        proof = await prove(mutation, lab, sound=sound[asked])
        proofs.append(proof)
        done(proof)
    return proofs


async def prove(mutation: Mutation, lab: Lab, *, sound: ScenarioResult) -> Proof:
    """Ask one scenario of a broken lab.

    Args:
        mutation: what is broken.
        lab: where.
        sound: the same scenario with nothing broken: when it is not green, going red proves nothing.
    """
    begin = time.monotonic()
    if sound.outcome is Outcome.SKIPPED:
        return Proof(mutation=mutation, outcome=Outcome.SKIPPED, reason=sound.reason)
    if sound.outcome is not Outcome.PASSED:
        told = sound.first_failure.observed if sound.first_failure else sound.reason
        reason = f"{mutation.scenario} is {sound.outcome.value} with nothing broken: {told}"
        return Proof(mutation=mutation, outcome=Outcome.ERRORED, reason=reason)
    scenario = scenario_of(mutation)
    if mutation.tamper and (lacking := runner.lacking(replace(scenario, site=mutation.tamper(scenario.site)), lab)):
        return Proof(mutation=mutation, outcome=Outcome.SKIPPED, reason=lacking)
    async with relayed(lab, mutation.wire() if mutation.wire else {}):
        result = await runner.run(_with_prelude(scenario, mutation), lab, tamper=mutation.tamper)
    return judged(mutation, result, time.monotonic() - begin)


def judged(mutation: Mutation, result: ScenarioResult, seconds: float) -> Proof:
    """What the verdicts say of a mutation."""
    if result.outcome in {Outcome.ERRORED, Outcome.SKIPPED}:
        return Proof(mutation=mutation, outcome=Outcome.ERRORED, reason=result.reason, seconds=seconds)
    red = {verdict.check: verdict.observed for verdict in result.verdicts if not verdict.holds}
    sentences = tuple((check, red.get(check, "")) for check in mutation.checks)
    caught = all(said for _, said in sentences)
    return Proof(
        mutation=mutation,
        outcome=Outcome.PASSED if caught and sentences else Outcome.FAILED,
        sentences=sentences,
        others=tuple(check for check in red if check not in mutation.checks),
        cause=causes.likely(document(Report(results=(result,))).scenarios[0]),
        seconds=seconds,
    )


def scenario_of(mutation: Mutation) -> Scenario:
    """The shipped scenario, with the mutation's carrier where it names one."""
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == mutation.scenario)
    if mutation.carrier is None:
        return scenario
    return replace(scenario, site=replace(scenario.site, carrier=mutation.carrier))


def _with_prelude(scenario: Scenario, mutation: Mutation) -> Scenario:
    """The scenario, after what the mutation does first."""
    before, act = mutation.before, scenario.act
    if before is None:
        return scenario

    async def both(lab: Lab) -> None:
        await before(lab)
        await act(lab)

    return replace(scenario, act=both)
