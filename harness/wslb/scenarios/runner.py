"""Runs one scenario in a lab: apply, clear, act, collect, judge. pytest, the command line and tests all come here."""

from __future__ import annotations

import asyncio
import contextlib
import math
import shlex
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from wslb.checks import log as log_checks
from wslb.checks.endings import ended_orderly
from wslb.checks.witnesses import witnesses_speak
from wslb.config import DockerNetwork, RuntimeChoice, Settings
from wslb.errors import HarnessError, LabError, NotAskable, PlaceLost, ProcessLost, exhausted, plain
from wslb.interfaces import Dialect, Installation
from wslb.lab.lab import Lab
from wslb.model.balancer import Carrier, ProcessModel, Site
from wslb.model.results import Check, Outcome, Record, ScenarioResult, Verdict
from wslb.scenarios.ending import ENDLESS, Ends, Within
from wslb.scenarios.scenario import Scenario

__all__ = ["always", "lacking", "reproduce", "roomy", "run", "run_all", "unfit"]

_HERE = Path(__file__).parent
_PACKAGE = _HERE.parent

_UNHELD = 16
"""Threads that httpd needs beside the tunnels that a scenario holds."""

_SHOWN = 1000
"""Connections of one scenario that a report shows; of more, the first and those that a verdict names."""


def lacking(scenario: Scenario, lab: Lab) -> str:
    """Why this proxy cannot be asked, in one clause; empty when it can."""
    return unfit(scenario, lab.proxy.dialect, lab.proxy.installation, lab.settings.carrier)


def unfit(scenario: Scenario, dialect: Dialect, installation: Installation, carrier: Carrier) -> str:
    """Why a proxy as it was found cannot be asked over this carrier, in one clause; empty when it can."""
    if not scenario.concerns(dialect.title):
        return f"it is a question to {' and '.join(scenario.site.native)}"
    missing = [*dialect.capabilities.lacking(scenario.asks), *dialect.missing(scenario.site, installation)]
    missing += [installation.absence(name) for name in scenario.needs if not installation.has(name)]
    missing += dialect.too_old_for(scenario.site, carrier, installation)
    if missing:
        return f"this {dialect.title} ({installation.version}) has no {', '.join(dict.fromkeys(missing))}"
    other = scenario.other(installation.numbers, carrier, installation.mpm, dialect.title)
    if other and not other.asked:
        return f"this {dialect.title} is {installation.version}; {other.versions} {other.does} ({other.source})"
    if not other and not scenario.site.native and not dialect.capabilities.claimed(scenario.name):
        return f"nobody has measured yet whether its claim is that of {dialect.title}"
    return ""


async def run(
    scenario: Scenario, lab: Lab, *, tamper: Callable[[Site], Site] | None = None, limit: Within = ENDLESS
) -> ScenarioResult:
    """Ask one scenario's question.

    Args:
        scenario: what to ask.
        lab: where.
        tamper: changes what the proxy is really given, behind the scenario's back; for tests of the checks.
        limit: a scenario that takes longer is errored.
    """
    begin = time.monotonic()
    reason = lacking(scenario, lab)
    if reason:
        return _result(scenario, lab, Outcome.SKIPPED, begin, reason=reason)
    installation, dialect = lab.proxy.installation, lab.proxy.dialect
    measured, own = dialect.capabilities.measured or {}, dialect.capabilities.own
    as_written = replace(scenario, explanation=measured.get(scenario.name, scenario.explanation))
    scenario = as_written.claimed(installation.numbers, lab.settings.carrier, installation.mpm, dialect.title)
    named = dialect.capabilities.named
    scenario = replace(
        scenario,
        question=named(scenario.question),
        limit=named(scenario.limit),
        site=scenario.site.balancing(own),
        balancer=own(scenario.balancer) if scenario.balancer else None,
    )
    scenario = scenario.before(lab.fleet)
    site = roomy(scenario.site, lab.settings.connections)
    record, failure, begun = None, None, False
    within = asyncio.timeout(None if limit.seconds == math.inf else limit.seconds)
    try:
        async with within, lab.watch.scenario():
            await lab.begin(scenario.name, site, balancer=scenario.judged, served=tamper(site) if tamper else None)
            begun = True
            await scenario.act(lab)
            record = await lab.collect()
    except Exception as exc:  # noqa: BLE001 - one place turns the unforeseen into "errored", never into "failed"
        failure = exc
    if isinstance(failure, ExceptionGroup) and failure.split(NotAskable)[1] is None:
        failure = failure.exceptions[0]  # whichever task of the scenario was the first to meet with it
    if isinstance(failure, NotAskable):
        return _result(scenario, lab, Outcome.SKIPPED, begin, reason=str(failure))
    error = await _befallen(lab, failure)
    if error is failure and within.expired():
        return _result(scenario, lab, Outcome.ERRORED, begin, reason=limit.told)
    if isinstance(error, HarnessError):
        sentence = " ".join(part for part in (str(error), error.hint) if part)
        reason = "\n".join([sentence, *error.log_tail])
        unstarted = not begun and isinstance(error, LabError) and not isinstance(error, ProcessLost | PlaceLost)
        result = _result(scenario, lab, Outcome.ERRORED, begin, reason=reason, lab_failed=isinstance(error, LabError))
        return replace(result, unstarted=unstarted)
    if error is not None or record is None:
        return _result(scenario, lab, Outcome.ERRORED, begin, reason=_unforeseen(error))
    return judge(scenario, record, lab=lab, began=begin)


async def _befallen(lab: Lab, failure: Exception | None) -> Exception | None:
    """The accident of the lab that explains a failure, or that makes evidence worthless; else the failure itself."""
    if isinstance(failure, ProcessLost | PlaceLost):
        accident: LabError | None = failure
    else:
        accident = (exhausted(failure) if failure else None) or await lab.watch.accident()
    if accident is None:
        return failure
    with contextlib.suppress(HarnessError, OSError):
        await lab.watch.repair()
    return accident


def _unforeseen(error: BaseException | None) -> str:
    """An error that nobody foresaw, and the line of the scenario, or of whoever wrote it, that met with it."""
    if error is None:  # pragma: no cover - there is a record, or a reason why there is none
        return "Nothing was collected."
    lines = traceback.extract_tb(error.__traceback__)
    own = [line for line in lines if Path(line.filename).parent == _HERE or _PACKAGE not in Path(line.filename).parents]
    place = own[-1] if own else lines[-1]
    return f"The scenario broke off: {plain(error)} ({Path(place.filename).name}:{place.lineno})."


def roomy(site: Site, connections: int) -> Site:
    """The site, with threads for a long series of held tunnels (``--connections``) where it does not choose its own."""
    if site.process_model != ProcessModel() or connections <= site.process_model.workers - _UNHELD:
        return site
    return replace(site, process_model=ProcessModel.for_tunnels(connections))


def judge(scenario: Scenario, record: Record, *, lab: Lab, began: float) -> ScenarioResult:
    """Every check of the scenario on its record, and those that every record must pass."""
    besides = always(scenario) if record.accepted else always(scenario)[-1:]  # without a tunnel, the log speaks alone
    named = lab.proxy.dialect.capabilities.named
    verdicts = [
        replace(said, expected=named(said.expected), observed=named(said.observed), phrase=named(said.phrase))
        for said in (check(record) for check in (*scenario.checks, *besides))
    ]
    outcome = Outcome.FAILED if any(verdict.breaks for verdict in verdicts) else Outcome.PASSED
    shown = record.thinned(_SHOWN, frozenset(name for verdict in verdicts for name in verdict.evidence))
    return _result(scenario, lab, outcome, began, record=shown, verdicts=tuple(verdicts))


def always(scenario: Scenario) -> tuple[Check, ...]:
    """Checks of every scenario: all witnesses speak, no tunnel died, and no log line came, but what it announces."""
    return (
        witnesses_speak(*scenario.witnesses),
        ended_orderly(scenario.otherwise, perhaps=scenario.perhaps),
        log_checks.only_announced(*scenario.allow_log),
    )


async def run_all(
    scenarios: Sequence[Scenario],
    lab: Lab,
    *,
    done: Callable[[ScenarioResult], None],
    running: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext(),
    further: Sequence[AbstractAsyncContextManager[Lab]] = (),
    tell: Callable[[str], None] = lambda _: None,
    ends: Ends | None = None,
) -> None:
    """Run scenarios, and hand over each result as soon as those before it are there: in the order of `scenarios`.

    An interrupted run keeps what it had. Scenarios that run alone come when all others have ended.

    Args:
        scenarios: what to ask.
        lab: where.
        done: takes each result.
        running: a context for the time that one runs, told its name.
        further: labs of their own, opened beside the first, where scenarios run at the same time.
        tell: takes a sentence about a further lab that did not start; the others do its work.
        ends: limits of the run; None for no other than that of a lab that cannot start.

    Raises:
        RunEnded: a limit came before all was asked.
        StartError: the lab cannot start any more.
        PlaceLost: a lab has lost what it stands on, so that nothing more can be asked.
    """
    together = iter([one for one in enumerate(scenarios) if further and not one[1].alone])
    alone = [one for one in enumerate(scenarios) if not further or one[1].alone]
    waiting: dict[int, ScenarioResult] = {}
    told, asked = 0, 0
    ends = ends or Ends()

    async def ask(at: int, scenario: Scenario, where: Lab) -> None:
        nonlocal told, asked
        asked += 1
        with running(scenario.name):
            waiting[at] = result = await run(scenario, where, limit=ends.limit())
        while told in waiting:
            done(waiting.pop(told))
            told += 1
        if result.lab_failed and (lost := where.watch.place_lost()):
            raise lost
        await ends.add(result, where)

    async def work(where: Lab) -> None:
        while not ends.over and (one := next(together, None)):
            await ask(*one, where)

    async def work_in(opening: AbstractAsyncContextManager[Lab]) -> None:
        async with contextlib.AsyncExitStack() as stack:
            try:
                where = await stack.enter_async_context(opening)
            except LabError as exc:
                tell(f"A further lab did not start, so fewer run at the same time: {exc}")
                return
            await work(where)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(work(lab))
            for opening in further:
                group.create_task(work_in(opening))
        for at, scenario in alone:
            if not ends.over:
                await ask(at, scenario, lab)
        if asked < len(scenarios) and ends.over:
            raise ends.over
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        for _, result in sorted(waiting.items()):
            done(result)


def reproduce(command: str, settings: Settings) -> str:
    """A command, such as ``wslb test NAME``, with the settings of the run that matter."""
    words = [command]
    if settings.proxy != Settings().proxy:
        words.append(f"--proxy {settings.proxy}")
    if settings.carrier is not Carrier.WSTUNNEL:
        words.append(f"--carrier {settings.carrier.value}")
    if settings.connections != Settings().connections:
        words.append(f"--connections {settings.connections}")
    if settings.runtime is not RuntimeChoice.AUTO:
        words.append(f"--runtime {settings.runtime.value}")
    if settings.docker_network is not DockerNetwork.AUTO:
        words.append(f"--docker-network {settings.docker_network.value}")
    words += [f"--backend {name}={url}" for name, url in settings.backends.items()]
    if settings.ca:
        words.append(f"--ca {settings.ca}")
    if settings.identify:
        words.append(f"--identify {shlex.quote(settings.identify)}")
    if settings.image:
        words.append(f"--image {settings.image}")
    if settings.httpd:
        words.append(f"--httpd {settings.httpd}")
    if settings.modules:
        words.append(f"--modules {settings.modules}")
    if settings.mpm:
        words.append(f"--mpm {settings.mpm.value}")
    return " ".join(words)


def _result(
    scenario: Scenario,
    lab: Lab,
    outcome: Outcome,
    began: float,
    *,
    reason: str = "",
    lab_failed: bool = False,
    record: Record | None = None,
    verdicts: tuple[Verdict, ...] = (),
) -> ScenarioResult:
    return ScenarioResult(
        name=scenario.name,
        family=scenario.family,
        question=scenario.question,
        limit=scenario.limit,
        outcome=outcome,
        seconds=time.monotonic() - began,
        reason=reason,
        lab_failed=lab_failed,
        reproduce=reproduce(f"wslb test {scenario.name}", lab.settings),
        explanation=scenario.explanation,
        proxy=lab.settings.proxy,
        site=scenario.site,
        record=record or Record(balancer=scenario.judged),
        verdicts=verdicts,
    )
