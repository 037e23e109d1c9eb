"""``wslb doctor``."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from wslb.cli.options import EXIT_CODES, lab_options, reading_options
from wslb.config import PullPolicy, RuntimeChoice, read_settings

__all__ = ["command"]


def _rooted(_context: click.Context, _option: click.Parameter, paths: tuple[str, ...]) -> tuple[str, ...]:
    for path in paths:
        if not path.startswith("/"):
            raise click.UsageError(f"--path is {path!r}, but must begin with a slash, as a request does: /ws")
    return paths


@click.command("doctor", epilog=EXIT_CODES)
@lab_options
@click.option("--install", is_flag=True, help="Install httpd with the system's package manager where it is missing.")
@click.option("-q", "--quiet", is_flag=True, help="Only what is missing.")
@click.option("--time", "timed", is_flag=True, help="Also measure the time from launch to a ready lab, ten times.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="")
@click.option(
    "--conf",
    "first",
    type=click.Path(path_type=Path),
    metavar="FILE...",
    help="Look at this httpd.conf instead, and at those that follow.",
)
@click.option(
    "--path",
    "paths",
    multiple=True,
    metavar="PATH",
    callback=_rooted,
    help="With --conf: which line takes an upgrade of it, and what the backend would see.",
)
@click.option("--tunnels", type=click.IntRange(min=1), metavar="N", help="With --conf: WebSockets expected at a time.")
@reading_options(given="With --conf: ")
@click.option(
    "--for",
    "--httpd-version",
    "version",
    metavar="VERSION",
    help="With --conf: httpd that it is for (2.4.37); that of this machine else.",
)
@click.option(
    "--run-httpd",
    is_flag=True,
    help="With --conf: as root too, let httpd -t read the file; it loads the file's modules, which runs their code.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    help="With --conf: how it is told on stdout; sarif is for code scanning, github for the log of a workflow.",
)
@click.option("--json", "as_json", is_flag=True, help="With --conf: the same as --format json.")
def command(
    install: bool,
    quiet: bool,
    timed: bool,
    first: Path | None,
    files: tuple[Path, ...],
    paths: tuple[str, ...],
    tunnels: int | None,
    defines: tuple[str, ...],
    values: dict[str, str],
    version: str | None,
    run_httpd: bool,
    form: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Say what is missing on this machine, and how to get it; or what is wrong with an httpd configuration.

    With --conf, httpd -t reads the file too, where there is an httpd: it loads the modules that the file names, which
    runs their code. So root reads the text only, unless --run-httpd asks for it.

    \b
    Examples:
      wslb doctor
      wslb doctor --install
      wslb doctor --time
      wslb doctor --conf /etc/apache2/apache2.conf --tunnels 2000
      wslb doctor --conf httpd.conf --path /ws --path /chat
      wslb doctor --conf sites/*.conf --format sarif -D PRODUCTION --set backend=app.example.org
    """
    if version is not None and not re.fullmatch(r"2\.4\.\d{1,3}", version):
        raise click.UsageError(f"--for is {version!r}, but must be a version of httpd 2.4, such as 2.4.37")
    if as_json and form not in {None, "json"}:
        raise click.UsageError(f"--json is --format json, but --format is {form}")
    settings = read_settings(options, os.environ)

    from wslb.cli.main import say
    from wslb.cli.running import until_signal, waiting_bar
    from wslb.commands import doctor
    from wslb.commands.advised import FORMATS
    from wslb.proxies.apache import provision

    if first is not None:
        told = until_signal(
            doctor.advise(
                settings,
                (first, *files),
                tunnels=tunnels,
                version=version or "",
                run_httpd=run_httpd,
                paths=paths,
                defines=defines,
                values=values,
            )
        )
        if text := FORMATS["json" if as_json else form or "text"](told):
            click.echo(text)
        for error in told.unread:
            say(error)
        sys.exit(told.exit_code)
    if files or any((tunnels, as_json, form, version, run_httpd, paths, defines, values)):
        raise click.UsageError(
            "--path, --tunnels, -D, --set, --for, --run-httpd, --format and --json go with --conf FILE"
        )
    if not install and settings.pull is PullPolicy.MISSING:
        settings = replace(settings, pull=PullPolicy.NEVER)  # to look is not to fetch
    with waiting_bar() as bar:
        findings = until_signal(doctor.examine(settings, progress=bar))
    missing = any(finding.name == "httpd" and not finding.fine for finding in findings)
    if install and missing and not (settings.httpd or settings.image or settings.runtime is RuntimeChoice.DOCKER):
        provision.install(say=lambda line: click.echo(line, err=True))
        findings = until_signal(doctor.examine(settings))
    for finding in findings:
        if not (quiet and finding.fine):
            click.echo(str(finding))
    problems = sum(not finding.fine for finding in findings)
    if timed and not problems:
        click.echo(until_signal(doctor.launch_times(settings)))
    if problems or not quiet:
        click.echo(f"{problems} problem{'' if problems == 1 else 's'}")
    sys.exit(3 if problems else 0)
