"""Conducts a run of ``wslb load``: shows its progress, and ends with result and exit code."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from wslb.caller import in_order
from wslb.cli.main import say
from wslb.cli.reaching import OF_A_URL, approach_of, fields_of
from wslb.cli.running import until_signal
from wslb.config import Settings, read_settings
from wslb.errors import ConfigError, EvidenceError, RuntimeUnavailable
from wslb.interfaces import Forwarder
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.load import disturbance as fault_rules
from wslb.load import thresholds as limit_rules
from wslb.load.conduct import Conductor
from wslb.load.drawing import save
from wslb.load.engines.cluster import dask_cluster
from wslb.load.engines.processes import processes
from wslb.load.engines.shard_place import LoadEngine
from wslb.load.inquiry import Inquiry
from wslb.load.outcome import PERCENTILES
from wslb.load.plan import LoadPlan
from wslb.load.progress import RunProgress
from wslb.load.room import fitting, threads_left
from wslb.load.saved import LoadDocument
from wslb.load.site import ECHO_PATH, load_site
from wslb.load.speech import progress_line, summary
from wslb.model.balancer import LbMethod, Listener
from wslb.model.disclosure import one_line
from wslb.reports.files import try_folder
from wslb.wire.approach import Approach
from wslb.wire.naming import as_name

__all__ = ["run_load"]

FOREIGN_CONNECTIONS, FOREIGN_RATE = 20, 10.0
"""Defaults against a URL: enough to see who answers, too little to hurt."""

ASK_CONNECTIONS, ASK_RATE = 300, 100.0
"""From here on a run against a URL asks first."""

LAB_CONNECTIONS = 400
PLAIN_SECONDS = 2.0
"""Pace of progress lines where nobody watches."""


def run_load(url: str | None, options: Mapping[str, Any]) -> NoReturn:
    """Conduct what the options of ``wslb load`` ask for, write the result, and end with its exit code.

    Raises:
        ConfigError: they make no sense, or the folder of the result cannot be written.
        Interrupted: a signal came before there was anything to tell.
        LabError: the lab could not be brought up.
    """
    chosen = tuple(limit_rules.parse_limit(text) for text in options["limits"]) or _default_limits(options["faults"])
    faults = tuple(fault_rules.parse_fault(text, members=("liberty", "node")) for text in options["faults"])
    if url is not None and faults:
        raise ConfigError(option="--faults", value=options["faults"][0], allowed="used with the lab, not with a URL")
    approach = _approach(url, options)
    plan = _plan(approach, options)
    others = dict.fromkeys(("connections", "backends", "identify"))  # which mean something else here
    ca = str(options["ca"]) if options["backend"] and options["ca"] else None
    settings = read_settings({**options, **others, "ca": ca}, os.environ)
    if not settings.backends:
        settings = replace(settings, lean=options["backends"] == "lean", idle_seconds=plan.patience_seconds)
    if approach is not None:
        _ask(plan, " and ".join(settings.backends.values()) or plan.url, yes=options["yes"])
    report = options["report"] or Path("reports") / "load"
    show = _Show(json_lines=options["json_lines"])
    try_folder(report)
    paths: tuple[Path, ...] = ()
    problem: EvidenceError | None = None
    with in_order():  # until the result is written: one signal does not lose it
        with _engine(options) as engine:
            made = _run(plan, settings, engine, options, show, approach=approach, limits=chosen, faults=faults)
        try:
            paths = save(made, report)
        except EvidenceError as exc:
            problem = exc
    show.end(made, paths)
    if problem:
        say(problem)
    sys.exit(made.outcome.exit_code or (4 if problem else 0))


def _default_limits(faults: tuple[str, ...]) -> tuple[limit_rules.Limit, ...]:
    """Nothing may fail, unless faults are asked for: then losses are the point, and the user says how many."""
    return () if faults else (limit_rules.parse_limit("errors=0"),)


def _plan(approach: Approach | None, options: Mapping[str, Any]) -> LoadPlan:
    foreign = approach is not None
    connections, rate = options["connections"], options["rate"]
    if foreign and connections is None and rate is None and options["concurrency"] is None:
        connections, rate = FOREIGN_CONNECTIONS, FOREIGN_RATE
    if connections is None and options["duration"] is None:
        connections = FOREIGN_CONNECTIONS if foreign else LAB_CONNECTIONS
    commands = tuple(filter(None, map(str.strip, (options["commands"] or "").split(","))))
    messages = options["messages"] or len(commands)
    identify = options["identify"] if foreign or options["identify"] != "auto" else "header:X-Backend"
    plan = LoadPlan(
        url=approach.url if approach else f"{'wss' if options['tls'] else 'ws'}://127.0.0.1/",
        connections=0 if connections is None else connections,
        rate=rate,
        concurrency=options["concurrency"],
        ramp_seconds=options["ramp"],
        duration_seconds=options["duration"],
        hold_seconds=options["hold"],
        messages=messages,
        size=options["size"],
        commands=commands,
        identify=identify,
        greeting=not messages or bool(commands),
        headers=fields_of(options),
        sources=options["sources"],
        lag_seconds=limit_rules.parse_limit(f"lag.p99<{options['lag_limit']}").value,
    )
    if approach is None:
        return plan
    return msgspec.structs.replace(
        plan,
        foreign=True,
        headers=approach.fields(),
        subprotocols=approach.subprotocols,
        shape=approach.shape,
        speech=approach.speech,
        shares=options["shares"],
        keep_cookies=options["keep_cookies"],
        trust=approach.trust,
        insecure=approach.insecure,
        http2=approach.http2,
        handshake_seconds=approach.timeout_seconds or plan.handshake_seconds,
    )


def _approach(url: str | None, options: Mapping[str, Any]) -> Approach | None:
    """How to reach servers that are not ours; None for those of the lab, where such options mean nothing.

    Before real servers in the lab its httpd is reached, at a URL that `_serve` knows.
    """
    if url is not None and options["backend"]:
        raise ConfigError(option="--backend", value=options["backend"][0], allowed="left out with a URL")
    if url is not None:
        return approach_of(url, options)
    if options["backend"]:
        for name in ("insecure", "http2"):
            if options[name]:
                raise ConfigError(option=f"--{name}", value=True, allowed="left out with --backend: httpd is the lab's")
        if options["messages"] and not options["commands"]:
            allowed = "left out with --backend: nobody knows an echo endpoint of a real server"
            hint = "--first-message TEXT and --expect REGEX say something on each tunnel, --commands CL commands."
            raise ConfigError(option="--messages", value=options["messages"], allowed=allowed, hint=hint)
        return approach_of(f"{'wss' if options['tls'] else 'ws'}://127.0.0.1/", {**options, "ca": None})
    for name in (*OF_A_URL, "shares", "keep_cookies"):
        if options[name]:
            option = "--expect-shares" if name == "shares" else f"--{name.removesuffix('s').replace('_', '-')}"
            raise ConfigError(option=option, value=options[name], allowed="given with a URL: the lab is known")
    return None


def _ask(plan: LoadPlan, whom: str, *, yes: bool) -> None:
    """A plain question before a run that could hurt."""
    rate = plan.top_rate if plan.open_model else 0.0
    large = plan.total > ASK_CONNECTIONS or rate > ASK_RATE or (plan.total == 0 and not plan.open_model)
    if yes or not large:
        return
    how_many = f"{plan.total} connections" if plan.total else "connections without a limit of number"
    pace = f", {rate:g} each second" if rate else ""
    question = f"This opens {how_many}{pace} at {whom}. Is that server yours, and may it be loaded so?"
    if not sys.stdin.isatty():
        raise ConfigError(
            option="--connections", value=plan.total, allowed=f"at most {ASK_CONNECTIONS} without --yes", hint=question
        )
    if not click.confirm(question, err=True):
        raise click.Abort


def _engine(options: Mapping[str, Any]) -> AbstractContextManager[LoadEngine]:
    if options["dask"]:
        if any(sign.isspace() for sign in options["dask"]):  # dask's own words would repeat parts of it
            raise ConfigError(
                option="--dask", value=options["dask"], allowed="an address, such as tcp://scheduler:8786"
            )
        return dask_cluster(options["dask"])
    if not 1 <= options["processes"] <= 256:
        raise ConfigError(option="--processes", value=options["processes"], allowed="a number from 1 to 256")
    return processes(options["processes"])


class _Show:
    """Progress on stderr, or as JSON lines on stdout."""

    def __init__(self, *, json_lines: bool) -> None:
        self._json_lines = json_lines
        self._live = sys.stderr.isatty()
        self._last = -PLAIN_SECONDS

    def news(self, news: RunProgress) -> None:
        """Tell progress."""
        if self._json_lines:
            click.echo(json.dumps({"kind": "progress", **msgspec.structs.asdict(news)}))
        elif self._live:
            click.echo(f"\r\x1b[2K{progress_line(news)}", err=True, nl=False)
        elif news.at - self._last >= PLAIN_SECONDS:
            self._last = news.at
            click.echo(one_line(progress_line(news)), err=True)

    def end(self, made: LoadDocument, paths: tuple[Path, ...]) -> None:
        """Tell the result."""
        if self._json_lines:
            click.echo(json.dumps({"kind": "result", **msgspec.to_builtins(made)}))
            return
        if self._live:
            click.echo(err=True)
        for line in summary(made):
            click.echo(one_line(line))
        for path in paths:
            click.echo(f"  {path.resolve().as_uri()}")


def _run(
    plan: LoadPlan,
    settings: Settings,
    engine: LoadEngine,
    options: Mapping[str, Any],
    show: _Show,
    *,
    approach: Approach | None,
    limits: tuple[limit_rules.Limit, ...],
    faults: tuple[fault_rules.PlannedFault, ...],
) -> LoadDocument:
    command = shlex.join(["wslb", *sys.argv[1:]])
    percents = settings.percentiles or PERCENTILES

    conducting: list[Conductor] = []

    def interrupt(signal_name: str) -> bool:
        for conductor in conducting:
            conductor.interrupt(signal_name)
        return bool(conducting)

    async def conducted(conductor: Conductor, environment: Mapping[str, object]) -> LoadDocument:
        conducting.append(conductor)
        return await conductor.conduct(limits, command=command, environment=environment, percentiles=percents)

    async def whole() -> LoadDocument:
        if approach is not None and not settings.backends:
            return await conducted(Conductor(plan, engine, inquiry=Inquiry(approach), news=show.news), {})
        async with open_lab(settings) as lab:
            served = await _serve(lab, plan, options)
            inquiry = None
            if approach is not None:
                here = replace(approach, url=served.url, trust=served.trust)
                served = msgspec.structs.replace(served, headers=here.fields())
                inquiry = Inquiry(here)
            conductor = Conductor(served, engine, lab=lab, inquiry=inquiry, faults=faults, news=show.news)
            return await conducted(conductor, lab.environment)

    return until_signal(whole(), gently=interrupt)


async def _serve(lab: Lab, plan: LoadPlan, options: Mapping[str, Any]) -> LoadPlan:
    """Let httpd serve what the plan needs, and fill in where that is."""
    listener = Listener.TLS if options["tls"] else Listener.PLAIN
    tunnels = fitting(plan.most_at_once, held=plan.hold_seconds is not None, there=threads_left())
    site = load_site(
        tunnels,
        listener=listener,
        lbmethod=LbMethod(options["lbmethod"] or LbMethod.BYREQUESTS),
        idle_seconds=plan.patience_seconds,
        backends=lab.fleet.real or None,
    )
    await lab.begin("load", site, balancer=site.balancers[0])
    if plan.hold_seconds is not None:  # a rate does with fewer
        _refuse_what_breaks(plan.most_at_once, lab.proxy.front.forwarder)
    path = f"/{listener.value}" if plan.greeting or lab.fleet.real else ECHO_PATH[listener]
    heard: Callable[[str], str] = as_name if lab.fleet.real else str  # a foreign server's name is a line of its words
    greetings = tuple((heard(backend.info.greeting), name) for name, backend in lab.fleet.items())
    tells = all(text for text, _ in greetings) and len(dict(greetings)) == len(greetings)
    if not lab.fleet.real:
        identify = "greeting" if plan.greeting else plan.identify
    else:  # `Inquiry` finds out what else tells them apart
        identify = "greeting" if tells and plan.identify == "auto" else plan.identify
    return msgspec.structs.replace(
        plan,
        url=lab.proxy.front.url(listener, path),
        greetings=greetings,
        identify=identify,
        trust=(await lab.proxy.runtime.read("tls/ca.pem")).decode() if options["tls"] else "",
    )


def _refuse_what_breaks(at_once: int, forwarder: Forwarder | None) -> None:
    """Stop before a port forwarder is brought to its end: that would be measured, and not httpd."""
    if forwarder and forwarder.certain and at_once > forwarder.most:
        raise RuntimeUnavailable(
            runtime="docker",
            reason=f"{at_once:,} connections at a time are more than its published ports carry ({forwarder.text})",
            hint="Set WSLB_DOCKER_NETWORK=host or WSLB_RUNTIME=local, or open fewer: --connections N",
        )
