"""Processes of this machine, one for each shard.

A child ends when its parent has ended, however that was: it watches the pipe that multiprocessing keeps between them.
It leaves its parent's process group, so that a signal to the group (a terminal's, or that of ``timeout``) asks the
parent for an orderly end, and takes no shard away. Until the child has left, such signals wait.

What multiprocessing shares between them has names in the system. These begin with the run's, for when all are killed.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import wait
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any, TypeVar

from wslb.caller import ENDING
from wslb.load.engines.shard_place import LoadEngine, ShardPlace
from wslb.load.progress import ShardProgress
from wslb.load.shards import worker
from wslb.runtimes.runfolder import RunFolder
from wslb.runtimes.shared_memory import semaphores_of

__all__ = ["processes"]


T = TypeVar("T")

_channel: tuple[Queue[ShardProgress], Event] | None = None


def _begin(news: Queue[ShardProgress], stopping: Event) -> None:
    """Set up a child process."""
    global _channel  # noqa: PLW0603 - a child process has one channel
    _channel = (news, stopping)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    os.setsid()
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)  # which also forgets one that waits
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # an executor ends a broken process by it


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


class _Executor(ProcessPoolExecutor):
    """An executor of one process, started with the first work, and with the signals blocked that `_begin` lets in."""

    def submit(self, function: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        """As an executor does."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            return super().submit(function, *arguments, **named)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _beat(progress: ShardProgress) -> bool:
    if _channel is None:
        return True
    news, stopping = _channel
    with contextlib.suppress(queue.Full):
        news.put_nowait(progress)
    return not stopping.is_set()


def _execute(shard: bytes, start_at: float) -> bytes:
    return worker.execute(shard, start_at, _beat)


class _Processes:
    """A process of its own for each shard."""

    def __init__(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._news: Queue[ShardProgress] = context.Queue(10_000)
        self._stopping = context.Event()
        self.places = [
            ShardPlace(
                name=f"process {index + 1}",
                executor=_Executor(1, mp_context=context, initializer=_begin, initargs=(self._news, self._stopping)),
                alive=lambda: True,  # a broken pool raises by itself
            )
            for index in range(count)
        ]

    def execute(self) -> Callable[..., bytes]:
        return _execute

    def news(self) -> list[ShardProgress]:
        found: list[ShardProgress] = []
        with contextlib.suppress(queue.Empty, OSError):
            while True:
                found.append(self._news.get_nowait())
        return found

    def stop(self) -> None:
        self._stopping.set()

    def close(self) -> None:
        self.stop()
        for place in self.places:
            place.executor.shutdown(wait=True, cancel_futures=True)
        self._news.close()
        self._news.cancel_join_thread()
        self.places.clear()
        del self._news, self._stopping
        gc.collect()  # with the last reference their names go from the system


@contextlib.contextmanager
def processes(count: int) -> Iterator[LoadEngine]:
    """Child processes of this one.

    Raises:
        RuntimeUnavailable: no folder for temporary files can be used.
    """
    run = RunFolder()
    try:
        with _names_of(run):
            engine = _Processes(count)
            try:
                yield engine
            finally:
                engine.close()
    finally:
        run.remove()


@contextlib.contextmanager
def _names_of(run: RunFolder) -> Iterator[None]:
    """Let the names of semaphores begin with the run's, by which a sweep knows them (SemLock of multiprocessing)."""
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined] # there is no other way
    before = config["semprefix"]
    config["semprefix"] = semaphores_of(run.path)
    try:
        yield
    finally:
        config["semprefix"] = before
