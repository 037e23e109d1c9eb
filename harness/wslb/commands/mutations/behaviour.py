"""Backends that lie or fail, and clients that nobody counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wslb.commands.mutations.mutation import Mutation
from wslb.interfaces import Fault, MemberChange
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


MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        name="greeting-lies",
        what="node greets as liberty",
        scenario="lb-byrequests",
        checks=("witnesses_agree", "alternates"),
        before=_greets_as_the_other,
    ),
    Mutation(
        name="signature-lies",
        what="node signs its answers as liberty (X-Backend)",
        scenario="lb-byrequests",
        checks=("witnesses_agree",),
        before=_signs_as_the_other,
    ),
    Mutation(
        name="backend-lies",
        what="node greets and signs as liberty",
        scenario="lb-byrequests",
        checks=("witnesses_agree", "alternates", "elected_counted"),
        before=_is_the_other,
    ),
    Mutation(
        name="journal-forgets",
        what="node's journal forgets its connections",
        scenario="lb-byrequests",
        checks=("witnesses_agree", "carried_as_asked"),
        before=fault("node", "forget"),
    ),
    Mutation(
        name="journal-forgets-one",
        what="liberty's journal forgets one connection of ten",
        scenario="lb-byrequests",
        checks=("witnesses_agree",),
        before=fault("liberty", "forget", times=1),
    ),
    Mutation(
        name="accept-wrong",
        what="liberty answers with an Accept that belongs to another key",
        scenario="headers-handshake",
        checks=("answered_101",),
        before=fault("liberty", "accept", value="s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ),
    Mutation(
        name="backend-refuses",
        what="node answers 503",
        scenario="lb-byrequests",
        checks=("answered_101",),
        before=fault("node", "status", status=503),
    ),
    Mutation(
        name="backend-refuses-once",
        what="node answers one handshake with 403",
        scenario="lb-byrequests",
        checks=("answered_101",),
        before=fault("node", "status", status=403, times=1),
    ),
    Mutation(
        name="backend-hangs-up",
        what="node closes one connection without an answer",
        scenario="lb-byrequests",
        checks=("answered_101",),
        before=fault("node", "hangup", times=1),
    ),
    Mutation(
        name="backend-closes-early",
        what="node closes every tunnel behind its greeting",
        scenario="article-listing8",
        checks=("told_apart",),
        before=fault("node", "close", code=1011, reason="no"),
    ),
    Mutation(
        name="backend-cuts",
        what="liberty resets the connection when the first command comes",
        scenario="article-commands",
        checks=("listed",),
        before=fault("liberty", "cut", after_messages=1),
    ),
    Mutation(
        name="probe-proxied",
        what="a readiness probe goes through the balancer once",
        scenario="lb-byrequests",
        checks=("alternates", "elected_counted"),
        before=probes(1),
    ),
    Mutation(
        name="probe-proxied-twice",
        what="two probes go through the balancer: the turns look right again",
        scenario="lb-byrequests",
        checks=("elected_counted",),
        before=probes(2),
    ),
    Mutation(
        name="drained-by-hand",
        what="somebody drains node in balancer-manager",
        scenario="lb-byrequests",
        checks=("alternates", "follows_model"),
        before=_drained_by_hand,
    ),
)
