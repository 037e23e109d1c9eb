"""``wslb explain``."""

from __future__ import annotations

import textwrap

import click

from wslb.cli.completion import explained_words

__all__ = ["command"]


@click.command("explain")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=explained_words)
def command(names: tuple[str, ...]) -> None:
    """Say what a name of a report means: a scenario, check, cause, advice, or AH number of Apache's log.

    \b
    Examples:
      wslb explain WSLB-C050            an advice of wslb doctor
      wslb explain lb-byrequests        a scenario, or its family: lb
      wslb explain AH00957              a line of Apache's error log
      wslb explain witnesses_agree      a check; loadfactor: a likely cause
    """
    from wslb.commands.explain import meaning

    found = [meaning(name) for name in names]  # all are known before the first is told
    for number, one in enumerate(found):
        click.echo(f"{chr(10) if number else ''}{one.word}  {one.kind}")
        for name, text in one.lines:
            if text:
                click.echo(
                    textwrap.fill(
                        text, 110, initial_indent=f"  {name:<10} ", subsequent_indent=" " * 13, break_on_hyphens=False
                    )
                )
