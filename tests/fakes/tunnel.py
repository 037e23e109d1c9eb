"""A tunnel whose messages and end a test scripts (`wslb.interfaces.Tunnel`), and who opens it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from wslb.interfaces import Tunnel
from wslb.model.handshake import Handshake

__all__ = ["ScriptedConnector", "ScriptedTunnel"]


class ScriptedTunnel:
    """It says what it is told, in order; an exception among it is raised.

    Attributes:
        sent: messages that were sent on it.
        closes: code of each call of `close`.
        after_close: how it has ended once it was closed; None where the other side never answers.
        refuses: what `send` raises.
    """

    def __init__(self, *says: str | bytes | Exception) -> None:
        self.sent: list[str | bytes] = []
        self.closes: list[int] = []
        self.after_close: tuple[int, str, str] | None = (1000, "", "client")
        self.refuses: Exception | None = None
        self.ended: tuple[int, str, str] | None = None
        self._coming: asyncio.Queue[str | bytes | Exception] = asyncio.Queue()
        for one in says:
            self.say(one)

    def say(self, what: str | bytes | Exception) -> None:
        """What comes next."""
        self._coming.put_nowait(what)

    def end(self, code: int, reason: str, by: str) -> None:
        """The other side ends it."""
        self.ended = (code, reason, by)
        self.say(ConnectionError("the tunnel has ended"))

    async def send(self, message: str | bytes) -> None:
        """Note it."""
        if self.refuses is not None:
            raise self.refuses
        self.sent.append(message)

    async def receive(self, *, timeout_seconds: float) -> str | bytes:
        """What comes next."""
        async with asyncio.timeout(timeout_seconds):
            what = await self._coming.get()
        if isinstance(what, Exception):
            raise what
        return what

    async def ping(self, *, timeout_seconds: float) -> None:
        """Its pong comes."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it, and note it."""
        self.closes.append(code)
        if self.ended is None:
            self.ended = self.after_close
            self.say(ConnectionError("the tunnel has ended"))

    async def wait_closed(self, *, timeout_seconds: float) -> None:
        """It is at once."""


class ScriptedConnector:
    """Gives the tunnels and handshakes that a test has (`wslb.interfaces.Connector`).

    Attributes:
        gives: what the next calls of `open` give.
        asked: URL of each call, and how it was asked.
    """

    name = "scripted"

    def __init__(self, *gives: tuple[Handshake, Tunnel | None]) -> None:
        self.gives = deque(gives)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def open(self, url: str, **how: Any) -> tuple[Handshake, Tunnel | None]:
        """Open one WebSocket."""
        self.asked.append((url, how))
        return self.gives.popleft()
