"""HTTP/1.x heads as bytes: written exactly as told, read with tolerance for what is no HTTP, or strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from wslb.model.handshake import Headers, one_header

__all__ = [
    "OPENING",
    "AnswerHead",
    "HeadReader",
    "RawRequest",
    "WireError",
    "body_is_complete",
    "parse_head",
    "speaks_http",
]


HEAD_LIMIT = 64 * 1024
"""Longest head of an answer, in bytes."""

LINE_LIMIT = 8192
"""Longest line of it, line end included."""

FIELDS_LIMIT = 128
"""Most header fields of it."""

_STATUS = re.compile(rb"(HTTP/1\.1) ([1-5][0-9]{2}) ([\x09\x20-\x7e\x80-\xff]*)")
_ANY_STATUS = re.compile(rb"(HTTP/[^ ]*) ([0-9]{3})(?: (.*))?", re.DOTALL)
_NAME = re.compile(rb"[-!#$%&\'*+.^_`|~0-9a-zA-Z]+")
_VALUE = re.compile(rb"[\x09\x20-\x7e\x80-\xff]*")
_LENGTH = re.compile(r"[0-9]{1,18}")
"""A Content-Length (RFC 9110 section 8.6) that some body can have; `str.isdigit` takes what `int` does not."""


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


class WireError(ValueError):
    """Bytes that are no answer to an opening handshake; ``kind`` is one short word group for counters."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerHead:
    """Status line and fields of an answer: order, case and duplicates kept; ``size`` is how many bytes they took."""

    version: str
    status: int
    reason: str
    headers: Headers
    size: int


def speaks_http(data: bytes) -> bool:
    """Whether what came so far is, or may become, a status line (RFC 9112 section 4)."""
    return data[:5] == b"HTTP/"[: len(data)]


def parse_head(data: bytes, *, strict: bool = False) -> AnswerHead | None:
    """Head of an answer; None while it is incomplete, and for good when the data is no HTTP.

    Args:
        data: everything that came so far.
        strict: take only what is well formed (RFC 9112) and of a decent size. Otherwise a line without a colon is a
            name without a value, and any version will do.

    Raises:
        WireError: under `strict`, a line is malformed or too long, or there are too many.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = data[:end].split(b"\r\n")
    if strict and (end > HEAD_LIMIT or len(lines) > FIELDS_LIMIT or max(map(len, (first, *lines))) + 2 > LINE_LIMIT):
        raise WireError("malformed answer", "its head is too long")
    status = (_STATUS if strict else _ANY_STATUS).fullmatch(first)
    if status is None:
        if strict:
            raise _no_status(first)
        return None
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if strict and not (colon and _NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise WireError("malformed answer", f"it has the header line {line[:60]!a}")
        headers.append((name.decode("utf-8", "replace"), value.decode("utf-8", "replace")))
    version, code, reason = status.groups(b"")
    return AnswerHead(
        version=version.decode("utf-8", "replace"),
        status=int(code),
        reason=reason.decode("utf-8", "replace"),
        headers=tuple(headers),
        size=end + 4,
    )


def _no_status(line: bytes) -> WireError:
    return WireError("malformed answer", f"its status line is {line[:60]!a}")


class HeadReader:
    """Reads the head of an answer from bytes that come in pieces of any size."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> tuple[AnswerHead, bytes] | None:
        """The head and the bytes behind it, once it is complete.

        Raises:
            WireError: this can become no HTTP/1.1 answer.
        """
        buffer = self._buffer + data if self._buffer else data
        head = parse_head(buffer, strict=True)
        if head is None:
            self._buffer = buffer
            _refuse_early(buffer)
            return None
        self._buffer = b""
        return head, buffer[head.size :]

    @property
    def waiting(self) -> bool:
        """Whether a part of the head has come."""
        return bool(self._buffer)

    def ended(self) -> WireError:
        """What it means that the connection ended here."""
        if self._buffer:
            return WireError("cut answer", f"the connection ended after {len(self._buffer)} bytes of the answer's head")
        return WireError("no answer", "the connection ended without an answer")


def _refuse_early(buffer: bytes) -> None:
    """Raise WireError as soon as an incomplete head cannot become a good one, so that nobody waits for its end."""
    first, complete, rest = buffer.partition(b"\n")
    if complete:
        if not first.endswith(b"\r"):
            raise WireError("malformed answer", "its status line does not end with CR LF")
        if first != b"\r" and not _STATUS.fullmatch(first[:-1]):
            raise _no_status(first[:-1])
    elif not first.startswith(b"HTTP/1.1 "[: len(first)]):
        raise WireError("malformed answer", f"it begins with {first[:20]!a}, not with HTTP/1.1")
    longest = max(len(first), len(rest.rpartition(b"\n")[2]))
    if longest > LINE_LIMIT or len(buffer) > HEAD_LIMIT:
        raise WireError("malformed answer", f"its head is longer than {LINE_LIMIT} bytes a line or {HEAD_LIMIT} in all")


def body_is_complete(headers: Headers, body: bytes) -> bool:
    """Whether a body has ended by its own account; without Content-Length or chunks only the connection's end tells."""
    length = one_header(headers, "Content-Length")
    if length is not None and _LENGTH.fullmatch(length):
        return len(body) >= int(length)
    if (one_header(headers, "Transfer-Encoding") or "").lower() == "chunked":
        return body.endswith(b"0\r\n\r\n")
    return False
