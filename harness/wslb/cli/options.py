"""Options that several commands have, cheap to load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from wslb.config import DockerNetwork, Mpm, PullPolicy, RuntimeChoice
from wslb.model.balancer import Carrier, LbMethod

__all__ = ["EXIT_CODES", "baseline_option", "lab_options", "lbmethod_option", "output_options", "report_option"]

Option = Callable[[Callable[..., None]], Callable[..., None]]

EXIT_CODES = """\b
Exit codes:
  0  all claims hold          1  a claim failed       2  wrong usage
  3  the lab is not ready     4  could not look       5  nothing ran
  129, 130, 131, 143  interrupted (SIGHUP, SIGINT, SIGQUIT, SIGTERM); the partial report is written
"""


def _together(*options: Option) -> Option:
    def put(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return put


lab_options = _together(
    click.option(
        "--runtime", type=click.Choice([choice.value for choice in RuntimeChoice]), help="Where the proxy runs."
    ),
    click.option("--httpd", metavar="FILE", help="Program of the httpd; found by itself otherwise."),
    click.option("--modules", metavar="DIR", help="Folder of its modules; asked of the program otherwise."),
    click.option("--mpm", type=click.Choice([mpm.value for mpm in Mpm]), help="Its MPM; event where it can be had."),
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
)
"""Options of every command that opens a lab."""

baseline_option = click.option(
    "--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Earlier report.json: say what is new."
)


def lbmethod_option(told: str) -> Option:
    """``--lbmethod``, with what it does to this command."""
    return click.option("--lbmethod", type=click.Choice([method.value for method in LbMethod]), help=told)


def report_option(told: str) -> Option:
    """``--report``, with what it means for this command."""
    return click.option("--report", type=click.Path(path_type=Path), metavar="DIR", help=told)


def output_options(*, quiet: str) -> Option:
    """Options of every command that shows scenarios: what `wslb.cli.running.run_scenarios` takes as `output`."""
    return _together(
        click.option("--percentiles", metavar="P,P,…", help="Of latencies: which the report shows (50,90,99,99.9)."),
        click.option(
            "--json", "as_json", is_flag=True, help="Print the report's JSON document on stdout, and nothing else."
        ),
        click.option("-q", "--quiet", count=True, help=quiet),
        click.option("-v", "--verbose", count=True, help="Also each connection; -vv: its header fields."),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            help="Colour; NO_COLOR turns it off too.",
        ),
    )
