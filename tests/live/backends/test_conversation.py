"""The conversation on an accepted connection (backends/README.md), for every program."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode

from tests.live.backends.program import DEADLINE, Backend, close_of, field_of, handshake, opened_raw, status
from wslb.wire.frames import serialise

MOST_PINGED = 64 * 1024 * 1024
"""Bytes of pings, far more than sockets and programs may keep of them."""


async def test_greeting_names_host_and_address(backend: Backend) -> None:
    address = backend.health["address"]
    article = {
        "liberty": f"[From Server] Connected to testhost [{address}].",
        "node": f"[From Server] Connected to {address}",
    }
    greeting = backend.health["greeting"]
    async with backend.connect() as connection:
        assert await connection.recv() == greeting == article.get(backend.plays, greeting)


async def test_reply_is_the_output_in_the_form_of_the_program(backend: Backend) -> None:
    async with backend.connect() as connection:
        await connection.recv()
        await connection.send("WRKSBS")
        reply = await connection.recv()
    assert isinstance(reply, str)
    prefix = f"[From Server] {backend.health['address']}\n" if backend.plays == "node" else ""
    assert reply.startswith(prefix)
    assert "Work with Subsystems" in reply.removeprefix(prefix).split("\n")[0]
    assert reply.endswith("* * * * *  E N D  O F  L I S T I N G  * * * * *")


async def test_the_endpoint_is_served_with_a_slash_too(backend: Backend) -> None:
    path = backend.health["cl_path"] + "/"
    async with opened_raw(backend, handshake(backend, start=f"GET {path} HTTP/1.1")) as (_, head):
        assert status(head) == 101


async def test_own_commands_tell_the_connection_and_its_headers(backend: Backend) -> None:
    async with backend.connect(additional_headers={"X-Wslb-Conn": "c-7"}) as connection:
        await connection.recv()
        await connection.send("DSPWSHDR")
        assert "X-Wslb-Conn                   c-7" in await connection.recv()
        await connection.send("dspwscnn")
        facts = await connection.recv()
    assert f":   {backend.health['name']}\n" in facts
    assert "Messages received  . . . . . . . . . . . . . :   2\n" in facts


async def test_commands_are_never_text_for_a_shell(backend: Backend) -> None:
    async with backend.connect() as connection:
        await connection.recv()
        for command in ("WRKSBS; id", "$(id)", "`id`", "WRKSBS | id", "", "\0", "'", "x" * 60_000):
            await connection.send(command)
            reply = await connection.recv()
            assert isinstance(reply, str)
            assert "CPD00" in reply
            assert "uid=" not in reply


async def test_a_handshake_with_a_body_leaves_no_deaf_connection(backend: Backend) -> None:
    for body_later in (False, True):
        async with backend.connected() as (reader, writer):
            head = handshake(backend, "Content-Length: 5", endpoint="echo")
            writer.write(head if body_later else head + b"hello")
            await writer.drain()
            if body_later:
                await backend.read("/healthz")  # in the meantime it has read the head
                writer.write(b"hello")
            async with asyncio.timeout(DEADLINE):
                assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
                writer.write(serialise(Opcode.TEXT, b"heard", mask=b"abcd"))
                assert await reader.readexactly(7) == b"\x81\x05heard"


async def test_an_announced_body_of_no_bytes_is_none(backend: Backend) -> None:
    """mod_proxy_http writes ``Content-Length: 0`` into a handshake that came over HTTP/2."""
    async with backend.connect(additional_headers={"Content-Length": "0"}) as connection:
        await connection.recv()
        await connection.send("WRKSBS")
        async with asyncio.timeout(DEADLINE):
            assert "Work with Subsystems" in str(await connection.recv())


async def test_ten_thousand_commands_on_one_connection(backend: Backend) -> None:
    async with backend.connect() as connection:
        await connection.recv()
        for _ in range(100):
            for _ in range(100):
                await connection.send("DSPLIBL")
            for _ in range(100):
                assert "QGPL" in await connection.recv()
        await connection.send("DSPWSCNN")
        assert ":   10001\n" in await connection.recv()


async def test_binary_command_closes_with_1003(backend: Backend) -> None:
    async with backend.connect() as connection:
        await connection.send(b"WRKSBS")
        received = (await close_of(connection)).rcvd
        assert received is not None
        assert received.code == 1003
    assert (await backend.closed())["by"] == "server"


@pytest.mark.parametrize("size", [65_537, 1_000_000, 8_000_000])
async def test_long_command_closes_with_1009(backend: Backend, size: int) -> None:
    connection = await backend.connect()  # no `async with`: the library's own close fails on a half-closed transport
    with contextlib.suppress(ConnectionClosed):
        await connection.send("x" * size)
    end = await close_of(connection)
    assert end.rcvd is not None
    assert end.rcvd.code == 1009
    assert (await backend.closed())["code"] == 1009


async def test_longest_command_is_answered(backend: Backend) -> None:
    async with backend.connect() as connection:
        await connection.recv()
        await connection.send("x" * 65_536)
        assert "CPD0031" in await connection.recv()


@pytest.mark.parametrize("endpoint", ["cl", "echo"])
async def test_invalid_utf8_closes_with_1007(backend: Backend, endpoint: str) -> None:
    async with backend.connect(endpoint) as connection:
        await connection.send(b"\xff\xfe", text=True)
        end = await close_of(connection)
    assert end.rcvd is not None
    assert end.rcvd.code == 1007
    closed = await backend.closed()
    assert (closed["code"], closed["by"]) == (1007, "server")


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_echo_returns_every_message_as_it_came(backend: Backend, compression: str | None) -> None:
    async with backend.connect("echo", compression=compression) as connection:
        for message in ("text", b"\0\xff", "", b"", "ü" * 500_000, os.urandom(1_000_000)):
            await connection.send(message)
            assert await connection.recv() == message
        await connection.send(["in ", "three ", "parts"])
        assert await connection.recv() == "in three parts"
        assert connection.response is not None
        chosen = connection.response.headers.get("Sec-WebSocket-Extensions", "")
    assert ("permessage-deflate" in chosen) is (compression is not None)


async def test_compression_is_for_the_echo_endpoint_only(backend: Backend) -> None:
    async with backend.connect(compression="deflate") as connection:
        assert connection.response is not None
        assert "Sec-WebSocket-Extensions" not in connection.response.headers


async def test_ping_is_answered(backend: Backend) -> None:
    async with backend.connect() as connection:
        pong = await connection.ping(b"42")
        assert await asyncio.wait_for(pong, DEADLINE) >= 0


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["wsconsole"], "wsconsole"), (["other", "wsconsole"], "wsconsole"), (["other"], None)]
)
async def test_subprotocol_is_chosen_when_known(backend: Backend, offered: list[str], chosen: str | None) -> None:
    request = handshake(backend, f"Sec-WebSocket-Protocol: {', '.join(offered)}")
    async with opened_raw(backend, request) as (_, head):
        assert field_of(head, "Sec-WebSocket-Protocol") == chosen
        assert (await backend.journal())[-1]["subprotocol"] == chosen


async def test_a_client_that_reads_no_pong_is_not_read_any_further(backend: Backend) -> None:
    pings = (bytes((0x89, 0x80 | 125, 0, 0, 0, 0)) + b"p" * 125) * 500
    written = 0
    async with backend.connected() as (reader, writer):  # which reads no further by itself when nobody takes it
        writer.write(handshake(backend))
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(TimeoutError, ConnectionError):
            while written < MOST_PINGED:
                writer.write(pings)
                async with asyncio.timeout(2):
                    await writer.drain()
                written += len(pings)
        writer.transport.abort()
    assert written < MOST_PINGED
    async with backend.connect() as connection:
        assert await connection.recv() == backend.health["greeting"]
