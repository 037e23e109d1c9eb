"""``wslb test``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from wslb.cli.completion import scenario_names
from wslb.cli.options import (
    EXIT_CODES,
    backend_options,
    baseline_option,
    lab_options,
    lbmethod_option,
    output_options,
    proxy_option,
    report_option,
)
from wslb.config import read_settings

__all__ = ["command"]


@click.command("test", epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[NAME|FAMILY]...", shell_complete=scenario_names)
@proxy_option
@lab_options
@backend_options
@lbmethod_option("Only scenarios of this lbmethod.")
@click.option("--connections", type=int, metavar="N", help="Length of the long serial scenarios (200).")
@click.option("--jobs", type=int, metavar="N", help="Scenarios at the same time, each in a lab of its own (by cores).")
@click.option("--maxfail", type=int, metavar="N", help="Stop when so many failed or errored.")
@click.option("--deadline", type=float, metavar="SECONDS", help="Stop then; what was not asked is told.")
@click.option("--limit", type=float, metavar="SECONDS", help="Longest time of a scenario, errored after it (300).")
@report_option("Folder of the report (reports/lb).")
@baseline_option
@output_options(quiet="Only failures and the verdict; -qq: nothing, the exit code alone.")
def command(names: tuple[str, ...], baseline: Path | None, **options: Any) -> None:
    """Ask scenarios of a real Apache httpd and write the report.

    \b
    Examples:
      wslb test                                 everything
      wslb test lb headers                      two families
      wslb test lb-byrequests --carrier http    one scenario over mod_proxy_http
      wslb test lb headers --backend liberty=ws://host:10000/WSConsole --backend node=ws://host:8888
      wslb test lb weights --proxy nginx        the same claims of nginx
      wslb test --json > run.json               for another program
      wslb test --baseline main/report.json     say what is new since then
      wslb test --maxfail 1 --deadline 60       no more than one failure, and no more than a minute
    """
    settings = read_settings(options, os.environ)

    from wslb.cli.running import run_of, run_scenarios
    from wslb.proxies.registry import product_of
    from wslb.scenarios import SCENARIOS
    from wslb.scenarios.ending import Ends
    from wslb.scenarios.scenario import select

    proxy = product_of(settings.proxy).dialect.title
    chosen = tuple(
        scenario
        for scenario in select(SCENARIOS, names)
        if settings.lbmethod is None or (scenario.judged is not None and scenario.judged.lbmethod is settings.lbmethod)
    )
    chosen = tuple(scenario for scenario in chosen if scenario.name in names or scenario.concerns(proxy))
    run = run_of(settings, [scenario.name for scenario in chosen])
    ends = Ends(settings)
    run_scenarios(lambda _: chosen, run=run, settings=settings, output=options, baseline=baseline, ends=ends)
