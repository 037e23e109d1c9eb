"""Stickiness in the words of nginx and HAProxy: cookies that the proxy gives, hashes, addresses."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, affinity, distribution, handshake
from wslb.lab.lab import Lab
from wslb.model.balancer import Native
from wslb.model.cookies import cookie_set
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, balanced
from wslb.scenarios import acts as do
from wslb.scenarios.claims import CONNECT_FAILED
from wslb.scenarios.scenario import Elsewhere, Family, Scenario

__all__ = ["SCENARIOS"]

GIVEN = "SRV"
"""Name of the proxy's own cookie."""

KEYS = 23
"""Clients with a cookie of their own: that all of them are hashed to one of two members is one case in 4 million. Odd,
so that strict turns would give each the other member when it comes again.
"""

PINNED = (("Cookie", "ROUTEID=.node"),)

KEPT: tuple[Check, ...] = (handshake.answered_101, accounting.witnesses_agree, accounting.nothing_left_open)


async def _given(lab: Lab) -> None:
    """One client is given a cookie and comes back with it three times; two others have none."""
    (first,) = await lab.open_in_turn(1)
    value = cookie_set(first.handshake.response, GIVEN) or "none"
    await lab.open_in_turn(3, headers=(("Cookie", f"{GIVEN}={value}"),))
    await lab.open_in_turn(2)


async def _keyed(lab: Lab) -> None:
    """Every client opens twice, with a cookie of its own; then four come without."""
    for _ in range(2):
        for key in range(KEYS):
            await lab.open_in_turn(1, headers=(("Cookie", f"CLIENT=c{key}"),))
    await lab.open_in_turn(4)


async def _killed(lab: Lab) -> None:
    """A client that reconnects with its cookie after its member's death, and at once after its return."""
    await lab.open_in_turn(2, headers=PINNED)
    await do.kill(lab, "node")
    await lab.open_in_turn(2, headers=PINNED)
    await do.revive(lab, "node")
    await lab.open_in_turn(2, headers=PINNED)


ask = Family(name="sticky")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "given",
        "Does a cookie that the proxy gives by itself reach a client that only opens WebSockets, and keep it?",
        "on the 101 of 3 clients without it; the first comes back with it and 3 of 3 go to its member",
        _given,
        (
            affinity.cookie_given(GIVEN, 1, 5, 6),
            distribution.served_by(*["liberty"] * 4, "node", "liberty"),
            *KEPT,
        ),
        site=replace(
            balanced(CLUSTER),
            native={
                "nginx": Native(balancer=(f"sticky cookie {GIVEN} path=/;",)),
                "HAProxy": Native(
                    balancer=(f"cookie {GIVEN} insert indirect nocache",),
                    members={"liberty": "cookie liberty", "node": "cookie node"},
                ),
            },
        ),
        explanation="Both write the field into the backend's 101, which a client that opens nothing else receives.",
        elsewhere=(
            Elsewhere(
                proxy="nginx",
                does="each answer sets the cookie anew, also for the client that sent it (sticky cookie)",
                source="measured on 1.31.3",
                limit="on 6 of 6; the first comes back with it and 3 of 3 go to its member",
                checks=(
                    affinity.cookie_given(GIVEN, *range(1, 7)),
                    distribution.served_by(*["liberty"] * 4, "node", "liberty"),
                    *KEPT,
                ),
            ),
        ),
    ),
    ask(
        "hash",
        "Does a hash of a cookie keep each client with one member, and leave who has none to the turns?",
        f"{KEYS} clients, 2 of 2 connections each to one member, both members used; without it 4 take strict turns",
        _keyed,
        (
            affinity.one_member_each("Cookie", values=KEYS, members=2),
            affinity.free_alternate("Cookie", count=4),
            *KEPT,
        ),
        site=replace(
            balanced(CLUSTER),
            native={
                "nginx": Native(balancer=("hash $cookie_CLIENT consistent;",)),
                "HAProxy": Native(balancer=("balance hash req.cook(CLIENT)",)),
            },
        ),
        explanation="Where there is nothing to hash, round robin elects (hash, balance hash).",
    ),
    ask(
        "address",
        "Do all clients of one address go to one member, whatever they send?",
        "12 of 12 connections to one member",
        do.in_turn(12),
        (affinity.all_on_one(12), *KEPT),
        site=replace(
            balanced(CLUSTER),
            native={"nginx": Native(balancer=("ip_hash;",)), "HAProxy": Native(balancer=("balance source",))},
        ),
        explanation=(
            "A load test from one machine, or a company behind one address, is one client to ip_hash, which looks at "
            "the first three numbers of an IPv4 address alone, and to balance source."
        ),
    ),
    ask(
        "table",
        "Does a stick-table keep the clients of one address with the member that served the first?",
        "12 of 12 connections to liberty, which had the first turn",
        do.in_turn(12),
        (distribution.served_by(*["liberty"] * 12), *KEPT),
        site=replace(
            balanced(CLUSTER),
            native={"HAProxy": Native(balancer=("stick-table type ip size 100 expire 1m", "stick on src"))},
        ),
        explanation="The first is elected, and the table remembers; a hash would send all to the same without asking.",
    ),
    ask(
        "returns",
        "When the pinned member is dead, is its client served by the other one, and does it return at once?",
        "2 to node, after its death 2 to liberty without an error, 2 to node as soon as it is back",
        _killed,
        (distribution.served_by("node", "node", "liberty", "liberty", "node", "node"), *KEPT),
        site=replace(
            balanced(replace(CLUSTER, stickysession="ROUTEID|routeid")),
            native={
                "nginx": Native(members={"liberty": "max_fails=0", "node": "max_fails=0"}),
                "HAProxy": Native(),
            },
        ),
        allow_log=CONNECT_FAILED,
        explanation=(
            "Nothing remembers the failure here: nginx with max_fails=0, HAProxy without check. Both ask the pinned "
            "member first each time, and the other when its connect is refused (option redispatch on HAProxy)."
        ),
    ),
)
