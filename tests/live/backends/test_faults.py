"""Every fault that a backend can be asked for (backends/README.md), for every program."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from tests.live.backends.program import (
    ACCEPT,
    DEADLINE,
    Backend,
    close_of,
    field_of,
    handshake,
    opened_raw,
    status,
    until,
)


@pytest.mark.parametrize(
    "fault",
    [
        {}, {"kind": "unknown"}, {"kind": "cut"}, {"kind": "cut", "after_messages": -1}, {"kind": "mute", "extra": 1},
        {"kind": "close", "code": 1006, "reason": ""}, {"kind": "status", "status": 101}, {"kind": "mute", "times": 0},
        {"kind": "accept", "value": "a\r\nX: y"}, [], "mute",
    ],
)  # fmt: skip
async def test_impossible_fault_is_refused_with_a_sentence(backend: Backend, fault: object) -> None:
    async with backend.http.post(backend.control + "/fault", json=fault) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"].endswith(".")
    assert await backend.read("/fault") == {"faults": []}


async def test_fault_can_be_read_and_taken_back(backend: Backend) -> None:
    assert await backend.fault("cut", after_messages=2, times=3) == {"kind": "cut", "after_messages": 2, "times": 3}
    await backend.fault("mute")
    assert len((await backend.read("/fault"))["faults"]) == 2
    await backend.reset()
    assert await backend.read("/fault") == {"faults": []}
    async with backend.connect() as connection:
        assert await connection.recv() == backend.health["greeting"]


async def test_fault_ends_after_its_times(backend: Backend) -> None:
    await backend.fault("status", status=503, times=2)
    for expected in (503, 503):
        with pytest.raises(InvalidStatus) as refused:
            await backend.connect()
        assert refused.value.response.status_code == expected
    async with backend.connect() as connection:
        assert await connection.recv() == backend.health["greeting"]


async def test_impersonate(backend: Backend) -> None:
    await backend.fault("impersonate", name="other", greeting="I am the other")
    async with backend.connect() as connection:
        assert await connection.recv() == "I am the other"
        assert connection.response is not None
        assert connection.response.headers["X-Backend"] == "other"
    assert (await backend.read("/journal"))["backend"] == backend.health["name"]


async def test_accept(backend: Backend) -> None:
    await backend.fault("accept", value="wrong")
    with pytest.raises(InvalidHandshake, match="Sec-WebSocket-Accept"):
        await backend.connect()
    [entry] = await backend.journal()
    assert ["Sec-WebSocket-Accept", "wrong"] in entry["response_headers"]


@pytest.mark.parametrize("value", ["h2c", ""])
async def test_upgrade(backend: Backend, value: str) -> None:
    await backend.fault("upgrade", value=value)
    async with opened_raw(backend, handshake(backend)) as (_, head):
        assert status(head) == 101
        assert field_of(head, "Upgrade") == (value or None)
        assert field_of(head, "Sec-WebSocket-Accept") == ACCEPT
    [entry] = await backend.journal()
    assert [v for name, v in entry["response_headers"] if name == "Upgrade"] == ([value] if value else [])


async def test_redirect(backend: Backend) -> None:
    await backend.fault("status", status=302, location="http://127.0.0.1:9/elsewhere")
    assert field_of(await backend.exchange(handshake(backend)), "Location") == "http://127.0.0.1:9/elsewhere"


@pytest.mark.parametrize("message", ["ä" * 2500, b"x" * 2500], ids=["text", "binary"])
async def test_fragment(backend: Backend, message: str | bytes) -> None:
    await backend.fault("fragment", bytes=1000)
    async with backend.connect("echo") as connection:
        await connection.send(message)
        parts = [part async for part in connection.recv_streaming()]
        assert [len(part) for part in parts if part] == [1000, 1000, 500]
        whole = [part.encode() if isinstance(part, str) else part for part in parts]
        assert b"".join(whole) == (message if isinstance(message, bytes) else message.encode())
        assert {isinstance(part, str) for part in parts} == {isinstance(message, str)}
    assert (await backend.journal())[0]["messages_sent"] == 1


async def test_ping(backend: Backend) -> None:
    await backend.fault("ping", payload="are you there")
    async with opened_raw(backend, handshake(backend, endpoint="echo")) as (reader, _):
        assert await asyncio.wait_for(reader.readexactly(15), DEADLINE) == b"\x89\x0dare you there"


async def test_status(backend: Backend) -> None:
    await backend.fault("status", status=599, reason="On Purpose")
    answer = await backend.exchange(handshake(backend))
    assert answer.startswith(b"HTTP/1.1 599 On Purpose\r\n")
    assert answer.endswith(b"599 On Purpose\n")
    assert (await backend.journal())[0]["status"] == 599


async def test_silent(backend: Backend) -> None:
    await backend.fault("silent")
    async with backend.connected() as (reader, writer):
        writer.write(handshake(backend))
        [entry] = await until(backend.journal, what="silent request in the journal")
        assert (entry["status"], entry["accepted"], entry["response_headers"]) == (None, False, [])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)


async def test_hangup(backend: Backend) -> None:
    await backend.fault("hangup")
    assert await backend.exchange(handshake(backend)) == b""
    assert (await backend.journal())[0]["status"] is None


async def test_mute(backend: Backend) -> None:
    await backend.fault("mute")
    async with backend.connect() as connection:
        await connection.send("WRKSBS")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.recv(), 0.2)
    closed = await backend.closed()
    assert closed["by"] == "client"
    assert (await backend.journal())[0]["messages_received"] == 1


async def test_forget(backend: Backend) -> None:
    await backend.fault("forget")
    accepted = (await backend.read("/healthz"))["accepted"]
    async with backend.connect() as connection:
        assert await connection.recv() == backend.health["greeting"]
    assert await backend.journal() == []
    assert (await backend.read("/healthz"))["accepted"] == accepted + 1


@pytest.mark.parametrize("messages", [0, 1, 2])
async def test_cut(backend: Backend, messages: int) -> None:
    await backend.fault("cut", after_messages=messages)
    async with backend.connect("echo") as connection:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(messages):
                await connection.send("x")
        end = await close_of(connection)
        assert end.rcvd is None
        assert isinstance(end.__cause__, ConnectionResetError)
    assert (await backend.closed())["by"] == "lost"
    assert (await backend.journal())[0]["messages_received"] == messages


async def test_push(backend: Backend) -> None:
    await backend.fault("push", messages=3, interval_seconds=0.01)
    async with backend.connect() as connection:
        assert [await connection.recv() for _ in range(4)] == [backend.health["greeting"], "push 1", "push 2", "push 3"]
        await connection.send("DSPLIBL")
        assert "QGPL" in await connection.recv()
    assert (await backend.closed())["by"] == "client"


async def test_push_ends_with_its_connection(backend: Backend) -> None:
    await backend.fault("push", messages=1000, interval_seconds=60)
    async with backend.connect() as connection:
        await connection.recv()
    assert (await backend.closed())["by"] == "client"


async def test_close(backend: Backend) -> None:
    await backend.fault("close", code=4001, reason="on purpose")
    async with backend.connect() as connection:
        assert await connection.recv() == backend.health["greeting"]
        end = await close_of(connection)
    assert end.rcvd is not None
    assert (end.rcvd.code, end.rcvd.reason) == (4001, "on purpose")
    closed = await backend.closed()
    assert (closed["code"], closed["by"]) == (4001, "server")
