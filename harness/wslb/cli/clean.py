"""``wslb clean``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("clean")
def command() -> None:
    """Remove what runs left that were killed: processes, folders, containers. Live runs are not touched.

    \b
    Example:
      wslb clean
    """
    from wslb.cli.running import until_signal
    from wslb.lab.launch import clean

    for sentence in (found := until_signal(clean())):
        click.echo(sentence)
    click.echo(f"{len(found)} leftover{'' if len(found) == 1 else 's'} removed")
