"""The opening of a connection for the Node.js stand-in: HTTP below the websockets library's handshake."""

import http.client
from collections.abc import Generator
from email.utils import formatdate
from typing import Any

from websockets.datastructures import Headers
from websockets.exceptions import SecurityError
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response, parse_headers
from websockets.protocol import CLOSED
from websockets.server import ServerProtocol

from backends.contract.handshake import Refusal
from backends.contract.head import Head
from backends.contract.head import read as read_head
from backends.contract.page import CONTENT_TYPE

LINE_LIMIT = 8192
"""Longest line of a request head, in bytes, as in the library."""

COMPRESSION = [ServerPerMessageDeflateFactory()]
"""The extensions to offer on the echo endpoint."""


class Incoming(Request):
    """A request; `head` is set when the library could not read its header fields."""

    head: Head | None = None


def read_request(protocol: ServerProtocol) -> Generator[None, None, Incoming | None]:
    """Read one HTTP request, as the library would, but also those that it drops without an answer.

    The library closes the connection on a request with a body (Content-Length, Transfer-Encoding) or with a malformed
    header line; the contract wants both journaled and answered. Returns None for what is no HTTP request.
    """
    taken = bytearray()

    def read_line(*limits: Any) -> Generator[None, None, bytearray]:
        line = yield from protocol.reader.read_line(*limits)
        taken.extend(line)
        return line

    try:
        line = yield from read_line(LINE_LIMIT)
        method, target, version = bytes(line).decode("latin-1").rstrip("\r\n").split(" ")
        if version not in ("HTTP/1.0", "HTTP/1.1"):
            return None
        try:
            headers = yield from parse_headers(read_line)
        except ValueError:
            while not taken.endswith(b"\r\n\r\n"):
                yield from read_line(LINE_LIMIT)
            incoming = Incoming(target, Headers(), method, version)
            incoming.head = read_head(bytes(taken))
            return incoming
    except (EOFError, ValueError, RuntimeError, SecurityError):
        return None
    return Incoming(target, headers, method, version)


def parse(protocol: ServerProtocol) -> Generator[None, None, None]:
    """Take the place of the library's parser of the first request; frames stay with the library."""
    request = yield from read_request(protocol)
    if request is None:
        protocol.send_response(protocol.reject(400, "400 Bad Request: this is no HTTP/1.1 request\n"))
        yield
        return
    protocol.events.append(request)
    if request.head or has_body(request.headers):
        while not (yield from protocol.reader.at_eof()):
            protocol.reader.discard()
        protocol.state = CLOSED
        yield
        return
    yield from super(ServerProtocol, protocol).parse()


def has_body(headers: Headers) -> bool:
    """Whether a request announces a body; mod_proxy_http adds ``Content-Length: 0`` to what came over HTTP/2."""
    lengths = set(headers.get_all("Content-Length"))
    return not lengths <= {"0"} or bool(headers.get_all("Transfer-Encoding"))


def respond(refusal: Refusal, *, name: str, body: bytes | None = None, head: bool = False) -> Response:
    """Return the response for a refusal, or for the page when `body` is given."""
    content = refusal.text.encode() if body is None else body
    kind = "text/plain; charset=utf-8" if body is None else CONTENT_TYPE
    headers = Headers(
        [
            ("X-Backend", name),
            *refusal.headers,
            ("Content-Type", kind),
            ("Date", formatdate(usegmt=True)),
            ("Connection", "close"),
        ]
    )
    if refusal.status in (204, 304):
        content = b""
        del headers["Content-Type"]
    else:
        headers["Content-Length"] = str(len(content))
    reason = refusal.reason if refusal.reason is not None else http.client.responses.get(refusal.status, "")
    return Response(refusal.status, reason, headers, b"" if head else content)


def limit_messages(protocol: ServerProtocol, size: int) -> None:
    """Set the longest message that a connection takes; a longer one closes it with 1009."""
    # The library renamed the attribute in version 16.
    setattr(protocol, "max_message_size" if hasattr(protocol, "max_message_size") else "max_size", size)
