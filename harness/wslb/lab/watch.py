"""Whose fault it is: looks whether a lab still stands, while a scenario runs and once after it.

A process of the lab that was ended, restarted or stopped by somebody else, a run folder that has gone, loopback that is
down: what a scenario saw then is no evidence against the proxy. Such an accident makes it errored, never failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil

from wslb.errors import HarnessError, LabError, PlaceLost, ProcessLost
from wslb.interfaces import Backend, Backends, Proxy
from wslb.waiting import until

__all__ = ["SILENT_SECONDS", "Watch"]

SILENT_SECONDS = 5.0
"""A process of a lab that says nothing for so long is told, and its scenario ends."""

_EVERY_SECONDS = 1.0

_LATE_SECONDS = 0.1
"""An idle loop comes to a timer within a hundredth of this."""


class Watch:
    """Looks after one lab.

    Attributes:
        tell: told who does not answer, in one sentence.
    """

    def __init__(self, *, proxy: Proxy, fleet: Backends, tell: Callable[[str], None]) -> None:
        self.tell = tell
        self._proxy = proxy
        self._fleet = fleet
        self._had_folder = Path(fleet.folder).is_dir()
        self._since: dict[int, float] = {}
        self._silent: dict[int, ProcessLost] = {}

    @contextlib.asynccontextmanager
    async def scenario(self) -> AsyncIterator[None]:
        """End the block when an accident befalls the lab.

        Raises:
            LabError: the accident.
        """
        found: list[LabError] = []
        self._since.clear()
        self._silent.clear()
        limit = asyncio.timeout(None)
        try:
            async with limit:
                looking = asyncio.create_task(self._look(limit, found))
                try:
                    yield
                finally:
                    looking.cancel()
                    await asyncio.wait({looking})
        except TimeoutError:
            if limit.expired() and found:
                raise found[0] from None
            raise
        if not looking.cancelled() and (failure := looking.exception()):
            raise failure

    async def _look(self, limit: asyncio.Timeout, found: list[LabError]) -> None:
        """Look again and again, and let the limit pass at the first accident."""
        looks = 0

        async def accident() -> LabError | None:
            nonlocal looks
            looks += 1
            if looks == 1:  # most scenarios are over before the second, and it is too early to say anything
                return None
            return self.place_lost() or await self._process_lost() or await self._silence()

        lost = await until(
            accident, seconds=math.inf, what="an accident", first_pause=_EVERY_SECONDS, longest_pause=_EVERY_SECONDS
        )
        found.append(lost)
        limit.reschedule(asyncio.get_running_loop().time())

    async def accident(self) -> LabError | None:
        """What has befallen the lab since its scenario began; None: it stands as it should."""
        lost = self.place_lost() or await self._process_lost()
        if lost is not None:
            return lost
        return next((_stopped(name, pid) for name, pid in self._stopped()), None)

    async def repair(self) -> None:
        """End what hangs, so that nothing waits for it; the next scenario starts httpd and what is missing anew."""
        for pid in [*self._silent, *(pid for _, pid in self._fleet.stopped())]:
            await self._fleet.discard(pid)
        await self._proxy.kill()

    def place_lost(self) -> PlaceLost | None:
        """What a lab stands on and has lost; None: all is there."""
        if self._had_folder and not Path(self._fleet.folder).is_dir():
            return PlaceLost(
                what=f"The folder of this run ({self._fleet.folder}) vanished",
                hint="Something cleans that folder; name another one: TMPDIR=DIR.",
            )
        if not _loopback():
            return PlaceLost(what="The loopback interface went down", hint="ip link set lo up")
        return None

    async def _process_lost(self) -> ProcessLost | None:
        return await self._fleet.lost() or await self._proxy.lost()

    def _stopped(self) -> tuple[tuple[str, int], ...]:
        return (*self._fleet.stopped(), *self._proxy.stopped())

    async def _silence(self) -> ProcessLost | None:
        """Who has not said a word for too long: stopped ones, and backends that neither answer nor compute."""
        mute = {pid: (name, "it is stopped") for name, pid in self._stopped()}
        asked = [backend for backend in self._fleet.living.values() if backend.pid not in mute]
        now = time.monotonic()
        answers = await asyncio.gather(*(_answers(backend) for backend in asked))
        mute |= {b.pid: (b.title, _state(b.pid)) for b, said in zip(asked, answers, strict=True) if not said}
        self._since = {pid: self._since.get(pid, now) for pid in mute}
        for pid, began in self._since.items():
            if time.monotonic() - began >= SILENT_SECONDS:
                name, state = mute[pid]
                lost = ProcessLost(name=name, pid=pid, how=f"has not answered for {SILENT_SECONDS:g} s ({state})")
                self._silent[pid] = lost
                self.tell(f"{lost} The scenario ends.")
                return lost
        return None


def _stopped(name: str, pid: int) -> ProcessLost:
    return ProcessLost(name=name, pid=pid, how="is stopped (SIGSTOP)")


async def _answers(backend: Backend) -> bool:
    """Whether a backend answers on its control port, or computes: a busy one answers later.

    Nothing is known of one that we may not have heard: where our own loop comes late to the end of the wait, it came
    late to the answer as well. It is asked again at the next look.
    """
    before, began = _computed(backend.pid), time.monotonic()
    try:
        async with asyncio.timeout(SILENT_SECONDS):
            await backend.health()
    except TimeoutError:
        late = time.monotonic() - began - SILENT_SECONDS
        return _computed(backend.pid) > before or late > _LATE_SECONDS
    except HarnessError:  # it refused: then it has ended, which is told as such
        return True
    return True


def _computed(pid: int) -> float:
    """Seconds of processor time of a process so far; 0 for one that has gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _state(pid: int) -> str:
    try:
        return f"its state is {psutil.Process(pid).status()}"
    except psutil.Error:
        return "it has gone"


def _loopback() -> bool:
    """Whether the loopback interface is up; a system that calls it otherwise is believed."""
    stats = psutil.net_if_stats()
    return all(stats[name].isup for name in ("lo", "lo0") if name in stats)
