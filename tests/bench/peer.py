"""One client of the comparison, in a process: ``python -m tests.bench.peer NAME MODE URL GREETINGS COUNT AT_ONCE``.

Mode ``open`` opens, checks the greeting and closes, COUNT times, AT_ONCE at a time. Mode ``hold`` opens COUNT and keeps
them. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import psutil

from wslb.load.plan import LoadPlan
from wslb.load.shards import worker
from wslb.load.tally import Histogram, Tally

Measured = dict[str, Any]


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ours(mode: str, url: str, greetings: list[str], count: int, at_once: int) -> Measured:
    hold = 1.0 if mode == "hold" else None
    plan = LoadPlan(
        url=url,
        connections=count,
        concurrency=at_once,
        greetings=tuple((text, f"backend {number}") for number, text in enumerate(greetings)),
        hold_seconds=hold,
        lag_seconds=60,
    )
    shard = msgspec.msgpack.encode(plan.shards(1)[0])
    tally = Tally.decoded(worker.execute(shard, time.time() + 0.05, lambda _: True))
    latency = Histogram()
    for served in tally.backends.values():
        latency.add(served.open)
    client = tally.clients[0]
    return {
        "opened": tally.opened,
        "failed": sum(tally.errors.values()),
        "seconds": tally.opened_span[1] - tally.start_span[0],
        "cpu_seconds": client.cpu_seconds,
        **told(latency),
        "bytes_held": (client.memory["held"] - client.memory["start"]) / tally.opened if hold else None,
    }


def told(latency: Histogram) -> dict[str, float | None]:
    """Percentiles, None where there are too few samples."""
    return {f"p{percent:g}": value for percent, value in latency.told((50, 99)).items()}


def with_library(open_one: Callable[[], Awaitable[Any]], close: Callable[[Any], Awaitable[None]]) -> Any:
    async def run(mode: str, count: int, at_once: int) -> Measured:
        latency, failed, held = Histogram(), 0, []
        numbers = iter(range(count))
        gc.collect()
        memory = psutil.Process().memory_info().rss
        cpu, begin, last = cpu_seconds(), time.monotonic(), time.monotonic()

        async def worker() -> None:
            nonlocal failed, last
            for _ in numbers:
                started = time.monotonic()
                try:
                    one = await open_one()
                except Exception:  # noqa: BLE001 - a failure counts, whatever it is
                    failed += 1
                    continue
                last = time.monotonic()
                latency.record(last - started)
                if mode == "hold":
                    held.append(one)
                else:
                    await close(one)

        await asyncio.gather(*(worker() for _ in range(at_once)))
        cpu = cpu_seconds() - cpu
        grown = psutil.Process().memory_info().rss - memory
        for one in held:
            await close(one)
        return {
            "opened": latency.count,
            "failed": failed,
            "seconds": last - begin,
            "cpu_seconds": cpu,
            **told(latency),
            "bytes_held": grown / max(latency.count, 1) if mode == "hold" else None,
        }

    return run


def with_websockets(mode: str, url: str, greetings: set[str], count: int, at_once: int) -> Measured:
    from websockets.asyncio.client import connect  # noqa: PLC0415 - only the measured library is imported

    async def open_one() -> Any:
        connection = await connect(url, proxy=None, compression=None, ping_interval=None, user_agent_header=None)
        if await connection.recv() not in greetings:
            raise ValueError("nobody's greeting")
        return connection

    async def close(connection: Any) -> None:
        await connection.close()

    measured: Measured = asyncio.run(with_library(open_one, close)(mode, count, at_once))
    return measured


def with_aiohttp(mode: str, url: str, greetings: set[str], count: int, at_once: int) -> Measured:
    import aiohttp  # noqa: PLC0415 - only the measured library is imported

    async def whole() -> Measured:
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:

            async def open_one() -> Any:
                socket = await session.ws_connect(url, autoclose=False)
                if await socket.receive_str() not in greetings:
                    raise ValueError("nobody's greeting")
                return socket

            async def close(socket: Any) -> None:
                await socket.close()

            measured: Measured = await with_library(open_one, close)(mode, count, at_once)
            return measured

    return asyncio.run(whole())


def main() -> None:
    name, mode, url, greetings, count, at_once = sys.argv[1:]
    texts: list[str] = json.loads(greetings)
    if name == "wslb":
        found = ours(mode, url, texts, int(count), int(at_once))
    else:
        peer = {"websockets": with_websockets, "aiohttp": with_aiohttp}[name]
        found = peer(mode, url, set(texts), int(count), int(at_once))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
