"""A WebSocket connection as the conversation sees it, whatever library carries it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from backends.contract.journal import Closed


class ChannelClosed(Exception):
    """The connection has ended.

    Args:
        closed: How it ended, for the journal.
    """

    def __init__(self, closed: Closed) -> None:
        super().__init__(closed)
        self.closed = closed


class Channel(Protocol):
    """What a program must offer for each accepted connection.

    It calls `on_traffic` for what the conversation does not see, such as pings.
    """

    on_traffic: Callable[[], None]

    async def receive(self) -> str | bytes:
        """Return the next message; may be cancelled without loss. Raises ChannelClosed."""

    async def send(self, message: str | bytes) -> bool:
        """Send a message; False when the connection has ended, which the next receive explains."""

    async def send_fragments(self, fragments: Sequence[str | bytes]) -> bool:
        """Send a message in several frames; False when the connection has ended."""

    async def ping(self, payload: bytes) -> None:
        """Send a ping."""

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame and wait, for a limited time, until the client has answered it."""

    def reset(self) -> None:
        """Reset the TCP connection without a close frame, now."""
