"""What answers a request in an original's place, and what both originals write alike."""

import base64
import hashlib
from email.utils import formatdate
from typing import Protocol

from backends.contract.request import Fields, PlainResponse, RequestHead

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Answers(Protocol):
    """One original's."""

    def key(self, head: RequestHead) -> str:
        """Return the key to which its Sec-WebSocket-Accept belongs."""

    def switching(self, head: RequestHead, accept: str, subprotocol: str | None) -> Fields:
        """Return the fields of its 101, with this Sec-WebSocket-Accept and the chosen subprotocol."""

    def refusal(self, head: RequestHead, path: str) -> PlainResponse | None:
        """Return its answer to a request on an endpoint, or None where that is 101."""

    def absent(self, head: RequestHead, path: str) -> PlainResponse:
        """Return its answer to a request on a path where nothing is."""

    def unreadable(self, *, too_long: bool = False) -> PlainResponse:
        """Return its answer to what is no HTTP, or a head that does not end."""


def accept_of(key: str) -> str:
    """Return the Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2), whatever the key is."""
    digest = hashlib.sha1((key + GUID).encode("latin-1", "replace"), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def date() -> tuple[str, str]:
    """Return the field Date."""
    return "Date", formatdate(usegmt=True)


def upgraded(accept: str, subprotocol: str | None) -> Fields:
    """Return the fields without which a 101 is none."""
    return [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept),
        *([("Sec-WebSocket-Protocol", subprotocol)] if subprotocol is not None else []),
    ]


def chunked(body: bytes) -> bytes:
    """Return a body in one chunk, with the end."""
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
