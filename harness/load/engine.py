"""Where shards run: processes of this machine, or the workers of a dask cluster; both through `concurrent.futures`.

Each shard has an executor of its own, so that the loss of one process takes nothing else with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import multiprocessing
import queue
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any, Protocol

from harness.errors import RuntimeUnavailable
from harness.load import shard as shards
from harness.load.plan import Plan, Shard
from harness.load.tally import Tally

__all__ = ["Engine", "Lost", "Place", "dask_cluster", "processes", "run"]

LEAD_SECONDS = 0.25
"""From the agreement on the start until the start."""

LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One process that can run a shard.

    Attributes:
        name: as the report tells it.
        executor: runs in that process.
        alive: whether the process is still there.
        arguments: handed to `execute` besides the shard and the start.
    """

    name: str
    executor: Executor
    alive: Callable[[], bool]
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A shard whose process was lost: all its connections count as lost."""

    place: str
    shard: int
    connections: int
    reason: str


class Engine(Protocol):
    """Processes that run shards."""

    name: str
    places: list[Place]

    def execute(self) -> Callable[..., dict[str, Any]]:
        """Function that a place runs: shard, start time, and the place's arguments."""
        ...

    def prepare(self) -> Callable[[], dict[str, Any]]:
        """Function that imports everything and tells the clock of its process."""
        ...

    def news(self) -> list[Mapping[str, Any]]:
        """Progress that came in."""
        ...

    def stop(self) -> None:
        """Ask every shard to end early."""
        ...


@dataclass(slots=True)
class Result:
    """What came of a plan."""

    tally: Tally
    lost: list[Lost] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)


# -- processes of this machine -----------------------------------------------------------------------------------------

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
    return shards.execute(document, start_at, _beat)


class _Processes:
    """A process of its own for each shard."""

    name = "processes"

    def __init__(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._news: Queue[Mapping[str, Any]] = context.Queue(10_000)
        self._stopping = context.Event()
        self.places = [
            Place(
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
        return shards.prepare

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
def processes(count: int) -> Iterator[Engine]:
    """Child processes of this one."""
    engine = _Processes(count)
    try:
        yield engine
    finally:
        engine.close()


# -- a dask cluster ----------------------------------------------------------------------------------------------------


def _execute_on_worker(document: Mapping[str, Any], start_at: float, topic: str) -> dict[str, Any]:
    """Run a shard on a dask worker; progress and the wish to stop travel over the scheduler."""
    from distributed import Variable, get_client, get_worker  # noqa: PLC0415 - an extra, and only on a worker

    worker = get_worker()
    stopping = Variable(f"{topic}-stop", client=get_client(timeout=10))

    def beat(progress: Mapping[str, Any]) -> bool:
        worker.log_event(topic, dict(progress))
        with contextlib.suppress(Exception):  # a scheduler that is busy is no reason to stop
            return not stopping.get(timeout=2)
        return True

    return shards.execute(document, start_at, beat)


class _Dask:
    """The workers of a dask cluster, each with an executor that never moves its shard elsewhere."""

    name = "dask"

    def __init__(self, client: Any, most: int | None) -> None:
        self._client = client
        self._topic = f"wslb-load-{uuid.uuid4().hex[:12]}"
        self._seen = 0
        from distributed import Variable  # noqa: PLC0415 - an extra

        self._stopping = Variable(f"{self._topic}-stop", client=client)
        self._stopping.set(False)
        workers = client.scheduler_info(n_workers=-1)["workers"]
        self.places = [
            Place(
                name=f"dask worker {info['name']} ({address})",
                executor=client.get_executor(workers=[address], allow_other_workers=False, pure=False, retries=0),
                alive=functools.partial(self._has, address, info["id"]),
                arguments=(self._topic,),
            )
            for address, info in sorted(workers.items())[:most]
        ]

    def _has(self, address: str, identity: object) -> bool:
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        return address in workers and bool(workers[address]["id"] == identity)

    def execute(self) -> Callable[..., dict[str, Any]]:
        return _execute_on_worker

    def prepare(self) -> Callable[[], dict[str, Any]]:
        return shards.prepare

    def news(self) -> list[Mapping[str, Any]]:
        events = self._client.get_events(self._topic)
        fresh = [event for _, event in events[self._seen :]]
        self._seen = len(events)
        return fresh

    def stop(self) -> None:
        self._stopping.set(True)


@contextlib.contextmanager
def dask_cluster(address: str, *, most: int | None = None) -> Iterator[Engine]:
    """The workers of a running dask cluster.

    Raises:
        RuntimeUnavailable: dask is not installed, nobody answers at the address, or the cluster has no worker.
    """
    try:
        from distributed import Client  # noqa: PLC0415 - an extra
    except ImportError:
        raise RuntimeUnavailable(
            runtime="dask", reason="the package distributed is not installed", hint="pip install 'wslb[distributed]'"
        ) from None
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as exc:
        raise RuntimeUnavailable(
            runtime="dask", reason=f"no scheduler answers at {address} ({exc})", hint="dask scheduler starts one"
        ) from None
    with contextlib.closing(client):
        engine = _Dask(client, most)
        if not engine.places:
            raise RuntimeUnavailable(
                runtime="dask", reason=f"the scheduler at {address} has no worker", hint=f"dask worker {address}"
            )
        yield engine


# -- running -----------------------------------------------------------------------------------------------------------


async def run(
    plan: Plan,
    engine: Engine,
    *,
    started: Callable[[float], None] = lambda _: None,
    news: Callable[[Mapping[str, Any]], None] = lambda _: None,
    stopping: asyncio.Event | None = None,
) -> Result:
    """Run a plan on every place of an engine and add up what comes back.

    Args:
        plan: what to do.
        engine: where.
        started: told the Unix time of the start.
        news: told the progress of shards.
        stopping: set to end early.
    """
    parts = plan.shards(len(engine.places))
    places = engine.places[: len(parts)]
    result = Result(tally=Tally())
    begun: dict[int, int] = {}

    def heard(progress: Mapping[str, Any]) -> None:
        begun[progress["shard"]] = progress["started"]
        news(progress)

    ready = await asyncio.gather(*(_prepare(engine, place) for place in places), return_exceptions=True)
    start_at = time.time() + LEAD_SECONDS
    started(start_at)
    waiting: dict[asyncio.Future[dict[str, Any]], tuple[Shard, Place]] = {}
    for part, place, clock in zip(parts, places, ready, strict=True):
        if isinstance(clock, BaseException):
            result.lost.append(_lost(part, place, clock, 0))
            continue
        result.places.append({"name": place.name, "shard": part.index, "host": clock["host"], "pid": clock["pid"]})
        submitted = place.executor.submit(
            engine.execute(), part.as_json(), start_at + clock["offset"], *place.arguments
        )
        waiting[asyncio.wrap_future(submitted)] = (part, place)
    async for future, part, place in _as_they_end(waiting, engine, heard, stopping):
        if future is None:
            result.lost.append(_lost(part, place, None, begun.get(part.index, 0)))
            continue
        try:
            result.tally.add(Tally.from_json(future.result()))
        except Exception as exc:  # noqa: BLE001 - whatever a place says, its connections are accounted for
            result.lost.append(_lost(part, place, exc, begun.get(part.index, 0)))
    return result


async def _prepare(engine: Engine, place: Place) -> dict[str, Any]:
    """Warm a place up, and tell by how much its clock is ahead of ours."""
    await _answer(engine, place)  # imports; its time says nothing
    before = time.time()
    answer = await _answer(engine, place)
    middle = (before + time.time()) / 2
    offset = answer["time"] - middle
    return {**answer, "offset": offset if abs(offset) > 1 else 0.0}  # below that, the round trip says nothing either


async def _answer(engine: Engine, place: Place) -> dict[str, Any]:
    """What a place answers; ConnectionError when its process is lost meanwhile."""
    future = asyncio.wrap_future(place.executor.submit(engine.prepare()))
    while not future.done():
        await asyncio.wait({future}, timeout=LOOK_SECONDS)
        if not future.done() and not await asyncio.get_running_loop().run_in_executor(None, place.alive):
            future.cancel()
            raise ConnectionError("its process ended before the start")
    return future.result()


async def _as_they_end(
    waiting: dict[asyncio.Future[dict[str, Any]], tuple[Shard, Place]],
    engine: Engine,
    news: Callable[[Mapping[str, Any]], None],
    stopping: asyncio.Event | None,
) -> AsyncIterator[tuple[asyncio.Future[dict[str, Any]] | None, Shard, Place]]:
    loop = asyncio.get_running_loop()
    asked = False
    while waiting:
        done, _ = await asyncio.wait(waiting, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for progress in await loop.run_in_executor(None, engine.news):
            news(progress)
        if stopping is not None and stopping.is_set() and not asked:
            asked = True
            await loop.run_in_executor(None, engine.stop)
        for future in done:
            yield future, *waiting.pop(future)
        for future, (part, place) in list(waiting.items()):
            if not future.done() and not await loop.run_in_executor(None, place.alive):
                del waiting[future]
                future.cancel()
                yield None, part, place


def _lost(part: Shard, place: Place, error: BaseException | None, begun: int) -> Lost:
    """All that the shard was to open; where only time limits it, what it had begun when it was last heard of."""
    if error is None or isinstance(error, BrokenProcessPool):
        reason = "its process ended"
    else:
        reason = f"{type(error).__name__}: {error}"
    return Lost(place=place.name, shard=part.index, connections=part.connections or begun, reason=reason)
