"""Runs made by hand, for tests of everything that reads a run: evidence from a string, judged by the real checks."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace as changed

from wslb.checks import distribution, extended_connect, handshake, log, strictness
from wslb.commands import compare
from wslb.config import Settings
from wslb.model.balancer import Balancer, Carrier, LbMethod, Member, Mount, Site, resolve_url
from wslb.model.handshake import Arrival, Close, Exchange, Handshake, Headers, accept_for
from wslb.model.results import Check, Event, LogLine, MemberStatus, Outcome, Record, Report, ScenarioResult
from wslb.reports.document import Document, SavedScenario
from wslb.reports.json_file import decode, document, text
from wslb.reports.measured import measured

LIBERTY = Member(route="liberty", url="ws://liberty/WSConsole")
NODE = Member(route="node", url="ws://node")
CLUSTER = Balancer(name="mycluster", members=(LIBERTY, NODE))
ADDRESSES = {
    "ws://liberty": "127.0.0.101:10000",
    "wss://liberty": "127.0.0.101:10443",
    "ws://node": "127.0.0.102:8888",
    "wss://node": "127.0.0.102:8889",
}
BACKENDS = {"L": "liberty", "N": "node", "x": None}

ENVIRONMENT: dict[str, Any] = {
    "wslb": "0.1.0",
    "proxy": "Apache/2.4.71 (Debian)",
    "proxy_version": "2.4.71",
    "mpm": "event",
    "carrier": "mod_proxy_wstunnel",
    "runtime": "local",
    "backends": {
        "liberty": {"title": "WebSphere Liberty stand-in", "address": "127.0.0.101", "ws": 10000, "wss": None},
        "node": {"title": "Node.js stand-in", "address": "127.0.0.102", "ws": 8888, "wss": None},
    },
    "log_level": "warn",
    "python": "3.11.7",
    "packages": {"aiohttp": "3.14.5"},
    "leftovers": [],
}


def key_of(number: int) -> str:
    """A valid Sec-WebSocket-Key, another for every number."""
    return base64.b64encode(number.to_bytes(16, "big")).decode()


def opened(
    seq: int,
    backend: str | None,
    *,
    scenario: str = "lb-byrequests",
    status: int | None = 101,
    error: str | None = None,
    elapsed: float = 0.002,
    extra: Headers = (),
    answer: Headers = (),
    carrier: Carrier = Carrier.WSTUNNEL,
) -> Handshake:
    """One handshake, accepted by a backend or by nobody."""
    conn_id = f"{scenario}-{seq}"
    key = key_of(seq)
    common: Headers = (("Sec-WebSocket-Key", key), ("Sec-WebSocket-Version", "13"), ("X-Wslb-Conn", conn_id), *extra)
    request: Headers = (("Host", "127.0.0.1:8080"), ("Upgrade", "websocket"), ("Connection", "Upgrade"), *common)
    accepted = status == 101 and backend is not None
    response: Headers = (
        (
            ("X-Backend", backend or ""),
            ("Upgrade", "websocket"),
            ("Connection", "upgrade"),
            ("Sec-WebSocket-Accept", accept_for(key)),
            *answer,
        )
        if accepted
        else answer
    )
    arrival = Arrival(
        backend=backend or "",
        seq=seq,
        at=1795370157.0 + seq / 100,
        listener="ws",
        method="GET",
        target="/WSConsole/CLRunner" if backend == "liberty" else "/CLRunner",
        http_version="1.1",
        upgrade=True,
        headers=(
            ("Host", "127.0.0.101:10000" if backend == "liberty" else "127.0.0.102:8888"),
            *common,
            ("X-Forwarded-For", "127.0.0.1"),
            ("X-Forwarded-Host", "127.0.0.1:8080"),
            ("X-Forwarded-Server", "localhost"),
            ("Upgrade", "WebSocket" if carrier is Carrier.WSTUNNEL else "websocket"),
            ("Connection", "Upgrade"),
        ),
        accepted=accepted,
        status=status,
        response=response,
        conn_id=conn_id,
    )
    begin = seq / 50
    return Handshake(
        conn_id=conn_id,
        seq=seq,
        url="ws://127.0.0.1:8080/ws",
        request=request,
        status=status,
        reason="Switching Protocols" if status == 101 else "",
        response=response,
        elapsed_seconds=elapsed,
        error=error,
        opened_at=begin,
        closed_at=begin + 0.01 if accepted else None,
        greeting=f"[From Server] Connected to {backend}" if accepted else None,
        greeters=(backend,) if accepted and backend else (),
        signers=(backend,) if accepted and backend else (),
        logged_by=backend if accepted else None,
        logged_status=(200 if carrier is Carrier.WSTUNNEL else 101) if accepted else 503,
        arrivals=(arrival,) if backend else (),
        closed=Close(code=1000, by="client") if accepted else None,
    )


def members(balancer: Balancer, elections: Sequence[str | None]) -> tuple[MemberStatus, ...]:
    """The members as balancer-manager would show them after these elections."""
    return tuple(
        MemberStatus(
            balancer=balancer.name,
            route=member.route,
            url=resolve_url(member.url, ADDRESSES),
            status="Init Ok",
            elected=sum(route == member.route for route in elections),
            busy=0,
            lbstatus=0,
            transferred=300 * sum(route == member.route for route in elections),
            read=0,
            loadfactor=member.loadfactor,
            lbmethod=balancer.lbmethod.value,
        )
        for member in balancer.members
    )


def record(
    letters: str,
    *,
    scenario: str = "lb-byrequests",
    balancer: Balancer = CLUSTER,
    lines: tuple[LogLine, ...] = (),
    events: tuple[Event, ...] = (),
    changed: Mapping[int, Handshake] | None = None,
    elapsed: Sequence[float] = (),
) -> Record:
    """Evidence of a scenario: ``LNLN`` says who served each connection, ``x`` that nobody did."""
    handshakes = [
        opened(
            i,
            BACKENDS[letter],
            scenario=scenario,
            status=101 if letter != "x" else 503,
            error=None if letter != "x" else "the proxy answered 503",
            elapsed=elapsed[i - 1] if elapsed else 0.002,
        )
        for i, letter in enumerate(letters, 1)
    ]
    for seq, handshake_ in (changed or {}).items():
        handshakes[seq - 1] = handshake_
    return Record(
        balancer=balancer,
        handshakes=tuple(handshakes),
        before=members(balancer, ()),
        after=members(balancer, [balancer.route_of(h.backend) for h in handshakes]),
        log=lines,
        events=events,
        addresses=ADDRESSES,
        front={"ws": "127.0.0.1:8080"},
    )


TURNS: tuple[Check, ...] = (
    distribution.alternates,
    handshake.answered_101,
    handshake.accept_is_right,
    log.only_announced(),
)


def judged(
    evidence: Record, *, name: str = "lb-byrequests", checks: Sequence[Check] = TURNS, **more: Any
) -> ScenarioResult:
    """A scenario's result by the checks' own word."""
    verdicts = tuple(check(evidence) for check in checks)
    outcome = Outcome.FAILED if any(verdict.breaks for verdict in verdicts) else Outcome.PASSED
    balancer = evidence.balancer or CLUSTER
    fields: dict[str, Any] = {
        "name": name,
        "family": name.partition("-")[0],
        "question": f"Do the connections of {name} take turns?",
        "limit": f"0 breaks over {len(evidence.handshakes)} connections",
        "outcome": outcome,
        "seconds": 0.812,
        "reproduce": f"wslb test {name}",
        "site": Site(mounts=(Mount(path="/ws", target=balancer, target_path="/CLRunner"),)),
        "record": evidence,
        "verdicts": verdicts,
    }
    return ScenarioResult(**fields | more)


def passed(name: str = "lb-byrequests", letters: str = "LNLNLNLN", **more: Any) -> ScenarioResult:
    """A scenario whose claim holds."""
    return judged(record(letters, scenario=name), name=name, **more)


def lenient(name: str = "lb-host-second") -> ScenarioResult:
    """A scenario whose claim holds, though a rule of grade SHOULD does not."""
    evidence = record("LNLN", scenario=name)
    second, arrival = evidence.handshakes[1], evidence.handshakes[1].arrivals[0]
    moved = replace(second, arrivals=(replace(arrival, headers=tuple(reversed(arrival.headers))),))
    spoiled = replace(evidence, handshakes=(evidence.handshakes[0], moved, *evidence.handshakes[2:]))
    return judged(spoiled, name=name, checks=(*TURNS, strictness.host_comes_first))


def broken(name: str = "lb-broken", letters: str = "LNLNLNNL") -> ScenarioResult:
    """A scenario whose turns break; by default at connection 7."""
    return judged(record(letters, scenario=name), name=name)


def over_http2(name: str = "carrier-h2", letters: str = "LN" * 12) -> ScenarioResult:
    """A scenario whose tunnels were all opened by an extended CONNECT: answered 200, nothing upgraded (RFC 8441)."""
    evidence = record(letters, scenario=name)
    handshakes = tuple(
        replace(
            one,
            request=((":method", "CONNECT"), (":protocol", "websocket"), ("sec-websocket-version", "13")),
            status=200,
            reason="",
            response=(("x-backend", one.backend or ""),),
        )
        for one in evidence.handshakes
    )
    checks = (distribution.alternates, extended_connect.opened_by_connect)
    return judged(replace(evidence, handshakes=handshakes), name=name, checks=checks)


def skipped(name: str = "lb-wss") -> ScenarioResult:
    """A scenario that this proxy cannot be asked."""
    result = passed(name)
    reason = "this httpd (2.4.71) has no mod_ssl"
    return replace(result, outcome=Outcome.SKIPPED, reason=reason, record=Record(balancer=CLUSTER), verdicts=())


def errored(name: str = "lb-held") -> ScenarioResult:
    """A scenario that could not be looked at."""
    result = passed(name)
    reason = "balancer-manager did not answer (connection reset)"
    return replace(result, outcome=Outcome.ERRORED, reason=reason, record=Record(balancer=CLUSTER), verdicts=())


def concurrent(name: str = "lb-at-once", letters: str = "LLNNLNLN") -> ScenarioResult:
    """A scenario that claims shares and no order."""
    checks = (
        distribution.split_within(2, reason="elections are locked inside one process only"),
        handshake.answered_101,
    )
    return judged(record(letters, scenario=name), name=name, checks=checks)


def with_method(name: str, lbmethod: LbMethod, letters: str) -> ScenarioResult:
    """A scenario of another lbmethod, judged by its model."""
    balancer = replace(CLUSTER, lbmethod=lbmethod)
    checks = (distribution.follows_model, handshake.answered_101)
    return judged(record(letters, scenario=name, balancer=balancer), name=name, checks=checks)


def run(*results: ScenarioResult, **more: Any) -> Report:
    """A run of these results."""
    fields: dict[str, Any] = {
        "results": results,
        "environment": ENVIRONMENT,
        "planned": tuple(result.name for result in results),
        "started": "2026-11-22T17:55:57+00:00",
        "seconds": 6.25,
        "command": "wslb test lb",
    }
    return Report(**fields | more)


def saved(*results: ScenarioResult, **more: Any) -> Document:
    """The saved document of a run."""
    return document(run(*results, **more))


def refused_at(at: float) -> LogLine:
    """The error log's line for a refused connect, written at this Unix time by a server two hours east."""
    told = datetime.fromtimestamp(at + 7200, UTC).strftime("%a %b %d %H:%M:%S.%f %Y")
    text = "(111)Connection refused: AH00957: ws: attempt to connect to 127.0.0.101:10000 (127.0.0.101:10000) failed"
    return LogLine(at=told, module="proxy", level="error", code="AH00957", text=text)


def failed_over(name: str = "failover-refused") -> ScenarioResult:
    """A scenario in which liberty refuses one connect, so that the turns move by one; with its events."""
    evidence = record("LNLNLNNLNLNLNL", scenario=name)
    arrived = evidence.handshakes[6].arrivals[0].at
    events = (
        Event(at=0.13, kind="fault", text="liberty: refuse", data={"times": 1}),
        Event(at=0.15, kind="member", text="liberty: Init Err", data={"loadfactor": 1.0}),
        Event(at=0.155, kind="fault", text="liberty: ended"),
    )
    return judged(replace(evidence, log=(refused_at(arrived - 0.001),), events=events), name=name)


def everything() -> Report:
    """A run with a scenario of every kind."""
    long = record("LN" * 150, scenario="lb-long", elapsed=[0.001 + (i * 37 % 300) / 100_000 for i in range(300)])
    return run(
        passed(),
        broken(),
        lenient(),
        concurrent(),
        judged(long, name="lb-long"),
        with_method("lb-bybusyness", LbMethod.BYBUSYNESS, "LNLNLNLN"),
        with_method("lb-bytraffic", LbMethod.BYTRAFFIC, "LNLNLNLN"),
        judged(record("LNxNLN", scenario="lb-lost"), name="lb-lost"),
        failed_over(),
        skipped(),
        errored(),
        planned=("lb-byrequests", "lb-late"),
        interrupted="SIGINT",
    )


def long(letters: str, **more: Any) -> Document:
    """A saved document with one very long series, made from the saved connections of a short one.

    Making and judging thousands of records takes seconds; the verdicts here are those of the short series.
    """
    short = saved(passed(), **more)
    scenario = short.scenarios[0]
    sample = dict(zip("LN", scenario.connections, strict=False))
    connections = tuple(
        changed(
            sample[letter],
            seq=i + 1,
            conn_id=f"lb-byrequests-{i + 1}",
            expected=("liberty", "node")[i % 2],
            elapsed_seconds=round(0.001 + (i * 7919 % 9973) / 1e6, 6),
            opened_at=round(i / 50, 4),
            closed_at=round(i / 50 + 0.01, 4),
        )
        for i, letter in enumerate(letters)
    )
    return changed(short, scenarios=(changed(scenario, connections=connections),))


METHODS = (LbMethod.BYREQUESTS, LbMethod.BYBUSYNESS, LbMethod.BYTRAFFIC)


def compared(*, repeats: int = 5) -> Document:
    """The saved document of a comparison whose numbers differ from method to method and from run to run."""
    settings = Settings(connections=200)
    planned = compare.comparison_of(settings, lbmethods=METHODS, names=(), repeats=repeats)
    document_ = saved(*(with_method(method.value, method, "LN") for method in METHODS), planned=tuple(planned.names))
    samples = {scenario.name: scenario for scenario in document_.scenarios}
    scenarios = tuple(
        _compared_run(samples[turn.lbmethod.value], turn.scenario.name, turn.workload.name, turn.lbmethod, turn.number)
        for turn in planned.turns
    )
    made = changed(
        document_,
        scenarios=scenarios,
        counts=changed(document_.counts, passed=len(scenarios)),
        comparison=measured(planned.planned, scenarios),
    )
    return decode(text(made))


def _compared_run(sample: SavedScenario, name: str, workload: str, method: LbMethod, number: int) -> SavedScenario:
    """One run: its letters, and which tunnels end when, carry how much, or break."""
    length = 200 if workload == "short" else 24
    letters = list("LN" * (length // 2))
    if method is LbMethod.BYTRAFFIC:  # twice the same member, more often in later runs
        for i in range(number):
            letters[4 * i + 1] = "L"
    if workload == "uneven" and method is LbMethod.BYBUSYNESS:
        letters[12:18] = "L" * 6
    if workload == "fault":
        letters[8:12] = "LLLx" if number % 2 else "LLLL"
    slow = (METHODS.index(method) * (workload == "uneven") * 3 + 1) / 1000
    connections = []
    for i, letter in enumerate(letters):
        opened_at = round(i / 50, 4)
        broken = workload == "fault" and i < 8 and letter == "N"
        early = broken or workload == "short" or (workload == "uneven" and i < 12 and letter == "L")
        accepted = letter != "x"
        closed_at = round(0.165 if broken else opened_at + 0.01, 4) if early else 9.0
        connections.append(
            changed(
                sample.connections["LNx".index(letter) % 2],
                seq=i + 1,
                conn_id=f"{name}-{i + 1}",
                accepted=accepted,
                status=101 if accepted else 503,
                backend=BACKENDS[letter],
                expected=BACKENDS[letter],
                elapsed_seconds=round(slow + ((i * 7919 + number * 31) % 9973) / 1e7, 6),
                opened_at=opened_at,
                closed_at=closed_at if accepted else None,
                closed=Close(code=1006 if broken else 1000, by="lost" if broken else "client") if accepted else None,
                exchanges=(Exchange(sent=True, at=opened_at, text="", size=1000 * number + i),),
            )
        )
    events = _death(number) if workload == "fault" else ()
    return changed(sample, name=name, connections=tuple(connections), events=events)


def _death(number: int) -> tuple[Event, ...]:
    back = round(0.3 + number / 100, 4)
    return (
        Event(at=0.16, kind="backend", text="node: killed", data={"backend": "node", "up": False}),
        Event(at=back, kind="backend", text="node: back", data={"backend": "node", "up": True}),
    )
