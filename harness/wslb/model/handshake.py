"""The opening handshake as evidence, and the rules of RFC 6455 that can be computed from it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = [
    "Arrival",
    "Close",
    "Exchange",
    "Handshake",
    "Headers",
    "WireView",
    "accept_for",
    "header_values",
    "one_header",
    "tokens",
    "valid_key",
]

Headers = tuple[tuple[str, str], ...]
"""Header fields as ``(name, value)``: order, case and duplicates kept."""

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""The constant that a server appends to the key (RFC 6455 section 1.3)."""


def accept_for(key: str) -> str:
    """``Sec-WebSocket-Accept`` that answers this ``Sec-WebSocket-Key`` (RFC 6455 section 4.2.2, item 5.4)."""
    digest = hashlib.sha1((key.strip() + GUID).encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def valid_key(key: str) -> bool:
    """Whether a ``Sec-WebSocket-Key`` is base64 of 16 bytes (RFC 6455 section 4.1, item 7)."""
    try:
        return len(base64.b64decode(key.strip(), validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def header_values(headers: Headers, name: str) -> tuple[str, ...]:
    """Values of every field of this name, in order; names compare without case (RFC 9110 section 5.1)."""
    wanted = name.lower()
    return tuple(value for key, value in headers if key.lower() == wanted)


def one_header(headers: Headers, name: str) -> str | None:
    """Value of the first field of this name, or None."""
    return next(iter(header_values(headers, name)), None)


def tokens(headers: Headers, name: str) -> tuple[str, ...]:
    """Members of a comma-separated list field, lower-cased, over all its lines (RFC 9110 section 5.6.1)."""
    return tuple(
        part.strip().lower() for value in header_values(headers, name) for part in value.split(",") if part.strip()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request as one backend saw it and what it answered: one journal entry of backends/README.md.

    Attributes:
        backend: name of the backend whose journal holds the entry.
        seq: its number in that journal.
        at: Unix time in seconds.
        accepted: whether the backend answered 101.
        subprotocol: the one it chose, or None.
        closed: how the connection ended for the backend, None while open.
    """

    backend: str
    seq: int
    at: float
    listener: str
    method: str
    target: str
    http_version: str
    upgrade: bool
    headers: Headers
    accepted: bool
    status: int | None
    response: Headers
    conn_id: str | None = None
    peer: str = ""
    subprotocol: str | None = None
    closed: Close | None = None

    @property
    def request_bytes(self) -> int:
        """Size of the request head on the wire: request line, fields, line ends and the empty line."""
        line = len(self.method) + len(self.target) + len(f"HTTP/{self.http_version}") + 2 + 2
        return line + sum(len(name.encode()) + len(value.encode()) + 4 for name, value in self.headers) + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """How a connection ended, as one side saw it.

    Attributes:
        code: close code (RFC 6455 section 7.4); 1006 when no close frame came.
        by: ``client``, ``server`` or ``lost``.
    """

    code: int
    reason: str = ""
    by: str = ""

    @property
    def clean(self) -> bool:
        """Whether close frames were exchanged."""
        return self.code != 1006

    @property
    def orderly(self) -> bool:
        """Whether the client ended it by itself, with 1000 (RFC 6455 section 7.4.1)."""
        return (self.code, self.by) == (1000, "client")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One message on a tunnel, as the client saw it.

    Attributes:
        sent: True when the client sent it.
        at: seconds since the scenario began.
        text: the message, cut after `Exchange.KEEP` characters; binary as hexadecimal.
        size: its length in bytes.
        sha256: of the whole message, in hexadecimal; empty where nobody computed it.
    """

    sent: bool
    at: float
    text: str
    size: int
    binary: bool = False
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireView:
    """What a client that reads bytes saw come back, whether or not it was HTTP or WebSocket.

    Attributes:
        sent, received: bytes in all, heads included.
        head: whether the answer began with a status line and fields.
        body: what followed the head, or all of it without one, as text; empty for frames.
        frames: each one in words, such as ``text 57``, ``continuation 1000 more``, ``close 1000``.
        fault: why what came is neither a body nor frames.
        ended: ``open``, ``closed`` by a FIN, or ``reset``, when we stopped looking.
        ended_at: seconds since the scenario began; None while open.
        answered_at: when the head was complete, or the first byte of an answer without one came.
        nudged_at: when the client sent something to wake a silent proxy; None when it did not.
    """

    sent: int = 0
    received: int = 0
    head: bool = False
    body: str = ""
    frames: tuple[str, ...] = ()
    fault: str = ""
    ended: str = "open"
    ended_at: float | None = None
    answered_at: float | None = None
    nudged_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """One attempt to open a WebSocket, and what became of it.

    Attributes:
        conn_id: correlation id that travels in ``X-Wslb-Conn``; empty for one that no scenario opened.
        seq: number in its scenario, from 1, in the order of opening; 0 for one that no scenario opened.
        url: as the client used it.
        request, response: fields as sent and as received by the client.
        status, reason: of the answer; None when none came.
        elapsed_seconds: from the start of the TCP connect to the end of the answer's head.
        error: one sentence, when the handshake failed.
        opened_at, closed_at: seconds since the scenario began; closed_at None while open.
        greeters: backends whose greeting the client received, exactly; several where they share an address and with
            it the words, none without a greeting and for nobody's.
        signers: backends whose signature the answer has, which is ``X-Backend`` of a stand-in and what ``--identify``
            names of a real server; several for instances of one server, none without one and for nobody's.
        recorded_by: backend whose journal has it, where neither greeting nor signature can tell.
        logged_by: route of the member that the proxy's access log names.
        arrivals: what the backends saw of it; two of them mean that the proxy tried again.
        exchanges: messages, greeting included.
        closed: how the tunnel ended, for the client.
        wire: what a client that reads bytes saw; None for a client that speaks WebSocket.
    """

    conn_id: str = ""
    seq: int = 0
    url: str
    request: Headers
    status: int | None = None
    reason: str = ""
    response: Headers = ()
    elapsed_seconds: float = 0.0
    error: str | None = None
    opened_at: float = 0.0
    closed_at: float | None = None
    greeting: str | None = None
    greeters: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    recorded_by: str | None = None
    logged_by: str | None = None
    logged_status: int | None = None
    subprotocol: str | None = None
    arrivals: tuple[Arrival, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    closed: Close | None = None
    wire: WireView | None = None

    @property
    def accepted(self) -> bool:
        """Whether a tunnel opened: 101 (RFC 6455), or any 2xx over HTTP/2, where nothing upgrades (RFC 8441)."""
        if self.extended_connect:
            return self.status is not None and 200 <= self.status < 300
        return self.status == 101

    @property
    def extended_connect(self) -> bool:
        """Whether it was asked for over HTTP/2, by an extended CONNECT (RFC 8441 section 4)."""
        return one_header(self.request, ":protocol") is not None

    @property
    def greeted_by(self) -> str | None:
        """Backend that the greeting names; None without one, and for one that several share, which names nobody."""
        return self.greeters[0] if len(self.greeters) == 1 else None

    @property
    def signed_by(self) -> str | None:
        """Backend that the answer's signature names; None without one, and for one that several share."""
        return self.signers[0] if len(self.signers) == 1 else None

    @property
    def backend(self) -> str | None:
        """Who served it, in the client's view: the greeting, else the answer's signature.

        Of servers that neither greet nor sign, the recorder before them tells.
        """
        return self.greeted_by or self.signed_by or self.recorded_by

    @property
    def arrival(self) -> Arrival | None:
        """The arrival that led to the answer: the last accepted one, else the last."""
        accepted = [arrival for arrival in self.arrivals if arrival.accepted]
        return accepted[-1] if accepted else (self.arrivals[-1] if self.arrivals else None)


def fields(pairs: Iterable[Iterable[str]]) -> Headers:
    """`Headers` from any iterable of pairs, such as the lists of a JSON document."""
    return tuple(_pairs(pairs))


def _pairs(pairs: Iterable[Iterable[str]]) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        name, value = pair
        yield name, value
