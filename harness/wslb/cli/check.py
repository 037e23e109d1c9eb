"""``wslb check``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wslb.errors import ConfigError
from wslb.model.disclosure import clean, one_line, redacted_all
from wslb.resources import document_bytes

if TYPE_CHECKING:
    import ssl

    from wslb.commands.check import Probe, ProbeAnswer

__all__ = ["command"]


@click.command("check")
@click.argument("url")
@click.option("--count", type=click.IntRange(1, 1000), default=20, show_default=True, help="Opens, one after another.")
@click.option("--identify", default="auto", metavar="RULE", help="Who answered: greeting, header:NAME or cookie:NAME.")
@click.option("--backends", type=click.IntRange(1), metavar="N", help="Fail unless exactly N backends answered.")
@click.option("--ca", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Authority to trust (PEM).")
@click.option("--insecure", is_flag=True, help="Do not verify the server's certificate.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    url: str, *, count: int, identify: str, backends: int | None, ca: Path | None, insecure: bool, as_json: bool
) -> None:
    """Ask any WebSocket server, or a balancer in front of several, from the outside.

    \b
    Examples:
      wslb check ws://127.0.0.1:8080/ws
      wslb check wss://example.com/socket --identify header:X-Served-By --backends 2
    """
    from dataclasses import asdict

    from wslb.cli.running import until_signal
    from wslb.commands.check import MESSAGE_LIMIT, Mark, NameRule, Probe, ServerUrl
    from wslb.connectors.websocket import WebSocketConnector

    probe = Probe(
        ServerUrl(url=url),
        WebSocketConnector(limit=MESSAGE_LIMIT),
        count=count,
        rule=NameRule(rule=identify),
        tls=_trust(ca, insecure=insecure) if url.startswith("wss") else None,
        backends=backends,
    )
    answers = until_signal(_ask(probe, quiet=as_json))
    asked = [answer for answer in answers if answer.mark != Mark.NOTE]
    held = sum(answer.mark == Mark.HOLDS for answer in asked)
    code = 0 if held == len(asked) else 1
    if as_json:
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


def _trust(ca: Path | None, *, insecure: bool) -> ssl.SSLContext:
    import ssl

    try:
        if ca is not None:
            document_bytes(ca)  # OpenSSL would wait for the writer of a pipe
        context = ssl.create_default_context(cafile=ca)
    except OSError as exc:
        raise ConfigError(option="--ca", value=str(ca), allowed=f"a readable PEM file ({exc})") from exc
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
