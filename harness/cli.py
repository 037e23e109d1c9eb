"""The ``wslb`` command: reads options, calls the library, turns the outcome into an exit code. No logic of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from harness import doctor as doctor_module
from harness import preview, provision, runner
from harness.balancer import Carrier, LbMethod
from harness.cli_load import load as load_command
from harness.config import RuntimeChoice, load
from harness.errors import ConfigError, EvidenceError, HarnessError
from harness.launch import open_lab
from harness.reporters import json_file
from harness.reporters.console import print_result, print_summary
from harness.reporters.files import redraw, write
from harness.results import Report
from harness.run import Run, exit_code_of
from harness.scenario import Scenario, select
from harness.scenarios import SCENARIOS
from harness.standing import stand

__all__ = ["main"]

T = TypeVar("T")

EXIT_CODES = """\b
Exit codes:
  0  all claims hold          1  a claim failed       2  wrong usage
  3  the lab is not ready     4  could not look       5  nothing ran
  130, 143  interrupted (SIGINT, SIGTERM); the partial report is written
"""


class Interrupted(Exception):
    """A signal ended the command early."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def lab_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every command that opens a lab."""
    for option in reversed(
        [
            click.option(
                "--runtime", type=click.Choice([choice.value for choice in RuntimeChoice]), help="Where the proxy runs."
            ),
            click.option("--httpd", metavar="FILE", help="Program of the local httpd; found by itself otherwise."),
            click.option(
                "--carrier",
                type=click.Choice([carrier.value for carrier in Carrier]),
                help="Module that must carry the tunnels.",
            ),
            click.option("--port", type=int, metavar="N", help="Port of the proxy; a free one otherwise."),
            click.option("--tls-port", type=int, metavar="N", help="TLS port of the proxy."),
        ]
    ):
        command = option(command)
    return command


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
@click.version_option(package_name="wslb", prog_name="wslb", message="%(prog)s %(version)s")
def cli() -> None:
    """Does my reverse proxy really balance WebSockets?

    \b
    Examples:
      wslb test                 ask everything, write reports/lb/report.html
      wslb test lb              ask one family of scenarios
      wslb up                   leave the lab running, with the console page
    """


cli.add_command(load_command)


@cli.command(epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[NAME|FAMILY]...")
@lab_options
@click.option(
    "--lbmethod", type=click.Choice([method.value for method in LbMethod]), help="Only scenarios of this lbmethod."
)
@click.option("--connections", type=int, metavar="N", help="Length of the long serial scenarios (200).")
@click.option("--report", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the report (reports/lb).")
@click.option("--json", "as_json", is_flag=True, help="Print the report's JSON document on stdout, and nothing else.")
def test(names: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Ask scenarios of a real Apache httpd and write the report.

    \b
    Examples:
      wslb test                                 everything
      wslb test lb headers                      two families
      wslb test lb-byrequests --carrier http    one scenario over mod_proxy_http
      wslb test --json > run.json               for another program
    """
    settings = load(options, os.environ)
    chosen = tuple(s for s in select(SCENARIOS, names) if _of_method(s, settings.lbmethod))
    run = Run(planned=[scenario.name for scenario in chosen], command=shlex.join(["wslb", *sys.argv[1:]]))
    out = Console(stderr=as_json, highlight=False)

    async def all_of_them() -> None:
        async with open_lab(settings) as lab:
            run.environment = lab.environment
            _say_leftovers(lab.environment)
            out.print(_headline(lab.environment), soft_wrap=True)
            out.print()

            def done(result: Any) -> None:
                run.add(result)
                print_result(out, result)

            await runner.run_all(chosen, lab, done=done)

    problem: HarnessError | None = None
    try:
        if chosen:
            _until_signal(all_of_them())
    except Interrupted as exc:
        run.interrupted = exc.name
    except HarnessError as exc:
        problem = exc
        run.failed(exc)
    report = run.report()
    _close_test(report, write(report, settings.report), out, as_json=as_json, problem=problem)


def _close_test(
    report: Report, paths: tuple[Path, ...], out: Console, *, as_json: bool, problem: HarnessError | None
) -> None:
    if as_json:
        click.echo(json.dumps(json_file.document(report), ensure_ascii=False))
    if problem:
        _say(problem)
    html = next((path for path in paths if path.suffix == ".html"), paths[0])
    print_summary(out, report, paths=[f"report  {html.resolve().as_uri()}"])
    sys.exit(report.exit_code)


def _of_method(scenario: Scenario, lbmethod: LbMethod | None) -> bool:
    return lbmethod is None or (scenario.judged is not None and scenario.judged.lbmethod is lbmethod)


def _headline(environment: Any) -> str:
    return (
        f"wslb {environment['wslb']} · {environment['proxy']} ({environment['mpm']}) · {environment['carrier']} · "
        f"runtime {environment['runtime']} ({environment['runtime_reason']}) · "
        f"ready in {environment['ready_seconds']:.2f} s"
    )


@cli.command("list")
@click.argument("names", nargs=-1, metavar="[NAME|FAMILY]...")
@click.option("--json", "as_json", is_flag=True, help="One JSON list on stdout.")
def list_scenarios(names: tuple[str, ...], as_json: bool) -> None:
    """List scenarios with their questions and limits."""
    chosen = select(SCENARIOS, names)
    if as_json:
        rows = [{"name": s.name, "family": s.family, "question": s.question, "limit": s.limit} for s in chosen]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for scenario in chosen:
        click.echo(f"{scenario.name}\n    {scenario.question}\n    limit: {scenario.limit}")


@cli.command(epilog=EXIT_CODES)
@lab_options
@click.option(
    "--lbmethod", type=click.Choice([method.value for method in LbMethod]), help="lbmethod of both balancers."
)
def up(**options: Any) -> None:
    """Leave the lab running on the article's ports, Apache on 8080 and 8443, until Ctrl+C.

    \b
    Examples:
      wslb up
      wslb up --lbmethod bybusyness --port 9090 --tls-port 9443
    """
    options["port"] = 8080 if options["port"] is None else options["port"]
    options["tls_port"] = 8443 if options["tls_port"] is None else options["tls_port"]
    settings = load({**options, "fixed_ports": True}, os.environ)
    try:
        _until_signal(stand(settings, say=click.echo))
    except Interrupted as exc:
        click.echo(f"\nStopped by {exc.name}; nothing is left running.")
        sys.exit(0 if exc.name == "SIGINT" else 143)


@cli.command()
@click.argument("name", required=False, metavar="[SCENARIO]")
@lab_options
@click.option(
    "--lbmethod", type=click.Choice([method.value for method in LbMethod]), help="lbmethod of both balancers."
)
def config(name: str | None, **options: Any) -> None:
    """Print the httpd.conf that `wslb up` serves, or that of one scenario.

    \b
    Examples:
      wslb config
      wslb config article-listing8 --carrier http
    """
    settings = load(options, os.environ)
    scenario = select(SCENARIOS, (name,))[0] if name else None
    click.echo(asyncio.run(preview.configuration(settings, scenario)), nl=False)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--report", type=click.Path(path_type=Path), metavar="DIR", help="Folder to draw into; the file's own.")
def report(file: Path, report: Path | None) -> None:
    """Redraw report.html and junit.xml from a saved report.json.

    \b
    Example:
      wslb report reports/lb/report.json
    """
    document = json_file.load(file)
    for path in redraw(document, report or file.parent):
        click.echo(path.resolve().as_uri())


@cli.command(epilog=EXIT_CODES)
@lab_options
@click.option("--install", is_flag=True, help="Install httpd with the system's package manager where it is missing.")
@click.option("-q", "--quiet", is_flag=True, help="Only what is missing.")
@click.option("--time", "timed", is_flag=True, help="Also measure the time from launch to a ready lab, ten times.")
def doctor(install: bool, quiet: bool, timed: bool, **options: Any) -> None:
    """Say what is missing on this machine, and how to get it.

    \b
    Examples:
      wslb doctor
      wslb doctor --install
      wslb doctor --time
    """
    settings = load(options, os.environ)
    findings = asyncio.run(doctor_module.examine(settings))
    if install and any(finding.name == "httpd" and not finding.fine for finding in findings) and not settings.httpd:
        provision.install(say=lambda line: click.echo(line, err=True))
        findings = asyncio.run(doctor_module.examine(settings))
    for finding in findings:
        if not (quiet and finding.fine):
            click.echo(str(finding))
    problems = sum(not finding.fine for finding in findings)
    if timed and not problems:
        click.echo(_until_signal(doctor_module.launch_times(settings)))
    if problems or not quiet:
        click.echo(f"{problems} problem{'' if problems == 1 else 's'}")
    sys.exit(3 if problems else 0)


def _until_signal(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; the first SIGINT or SIGTERM lets the lab close in order, the second quits at once.

    Raises:
        Interrupted: a signal came.
    """
    caught: list[str] = []

    async def supervised() -> T:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()

        def caught_one(number: signal.Signals) -> None:
            if caught:
                os._exit(128 + number)
            caught.append(number.name)
            click.echo(f"\n{number.name}: stopping the lab; once more quits at once.", err=True)
            if task:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, caught_one, number)
        return await work

    try:
        return asyncio.run(supervised())
    except (asyncio.CancelledError, HarnessError):
        if caught:
            raise Interrupted(caught[0]) from None
        raise


def _say_leftovers(environment: Any) -> None:
    for sentence in environment.get("leftovers", ()):
        click.echo(sentence, err=True)


def _say(error: HarnessError) -> None:
    """What, why, what to do: on stderr."""
    click.echo(f"error: {error}", err=True)
    for line in error.log_tail:
        click.echo(f"  log: {line}", err=True)
    if error.hint:
        click.echo(f"  do:  {error.hint}", err=True)


def main() -> None:
    """Entry point: every outcome has its exit code, and no traceback reaches a user without ``WSLB_DEBUG=1``."""
    try:
        cli.main(prog_name="wslb", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as exc:
        exc.show()
        sys.exit(2)
    except click.exceptions.Exit as exc:
        sys.exit(exc.exit_code)
    except HarnessError as exc:
        _say(exc)
        sys.exit(2 if isinstance(exc, (ConfigError, EvidenceError)) else exit_code_of(exc))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as exc:  # noqa: BLE001 - the last stop: an error of our own gets a sentence and exit code 4
        if os.environ.get("WSLB_DEBUG"):
            traceback.print_exc()
        click.echo(f"error: wslb itself failed: {type(exc).__name__}: {exc}", err=True)
        click.echo("  do:  Run it again with WSLB_DEBUG=1 and report the traceback.", err=True)
        sys.exit(4)
