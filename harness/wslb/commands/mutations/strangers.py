"""Other clients take turns and hold tunnels that no scenario knows of, and a backend fails once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from wslb.commands.mutations.behaviour import Before, fault
from wslb.commands.mutations.mutation import LB, Mutation
from wslb.lab.lab import Lab
from wslb.waiting import disconnect

__all__ = ["MUTATIONS"]

Beside = Callable[[Lab], AbstractAsyncContextManager[None]]

CROWD = "concurrency-50-one-child"
COMPARED = "methods-compared"
SOME = 8
"""Tunnels of strangers: more than the counters of 50 tunnels may lose."""

UPGRADE = (
    b"GET %b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def holding(count: int) -> Beside:
    """Another client holds so many tunnels."""

    @contextlib.asynccontextmanager
    async def beside(lab: Lab) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(count):
                stack.push_async_callback(disconnect, await _opened(lab, "/ws"))
            yield

    return beside


def opening(path: str) -> Before:
    """Another client opens a tunnel there and hangs up."""

    async def before(lab: Lab) -> None:
        await disconnect(await _opened(lab, path))
        await lab.settled(busy=0)

    return before


async def _opened(lab: Lab, path: str) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection(lab.proxy.front.host, lab.proxy.front.plain)
    writer.write(UPGRADE % path.encode())
    await reader.readuntil(b"\r\n\r\n")
    return writer


def asking(path: str, times: int = 1) -> Before:
    """Another client asks so often for this balanced path."""

    async def before(lab: Lab) -> None:
        for _ in range(times):
            await lab.proxy.fetch(path)

    return before


ROWS: tuple[tuple[str, str, str, tuple[str, ...], Before | None, Beside | None], ...] = (
    ("tunnel-of-another", "another client holds a tunnel", LB, ("nothing_left_open",), None, holding(1)),
    (
        "tunnels-of-others",
        "other clients hold tunnels beside 50 that open at once",
        CROWD,
        ("busy_drift",),
        None,
        holding(SOME),
    ),
    (
        "tunnel-outlives-httpd",
        "another client's tunnel keeps httpd from ending",
        "restart-term-idle",
        ("has_ended",),
        None,
        holding(1),
    ),
    (
        "tunnel-outlives-stop",
        "another client's tunnel keeps a graceful stop from ending",
        "restart-winch",
        ("ran_then_ended",),
        None,
        holding(1),
    ),
    (
        "asked-beside-crowd",
        "another client asks twice before 50 open at once",
        CROWD,
        ("elected_drift",),
        asking("/ws", 2),
        None,
    ),
    (
        "asked-unforeseen",
        "another client asks twice: the turns look right, the model's elections do not",
        "failover-stop",
        ("elected_as_modelled",),
        asking("/ws", 2),
        None,
    ),
    (
        "asked-uncounted",
        "another client asks twice, where no request should take a turn",
        "thieves-favicon",
        ("turns_taken", "elected_counted"),
        asking("/ws", 2),
        None,
    ),
    *(
        (
            f"opened-under-{method}",
            f"another client opens once, under {method}",
            COMPARED,
            (f"follows_model on /{method}", *served),
            opening(f"/{method}"),
            None,
        )
        for method, served in (
            ("byrequests", ("served_by on /byrequests",)),
            ("bybusyness", ("served_by on /bybusyness",)),
            ("bytraffic", ()),
        )
    ),
    (
        "refused-over-h2",
        "node answers one handshake over HTTP/2 with 503",
        "carrier-h2-wstunnel",
        ("opened_by_connect",),
        fault("node", "status", status=503, times=1),
        None,
    ),
)
"""Name, what is broken, the scenario, the checks that must go red, what was done before, and what goes on beside."""

MUTATIONS = tuple(
    Mutation(name=name, what=what, scenario=scenario, checks=checks, before=before, beside=beside)
    for name, what, scenario, checks, before, beside in ROWS
)
