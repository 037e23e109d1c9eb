"""``wslb list``."""

from __future__ import annotations

import json

import click

from wslb.cli.completion import scenario_names

__all__ = ["command"]


@click.command("list")
@click.argument("names", nargs=-1, metavar="[NAME|FAMILY]...", shell_complete=scenario_names)
@click.option("--json", "as_json", is_flag=True, help="One JSON list on stdout.")
def command(names: tuple[str, ...], as_json: bool) -> None:
    """List scenarios with their questions and limits."""
    from wslb.scenarios import SCENARIOS
    from wslb.scenarios.scenario import select

    chosen = select(SCENARIOS, names)
    if as_json:
        rows = [{"name": s.name, "family": s.family, "question": s.question, "limit": s.limit} for s in chosen]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for scenario in chosen:
        click.echo(f"{scenario.name}\n    {scenario.question}\n    limit: {scenario.limit}")
