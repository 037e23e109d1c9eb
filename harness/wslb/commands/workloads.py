"""Workloads that tell lbmethods apart: the same work for each of them, asked again and again by ``wslb compare``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wslb.checks import accounting, carrier, handshake, log
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod, Member, ProcessModel
from wslb.model.results import Check
from wslb.model.sites import LIBERTY, NODE, balanced, cluster, with_parameters
from wslb.scenarios import acts as do
from wslb.scenarios.claims import CONNECT_FAILED, MODELLED
from wslb.scenarios.scenario import Act, Scenario
from wslb.waiting import until

__all__ = ["COMPARED", "EQUAL", "WORKLOADS", "Workload", "members", "scenario_of"]

COMPARED = (LbMethod.BYREQUESTS, LbMethod.BYBUSYNESS, LbMethod.BYTRAFFIC)
"""Methods that can be compared: heartbeat elects by reports of other servers, which no workload makes."""

HELD = 12
"""Tunnels of one half of a workload: enough handshakes in both halves for a median."""

FAULTY = 8
LOAD = "x" * 10_000
RETRY_SECONDS = 1
PATIENCE_SECONDS = 10 * RETRY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Work that is the same for every lbmethod.

    Attributes:
        name: stable word.
        title: in a reader's words.
        does: what is done, in a sentence.
        deviation: what ought to be level at the end: ``connections``, ``tunnels`` or ``bytes``.
        criteria: columns that decide which method suits, the weightiest first; lower is better in each.
        note: what a reader must know to judge the numbers.
        act: made from the number of connections.
        checks: what must hold whatever the method does.
        echo: whether it needs the echo endpoints.
        allow_log: AH numbers of warnings and errors that belong to it.
        otherwise: how many of its tunnels the client does not close, of two equal members.
        tunnels: most that are open at a time.
    """

    name: str
    title: str
    does: str
    deviation: str
    criteria: tuple[str, ...]
    note: str
    act: Callable[[int], Act]
    checks: tuple[Check, ...]
    echo: bool = False
    allow_log: tuple[str, ...] = ()
    otherwise: int = 0
    tunnels: int = 2 * HELD


def _short(connections: int) -> Act:
    async def act(lab: Lab) -> None:
        await lab.open_in_turn(connections, settle=True)

    return act


def _uneven(_: int) -> Act:
    async def act(lab: Lab) -> None:
        held = await lab.open_in_turn(HELD, hold=True)
        await lab.close([one for one in held if one.backend == held[0].backend])
        await lab.open_in_turn(HELD, hold=True)

    return act


def _traffic(_: int) -> Act:
    async def act(lab: Lab) -> None:
        held = [await lab.open(greeting=False) for _ in range(HELD)]
        for one in held:
            if one.backend == held[0].backend:
                await one.run(LOAD)
        for _ in range(HELD):
            await (await lab.open(greeting=False)).run(LOAD)

    return act


def _fault(_: int) -> Act:
    async def act(lab: Lab) -> None:
        held = await lab.open_in_turn(FAULTY, hold=True)
        await do.kill(lab, NODE.route)
        await do.ended([c for c in held if c.backend == NODE.route], seconds=lab.settings.timeouts.settle)
        await lab.open_in_turn(FAULTY, hold=True)
        await do.revive(lab, NODE.route)

        async def served() -> bool:
            one = await lab.open()
            await one.close()
            return one.backend == NODE.route

        with contextlib.suppress(TimeoutError):  # then no connection tells a recovery, and the report says so
            await until(served, seconds=PATIENCE_SECONDS, what=f"a connection on {NODE.route}", longest_pause=0.05)
        await lab.open_in_turn(FAULTY, hold=True)

    return act


WORKLOADS: tuple[Workload, ...] = (
    Workload(
        name="short",
        title="Equal short connections",
        does="Connections one after another, each closed, and counted out by Apache, before the next opens.",
        deviation="connections",
        criteria=("breaks", "deviation"),
        note="A break is a connection that lands where the one before had landed.",
        act=_short,
        checks=MODELLED,
    ),
    Workload(
        name="uneven",
        title="Long tunnels that end unevenly",
        does=f"{HELD} tunnels held, all of one member closed, {HELD} more held.",
        deviation="tunnels",
        criteria=("deviation",),
        note="Breaks are wanted here: only they level the members again.",
        act=_uneven,
        checks=MODELLED,
    ),
    Workload(
        name="traffic",
        title="Tunnels with unequal traffic",
        does=(
            f"{HELD} tunnels held, {len(LOAD):,} B echoed through each of one member's; then {HELD} more with as much "
            "through each."
        ),
        deviation="bytes",
        criteria=("deviation",),
        note="A method that saw what travels through tunnels could end level, at 0 B.",
        act=_traffic,
        checks=MODELLED,
        echo=True,
    ),
    Workload(
        name="fault",
        title="One member killed, and back",
        does=(
            f"{FAULTY} tunnels held, one member killed, {FAULTY} more held, the member back: connections until it "
            f"serves one (retry={RETRY_SECONDS}), then {FAULTY} more held."
        ),
        deviation="tunnels",
        criteria=("errors", "deviation"),
        note=(
            "Breaks cannot be avoided while one member is away. Errors are connections that nobody served and tunnels "
            "that broke. Recovery is the time from the member's death to the first connection on it again: its restart "
            "and retry= are in it."
        ),
        act=_fault,
        checks=(
            log.announced("AH00957"),
            handshake.accept_is_right,
            accounting.members_as_claimed,
            accounting.witnesses_agree,
            accounting.nothing_left_open,
            carrier.carried_as_asked,
        ),
        allow_log=CONNECT_FAILED,
        otherwise=FAULTY // 2,
    ),
)


EQUAL = (1, 1)
"""Loadfactors of the two members, unless others are asked for."""


def members(weights: Sequence[int]) -> tuple[Member, ...]:
    """Members with these loadfactors: liberty, node, liberty-2, node-2, …"""
    node = with_parameters(NODE, retry=str(RETRY_SECONDS))
    found = []
    for number, weight in enumerate(weights):
        kind, again = (LIBERTY, node)[number % 2], number // 2 + 1
        name = f"{kind.route}-{again}" if again > 1 else kind.route
        url = kind.url.replace(f"//{kind.route}", f"//{name}")
        found.append(replace(kind, route=name, url=url, loadfactor=weight))
    return tuple(found)


def scenario_of(
    workload: Workload, lbmethod: LbMethod, number: int, *, connections: int, weights: Sequence[int] = EQUAL
) -> Scenario:
    """One run of a workload under one method, the so-manyth of them, over members of these loadfactors."""
    site = balanced(cluster(*members(weights), lbmethod=lbmethod), echo=workload.echo)
    if workload.tunnels > site.process_model.workers // 2:
        site = replace(site, process_model=ProcessModel.for_tunnels(workload.tunnels))
    # How many tunnels die with a member depends on the method where members are not two and equal.
    equal = tuple(weights) == EQUAL
    return Scenario(
        name=f"compare-{workload.name}-{lbmethod.value}-{number}",
        question=f"{workload.title}: what does {lbmethod.value} do? (run {number})",
        limit="every election as its model says" if workload.checks is MODELLED else "the books of all witnesses agree",
        site=site,
        act=workload.act(connections),
        checks=workload.checks,
        allow_log=workload.allow_log,
        otherwise=workload.otherwise if equal else 0,
        perhaps=0 if equal or not workload.otherwise else FAULTY,
    )
