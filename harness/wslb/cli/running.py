"""Runs scenarios for a command: opens the lab, shows each result, and ends with report and exit code."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console

from wslb.cli.main import say
from wslb.config import Settings
from wslb.errors import HarnessError
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.model.results import Report, ScenarioResult
from wslb.reports import github, json_file
from wslb.reports.causes.likely import likely
from wslb.reports.document import Document
from wslb.reports.files import write
from wslb.reports.ongoing import Ongoing
from wslb.reports.screen import Colour, Screen, Verbosity
from wslb.reports.waiting_bar import WaitingBar
from wslb.scenarios import runner
from wslb.scenarios.scenario import Scenario

__all__ = ["Interrupted", "run_of", "run_scenarios", "until_signal", "waiting_bar"]

T = TypeVar("T")


class Interrupted(Exception):
    """A signal ended the command early."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


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

    Raises:
        EvidenceError: the baseline cannot be read.
    """
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
        async with open_lab(settings, progress=bar, say=lambda line: click.echo(line, err=True)) as lab:
            bar.close()
            run.environment = lab.environment
            chosen = choose(lab)
            screen.headline(lab.environment, len(chosen))
            await runner.run_all(chosen, lab, done=done, running=screen.running)

    problem: HarnessError | None = None
    try:
        if run.planned:
            with bar:
                until_signal(all_of_them())
    except Interrupted as exc:
        run.interrupted = exc.name
    except HarnessError as exc:
        problem = exc
        run.failed(exc)
    report = run.report()
    paths = write(report, settings.report, baseline=earlier)
    _close(report, paths, screen, as_json=output["as_json"], problem=problem, table=table)


def _close(
    report: Report,
    paths: tuple[Path, ...],
    screen: Screen,
    *,
    as_json: bool,
    problem: HarnessError | None,
    table: Callable[[Document], Sequence[str]],
) -> NoReturn:
    document = json_file.document(report)
    if as_json:
        click.echo(json_file.line(document))
    if problem:
        say(problem)
    github.publish(document, os.environ.get("GITHUB_STEP_SUMMARY"))
    html = next((path for path in paths if path.suffix == ".html"), paths[0])
    screen.close(
        report,
        paths=[f"report  {html.resolve().as_uri()}"],
        annotations=github.annotate(document) if screen.github else (),
        table=table(document),
        causes={s.name: cause.sentence for s in document.scenarios if (cause := likely(s))},
    )
    sys.exit(report.exit_code)


def until_signal(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; the first SIGINT or SIGTERM lets the lab close in order, the second quits at once.

    Raises:
        Interrupted: a signal came.
    """
    caught: list[str] = []

    async def supervised() -> T:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()

        def caught_one(number: signal.Signals) -> None:
            if caught:
                os._exit(128 + number)
            caught.append(number.name)
            click.echo(f"\n{number.name}: stopping the lab; once more quits at once.", err=True)
            if task:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, caught_one, number)
        return await work

    try:
        return asyncio.run(supervised())
    except (asyncio.CancelledError, HarnessError):
        if caught:
            raise Interrupted(caught[0]) from None
        raise
