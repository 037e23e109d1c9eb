"""The fake proxy behind a real socket of this process: for clients that need bytes, such as load's and the raw one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from tests.fakes.proxy import FakeProxy, Served
from wslb.model.handshake import Headers
from wslb.waiting import disconnect

__all__ = ["listening"]

_LOOK_SECONDS = 0.002


@contextlib.asynccontextmanager
async def listening(proxy: FakeProxy) -> AsyncIterator[None]:
    """The proxy answers on a free port of 127.0.0.1, which its `front` names, until the block is left."""
    serving: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            if not proxy.running:
                writer.transport.abort()
                return
            await _serve(proxy, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ProtocolError):
            pass  # the client left in the middle, or spoke no WebSocket: its own evidence tells
        finally:
            await disconnect(writer)
            serving.discard(task)

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    proxy.front = replace(proxy.front, plain=server.sockets[0].getsockname()[1])
    try:
        yield
    finally:
        server.close()
        for task in tuple(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def _serve(proxy: FakeProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].decode().split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        return
    served = proxy.serve(words[1], method=words[0], headers=_fields(lines))
    try:
        writer.write(_head(served))
        await writer.drain()
        if served.end is not None:
            await _tunnel(served, reader, writer)
    finally:
        served.over()


def _fields(lines: list[str]) -> Headers:
    return tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))


def _head(served: Served) -> bytes:
    fields = [*served.response, *([] if served.end else [("Content-Length", str(len(served.body)))])]
    text = "".join(f"{name}: {value}\r\n" for name, value in fields)
    reason = "Switching Protocols" if served.end else "Answer"
    return f"HTTP/1.1 {served.status} {reason}\r\n{text}\r\n{'' if served.end else served.body}".encode()


async def _tunnel(served: Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Frames in, frames out, until one side closes."""
    end = served.end
    assert end is not None
    protocol = ServerProtocol(state=State.OPEN, max_size=None)
    coming = asyncio.ensure_future(reader.read(1 << 16))
    try:
        while True:
            while end.said and not end.backend.frozen and protocol.state is State.OPEN:
                said = end.said.popleft()
                protocol.send_text(said.encode()) if isinstance(said, str) else protocol.send_binary(said)
            if end.closed and protocol.state is State.OPEN:
                if end.closed.by == "lost":
                    return
                protocol.send_close(end.closed.code, end.closed.reason)
            for data in protocol.data_to_send():
                if not data:
                    return
                writer.write(data)
            await writer.drain()
            done, _ = await asyncio.wait({coming}, timeout=_LOOK_SECONDS)
            if not done:
                continue
            data = coming.result()
            if not data:
                end.end(1006, by="lost")
                return
            protocol.receive_data(data)
            for event in protocol.events_received():
                assert not isinstance(event, Response)
                if isinstance(event, Frame):
                    _heard(event, served)
            coming = asyncio.ensure_future(reader.read(1 << 16))
    finally:
        coming.cancel()
        end.end(1006, by="lost")


def _heard(frame: Frame, served: Served) -> None:
    end = served.end
    assert end is not None
    if frame.opcode is Opcode.TEXT:
        end.hears(bytes(frame.data).decode())
    elif frame.opcode is Opcode.BINARY:
        end.hears(bytes(frame.data))
    elif frame.opcode is Opcode.CLOSE:
        code = int.from_bytes(bytes(frame.data)[:2], "big") or 1005
        end.end(code, bytes(frame.data)[2:].decode(), by="client")
