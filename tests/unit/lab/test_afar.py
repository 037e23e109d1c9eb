"""What stands for an object on the loop of another thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from wslb.lab.afar import Afar, LoopThread, afar


class Bell:
    """Has coroutines, so it lives on its loop."""

    def __init__(self) -> None:
        self.rung = 0
        self.cancelled = threading.Event()
        self.loops: set[asyncio.AbstractEventLoop] = set()

    async def ring(self, times: int = 1) -> int:
        self.loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        self.rung += times
        return self.rung

    async def twins(self) -> list[Bell]:
        return [Bell(), Bell()]

    def started(self) -> asyncio.Task[int]:
        return asyncio.get_running_loop().create_task(self.ring())

    def same(self, other: Bell) -> bool:
        return other is self

    async def silent(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[Bell]:
        await self.ring()
        try:
            yield self
        finally:
            await self.ring(10)

    async def tones(self) -> AsyncIterator[str]:
        for tone in "do", "re":
            await asyncio.sleep(0)
            yield tone


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    with LoopThread() as running:
        yield running


async def test_what_is_awaited_runs_on_the_other_loop(thread: LoopThread) -> None:
    bell = Bell()
    away = afar(bell, thread)
    assert await away.ring(2) == away.rung == 2
    assert asyncio.get_running_loop() not in bell.loops
    async with away.held() as held:
        assert await held.ring() == 4
    assert [tone async for tone in away.tones()] == ["do", "re"]
    assert bell.rung == 14
    assert len(bell.loops) == 1


def test_any_loop_may_await_it(thread: LoopThread) -> None:
    away = afar(Bell(), thread)
    assert [asyncio.run(away.ring()) for _ in range(3)] == [1, 2, 3]


async def test_it_passes_for_what_it_stands_for(thread: LoopThread) -> None:
    bell = Bell()
    away = afar(bell, thread)
    assert isinstance(away, Bell)
    assert away == bell
    assert {away, bell} == {bell}
    assert away.same(away), "an argument goes as what it stands for"
    away.rung = 7
    assert bell.rung == 7


async def test_what_has_coroutines_comes_as_afar_again_and_values_as_they_are(thread: LoopThread) -> None:
    away = afar(Bell(), thread)
    first, second = await away.twins()
    assert type(first).__name__ == Afar.__name__, "isinstance() tells what it stands for"
    assert first != second
    assert await first.ring() == 1
    assert type(away.rung) is int


async def test_what_needs_a_loop_of_its_own_is_called_on_it(thread: LoopThread) -> None:
    bell = Bell()
    afar(bell, thread).started()
    assert await afar(bell, thread).ring() == 2


async def test_who_stops_waiting_stops_the_work(thread: LoopThread) -> None:
    bell = Bell()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await afar(bell, thread).silent()
    assert bell.cancelled.wait(5)


def test_the_end_of_the_thread_ends_what_runs_on_it() -> None:
    bell = Bell()
    with LoopThread() as thread:
        thread.call(lambda: bell.loops.add(asyncio.get_running_loop()))
        (loop,) = bell.loops
        asyncio.run_coroutine_threadsafe(bell.silent(), loop)
        thread.wait(asyncio.sleep(0))
    assert bell.cancelled.is_set()


def test_a_context_is_entered_and_left_in_one_task(thread: LoopThread) -> None:
    tasks: list[asyncio.Task[object] | None] = []

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[str]:
        tasks.append(asyncio.current_task())
        yield "open"
        tasks.append(asyncio.current_task())

    with thread.holding(opened()) as thing:
        assert thing == "open"
        assert len(tasks) == 1
    assert tasks[0] is tasks[1] is not None


def test_a_context_that_cannot_be_entered_raises_where_it_is_wanted(thread: LoopThread) -> None:
    @contextlib.asynccontextmanager
    async def refused(*, refuses: bool = True) -> AsyncIterator[None]:
        if refuses:
            raise OSError("no")
        yield

    with pytest.raises(OSError, match="no"), thread.holding(refused()):
        pytest.fail("entered")
