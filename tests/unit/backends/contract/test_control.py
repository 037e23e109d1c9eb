"""The control port answers while the tunnels leave their loop no room, and otherwise in its turn."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import http.client
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import pytest

from backends import cl
from backends.contract import options, sockets
from backends.contract.control import Control
from backends.contract.profile import NODE
from backends.contract.stand_in import StandIn
from wslb.waiting import disconnect

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


@pytest.mark.parametrize(
    ("request_line", "fields", "status"),
    [
        ("GET /nothing", "", 404),
        ("PUT /fault", "", 405),
        ("POST /fault", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", 411),
        ("POST /fault", "Content-Type: application/json\r\nContent-Length: -1\r\n", 411),
        ("POST /fault", "Content-Type: application/json\r\nContent-Length: 65537\r\n", 413),
        ("POST /fault", f"Content-Type: application/json\r\nContent-Length: {'9' * 5000}\r\n", 411),
        ("POST /fault", "Content-Type: text/plain\r\n", 415),
        ("GET /fault", "Origin: http://localhost\r\n", 403),
    ],
)
async def test_what_it_does_not_take_is_refused_in_json(request_line: str, fields: str, status: int) -> None:
    async with controlled() as (backend, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", backend.health()["control"])
        head = f"{request_line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n{fields}\r\n"
        writer.write(head.encode())
        answer, _, body = (await reader.readuntil(b"}")).partition(b"\r\n\r\n")
        assert int(answer.split()[1]) == status
        assert list(json.loads(body)) == ["error"]
        assert (b"Allow: GET, POST, DELETE" in answer) == (status == 405)
        assert backend.faults.as_json() == []
        await disconnect(writer)


async def test_a_body_that_is_too_long_costs_nobody_the_answer() -> None:
    async with controlled() as (_, ask):
        for _ in range(10):
            assert (await asyncio.to_thread(ask, "POST", "/fault", "x" * 1_000_000))[0] == 413


async def test_it_goes_on_where_there_was_no_thread_left(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = iter([RuntimeError("can't start new thread")] * 2)

    class Scarce(threading.Thread):
        def start(self) -> None:
            if (exc := next(refused, None)) is not None:
                raise exc
            super().start()

    async with controlled() as (_, ask):
        monkeypatch.setattr("backends.contract.control.threading", SimpleNamespace(Thread=Scarce))
        for _ in range(2):
            with pytest.raises(ConnectionError):
                await asyncio.to_thread(ask, "GET", "/healthz")
        assert (await asyncio.to_thread(ask, "GET", "/healthz"))[0] == 200


async def test_it_goes_on_where_there_was_no_open_file_left(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = iter([OSError(errno.EMFILE, "too many open files")] * 2)
    accept = socket.socket.accept

    def scarce(listener: socket.socket) -> tuple[socket.socket, object]:
        if (exc := next(refused, None)) is not None:
            raise exc
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", scarce)
    async with controlled() as (_, ask):
        assert (await asyncio.to_thread(ask, "GET", "/healthz"))[0] == 200
    assert next(refused, None) is None
