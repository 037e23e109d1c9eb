"""Members that take so many tunnels and no more, and connections that run out, on nginx and HAProxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from wslb.checks import accounting, distribution, handshake, queue, refusals, tunnels
from wslb.lab.lab import Lab
from wslb.model.balancer import Native, Site
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, balanced
from wslb.scenarios import acts as do
from wslb.scenarios.limits import PATIENCE_SECONDS, fill, wait_in_line
from wslb.scenarios.scenario import Family, Scenario

__all__ = ["SCENARIOS"]

SOON = 10.0
"""Seconds before which an answer must have come that a limit of 1 s is said to give, on a busy machine too."""

CONNECTIONS = 16
"""Of an nginx: one listens, and one is its own; each tunnel takes two."""

BOOKS: tuple[Check, ...] = (accounting.witnesses_agree, accounting.nothing_left_open)


def limited(*, nginx: Mapping[str, str] | None = None, haproxy: Mapping[str, str] | None = None, timeout: str) -> Site:
    """The article's site with these words of members; a product without any is not asked.

    Args:
        timeout: of HAProxy's queue.
    """
    times = ("timeout connect 2s", "timeout client 60s", "timeout server 60s", "timeout tunnel 1h")
    native = {"nginx": Native(members=nginx)} if nginx else {}
    if haproxy:
        native["HAProxy"] = Native(common=(*times, f"timeout queue {timeout}"), members=haproxy)
    return replace(balanced(CLUSTER), native=native)


def both(words: str) -> dict[str, str]:
    """These words of either member."""
    return {"liberty": words, "node": words}


async def _three_wait(lab: Lab) -> None:
    """Both members are full; three clients wait, and a tunnel of either member in turn makes place."""
    held = await fill(lab, 4)
    await wait_in_line(lab, held, *(lab.open() for _ in range(3)), at_members=True)


async def _one_too_many(lab: Lab) -> None:
    """A client comes while both members are full, and another when a tunnel has ended."""
    held = await lab.open_in_turn(2, hold=True)
    await lab.open()
    await lab.close(held[:1])
    await lab.open()


async def _run_out(lab: Lab) -> None:
    """Tunnels until one is not served, then one ends and another client comes."""
    held = await lab.open_in_turn(7, hold=True)
    await lab.open(timeout_seconds=2.0)
    await do.speak(lab, held, "while full")
    await lab.close(held[:1])
    await lab.open()


ask = Family(name="limits")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "one-full",
        "When one member has all the tunnels that it may have, do the others take the rest without waiting?",
        "with room for 1 tunnel on liberty it gets the first, node the next 4 of 5, all held at once",
        do.in_turn(5, hold=True),
        (
            distribution.served_by("liberty", *["node"] * 4),
            tunnels.open_together(5),
            handshake.answered_101,
            *BOOKS,
        ),
        site=limited(nginx={"liberty": "max_conns=1"}, haproxy={"liberty": "maxconn 1"}, timeout="30s"),
        explanation="max_conns of nginx, maxconn of a server on HAProxy: a full server is passed over.",
    ),
    ask(
        "member-queue",
        "When all members are full, do clients wait, and is one of them served as each tunnel ends?",
        f"no refusal, none answered for {PATIENCE_SECONDS:g} s; then 3 waiting clients, one for each freed slot",
        _three_wait,
        (queue.served_slot_by_slot(PATIENCE_SECONDS, in_order=False), handshake.answered_101, *BOOKS),
        site=limited(haproxy=both("maxconn 2"), timeout="30s"),
        explanation="maxconn of the servers: HAProxy accepts the client, and queues it for the backend.",
    ),
    ask(
        "queue-timeout",
        "How long does a client wait when all members are full, and what does it get?",
        "503 after timeout queue (1 s); the next one is served by the member whose tunnel has ended",
        _one_too_many,
        (
            refusals.answers(101, 101, 503, 101),
            refusals.waited(3, least_seconds=1.0, most_seconds=SOON),
            refusals.reached(4, "liberty"),
            *BOOKS,
        ),
        site=limited(haproxy=both("maxconn 1"), timeout="1s"),
        explanation="Without timeout queue it is timeout connect that ends the wait.",
    ),
    ask(
        "max-conns",
        "What does a client of nginx get when all members are full?",
        "502 at once; the next one is served by the member whose tunnel has ended",
        _one_too_many,
        (
            refusals.answers(101, 101, 502, 101),
            refusals.waited(3, least_seconds=0.0, most_seconds=1.0),
            refusals.reached(4, "liberty"),
            *BOOKS,
        ),
        site=limited(nginx=both("max_conns=1"), timeout="30s"),
        allow_log=("AH01167",),
        explanation="The free nginx has no queue: no live upstreams.",
    ),
    ask(
        "worker-connections",
        "What does the next client get when tunnels have taken all worker_connections?",
        "7 tunnels of 16 connections live on; the next client gets no answer, and is served once one has ended",
        _run_out,
        (
            refusals.answers(*[101] * 7, None, 101),
            tunnels.answered("while full", count=7),
            *BOOKS,
        ),
        site=replace(balanced(CLUSTER), native={"nginx": Native(process=(f"worker_connections {CONNECTIONS};",))}),
        allow_log=("AH00484",),
        explanation="A tunnel takes two connections, one from the client and one to the member.",
    ),
)
