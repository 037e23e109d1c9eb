"""``wslb selftest``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from wslb.cli.options import EXIT_CODES, lab_options
from wslb.config import read_settings

if TYPE_CHECKING:
    from wslb.commands.selftest import Proof

__all__ = ["command"]


@click.command("selftest", epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[MUTATION]...")
@lab_options
@click.option("--list", "listing", is_flag=True, help="Print the mutations and the checks that must notice them.")
@click.option("--matrix", "table", is_flag=True, help="At the end, print for each check what turned it red.")
def command(names: tuple[str, ...], listing: bool, table: bool, **options: Any) -> None:
    """Break the lab on purpose, and show which check notices each time, and with which sentence.

    What is broken is the configuration of httpd, the wire (a relay spoils heads and frames), or a server.

    \b
    Examples:
      wslb selftest
      wslb selftest probe-proxied greeting-lies
    """
    from wslb.cli.running import until_signal
    from wslb.commands import selftest

    mutations = selftest.chosen(names)
    if listing:
        for mutation in mutations:
            click.echo(
                f"{mutation.name:<26} {mutation.touches.value:<13} {mutation.what}; "
                f"{mutation.scenario}: {', '.join(mutation.checks)}"
            )
        return
    settings = read_settings(options, os.environ)

    async def all_of_them() -> tuple[Proof, ...]:
        async with selftest.open_labs(settings, mutations) as labs:
            return await selftest.prove_all(mutations, labs, done=lambda proof: click.echo(str(proof)))

    proofs = until_signal(all_of_them())
    if table:
        click.echo(selftest.matrix(proofs))
    click.echo(selftest.summary(proofs))
    sys.exit(selftest.exit_code(proofs))
