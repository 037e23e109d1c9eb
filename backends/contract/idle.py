"""A timer for connections without traffic."""

import asyncio
from collections.abc import Callable


class IdleTimer:
    """Calls back once nothing was touched for a time.

    One timer per connection, re-armed only when it fires: a message costs no more than reading the clock.
    """

    def __init__(self, limit_seconds: float, on_idle: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit_seconds
        self._on_idle = on_idle
        self._last = self._loop.time()
        self._handle = self._loop.call_at(self._last + limit_seconds, self._check)

    def touch(self) -> None:
        """Note traffic."""
        self._last = self._loop.time()

    def cancel(self) -> None:
        """Stop watching."""
        self._handle.cancel()

    def _check(self) -> None:
        due = self._last + self._limit
        if self._loop.time() >= due:
            self._on_idle()
        else:
            self._handle = self._loop.call_at(due, self._check)
