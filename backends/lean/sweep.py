"""One timer for many connections, where a timer for each would cost too much."""

import asyncio
from typing import Protocol


class Timed(Protocol):
    """What a `Swept` watches."""

    touched: float

    def expired(self) -> None:
        """Take note that nothing happened for too long."""


class Swept:
    """One timer for many connections: each expires when it was not touched for some seconds, give or take a tenth."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._members: dict[Timed, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Timed) -> None:
        """Watch it, from now."""
        member.touched = self._loop.time()
        self._members[member] = None
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds * 1.01, self._sweep)

    def discard(self, member: Timed) -> None:
        """Watch it no more."""
        self._members.pop(member, None)

    def stop(self) -> None:
        """Watch nobody."""
        if self._timer is not None:
            self._timer.cancel()
        self._members.clear()

    def _sweep(self) -> None:
        self._timer = None
        due = self._loop.time() - self._seconds
        for member in [member for member in self._members if member.touched <= due]:
            self._members.pop(member, None)
            member.expired()
        if self._members:
            self._timer = self._loop.call_later(max(self._seconds / 10, 0.02), self._sweep)
