"""Runs scenarios for a command: opens the lab, shows each result, and ends with report and exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console

from wslb.caller import Interrupted, in_order
from wslb.cli.main import say
from wslb.config import Settings
from wslb.errors import EvidenceError, HarnessError, RunEnded, exhausted
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.model.disclosure import clean
from wslb.model.results import Report, ScenarioResult
from wslb.reports import github, json_file
from wslb.reports.causes.explained import explanation
from wslb.reports.document import Document
from wslb.reports.files import try_folder, write
from wslb.reports.ongoing import Ongoing
from wslb.reports.screen import Colour, Screen, Verbosity
from wslb.reports.waiting_bar import WaitingBar
from wslb.scenarios import runner
from wslb.scenarios.ending import Ends
from wslb.scenarios.scenario import Scenario

__all__ = ["EndedRun", "ask", "close", "run_of", "run_scenarios", "screen_of", "until_signal", "waiting_bar"]

T = TypeVar("T")


def waiting_bar() -> WaitingBar:
    """Progress of what takes long, on stderr."""
    return WaitingBar(Console(stderr=True))


def run_of(settings: Settings, planned: Sequence[str]) -> Ongoing:
    """A run of this command line."""
    return Ongoing(planned=planned, command=shlex.join(["wslb", *sys.argv[1:]]), percentiles=settings.percentiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """A run that has ended, in whichever way.

    Attributes:
        document: what was saved of the report.
        paths: files that were written; none where the folder took none.
        problems: what ended it early, or lost its files.
    """

    report: Report
    document: Document
    paths: tuple[Path, ...]
    problems: tuple[HarnessError, ...]

    @property
    def exit_code(self) -> int:
        """Of the command that asked for it."""
        return self.report.exit_code or (0 if self.paths else 4)


def ask(
    choose: Callable[[Lab], Sequence[Scenario]],
    *,
    run: Ongoing,
    settings: Settings,
    screen: Screen,
    baseline: Document | None = None,
    worded: Callable[[ScenarioResult], ScenarioResult] = lambda result: result,
    opening: Callable[..., AbstractAsyncContextManager[Lab]] = open_lab,
    ends: Ends | None = None,
) -> EndedRun:
    """Ask scenarios, show each result, and write the report whatever happens.

    Args:
        choose: what to ask, once it is known which proxy there is; not called when nothing is planned.
        run: keeps the results.
        settings: of the lab and the report.
        baseline: earlier report to compare with.
        worded: each result in the words of the command.
        opening: brings the lab up, called as `wslb.lab.launch.open_lab`.
        ends: limits of the run; None for no other than that of a lab that cannot start.
    """
    ends = ends or Ends()
    bar = waiting_bar()

    def done(result: ScenarioResult) -> None:
        told = worded(result)
        run.add(told)
        screen.result(told)

    async def all_of_them() -> None:
        async with contextlib.AsyncExitStack() as stack:
            opened = opening(settings, progress=bar, say=lambda line: click.echo(line, err=True))
            within = asyncio.timeout(ends.left_seconds)
            try:
                async with within:
                    lab = await stack.enter_async_context(opened)
            except TimeoutError:
                if within.expired():
                    raise ends.deadline_passed() from None
                raise
            bar.close()
            run.environment = lab.environment
            chosen = choose(lab)
            screen.headline(lab.environment, len(chosen))
            further = [opening(settings) for _ in range(1, labs_for(settings, len(chosen), lab))]
            await runner.run_all(
                chosen,
                lab,
                done=done,
                running=screen.running,
                further=further,
                tell=lambda line: click.echo(line, err=True),
                ends=ends,
            )

    problems: list[HarnessError] = []
    with in_order():  # until the report is written: one signal does not lose it
        try:
            if run.planned:
                with bar:
                    until_signal(all_of_them())
        except Interrupted as exc:
            run.interrupted = exc.name
        except RunEnded as exc:
            run.interrupted = exc.by
        except HarnessError as exc:
            problems.append(exc)
            run.failed(exc)
        report = run.report()
        document = json_file.document(report)
        try:
            paths = write(document, settings.report, baseline=baseline)
        except EvidenceError as exc:
            paths = ()
            problems.append(exc)
    return EndedRun(report=report, document=document, paths=paths, problems=tuple(problems))


def run_scenarios(
    choose: Callable[[Lab], Sequence[Scenario]],
    *,
    settings: Settings,
    output: Mapping[str, Any],
    baseline: Path | None = None,
    table: Callable[[Document], Sequence[str]] = lambda _: (),
    **asking: Any,
) -> NoReturn:
    """Ask scenarios, write the report, and end the command with its exit code.

    Args:
        choose: as `ask` takes it.
        settings: of the lab and the report.
        output: values of `wslb.cli.options.output_options`.
        baseline: earlier report to compare with.
        table: lines for the end, made from the saved document.
        asking: what else `ask` takes.

    Raises:
        ConfigError: the folder of the report cannot be written.
        EvidenceError: the baseline cannot be read.
    """
    try_folder(settings.report)
    earlier = json_file.load(baseline) if baseline else None
    screen = screen_of(output)
    asked = ask(choose, settings=settings, screen=screen, baseline=earlier, **asking)
    if output["as_json"]:
        click.echo(clean(json_file.line(asked.document)))
    close(asked, screen, table=table)
    sys.exit(asked.exit_code)


def screen_of(output: Mapping[str, Any], *, less: int = 0) -> Screen:
    """Where a run is shown, by values of `wslb.cli.options.output_options`; with so much less of it."""
    return Screen.open(
        environ=os.environ,
        colour=Colour(output["color"]),
        verbosity=Verbosity(max(-2, min(2, output["verbose"] - output["quiet"] - less))),
        json_on_stdout=output["as_json"],
    )


def close(asked: EndedRun, screen: Screen, *, table: Callable[[Document], Sequence[str]] = lambda _: ()) -> None:
    """The end of a run on the screen: its problems, failures and verdict, and where the report is."""
    for problem in asked.problems:
        say(problem)
    github.publish(asked.document, os.environ.get("GITHUB_STEP_SUMMARY"))
    screen.close(
        asked.report,
        paths=[f"report  {path.resolve().as_uri()}" for path in asked.paths if path.suffix == ".html"],
        annotations=github.annotate(asked.document) if screen.github else (),
        table=table(asked.document),
        explained=explanation(asked.document),
    )


_FOR_ONE_LAB = 20
"""Scenarios that take as long as a further lab takes to start."""

_OPEN_FILES = 256
"""Of a lab whose scenario holds few tunnels; those that hold many run alone."""


def labs_for(settings: Settings, scenarios: int, lab: Lab) -> int:
    """Labs beside each other: as asked, else two for each core, as scenarios wait most of their time.

    A lab with a container has an engine to share, and is alone unless more are asked for.
    """
    if settings.jobs:
        return min(settings.jobs, scenarios)
    if settings.fixed or lab.environment["runtime"] != "local":
        return 1
    by_machine = min(2 * (os.cpu_count() or 1), lab.open_files // _OPEN_FILES)
    return max(1, min(by_machine, scenarios // _FOR_ONE_LAB, 16))


def until_signal(work: Coroutine[Any, Any, T], *, gently: Callable[[str], bool] = lambda _: False) -> T:
    """Run to the end; the first signal of `wslb.caller.ENDING` lets it end in order, the second quits at once.

    Args:
        work: what to run.
        gently: told the signal's name; whether it sees to an end itself, so that nothing need be cancelled.

    Raises:
        Interrupted: a signal came.
        MachineExhausted: something ran out.
    """
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    def end(name: str, task: asyncio.Task[Any]) -> None:
        if not gently(name):
            task.cancel()

    def asked(name: str) -> None:
        for loop, task in running:
            loop.call_soon_threadsafe(end, name, task)

    async def supervised() -> T:
        own = asyncio.create_task(work)
        running.append((asyncio.get_running_loop(), own))
        if caught:
            own.cancel()
        try:
            return await own
        finally:
            running.clear()

    with in_order(asked) as caught:
        try:
            return asyncio.run(supervised())
        except (asyncio.CancelledError, HarnessError):
            if caught:
                raise Interrupted(caught[0]) from None
            raise
        except (OSError, MemoryError, RuntimeError, ExceptionGroup) as exc:
            if lacking := exhausted(exc):
                raise lacking from exc
            raise
