"""The article's claim, measured: CL commands over one WebSocket, and one HTTP request each, through one Apache."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from wslb.lab.lab import Lab
from wslb.model.balancer import Mount, Site
from wslb.waiting import until

COMMAND = "WRKSYSSTS"
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "*/*",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate",
    "Content-Type": "text/plain;charset=UTF-8",
    "Origin": "http://127.0.0.1",
    "Referer": "http://127.0.0.1/WSConsole.html",
}


async def compare(lab: Lab, folder: Path, *, commands: int, rounds: int) -> list[dict[str, Any]]:
    """Bytes, both ways, and time of one command for each way of carrying; Apache's own byte counts (mod_logio)."""
    file = folder / "clhttp.port"
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.clhttp", str(file), stdin=asyncio.subprocess.PIPE
    )

    async def announced() -> bool:
        return file.exists()

    try:
        await until(announced, seconds=60, what="the port of the HTTP endpoint")
        port = file.read_text()
        site = Site(
            mounts=(
                Mount(path="/ws", target="ws://liberty/WSConsole/CLRunner"),
                Mount(path="/http", target=f"http://127.0.0.1:{port}/CLRunner"),
            )
        )
        await lab.begin("article", site, balancer=None)
        found: dict[str, list[tuple[float, float]]] = {}
        for _round in range(rounds):
            for name, way in WAYS.items():
                found.setdefault(name, []).append(await way(lab, commands))
    finally:
        program.terminate()
        await program.wait()
    rows = []
    for name, measured in found.items():
        seconds, octets = (statistics.median(values) for values in zip(*measured, strict=True))
        rows.append({"way": name, "bytes": octets, "ms": seconds * 1e3})
    return rows


async def over_websocket(lab: Lab, commands: int) -> tuple[float, float]:
    before = await octets(lab, "/ws")
    conversation = await lab.open("/ws")
    times = []
    for _ in range(commands):
        begin = time.perf_counter()
        await conversation.run(COMMAND)
        times.append(time.perf_counter() - begin)
    await conversation.close()
    after = await grown(lab, "/ws", before)
    return statistics.median(times), (after - before) / commands


def over_http(*, fields: dict[str, str], keep: bool) -> Callable[[Lab, int], Awaitable[tuple[float, float]]]:
    async def way(lab: Lab, commands: int) -> tuple[float, float]:
        before = await octets(lab, "/http")
        url = f"http://{lab.proxy.front.host}:{lab.proxy.front.plain}/http"
        times = []
        skip = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=not keep), skip_auto_headers=skip, trust_env=False
        ) as session:
            for _ in range(commands):
                begin = time.perf_counter()
                async with session.post(url, data=COMMAND, headers=fields) as answer:
                    text = await answer.text()
                times.append(time.perf_counter() - begin)
                if answer.status != 200 or "System Status Information" not in text:
                    raise ValueError(f"the HTTP endpoint answered {answer.status}: {text[:80]}")
        after = await grown(lab, "/http", before)
        return statistics.median(times), (after - before) / commands

    return way


async def octets(lab: Lab, path: str) -> float:
    """Bytes in and out of every request of this path, as mod_logio counted them."""
    text = (await lab.proxy.runtime.read(lab.proxy.dialect.access_log)).decode()
    lines = (line.split() for line in text.splitlines() if line.endswith(f'"{path}"'))
    return float(sum(int(words[1]) + int(words[2]) for words in lines))


async def grown(lab: Lab, path: str, before: float) -> float:
    """Bytes once the access log has stopped growing: httpd writes a line after the request or tunnel has ended."""
    last = [before]

    async def steady() -> float:
        now = await octets(lab, path)
        same, last[0] = now == last[0] and now > before, now
        return now if same else 0.0

    return await until(steady, seconds=20, what="the access log", first_pause=0.05)


WAYS: dict[str, Callable[[Lab, int], Awaitable[tuple[float, float]]]] = {
    "one WebSocket": over_websocket,
    "HTTP, fewest fields, kept connection": over_http(fields={}, keep=True),
    "HTTP, a browser's fields, kept connection": over_http(fields=BROWSER, keep=True),
    "HTTP, a browser's fields, new connection each": over_http(fields=BROWSER, keep=False),
}
