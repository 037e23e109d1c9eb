"""``wslb check``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from wslb.cli.options import demand_options, server_options
from wslb.model.disclosure import clean, one_line, redacted_all

if TYPE_CHECKING:
    from wslb.commands.check import Probe
    from wslb.wire.opens import ProbeAnswer

__all__ = ["command"]


@click.command("check")
@click.argument("url")
@click.option("--count", type=click.IntRange(1, 1000), default=20, show_default=True, help="Opens, one after another.")
@click.option("--backends", type=click.IntRange(1), metavar="N", help="Fail unless exactly N backends answered.")
@demand_options
@click.option("--echo", is_flag=True, help="It is an echo endpoint: text, binary and 1 MiB must come back.")
@server_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(url: str, **options: Any) -> None:
    """Ask any WebSocket server, or a balancer in front of several, from the outside.

    \b
    Examples:
      wslb check ws://127.0.0.1:8080/ws
      wslb check wss://example.com/socket --identify header:X-Served-By --backends 2
      wslb check wss://example.com --speak socketio --identify json:node --expect-shares 3:1
    """
    from dataclasses import asdict

    from wslb.cli.reaching import approach_of
    from wslb.cli.running import until_signal
    from wslb.commands.check import MESSAGE_LIMIT, Probe
    from wslb.connectors.http2 import Http2Connector
    from wslb.connectors.websocket import WebSocketConnector
    from wslb.wire.opens import Demand, Mark

    approach = approach_of(url, options)
    wanted = Demand(
        count=options["count"],
        backends=options["backends"],
        shares=options["shares"],
        keep_cookies=options["keep_cookies"],
        echo=options["echo"],
    )
    client = WebSocketConnector(limit=MESSAGE_LIMIT, shape=approach.shape, sources=approach.sources)
    probe = Probe(approach, Http2Connector() if approach.http2 else client, wanted=wanted)
    answers = until_signal(_ask(probe, quiet=options["as_json"]))
    asked = [answer for answer in answers if answer.mark != Mark.NOTE]
    held = sum(answer.mark == Mark.HOLDS for answer in asked)
    code = 0 if held == len(asked) else 1
    if options["as_json"]:
        document = {"schema": "wslb.check/1", "url": url, "exit_code": code, "answers": [asdict(a) for a in answers]}
        click.echo(clean(json.dumps(redacted_all(document), ensure_ascii=False)))
    else:
        click.echo(f"\n{held} of {len(asked)} checks hold")
    sys.exit(code)


async def _ask(probe: Probe, *, quiet: bool) -> list[ProbeAnswer]:
    answers: list[ProbeAnswer] = []
    async for answer in probe.answers():
        answers.append(answer)
        if not quiet:
            click.echo(one_line(str(answer)))
    return answers
