"""The shapes of clients that people use: which fields their opening handshake has, and in which order."""

from __future__ import annotations

from wslb.model.handshake import Headers
from wslb.wire.http1 import OPENING, RawRequest

__all__ = ["CLIENTS", "SHAPES", "arranged", "manners"]

_AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_DEFLATE = "permessage-deflate; client_max_window_bits"

CLIENTS: dict[str, RawRequest] = {
    "Chrome": RawRequest(
        headers=(
            ("Host", "{host}"),
            ("Connection", "Upgrade"),
            ("Pragma", "no-cache"),
            ("Cache-Control", "no-cache"),
            ("User-Agent", f"{_AGENT} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"),
            ("Upgrade", "websocket"),
            ("Origin", "{origin}"),
            ("Sec-WebSocket-Version", "13"),
            ("Accept-Encoding", "gzip, deflate, br, zstd"),
            ("Accept-Language", "en-US,en;q=0.9"),
            ("Cookie", "theme=dark; visits=3"),
            ("Sec-WebSocket-Key", "{key}"),
            ("Sec-WebSocket-Extensions", _DEFLATE),
        )
    ),
    "Firefox": RawRequest(
        headers=(
            ("Host", "{host}"),
            ("User-Agent", f"{_AGENT[:-1]}; rv:133.0) Gecko/20100101 Firefox/133.0"),
            ("Accept", "*/*"),
            ("Accept-Language", "en-US,en;q=0.5"),
            ("Accept-Encoding", "gzip, deflate, br, zstd"),
            ("Sec-WebSocket-Version", "13"),
            ("Origin", "{origin}"),
            ("Sec-WebSocket-Extensions", "permessage-deflate"),
            ("Sec-WebSocket-Key", "{key}"),
            ("Connection", "keep-alive, Upgrade"),
            ("Sec-Fetch-Dest", "empty"),
            ("Sec-Fetch-Mode", "websocket"),
            ("Sec-Fetch-Site", "same-origin"),
            ("Pragma", "no-cache"),
            ("Cache-Control", "no-cache"),
            ("Upgrade", "websocket"),
        )
    ),
    "Safari": RawRequest(
        headers=(
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Host", "{host}"),
            ("Origin", "{origin}"),
            ("Pragma", "no-cache"),
            ("Cache-Control", "no-cache"),
            ("Sec-WebSocket-Key", "{key}"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Extensions", "x-webkit-deflate-frame"),
            ("User-Agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/14.1 Safari"),
        )
    ),
    "curl": RawRequest(
        headers=(
            ("Host", "{host}"),
            ("User-Agent", "curl/8.11.0"),
            ("Accept", "*/*"),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "{key}"),
        )
    ),
    "Node.js": RawRequest(
        headers=(
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "{key}"),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Extensions", _DEFLATE),
            ("Host", "{host}"),
        )
    ),
    "Java": RawRequest(
        headers=(
            ("Connection", "Upgrade"),
            ("Host", "{host}"),
            ("Sec-WebSocket-Key", "{key}"),
            ("Sec-WebSocket-Version", "13"),
            ("Upgrade", "websocket"),
            ("User-Agent", "Java-http-client/21.0.5"),
        )
    ),
    "Internet Explorer": RawRequest(
        headers=(
            ("Origin", "{origin}"),
            ("Sec-WebSocket-Key", "{key}"),
            ("Connection", "Upgrade"),
            ("Upgrade", "Websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("User-Agent", "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"),
            ("Host", "{host}"),
            ("Cache-Control", "no-cache"),
        )
    ),
}
"""One request for each client, in the order in which it sends its fields."""

SHAPES = {"": OPENING, **{name.lower(): CLIENTS[name] for name in ("Chrome", "Firefox", "Safari", "curl")}}
"""What an opening handshake can look like by name; empty is ours, the smallest that is valid."""

_OURS = {name.lower() for name, _ in OPENING.headers}
_BETWEEN = {"cookie", "origin", "sec-websocket-extensions"}
"""Fields of a shape that are another option's, or a promise that our own client would have to keep."""

_MANY = {"cookie", "set-cookie", "sec-websocket-protocol", "sec-websocket-extensions"}


def manners(shape: str) -> Headers:
    """Fields that this shape adds to what every opening handshake has, such as User-Agent."""
    return tuple((name, value) for name, value in SHAPES[shape].headers if name.lower() not in _OURS | _BETWEEN)


def arranged(fields: Headers, shape: str) -> Headers:
    """Fields of an opening handshake in the order and spelling of this shape; what it does not have comes last.

    A later field stands for an earlier one of the same name, but for those that a request may have several of; fields
    whose names begin with X- may be repeated too.
    """
    kept: dict[str, tuple[str, str]] = {}
    for number, (name, value) in enumerate(fields):
        key = name.lower()
        kept[f"{key}\0{number}" if key in _MANY or key.startswith("x-") else key] = (name, value)
    order = {name.lower(): (at, name) for at, (name, _) in enumerate(SHAPES[shape].headers)}
    values = dict(SHAPES[shape].headers)
    shaped = [
        (order.get(name.lower(), (len(order), name))[1], _spelt(name, value, values)) for name, value in kept.values()
    ]
    return tuple(sorted(shaped, key=lambda field: order.get(field[0].lower(), (len(order), ""))[0]))


def _spelt(name: str, value: str, values: dict[str, str]) -> str:
    """``Connection`` as the shape has it, where it is still ours: Firefox sends ``keep-alive, Upgrade``."""
    return values.get("Connection", value) if (name.lower(), value) == ("connection", "Upgrade") else value
