"""Load tools that may be installed, each asked for what it does best: as many openings as it can, 64 at a time.

Every function gives ``opened``, ``failed``, ``rate`` (openings per second), ``cpu_ms`` (of the tool, per opening),
``p50`` and ``p99`` (seconds, None where the tool does not tell).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

__all__ = ["Target", "Tool", "ToolFailed", "installed", "measure"]

Measured = dict[str, Any]


class ToolFailed(Exception):
    """A tool is installed and does not do its work here; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is opened.

    Attributes:
        url, http_url: the WebSocket, and a small HTTP answer behind the same balancer.
        greetings: first messages, one of which must come.
        at_once: openings at a time; for Tsung, which knows no such bound, `rate` per second instead.
        elected: opens that the balancer has counted so far.
    """

    url: str
    http_url: str
    greetings: tuple[str, ...]
    at_once: int
    seconds: int
    rate: float
    elected: Callable[[], Awaitable[int]]


async def _run(
    words: list[str], folder: Path, *, seconds: float, environment: Mapping[str, str] = {}
) -> tuple[str, float]:
    """Output of a program and the CPU seconds that it took.

    Raises:
        ToolFailed: it ended with an error, or not in time.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError as exc:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise ToolFailed(f"it did not end within {seconds:g} s") from exc
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        told = (err or out).decode(errors="replace").strip().splitlines()
        raise ToolFailed(f"it ended with {process.returncode}: {told[-1] if told else 'no word'}")
    return out.decode(errors="replace"), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def wrk(target: Target, folder: Path) -> Measured:
    """Plain HTTP with a new connection for each request: the fastest client that there is for what httpd can take."""
    words = ["wrk", "-t1", f"-c{target.at_once}", f"-d{target.seconds}s", "--latency", "-H", "Connection: close"]
    text, cpu = await _run([*words, target.http_url], folder, seconds=target.seconds + 30)
    requests = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    failed = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    percentile = {key: _seconds(value) for key, value in re.findall(r"(50|99)%\s+([\d.]+[mu]?s)", text)}
    return {
        "opened": requests,
        "failed": sum(int(number) for number in failed.groups()) if failed else 0,
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),  # type: ignore[index]
        "cpu_ms": 1e3 * cpu / max(requests, 1),
        "p50": percentile["50"],
        "p99": percentile["99"],
    }


def _seconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)([mu]?s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"s": 1.0, "ms": 1e-3, "us": 1e-6}[unit]


_K6 = """
import ws from "k6/ws";
import { Counter } from "k6/metrics";
const greeted = new Counter("greeted");
const greetings = JSON.parse(__ENV.GREETINGS);
export const options = {
  scenarios: { open: { executor: "constant-vus", vus: Number(__ENV.AT_ONCE), duration: __ENV.SECONDS + "s" } },
  summaryTrendStats: ["p(50)", "p(99)"],
};
export default function () {
  ws.connect(__ENV.URL, {}, function (socket) {
    socket.on("message", function (text) {
      if (greetings.indexOf(text) >= 0) greeted.add(1);
      socket.close();
    });
  });
}
"""


async def k6(target: Target, folder: Path) -> Measured:
    """A closed model of virtual users that open, read the greeting and close."""
    (folder / "open.js").write_text(_K6)
    environment = {
        "URL": target.url,
        "GREETINGS": json.dumps(target.greetings),
        "AT_ONCE": str(target.at_once),
        "SECONDS": str(target.seconds),
    }
    words = ["k6", "run", "--quiet", "--no-usage-report", "--summary-export", "summary.json", "open.js"]
    _, cpu = await _run(words, folder, seconds=target.seconds + 60, environment=environment)
    metrics = json.loads((folder / "summary.json").read_text())["metrics"]
    opened, sessions = int(metrics["greeted"]["count"]), int(metrics["ws_sessions"]["count"])
    return {
        "opened": opened,
        "failed": sessions - opened,
        "rate": metrics["greeted"]["rate"],
        "cpu_ms": 1e3 * cpu / max(opened, 1),
        "p50": metrics["ws_connecting"]["p(50)"] / 1e3,
        "p99": metrics["ws_connecting"]["p(99)"] / 1e3,
    }


_LOCUST = """
import json, os, time
from locust import User, constant, task
from websocket import create_connection
URL, GREETINGS = os.environ["URL"], json.loads(os.environ["GREETINGS"])
class Opener(User):
    wait_time = constant(0)
    @task
    def open(self):
        begin, wrong = time.perf_counter(), None
        try:
            connection = create_connection(URL, timeout=10)
            if connection.recv() not in GREETINGS:
                wrong = ValueError("nobody's greeting")
        except Exception as exc:
            wrong, connection = exc, None
        self.environment.events.request.fire(
            request_type="WS", name="open", response_time=1e3 * (time.perf_counter() - begin), response_length=0,
            exception=wrong, context={})
        if connection:
            connection.close()
"""


async def locust(target: Target, folder: Path) -> Measured:
    """Users with websocket-client, on gevent; they end between openings: websocket-client swallows gevent's kill."""
    (folder / "locustfile.py").write_text(_LOCUST)
    words = ["locust", "--headless", "--json", "-u", str(target.at_once), "-r", str(target.at_once)]
    words += ["-s", "5", "-t", f"{target.seconds}s", "--exit-code-on-error", "0", "--skip-log-setup"]
    environment = {"URL": target.url, "GREETINGS": json.dumps(target.greetings)}
    text, cpu = await _run(words, folder, seconds=target.seconds + 60, environment=environment)
    rows = json.loads(text[text.index("[") :])
    if not rows:
        raise ToolFailed("it opened nothing; is websocket-client installed beside it?")
    row = rows[0]
    opened = row["num_requests"] - row["num_failures"]
    times = sorted((float(key), number) for key, number in row["response_times"].items())
    return {
        "opened": opened,
        "failed": row["num_failures"],
        "rate": opened / (row["last_request_timestamp"] - row["start_time"]),
        "cpu_ms": 1e3 * cpu / max(opened, 1),
        "p50": _ranked(times, 0.50),
        "p99": _ranked(times, 0.99),
    }


def _ranked(times: list[tuple[float, int]], part: float) -> float | None:
    """Nearest rank among rounded milliseconds with their numbers."""
    wanted, seen = part * sum(number for _, number in times), 0
    for value, number in times:
        seen += number
        if seen >= wanted:
            return value / 1e3
    return None


_TSUNG = """<?xml version="1.0"?>
<!DOCTYPE tsung SYSTEM "{dtd}">
<tsung loglevel="error">
 <clients><client host="localhost" use_controller_vm="true" maxusers="60000"/></clients>
 <servers><server host="{host}" port="{port}" type="tcp"/></servers>
 <load><arrivalphase phase="1" duration="{seconds}" unit="second">
  <users arrivalrate="{rate:.0f}" unit="second"/></arrivalphase></load>
 <options>
  <option name="max_retries" value="0"/><option name="connect_timeout" value="5000"/>
  <option name="global_ack_timeout" value="5000"/>
 </options>
 <sessions><session name="open" probability="100" type="ts_websocket">
  <request><websocket type="connect" path="{path}"/></request>
  <request><websocket type="close"/></request>
 </session></sessions>
</tsung>
"""


async def tsung(target: Target, folder: Path) -> Measured:
    """An open model: it is offered the rate that we reached, and the balancer counts what came of it.

    Some of its sessions may never end; so it is ended when the balancer has counted nothing new for a while.
    """
    dtd = next(iter(sorted(Path("/usr/share").glob("tsung*/tsung-1.0.dtd"))), None)
    if dtd is None:
        raise ToolFailed("its tsung-1.0.dtd is not below /usr/share")
    host, port, path = re.fullmatch(r"ws://([^:/]+):(\d+)(/.*)", target.url).groups()  # type: ignore[union-attr]
    values = {"dtd": dtd, "host": host, "port": port, "path": path, "seconds": target.seconds, "rate": target.rate}
    (folder / "tsung.xml").write_text(_TSUNG.format(**values))
    process = await asyncio.create_subprocess_exec(
        "tsung", "-f", str(folder / "tsung.xml"), "-l", str(folder / "log"), "start",
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    counts, cpu = [(time.monotonic(), await target.elected())], 0.0
    grew = begin = counts[0][0]
    try:
        while process.returncode is None and (now := time.monotonic()) < begin + target.seconds + 60:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), 0.1)
            cpu = max(cpu, _cpu_of_tree(process.pid))
            counts.append((time.monotonic(), await target.elected()))
            if counts[-1][1] > counts[-2][1]:
                grew = counts[-1][0]
            elif grew > begin and now - grew > 3:
                break
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    moving = [later for earlier, later in pairwise(counts) if later[1] > earlier[1]]
    if len(moving) < 2:
        raise ToolFailed("the balancer counted nothing while it ran")
    first, last = moving[0], moving[-1]
    opened = last[1] - counts[0][1]
    rate = (last[1] - first[1]) / (last[0] - first[0])
    return {"opened": opened, "failed": 0, "rate": rate, "cpu_ms": 1e3 * cpu / opened, "p50": None, "p99": None}


def _cpu_of_tree(pid: int) -> float:
    """CPU seconds of a program and what it started, so far."""
    total = 0.0
    with contextlib.suppress(psutil.Error):
        program = psutil.Process(pid)
        for one in (program, *program.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                used = one.cpu_times()
                total += used.user + used.system
    return total


Tool = Callable[[Target, Path], Awaitable[Measured]]

_ALL: dict[str, Tool] = {"wrk": wrk, "k6": k6, "tsung": tsung, "locust": locust}


def installed() -> tuple[dict[str, Tool], list[str]]:
    """Tools on the PATH, and the names of those that are not."""
    there = {name: tool for name, tool in _ALL.items() if shutil.which(name)}
    return there, [name for name in _ALL if name not in there]


async def measure(tool: Tool, target: Target) -> Measured:
    """One tool, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="wslb-bench-") as folder:
        return await tool(target, Path(folder))
