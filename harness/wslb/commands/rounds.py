"""The tester tested at random: breakages that must be noticed, and sound set-ups that must not alarm."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from wslb.commands import selftest, setups
from wslb.commands.mutations import MUTATIONS, Mutation
from wslb.commands.setups import MEMBERS, METHODS, TRAITS, Trait
from wslb.config import Mpm, Settings
from wslb.errors import ConfigError, LabError
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.lab.relay import Twist
from wslb.model.balancer import Site
from wslb.model.results import Outcome, ScenarioResult
from wslb.scenarios import runner
from wslb.scenarios.scenario import Scenario

__all__ = ["Answer", "Round", "asked", "both", "exit_code", "judged", "planned", "summary"]

_SOUND = 0.5
"""Share of the rounds in which nothing is broken."""

_PAIRED = 0.35
"""Share of the others in which two things are."""

_MPMS = (Mpm.EVENT, Mpm.EVENT, Mpm.EVENT, Mpm.WORKER, Mpm.PREFORK)
_WEIGHTS = (1, 1, 1, 2, 3, 5, 1.5, 7, 30, 70, 100)
_MOST_TRAITS = 4


UNDONE = ({"text-flipped", "text-flipped-up"},)
"""Pairs of which one takes back what the other does before any witness sees it: an echo flipped twice is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round asks, made from seed and number alone.

    Attributes:
        mutations: what is broken, one thing or two of the same scenario; empty in a sound round.
        scenario: that is asked, before its traits.
        traits: sound peculiarities of the set-up.
        mpm: of the httpd; None takes the run's own.
        told: the whole in words.
    """

    seed: int
    number: int
    scenario: Scenario
    mutations: tuple[Mutation, ...] = ()
    traits: tuple[Trait, ...] = ()
    mpm: Mpm | None = None
    told: str = ""

    @property
    def apache(self) -> bool:
        """Whether a second httpd stands in front."""
        return any(trait.apache for trait in self.traits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a round.

    Attributes:
        outcome: passed when a breakage was noticed by the right check, or a sound set-up raised no alarm; failed for
            a miss or a false alarm; errored when nobody could look; skipped for what this httpd cannot do.
        said: what the first check that counts said, or why nobody could look.
        replay: command that asks this round alone.
    """

    round: Round
    outcome: Outcome
    said: str = ""
    replay: str = ""

    def __str__(self) -> str:
        mark = {Outcome.PASSED: "✔", Outcome.FAILED: "✖", Outcome.ERRORED: "!", Outcome.SKIPPED: "–"}[self.outcome]
        lines = [f"{mark} round {self.round.number:<4} {self.round.told}"]
        if self.outcome is Outcome.FAILED:
            lines.append(f"    {'MISSED' if self.round.mutations else 'FALSE ALARM'}: {self.said}")
        elif self.said and self.outcome is not Outcome.PASSED:
            lines.append(f"    {self.said}")
        if self.outcome in {Outcome.FAILED, Outcome.ERRORED}:
            lines.append(f"    again: {self.replay}")
        return "\n".join(lines)


def planned(seed: int, number: int) -> Round:
    """The round of this number, from 1; the same for the same seed, whatever other rounds there are.

    Raises:
        ConfigError: there is no such round.
    """
    if number < 1:
        raise ConfigError(option="--round", value=number, allowed="a number from 1")
    draw = random.Random(f"wslb {seed} {number}")  # noqa: S311 - not a secret
    return _sound(seed, number, draw) if draw.random() < _SOUND else _broken(seed, number, draw)


def _sound(seed: int, number: int, draw: random.Random) -> Round:
    """A balancer of any members, weights and method, and a few traits."""
    members = [replace(m, loadfactor=draw.choice(_WEIGHTS)) for m in draw.sample(MEMBERS, draw.choice((1, 2, 2, 3, 4)))]
    lbmethod, hold = draw.choice(METHODS), draw.random() < 0.5
    traits = _of_different_kinds(draw, TRAITS, draw.randint(1, _MOST_TRAITS))
    mpm = draw.choice(_MPMS)
    scenario = setups.setup(members, lbmethod=lbmethod, hold=hold, count=draw.randint(4, 14))
    weights = ", ".join(f"{member.route}={member.loadfactor:g}" for member in members)
    told = "; ".join(
        (f"{lbmethod.value} over {weights}", "held" if hold else "in turn", mpm.value, *(t.name for t in traits))
    )
    return Round(
        seed=seed,
        number=number,
        scenario=scenario,
        traits=traits,
        mpm=mpm,
        told="sound: " + told.replace("\n", "; "),
    )


def _broken(seed: int, number: int, draw: random.Random) -> Round:
    """One mutation, or two of the same scenario."""
    first = draw.choice(MUTATIONS)
    others = [
        m
        for m in MUTATIONS
        if m is not first
        and (m.scenario, m.carrier) == (first.scenario, first.carrier)
        and {m.name, first.name} not in UNDONE
    ]
    pair = (first, draw.choice(others)) if others and draw.random() < _PAIRED else (first,)
    return Round(
        seed=seed,
        number=number,
        scenario=selftest.scenario_of(first),
        mutations=pair,
        told=f"broken: {' and '.join(mutation.name for mutation in pair)}, asked {first.scenario}",
    )


def _of_different_kinds(draw: random.Random, traits: Sequence[Trait], count: int) -> tuple[Trait, ...]:
    """So many traits, each of another kind, in an order of the table's own."""
    kinds: dict[str, list[Trait]] = {}
    for trait in traits:
        kinds.setdefault(trait.of, []).append(trait)
    chosen = [draw.choice(kinds[kind]) for kind in draw.sample(sorted(kinds), count)]
    return tuple(trait for trait in traits if trait in chosen)


def both(first: Mutation, second: Mutation) -> Mutation:
    """One mutation that breaks what two of the same scenario break; the checks are either's."""

    def tamper(site: Site) -> Site:
        for mutation in (first, second):
            site = mutation.tamper(site) if mutation.tamper else site
        return site

    async def before(lab: Lab) -> None:
        for mutation in (first, second):
            if mutation.before:
                await mutation.before(lab)

    @contextlib.asynccontextmanager
    async def beside(lab: Lab) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for mutation in (first, second):
                if mutation.beside:
                    await stack.enter_async_context(mutation.beside(lab))
            yield

    def wire() -> Mapping[str, Sequence[Twist]]:
        places: dict[str, list[Twist]] = {}
        for mutation in (first, second):
            for place, twists in (mutation.wire() if mutation.wire else {}).items():
                places.setdefault(place, []).extend(twists)
        return places

    return replace(
        first,
        name=f"{first.name}+{second.name}",
        tamper=tamper if first.tamper or second.tamper else None,
        before=before,
        beside=beside,
        wire=wire if first.wire or second.wire else None,
    )


def judged(one: Round, result: ScenarioResult) -> tuple[Outcome, str]:
    """Outcome of a round, and what was said: of two breakages one may hide the other, so one's checks must be red."""
    if result.outcome in {Outcome.ERRORED, Outcome.SKIPPED}:
        return result.outcome, result.reason
    red = {verdict.check: verdict.observed for verdict in result.verdicts if verdict.breaks}
    if not one.mutations:
        check, observed = next(iter(red.items()), ("", ""))
        return (Outcome.FAILED, f"{check}: {observed}") if red else (Outcome.PASSED, "")
    # A grade that does not fail the scenario still speaks: see `selftest.judged`.
    spoke = {verdict.check for verdict in result.verdicts if not verdict.holds}
    if any(spoke.issuperset(mutation.checks) for mutation in one.mutations):
        return Outcome.PASSED, ""
    wanted = " or ".join(", ".join(mutation.checks) for mutation in one.mutations)
    return Outcome.FAILED, f"{wanted} stayed green; red: {', '.join(sorted(spoke)) or 'nothing'}"


async def _ask(one: Round, lab: Lab, front: Lab | None) -> ScenarioResult:
    if not one.mutations:
        return await setups.ask(one.scenario, one.traits, lab, front=front)
    mutation = one.mutations[0] if len(one.mutations) == 1 else both(*one.mutations)
    served = mutation.tamper(one.scenario.site) if mutation.tamper else one.scenario.site
    if runner.lacking(replace(one.scenario, site=served), lab):
        return await runner.run(replace(one.scenario, site=served), lab)
    return await selftest.ask(mutation, one.scenario, lab)


async def asked(rounds: Sequence[Round], settings: Settings, *, done: Callable[[Answer], None]) -> tuple[Answer, ...]:
    """Ask these rounds in labs beside each other.

    Args:
        rounds: in the order in which they are told.
        settings: of every lab; one that names an MPM keeps it.
        done: given each answer as soon as those before it are there.

    Raises:
        LabError: no lab could be brought up. What had been started is stopped.
    """
    answers: dict[int, Answer] = {}
    told = 0

    def tell(one: Round, outcome: Outcome, said: str) -> None:
        nonlocal told
        again = runner.reproduce(f"wslb selftest --seed {one.seed} --round {one.number}", settings)
        answers[one.number] = Answer(round=one, outcome=outcome, said=said, replay=again)
        while told < len(rounds) and rounds[told].number in answers:
            done(answers[rounds[told].number])
            told += 1

    async def work(lab: Lab, waiting: Iterator[Round], front: Lab | None, gate: asyncio.Lock) -> None:
        for one in waiting:
            async with gate if one.apache else contextlib.nullcontext():
                outcome, said = judged(one, await _ask(one, lab, front))
            tell(one, outcome, said)

    async with contextlib.AsyncExitStack() as stack:
        open_one = partial(_opened, stack, settings)
        front = await open_one(None, False) if any(one.apache for one in rounds) and not settings.fixed else None
        async with asyncio.TaskGroup() as group:
            gate = asyncio.Lock()
            for (mpm, quick), share in _by_lab(rounds, settings).items():
                waiting = iter(share)
                try:
                    count = 1 if settings.fixed else min(_labs(mpm), len(share))
                    labs = [await open_one(mpm, quick) for _ in range(count)]
                except LabError as exc:
                    if mpm is None or mpm is Mpm.EVENT:
                        raise
                    for one in waiting:
                        tell(one, Outcome.SKIPPED, f"no httpd with MPM {mpm.value}: {exc}")
                    continue
                for lab in labs:
                    group.create_task(work(lab, waiting, front, gate))
    return tuple(answers[one.number] for one in rounds)


def _labs(mpm: Mpm | None) -> int:
    """Labs beside each other of this MPM at most: most rounds wait more than they work."""
    return 2 if mpm in {None, Mpm.EVENT} else 1


def _by_lab(rounds: Sequence[Round], settings: Settings) -> dict[tuple[Mpm | None, bool], list[Round]]:
    """Rounds by the MPM that they want, and whether what is broken never comes, so that nobody should wait long."""
    found: dict[tuple[Mpm | None, bool], list[Round]] = {}
    for one in rounds:
        mpm = settings.mpm or one.mpm
        same = None if mpm is Mpm.EVENT and settings.mpm is None else mpm
        found.setdefault((same, bool(one.mutations)), []).append(one)
    return found


async def _opened(stack: contextlib.AsyncExitStack, settings: Settings, mpm: Mpm | None, quick: bool) -> Lab:
    own = replace(settings, mpm=mpm or settings.mpm, timeouts=selftest.QUICK if quick else settings.timeouts)
    return await stack.enter_async_context(open_lab(own))


def summary(answers: Sequence[Answer]) -> str:
    """One line for the end."""
    counts: Counter[str] = Counter()
    for answer in answers:
        words = {
            Outcome.PASSED: "breakages noticed" if answer.round.mutations else "sound set-ups green",
            Outcome.FAILED: "breakages MISSED" if answer.round.mutations else "FALSE ALARMS",
            Outcome.ERRORED: "could not be asked",
            Outcome.SKIPPED: "skipped",
        }
        counts[words[answer.outcome]] += 1
    told = ", ".join(f"{count} {word}" for word, count in sorted(counts.items(), key=lambda item: item[0].lower()))
    return f"{len(answers)} rounds of seed {answers[0].round.seed if answers else 0}: {told or 'none ran'}"


def exit_code(answers: Sequence[Answer]) -> int:
    """0 all as it should be, 1 a miss or a false alarm, 4 nobody could look, 5 nothing ran."""
    outcomes = {answer.outcome for answer in answers}
    for outcome, code in ((Outcome.FAILED, 1), (Outcome.ERRORED, 4), (Outcome.PASSED, 0)):
        if outcome in outcomes:
            return code
    return 5
