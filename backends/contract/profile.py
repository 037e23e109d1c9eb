"""What is fixed for one stand-in: its paths, its default addresses and its sentences."""

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PAGE = Path(__file__).parents[1] / "console" / "WSConsole.html"

Endpoint = Literal["cl", "echo"]

CL_MESSAGE_LIMIT = 65_536
"""Longest text on the CL endpoint, in bytes; a longer one closes the connection with 1009."""

ECHO_MESSAGE_LIMIT = 128 * 1024 * 1024
"""Longest message on the echo endpoint, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One column of the table at the top of the backend contract.

    `greeting` and `reply_prefix` are templates with the fields `{host_name}` and `{address}`.
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


LIBERTY = Profile(
    program="liberty",
    summary="Stand-in for WebSphere Liberty, on aiohttp.",
    address="127.0.0.101",
    port=10000,
    tls_port=10443,
    control_port=10001,
    cl_paths=("/WSConsole/CLRunner",),
    echo_path="/WSConsole/echo",
    page_path="/WSConsole/WSConsole.html",
    greeting="[From Server] Connected to {host_name} [{address}].",
    reply_prefix="",
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
)
