"""An accepted connection as the backend sees it, whatever library carries it, and the limit on its silence."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from backends.contract.journal import Ending


class ChannelClosed(Exception):
    """The connection has ended.

    Args:
        closed: How it ended, for the journal.
    """

    def __init__(self, closed: Ending) -> None:
        super().__init__(closed)
        self.closed = closed


class Channel(Protocol):
    """What a program must offer for each accepted connection.

    It calls `on_traffic` for what the dialogue does not see, such as pings.
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

    def finish(self) -> None:
        """End the TCP connection with a FIN, without a close frame, now."""

    def reset(self) -> None:
        """Reset the TCP connection without a close frame, now."""


TIMER_SECONDS = 0.002
"""A loop may call a timer so much too early."""


class Patient(Protocol):
    """What an `IdleLimit` watches; it keeps `touched` up to date, in seconds of the loop's clock."""

    touched: float

    def expired(self) -> None:
        """Take note that nothing happened for too long."""


class Live(Protocol):
    """An accepted connection as long as it lives, as the backend keeps it."""

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done when the connection has ended."""

    def stop(self) -> None:
        """End the TCP connection with a FIN, without a close frame, now."""

    def reset(self) -> None:
        """Reset the TCP connection without a close frame, now."""


class Counting(Live, Patient, Protocol):
    """A connection that a stand-in answers; it counts `silences`, from 0 again whenever bytes come."""

    silences: int

    def send_ping(self) -> None:
        """Send an empty ping."""

    def say_close(self, code: int, reason: str) -> None:
        """Close, and give the client some seconds to answer."""


class IdleLimit:
    """One timer for many connections, where a timer for each would cost too much.

    Each expires once it was not touched for `seconds`: to the moment while there are few, and at most a tenth late
    while many are due one after the other.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._members: set[Patient] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Patient) -> None:
        """Watch it, from now."""
        member.touched = self._loop.time()
        self._members.add(member)
        if self._timer is None:
            self._timer = self._loop.call_later(self.seconds, self._sweep)

    def discard(self, member: Patient) -> None:
        """Watch it no more."""
        self._members.discard(member)

    def stop(self) -> None:
        """Watch nobody."""
        if self._timer is not None:
            self._timer.cancel()
        self._members.clear()

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        due = [member for member in self._members if member.touched + self.seconds <= now + TIMER_SECONDS]
        self._members.difference_update(due)
        for member in due:
            member.expired()
        if self._members:
            earliest = min(member.touched for member in self._members) + self.seconds - now
            self._timer = self._loop.call_later(max(earliest, self.seconds / 10), self._sweep)
