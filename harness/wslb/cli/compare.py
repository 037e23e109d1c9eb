"""``wslb compare``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wslb.cli.completion import proxy_lists, workload_names
from wslb.cli.options import EXIT_CODES, lab_options, output_options, report_option
from wslb.config import read_settings

if TYPE_CHECKING:
    from wslb.lab.lab import Lab
    from wslb.scenarios.scenario import Scenario

__all__ = ["command"]


@click.command("compare", epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[WORKLOAD]...", shell_complete=workload_names)
@lab_options
@click.option("--lbmethods", metavar="M,M,…", help="Which to compare (byrequests,bybusyness,bytraffic).")
@click.option("--repeats", type=int, metavar="N", help="Runs of each workload under each (5).")
@click.option("--connections", type=int, metavar="N", help="Length of a run of the short connections (200).")
@click.option("--members", type=int, metavar="N", help="So many equal members (2).")
@click.option("--weights", metavar="W:W:…", help="Members with these loadfactors, such as 3:1.")
@click.option(
    "--workload",
    "own",
    multiple=True,
    metavar="STEPS",
    help="One of your own, of: short N, hold N, close first|half|all, send BYTES. May be repeated.",
)
@click.option(
    "--proxies",
    is_flag=False,
    flag_value="apache,nginx,haproxy",
    metavar="[NAME[=FILE],…]",
    shell_complete=proxy_lists,
    help="Compare proxies instead: all that are here, or these with their programs.",
)
@report_option("Folder of the report (reports/compare, reports/proxies).")
@output_options(quiet="Only failures, tables and the verdict; -qq: the exit code alone.")
def command(
    names: tuple[str, ...],
    lbmethods: str | None,
    repeats: int | None,
    members: int | None,
    weights: str | None,
    own: tuple[str, ...],
    proxies: str | None,
    **options: Any,
) -> None:
    """Which lbmethod suits which workload: the same work under each of them, in turns, again and again.

    \b
    Examples:
      wslb compare                              short connections, uneven ends, uneven traffic, a fault
      wslb compare uneven fault                 two workloads
      wslb compare --lbmethods byrequests,bybusyness --repeats 9
      wslb compare --weights 3:1 --workload 'hold 30, close half, hold 30'
      wslb compare --json > compared.json       for another program
      wslb compare --proxies                    httpd, nginx and HAProxy on WebSockets, side by side
      wslb compare --proxies apache,nginx=/opt/nginx/sbin/nginx

    \b
    Workloads:
      short    equal connections, each closed before the next
      uneven   long tunnels, those of one member closed
      traffic  tunnels of one member carry more than the others'
      fault    one member killed, and back
    """
    if proxies is not None:
        from wslb.cli.contrasting import compare_proxies

        asked = {"names": names, "lbmethods": lbmethods, "repeats": repeats, "members": members, "weights": weights}
        compare_proxies(proxies, {**options, **asked, "own": own})
    settings = read_settings({**options, "report": options["report"] or Path("reports") / "compare"}, os.environ)

    from wslb.cli.running import run_of, run_scenarios
    from wslb.commands import compare
    from wslb.reports.recommended import lines

    comparison = compare.comparison_of(
        settings,
        lbmethods=compare.COMPARED if lbmethods is None else compare.methods(lbmethods),
        names=names,
        repeats=compare.LEAST_REPEATS if repeats is None else repeats,
        weights=compare.loadfactors(weights, members),
        own=own,
    )
    run = run_of(settings, comparison.names)
    run.comparison = comparison.planned

    def possible(lab: Lab) -> Sequence[Scenario]:
        left = compare.possible(comparison, lab)
        run.planned, run.comparison = tuple(left.names), left.planned
        return left.scenarios

    run_scenarios(
        possible,
        run=run,
        settings=settings,
        output=options,
        worded=comparison.worded,
        table=lambda document: lines(document.comparison) if document.comparison else (),
    )
