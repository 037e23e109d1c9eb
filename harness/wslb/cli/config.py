"""``wslb config``."""

from __future__ import annotations

import os
from typing import Any

import click

from wslb.cli.completion import scenario_names
from wslb.cli.options import lab_options, lbmethod_option
from wslb.config import read_settings

__all__ = ["command"]


@click.command("config")
@click.argument("name", required=False, metavar="[SCENARIO]", shell_complete=scenario_names)
@lab_options
@lbmethod_option("lbmethod of both balancers.")
@click.option("--compose", is_flag=True, help="The one that compose.yaml mounts for Apache.")
def command(name: str | None, compose: bool, **options: Any) -> None:
    """Print the httpd.conf that `wslb up` serves, or that of one scenario.

    \b
    Examples:
      wslb config
      wslb config article-listing8 --carrier http
      wslb config --compose --lbmethod bytraffic > apache/httpd.bytraffic.conf
    """
    settings = read_settings(options, os.environ)

    from wslb.cli.running import until_signal
    from wslb.commands import preview
    from wslb.scenarios import SCENARIOS
    from wslb.scenarios.scenario import select

    if compose:
        click.echo(preview.compose_configuration(settings.lbmethod), nl=False)
        return
    scenario = select(SCENARIOS, (name,))[0] if name else None
    click.echo(until_signal(preview.configuration(settings, scenario)), nl=False)
