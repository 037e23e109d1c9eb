"""Every slot taken by idle tunnels: what the next client sees, and what a freed slot does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from wslb.checks import accounting, carrier, conversation, distribution, handshake, queue, refusals, turns
from wslb.interfaces import Capability
from wslb.lab.conversation import Conversation
from wslb.lab.lab import Lab
from wslb.model.balancer import ProcessModel
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, balanced
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario
from wslb.waiting import until

__all__ = ["PATIENCE_SECONDS", "SCENARIOS", "fill", "wait_in_line", "waiting_in"]

SLOTS = 4
PATIENCE_SECONDS = 0.5
COMMAND = "WRKSBS"
SMALL = replace(balanced(CLUSTER), process_model=ProcessModel(children=1, threads=SLOTS))
FULL_LOG = ("AH00484", "AH00286")
"""All threads are taken: by event, worker."""

ONE_THREAD = (
    "One worker thread carries one tunnel for its whole life (event and worker MPM): MaxRequestWorkers tunnels fill "
    "httpd. It then stops accepting: the kernel completes the connect, the request lies in the listen backlog, and "
    "AH00484 (AH00286) is the only word about it."
)
SERVED: tuple[Check, ...] = (
    handshake.accept_is_right,
    accounting.witnesses_agree,
    accounting.nothing_left_open,
    carrier.carried_as_asked,
)


async def fill(lab: Lab, count: int = SLOTS) -> list[Conversation]:
    """Hold so many tunnels, and note that every slot is taken."""
    held = await lab.open_in_turn(count, hold=True)
    lab.note("full", f"{count} tunnels are open")
    return held


async def wait_in_line(
    lab: Lab, held: list[Conversation], *waiting: Coroutine[Any, Any, object], at_members: bool = False
) -> None:
    """Let these wait, then free one slot after another, each once its predecessor's has been taken.

    Args:
        held: what holds the slots.
        at_members: the proxy has taken on those that wait, and queues them before its members.
    """
    async with asyncio.TaskGroup() as group:
        pending: set[asyncio.Task[Any]] = set()
        for one in waiting:
            pending.add(group.create_task(one))
            await _lined_up(lab, len(held) + len(pending) if at_members else len(pending), taken_on=at_members)
        await asyncio.wait(pending, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for tunnel in held[: len(pending)]:
            if not pending:
                break
            lab.note("slot", "a tunnel is closed")
            await tunnel.close()
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)


async def _lined_up(lab: Lab, count: int, *, taken_on: bool) -> None:
    """Wait until so many lie in the accept queue or are taken on, where a forwarder may let one overtake another."""
    front = lab.proxy.front
    if front.forwarder is None:
        return

    async def so_many() -> bool:
        table = await lab.proxy.runtime.run(["cat", "/proc/net/tcp"])
        return waiting_in(table.output, port=front.plain or 0, taken_on=taken_on) >= count

    with contextlib.suppress(TimeoutError):
        await until(so_many, seconds=lab.settings.timeouts.settle, what="the handshakes that wait")


def waiting_in(table: str, *, port: int, taken_on: bool = False) -> int:
    """How many connections wait for accept(2) on this port, or are `taken_on`, by Linux's ``/proc/net/tcp``.

    Both are established (state 01), and those that wait belong to no file yet (inode 0): proc_net_tcp.rst
    """
    rows = [row for line in table.splitlines()[1:] if len(row := line.split()) > 9]
    open_ = [row for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]
    return sum((row[9] != "0") is taken_on for row in open_)


def queued(count: int) -> Act:
    """Fill every slot, let so many more handshakes wait, and free the slots one by one."""

    async def act(lab: Lab) -> None:
        await wait_in_line(lab, await fill(lab), *(lab.open() for _ in range(count)))

    return act


def asked(path: str) -> Act:
    """Fill every slot, let an ordinary request wait, and free one slot."""

    async def act(lab: Lab) -> None:
        await wait_in_line(lab, await fill(lab), lab.get(path))

    return act


async def _last_slot(lab: Lab) -> None:
    """All slots but one are tunnels; ordinary requests and one WebSocket after another share the last."""
    await fill(lab, SLOTS - 1)
    for _ in range(3):
        await lab.get("/WSConsole.html")
        await lab.open_in_turn(1)


async def _abandoned(lab: Lab) -> None:
    """A client gives up in the queue; then a slot is freed and another client comes."""
    held = await fill(lab)
    await lab.open(timeout_seconds=PATIENCE_SECONDS)
    lab.note("slot", "a tunnel is closed")
    await held[0].close()
    await lab.open()


async def _talk_while_full(lab: Lab) -> None:
    """With one client waiting, every open tunnel runs a command."""
    held = await fill(lab)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(lab.open())
        await asyncio.wait({waiting}, timeout=PATIENCE_SECONDS)
        for one in held:
            await one.run(COMMAND)
        lab.note("slot", "a tunnel is closed")
        await held[0].close()


NOT_WOKEN = Elsewhere(
    before=(2, 4, 49),
    does="the listener may stay asleep although a slot is free, and who waits is not served for 10 s and more",
    source="CHANGES 2.4.49, mpm_event, lingering close; measured on 2.4.46, 2.4.48 and 2.4.54",
)

ask = Family(name="limits", site=SMALL, asks=(Capability.WAITING_ROOM,), allow_log=FULL_LOG)

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "full",
        "What does the next client see when idle tunnels have taken every slot?",
        f"{SLOTS} of {SLOTS} slots taken: no refusal, none answered for {PATIENCE_SECONDS:g} s, then 101",
        queued(1),
        (handshake.answered_101, queue.served_slot_by_slot(PATIENCE_SECONDS), distribution.alternates, *SERVED),
        explanation=ONE_THREAD,
    ),
    ask(
        "queue",
        "Are waiting clients served in the order of their coming, and do the turns stay strict?",
        "3 waiting clients, one for each freed slot, first come first served; 0 breaks over 7 connections",
        queued(3),
        (handshake.answered_101, queue.served_slot_by_slot(PATIENCE_SECONDS), distribution.alternates, *SERVED),
        explanation=(
            "A waiting client's turn is taken when it is served, not when it connects. This holds for one process: "
            "with 2 processes of 2 threads the fourth client, for whom a slot was free, got no answer for 10 s in 4 of "
            "60 runs on a busy machine (httpd 2.4.71), as if a full process had accepted it."
        ),
        elsewhere=(NOT_WOKEN,),
    ),
    ask(
        "plain-starves",
        "Can idle tunnels keep httpd from serving an ordinary page?",
        f"yes: no answer for {PATIENCE_SECONDS:g} s while {SLOTS} tunnels are open, 200 once one has ended",
        asked("/WSConsole.html"),
        (queue.requests_waited(200, waited_seconds=PATIENCE_SECONDS), handshake.answered_101, *SERVED),
        explanation=ONE_THREAD,
        elsewhere=(
            Elsewhere(
                proxy="HAProxy",
                does="a frontend with maxconn tunnels accepts nobody, whatever they want; it has no such page",
                source="maxconn in the manual; measured on 2.8.25",
                limit=f"yes: no answer for {PATIENCE_SECONDS:g} s with {SLOTS} tunnels open, 404 once one has ended",
                checks=(queue.requests_waited(404, waited_seconds=PATIENCE_SECONDS), handshake.answered_101, *SERVED),
            ),
        ),
    ),
    ask(
        "manager-starves",
        "Can an administrator reach balancer-manager on a server full of idle tunnels?",
        f"no: no answer for {PATIENCE_SECONDS:g} s while {SLOTS} tunnels are open, 200 once one has ended",
        asked("/balancer-manager"),
        (queue.requests_waited(200, waited_seconds=PATIENCE_SECONDS), handshake.answered_101, *SERVED),
        allow_log=(*FULL_LOG, "AH10187"),
        explanation="balancer-manager needs a worker thread like any request; drain members before the slots run out.",
        elsewhere=(
            Elsewhere(
                proxy="HAProxy",
                does="tells of its members at a socket of its own, where no tunnel takes a place",
                source="manual for management, stats socket; read by other scenarios on 2.6.12 and 2.8.25 while full",
            ),
        ),
    ),
    ask(
        "last-slot",
        "Do ordinary requests and new WebSockets get through while one slot is left?",
        f"{SLOTS - 1} of {SLOTS} slots held: 3 pages and 3 WebSockets served through the last one, strict turns",
        _last_slot,
        (
            handshake.answered_101,
            distribution.alternates,
            turns.turns_taken(thieves=0, whose="the pages"),
            refusals.requests_answered(3, 200),
            *SERVED,
        ),
        site=replace(SMALL, directives=("KeepAlive Off",)),
        allow_log=(*FULL_LOG, "AH10159", "AH00287"),
        explanation=(
            "With KeepAlive On, an idle connection that has loaded a page may keep the last slot's next client waiting "
            "for KeepAliveTimeout, 5 s by default: 5 of 24 runs on httpd 2.4.71, none of 60 with KeepAlive Off."
        ),
        elsewhere=(NOT_WOKEN,),
    ),
    ask(
        "abandoned",
        "What becomes of a client that gives up while it waits for a slot?",
        f"unanswered for {PATIENCE_SECONDS:g} s; its handshake still reaches a backend and takes a turn",
        _abandoned,
        (
            refusals.answers(*[101] * SLOTS, None, 101),
            queue.abandoned_still_arrive,
            turns.turns_taken(thieves=0, whose="the abandoned handshake, which counts as one"),
            *SERVED,
        ),
        explanation="What lies in the backlog is served in order, even for a client that has gone (seen on 2.4.71).",
        elsewhere=(NOT_WOKEN,),
    ),
    ask(
        "talk-while-full",
        "Do open tunnels keep working while others wait for a slot?",
        f"{SLOTS} tunnels run a command each while a client waits; that one is served from a freed slot",
        _talk_while_full,
        (handshake.answered_101, conversation.listed(COMMAND), queue.served_slot_by_slot(PATIENCE_SECONDS), *SERVED),
    ),
)
