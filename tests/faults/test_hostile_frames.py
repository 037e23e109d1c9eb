"""Clients that break the rules of frames: servers say why or hang up, live on, and serve the next one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.faults.figures import FULL, Figures
from tests.hostile import HOSTILE, MASK, Hostile
from tests.live.backends.program import KEY, running
from wslb.lab.lab import Lab
from wslb.model.sites import LIBERTY, balanced, cluster
from wslb.waiting import disconnect, until
from wslb.wire.frames import Frame, FrameError, FrameReader, Opcode, serialise

pytestmark = [pytest.mark.live, pytest.mark.slow]

SECONDS = 30
"""No answer takes longer, though many clients wait at a time."""

AT_A_TIME = 24

DEAF = "Liberty says nothing to a close code from 5000 up, and hears nothing more until the client ends the connection"
OBEYED = {
    "liberty": dict.fromkeys(("close 5000", "close 32768", "close 65535"), DEAF),
    "node": {
        "no mask": "Node.js obeys a frame without a mask",
        "close 1015": "Node.js takes this code, and answers with 1000",
    },
}
"""What a stand-in does not refuse, as its original does not, by a part of what it is, with the reason."""


Tunnel = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a frame goes.

    Attributes:
        address, path: of its echo endpoint.
        alive: whether it still is the process that it was.
        live: how many connections its backend holds.
        obeys: what it does not refuse, and why.
        obeyed: what it has not refused.
    """

    address: str
    path: str
    alive: Callable[[], bool]
    live: Callable[[], Awaitable[int]]
    obeys: Mapping[str, str] = field(default_factory=dict)
    obeyed: set[str] = field(default_factory=set)


@contextlib.asynccontextmanager
async def opened(
    server: Server, *, deflate: bool = False
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """An open tunnel, byte by byte."""
    host, _, port = server.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else ""
        writer.write(
            f"GET {server.path} HTTP/1.1\r\nHost: {server.address}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert not deflate or b"permessage-deflate" in head, head
        yield reader, writer
    finally:
        await disconnect(writer)


async def heard(reader: asyncio.StreamReader, wanted: bytes | None) -> tuple[list[Frame], bytes]:
    """Frames until the close frame, the end of the stream, or the bytes that are wanted; and the bytes."""
    parsed, octets, frames = FrameReader(None), b"", list[Frame]()
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            octets += data
            parsed.feed(data)
            while (frame := parsed.next()) is not None:
                frames.append(frame)
            if wanted == octets or any(frame.opcode is Opcode.CLOSE for frame in frames):
                break
    return frames, octets


async def refused(server: Server, hostile: Hostile, *, piece: int) -> list[str]:
    """Sentences of what was wrong with its answer."""
    obeyed = {part for part in server.obeys if part in hostile.what}
    async with opened(server, deflate=hostile.deflate) as (reader, writer):
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(hostile.data), piece):
                writer.write(hostile.data[at : at + piece])
                await writer.drain()
            if hostile.cut or obeyed:
                writer.write_eof()
        frames, octets = await heard(reader, hostile.echoed)
        codes = [frame.code for frame in frames if frame.opcode is Opcode.CLOSE]
        if not hostile.codes.intersection(codes):
            server.obeyed.update(obeyed)
        if octets == hostile.echoed or not codes:
            return []
        if codes[0] in hostile.codes or hostile.cut or obeyed:
            return []
        return [f"close code {codes[0]}"]


async def serves(server: Server) -> list[str]:
    """Whether the next client is served."""
    async with opened(server) as (reader, writer):
        writer.write(serialise(Opcode.TEXT, b"next", mask=MASK))
        wanted = serialise(Opcode.TEXT, b"next", mask=None)
        _, octets = await heard(reader, wanted)
        return [] if octets == wanted else [f"the next client got {octets[:40]!r}"]


async def lost(server: Server, hostile: Hostile, *, piece: int) -> list[str]:
    """Sentences of what this client did to a server."""
    found = []
    for what, asked in (("answer", refused(server, hostile, piece=piece)), ("next client", serves(server))):
        try:
            async with asyncio.timeout(SECONDS):
                found += await asked
        except TimeoutError:
            found.append(f"{what}: no end")
        except (OSError, EOFError, FrameError, AssertionError) as exc:
            found.append(f"{what}: {exc!r}")
    return found + ([] if server.alive() else ["it has ended"])


@contextlib.asynccontextmanager
async def servers(lab: Lab, folder: Path) -> AsyncIterator[dict[str, Server]]:
    """Both stand-ins, the lean backend, and Apache in front of the first."""
    await lab.begin("hostile-frames", balanced(cluster(LIBERTY), echo=True), balancer=None)
    found, parent = {}, lab.proxy.pid

    async def live(name: str) -> int:
        return (await lab.fleet[name].health()).live

    def running_still(name: str) -> bool:
        return lab.fleet[name].running

    for name in ("liberty", "node"):
        info = lab.fleet[name].info
        found[name] = Server(
            address=f"{info.address}:{info.ws}",
            path=info.echo_path,
            alive=partial(running_still, name),
            live=partial(live, name),
            obeys=OBEYED[name],
        )
    found["apache"] = Server(
        address=f"{lab.front.host}:{lab.front.plain}",
        path="/ws",
        alive=lambda: lab.proxy.running and lab.proxy.pid == parent,
        live=partial(live, "liberty"),
        obeys=OBEYED["liberty"],
    )
    async with running("lean-liberty", folder) as lean:

        async def lean_live() -> int:
            return int((await lean.read("/healthz"))["live"])

        found["lean"] = Server(
            address=f"{lean.health['address']}:{lean.health['ws']}",
            path=lean.health["echo_path"],
            alive=lambda: lean.process.returncode is None,
            live=lean_live,
            obeys=OBEYED["liberty"],
        )
        yield found


async def test_servers_refuse_and_live_on(lab: Lab, tmp_path: Path) -> None:
    room = asyncio.Semaphore(AT_A_TIME)

    async def one(server: Server, hostile: Hostile, piece: int) -> list[str]:
        async with room:
            return await lost(server, hostile, piece=piece)

    told: list[Figures] = []
    pieces = (1 << 20, 7) if FULL else (1 << 20,)
    async with servers(lab, tmp_path) as asked:
        for name, server in asked.items():
            figures = Figures(f"hostile frames, {name}")
            cases = [(hostile, piece) for hostile in HOSTILE for piece in pieces]
            answers = await asyncio.gather(*(one(server, *case) for case in cases))
            for (hostile, piece), found in zip(cases, answers, strict=True):
                figures.judge(f"{hostile.what}, in pieces of {piece}", found)

            figures.judge(
                "accepted differences", [f"no longer: {part}" for part in server.obeys.keys() - server.obeyed]
            )

            async def ended(server: Server = server) -> bool:
                return await server.live() == 0

            await until(ended, seconds=SECONDS, what=f"the end of every tunnel at {name}")
            told.append(figures)
    for figures in told:
        figures.survived()
