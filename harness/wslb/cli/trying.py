"""``wslb try``."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
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
@click.option(
    "--backends",
    type=click.Choice(["stand-ins", "real"]),
    default="stand-ins",
    help="What stands behind: stand-ins, or the members as they are, a recorder before each; asks first.",
)
@click.option("--yes", is_flag=True, help="With --backends real: do not ask first.")
@click.option("--reach", multiple=True, metavar="HOST", help="With it: a host of another machine that may be asked.")
@click.option(
    "--ca", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="With it: trust this (PEM)."
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
    backends: str,
    yes: bool,
    reach: tuple[str, ...],
    ca: Path | None,
    **options: Any,
) -> None:
    """Serve an httpd configuration of yours in a lab, and say what becomes of a WebSocket, line by line.

    The real httpd, on free ports of loopback, with a recording backend in the place of each member. Nothing of this
    machine is written, and no server outside the lab is asked unless you say so (--backends real).

    \b
    Examples:
      wslb try /etc/apache2/apache2.conf            every WebSocket path of it
      wslb try site.conf --path /ws --path /chat    these paths
      wslb try httpd.conf -D PRODUCTION --set backend=app.example.org
      wslb try httpd.conf --image httpd:2.4         by the httpd of a container
      wslb try httpd.conf --backends real           with the members as they are
    """
    if wrong := next((path for path in paths if not path.startswith("/") or set(path) & set(" \r\n\t")), None):
        raise click.UsageError(f"--path is {wrong!r}, but must begin with a slash and have no blank")
    settings = read_settings({**options, "report": options["report"] or Path("reports") / "try"}, os.environ)

    topics = _topics(asks or "", real=backends == "real")

    from wslb.cli.running import run_of, run_scenarios
    from wslb.commands.attempt import Attempt, advice_at_start
    from wslb.errors import ProxyConfigRejected, StartError
    from wslb.lab.lab import Lab
    from wslb.lab.real_members import RealMembers
    from wslb.lab.trial import open_trial
    from wslb.proxies.apache.conf.textfiles import text_of, understood

    understood(text_of(file), file)
    run = run_of(settings, ["conf"])
    real = None
    if backends == "real":
        real = RealMembers(agreed=partial(_agreed, yes=yes), reach=reach, ca=str(ca) if ca else None)
    again = [word for name in defines for word in ("-D", name)]
    again += [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    for option in ("runtime", "httpd", "modules", "image", "docker_network"):
        again += [f"--{option.replace('_', '-')}", options[option]] if options[option] else []
    again += ["--ask", asks] if asks else []
    again += ["--backends", "real", *(word for host in reach for word in ("--reach", host))] if real else []
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
            trying = open_trial(settings, file, defines=defines, values=values, real=real, progress=progress, say=say)
            async with trying as trial:
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


def _agreed(places: Sequence[str], *, yes: bool) -> bool:
    """Whether somebody says that these servers may be asked."""
    told = f"This opens WebSockets at {', '.join(places)}. Go on?"
    return yes or (sys.stdin.isatty() and click.confirm(told, err=True))


def _topics(text: str, *, real: bool) -> frozenset[Topic]:
    """Topics of ``--ask``; nobody fills a server that is real."""
    known = [topic.value for topic in Topic]
    named = [word.strip() for word in text.split(",") if word.strip()]
    if wrong := next((word for word in named if word not in {*known, "all"}), None):
        raise click.UsageError(f"--ask is {wrong!r}, but must be of {', '.join(known)}, or all")
    if real and Topic.ROOM in named:
        raise click.UsageError("--ask is 'room', which opens up to 2,000 tunnels, but must not be with --backends real")
    topics = {Topic.TURNS, *(Topic(word) for word in (known if "all" in named else named))}
    return frozenset(topics - {Topic.ROOM} if real else topics)
