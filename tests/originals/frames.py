"""Frames that are put to an original and to its stand-in, and requests that are no good handshakes."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from tests.originals.probes import QUIET_SECONDS, handshake
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

_PLAIN = {"drop": "Upgrade", "Connection": "close"}
_KEPT = {"drop": "Upgrade", "Connection": "keep-alive"}

REFUSALS: Mapping[str, tuple[dict[str, str], bytes]] = {
    "no Upgrade": ({"drop": "Upgrade"}, b""),
    "no Connection": ({"drop": "Connection"}, b""),
    "Connection: keep-alive": ({"Connection": "keep-alive"}, b""),
    "Upgrade: h2c": ({"Upgrade": "h2c"}, b""),
    "Upgrade: websocket, h2c": ({"Upgrade": "websocket, h2c"}, b""),
    "Upgrade: *": ({"Upgrade": "*"}, b""),
    "two Upgrades": ({"Upgrade": "h2c\r\nUpgrade: websocket"}, b""),
    "two Connections": ({"Connection": "keep-alive\r\nConnection: Upgrade"}, b""),
    "an empty Upgrade": ({"Upgrade": ""}, b""),
    "version 8 with an origin": ({"Sec_WebSocket_Version": "8", "Sec_WebSocket_Origin": "http://localhost"}, b""),
    "no version": ({"drop": "Sec-WebSocket-Version"}, b""),
    **{f"version {it}": ({"Sec_WebSocket_Version": it}, b"") for it in ("7", "8", "14", "99", "abc", "13, 8")},
    "two versions": ({"Sec_WebSocket_Version": "13\r\nSec-WebSocket-Version: 8"}, b""),
    "an empty version": ({"Sec_WebSocket_Version": ""}, b""),
    "no key": ({"drop": "Sec-WebSocket-Key"}, b""),
    "a short key": ({"Sec_WebSocket_Key": "abc"}, b""),
    "a short key in base64": ({"Sec_WebSocket_Key": "c2hvcnQ="}, b""),
    "an empty key": ({"Sec_WebSocket_Key": ""}, b""),
    "a short key and another version": ({"Sec_WebSocket_Key": "abc", "Sec_WebSocket_Version": "7"}, b""),
    "a key that is no base64": ({"Sec_WebSocket_Key": "!" * 24}, b""),
    "two keys": ({"Sec_WebSocket_Protocol": "x\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, b""),
    "no Host": ({"drop": "Host"}, b""),
    "two Hosts": ({"Host": "a\r\nHost: b"}, b""),
    "POST": ({"start": "POST {path} HTTP/1.1"}, b""),
    "HEAD": ({"start": "HEAD {path} HTTP/1.1"}, b""),
    "PUT": ({"start": "PUT {path} HTTP/1.1"}, b""),
    "an unknown method": ({"start": "BREW {path} HTTP/1.1"}, b""),
    "a POST with a body": ({"start": "POST {path} HTTP/1.1", "Content_Length": "3"}, b"abc"),
    "HTTP/1.0": ({"start": "GET {path} HTTP/1.0"}, b""),
    "HTTP/1.0 of another version": ({"start": "GET {path} HTTP/1.0", "Sec_WebSocket_Version": "7"}, b""),
    "a body": ({"Content_Length": "5"}, b"hello"),
    "a wrong path": ({"start": "GET /nope HTTP/1.1"}, b""),
    "a wrong path of the application": ({"start": "GET /WSConsole/a<b>%20c;d HTTP/1.1"}, b""),
    "a plain GET": (_PLAIN, b""),
    "a plain GET and another": (_KEPT, handshake("/WSConsole/CLRunner", drop="Upgrade", Connection="keep-alive")),
    "a plain GET in HTTP/1.0": ({"start": "GET {path} HTTP/1.0", **_PLAIN}, b""),
    "a plain GET without Host": ({"start": "GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n"}, b""),
    "a plain HEAD": ({"start": "HEAD {path} HTTP/1.1", **_KEPT}, b""),
    "a plain POST": ({"start": "POST {path} HTTP/1.1", "Content_Length": "3", **_KEPT}, b"abc"),
    "a plain OPTIONS": ({"start": "OPTIONS {path} HTTP/1.1", **_KEPT}, b""),
    "a plain GET of a wrong path": ({"start": "GET /nope HTTP/1.1", **_PLAIN}, b""),
    "a plain GET of a wrong path of the application": ({"start": "GET /WSConsole/nope?q HTTP/1.1", **_PLAIN}, b""),
    **{f"a field of {size} bytes": ({"X_Big": "x" * size}, b"") for size in (8_000, 16_000, 20_000, 32_000, 40_000)},
    "two fields of 20000 bytes": ({"X_Big": "x" * 20_000, "X_Too": "x" * 20_000}, b""),
    "a line without a colon": ({"Host": "localhost\r\nno field at all"}, b""),
    "no HTTP": ({"start": "\0\1\2"}, b""),
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


BOTH, LIBERTY, NODE = frozenset({"liberty", "node"}), frozenset({"liberty"}), frozenset({"node"})

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
        plays=LIBERTY,
        asked=frozenset({"a wrong path", "a plain GET of a wrong path"}),
        because="Outside of the application, Liberty's page is its maker's text.",
    ),
    Difference(
        plays=NODE,
        asked=frozenset({"a wrong path", "a wrong path of the application"}),
        because="A path that a configuration gets wrong must show as a 404, whichever member had the turn.",
    ),
    Difference(
        plays=BOTH,
        asked=frozenset({"a known subprotocol"}),
        because="The scenarios of subprotocols ask at the CL endpoint.",
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
