"""``wslb matrix``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from wslb.cli.completion import scenario_names
from wslb.cli.options import EXIT_CODES, output_options, report_option
from wslb.config import Settings, read_settings
from wslb.model.balancer import CARRIERS

__all__ = ["ask_each", "command"]


@click.command("matrix", epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[NAME|FAMILY]...", shell_complete=scenario_names)
@click.option("--httpd", "httpds", multiple=True, metavar="FILE", help="Program of an Apache httpd; may be repeated.")
@click.option("--image", "images", multiple=True, metavar="NAME", help="Image of one; may be repeated.")
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="NAME[=FILE]",
    help="apache, nginx or haproxy, and its program; repeatable.",
)
@click.option(
    "--carrier", type=click.Choice([carrier.value for carrier in CARRIERS]), help="Module that must carry the tunnels."
)
@click.option("--jobs", type=int, metavar="N", help="Scenarios at the same time, each in a lab of its own (by cores).")
@click.option("--limit", type=float, metavar="SECONDS", help="Longest time of a scenario, errored after it (300).")
@report_option("Folder of the table and of the report of each (reports/matrix).")
@output_options(quiet="Only verdicts and the table; -qq: nothing, the exit code alone.")
def command(
    names: tuple[str, ...],
    httpds: tuple[str, ...],
    images: tuple[str, ...],
    proxies: tuple[str, ...],
    **options: Any,
) -> None:
    """Ask several installations the same scenarios, and say where their answers differ.

    Without an installation: one of each product that is found on this machine.

    \b
    Examples:
      wslb matrix lb sticky --httpd /opt/2.4.46/bin/httpd --httpd /usr/sbin/apache2
      wslb matrix --image httpd:2.4.58 --image httpd:2.4.66
      wslb matrix lb weights --proxy apache --proxy nginx=/opt/nginx/sbin/nginx
    """
    settings = read_settings({**options, "report": options["report"] or Path("reports") / "matrix"}, os.environ)
    ask_each(names, settings, options, httpds=httpds, images=images, proxies=proxies)


def ask_each(
    names: tuple[str, ...],
    settings: Settings,
    options: Mapping[str, Any],
    *,
    httpds: Sequence[str] = (),
    images: Sequence[str] = (),
    proxies: Sequence[str] = (),
) -> NoReturn:
    """Ask each installation these scenarios, write the table, and end with the gravest exit code.

    Args:
        names: of scenarios and families.
        settings: of the command; `lbmethod` leaves out scenarios of others.
        options: of the command, for its output.
        httpds, images, proxies: `wslb.commands.installations.installations`.

    Raises:
        ConfigError: they make no sense, or the folder of the report cannot be written.
    """
    from wslb.cli.running import ask, close, run_of, screen_of
    from wslb.commands.installations import installations
    from wslb.model.disclosure import clean
    from wslb.reports import matrix
    from wslb.reports.files import try_folder
    from wslb.scenarios import SCENARIOS
    from wslb.scenarios.ending import Ends
    from wslb.scenarios.scenario import of_method, select

    chosen = of_method(select(SCENARIOS, names), settings.lbmethod)
    asked = installations(settings, httpds=httpds, images=images, proxies=proxies)
    try_folder(settings.report)
    screen = screen_of(options, less=1)
    columns, documents, seen = [], [], set[str]()
    for one in asked:
        run = run_of(one.settings, [scenario.name for scenario in chosen])
        told = ask(lambda _: chosen, run=run, settings=one.settings, screen=screen, ends=Ends(one.settings))
        name = str(told.document.environment.get("proxy") or one.name)
        name = f"{name} ({one.name})" if name in seen else name
        seen.add(name)
        if screen.verbosity > -2:
            screen.out.print(f"\n{name}")
        close(told, screen)
        columns.append(matrix.column_of(told.document, name=name, report=f"{one.folder}/report.html"))
        documents.append(told.document)
        if run.interrupted:
            break
    made = matrix.matrix_of(columns, documents, command=documents[0].command)
    page, _ = matrix.save(made, settings.report)
    if options["as_json"]:
        click.echo(clean(matrix.encode(made)), nl=False)
    if screen.verbosity > -2:
        for line in (*matrix.lines(made), f"matrix  {page.resolve().as_uri()}"):
            screen.out.print(clean(line))
    sys.exit(made.exit_code)
