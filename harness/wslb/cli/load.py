"""``wslb load``."""

from __future__ import annotations

from typing import Any

import click

from wslb.cli.options import demand_options, lbmethod_option, report_option, server_options
from wslb.model.balancer import CARRIERS

__all__ = ["command"]

EXIT_CODES = """\b
Exit codes:
  0  every limit holds        1  a limit does not hold, or a process was lost
  2  wrong usage              3  the lab is not ready
  4  INVALID: the client could not do what was asked, so the latencies say nothing
  129, 130, 131, 143  interrupted (SIGHUP, SIGINT, SIGQUIT, SIGTERM); the partial result is written
"""


@click.command("load", epilog=EXIT_CODES)
@click.argument("url", required=False, metavar="[URL]")
@click.option("--connections", type=int, metavar="N", help="Tunnels to open in all (400; URL: 20).")
@click.option("--rate", type=float, metavar="R", help="Open model: R opens per second, whatever the answers do.")
@click.option("--concurrency", type=int, metavar="C", help="Closed model: C opens at a time (64).")
@click.option(
    "--ramp", type=float, default=0.0, metavar="S", help="Grow to the rate in S seconds; or spread all opens."
)
@click.option("--duration", type=float, metavar="S", help="Open for S seconds.")
@click.option("--hold", type=float, metavar="S", help="Keep every tunnel open until S seconds after the last open.")
@click.option("--messages", type=int, default=0, metavar="N", help="Messages echoed on each tunnel (0).")
@click.option("--size", type=int, default=64, metavar="BYTES", help="Length of a message (64).")
@click.option("--commands", metavar="CL,CL,…", help="Run these CL commands, in turn, and check their answers.")
@click.option("--limit", "limits", multiple=True, metavar="'NAME<VALUE'", help="Such as 'p99<10ms'; may be repeated.")
@click.option(
    "--faults", "faults", multiple=True, metavar="KIND:MEMBER@S", help="Such as kill:node@5; may be repeated."
)
@click.option(
    "--backend", multiple=True, metavar="NAME=URL", help="Lab: a real server, behind a recorder; twice for two."
)
@server_options
@demand_options
@click.option("--processes", type=int, default=1, metavar="N", help="Client processes (1).")
@click.option("--dask", metavar="ADDRESS", help="Run on the workers of a dask cluster, such as tcp://scheduler:8786.")
@click.option("--lag-limit", default="250ms", metavar="TIME", help="INVALID when the client's own p99 lag is longer.")
@click.option(
    "--backends", type=click.Choice(["lean", "stand-ins"]), default="lean", help="Lab: programs behind Apache."
)
@click.option("--tls", is_flag=True, help="Lab: over wss://.")
@lbmethod_option("Lab: of the balancer.")
@click.option(
    "--carrier", type=click.Choice([carrier.value for carrier in CARRIERS]), help="Lab: module of the tunnels."
)
@click.option("--httpd", metavar="FILE", help="Lab: program of the local httpd.")
@report_option("Folder of the result (reports/load).")
@click.option("--percentiles", metavar="P,P,…", help="Of latencies: which to tell (50,75,90,95,99,99.9,99.99).")
@click.option("--json-lines", is_flag=True, help="Progress and result as JSON, one object a line, on stdout.")
@click.option("--yes", is_flag=True, help="URL: do not ask before a large run.")
def command(url: str | None, **options: Any) -> None:
    """Open, hold and talk over many tunnels, through the lab or against a URL of your own.

    \b
    Examples:
      wslb load --connections 10000 --hold 10 --messages 1 --limit lost=0 --limit 'imbalance<1%'
      wslb load --rate 200 --duration 60 --limit 'p99<10ms'
      wslb load --connections 400 --hold 10 --faults kill:node@5
      wslb load --commands WRKSBS,WRKSYSSTS --connections 400
      wslb load wss://example.test/ws --identify cookie:ROUTEID --connections 100
      wslb load wss://example.test --speak socketio --expect-shares 3:1
      wslb load --backend a=ws://host:10000/WSConsole --backend b=ws://host:8888
    """
    from wslb.cli.loading import run_load

    run_load(url, options)
