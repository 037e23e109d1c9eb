"""``wslb try``."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wslb.cli.options import EXIT_CODES, output_options, place_options, reading_options, report_option
from wslb.config import Settings, read_settings
from wslb.model.topics import Topic

if TYPE_CHECKING:
    from wslb.lab.lab import Lab
    from wslb.proxies.adopting import Adoption
    from wslb.reports.ongoing import Ongoing

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
    """Serve a configuration of yours in a lab, and say what becomes of a WebSocket, line by line.

    Of Apache httpd, nginx or HAProxy, which is known by its text. The real program, on free ports of loopback, with a
    recording backend in the place of each member. Nothing of this machine is written, and no server outside the lab is
    asked unless you say so (--backends real).

    \b
    Examples:
      wslb try /etc/apache2/apache2.conf            every WebSocket path of it
      wslb try site.conf --path /ws --path /chat    these paths
      wslb try httpd.conf -D PRODUCTION --set backend=app.example.org
      wslb try httpd.conf --image httpd:2.4         by the httpd of a container
      wslb try httpd.conf --backends real           with the members as they are
      wslb try nginx.conf --ask failure,time        of nginx, by the nginx of this machine
      wslb try haproxy.cfg --httpd /opt/haproxy     of HAProxy, by another than that on PATH
    """
    if wrong := next((path for path in paths if not path.startswith("/") or set(path) & set(" \r\n\t")), None):
        raise click.UsageError(f"--path is {wrong!r}, but must begin with a slash and have no blank")
    settings = read_settings({**options, "report": options["report"] or Path("reports") / "try"}, os.environ)

    topics = _topics(asks or "", real=backends == "real")

    from wslb.cli.running import run_of, run_scenarios
    from wslb.commands.attempt import Attempt, advice_at_start
    from wslb.errors import ProxyConfigRejected, StartError
    from wslb.lab.real_members import RealMembers
    from wslb.lab.trial import open_trial
    from wslb.proxies.apache.conf.textfiles import text_of, understood
    from wslb.proxies.registry import adoption_of

    text = text_of(file)
    run = run_of(settings, ["conf"])
    if adoption := adoption_of(text):
        httpds = {"-D": defines, "--set": values, "--backends": backends == "real", "--image": options["image"]}
        httpds |= {
            "--runtime docker": options["runtime"] == "docker",
            "--modules": options["modules"],
            "--docker-network": options["docker_network"],
        }
        _refuse(adoption, httpds)
        _ask_of(adoption, file, paths, run, settings, options, asks=asks or "", wait=wait, keep=keep)
        return
    understood(text, file)
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


def _refuse(adoption: Adoption, given: Mapping[str, object]) -> None:
    """Say which option means nothing to a product."""
    if wrong := next((name for name, value in given.items() if value), None):
        raise click.UsageError(f"{wrong} is about httpd.conf, but must be left out: the file is for {adoption.proxy}")


def _ask_of(
    adoption: Adoption,
    file: Path,
    paths: Sequence[str],
    run: Ongoing,
    settings: Settings,
    options: dict[str, Any],
    *,
    asks: str,
    wait: float,
    keep: bool,
) -> None:
    """Ask a configuration of a product that tells its paths as values."""
    from wslb.cli.running import run_scenarios
    from wslb.commands.product_attempt import ProductAttempt
    from wslb.lab.adopted.product_trial import open_product_trial

    topics = _topics(asks, real=False)
    every = "all" in [word.strip() for word in asks.split(",")]
    if not every and (foreign := sorted(topics - adoption.topics)):
        allowed = ", ".join(sorted(adoption.topics - {Topic.TURNS}))
        raise click.UsageError(f"--ask is {foreign[0].value!r}, but must be of {allowed}, of {adoption.proxy}")
    again = ["--httpd", settings.httpd] if settings.httpd else []
    attempt = ProductAttempt(
        paths=paths,
        options=[*again, *(["--ask", asks] if asks else [])],
        keep=settings.report / "adopted.conf" if keep else None,
        topics=topics & adoption.topics,
        wait_seconds=wait,
        tell_all=options["verbose"] > 0,
    )

    @contextlib.asynccontextmanager
    async def opening(settings: Settings, *, progress: Any, say: Callable[[str], None]) -> AsyncIterator[Lab]:
        async with open_product_trial(settings, file, adoption, progress=progress, say=say) as trial:
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
