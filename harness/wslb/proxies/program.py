"""The program of a proxy, of whatever product, once it has been started: its processes, its log and its end."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import ClassVar

from wslb.errors import ProcessLost
from wslb.interfaces import STOPPED, Process, Runtime

__all__ = ["CLOSE", "ProxyProgram"]

CLOSE = {"Connection": "close"}
"""Of a request that asks whether it is ready: one that stayed open would be one of the connections that it may have."""


class ProxyProgram(ABC):
    """What every product's program has in common; started again, it is another process with logs of its own.

    Attributes:
        NAME: as people call its first process.
        CHILD: as they call the others.
        OUTPUT: file of its standard streams.
        CONFIG: file of its configuration.
        PORT_TAKEN: what a line of its log holds when another program has its port.
    """

    NAME: ClassVar[str]
    CHILD: ClassVar[str]
    OUTPUT: ClassVar[str]
    CONFIG: ClassVar[str]
    PORT_TAKEN: ClassVar[str]

    def __init__(self, *, runtime: Runtime, error_log: str, stop_seconds: float) -> None:
        self._runtime = runtime
        self._error_log = error_log
        self._stop_seconds = stop_seconds
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the first process."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    async def stop(self) -> None:
        """End it and every child of it; twice is once. Close the tunnels first: with one open, httpd takes 10 s."""
        process, self._process = self._process, None
        if process:
            await process.stop(grace_seconds=self._stop_seconds)

    async def kill(self) -> None:
        """End it at once, children included, whatever is open."""
        process, self._process = self._process, None
        if process:
            await asyncio.shield(process.stop(grace_seconds=0))

    async def kill_child(self, pid: int) -> None:
        """End a child with SIGKILL."""
        await self._runtime.run(["sh", "-c", f"kill -KILL {pid:d}"])

    @abstractmethod
    def signal(self, number: int) -> None:
        """Send a signal to the first process.

        Raises:
            ContractError: it does not run.
        """

    @abstractmethod
    async def lost(self) -> ProcessLost | None:
        """What became of a process of its own that no signal of ours did; None: nothing."""

    def stopped(self) -> tuple[tuple[str, int], ...]:
        """Name and process id of each of its processes that is stopped."""
        process = self._process
        if process is None or process.returncode is not None:
            return ()
        pids = {process.pid: self.NAME} | dict.fromkeys(self._runtime.children(process), self.CHILD)
        return tuple((name, pid) for pid, name in pids.items() if self._runtime.state(pid) in STOPPED)

    async def log(self) -> str:
        """Error log since it was started."""
        return (await self._runtime.read(self._error_log)).decode(errors="replace")

    async def log_tail(self, lines: int = 12) -> tuple[str, ...]:
        """Last lines of what it wrote, standard streams first."""
        written = (await self._runtime.read(self.OUTPUT)).decode(errors="replace")
        text = f"{written}\n{await self.log()}"
        return tuple(line for line in text.splitlines() if line.strip())[-lines:]
