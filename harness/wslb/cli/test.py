"""``wslb test``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from wslb.cli.options import EXIT_CODES, baseline_option, lab_options, lbmethod_option, output_options, report_option
from wslb.config import read_settings

__all__ = ["command"]


@click.command("test", epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[NAME|FAMILY]...")
@lab_options
@lbmethod_option("Only scenarios of this lbmethod.")
@click.option("--connections", type=int, metavar="N", help="Length of the long serial scenarios (200).")
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
      wslb test --json > run.json               for another program
      wslb test --baseline main/report.json     say what is new since then
    """
    settings = read_settings(options, os.environ)

    from wslb.cli.running import run_of, run_scenarios
    from wslb.scenarios import SCENARIOS
    from wslb.scenarios.scenario import select

    chosen = tuple(
        scenario
        for scenario in select(SCENARIOS, names)
        if settings.lbmethod is None or (scenario.judged is not None and scenario.judged.lbmethod is settings.lbmethod)
    )
    run = run_of(settings, [scenario.name for scenario in chosen])
    run_scenarios(lambda _: chosen, run=run, settings=settings, output=options, baseline=baseline)
