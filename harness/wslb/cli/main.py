"""The ``wslb`` command: reads options, calls the library, turns the outcome into an exit code. No logic of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from wslb.cli.check import check
from wslb.cli.compare import compare
from wslb.cli.lab import EXIT_CODES, Interrupted, close_run, lab_options, say, until_signal
from wslb.cli.load import load as load_command
from wslb.commands import doctor as doctor_module
from wslb.commands import preview
from wslb.commands import selftest as selftest_module
from wslb.commands.up import stand
from wslb.config import PullPolicy, RuntimeChoice, read_settings
from wslb.errors import ConfigError, EvidenceError, HarnessError
from wslb.lab.launch import clean, open_lab
from wslb.model.balancer import LbMethod
from wslb.model.percentiles import plain
from wslb.model.results import ScenarioResult
from wslb.proxies.apache import provision
from wslb.reports import json_file
from wslb.reports.files import redraw, write
from wslb.reports.ongoing import Ongoing, exit_code_of
from wslb.reports.screen import Colour, Screen, Verbosity
from wslb.reports.waiting_bar import WaitingBar
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.scenario import Scenario, select

__all__ = ["main"]


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
cli.add_command(compare)


@cli.command(epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[NAME|FAMILY]...")
@lab_options
@click.option(
    "--lbmethod", type=click.Choice([method.value for method in LbMethod]), help="Only scenarios of this lbmethod."
)
@click.option("--connections", type=int, metavar="N", help="Length of the long serial scenarios (200).")
@click.option("--report", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the report (reports/lb).")
@click.option(
    "--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Earlier report.json: say what is new."
)
@click.option("--percentiles", metavar="P,P,…", help="Of latencies: which the report shows (50,90,99,99.9).")
@click.option("--json", "as_json", is_flag=True, help="Print the report's JSON document on stdout, and nothing else.")
@click.option("-q", "--quiet", count=True, help="Only failures and the verdict; -qq: nothing, the exit code alone.")
@click.option("-v", "--verbose", count=True, help="Also each connection; -vv: its header fields.")
@click.option(
    "--color",
    type=click.Choice([colour.value for colour in Colour]),
    default=Colour.AUTO.value,
    help="Colour; NO_COLOR turns it off too.",
)
def test(
    names: tuple[str, ...],
    baseline: Path | None,
    as_json: bool,
    quiet: int,
    verbose: int,
    color: str,
    **options: Any,
) -> None:
    """Ask scenarios of a real Apache httpd and write the report.

    \b
    Examples:
      wslb test                                 everything
      wslb test lb headers                      two families
      wslb test lb-byrequests --carrier http    one scenario over mod_proxy_http
      wslb test --json > run.json               for another program
      wslb test --baseline main/report.json     say what is new since then
    """
    settings = read_settings(options, os.environ)
    earlier = json_file.load(baseline) if baseline else None
    chosen = tuple(s for s in select(SCENARIOS, names) if _of_method(s, settings.lbmethod))
    run = Ongoing(
        planned=[scenario.name for scenario in chosen],
        command=shlex.join(["wslb", *sys.argv[1:]]),
        percentiles=settings.percentiles,
    )
    bar = WaitingBar(Console(stderr=True))
    screen = Screen.open(
        environ=os.environ,
        colour=Colour(color),
        verbosity=Verbosity(max(-2, min(2, verbose - quiet))),
        json_on_stdout=as_json,
    )

    async def all_of_them() -> None:
        async with open_lab(settings, progress=bar, say=_tell) as lab:
            bar.close()
            run.environment = lab.environment
            screen.headline(lab.environment, len(chosen))

            def done(result: ScenarioResult) -> None:
                run.add(result)
                screen.result(result)

            await runner.run_all(chosen, lab, done=done, running=screen.running)

    problem: HarnessError | None = None
    try:
        if chosen:
            with bar:
                until_signal(all_of_them())
    except Interrupted as exc:
        run.interrupted = exc.name
    except HarnessError as exc:
        problem = exc
        run.failed(exc)
    report = run.report()
    close_run(report, write(report, settings.report, baseline=earlier), screen, as_json=as_json, problem=problem)


def _of_method(scenario: Scenario, lbmethod: LbMethod | None) -> bool:
    return lbmethod is None or (scenario.judged is not None and scenario.judged.lbmethod is lbmethod)


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
    settings = read_settings({**options, "fixed_ports": True}, os.environ)
    try:
        with WaitingBar(Console(stderr=True)) as bar:
            until_signal(stand(settings, say=click.echo, progress=bar))
    except Interrupted as exc:
        click.echo(f"\nStopped by {exc.name}; nothing is left running.")
        sys.exit(0 if exc.name == "SIGINT" else 143)


@cli.command()
@click.argument("name", required=False, metavar="[SCENARIO]")
@lab_options
@click.option(
    "--lbmethod", type=click.Choice([method.value for method in LbMethod]), help="lbmethod of both balancers."
)
@click.option("--compose", is_flag=True, help="The one that compose.yaml mounts.")
def config(name: str | None, compose: bool, **options: Any) -> None:
    """Print the httpd.conf that `wslb up` serves, or that of one scenario.

    \b
    Examples:
      wslb config
      wslb config article-listing8 --carrier http
      wslb config --compose --lbmethod bytraffic > apache/httpd.bytraffic.conf
    """
    settings = read_settings(options, os.environ)
    if compose:
        click.echo(preview.compose_configuration(settings.lbmethod), nl=False)
        return
    scenario = select(SCENARIOS, (name,))[0] if name else None
    click.echo(asyncio.run(preview.configuration(settings, scenario)), nl=False)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--report", type=click.Path(path_type=Path), metavar="DIR", help="Folder to draw into; the file's own.")
@click.option(
    "--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Earlier report.json: say what is new."
)
@click.option("--percentiles", metavar="P,P,…", help="Of latencies: which to show; those of the run otherwise.")
def report(file: Path, report: Path | None, baseline: Path | None, percentiles: str | None) -> None:
    """Redraw report.html and junit.xml from a saved report.json.

    \b
    Examples:
      wslb report reports/lb/report.json
      wslb report reports/lb/report.json --percentiles 50,75,95
    """
    settings = read_settings({"percentiles": percentiles}, {"WSLB_PERCENTILES": os.environ.get("WSLB_PERCENTILES", "")})
    document = json_file.load(file)
    if settings.percentiles:
        document["percentiles"] = plain(settings.percentiles)
    earlier = json_file.load(baseline) if baseline else None
    for path in redraw(document, report or file.parent, baseline=earlier):
        click.echo(path.resolve().as_uri())


@cli.command(epilog=EXIT_CODES)
@lab_options
@click.option("--install", is_flag=True, help="Install httpd with the system's package manager where it is missing.")
@click.option("-q", "--quiet", is_flag=True, help="Only what is missing.")
@click.option("--time", "timed", is_flag=True, help="Also measure the time from launch to a ready lab, ten times.")
@click.option("--conf", type=click.Path(path_type=Path), metavar="FILE", help="Look at this httpd.conf instead.")
@click.option("--tunnels", type=click.IntRange(min=1), metavar="N", help="With --conf: WebSockets expected at a time.")
@click.option("--json", "as_json", is_flag=True, help="With --conf: one JSON document on stdout.")
def doctor(
    install: bool,
    quiet: bool,
    timed: bool,
    conf: Path | None,
    tunnels: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Say what is missing on this machine, and how to get it; or what is wrong with an httpd configuration.

    \b
    Examples:
      wslb doctor
      wslb doctor --install
      wslb doctor --time
      wslb doctor --conf /etc/apache2/apache2.conf --tunnels 2000
    """
    settings = read_settings(options, os.environ)
    if conf is not None:
        answer = asyncio.run(doctor_module.advise(settings, conf, tunnels=tunnels))
        if as_json:
            click.echo(json.dumps(answer.document(), indent=1, ensure_ascii=False))
        else:
            click.echo("\n".join([*map(str, answer.advice), answer.summary]))
        sys.exit(answer.exit_code)
    if tunnels is not None or as_json:
        raise click.UsageError("--tunnels and --json go with --conf FILE")
    if not install and settings.pull is PullPolicy.MISSING:
        settings = replace(settings, pull=PullPolicy.NEVER)  # to look is not to fetch
    with WaitingBar(Console(stderr=True)) as bar:
        findings = asyncio.run(doctor_module.examine(settings, progress=bar))
    missing = any(finding.name == "httpd" and not finding.fine for finding in findings)
    if install and missing and not (settings.httpd or settings.image or settings.runtime is RuntimeChoice.DOCKER):
        provision.install(say=lambda line: click.echo(line, err=True))
        findings = asyncio.run(doctor_module.examine(settings))
    for finding in findings:
        if not (quiet and finding.fine):
            click.echo(str(finding))
    problems = sum(not finding.fine for finding in findings)
    if timed and not problems:
        click.echo(until_signal(doctor_module.launch_times(settings)))
    if problems or not quiet:
        click.echo(f"{problems} problem{'' if problems == 1 else 's'}")
    sys.exit(3 if problems else 0)


@cli.command("clean")
def clean_up() -> None:
    """Remove what runs left that were killed: processes, folders, containers. Live runs are not touched.

    \b
    Example:
      wslb clean
    """
    for sentence in (found := asyncio.run(clean())):
        click.echo(sentence)
    click.echo(f"{len(found)} leftover{'' if len(found) == 1 else 's'} removed")


def _tell(line: str) -> None:
    """A line for people beside the output proper."""
    click.echo(line, err=True)


cli.add_command(check)


@cli.command(epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[MUTATION]...")
@lab_options
@click.option("--list", "listing", is_flag=True, help="Print the mutations and the checks that must notice them.")
def selftest(names: tuple[str, ...], listing: bool, **options: Any) -> None:
    """Break the lab on purpose, and show which check notices each time, and with which sentence.

    \b
    Examples:
      wslb selftest
      wslb selftest probe-proxied greeting-lies
    """
    mutations = selftest_module.chosen(names)
    if listing:
        for mutation in mutations:
            click.echo(f"{mutation.name:<26} {mutation.what}; {mutation.scenario}: {', '.join(mutation.checks)}")
        return
    settings = read_settings(options, os.environ)

    async def all_of_them() -> list[selftest_module.Proof]:
        async with open_lab(settings) as lab:
            return await selftest_module.prove_all(mutations, lab, done=lambda proof: click.echo(str(proof)))

    proofs = until_signal(all_of_them())
    click.echo(selftest_module.summary(proofs))
    sys.exit(selftest_module.exit_code(proofs))


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
        say(exc)
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
