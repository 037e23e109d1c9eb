"""Processes of this machine, one for each shard."""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any

from wslb.load import worker
from wslb.load.engines.shard_place import LoadEngine, ShardPlace

__all__ = ["processes"]


_channel: tuple[Queue[Mapping[str, Any]], Event] | None = None


def _begin(news: Queue[Mapping[str, Any]], stopping: Event) -> None:
    """Set up a child process; Ctrl+C belongs to the parent, which asks for an orderly end."""
    import signal  # noqa: PLC0415 - in the child only

    global _channel  # noqa: PLW0603 - a child process has one channel
    _channel = (news, stopping)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _beat(progress: Mapping[str, Any]) -> bool:
    if _channel is None:
        return True
    news, stopping = _channel
    with contextlib.suppress(queue.Full):
        news.put_nowait(progress)
    return not stopping.is_set()


def _execute(document: Mapping[str, Any], start_at: float) -> dict[str, Any]:
    return worker.execute(document, start_at, _beat)


class _Processes:
    """A process of its own for each shard."""

    name = "processes"

    def __init__(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._news: Queue[Mapping[str, Any]] = context.Queue(10_000)
        self._stopping = context.Event()
        self.places = [
            ShardPlace(
                name=f"process {index + 1}",
                executor=ProcessPoolExecutor(
                    1, mp_context=context, initializer=_begin, initargs=(self._news, self._stopping)
                ),
                alive=lambda: True,  # a broken pool raises by itself
            )
            for index in range(count)
        ]

    def execute(self) -> Callable[..., dict[str, Any]]:
        return _execute

    def prepare(self) -> Callable[[], dict[str, Any]]:
        return worker.prepare

    def news(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
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


@contextlib.contextmanager
def processes(count: int) -> Iterator[LoadEngine]:
    """Child processes of this one."""
    engine = _Processes(count)
    try:
        yield engine
    finally:
        engine.close()
