"""The tester tested: breaks the lab on purpose, and wants the right check to go red each time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from wslb.commands.mutations import MUTATIONS, Mutation, Touch
from wslb.commands.mutations.explained import rule_of, why_not
from wslb.config import Settings, Timeouts
from wslb.errors import ConfigError, meant
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
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
    "ask",
    "chosen",
    "exit_code",
    "judged",
    "matrix",
    "open_labs",
    "prove",
    "prove_all",
    "scenario_of",
    "summary",
]

QUICK = Timeouts(handshake=4.0, message=0.8, settle=2.0)
"""Many mutations make wait for what never comes."""

_LABS = 4
"""Labs beside each other at most: more of them than processors, because they wait most of the time."""

_FOR_ONE_LAB = 12
"""So many mutations are over before another lab is up."""


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
        elif self.sentences and (why := why_not(self.mutation.name)):
            lines.append(f"    {'no likely cause':<22} {why}")
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
            option="mutation",
            value=unknown,
            allowed=f"one of the {len(known)} mutations",
            hint=f"{meant(unknown, known)} wslb selftest --list prints them all.".strip(),
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
    touched = Counter(proof.mutation.touches for proof in proofs)
    kinds = ", ".join(f"{touched[touch]} of {touch.told}" for touch in Touch if touched[touch])
    caused = sum(proof.cause is not None and proof.cause.rule == rule_of(proof.mutation.name) for proof in proofs)
    named = f"; the likely cause is named in {caused}" if caused else ""
    return f"{len(proofs)} mutations" + (f" ({kinds})" if kinds else "") + f": {told or 'none ran'}{named}"


def matrix(proofs: Sequence[Proof]) -> str:
    """Which mutations turned each check red, a line a check; ``*`` marks those that it alone noticed."""
    noticed: dict[str, list[str]] = {}
    for proof in proofs:
        red = proof.red
        for check in red:
            noticed.setdefault(check, []).append(f"{proof.mutation.name}{'*' if len(red) == 1 else ''}")
    return "\n".join(f"{check:<24} {len(names):>3}  {' '.join(names)}" for check, names in sorted(noticed.items()))


async def prove_all(
    mutations: Sequence[Mutation], labs: Sequence[Lab], *, done: Callable[[Proof], None]
) -> tuple[Proof, ...]:
    """Break labs in each of these ways, one in each lab at a time; each scenario is asked first with nothing broken.

    Args:
        mutations: what is broken.
        labs: at least one; they share the work.
        done: given each proof in the order of `mutations`, as soon as those before it are there.
    """
    proofs: dict[str, Proof] = {}
    sound = {_asked(mutation): asyncio.get_running_loop().create_future() for mutation in mutations}
    waiting = iter(_in_order_of_work(mutations))
    told = 0

    async def work(lab: Lab) -> None:
        nonlocal told
        for broken, mutation in waiting:
            whole = sound[_asked(mutation)]
            if not broken:
                result = await runner.run(scenario_of(mutation), lab)
                if result.outcome is not Outcome.PASSED and result.outcome is not Outcome.SKIPPED:
                    result = await runner.run(scenario_of(mutation), lab)  # a busy machine can be too slow for QUICK
                whole.set_result(result)
                continue
            proofs[mutation.name] = await prove(mutation, lab, sound=await whole)
            while told < len(mutations) and mutations[told].name in proofs:
                done(proofs[mutations[told].name])
                told += 1

    async with asyncio.TaskGroup() as group:
        for lab in labs:
            group.create_task(work(lab))
    return tuple(proofs[mutation.name] for mutation in mutations)


def _asked(mutation: Mutation) -> tuple[str, str]:
    """Which scenario is asked, over which carrier; mutations that share both share its sound result."""
    return mutation.scenario, mutation.carrier or ""


def _in_order_of_work(mutations: Sequence[Mutation]) -> Iterator[tuple[bool, Mutation]]:
    """Whether the lab is broken, and how: each scenario is asked sound, one ahead, so that few labs wait."""
    groups: dict[tuple[str, str], list[Mutation]] = {}
    for mutation in mutations:
        groups.setdefault(_asked(mutation), []).append(mutation)
    ahead = iter(groups.values())
    yield from ((False, group[0]) for group in islice(ahead, 1))
    for group in groups.values():
        yield from ((False, following[0]) for following in islice(ahead, 1))
        yield from ((True, mutation) for mutation in group)


@contextlib.asynccontextmanager
async def open_labs(settings: Settings, mutations: Sequence[Mutation]) -> AsyncIterator[tuple[Lab, ...]]:
    """Labs for this work, beside each other: a mutation mostly waits for what never comes.

    Raises:
        LabError: one could not be brought up. What had been started is stopped.
    """
    count = 1 if settings.fixed else min(_LABS, 1 + len(mutations) // _FOR_ONE_LAB)
    settings = replace(settings, timeouts=QUICK)
    async with contextlib.AsyncExitStack() as stack:
        yield tuple([await stack.enter_async_context(open_lab(settings)) for _ in range(count)])


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
    return judged(mutation, await ask(mutation, scenario, lab), time.monotonic() - begin)


async def ask(mutation: Mutation, scenario: Scenario, lab: Lab) -> ScenarioResult:
    """What a scenario says of a lab that is broken so."""
    async with relayed(lab, mutation.wire() if mutation.wire else {}), contextlib.AsyncExitStack() as stack:
        return await runner.run(_broken(scenario, mutation, stack), lab, tamper=mutation.tamper)


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


def _broken(scenario: Scenario, mutation: Mutation, stack: contextlib.AsyncExitStack) -> Scenario:
    """The scenario, after what the mutation does first, and beside what it does all the while."""

    async def act(lab: Lab) -> None:
        if mutation.before is not None:
            await mutation.before(lab)
        if mutation.beside is not None:
            await stack.enter_async_context(mutation.beside(lab))
        await scenario.act(lab)

    return replace(scenario, act=act)
