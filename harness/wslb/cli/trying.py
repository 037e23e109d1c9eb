"""``wslb try``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import click

from wslb.cli.options import EXIT_CODES, output_options, place_options, reading_options, report_option
from wslb.config import Settings, read_settings
from wslb.model.topics import Topic

__all__ = ["command"]


@click.command("try", epilog=EXIT_CODES)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--path", "paths", multiple=True, metavar="PATH", help="Ask this path alone; may be repeated.")
@reading_options()
@place_options
@click.option("--ask", "asks", metavar="WHAT", help="Ask this too, with commas: failure, time, room, reload, or all.")
@click.option(
    "--wait",
    type=click.FloatRange(1, 3600),
    default=15,
    show_default=True,
    metavar="SECONDS",
    help="Longest time that is waited for as it is written; longer ones are divided, all by one factor.",
)
@click.option("--keep", is_flag=True, help="Keep the configuration that was served: adopted.conf beside the report.")
@report_option("Folder of the report (reports/try).")
@output_options(quiet="Only failures and the verdict; -qq: nothing, the exit code alone.")
def command(
    file: Path,
    paths: tuple[str, ...],
    defines: tuple[str, ...],
    values: dict[str, str],
    asks: str | None,
    wait: float,
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
      wslb try httpd.conf --image httpd:2.4         by the httpd of a container
    """
    if wrong := next((path for path in paths if not path.startswith("/") or set(path) & set(" \r\n\t")), None):
        raise click.UsageError(f"--path is {wrong!r}, but must begin with a slash and have no blank")
    settings = read_settings({**options, "report": options["report"] or Path("reports") / "try"}, os.environ)

    topics = _topics(asks or "")

    from wslb.cli.running import run_of, run_scenarios
    from wslb.commands.attempt import Attempt, advice_at_start
    from wslb.errors import ProxyConfigRejected, StartError
    from wslb.lab.lab import Lab
    from wslb.lab.trial import open_trial
    from wslb.proxies.apache.conf.textfiles import text_of, understood

    understood(text_of(file), file)
    run = run_of(settings, ["conf"])
    again = [word for name in defines for word in ("-D", name)]
    again += [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    for option in ("runtime", "httpd", "modules", "image", "docker_network"):
        again += [f"--{option.replace('_', '-')}", options[option]] if options[option] else []
    again += ["--ask", asks] if asks else []
    attempt = Attempt(
        paths=paths,
        options=again,
        keep=settings.report / "adopted.conf" if keep else None,
        topics=topics,
        wait_seconds=wait,
        tell_all=options["verbose"] > 0,
    )

    @contextlib.asynccontextmanager
    async def opening(settings: Settings, *, progress: Any, say: Callable[[str], None]) -> AsyncIterator[Lab]:
        try:
            async with open_trial(settings, file, defines=defines, values=values, progress=progress, say=say) as trial:
                attempt.begin(trial)
                run.planned = tuple(scenario.name for scenario in attempt.scenarios)
                try:
                    yield trial.lab
                finally:
                    run.advice = attempt.advice()
        except (ProxyConfigRejected, StartError) as exc:
            run.advice = run.advice or await advice_at_start(exc, file, defines=defines, values=values)
            raise

    run_scenarios(
        lambda _: attempt.scenarios,
        run=run,
        settings=settings,
        output=options,
        worded=attempt.worded,
        table=lambda document: tuple(attempt.table(document)),
        opening=opening,
    )


def _topics(text: str) -> frozenset[Topic]:
    """Topics of ``--ask``."""
    known = [topic.value for topic in Topic]
    named = [word.strip() for word in text.split(",") if word.strip()]
    if wrong := next((word for word in named if word not in {*known, "all"}), None):
        raise click.UsageError(f"--ask is {wrong!r}, but must be of {', '.join(known)}, or all")
    return frozenset((Topic.TURNS, *(Topic(word) for word in (known if "all" in named else named))))
