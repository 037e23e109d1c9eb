"""The opening handshake of a client: where a URL leads, what is asked there, and whether the answer opens a tunnel."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace

from wslb.model.handshake import Headers, header_values, tokens
from wslb.wire.http1 import OPENING, AnswerHead, WireError

__all__ = ["Address", "Known", "address_of", "key_of", "refusal", "request_bytes"]

_URL = re.compile(r"(?i)(wss?)://(\[[0-9a-f:.]+\]|[^/?#:@\s]+)(?::(\d{1,5}))?([/?][^#\s]*)?")


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


def request_bytes(address: Address, *, key: str, headers: Headers = ()) -> bytes:
    """The opening handshake on the wire, with further fields at its end.

    Raises:
        ValueError: a field would end its line, and so write fields of its own.
    """
    if any("\r" in text or "\n" in text for field in headers for text in field):
        raise ValueError("a header field of the request has a line end in it")
    opening = OPENING.filled({"host": address.authority, "key": key}).adding(*headers)
    return replace(opening, target=address.target).encoded()


class Known:
    """Answers that were read and checked in full before, for one server and one request.

    An answer that is, byte for byte, such an answer with the Accept of another key in its place has nothing new to
    check: comparing it costs a tenth of reading it. The head given back is that of the first one, Accept included.
    """

    MOST = 8
    """Answers kept; a server whose answers differ, by a date for instance, is read in full each time."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: list[tuple[bytes, bytes, AnswerHead]] = []

    def match(self, data: bytes, accept: str) -> tuple[AnswerHead, bytes] | None:
        """The head and the bytes behind it, when the data begins with a known answer to this key."""
        given = accept.encode()
        for before, after, head in self._answers:
            at = len(before)
            end = at + len(given)
            if data.startswith(before) and data[at:end] == given and data.startswith(after, end):
                return head, data[end + len(after) :]
        return None

    def learn(self, octets: bytes, accept: str, head: AnswerHead) -> None:
        """Keep a whole answer that was accepted, its empty line included."""
        before, given, after = octets.partition(accept.encode())
        if given and len(self._answers) < self.MOST and accept.encode() not in after:
            self._answers.append((before, after, head))


def refusal(head: AnswerHead, *, accept: str) -> WireError | None:
    """Why a client must not take this answer for an open connection (RFC 6455 section 4.1), or None.

    Args:
        head: the answer.
        accept: the ``Sec-WebSocket-Accept`` that belongs to our key. Subprotocols and extensions were not offered.
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
    elif chosen:
        problem = WireError("wrong subprotocol", f"the server chose {', '.join(chosen)}, none was offered")
    return problem
