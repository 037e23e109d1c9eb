"""What the commands that open a lab share: options, signals, and how a run ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from wslb.config import DockerNetwork, PullPolicy, RuntimeChoice
from wslb.errors import HarnessError
from wslb.model.balancer import Carrier
from wslb.model.results import Report
from wslb.reports import github, json_file
from wslb.reports.causes.likely import likely
from wslb.reports.screen import Screen

__all__ = ["EXIT_CODES", "Interrupted", "close_run", "lab_options", "say", "until_signal"]

T = TypeVar("T")

EXIT_CODES = """\b
Exit codes:
  0  all claims hold          1  a claim failed       2  wrong usage
  3  the lab is not ready     4  could not look       5  nothing ran
  130, 143  interrupted (SIGINT, SIGTERM); the partial report is written
"""


class Interrupted(Exception):
    """A signal ended the command early."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def lab_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every command that opens a lab."""
    for option in reversed(
        [
            click.option(
                "--runtime", type=click.Choice([choice.value for choice in RuntimeChoice]), help="Where the proxy runs."
            ),
            click.option("--httpd", metavar="FILE", help="Program of the httpd; found by itself otherwise."),
            click.option("--image", metavar="NAME", help="Image of the container (httpd:2.4); NAME@DIGEST pins it."),
            click.option(
                "--pull", type=click.Choice([policy.value for policy in PullPolicy]), help="When the image is pulled."
            ),
            click.option(
                "--docker-network",
                type=click.Choice([network.value for network in DockerNetwork]),
                help="How the container is reached; found out by itself otherwise.",
            ),
            click.option(
                "--carrier",
                type=click.Choice([carrier.value for carrier in Carrier]),
                help="Module that must carry the tunnels.",
            ),
            click.option("--port", type=int, metavar="N", help="Port of the proxy; a free one otherwise."),
            click.option("--tls-port", type=int, metavar="N", help="TLS port of the proxy."),
        ]
    ):
        command = option(command)
    return command


def close_run(
    report: Report,
    paths: tuple[Path, ...],
    screen: Screen,
    *,
    as_json: bool,
    problem: HarnessError | None,
    table: Callable[[Mapping[str, Any]], Sequence[str]] = lambda _: (),
) -> None:
    """Show what came of a run and end the command with its exit code; the table is made from the saved document."""
    document = json_file.document(report)
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
    if problem:
        say(problem)
    github.publish(document, os.environ.get("GITHUB_STEP_SUMMARY"))
    html = next((path for path in paths if path.suffix == ".html"), paths[0])
    screen.close(
        report,
        paths=[f"report  {html.resolve().as_uri()}"],
        annotations=github.annotate(document) if screen.github else (),
        table=table(document),
        causes={s["name"]: cause.sentence for s in document["scenarios"] if (cause := likely(s))},
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


def say(error: HarnessError) -> None:
    """What, why, what to do: on stderr."""
    click.echo(f"error: {error}", err=True)
    for line in error.log_tail:
        click.echo(f"  log: {line}", err=True)
    if error.hint:
        click.echo(f"  do:  {error.hint}", err=True)
