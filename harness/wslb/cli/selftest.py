"""``wslb selftest``."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from wslb.cli.completion import mutation_names
from wslb.cli.options import EXIT_CODES, lab_options, proxy_option
from wslb.config import Settings, read_settings
from wslb.errors import ConfigError

if TYPE_CHECKING:
    from wslb.commands.mutations.proof import Proof

__all__ = ["command"]


@click.command("selftest", epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[MUTATION]...", shell_complete=mutation_names)
@proxy_option
@lab_options
@click.option("--list", "listing", is_flag=True, help="Print the mutations and the checks that must notice them.")
@click.option("--matrix", "table", is_flag=True, help="At the end, print for each check what turned it red.")
@click.option("--seed", type=int, metavar="N", help="Break at random and vary sound set-ups instead, by this seed.")
@click.option("--rounds", type=int, metavar="M", help="How many rounds; without --seed the clock gives one.  [100]")
@click.option("--round", "number", type=int, metavar="K", help="Only round K of the seed.")
def command(
    names: tuple[str, ...],
    listing: bool,
    table: bool,
    seed: int | None,
    rounds: int | None,
    number: int | None,
    **options: Any,
) -> None:
    """Break the lab on purpose, and show which check notices each time, and with which sentence.

    What is broken is the configuration of the proxy, the wire (a relay spoils heads and frames), or a server. Another
    product than httpd is asked what applies to it, and has its configuration broken in its own language.

    \b
    Examples:
      wslb selftest
      wslb selftest probe-proxied greeting-lies
      wslb selftest --proxy nginx --httpd /usr/sbin/nginx
      wslb selftest --seed 1 --rounds 200
    """
    if (seed, rounds, number) != (None, None, None):
        _at_random(seed, rounds, number, read_settings(options, os.environ), named=bool(names or listing or table))
    from wslb.cli.running import until_signal
    from wslb.commands import selftest
    from wslb.commands.mutations import proof
    from wslb.model.results import Outcome

    settings = read_settings(options, os.environ)
    mutations = selftest.chosen(names, proxy=settings.proxy)
    if listing:
        for mutation in mutations:
            click.echo(
                f"{mutation.name:<26} {mutation.touches.value:<13} {mutation.what}; "
                f"{mutation.scenario}: {', '.join(mutation.checks)}"
            )
        return

    def show(one: Proof) -> None:
        if one.outcome is not Outcome.SKIPPED:
            click.echo(str(one))

    async def all_of_them() -> tuple[Proof, ...]:
        async with selftest.open_labs(settings, mutations) as labs:
            return await selftest.prove_all(mutations, labs, done=show)

    proofs = until_signal(all_of_them())
    for told in filter(None, (proof.skips(proofs), proof.matrix(proofs) if table else "")):
        click.echo(told)
    click.echo(proof.summary(proofs))
    sys.exit(proof.exit_code(proofs))


def _at_random(seed: int | None, rounds: int | None, number: int | None, settings: Settings, *, named: bool) -> None:
    """Ask rounds, and leave with their exit code."""
    from wslb.cli.running import until_signal
    from wslb.commands import rounds as at_random

    if named:
        raise click.UsageError("--seed, --rounds and --round draw by themselves: name no mutation, --list or --matrix.")
    if settings.proxy != Settings().proxy:
        raise click.UsageError("--seed, --rounds and --round vary set-ups of httpd: leave --proxy out.")
    if number is not None and (seed is None or rounds is not None):
        raise click.UsageError("--round takes one round of a seed: give --seed, and no --rounds.")
    if rounds is not None and rounds < 1:
        raise ConfigError(option="--rounds", value=rounds, allowed="a number from 1")
    if seed is None:
        seed = time.time_ns() // 1_000_000_000
    numbers = range(1, (rounds or 100) + 1) if number is None else (number,)
    drawn = [at_random.planned(seed, one) for one in numbers]
    answers = until_signal(at_random.asked(drawn, settings, done=lambda answer: click.echo(str(answer))))
    click.echo(at_random.summary(answers))
    sys.exit(at_random.exit_code(answers))
