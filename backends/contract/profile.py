"""What is fixed for one stand-in: its paths, its default addresses, its sentences, its answers and its manners.

These are the original's, as a real Open Liberty 24.0.0.12 and a real Node.js `websocket` 1.0.35 were seen to answer:
tests/originals compares each stand-in with them, line by line.
"""

import html
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from backends.contract.answers.answering import Answers
from backends.contract.answers.of_liberty import LibertyAnswers
from backends.contract.answers.of_node import NodeAnswers
from backends.contract.faults import KINDS, FaultKinds
from backends.contract.frames.manners import LIBERTY_MANNERS, NODE_MANNERS, Manners

PAGE = Path(__file__).parents[1] / "console" / "WSConsole.html"

Endpoint = Literal["cl", "echo"]

CL_MESSAGE_LIMIT = 65_536
"""Longest text on the CL endpoint, in bytes; a longer one closes the connection with 1009."""

ECHO_MESSAGE_LIMIT = 128 * 1024 * 1024
"""Longest message on the echo endpoint, in bytes."""


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
    answers: Answers
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


PING_AT, DROP_AT = 2, 3
"""Node.js pings after 20 s in which nothing came, and drops the connection 10 s later."""

INACTIVE = 1006, "CWWKH0038E: The WebSocket session has been inactive for {seconds:g} seconds. Closing the connection."
"""How Liberty closes a silent session: with a code that no frame may carry (RFC 6455 section 7.4.1)."""


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
    answers=LibertyAnswers("/WSConsole"),
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
    answers=NodeAnswers(),
    manners=NODE_MANNERS,
    silence_seconds=10.0,
    pings=True,
)
