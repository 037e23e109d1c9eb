"""Options in, exit codes out. A command is a module of this room and a line below, loaded when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

from wslb.cli.options import EXIT_CODES
from wslb.errors import meant

__all__ = ["COMMANDS", "cli", "loaded"]

COMMANDS = {
    "check": "Ask any WebSocket server, or a balancer in front of several, from the outside.",
    "clean": "Remove what runs left that were killed: processes, folders, containers. Live runs are not touched.",
    "compare": "Which lbmethod suits which workload: the same work under each of them, in turns, again and again.",
    "config": "Print the httpd.conf that `wslb up` serves, or that of one scenario.",
    "doctor": "Say what is missing on this machine, and how to get it; or what is wrong with an httpd configuration.",
    "explain": "Say what a name of a report means: a scenario, check, cause, advice, or AH number of Apache's log.",
    "list": "List scenarios with their questions and limits.",
    "load": "Open, hold and talk over many tunnels, through the lab or against a URL of your own.",
    "matrix": "Ask several installations the same scenarios, and say where their answers differ.",
    "report": "Redraw report.html and junit.xml from a saved report.json.",
    "selftest": "Break the lab on purpose, and show which check notices each time, and with which sentence.",
    "test": "Ask scenarios of a real Apache httpd and write the report.",
    "try": "Serve a configuration of yours in a lab, and say what becomes of a WebSocket, line by line.",
    "up": "Leave the lab running on the article's ports, Apache on 8080 and 8443, until Ctrl+C.",
}
"""Name, its module's too but for `_MODULES`, and the first paragraph of its help, which is shown without loading it."""


_MODULES = {"try": "trying"}
"""Modules of commands whose names are words of Python."""


def loaded(name: str) -> click.Command:
    """The command itself, from its module."""
    command: click.Command = import_module(f"wslb.cli.{_MODULES.get(name, name)}").command
    return command


class LateCommands(click.Group):
    """Knows its commands by name and help, for lists and completion, and loads the one that is going to run."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the command itself in the place of what stood for it."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = meant(args[0], COMMANDS)
            ctx.fail(f"No such command {args[0]!r}. {hint}".strip())
        name, found, rest = super().resolve_command(ctx, args)
        return name, loaded(name) if name in COMMANDS else found, rest


@click.group(cls=LateCommands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(package_name="wslb", prog_name="wslb", message="%(prog)s %(version)s")
def cli() -> None:
    """Does my reverse proxy really balance WebSockets?

    \b
    Examples:
      wslb try httpd.conf       your own configuration, with a verdict
      wslb test                 ask everything, write reports/lb/report.html
      wslb test lb              ask one family of scenarios
      wslb up                   leave the lab running, with the console page
    """


for _name, _help in COMMANDS.items():
    cli.add_command(click.Command(_name, help=_help))
