"""Processes of this machine, one for each shard."""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event

from wslb.load.engines.shard_place import LoadEngine, ShardPlace
from wslb.load.progress import ShardProgress
from wslb.load.shards import worker

__all__ = ["processes"]


_channel: tuple[Queue[ShardProgress], Event] | None = None


def _begin(news: Queue[ShardProgress], stopping: Event) -> None:
    """Set up a child process; Ctrl+C belongs to the parent, which asks for an orderly end."""
    import signal  # noqa: PLC0415 - in the child only

    global _channel  # noqa: PLW0603 - a child process has one channel
    _channel = (news, stopping)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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
                executor=ProcessPoolExecutor(
                    1, mp_context=context, initializer=_begin, initargs=(self._news, self._stopping)
                ),
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


@contextlib.contextmanager
def processes(count: int) -> Iterator[LoadEngine]:
    """Child processes of this one."""
    engine = _Processes(count)
    try:
        yield engine
    finally:
        engine.close()
