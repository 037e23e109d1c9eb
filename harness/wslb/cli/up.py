"""``wslb up``."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from wslb.cli.options import EXIT_CODES, lab_options, lbmethod_option
from wslb.config import read_settings

__all__ = ["command"]

_HOSTS = ("127.0.0.1", "localhost")
"""Hosts of the console page's own origins: it may also speak to the other side of httpd, and to a backend."""


@click.command("up", epilog=EXIT_CODES)
@lab_options
@lbmethod_option("lbmethod of both balancers.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Pages of this origin may run commands too, such as https://example.org.",
)
def command(origins: tuple[str, ...], **options: Any) -> None:
    """Leave the lab running on the article's ports, Apache on 8080 and 8443, until Ctrl+C.

    \b
    Examples:
      wslb up
      wslb up --lbmethod bybusyness --port 9090 --tls-port 9443
    """
    options["port"] = 8080 if options["port"] is None else options["port"]
    options["tls_port"] = 8443 if options["tls_port"] is None else options["tls_port"]
    plain, tls = options["port"], options["tls_port"]
    own = [f"http://{host}:{plain}" for host in _HOSTS] + [f"https://{host}:{tls}" for host in _HOSTS]
    settings = read_settings({**options, "fixed_ports": True, "origins": (*own, *origins)}, os.environ)

    from wslb.caller import Interrupted, code_of
    from wslb.cli.running import until_signal, waiting_bar
    from wslb.commands.up import stand

    try:
        with waiting_bar() as bar:
            until_signal(stand(settings, say=click.echo, progress=bar))
    except Interrupted as exc:
        click.echo(f"\nStopped by {exc.name}; nothing is left running.")
        sys.exit(0 if exc.name == "SIGINT" else code_of(exc.name))
