"""The journal and the control port (backends/README.md), for every program."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from tests.live.backends.program import ACCEPT, DEADLINE, Backend, handshake, opened_raw, status
from wslb.wire.frames import Opcode, serialise


async def test_journal_keeps_order_case_and_duplicates(backend: Backend) -> None:
    extra = (
        "x-mixed-CASE: 1",
        "X-Double: a",
        "x-double: b",
        "X-Double: a",
        "X-Wslb-Conn: abc",
        "X-Bytes: \xff\xc3\xa4",
    )
    async with opened_raw(backend, handshake(backend, *extra)) as (_, head):
        [entry] = await backend.journal()
    names = [name for name, _ in entry["headers"]]
    assert names[:5] == ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"]
    assert entry["headers"][5:] == [
        ["x-mixed-CASE", "1"], ["X-Double", "a"], ["x-double", "b"], ["X-Double", "a"], ["X-Wslb-Conn", "abc"],
        ["X-Bytes", "\ufffd\u00e4"],
    ]  # fmt: skip
    assert entry["conn_id"] == "abc"
    sent = [
        (name, value) for name, _, value in (line.partition(": ") for line in head.decode().strip().split("\r\n")[1:])
    ]
    assert [tuple(pair) for pair in entry["response_headers"]] == sent
    assert dict(sent)["Sec-WebSocket-Accept"] == ACCEPT


async def test_journal_is_written_before_the_answer(backend: Backend) -> None:
    for _ in range(20):
        async with opened_raw(backend, handshake(backend)) as (_, head):
            entries = await backend.journal()
            assert (entries[-1]["status"], entries[-1]["accepted"]) == (status(head), True)
    numbers = [entry["seq"] for entry in await backend.journal()]
    assert numbers == list(range(numbers[0], numbers[0] + 20))


async def test_journal_entry_has_the_fields_of_the_contract(backend: Backend) -> None:
    before = time.time()
    async with backend.connect() as connection:
        await connection.recv()
        await connection.send("DSPJOB")
        await connection.recv()
        [entry] = await backend.journal()
        assert (entry["messages_received"], entry["messages_sent"], entry["closed"]) == (1, 2, None)
        local = connection.local_address
        assert (await backend.read("/healthz"))["live"] >= 1
    assert before - 1 < entry["at"] < time.time() + 1
    assert entry["peer"] == f"{local[0]}:{local[1]}"
    expected = {"listener": "ws", "method": "GET", "target": backend.health["cl_path"], "http_version": "1.1"}
    assert expected.items() <= entry.items()
    assert (entry["upgrade"], entry["accepted"], entry["status"]) == (True, True, 101)


async def test_numbers_go_on_after_a_clear(backend: Backend) -> None:
    async with backend.connect():
        [first] = await backend.journal()
        await backend.reset()
        assert await backend.journal() == []
        async with backend.connect():
            [second] = await backend.journal()
    assert second["seq"] == first["seq"] + 1


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "away"), (4321, "mine")])
async def test_close_by_the_client_is_journaled_and_echoed(backend: Backend, code: int, reason: str) -> None:
    async with backend.connect() as connection:
        await connection.close(code, reason)
        received = connection.protocol.close_rcvd
        assert received is not None
        assert (received.code, received.reason) == (code, reason)
    closed = await backend.closed()
    assert (closed["code"], closed["reason"], closed["by"]) == (code, reason, "client")


NO_CODES = {f"code {code}": code.to_bytes(2) for code in (999, 1005, 1006, 1016, 2999)}
BROKEN = {
    **{what: (serialise(Opcode.CLOSE, code, mask=b"abcd"), {1002}) for what, code in NO_CODES.items()},
    "compression": (
        serialise(Opcode.BINARY, b"\x07\x00", mask=b"abcd", compressed=True),
        {1002, 1007},
    ),  # no block type
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_broken_rule_is_answered_and_journaled_with_its_code(backend: Backend, what: str) -> None:
    data, codes = BROKEN[what]
    async with backend.connected() as (reader, writer):
        writer.write(handshake(backend, "Sec-WebSocket-Extensions: permessage-deflate", endpoint="echo"))
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE)
        writer.write(data)
        answer = await asyncio.wait_for(reader.read(), DEADLINE)
    closed = await backend.closed()
    assert closed["code"] in codes
    assert (int.from_bytes(answer[2:4]), "server") == (closed["code"], closed["by"])


async def test_lost_connection_is_journaled_as_1006(backend: Backend) -> None:
    async with backend.connect() as connection:
        await connection.recv()
        connection.transport.abort()
    closed = await backend.closed()
    assert (closed["code"], closed["by"]) == (1006, "lost")


async def test_control_port_answers_with_many_connections_open(backend: Backend) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(200):
            connection = await stack.enter_async_context(backend.connect())
            await connection.recv()
        async with asyncio.timeout(DEADLINE):
            assert (await backend.read("/healthz"))["live"] >= 200
            assert len(await backend.journal()) == 200
