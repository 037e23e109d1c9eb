"""The journal: what reached this backend, in order of arrival."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

RawHeaders = Iterable[tuple[bytes, bytes]] | Iterable[tuple[str, str]]
"""Header fields as a library keeps them: bytes, or text that stands for bytes one by one (ISO 8859-1)."""

CONNECTION_ID = "x-wslb-conn"

_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def text(raw: bytes | str) -> str:
    """Return header text: UTF-8, and U+FFFD for each byte that is none."""
    octets = raw if isinstance(raw, bytes) else raw.encode("latin-1", "replace")
    return _NOT_UTF8.sub("\ufffd", octets.decode("utf-8", "surrogateescape"))


def pairs(headers: RawHeaders) -> list[list[str]]:
    """Return header fields for JSON: order, case and duplicates kept."""
    return [[text(name), text(value)] for name, value in headers]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a WebSocket connection ended; `by` is `lost` when no close frame came (code 1006)."""

    code: int
    reason: str
    by: Literal["client", "server", "lost"]
    at: float = field(default_factory=time.time)


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request to a WebSocket endpoint.

    Not frozen: the counters and `closed` are live. Headers stay as the library keeps them until somebody reads
    the journal, so that the accept path does not pay for decoding.
    """

    listener: Literal["ws", "wss"]
    peer: str
    method: str
    target: str
    http_version: str
    upgrade: bool
    headers: RawHeaders
    at: float = field(default_factory=time.time)
    seq: int = 0
    accepted: bool = False
    status: int | None = None
    response_headers: RawHeaders = ()
    subprotocol: str | None = None
    messages_received: int = 0
    messages_sent: int = 0
    closed: Ending | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the entry in the form of the contract."""
        headers = pairs(self.headers)
        closed = self.closed
        return {
            "seq": self.seq,
            "at": self.at,
            "listener": self.listener,
            "peer": self.peer,
            "conn_id": next((value for name, value in headers if name.lower() == CONNECTION_ID), None),
            "method": self.method,
            "target": text(self.target),
            "http_version": self.http_version,
            "upgrade": self.upgrade,
            "headers": headers,
            "accepted": self.accepted,
            "status": self.status,
            "response_headers": pairs(self.response_headers),
            "subprotocol": self.subprotocol,
            "messages_received": self.messages_received,
            "messages_sent": self.messages_sent,
            "closed": closed and {"code": closed.code, "reason": closed.reason, "by": closed.by, "at": closed.at},
        }


class Journal:
    """Entries in order of arrival; numbers go on after a clear.

    `accepted` counts the accepted handshakes since start, also those that a fault forgets.
    """

    def __init__(self) -> None:
        self.accepted = 0
        self._entries: list[Entry] = []
        self._last = 0

    def add(self, entry: Entry) -> None:
        """Number an entry and keep it; call this before the answer leaves."""
        self._last += 1
        entry.seq = self._last
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget all entries, but not the number of the last one."""
        self._entries = []

    def entries(self) -> tuple[Entry, ...]:
        """Return the entries of this moment."""
        return tuple(self._entries)
