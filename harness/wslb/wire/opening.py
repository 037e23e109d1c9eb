"""The opening handshake as bytes: the request, the answer's head, and whether the answer opens the connection."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from wslb.model.handshake import Headers, header_values, tokens

__all__ = [
    "Address",
    "Head",
    "HeadReader",
    "Known",
    "WireError",
    "address_of",
    "key_of",
    "refusal",
    "request",
]

HEAD_LIMIT = 64 * 1024
"""Longest head of an answer, in bytes."""

LINE_LIMIT = 8192
"""Longest line of it, line end included."""

FIELDS_LIMIT = 128
"""Most header fields of it."""

_STATUS = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) ([\x09\x20-\x7e\x80-\xff]*)")
_NAME = re.compile(rb"[-!#$%&\'*+.^_`|~0-9a-zA-Z]+")
_VALUE = re.compile(rb"[\x09\x20-\x7e\x80-\xff]*")
_URL = re.compile(r"(?i)(wss?)://(\[[0-9a-f:.]+\]|[^/?#:@\s]+)(?::(\d{1,5}))?([/?][^#\s]*)?")


class WireError(ValueError):
    """Bytes that are no answer to an opening handshake; ``kind`` is one short word group for counters."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a WebSocket URL leads (RFC 6455 section 3)."""

    secure: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Value of the Host field: the port is left out when it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def address_of(url: str) -> Address:
    """Take a ``ws://`` or ``wss://`` URL apart.

    Raises:
        ValueError: it is no WebSocket URL, names a user, or has a fragment, which RFC 6455 section 3 forbids.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError(f"{url!r} is no ws:// or wss:// URL with a host")
    scheme, host, port, target = match.groups()
    secure = scheme.lower() == "wss"
    number = int(port) if port else (443 if secure else 80)
    if not 0 < number < 65536:
        raise ValueError(f"{url!r} names port {number}, which does not exist")
    target = target or "/"
    return Address(
        secure=secure, host=host.strip("[]"), port=number, target=target if target.startswith("/") else f"/{target}"
    )


def key_of(random: bytes) -> str:
    """``Sec-WebSocket-Key`` of 16 random bytes (RFC 6455 section 4.1, item 7)."""
    return base64.b64encode(random).decode()


def request(address: Address, *, key: str, headers: Headers = (), subprotocols: Sequence[str] = ()) -> Headers:
    """Header fields of an opening handshake, in the order in which they are sent."""
    offered = (("Sec-WebSocket-Protocol", ", ".join(subprotocols)),) if subprotocols else ()
    return (
        ("Host", address.authority),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"),
        *offered,
        *headers,
    )


def request_bytes(address: Address, fields: Headers) -> bytes:
    """The request head on the wire.

    Raises:
        ValueError: a field would end its line, and so write fields of its own.
    """
    lines = [f"GET {address.target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header field of the request has a line end in it")
    return "\r\n".join([*lines, "\r\n"]).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Status line and header fields of an answer; order, case and duplicates kept."""

    status: int
    reason: str
    headers: Headers


class HeadReader:
    """Reads the head of an answer from bytes that come in pieces of any size."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> tuple[Head, bytes] | None:
        """The head and the bytes behind it, once it is complete.

        Raises:
            WireError: this can become no HTTP/1.1 answer.
        """
        buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = buffer
            _refuse_early(buffer)
            return None
        self._buffer = b""
        return head_of(buffer[:end]), buffer[end + 4 :]

    @property
    def waiting(self) -> bool:
        """Whether a part of the head has come."""
        return bool(self._buffer)

    def ended(self) -> WireError:
        """What it means that the connection ended here."""
        if self._buffer:
            return WireError("cut answer", f"the connection ended after {len(self._buffer)} bytes of the answer's head")
        return WireError("no answer", "the connection ended without an answer")


class Known:
    """Answers that were read and checked in full before, for one server and one request.

    An answer that is, byte for byte, such an answer with the Accept of another key in its place has nothing new to
    check: comparing it costs a tenth of reading it. The head given back is that of the first one, Accept included.
    """

    MOST = 8
    """Answers kept; a server whose answers differ, by a date for instance, is read in full each time."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: list[tuple[bytes, bytes, Head]] = []

    def match(self, data: bytes, accept: str) -> tuple[Head, bytes] | None:
        """The head and the bytes behind it, when the data begins with a known answer to this key."""
        given = accept.encode()
        for before, after, head in self._answers:
            at = len(before)
            end = at + len(given)
            if data.startswith(before) and data[at:end] == given and data.startswith(after, end):
                return head, data[end + len(after) :]
        return None

    def learn(self, octets: bytes, accept: str, head: Head) -> None:
        """Keep a whole answer that was accepted, its empty line included."""
        before, given, after = octets.partition(accept.encode())
        if given and len(self._answers) < self.MOST and accept.encode() not in after:
            self._answers.append((before, after, head))


def _refuse_early(buffer: bytes) -> None:
    """Raise WireError as soon as an incomplete head cannot become a good one, so that nobody waits for its end."""
    first, complete, rest = buffer.partition(b"\n")
    if complete:
        if not first.endswith(b"\r"):
            raise WireError("malformed answer", "its status line does not end with CR LF")
        if first != b"\r":
            _status_of(first[:-1])
    elif not first.startswith(b"HTTP/1.1 "[: len(first)]):
        raise WireError("malformed answer", f"it begins with {first[:20]!a}, not with HTTP/1.1")
    longest = max(len(first), len(rest.rpartition(b"\n")[2]))
    if longest > LINE_LIMIT or len(buffer) > HEAD_LIMIT:
        raise WireError("malformed answer", f"its head is longer than {LINE_LIMIT} bytes a line or {HEAD_LIMIT} in all")


def _status_of(line: bytes) -> tuple[int, str]:
    match = _STATUS.fullmatch(line)
    if match is None:
        raise WireError("malformed answer", f"its status line is {line[:60]!a}")
    return int(match[1]), match[2].decode("latin-1")


def head_of(octets: bytes) -> Head:
    """Read a complete head, without the empty line that ends it.

    Raises:
        WireError: a line is malformed or too long, or there are too many.
    """
    first, *lines = octets.split(b"\r\n")
    if len(octets) > HEAD_LIMIT or len(lines) > FIELDS_LIMIT or max(map(len, (first, *lines))) + 2 > LINE_LIMIT:
        raise WireError("malformed answer", "its head is too long")
    status, reason = _status_of(first)
    fields: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise WireError("malformed answer", f"it has the header line {line[:60]!a}")
        fields.append((name.decode("ascii"), value.decode("utf-8", "replace")))
    return Head(status=status, reason=reason, headers=tuple(fields))


def refusal(head: Head, *, accept: str, subprotocols: Sequence[str] = ()) -> WireError | None:
    """Why a client must not take this answer for an open connection (RFC 6455 section 4.1), or None.

    Args:
        head: the answer.
        accept: the ``Sec-WebSocket-Accept`` that belongs to our key.
        subprotocols: what we offered. Extensions we never offer, so any is an error.
    """
    headers = head.headers
    problem: WireError | None = None
    given = header_values(headers, "Sec-WebSocket-Accept")
    chosen = header_values(headers, "Sec-WebSocket-Protocol")
    if head.status != 101:
        problem = WireError(f"status {head.status}", f"the answer is {head.status} {head.reason}".rstrip())
    elif tokens(headers, "Upgrade") != ("websocket",):
        problem = WireError("wrong Upgrade", f"Upgrade is {header_values(headers, 'Upgrade')}, not websocket")
    elif "upgrade" not in tokens(headers, "Connection"):
        problem = WireError("wrong Connection", f"Connection is {header_values(headers, 'Connection')}, not Upgrade")
    elif len(given) != 1 or given[0].strip() != accept:
        problem = WireError("wrong Accept", f"Sec-WebSocket-Accept is {given}, not {accept}")
    elif header_values(headers, "Sec-WebSocket-Extensions"):
        problem = WireError("wrong extension", "the server chose an extension that was not offered")
    elif chosen and (len(chosen) > 1 or chosen[0] not in subprotocols):
        problem = WireError("wrong subprotocol", f"the server chose {chosen}, offered were {tuple(subprotocols)}")
    return problem
