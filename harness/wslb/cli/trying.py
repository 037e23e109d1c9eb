"""``wslb try``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import click

from wslb.cli.options import EXIT_CODES, output_options, report_option
from wslb.config import Settings, read_settings

__all__ = ["command"]


@click.command("try", epilog=EXIT_CODES)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--path", "paths", multiple=True, metavar="PATH", help="Ask this path alone; may be repeated.")
@click.option("-D", "defines", multiple=True, metavar="NAME", help="As httpd's own -D; may be repeated.")
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="Value of a placeholder or a variable.")
@click.option("--httpd", metavar="FILE", help="Program of the httpd; found by itself otherwise.")
@click.option("--modules", metavar="DIR", help="Folder of its modules; asked of the program otherwise.")
@click.option("--keep", is_flag=True, help="Keep the configuration that was served: adopted.conf beside the report.")
@report_option("Folder of the report (reports/try).")
@output_options(quiet="Only failures and the verdict; -qq: nothing, the exit code alone.")
def command(
    file: Path,
    paths: tuple[str, ...],
    defines: tuple[str, ...],
    values: tuple[str, ...],
    keep: bool,
    **options: Any,
) -> None:
    """Serve an httpd configuration of yours in a lab, and say what becomes of a WebSocket, line by line.

    The real httpd, on free ports of loopback, with a recording backend in the place of each member. Nothing of this
    machine is written, and no server outside the lab is asked.

    \b
    Examples:
      wslb try /etc/apache2/apache2.conf            every WebSocket path of it
      wslb try site.conf --path /ws --path /chat    these paths
      wslb try httpd.conf -D PRODUCTION --set backend=app.example.org
    """
    if wrong := next((path for path in paths if not path.startswith("/") or set(path) & set(" \r\n\t")), None):
        raise click.UsageError(f"--path is {wrong!r}, but must begin with a slash and have no blank")
    if unnamed := next((value for value in values if not value.partition("=")[0] or "=" not in value), None):
        raise click.UsageError(f"--set is {unnamed!r}, but must be NAME=VALUE")
    settings = read_settings({**options, "report": options["report"] or Path("reports") / "try"}, os.environ)

    from wslb.cli.running import run_of, run_scenarios
    from wslb.commands.attempt import Attempt
    from wslb.lab.lab import Lab
    from wslb.lab.trial import open_trial
    from wslb.proxies.apache.advice.adviser import text_of, understood

    understood(text_of(file), file)
    run = run_of(settings, ["conf"])
    again = [word for name in defines for word in ("-D", name)]
    again += ["--httpd", options["httpd"]] if options["httpd"] else []
    attempt = Attempt(
        paths=paths,
        options=again,
        keep=settings.report / "adopted.conf" if keep else None,
        tell_all=options["verbose"] > 0,
    )

    @contextlib.asynccontextmanager
    async def opening(settings: Settings, *, progress: Any, say: Callable[[str], None]) -> AsyncIterator[Lab]:
        given = dict(value.split("=", 1) for value in values)
        async with open_trial(settings, file, defines=defines, values=given, progress=progress, say=say) as trial:
            attempt.begin(trial)
            run.planned = tuple(scenario.name for scenario in attempt.scenarios)
            yield trial.lab

    run_scenarios(
        lambda _: attempt.scenarios,
        run=run,
        settings=settings,
        output=options,
        worded=attempt.worded,
        table=lambda document: tuple(attempt.table(document)),
        opening=opening,
    )
