"""One WebSocket of a scenario: what was said on it, and the handshake that it began with."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import replace

from wslb.errors import NotAskable
from wslb.interfaces import Tunnel
from wslb.model.handshake import Close, Exchange, Handshake

__all__ = ["Conversation", "exchange"]

_KEEP = 4096


def exchange(message: str | bytes, *, sent: bool, at: float) -> Exchange:
    """The evidence of one message: its beginning, its size, and a hash of all of it."""
    payload = message if isinstance(message, bytes) else message.encode()
    text = message[: _KEEP // 2].hex() if isinstance(message, bytes) else message[:_KEEP]
    return Exchange(
        sent=sent,
        at=at,
        text=text,
        size=len(payload),
        binary=isinstance(message, bytes),
        sha256=hashlib.sha256(payload).hexdigest(),
    )


class Conversation:
    """One WebSocket of a scenario: what was sent and received, and the handshake that it began with.

    It never raises for what the other side does: a refused handshake, a silent backend and a lost connection are
    evidence, and checks judge them.
    """

    def __init__(
        self,
        handshake: Handshake,
        tunnel: Tunnel | None,
        *,
        clock: Callable[[], float],
        whose_greeting: Callable[[str], tuple[str, ...]],
        message_seconds: float,
        commands: bool = True,
    ) -> None:
        self._commands = commands
        self._clock = clock
        self._whose_greeting = whose_greeting
        self._message_seconds = message_seconds
        self._handshake = handshake
        self._tunnel = tunnel
        self._exchanges: list[Exchange] = []
        self._closed_at: float | None = None

    @property
    def handshake(self) -> Handshake:
        """The evidence so far."""
        ended = self._tunnel.ended if self._tunnel else None
        return replace(
            self._handshake,
            exchanges=tuple(self._exchanges),
            closed=Close(code=ended[0], reason=ended[1], by=ended[2]) if ended else None,
            closed_at=self._closed_at,
        )

    @property
    def seq(self) -> int:
        """Number in its scenario, in the order of opening."""
        return self._handshake.seq

    @property
    def backend(self) -> str | None:
        """Backend that answered, None when none did.

        Raises:
            NotAskable: the servers are real ones, and what this one said cannot tell.
        """
        if self.accepted and self._handshake.backend is None and not self._commands:
            raise NotAskable(needs="greetings, or an --identify, that tell the backends apart")
        return self._handshake.backend

    @property
    def accepted(self) -> bool:
        """Whether the tunnel was opened."""
        return self._tunnel is not None

    async def send(self, message: str | bytes) -> bool:
        """Send one message; False when there is no open tunnel."""
        if self._tunnel is None:
            return False
        try:
            await self._tunnel.send(message)
        except ConnectionError:
            return False
        self._note(message, sent=True)
        return True

    async def receive(self, *, seconds: float | None = None) -> str | bytes | None:
        """Next message; None when none came in time or the connection ended."""
        if self._tunnel is None:
            return None
        try:
            message = await self._tunnel.receive(timeout_seconds=self._message_seconds if seconds is None else seconds)
        except (TimeoutError, ConnectionError):
            return None
        self._note(message, sent=False)
        return message

    async def run(self, command: str) -> str | None:
        """Run a CL command: send it, return the answer.

        Raises:
            NotAskable: the servers are real ones, and nobody knows what they make of it.
        """
        if not self._commands:
            raise NotAskable(needs="CL commands with the listings of the article's figures")
        if not await self.send(command):
            return None
        answer = await self.receive()
        return answer if isinstance(answer, str) else None

    async def ping(self) -> bool:
        """Send a ping; whether its pong came."""
        if self._tunnel is None:
            return False
        try:
            await self._tunnel.ping(timeout_seconds=self._message_seconds)
        except (TimeoutError, ConnectionError):
            return False
        return True

    async def greet(self, *, seconds: float | None = None) -> str | None:
        """Wait for the greeting and note whose it is."""
        message = await self.receive(seconds=seconds)
        if isinstance(message, str):
            self._handshake = replace(self._handshake, greeting=message)
            return message
        return None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the tunnel, wait for the other side, and note what had come unread; twice is once."""
        if self._tunnel is None:
            return
        with contextlib.suppress(ConnectionError, TimeoutError):
            await self._tunnel.close(code, reason)
        if self._closed_at is None:
            self._closed_at = self._clock()
        with contextlib.suppress(ConnectionError, TimeoutError):
            while self._tunnel.ended:
                self._note(await self._tunnel.receive(timeout_seconds=0), sent=False, at=self._closed_at)

    async def wait_closed(self, *, seconds: float) -> Close | None:
        """Wait for the other side to end the connection; None when it does not in time."""
        if self._tunnel is None:
            return None
        with contextlib.suppress(TimeoutError):
            await self._tunnel.wait_closed(timeout_seconds=seconds)
        if self._closed_at is None and self._tunnel.ended:
            self._closed_at = self._clock()
        return self.handshake.closed

    def _note(self, message: str | bytes, *, sent: bool, at: float | None = None) -> None:
        if not sent and isinstance(message, str) and all(exchange.sent for exchange in self._exchanges):
            self._first(message)
        self._exchanges.append(exchange(message, sent=sent, at=self._clock() if at is None else at))

    def _first(self, message: str) -> None:
        """A first message in a backend's own words is its greeting, however late it came and whoever waited for it."""
        if greeters := self._whose_greeting(message):
            self._handshake = replace(self._handshake, greeting=message, greeters=greeters)

    async def __aenter__(self) -> Conversation:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
