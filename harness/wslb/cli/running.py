"""Runs scenarios for a command: opens the lab, shows each result, and ends with report and exit code."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console

from wslb.caller import Interrupted, in_order
from wslb.cli.main import say
from wslb.config import Settings
from wslb.errors import EvidenceError, HarnessError, exhausted
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.model.disclosure import clean
from wslb.model.results import Report, ScenarioResult
from wslb.reports import github, json_file
from wslb.reports.causes.likely import likely
from wslb.reports.document import Document
from wslb.reports.files import try_folder, write
from wslb.reports.ongoing import Ongoing
from wslb.reports.screen import Colour, Screen, Verbosity
from wslb.reports.waiting_bar import WaitingBar
from wslb.scenarios import runner
from wslb.scenarios.scenario import Scenario

__all__ = ["run_of", "run_scenarios", "until_signal", "waiting_bar"]

T = TypeVar("T")


def waiting_bar() -> WaitingBar:
    """Progress of what takes long, on stderr."""
    return WaitingBar(Console(stderr=True))


def run_of(settings: Settings, planned: Sequence[str]) -> Ongoing:
    """A run of this command line."""
    return Ongoing(planned=planned, command=shlex.join(["wslb", *sys.argv[1:]]), percentiles=settings.percentiles)


def run_scenarios(
    choose: Callable[[Lab], Sequence[Scenario]],
    *,
    run: Ongoing,
    settings: Settings,
    output: Mapping[str, Any],
    baseline: Path | None = None,
    worded: Callable[[ScenarioResult], ScenarioResult] = lambda result: result,
    table: Callable[[Document], Sequence[str]] = lambda _: (),
    opening: Callable[..., AbstractAsyncContextManager[Lab]] = open_lab,
) -> NoReturn:
    """Ask scenarios, write the report, and end the command with its exit code.

    Args:
        choose: what to ask, once it is known which proxy there is; not called when nothing is planned.
        run: keeps the results.
        settings: of the lab and the report.
        output: values of `wslb.cli.options.output_options`.
        baseline: earlier report to compare with.
        worded: each result in the words of the command.
        table: lines for the end, made from the saved document.
        opening: brings the lab up, called as `wslb.lab.launch.open_lab`.

    Raises:
        ConfigError: the folder of the report cannot be written.
        EvidenceError: the baseline cannot be read.
    """
    try_folder(settings.report)
    earlier = json_file.load(baseline) if baseline else None
    bar = waiting_bar()
    screen = Screen.open(
        environ=os.environ,
        colour=Colour(output["color"]),
        verbosity=Verbosity(max(-2, min(2, output["verbose"] - output["quiet"]))),
        json_on_stdout=output["as_json"],
    )

    def done(result: ScenarioResult) -> None:
        told = worded(result)
        run.add(told)
        screen.result(told)

    async def all_of_them() -> None:
        async with opening(settings, progress=bar, say=lambda line: click.echo(line, err=True)) as lab:
            bar.close()
            run.environment = lab.environment
            chosen = choose(lab)
            screen.headline(lab.environment, len(chosen))
            await runner.run_all(chosen, lab, done=done, running=screen.running)

    problems: list[HarnessError] = []
    with in_order():  # until the report is written: one signal does not lose it
        try:
            if run.planned:
                with bar:
                    until_signal(all_of_them())
        except Interrupted as exc:
            run.interrupted = exc.name
        except HarnessError as exc:
            problems.append(exc)
            run.failed(exc)
        report = run.report()
        try:
            paths = write(report, settings.report, baseline=earlier)
        except EvidenceError as exc:
            paths = ()
            problems.append(exc)
    _close(report, paths, screen, as_json=output["as_json"], problems=problems, table=table)


def _close(
    report: Report,
    paths: tuple[Path, ...],
    screen: Screen,
    *,
    as_json: bool,
    problems: Sequence[HarnessError],
    table: Callable[[Document], Sequence[str]],
) -> NoReturn:
    document = json_file.document(report)
    if as_json:
        click.echo(clean(json_file.line(document)))
    for problem in problems:
        say(problem)
    github.publish(document, os.environ.get("GITHUB_STEP_SUMMARY"))
    screen.close(
        report,
        paths=[f"report  {path.resolve().as_uri()}" for path in paths if path.suffix == ".html"],
        annotations=github.annotate(document) if screen.github else (),
        table=table(document),
        causes={s.name: cause.sentence for s in document.scenarios if (cause := likely(s))},
    )
    sys.exit(report.exit_code or (0 if paths else 4))


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
