"""``wslb compare``: reads options, compares, turns the outcome into an exit code. No logic of its own."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from wslb.cli.lab import EXIT_CODES, Interrupted, close_run, lab_options, until_signal
from wslb.commands import compare as comparing
from wslb.config import read_settings
from wslb.errors import HarnessError
from wslb.lab.launch import open_lab
from wslb.model.results import ScenarioResult
from wslb.reports.files import write
from wslb.reports.ongoing import Ongoing
from wslb.reports.recommended import lines
from wslb.reports.screen import Colour, Screen, Verbosity
from wslb.reports.waiting_bar import WaitingBar

__all__ = ["compare"]

REPEATS = comparing.LEAST_REPEATS
REPORT = Path("reports") / "compare"


@click.command(epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[WORKLOAD]...")
@lab_options
@click.option(
    "--lbmethods",
    default=",".join(comparing.COMPARED),
    metavar="M,M,…",
    help="Which to compare (byrequests,bybusyness,bytraffic).",
)
@click.option(
    "--repeats", type=int, default=REPEATS, metavar="N", help=f"Runs of each workload under each ({REPEATS})."
)
@click.option("--connections", type=int, metavar="N", help="Length of a run of the short connections (200).")
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the report (reports/compare)."
)
@click.option("--percentiles", metavar="P,P,…", help="Of latencies: which the report shows (50,90,99,99.9).")
@click.option("--json", "as_json", is_flag=True, help="Print the report's JSON document on stdout, and nothing else.")
@click.option("-q", "--quiet", count=True, help="Only failures, tables and the verdict; -qq: the exit code alone.")
@click.option("-v", "--verbose", count=True, help="Also each connection; -vv: its header fields.")
@click.option(
    "--color",
    type=click.Choice([colour.value for colour in Colour]),
    default=Colour.AUTO.value,
    help="Colour; NO_COLOR turns it off too.",
)
def compare(
    names: tuple[str, ...],
    lbmethods: str,
    repeats: int,
    as_json: bool,
    quiet: int,
    verbose: int,
    color: str,
    **options: Any,
) -> None:
    """Which lbmethod suits which workload: the same work under each of them, in turns, again and again.

    \b
    Examples:
      wslb compare                              short connections, uneven ends, uneven traffic, a fault
      wslb compare uneven fault                 two workloads
      wslb compare --lbmethods byrequests,bybusyness --repeats 9
      wslb compare --json > compared.json       for another program

    \b
    Workloads:
      short    equal connections, each closed before the next
      uneven   long tunnels, those of one member closed
      traffic  tunnels of one member carry more than the others'
      fault    one member killed, and back
    """
    settings = read_settings({**options, "report": options["report"] or REPORT}, os.environ)
    planned = comparing.comparison_of(settings, lbmethods=comparing.methods(lbmethods), names=names, repeats=repeats)
    run = Ongoing(planned=planned.names, command=shlex.join(["wslb", *sys.argv[1:]]), percentiles=settings.percentiles)
    run.comparison = planned.document()
    bar = WaitingBar(Console(stderr=True))
    screen = Screen.open(
        environ=os.environ,
        colour=Colour(color),
        verbosity=Verbosity(max(-2, min(2, verbose - quiet))),
        json_on_stdout=as_json,
    )

    async def all_of_them() -> None:
        async with open_lab(settings, progress=bar, say=lambda line: click.echo(line, err=True)) as lab:
            bar.close()
            run.environment = lab.environment
            possible = comparing.possible(planned, lab)
            run.planned, run.comparison = tuple(possible.names), possible.document()
            screen.headline(lab.environment, len(possible.names))

            def done(result: ScenarioResult) -> None:
                run.add(result)
                screen.result(result)

            await comparing.take_turns(possible, lab, done=done, running=screen.running)

    problem: HarnessError | None = None
    try:
        with bar:
            until_signal(all_of_them())
    except Interrupted as exc:
        run.interrupted = exc.name
    except HarnessError as exc:
        problem = exc
        run.failed(exc)
    report = run.report()
    close_run(
        report,
        write(report, settings.report),
        screen,
        as_json=as_json,
        problem=problem,
        table=lambda document: lines(document["comparison"]),
    )
