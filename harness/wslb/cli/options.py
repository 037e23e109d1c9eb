"""Options that several commands have, cheap to load."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import click

from wslb.config import DockerNetwork, Mpm, PullPolicy, RuntimeChoice
from wslb.model.balancer import CARRIERS, OF_HTTPD
from wslb.wire.approach import SPEAK
from wslb.wire.clients import SHAPES
from wslb.wire.naming import NameRule

__all__ = [
    "EXIT_CODES",
    "PROXY",
    "backend_options",
    "baseline_option",
    "demand_options",
    "lab_options",
    "lbmethod_option",
    "output_options",
    "place_options",
    "proxy_option",
    "reading_options",
    "report_option",
    "server_options",
]

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


place_options = _together(
    click.option(
        "--runtime", type=click.Choice([choice.value for choice in RuntimeChoice]), help="Where the proxy runs."
    ),
    click.option("--httpd", metavar="FILE", help="Program of the httpd; found by itself otherwise."),
    click.option("--modules", metavar="DIR", help="Folder of its modules; asked of the program otherwise."),
    click.option(
        "--image",
        metavar="NAME",
        help="Image of the container (httpd:2.4, nginx:stable, haproxy:lts); NAME@DIGEST pins it.",
    ),
    click.option(
        "--pull", type=click.Choice([policy.value for policy in PullPolicy]), help="When the image is pulled."
    ),
    click.option(
        "--docker-network",
        type=click.Choice([network.value for network in DockerNetwork]),
        help="How the container is reached; found out by itself otherwise.",
    ),
)
"""Options of every command that runs an httpd."""

PROXY = "Which proxy: apache, nginx or haproxy; --httpd names its program too"

proxy_option = click.option("--proxy", metavar="NAME", help=f"{PROXY}.")


def _rule(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    return None if value is None else NameRule(rule=value).rule


backend_options = _together(
    click.option(
        "--backend",
        multiple=True,
        metavar="NAME=URL",
        help="A real server (ws:// or wss://) in a stand-in's place, behind a recorder; may be repeated.",
    ),
    click.option("--ca", metavar="FILE", help="Authority of the certificates of such wss:// servers (PEM)."),
    click.option(
        "--identify",
        metavar="RULE",
        callback=_rule,
        help="What of their answers says who it was: header:NAME, cookie:NAME, route:COOKIE, greeting, json:FIELD or "
        "message:REGEX.",
    ),
)
"""Real servers instead of the stand-ins."""

lab_options = _together(
    place_options,
    click.option("--mpm", type=click.Choice([mpm.value for mpm in Mpm]), help="Its MPM; event where it can be had."),
    click.option(
        "--carrier",
        type=click.Choice([carrier.value for carrier in CARRIERS]),
        help="Module that must carry the tunnels.",
    ),
    click.option("--port", type=int, metavar="N", help="Port of the proxy; a free one otherwise."),
    click.option("--tls-port", type=int, metavar="N", help="TLS port of the proxy."),
)
"""Options of every command that opens a lab."""


def _given(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    for value in values:
        if not value.partition("=")[0] or "=" not in value:
            raise click.UsageError(f"--set is {value!r}, but must be NAME=VALUE")
    return dict(value.split("=", 1) for value in values)


def _defined(_context: click.Context, _option: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not re.fullmatch(r"[^\s=${}\"]+(=[^\r\n]*)?", name):
            raise click.UsageError(f"-D is {name!r}, but must be NAME or NAME=VALUE")
    return names


def reading_options(*, given: str = "") -> Option:
    """What a configuration of the user's gets from outside; `given` says when the options count."""
    return _together(
        click.option(
            "-D",
            "defines",
            multiple=True,
            metavar="NAME[=VALUE]",
            callback=_defined,
            help=f"{given}{'as' if given else 'As'} httpd's own -D, or as Define; may be repeated.",
        ),
        click.option(
            "--set",
            "values",
            multiple=True,
            metavar="NAME=VALUE",
            callback=_given,
            help=f"{given}{'value' if given else 'Value'} of a placeholder or a variable.",
        ),
    )


baseline_option = click.option(
    "--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Earlier report.json: say what is new."
)


def lbmethod_option(told: str) -> Option:
    """``--lbmethod``, with what it does to this command."""
    return click.option("--lbmethod", type=click.Choice([method.value for method in OF_HTTPD]), help=told)


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


def _shares(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[int, ...]:
    if value is None:
        return ()
    parts = value.split(":")
    if len(parts) < 2 or not all(re.fullmatch(r"[1-9][0-9]{0,3}", part) for part in parts):
        raise click.UsageError(f"--expect-shares is {value!r}, but must be parts such as 3:1, one a backend")
    return tuple(int(part) for part in parts)


demand_options = _together(
    click.option(
        "--expect-shares", "shares", callback=_shares, metavar="3:1", help="Fail unless backends got such parts."
    ),
    click.option("--keep-cookies", is_flag=True, help="Ask too whether a client that keeps its cookies stays on one."),
)
"""What is asked of a balancer that is not ours."""

server_options = _together(
    click.option(
        "--identify",
        default="auto",
        metavar="RULE",
        help="Who answered: greeting, header:NAME, cookie:NAME, route:COOKIE, json:FIELD, message:REGEX; or auto.",
    ),
    click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Further field; may be repeated."),
    click.option(
        "--origin", metavar="ORIGIN", help="Of the page that opens it; the URL's own otherwise, none: without."
    ),
    click.option("--subprotocol", "subprotocols", multiple=True, metavar="NAME", help="Offer it; may be repeated."),
    click.option("--cookie", "cookies", multiple=True, metavar="NAME=VALUE", help="Send it; may be repeated."),
    click.option("--user", metavar="NAME:PASSWORD", help="Basic authentication."),
    click.option("--first-message", metavar="TEXT|@FILE", help="Say this on each fresh tunnel."),
    click.option("--expect", metavar="REGEX", help="A message in answer must fit this."),
    click.option("--speak", type=click.Choice(list(SPEAK)), help="Offer, say and expect what this protocol does."),
    click.option("--ca", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Trust this (PEM)."),
    click.option("--insecure", is_flag=True, help="Do not verify the server's certificate."),
    click.option("--http2", is_flag=True, help="Open by extended CONNECT (RFC 8441)."),
    click.option("--source", "sources", multiple=True, metavar="ADDRESS", help="Connect from it; repeatable, in turn."),
    click.option("--timeout", type=click.FloatRange(0.01, 3600), metavar="S", help="Longest wait for an open."),
    click.option("--shape", type=click.Choice([name for name in SHAPES if name]), help="Fields in the order of this."),
)
"""Options of every command that opens a server's WebSockets (`wslb.cli.reaching.approach_of`)."""
