"""``wslb test``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

import click

from wslb.cli.completion import scenario_names
from wslb.cli.options import (
    EXIT_CODES,
    PROXY,
    backend_options,
    baseline_option,
    lab_options,
    lbmethod_option,
    output_options,
    report_option,
)
from wslb.config import read_settings
from wslb.errors import ConfigError

__all__ = ["command"]

ALL = "all"

OF_ONE = ("runtime", "httpd", "modules", "image", "pull", "docker_network", "mpm", "port", "tls_port")
"""Options that would hold for one of several proxies."""


@click.command("test", epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[NAME|FAMILY]...", shell_complete=scenario_names)
@click.option("--proxy", metavar="NAME", help=f"{PROXY}; all: each.")
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
      wslb test lb weights --proxy all          of each proxy, and where they differ
      wslb test --json > run.json               for another program
      wslb test --baseline main/report.json     say what is new since then
      wslb test --maxfail 1 --deadline 60       no more than one failure, and no more than a minute
    """
    if options["proxy"] == ALL:
        _ask_all(names, baseline, options)
    settings = read_settings(options, os.environ)

    from wslb.cli.running import run_of, run_scenarios
    from wslb.proxies.registry import product_of
    from wslb.scenarios import SCENARIOS
    from wslb.scenarios.ending import Ends
    from wslb.scenarios.scenario import of_method, select

    proxy = product_of(settings.proxy).dialect.title
    chosen = of_method(select(SCENARIOS, names), settings.lbmethod)
    chosen = tuple(scenario for scenario in chosen if scenario.name in names or scenario.concerns(proxy))
    run = run_of(settings, [scenario.name for scenario in chosen])
    ends = Ends(settings)
    run_scenarios(lambda _: chosen, run=run, settings=settings, output=options, baseline=baseline, ends=ends)


def _ask_all(names: tuple[str, ...], baseline: Path | None, options: dict[str, Any]) -> NoReturn:
    """Ask every product, as ``wslb matrix`` does with all of them: one that is not here makes the run end in error."""
    from wslb.cli.matrix import ask_each
    from wslb.proxies.registry import PROXIES

    single = {**{name: options[name] for name in OF_ONE}, "baseline": baseline}
    for name, value in single.items():
        if value is not None:
            said = f"--{name.replace('_', '-')}"
            hint = "wslb matrix takes a program for each: --proxy NAME=FILE."
            raise ConfigError(option=said, value=value, allowed="left out with --proxy all", hint=hint)
    settings = read_settings({**options, "proxy": None}, os.environ)
    ask_each(names, settings, options, proxies=tuple(PROXIES))
