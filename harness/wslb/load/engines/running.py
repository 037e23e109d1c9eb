"""Runs a plan on every place of an engine, and counts what a lost place takes with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

import msgspec

from wslb.errors import plain
from wslb.load.engines.shard_place import LoadEngine, ShardPlace
from wslb.load.plan import LoadPlan, Shard
from wslb.load.progress import ShardProgress
from wslb.load.saved import LostShard, StartedShard
from wslb.load.shards import worker
from wslb.load.tally import Tally

__all__ = ["Result", "run_shards"]


LEAD_SECONDS = 0.25
"""From the agreement on the start until the start."""


LOOK_SECONDS = 0.25


@dataclass(slots=True)
class Result:
    """What came of a plan."""

    tally: Tally
    lost: list[LostShard] = field(default_factory=list)
    places: list[StartedShard] = field(default_factory=list)


async def run_shards(
    plan: LoadPlan,
    engine: LoadEngine,
    *,
    started: Callable[[float], None] = lambda _: None,
    news: Callable[[ShardProgress], None] = lambda _: None,
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

    def heard(progress: ShardProgress) -> None:
        begun[progress.shard] = progress.started
        news(progress)

    ready = await asyncio.gather(*(_prepare(place) for place in places), return_exceptions=True)
    start_at = time.time() + LEAD_SECONDS
    started(start_at)
    waiting: dict[asyncio.Future[bytes], tuple[Shard, ShardPlace]] = {}
    for part, place, told in zip(parts, places, ready, strict=True):
        if isinstance(told, BaseException):
            result.lost.append(_lost(part, place, told, 0))
            continue
        process, ahead = told
        result.places.append(StartedShard(name=place.name, shard=part.index, host=process.host, pid=process.pid))
        submitted = place.executor.submit(
            engine.execute(), msgspec.msgpack.encode(part), start_at + ahead, *place.arguments
        )
        waiting[asyncio.wrap_future(submitted)] = (part, place)
    async for future, part, place in _as_they_end(waiting, engine, heard, stopping):
        if future is None:
            result.lost.append(_lost(part, place, None, begun.get(part.index, 0)))
            continue
        try:
            result.tally.add(Tally.decoded(future.result()))
        except Exception as exc:  # noqa: BLE001 - whatever a place says, its connections are accounted for
            result.lost.append(_lost(part, place, exc, begun.get(part.index, 0)))
    return result


async def _prepare(place: ShardPlace) -> tuple[worker.ReadyProcess, float]:
    """Warm a place up, and tell by how many seconds its clock is ahead of ours."""
    await _answer(place)  # imports; its time says nothing
    before = time.time()
    answer = await _answer(place)
    ahead = answer.time - (before + time.time()) / 2
    return answer, ahead if abs(ahead) > 1 else 0.0  # below that, the round trip says nothing either


async def _answer(place: ShardPlace) -> worker.ReadyProcess:
    """What a place answers; ConnectionError when its process is lost meanwhile."""
    future = asyncio.wrap_future(place.executor.submit(worker.prepare))
    while not future.done():
        await asyncio.wait({future}, timeout=LOOK_SECONDS)
        if not future.done() and not await asyncio.get_running_loop().run_in_executor(None, place.alive):
            future.cancel()
            raise ConnectionError("its process ended before the start")
    return future.result()


async def _as_they_end(
    waiting: dict[asyncio.Future[bytes], tuple[Shard, ShardPlace]],
    engine: LoadEngine,
    news: Callable[[ShardProgress], None],
    stopping: asyncio.Event | None,
) -> AsyncIterator[tuple[asyncio.Future[bytes] | None, Shard, ShardPlace]]:
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


def _lost(part: Shard, place: ShardPlace, error: BaseException | None, begun: int) -> LostShard:
    """All that the shard was to open; where only time limits it, what it had begun when it was last heard of."""
    reason = "its process ended" if error is None or isinstance(error, BrokenProcessPool) else plain(error)
    return LostShard(place=place.name, shard=part.index, connections=part.connections or begun, reason=reason)
