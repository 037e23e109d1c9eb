"""HTTP/1.x heads as bytes: written exactly as told, read with tolerance for what is no HTTP at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from wslb.model.handshake import Headers, one_header

__all__ = ["OPENING", "Head", "RawRequest", "body_is_complete", "parse_fields", "parse_head", "speaks_http"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """A request as a client writes it, valid or not.

    ``{host}``, ``{origin}`` and ``{key}`` in values stand for the proxy's address, the origin of its own pages and a
    fresh Sec-WebSocket-Key; `filled` puts them in.

    Attributes:
        method, target, version: of the request line; target None is the path that is opened.
        headers: in this order, duplicates and case kept.
        body: follows the head as it is.
        line_end: after every line of the head.
    """

    method: str = "GET"
    target: str | None = None
    version: str = "HTTP/1.1"
    headers: Headers = ()
    body: bytes = b""
    line_end: str = "\r\n"

    def without(self, *names: str) -> RawRequest:
        """Copy without these fields."""
        dropped = {name.lower() for name in names}
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0].lower() not in dropped))

    def having(self, name: str, value: str) -> RawRequest:
        """Copy in which this field has this value, in the place where it stood."""
        return replace(
            self, headers=tuple((key, value if key.lower() == name.lower() else old) for key, old in self.headers)
        )

    def adding(self, *headers: tuple[str, str]) -> RawRequest:
        """Copy with further fields at the end, whether or not one of the name is there."""
        return replace(self, headers=(*self.headers, *headers))

    def filled(self, values: Mapping[str, str]) -> RawRequest:
        """Copy with ``{name}`` replaced in target and field values."""

        def fill(text: str) -> str:
            for name, value in values.items():
                text = text.replace(f"{{{name}}}", value)
            return text

        return replace(
            self,
            target=None if self.target is None else fill(self.target),
            headers=tuple((name, fill(value)) for name, value in self.headers),
        )

    def encoded(self) -> bytes:
        """Head and body as they go on the wire."""
        lines = [f"{self.method} {self.target} {self.version}", *(f"{name}: {value}" for name, value in self.headers)]
        return (self.line_end.join((*lines, "", ""))).encode() + self.body


OPENING = RawRequest(
    headers=(
        ("Host", "{host}"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "{key}"),
        ("Sec-WebSocket-Version", "13"),
    )
)
"""The smallest valid opening handshake (RFC 6455 section 4.1); Origin is for browsers only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Status line and fields of an answer, and how many bytes they took."""

    version: str
    status: int
    reason: str
    headers: Headers
    size: int


def speaks_http(data: bytes) -> bool:
    """Whether what came so far is, or may become, a status line (RFC 9112 section 4)."""
    return data[:5] == b"HTTP/"[: len(data)]


def parse_head(data: bytes) -> Head | None:
    """Head of an answer; None while it is incomplete, and for good when the data is no HTTP."""
    end = data.find(b"\r\n\r\n")
    if end < 0 or not data.startswith(b"HTTP/"):
        return None
    first, *rest = data[:end].decode("utf-8", "replace").split("\r\n")
    version, _, line = first.partition(" ")
    status, _, reason = line.partition(" ")
    if not (len(status) == 3 and status.isdigit()):
        return None
    return Head(version=version, status=int(status), reason=reason, headers=parse_fields(rest), size=end + 4)


def parse_fields(lines: list[str]) -> Headers:
    """Header fields of these lines; one without a colon is kept as a name without a value."""
    return tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))


def body_is_complete(headers: Headers, body: bytes) -> bool:
    """Whether a body has ended by its own account; without Content-Length or chunks only the connection's end tells."""
    length = one_header(headers, "Content-Length")
    if length is not None and length.isdigit():
        return len(body) >= int(length)
    if (one_header(headers, "Transfer-Encoding") or "").lower() == "chunked":
        return body.endswith(b"0\r\n\r\n")
    return False
