"""The tester tested: breaks the lab on purpose, and wants the right check to go red each time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from wslb.commands.mutations import Mutation, mutations_of
from wslb.commands.mutations.proof import Proof
from wslb.config import Settings, Timeouts
from wslb.errors import ConfigError, meant
from wslb.interfaces import Dialect, Installation
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.lab.relay import relayed
from wslb.model.balancer import Carrier
from wslb.model.results import Outcome, Report, ScenarioResult
from wslb.proxies.registry import product_of
from wslb.reports.causes import likely as causes
from wslb.reports.json_file import document
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.scenario import Scenario

__all__ = [
    "QUICK",
    "ask",
    "chosen",
    "judged",
    "open_labs",
    "prove",
    "prove_all",
    "scenario_of",
    "unfit",
]

QUICK = Timeouts(handshake=4.0, message=0.8, settle=2.0)
"""Many mutations make wait for what never comes."""

_LABS = 4
"""Labs beside each other at most: more of them than processors, because they wait most of the time."""

_FOR_ONE_LAB = 12
"""So many mutations are over before another lab is up."""


def chosen(names: Sequence[str], *, proxy: str = "apache") -> tuple[Mutation, ...]:
    """Mutations of these names, as they show on a product; all for none.

    Raises:
        ConfigError: there is no such mutation, or no such product.
    """
    known = {mutation.name: mutation for mutation in mutations_of(product_of(proxy).mutations)}
    words = "wslb selftest" if proxy == Settings().proxy else f"wslb selftest --proxy {proxy}"
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise ConfigError(
            option="mutation",
            value=unknown,
            allowed=f"one of the {len(known)} mutations",
            hint=f"{meant(unknown, known)} {words} --list prints them all.".strip(),
        )
    return tuple(known[name] for name in names) or tuple(known.values())


def unfit(mutation: Mutation, dialect: Dialect, installation: Installation, carrier: Carrier) -> str:
    """Why a mutation cannot be asked of a proxy as it was found, in one clause; empty when it can."""
    if mutation.known_before and installation.numbers >= mutation.known_before:
        since = ".".join(map(str, mutation.known_before))
        return f"this {dialect.title} is {installation.version}; {since} and later do not know what it would be given"
    scenario = scenario_of(mutation)
    sites = (scenario.site, mutation.tamper(scenario.site)) if mutation.tamper else (scenario.site,)
    asked = replace(scenario, asks=(*scenario.asks, *mutation.asks))
    reasons = (runner.unfit(replace(asked, site=site), dialect, installation, carrier) for site in sites)
    return next(filter(None, reasons), mutation.idle)


async def prove_all(
    mutations: Sequence[Mutation], labs: Sequence[Lab], *, done: Callable[[Proof], None]
) -> tuple[Proof, ...]:
    """Break labs in each of these ways, one in each lab at a time; each scenario is asked first with nothing broken.

    Args:
        mutations: what is broken.
        labs: at least one; they share the work.
        done: given each proof in the order of `mutations`, as soon as those before it are there.
    """
    proxy, carrier = labs[0].proxy, labs[0].settings.carrier
    proofs = {
        mutation.name: Proof(mutation=mutation, outcome=Outcome.SKIPPED, reason=reason)
        for mutation in mutations
        if (reason := unfit(mutation, proxy.dialect, proxy.installation, carrier))
    }
    fit = [mutation for mutation in mutations if mutation.name not in proofs]
    sound = {_asked(mutation): asyncio.get_running_loop().create_future() for mutation in fit}
    waiting = iter(_in_order_of_work(fit))
    told = 0

    def tell() -> None:
        nonlocal told
        while told < len(mutations) and mutations[told].name in proofs:
            done(proofs[mutations[told].name])
            told += 1

    async def work(lab: Lab) -> None:
        for broken, mutation in waiting:
            whole = sound[_asked(mutation)]
            if not broken:
                result = await runner.run(scenario_of(mutation), lab)
                if result.outcome is not Outcome.PASSED and result.outcome is not Outcome.SKIPPED:
                    result = await runner.run(scenario_of(mutation), lab)  # a busy machine can be too slow for QUICK
                whole.set_result(result)
                continue
            proofs[mutation.name] = await prove(mutation, lab, sound=await whole)
            tell()

    tell()
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
