"""The ``wslb`` command: every outcome has its exit code."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from wslb.caller import Interrupted, code_of, end_by_signals, lasting_streams
from wslb.cli import cli
from wslb.errors import EvidenceError, HarnessError, exhausted, plain
from wslb.model.disclosure import clean, redacted

__all__ = ["main", "say"]


def main() -> None:
    """Entry point: every outcome has its exit code, and no traceback reaches a user without ``WSLB_DEBUG=1``."""
    end_by_signals()
    lasting_streams(redacted)
    try:
        cli.main(prog_name="wslb", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.UsageError as exc:
        _wrong(exc)
    except click.ClickException as exc:
        exc.show()
        sys.exit(2)
    except click.exceptions.Exit as exc:
        sys.exit(exc.exit_code)
    except HarnessError as exc:
        _refuse(exc)
    except Interrupted as exc:
        sys.exit(code_of(exc.name))
    except Exception as exc:  # noqa: BLE001 - the last stop: an error of our own gets a sentence and exit code 4
        if lacking := exhausted(exc):
            _refuse(lacking)
        if os.environ.get("WSLB_DEBUG"):
            import traceback  # a plain run needs none of it

            traceback.print_exc()
        click.echo(clean(f"error: wslb itself failed: {plain(exc)}"), err=True)
        click.echo("  do:  Run it again with WSLB_DEBUG=1 and report the traceback.", err=True)
        sys.exit(4)


def _example(command: click.Command, path: str) -> str:
    """First example of a command's help; empty where it has none."""
    lines = (line.strip() for line in (command.help or "").splitlines())
    return next((line.partition("  ")[0] for line in lines if line.startswith(f"{path} ")), "")


def _wrong(error: click.UsageError) -> NoReturn:
    """Wrong usage in the form of every other refusal; help where nothing was said at all."""
    if error.ctx is not None and not sys.argv[1:]:
        click.echo(error.ctx.get_help(), err=True)
        sys.exit(2)
    told = error.format_message().rstrip(".")
    told = told.replace("a valid float", "a number").replace("a valid integer", "a whole number")
    click.echo(clean(f"error: {told}{'' if told.endswith('?') else '.'}"), err=True)
    path = error.ctx.command_path if error.ctx else "wslb"
    example = _example(error.ctx.command, path) if error.ctx and isinstance(error, click.MissingParameter) else ""
    do = f"{example}, for example; {path} --help says more" if example else f"{path} --help says what there is"
    click.echo(f"  do:  {do}.", err=True)
    sys.exit(2)


def _refuse(error: HarnessError) -> NoReturn:
    from wslb.reports.ongoing import exit_code_of

    say(error)
    sys.exit(2 if isinstance(error, EvidenceError) else exit_code_of(error))


def say(error: HarnessError) -> None:
    """What, why, what to do: on stderr."""
    click.echo(clean(f"error: {error}"), err=True)
    for line in error.log_tail:
        click.echo(clean(f"  log: {line}"), err=True)
    if error.hint:
        click.echo(clean(f"  do:  {error.hint}"), err=True)
