"""Addresses that no program serves: one that refuses every connection, and one that never answers a connect.

A member may name them as backends (``ws://refused``, ``ws://blackhole``). Both are sockets of our own on loopback, so
they need neither firewall rules nor root rights, and nobody else can take their port meanwhile.
"""

from __future__ import annotations

import contextlib
import select
import socket
from typing import Protocol

from wslb.errors import StartError

__all__ = ["DECOYS", "Blackhole", "Decoy", "Refusing"]

_MOST_FILLERS = 16
_SILENT_SECONDS = 0.1


class Decoy(Protocol):
    """An address that behaves as a dead backend does."""

    port: int

    def close(self) -> None:
        """Give the address back; twice is once."""
        ...


class Refusing:
    """A port that is bound but not listening: the kernel answers every SYN with RST, as after a crash."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket()
        self._socket.bind((host, 0))
        self.port: int = self._socket.getsockname()[1]

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()


class Blackhole:
    """A listener whose accept queue is full: the kernel drops every further SYN, as a firewall or a dead host does."""

    def __init__(self, host: str, port: int = 0) -> None:
        """Listen and fill the queue; 0 is a free port.

        Raises:
            StartError: this system completes every connect, however full the queue is.
        """
        self._listener = socket.socket()
        if port:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after a program that served there
        self._listener.bind((host, port))
        self._listener.listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._fillers: list[socket.socket] = []
        for _ in range(_MOST_FILLERS):
            if not self._answers():
                return
        self.close()
        raise StartError(
            name="the blackhole",
            reason=f"this system completed {_MOST_FILLERS} connects to a listener with backlog 0",
            hint="Scenarios with an unanswered connect cannot be asked here.",
        )

    def _answers(self) -> bool:
        """Whether one more connect is completed; the connection stays, and keeps its place in the queue."""
        filler = socket.socket()
        filler.setblocking(False)
        self._fillers.append(filler)
        with contextlib.suppress(BlockingIOError):
            filler.connect(self._listener.getsockname())
        _, writable, _ = select.select([], [filler], [], _SILENT_SECONDS)
        return bool(writable)

    def close(self) -> None:
        """Give the address back."""
        for one in (*self._fillers, self._listener):
            one.close()


DECOYS: dict[str, type[Refusing] | type[Blackhole]] = {"refused": Refusing, "blackhole": Blackhole}
"""What a member URL may name instead of a backend."""
