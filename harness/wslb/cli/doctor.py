"""``wslb doctor``."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from wslb.cli.options import EXIT_CODES, lab_options
from wslb.config import PullPolicy, RuntimeChoice, read_settings
from wslb.model.disclosure import clean, redacted_all

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
@click.option("--conf", type=click.Path(path_type=Path), metavar="FILE", help="Look at this httpd.conf instead.")
@click.option(
    "--path",
    "paths",
    multiple=True,
    metavar="PATH",
    callback=_rooted,
    help="With --conf: which line takes an upgrade of it, and what the backend would see.",
)
@click.option("--tunnels", type=click.IntRange(min=1), metavar="N", help="With --conf: WebSockets expected at a time.")
@click.option(
    "--for", "version", metavar="VERSION", help="With --conf: httpd that it is for (2.4.37); that of this machine else."
)
@click.option(
    "--run-httpd",
    is_flag=True,
    help="With --conf: as root too, let httpd -t read the file; it loads the file's modules, which runs their code.",
)
@click.option("--json", "as_json", is_flag=True, help="With --conf: one JSON document on stdout.")
def command(
    install: bool,
    quiet: bool,
    timed: bool,
    conf: Path | None,
    paths: tuple[str, ...],
    tunnels: int | None,
    version: str | None,
    run_httpd: bool,
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
    """
    if version is not None and not re.fullmatch(r"2\.4\.\d{1,3}", version):
        raise click.UsageError(f"--for is {version!r}, but must be a version of httpd 2.4, such as 2.4.37")
    settings = read_settings(options, os.environ)

    from wslb.cli.running import until_signal, waiting_bar
    from wslb.commands import doctor
    from wslb.proxies.apache import provision

    if conf is not None:
        answer = until_signal(
            doctor.advise(settings, conf, tunnels=tunnels, version=version or "", run_httpd=run_httpd, paths=paths)
        )
        if as_json:
            click.echo(json.dumps(redacted_all(answer.document()), indent=1, ensure_ascii=False))
        else:
            click.echo(clean("\n".join([*map(str, answer.paths), *map(str, answer.advice), answer.summary])))
        sys.exit(answer.exit_code)
    if tunnels is not None or as_json or version is not None or run_httpd or paths:
        raise click.UsageError("--path, --tunnels, --for, --run-httpd and --json go with --conf FILE")
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
