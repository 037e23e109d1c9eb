"""``wslb compare --proxies``: asks each proxy of this machine the same questions, and draws one page of the answers."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from wslb.caller import Interrupted, code_of
from wslb.cli.running import ask, close, run_of, screen_of, until_signal
from wslb.commands.beside import proxy_topics
from wslb.commands.beside.contrasted import contrasted
from wslb.commands.beside.held import TUNNELS, hold
from wslb.commands.installations import NamedInstallation
from wslb.config import Settings, read_settings
from wslb.errors import ConfigError, HarnessError
from wslb.load.conduct import machine
from wslb.load.engines.processes import processes
from wslb.model.disclosure import clean
from wslb.proxies.registry import PROXIES
from wslb.reports import contrast
from wslb.reports.contrast import ContrastColumn, HeldTunnels
from wslb.reports.contrast_lines import lines
from wslb.reports.contrast_rows import contrast_of
from wslb.reports.document import Document
from wslb.reports.files import try_folder
from wslb.reports.screen import Screen
from wslb.scenarios import SCENARIOS
from wslb.scenarios.ending import Ends
from wslb.scenarios.scenario import select

__all__ = ["compare_proxies"]

OF_HTTPD = ("httpd", "modules", "mpm", "carrier")
"""Options of a lab that say something of httpd; the others would hold for one product, or are chosen here."""

OF_THE_PAGE = ("report", "percentiles", "as_json", "quiet", "verbose", "color")


def compare_proxies(text: str, options: Mapping[str, Any]) -> NoReturn:
    """Ask them, write page and document, and end with the gravest exit code.

    Args:
        text: value of ``--proxies``.
        options: all others of ``wslb compare``.

    Raises:
        ConfigError: they make no sense together, or the folder of the report cannot be written.
        StartError: fewer than two can be asked.
    """
    for name, value in options.items():
        if name not in {*OF_HTTPD, *OF_THE_PAGE} and value not in {None, ()}:
            said = {"names": "WORKLOAD", "own": "--workload"}.get(name, f"--{name.replace('_', '-')}")
            shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
            raise ConfigError(option=said, value=shown, allowed="left out with --proxies")
    kept = {name: options[name] for name in (*OF_HTTPD, *OF_THE_PAGE)}
    settings = read_settings({**kept, "report": options["report"] or Path("reports") / "proxies"}, os.environ)
    found, absent = contrasted(settings, text)
    try_folder(settings.report)
    screen = screen_of(options, less=1)
    columns = {
        one.product: ContrastColumn(product=one.product, name=PROXIES[one.product].title, exit_code=3, error=one.reason)
        for one in absent
    }
    documents: dict[str, Document] = {}
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    for one in found:
        product = one.settings.proxy
        columns[product], documents[product] = _column(one, screen)
        if columns[product].exit_code > 100:
            break
    for one in found:
        late = ContrastColumn(product=one.settings.proxy, name=one.name, exit_code=3, error="the run ended before it")
        columns.setdefault(one.settings.proxy, late)
    made = contrast_of(
        [columns[product] for product in PROXIES if product in columns],
        documents,
        proxy_topics.TOPICS,
        command=shlex.join(["wslb", *sys.argv[1:]]),
        started=started,
        machine=_machine(),
    )
    page, _ = contrast.save(made, settings.report)
    if options["as_json"]:
        click.echo(clean(contrast.encode(made)), nl=False)
    if screen.verbosity > -2:
        for line in (*lines(made), f"proxies  {page.resolve().as_uri()}"):
            screen.out.print(clean(line), markup=False, highlight=False, soft_wrap=True)
    sys.exit(made.exit_code)


def _column(one: NamedInstallation, screen: Screen) -> tuple[ContrastColumn, Document]:
    """One proxy: its scenarios, then its tunnels, unless something ended it."""
    chosen = select(SCENARIOS, proxy_topics.asked(one.settings.proxy))
    run = run_of(one.settings, [scenario.name for scenario in chosen])
    told = ask(lambda _: chosen, run=run, settings=one.settings, screen=screen, ends=Ends(one.settings))
    name = str(told.document.environment.get("proxy") or one.name)
    if screen.verbosity > -2:
        screen.out.print(f"\n{name}")
    close(told, screen)
    stopped = f"{told.document.interrupted} stopped it" if told.document.interrupted else ""
    column = ContrastColumn(
        product=one.settings.proxy,
        name=name,
        report=f"{one.folder}/report.html",
        exit_code=told.exit_code,
        error=told.document.error or stopped,
    )
    if column.error:
        return column, told.document
    if screen.verbosity > -2:
        click.echo(f"{name}: {TUNNELS:,} tunnels at a time", err=True)
    try:
        held = _held(one.settings)
    except Interrupted as exc:
        column = msgspec.structs.replace(column, exit_code=code_of(exc.name), error=f"{exc.name} stopped it")
        return column, told.document
    return msgspec.structs.replace(column, held=held), told.document


def _held(settings: Settings) -> HeldTunnels:
    with processes(1) as engine:
        try:
            return until_signal(hold(settings, engine))
        except HarnessError as exc:
            return HeldTunnels(tunnels=TUNNELS, error=" ".join(filter(None, [str(exc), exc.hint])))


def _machine() -> str:
    there = machine()
    loads = " ".join(map(str, there["load_average"])) if isinstance(there["load_average"], list) else ""
    return f"{there['platform']}, {there['cpus']} CPUs, load average {loads}"
