"""``wslb up``."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import click

from wslb.cli.options import EXIT_CODES, backend_options, lab_options, lbmethod_option, proxy_option, reading_options
from wslb.config import read_settings

__all__ = ["command"]

_HOSTS = ("127.0.0.1", "localhost")
"""Hosts of the console page's own origins: it may also speak to the other side of httpd, and to a backend."""


_LISTENERS = 4
"""Of the two backends, plain and TLS."""

_NOT_OF_A_CONFIGURATION = ("proxy", "backend", "ca", "identify", "backend_ports", "port", "tls_port", "lbmethod",
                           "carrier", "mpm")  # fmt: skip
"""What a configuration of the user's says itself, and what is free ports for it."""


def _ports(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[tuple[int, int], ...] | None:
    """Two pairs; None where the option is not given."""
    if text is None:
        return None
    words = ["0"] * _LISTENERS if text == "free" else [word.strip() for word in text.split(",")]
    numbers = [int(word) for word in words if re.fullmatch(r"\d{1,5}", word) and int(word) < 65536]
    given = [number for number in numbers if number]
    if not len(words) == len(numbers) == _LISTENERS or len({*given}) < len(given):
        raise click.UsageError(
            f"--backend-ports is {text!r}, but must be free, or four different ports with commas between them, "
            "such as 10000,10443,8888,8889; 0 is a free one"
        )
    return ((numbers[0], numbers[1]), (numbers[2], numbers[3]))


@click.command("up", epilog=EXIT_CODES)
@proxy_option
@lab_options
@backend_options
@lbmethod_option("lbmethod of both balancers.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Pages of this origin may run commands too, such as https://example.org.",
)
@click.option(
    "--backend-ports",
    metavar="free|P,P,P,P",
    callback=_ports,
    help="Of liberty (ws, wss) and node (ws, wss); the article's are 10000,10443,8888,8889.",
)
@click.option("--conf", type=click.Path(path_type=Path), metavar="FILE", help="Serve this configuration of yours.")
@reading_options()
def command(
    origins: tuple[str, ...], conf: Path | None, defines: tuple[str, ...], values: dict[str, str], **options: Any
) -> None:
    """Leave the lab running on the article's ports, Apache on 8080 and 8443, until Ctrl+C.

    With --conf, as wslb try serves it: on free ports of loopback, a backend in the place of each member, which runs CL
    commands on every path, and the console page beside it.

    \b
    Examples:
      wslb up
      wslb up --lbmethod bybusyness --port 9090 --tls-port 9443
      wslb up --backend-ports free                               beside servers that have the article's ports
      wslb up --backend liberty=ws://host:10000/WSConsole        before servers of yours (docs/howto/servers.md)
      wslb up --proxy nginx                                      nginx in the place of Apache
      wslb up --conf /etc/apache2/apache2.conf
    """
    if conf is None:
        if defines or values:
            raise click.UsageError("-D and --set are for a configuration of yours: --conf FILE")
        options["port"] = 8080 if options["port"] is None else options["port"]
        options["tls_port"] = 8443 if options["tls_port"] is None else options["tls_port"]
        plain, tls = options["port"], options["tls_port"]
        own = [f"http://{host}:{plain}" for host in _HOSTS] + [f"https://{host}:{tls}" for host in _HOSTS]
        origins = (*own, *origins)
    elif given := [f"--{name.replace('_', '-')}" for name in _NOT_OF_A_CONFIGURATION if options[name]]:
        raise click.UsageError(
            f"{given[0]} does not go with --conf: the configuration says it, and each listener gets a free port"
        )
    settings = read_settings({**options, "fixed_ports": True, "origins": origins}, os.environ)

    from wslb.caller import Interrupted, code_of
    from wslb.cli.running import until_signal, waiting_bar
    from wslb.commands.up import stand, stand_for

    try:
        with waiting_bar() as bar:
            if conf is None:
                until_signal(stand(settings, say=click.echo, progress=bar))
            else:
                from wslb.proxies.apache.conf.textfiles import text_of, understood

                understood(text_of(conf), conf)
                work = stand_for(conf, settings, defines=defines, values=values, say=click.echo, progress=bar)
                until_signal(work)
    except Interrupted as exc:
        click.echo(f"\nStopped by {exc.name}; nothing is left running.")
        sys.exit(0 if exc.name == "SIGINT" else code_of(exc.name))
