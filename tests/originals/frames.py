"""Frames that are put to an original and to its stand-in, and requests that are no good handshakes."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from tests.originals.probes import QUIET_SECONDS
from wslb.waiting import disconnect
from wslb.wire.frames import serialise

__all__ = ["ACCEPTED", "COMMANDS", "FRAMES", "REFUSALS", "Difference", "Heard", "converse", "excused"]

MASK = b"\1\2\3\4"
TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """A client's frame, with reserved bits."""
    whole = serialise(opcode, data, mask=MASK, fin=fin)
    return bytes((whole[0] | rsv << 4,)) + whole[1:]


def close(code: int, reason: bytes = b"bye") -> bytes:
    """A client's Close frame."""
    return frame(CLOSE, struct.pack(">H", code) + reason)


HELLO = frame(TEXT, b"hello")
BARE = b"\x81\5again"

FRAMES: Mapping[str, bytes] = {
    "text": HELLO,
    "two texts at once": HELLO + frame(TEXT, b"again"),
    "empty text": frame(TEXT),
    "binary": frame(BINARY, b"\0\xff"),
    "empty binary": frame(BINARY),
    "60000 bytes": frame(TEXT, b"x" * 60_000),
    "70000 bytes": frame(TEXT, b"x" * 70_000),
    "ping": frame(PING, b"hi"),
    "pong unasked": frame(PONG, b"hi"),
    "a ping between fragments": frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(CONTINUATION, b"b"),
    "a Close between fragments": frame(TEXT, b"a", fin=False) + close(1000) + frame(CONTINUATION, b"b"),
    "no mask": BARE,
    "a good one, then no mask": HELLO + BARE,
    "RSV1": frame(TEXT, b"hello", rsv=4),
    "RSV2": frame(TEXT, b"hello", rsv=2),
    "RSV3": frame(TEXT, b"hello", rsv=1),
    "RSV1 on a ping": frame(PING, b"hi", rsv=4),
    **{f"opcode {code}": frame(code, b"abc") for code in (3, 5, 7, 11, 15)},
    "a fragmented ping": frame(PING, b"hi", fin=False),
    "a ping of 126": frame(PING, b"x" * 126),
    "a Close of 126": close(1000, b"x" * 124),
    "no UTF-8": frame(TEXT, b"\xff\xfe"),
    "no UTF-8 in fragments": frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b"\x28"),
    "a continuation of nothing": frame(CONTINUATION, b"b"),
    "a text within a message": frame(TEXT, b"a", fin=False) + HELLO,
    "a good one, then RSV1": HELLO + frame(TEXT, b"hello", rsv=4),
    "a good one, then opcode 5": HELLO + frame(5, b"abc"),
    "a good one, then no UTF-8": HELLO + frame(TEXT, b"\xff\xfe"),
    "a good one, then Close": HELLO + close(1000),
    "something behind a Close": close(1000) + HELLO,
    **{f"Close {code}": close(code) for code in (0, 999, *range(1000, 1017), 2999, 3000, 4999, 5000, 65535)},
    "something behind a Close 5000": close(5000) + HELLO,
    "Close without a code": frame(CLOSE),
    "Close without a reason": close(1000, b""),
    "Close of one byte": frame(CLOSE, b"\3"),
    "Close with no UTF-8": close(1000, b"\xff\xff"),
}
"""What is sent on an open echo endpoint, in one piece, by what it is."""

COMMANDS: Mapping[str, bytes] = {"a binary command": frame(BINARY, b"abc")}
"""Likewise on the CL endpoint, behind its greeting."""

REFUSALS: Mapping[str, tuple[dict[str, str], bytes]] = {
    "no Upgrade": ({"drop": "Upgrade"}, b""),
    "no Connection": ({"drop": "Connection"}, b""),
    "Connection: keep-alive": ({"Connection": "keep-alive"}, b""),
    "Upgrade: h2c": ({"Upgrade": "h2c"}, b""),
    "Upgrade: websocket, h2c": ({"Upgrade": "websocket, h2c"}, b""),
    "no version": ({"drop": "Sec-WebSocket-Version"}, b""),
    **{f"version {it}": ({"Sec_WebSocket_Version": it}, b"") for it in ("7", "8", "14", "99", "abc", "13, 8")},
    "no key": ({"drop": "Sec-WebSocket-Key"}, b""),
    "a short key": ({"Sec_WebSocket_Key": "abc"}, b""),
    "a key that is no base64": ({"Sec_WebSocket_Key": "!" * 24}, b""),
    "two keys": ({"Sec_WebSocket_Protocol": "x\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, b""),
    "no Host": ({"drop": "Host"}, b""),
    "POST": ({"start": "POST {path} HTTP/1.1"}, b""),
    "HEAD": ({"start": "HEAD {path} HTTP/1.1"}, b""),
    "HTTP/1.0": ({"start": "GET {path} HTTP/1.0"}, b""),
    "a body": ({"Content_Length": "5"}, b"hello"),
    "a wrong path": ({"start": "GET /nope HTTP/1.1"}, b""),
    "a plain GET": ({"drop": "Upgrade", "Connection": "close"}, b""),
    "a plain GET of a wrong path": ({"start": "GET /nope HTTP/1.1", "drop": "Upgrade", "Connection": "close"}, b""),
    "a field of 20000 bytes": ({"X_Big": "x" * 20_000}, b""),
    "a known subprotocol": ({"Sec_WebSocket_Protocol": "x, wsconsole"}, b""),
    "an unknown subprotocol": ({"Sec_WebSocket_Protocol": "x"}, b""),
}
"""Handshakes on the CL endpoint that have something wrong or strange, with what follows the head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came back on a tunnel, and whether the server ended it: ``no``, ``FIN`` or ``reset``."""

    frames: bytes
    ended: str


async def converse(host: str, port: int, request: bytes, frames: bytes, *, greets: bool = False) -> Heard:
    """Open, read the greeting if there is one, send frames, and read until the server ends it or is quiet."""
    reader, writer = await asyncio.open_connection(host, port)
    came, ended = b"", "no"
    try:
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert b" 101 " in head.partition(b"\r\n")[0], head
        if greets:
            await reader.readexactly((await reader.readexactly(2))[1])
        writer.write(frames)
        while ended == "no":
            async with asyncio.timeout(QUIET_SECONDS):
                piece = await reader.read(65_536)
            ended, came = ("no" if piece else "FIN"), came + piece
    except TimeoutError:
        pass
    except ConnectionError:
        ended = "reset"
    finally:
        await disconnect(writer, seconds=5)
    return Heard(frames=came, ended=ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something in which a stand-in is not like its original, and why that may be.

    Attributes:
        plays: ``liberty`` or ``node``, or both.
        asked: what was sent, as `FRAMES` and `REFUSALS` name it.
        because: why.
    """

    plays: frozenset[str]
    asked: frozenset[str]
    because: str


BOTH, NODE = frozenset({"liberty", "node"}), frozenset({"node"})

_NAMED = frozenset({"no Connection", "Connection: keep-alive", "Upgrade: h2c", "Upgrade: websocket, h2c", "no Upgrade"})
_VERSIONS = frozenset({"no version", *(f"version {it}" for it in ("7", "8", "14", "99", "abc", "13, 8"))})
_KEYS = frozenset({"no key", "a short key", "a key that is no base64", "two keys"})

_CODES = (*range(1001, 1004), *range(1007, 1015), 3000, 4999)

ACCEPTED: tuple[Difference, ...] = (
    Difference(
        plays=NODE,
        asked=frozenset({f"Close {code}" for code in (1000, *_CODES)})
        | {"a Close between fragments", "a good one, then Close", "something behind a Close"},
        because="What came of a Close frame on its way is seen by the one that comes back, which Node.js always makes "
        "1000.",
    ),
    Difference(
        plays=BOTH,
        asked=frozenset({"a binary command"}),
        because="The scenarios of an end that the backend wants ask for one, with a reason; Node.js has none.",
    ),
    Difference(
        plays=BOTH,
        asked=_NAMED | _VERSIONS | _KEYS | {"no Host", "POST", "HEAD", "HTTP/1.0"},
        because="The scenarios of refused handshakes ask whether a refusal as RFC 6455 section 4.2 has it, and the "
        "sentence that says why, pass the proxy: so both refuse by the same rules, with that sentence as the body.",
    ),
    Difference(
        plays=BOTH,
        asked=frozenset({"a plain GET"}),
        because="The scenarios of health checks and of dropped Upgrade fields ask what a 426 does.",
    ),
    Difference(
        plays=BOTH,
        asked=frozenset({"a wrong path", "a plain GET of a wrong path"}),
        because="A path that a configuration gets wrong must show as a 404, whichever member had the turn; and "
        "Liberty's page is its maker's text.",
    ),
    Difference(
        plays=BOTH,
        asked=frozenset({"a known subprotocol"}),
        because="The scenarios of subprotocols ask at the CL endpoint.",
    ),
    Difference(
        plays=BOTH,
        asked=frozenset({"a field of 20000 bytes"}),
        because="The limits are the libraries' and ours: 8 KiB a field in aiohttp, where Liberty takes more; 64 KiB "
        "of a head in the other, where Node.js answers 431.",
    ),
    Difference(
        plays=NODE,
        asked=frozenset({"70000 bytes"}),
        because="Load and checks send long messages to echo endpoints of either kind; 64 KiB is a default there.",
    ),
)
"""At most ten. A difference that no row has is a failure, and so is a row's part that no longer differs."""


def excused(plays: str) -> frozenset[str]:
    """What may differ from one original, by what is asked."""
    return frozenset().union(*(row.asked for row in ACCEPTED if plays in row.plays))
