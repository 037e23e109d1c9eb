"""What is fixed for one stand-in: its paths, its default addresses, its sentences, and the fields of its answers.

These are the original's, as a real Open Liberty 24.0.0.12 and a real Node.js `websocket` 1.0.35 were seen to answer:
tests/originals compares each stand-in with them, line by line.
"""

import base64
import hashlib
import html
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Literal

from backends.contract.faults import KINDS, FaultKinds
from backends.contract.frames.manners import LIBERTY_MANNERS, NODE_MANNERS, Manners
from backends.contract.request import RequestHead

PAGE = Path(__file__).parents[1] / "console" / "WSConsole.html"

Endpoint = Literal["cl", "echo"]

CL_MESSAGE_LIMIT = 65_536
"""Longest text on the CL endpoint, in bytes; a longer one closes the connection with 1009."""

ECHO_MESSAGE_LIMIT = 128 * 1024 * 1024
"""Longest message on the echo endpoint, in bytes."""


Fields = list[tuple[str, str]]

Switching = Callable[[RequestHead, str, str | None], Fields]
"""The fields of a 101, from the request, the Sec-WebSocket-Accept and the chosen subprotocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One column of the table at the top of the backend contract.

    `greeting` and `reply_prefix` are templates with the fields `{host_name}` and `{address}`. `silence_seconds` is the
    idle limit, or where the server `pings` a third of the silence after which it gives up.
    """

    program: str
    summary: str
    address: str
    port: int
    tls_port: int
    control_port: int
    cl_paths: tuple[str, ...]
    echo_path: str
    page_path: str
    greeting: str
    reply_prefix: str
    switching: Switching
    manners: Manners
    silence_seconds: float
    pings: bool = False
    faults: FaultKinds = field(default_factory=lambda: KINDS)

    def within(self, path: str) -> str:
        """Return a path as it is called in the application that holds the endpoints and the page, if there is one."""
        root = self.page_path.rpartition("/")[0]
        return path if path.startswith(f"{root}/") else root + path

    def endpoint(self, path: str) -> Endpoint | None:
        """Return which endpoint an exact path names, or None: nothing is decoded and nothing is normalised."""
        if path in self.cl_paths:
            return "cl"
        return "echo" if path == self.echo_path else None

    def page(self) -> bytes:
        """Return the console page with the CL endpoint of its server filled in.

        The file itself leaves the field empty: behind Apache, which serves it unchanged, the page then takes
        the article's `/ws` or `/wss`.
        """
        field = '<meta name="wslb-uri" content="%s">'
        return PAGE.read_text(encoding="utf-8").replace(field % "", field % html.escape(self.cl_paths[0])).encode()


GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

CLONE_ID = str(uuid.uuid4())
"""What Liberty tells the members of a cluster apart by, anew for each process; behind a colon in its cookie."""


PING_AT, DROP_AT = 2, 3
"""Node.js pings after 20 s in which nothing came, and drops the connection 10 s later."""

INACTIVE = 1006, "CWWKH0038E: The WebSocket session has been inactive for {seconds:g} seconds. Closing the connection."
"""How Liberty closes a silent session: with a code that no frame may carry (RFC 6455 section 7.4.1)."""


def accept_of(key: str) -> str:
    """Return the Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2), whatever the key is."""
    digest = hashlib.sha1((key + GUID).encode("latin-1", "replace"), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _switching(accept: str, subprotocol: str | None) -> Fields:
    return [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept),
        *([("Sec-WebSocket-Protocol", subprotocol)] if subprotocol is not None else []),
    ]


def liberty_session() -> tuple[Fields, Fields]:
    """Return the fields with which Liberty gives a client a session: those before Date, and those after it."""
    cookie = f"JSESSIONID=0000{secrets.token_urlsafe(17)}:{CLONE_ID}; Path=/; HttpOnly"
    return (
        [("Content-Language", "en"), ("Content-Length", "0"), ("Set-Cookie", cookie)],
        [("Expires", "Thu, 01 Dec 1994 16:00:00 GMT"), ("Cache-Control", 'no-cache="set-cookie, set-cookie2"')],
    )


def liberty_switching(head: RequestHead, accept: str, subprotocol: str | None) -> Fields:  # noqa: ARG001
    """Return the fields of Liberty's 101: a new session for each handshake, and a Content-Length of 0."""
    before, after = liberty_session()
    date = ("Date", formatdate(usegmt=True))
    return [("X-Powered-By", "Servlet/4.0"), *_switching(accept, subprotocol), *before, date, *after]


def node_switching(head: RequestHead, accept: str, subprotocol: str | None) -> Fields:
    """Return the fields of Node.js's 101: those of the article's Listing 7, with the client's own Origin."""
    return [*_switching(accept, subprotocol), *[("Origin", value) for value in head.values("Origin")[:1]]]


LIBERTY = Profile(
    program="liberty",
    summary="Stand-in for WebSphere Liberty, on aiohttp.",
    address="127.0.0.101",
    port=10000,
    tls_port=10443,
    control_port=10001,
    cl_paths=("/WSConsole/CLRunner", "/WSConsole/CLRunner/"),
    echo_path="/WSConsole/echo",
    page_path="/WSConsole/WSConsole.html",
    greeting="[From Server] Connected to {host_name} [{address}].",
    reply_prefix="",
    switching=liberty_switching,
    manners=LIBERTY_MANNERS,
    silence_seconds=300.0,
)

NODE = Profile(
    program="node",
    summary="Stand-in for Node.js, on websockets.",
    address="127.0.0.102",
    port=8888,
    tls_port=8889,
    control_port=8890,
    cl_paths=("/CLRunner", "/CLRunner/"),
    echo_path="/echo",
    page_path="/WSConsole.html",
    greeting="[From Server] Connected to {address}",
    reply_prefix="[From Server] {address}\n",
    switching=node_switching,
    manners=NODE_MANNERS,
    silence_seconds=10.0,
    pings=True,
)
