"""What is asked of an original and of its stand-in: bytes in, and all that comes back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

from wslb.waiting import disconnect

__all__ = ["HANDSHAKES", "Answer", "exchange", "handshake", "settled", "silence"]

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
QUIET_SECONDS = 1.0
"""A server that has said nothing for so long is taken to wait for us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came: the head's lines, what followed it, and whether the server ended the connection."""

    head: tuple[str, ...]
    rest: bytes
    ended: bool


def handshake(path: str, *extra: str, start: str = "", drop: str = "", **instead: str) -> bytes:
    """An opening handshake: another first line, one field less, other values (``Upgrade="h2c"``), and more lines."""
    fields = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
    } | {name.replace("_", "-"): value for name, value in instead.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if name != drop]
    return "\r\n".join([start.format(path=path) or f"GET {path} HTTP/1.1", *lines, *extra, "\r\n"]).encode("latin-1")


HANDSHAKES: Mapping[str, dict[str, str]] = {
    "as it should be": {},
    "with Origin": {"Origin": "http://localhost"},
    "two words in Connection": {"Connection": "keep-alive, Upgrade"},
    "Upgrade: WebSocket": {"Upgrade": "WebSocket"},
    "a cookie of somebody": {"Cookie": "JSESSIONID=0000abc:def"},
    "an extension offered": {"Sec_WebSocket_Extensions": "permessage-deflate"},
    "absolute form": {"start": "GET http://localhost{path} HTTP/1.1"},
    "a slash behind it": {"start": "GET {path}/ HTTP/1.1"},
    "query": {"start": "GET {path}?a=1 HTTP/1.1"},
}
"""Handshakes on the CL endpoint that both originals accept, by what is special about them."""


async def exchange(host: str, port: int, request: bytes) -> Answer:
    """Send the bytes, and read until the server ends the connection or is quiet."""
    reader, writer = await asyncio.open_connection(host, port)
    came, ended = b"", False
    try:
        writer.write(request)
        while not ended:
            async with asyncio.timeout(QUIET_SECONDS if came else 10):
                piece = await reader.read(65_536)
            ended, came = not piece, came + piece
    except TimeoutError:
        pass
    except ConnectionError:
        ended = True
    finally:
        await disconnect(writer, seconds=5)
    head, _, rest = came.partition(b"\r\n\r\n")
    return Answer(head=tuple(head.decode("latin-1").split("\r\n")), rest=rest, ended=ended)


_VARYING = {
    r"^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$": "Date: now",
    r"JSESSIONID=0000[\w-]{23}:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12};": "JSESSIONID=0000ID:CLONE;",
}


def settled(line: str) -> str:
    """A line of a head, without what differs from one answer of the same server to the next."""
    for pattern, word in _VARYING.items():
        line = re.sub(pattern, word, line)
    return line


async def silence(host: str, port: int, request: bytes, *, seconds: float) -> list[tuple[str, int]]:
    """What comes after the greeting on a tunnel on which the client never says anything: in hex, at which second."""
    reader, writer = await asyncio.open_connection(host, port)
    seen: list[tuple[str, int]] = []
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head
        size = (await reader.readexactly(2))[1]
        await reader.readexactly(size)
        begun = asyncio.get_running_loop().time()
        async with asyncio.timeout(seconds):
            while True:
                piece = await reader.read(65_536)
                seen.append((piece.hex(), round(asyncio.get_running_loop().time() - begun)))
                if not piece:
                    break
    except TimeoutError:
        pass
    finally:
        await disconnect(writer, seconds=5)
    return seen
