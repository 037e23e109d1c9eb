"""Runs one scenario in a lab: apply, clear, act, collect, judge. pytest, the command line and tests all come here."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from wslb.checks import log as log_checks
from wslb.checks.endings import ended_orderly
from wslb.checks.witnesses import witnesses_speak
from wslb.config import DockerNetwork, RuntimeChoice, Settings
from wslb.errors import HarnessError, LabError, PlaceLost, ProcessLost, exhausted, plain
from wslb.interfaces import Dialect, Installation
from wslb.lab.lab import Lab
from wslb.model.balancer import Carrier, ProcessModel, Site
from wslb.model.results import Check, Outcome, Record, ScenarioResult, Verdict
from wslb.scenarios.scenario import Scenario

__all__ = ["lacking", "reproduce", "roomy", "run", "run_all", "unfit"]

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
    missing = list(dialect.missing(scenario.site, installation))
    missing += [installation.absence(name) for name in scenario.needs if not installation.has(name)]
    missing += dialect.too_old_for(scenario.site, carrier, installation)
    if missing:
        return f"this httpd ({installation.version}) has no {', '.join(dict.fromkeys(missing))}"
    other = scenario.other(installation.numbers, carrier, installation.mpm)
    if other and not other.asked:
        return f"this httpd is {installation.version}; {other.versions} {other.does} ({other.source})"
    return ""


async def run(scenario: Scenario, lab: Lab, *, tamper: Callable[[Site], Site] | None = None) -> ScenarioResult:
    """Ask one scenario's question.

    Args:
        scenario: what to ask.
        lab: where.
        tamper: changes what the proxy is really given, behind the scenario's back; for tests of the checks.
    """
    begin = time.monotonic()
    reason = lacking(scenario, lab)
    if reason:
        return _result(scenario, lab, Outcome.SKIPPED, begin, reason=reason)
    installation = lab.proxy.installation
    scenario = scenario.claimed(installation.numbers, lab.settings.carrier, installation.mpm)
    site = roomy(scenario.site, lab.settings.connections)
    record, failure = None, None
    try:
        async with lab.watch.scenario():
            await lab.begin(scenario.name, site, balancer=scenario.judged, served=tamper(site) if tamper else None)
            await scenario.act(lab)
            record = await lab.collect()
    except Exception as exc:  # noqa: BLE001 - one place turns the unforeseen into "errored", never into "failed"
        failure = exc
    error = await _befallen(lab, failure)
    if isinstance(error, HarnessError):
        sentence = " ".join(part for part in (str(error), error.hint) if part)
        reason = "\n".join([sentence, *error.log_tail])
        return _result(scenario, lab, Outcome.ERRORED, begin, reason=reason, lab_failed=isinstance(error, LabError))
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
    verdicts = [check(record) for check in (*scenario.checks, *_always(scenario, record))]
    outcome = Outcome.FAILED if any(verdict.breaks for verdict in verdicts) else Outcome.PASSED
    shown = record.thinned(_SHOWN, frozenset(name for verdict in verdicts for name in verdict.evidence))
    return _result(scenario, lab, outcome, began, record=shown, verdicts=tuple(verdicts))


def _always(scenario: Scenario, record: Record) -> tuple[Check, ...]:
    """Checks of every scenario: all witnesses speak, no tunnel died, and no log line came, but what it announces."""
    log_is_clean = log_checks.only_announced(*scenario.allow_log)
    if not record.accepted:
        return (log_is_clean,)
    return (
        witnesses_speak(*scenario.witnesses),
        ended_orderly(scenario.otherwise, perhaps=scenario.perhaps),
        log_is_clean,
    )


async def run_all(
    scenarios: Sequence[Scenario],
    lab: Lab,
    *,
    done: Callable[[ScenarioResult], None],
    running: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> None:
    """Run scenarios in order and hand over each result as it comes, so that an interrupted run keeps what it had.

    Raises:
        PlaceLost: the lab has lost what it stands on, so that nothing more can be asked.
    """
    for scenario in scenarios:
        with running(scenario.name):
            result = await run(scenario, lab)
        done(result)
        if result.lab_failed and (lost := lab.watch.place_lost()):
            raise lost


def reproduce(command: str, settings: Settings) -> str:
    """A command, such as ``wslb test NAME``, with the settings of the run that matter."""
    words = [command]
    if settings.carrier is not Carrier.WSTUNNEL:
        words.append(f"--carrier {settings.carrier.value}")
    if settings.connections != Settings().connections:
        words.append(f"--connections {settings.connections}")
    if settings.runtime is not RuntimeChoice.AUTO:
        words.append(f"--runtime {settings.runtime.value}")
    if settings.docker_network is not DockerNetwork.AUTO:
        words.append(f"--docker-network {settings.docker_network.value}")
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
        site=scenario.site,
        record=record or Record(balancer=scenario.judged),
        verdicts=verdicts,
    )
