"""The log of the lean backend: the same lines as everywhere, written in blocks."""

import asyncio
import atexit
import contextlib
import logging
import os
import sys
import time

PAUSE_SECONDS = 0.05
"""Longest time that a line waits for others."""


class Lines:
    """A stream for logging that also takes finished lines; the order is kept, and a block is one write.

    Two lines for each connection through `logging` would cost more than the rest of the accept path.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self._prefix = ""
        atexit.register(self.flush_now)

    def take_over(self) -> None:
        """Let the lines that go through `logging` wait here too."""
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setStream(self)

    def info(self, text: str) -> None:
        """Log one line."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        self.write(f"{self._prefix},{int((now - second) * 1000):03d} {self._name} INFO {text}\n")

    def write(self, text: str) -> None:
        """Take a finished line."""
        self._waiting.append(text)
        if self._timer is None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: atexit writes
                self._timer = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self.flush_now)

    def flush(self) -> None:
        """Do nothing: `logging` calls this after each line."""

    def flush_now(self) -> None:
        """Write what waits."""
        self._timer = None
        block, self._waiting = "".join(self._waiting).encode(errors="replace"), []
        with contextlib.suppress(OSError):
            while block:
                block = block[os.write(sys.stderr.fileno(), block) :]
