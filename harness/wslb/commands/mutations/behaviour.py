"""Backends that lie or fail, and clients that nobody counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wslb.commands.mutations.mutation import HEADERS, LB, Mutation
from wslb.interfaces import Capability, Fault, MemberChange
from wslb.lab.lab import Lab
from wslb.model.balancer import MemberState

__all__ = ["MUTATIONS"]

Before = Callable[[Lab], Awaitable[None]]


def fault(backend: str, kind: str, *, times: int | None = None, **parameters: object) -> Before:
    """A backend misbehaves (backends/README.md, Faults)."""

    async def before(lab: Lab) -> None:
        await lab.fleet[backend].fault(Fault(kind=kind, parameters=parameters, times=times))

    return before


async def _greets_as_the_other(lab: Lab) -> None:
    """node answers under its own name, with liberty's greeting."""
    greeting = lab.fleet["liberty"].info.greeting
    await fault("node", "impersonate", name="node", greeting=greeting)(lab)


async def _signs_as_the_other(lab: Lab) -> None:
    """node greets truly, but signs its answers as liberty."""
    await fault("node", "impersonate", name="liberty", greeting=lab.fleet["node"].info.greeting)(lab)


async def _greets_as_the_other_once(lab: Lab) -> None:
    """liberty answers one client with its own listing, under node's greeting."""
    greeting = lab.fleet["node"].info.greeting
    await fault("liberty", "impersonate", times=1, name="node", greeting=greeting)(lab)


async def _is_the_other(lab: Lab) -> None:
    """node greets and signs as liberty; its journal stays true."""
    await fault("node", "impersonate", name="liberty", greeting=lab.fleet["liberty"].info.greeting)(lab)


def probes(count: int) -> Before:
    """A readiness probe that goes through the balancer."""

    async def before(lab: Lab) -> None:
        for _ in range(count):
            await lab.proxy.fetch("/ws")

    return before


async def _drained_by_hand(lab: Lab) -> None:
    """Somebody drains node at run time, and the scenario does not know."""
    balancer = lab.site.balancers[0] if lab.site else None
    if balancer:
        await lab.proxy.change(balancer, MemberChange(route="node", state=MemberState.DRAIN))


ROWS: tuple[tuple[str, str, str, tuple[str, ...], Before], ...] = (
    ("greeting-lies", "node greets as liberty", LB, ("witnesses_agree", "alternates"), _greets_as_the_other),
    ("signature-lies", "node signs its answers as liberty (X-Backend)", LB, ("witnesses_agree",), _signs_as_the_other),
    (
        "backend-lies",
        "node greets and signs as liberty",
        LB,
        ("witnesses_agree", "alternates", "elected_counted"),
        _is_the_other,
    ),
    (
        "greeting-lies-once",
        "liberty greets one client as node, so that both give the same listing",
        "article-listing8-wss",
        ("told_apart",),
        _greets_as_the_other_once,
    ),
    (
        "journal-forgets",
        "node's journal forgets its connections",
        LB,
        ("witnesses_agree", "carried_as_asked"),
        fault("node", "forget"),
    ),
    (
        "journal-forgets-one",
        "liberty's journal forgets one connection of ten",
        LB,
        ("witnesses_agree",),
        fault("liberty", "forget", times=1),
    ),
    (
        "accept-wrong",
        "liberty answers with an Accept that belongs to another key",
        HEADERS,
        ("answered_101", "accept_is_right"),
        fault("liberty", "accept", value="s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ),
    ("backend-refuses", "node answers 503", LB, ("answered_101",), fault("node", "status", status=503)),
    (
        "backend-refuses-once",
        "node answers one handshake with 403",
        LB,
        ("answered_101",),
        fault("node", "status", status=403, times=1),
    ),
    (
        "backend-hangs-up",
        "node closes one connection without an answer",
        LB,
        ("answered_101",),
        fault("node", "hangup", times=1),
    ),
    (
        "backend-closes-early",
        "node closes every tunnel behind its greeting",
        "article-figure20",
        ("ended_orderly",),
        fault("node", "close", code=1011, reason="no"),
    ),
    (
        "backend-cuts",
        "liberty resets the connection when the first command comes",
        "article-commands",
        ("listed",),
        fault("liberty", "cut", after_messages=1),
    ),
    (
        "probe-proxied",
        "a readiness probe goes through the balancer once",
        LB,
        ("alternates", "elected_counted"),
        probes(1),
    ),
    (
        "probe-proxied-twice",
        "two probes go through the balancer: the turns look right again",
        LB,
        ("elected_counted",),
        probes(2),
    ),
)
"""Name, what is broken, the scenario, the checks that must go red, and how it is broken."""

MUTATIONS = (
    *(
        Mutation(name=name, what=what, scenario=scenario, checks=checks, before=before)
        for name, what, scenario, checks, before in ROWS
    ),
    Mutation(
        name="drained-by-hand",
        what="somebody drains node while the proxy runs",
        scenario=LB,
        checks=("alternates", "follows_model"),
        before=_drained_by_hand,
        asks=(Capability.CONTROL,),
    ),
)
