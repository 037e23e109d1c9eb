"""A backend as a process of its own, and clients that speak to it byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from wslb.fleet.managed import BACKENDS
from wslb.waiting import disconnect

ROOT = Path(__file__).parents[3]
PROGRAMS = (*BACKENDS, "lean-liberty", "lean-node")
"""Every backend of the lab, and the one for load in either part."""
DEADLINE = 15.0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
TOKEN = "token-of-these-tests"
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 section 1.3
Json = dict[str, Any]


async def until(fact: Callable[[], Awaitable[Any]], *, what: str) -> Any:
    """Poll until a fact is true; the loop every wait of this file goes through."""
    deadline = time.monotonic() + DEADLINE
    while not (value := await fact()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.01)
    return value


@dataclass
class Certificate:
    cert: Path
    key: Path
    context: ssl.SSLContext


@dataclass
class Backend:
    """One running program, its announcement, and its control port."""

    process: asyncio.subprocess.Process
    health: Json
    log: Path
    http: aiohttp.ClientSession
    plays: str
    control: str = field(init=False)

    def __post_init__(self) -> None:
        self.control = f"http://127.0.0.1:{self.health['control']}"

    def uri(self, endpoint: str = "cl", scheme: str = "ws") -> str:
        return f"{scheme}://{self.health['address']}:{self.health[scheme]}{self.health[endpoint + '_path']}"

    def connect(self, endpoint: str = "cl", **options: Any) -> connect:
        options = {"proxy": None, "compression": None, "ping_interval": None, "max_size": None, **options}
        return connect(self.uri(endpoint), **options)

    async def read(self, path: str) -> Json:
        async with self.http.get(self.control + path) as answer:
            assert answer.status == 200
            return dict(await answer.json())

    async def journal(self) -> list[Json]:
        return list((await self.read("/journal"))["entries"])

    async def fault(self, kind: str, **values: object) -> Json:
        async with self.http.post(self.control + "/fault", json={"kind": kind, **values}) as answer:
            assert answer.status == 201, await answer.text()
            return dict(await answer.json())

    async def reset(self) -> None:
        for path in ("/fault", "/journal"):
            async with self.http.delete(self.control + path) as answer:
                assert answer.status == 204, await answer.text()

    async def closed(self) -> Json:
        """Wait until the last journaled connection has ended, and return how."""

        async def ended() -> Json | None:
            entries = await self.journal()
            return entries[-1]["closed"] if entries else None

        return dict(await until(ended, what="closed in the journal"))

    @contextlib.asynccontextmanager
    async def connected(self, scheme: str = "ws") -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Connect for raw bytes; at the end of the block the connection has gone."""
        reader, writer = await asyncio.open_connection(self.health["address"], self.health[scheme])
        try:
            yield reader, writer
        finally:
            await disconnect(writer, seconds=DEADLINE)

    async def exchange(self, request: bytes, *, scheme: str = "ws") -> bytes:
        """Send raw bytes and return everything until the server closes (add `Connection: close`)."""
        async with self.connected(scheme) as (reader, writer):
            writer.write(request)
            await writer.drain()
            return await asyncio.wait_for(reader.read(), DEADLINE)


def arguments(program: str, *options: str) -> list[str]:
    ports = () if "--port" in options else ("--port", "0")
    known = BACKENDS.get(program)
    if program == "recorder":
        start = ["backends.recorder"]
    else:
        start = ["backends.lean", "--play", program.removeprefix("lean-")] if known is None else [known.module]
    return [sys.executable, "-m", *start, *ports, "--control-port", "0", *options]


@contextlib.asynccontextmanager
async def running(program: str, folder: Path, *options: str, token: str = TOKEN, **how: Any) -> AsyncIterator[Backend]:
    announcement, log = folder / f"{program}.json", folder / f"{program}.log"
    announcement.unlink(missing_ok=True)
    environ = {**os.environ, "WSLB_CONTROL_TOKEN": token}
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *arguments(program, "--announce", str(announcement), *options), cwd=ROOT, stderr=stderr, env=environ, **how
        )

    async def announced() -> bool:
        assert process.returncode is None, log.read_text()
        return announcement.exists()

    try:
        await until(announced, what="announcement")
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as http:
            yield Backend(process, json.loads(announcement.read_text()), log, http, program.rpartition("-")[2])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def handshake(backend: Backend, *extra: str, endpoint: str = "cl", drop: str = "", start: str = "") -> bytes:
    path = backend.health[endpoint + "_path"]
    lines = [
        start or f"GET {path} HTTP/1.1",
        "Host: test",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13",
    ]
    kept = [line for line in lines if not drop or not line.startswith(drop)]
    return ("\r\n".join([*kept, *extra]) + "\r\n\r\n").encode("latin-1")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def field_of(answer: bytes, name: str) -> str | None:
    head = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    fields = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head}
    return fields.get(name.lower())


@contextlib.asynccontextmanager
async def opened_raw(backend: Backend, request: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, bytes]]:
    """Send raw bytes and yield what else comes, and the head of the answer."""
    async with backend.connected() as (reader, writer):
        writer.write(request)
        yield reader, await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE)


async def close_of(connection: ClientConnection) -> ConnectionClosed:
    """Read on until the connection ends."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await connection.recv()
            except ConnectionClosed as ended:
                return ended
