"""The control port answers while the tunnels leave their loop no room, and otherwise in its turn."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from backends import cl
from backends.contract import options, sockets
from backends.contract.control import Control
from backends.contract.profile import NODE
from backends.contract.stand_in import StandIn

TOKEN = "a token"
LATEST = 10.0


@contextlib.asynccontextmanager
async def controlled() -> AsyncIterator[tuple[StandIn, Callable[..., tuple[int, bytes]]]]:
    """A backend that serves its control port alone, and who asks it, waiting for the answer."""
    chosen = options.parse(["--port", "0", "--control-port", "0", "--host", "127.0.0.1"], profile=NODE)
    bound = sockets.open_listeners(chosen, profile=NODE, host_name="host.example.org")
    runner = cl.choose("emulator", program="", host_name="host", name=chosen.name, address=bound.address)
    host, port = bound.control.getsockname()[:2]

    def ask(method: str, path: str, document: object = None) -> tuple[int, bytes]:
        asking = http.client.HTTPConnection(host, port, timeout=LATEST)
        with contextlib.closing(asking):
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            asking.request(method, path, json.dumps(document), headers)
            answer = asking.getresponse()
            return answer.status, answer.read()

    with contextlib.closing(bound):
        backend = StandIn(profile=NODE, options=chosen, listeners=bound, host_name="host.example.org", cl=runner)
        control = Control(backend, token=TOKEN)
        await control.start(bound.control)
        try:
            yield backend, ask
        finally:
            await control.stop()


@pytest.mark.parametrize(
    ("method", "path", "document", "status"),
    [
        ("GET", "/healthz", None, 200),
        ("GET", "/journal", None, 200),
        ("DELETE", "/journal", None, 204),
        ("POST", "/fault", {"kind": "hangup"}, 201),
        ("GET", "/fault", None, 200),
        ("DELETE", "/fault", None, 204),
    ],
)
async def test_it_answers_though_the_tunnels_fill_their_loop(
    method: str, path: str, document: object, status: int
) -> None:
    """Their loop is held until the answer has come: on it the control port would never answer."""
    seen: list[int] = []
    async with controlled() as (_, ask):
        asking = threading.Thread(target=lambda: seen.append(ask(method, path, document)[0]))
        asking.start()
        asking.join(LATEST)
    assert seen == [status]


async def test_it_is_answered_behind_what_the_tunnels_saw_before() -> None:
    """A client that has seen its end finds it in the journal: what is asked waits for its turn on their loop."""
    order: list[str] = []
    async with controlled() as (backend, ask):
        loop = asyncio.get_running_loop()
        backend.journal.clear = lambda: order.append("asked")  # type: ignore[method-assign]  # to see when
        loop.call_soon(order.append, "seen before")
        assert (await asyncio.to_thread(ask, "DELETE", "/journal"))[0] == 204
    assert order == ["seen before", "asked"]


async def test_a_fault_is_active_once_it_was_answered() -> None:
    async with controlled() as (backend, ask):
        assert (await asyncio.to_thread(ask, "POST", "/fault", {"kind": "hangup", "times": 1}))[0] == 201
        assert list(backend.faults.take()) == ["hangup"]
        assert backend.faults.take() == {}
