"""``make bench``: our driver beside other clients, the article's claim, and what more tunnels cost; all in one run.

Every number is a median over rounds in which the clients take turns, so that a busy machine slows all alike; ratios are
made within a round. Writes ``reports/bench/`` and, with ``--docs``, the tables of ``docs/bench.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from tests.bench import article
from tests.bench.table import chart, goals, markdown, promises
from tests.bench.tools import Target, ToolFailed, installed, measure
from wslb.config import Settings
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.load.saved import LoadDocument, read
from wslb.model.balancer import Balancer, Member, Mount, ProcessModel, Site
from wslb.model.sites import LIBERTY, NODE, cluster

ROOT = Path(__file__).parents[2]
PYTHON_PEERS = ("wslb", "websockets", "aiohttp")
AT_ONCE = 64


def site() -> Site:
    """WebSockets on /ws; and on /http the smallest answer there is, a 404 of 13 bytes by the same backends."""
    plain = Balancer(
        name="plain",
        members=(Member(route="liberty", url="http://liberty/WSConsole"), Member(route="node", url="http://node")),
    )
    return Site(
        mounts=(
            Mount(path="/ws", target=cluster(LIBERTY, NODE), target_path="/CLRunner"),
            Mount(path="/http", target=plain, target_path="/none"),
        ),
        process_model=ProcessModel(children=5, threads=250),
        directives=("ListenBacklog 4096",),
    )


async def peer(name: str, mode: str, url: str, greetings: list[str], count: int) -> dict[str, Any]:
    """One client, in a process of its own."""
    words = [sys.executable, "-m", "tests.bench.peer", name, mode, url, json.dumps(greetings), str(count), str(AT_ONCE)]
    process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(process.communicate(), 240)
    found: dict[str, Any] = json.loads(out)
    opened = max(found["opened"], 1)
    return {**found, "rate": found["opened"] / found["seconds"], "cpu_ms": 1e3 * found["cpu_seconds"] / opened}


def summed_up(rounds: list[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Median of each number, and of each number's ratio to ours within the round."""
    rows: dict[str, dict[str, Any]] = {}
    for name in rounds[0]:
        own = [one[name] for one in rounds]
        rows[name] = {
            key: statistics.median(one[key] for one in own) if own[0][key] is not None else None
            for key in ("rate", "cpu_ms", "all_cpu_ms", "p50", "p99")
        }
        rows[name]["failed"] = sum(one["failed"] for one in own)
        rows[name]["opened"] = sum(one["opened"] for one in own)
        rows[name]["rate_ratio"] = statistics.median(one["wslb"]["rate"] / one[name]["rate"] for one in rounds)
        rows[name]["cpu_ratio"] = statistics.median(one["wslb"]["cpu_ms"] / one[name]["cpu_ms"] for one in rounds)
        rows[name]["all_cpu_ratio"] = statistics.median(
            one["wslb"]["all_cpu_ms"] / one[name]["all_cpu_ms"] for one in rounds
        )
        rows[name]["rate_ratios"] = sorted(round(one["wslb"]["rate"] / one[name]["rate"], 3) for one in rounds)
        rows[name]["cpu_ratios"] = sorted(round(one["wslb"]["cpu_ms"] / one[name]["cpu_ms"], 3) for one in rounds)
    return rows


def servers_cpu(lab: Lab) -> float:
    """CPU seconds of httpd and the backends so far."""
    pids = [lab.proxy.pid or 0, *(backend.pid for backend in lab.fleet.values())]
    parents = [psutil.Process(pid) for pid in pids]
    everyone = [*parents, *(child for parent in parents for child in parent.children(recursive=True))]
    return sum(used.user + used.system for used in (process.cpu_times() for process in everyone))


def with_servers(measured: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Add what an open costs client, httpd and backends together: where CPUs are what limits, its inverse is the rate.

    Unlike the rate it does not depend on what else the machine does.
    """
    return {**measured, "all_cpu_ms": measured["cpu_ms"] + 1e3 * seconds / max(measured["opened"], 1)}


def say(text: str) -> None:
    sys.stderr.write(f"bench {time.strftime('%H:%M:%S')}  {text}\n")


async def compare(lab: Lab, options: argparse.Namespace) -> dict[str, Any]:
    """Clients in turns: to a backend directly, then through Apache; then what a held tunnel takes."""
    await lab.begin("bench", site(), balancer=None)
    greetings = [backend.info.greeting for backend in lab.fleet.values()]
    node = lab.fleet["node"].info
    direct_url = f"ws://{node.address}:{node.ws}{node.cl_path}"
    front = lab.proxy.front
    count = options.opens
    tools, _ = installed()
    found: dict[str, Any] = {"failed_tools": {}}

    async def elected() -> int:
        return sum(member.elected for member in await lab.proxy.status())

    for where, url in (("direct", direct_url), ("apache", f"ws://{front.host}:{front.plain}/ws")):
        rounds: list[dict[str, dict[str, Any]]] = []
        for number in range(options.rounds):
            say(f"{where}, round {number + 1} of {options.rounds}")
            one: dict[str, dict[str, Any]] = {}
            for name in PYTHON_PEERS:
                before = servers_cpu(lab)
                one[name] = with_servers(await peer(name, "open", url, greetings, count), servers_cpu(lab) - before)
            target = Target(
                url=url,
                http_url=f"http://{front.host}:{front.plain}/http",
                greetings=tuple(greetings),
                at_once=AT_ONCE,
                seconds=options.tool_seconds,
                rate=one["wslb"]["rate"],
                elected=elected,
            )
            for name, tool in tools.items() if where == "apache" else ():
                if name in found["failed_tools"]:
                    continue
                before = servers_cpu(lab)
                try:
                    one[name] = with_servers(await measure(tool, target), servers_cpu(lab) - before)
                except ToolFailed as exc:
                    found["failed_tools"][name] = str(exc)
            rounds.append(one)
        found[where] = summed_up([{n: m for n, m in one.items() if n not in found["failed_tools"]} for one in rounds])
    say("held tunnels")
    url = f"ws://{front.host}:{front.plain}/ws"
    found["held"] = {name: await peer(name, "hold", url, greetings, options.held) for name in PYTHON_PEERS}
    return found


def load(*words: str, folder: Path) -> tuple[LoadDocument, float]:
    """One ``wslb load`` as a user runs it; its document, and the seconds that it took in all."""
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    argv = [sys.executable, "-m", "wslb", "load", *words, "--report", str(folder)]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    if ended.returncode not in (0, 1, 4):
        raise RuntimeError(f"wslb load ended with {ended.returncode}: {ended.stderr[-500:]}")
    return read(folder / "load.json"), time.monotonic() - begin


def scale(sizes: list[int], folder: Path) -> list[dict[str, Any]]:
    """What more tunnels cost."""
    rows = []
    for size in sizes:
        say(f"{size} tunnels, held, one message on each")
        words = ("--connections", str(size), "--hold", "2", "--messages", "1", "--lag-limit", "60s",
                 "--limit", "errors=0", "--limit", "imbalance<=1%")  # fmt: skip
        made, seconds = load(*words, folder=folder / f"load-{size}")
        client, httpd = made.clients[0], made.usage["httpd"]
        backends = [group for name, group in made.usage.items() if name.startswith("backend ")]
        rows.append(
            {
                "tunnels": size,
                "opened": made.opened,
                "lost": made.lost,
                "errors": made.errors,
                "echoed": made.echoed,
                "imbalance": made.imbalance,
                "wall_seconds": seconds,
                "run_seconds": made.seconds,
                "open_seconds": made.opened / made.rate,
                "rate": made.rate,
                "client_cpu_ms": 1e3 * client.cpu_seconds / made.opened,
                "client_bytes": (client.memory["held"] - client.memory["start"]) / made.opened,
                "httpd_cpu_ms": 1e3 * httpd.cpu_seconds / made.opened,
                "httpd_bytes": (httpd.memory_highest - httpd.memory_first) / made.opened,
                "backend_cpu_ms": 1e3 * sum(group.cpu_seconds for group in backends) / made.opened,
                "backend_bytes": sum(group.memory_highest - group.memory_first for group in backends) / made.opened,
            }
        )
    return rows


def steady(seconds: float, folder: Path) -> dict[str, Any]:
    """An open model at 200 per second."""
    say(f"200 opens per second for {seconds:g} s")
    made, _ = load("--rate", "200", "--duration", f"{seconds:g}", "--limit", "errors=0", folder=folder / "load-rate")
    return {
        "sent_rate": made.sent_rate,
        "outcome": made.outcome.word,
        "opened": made.opened,
        "planned": made.planned,
        "p50": made.latency["open"].percentiles["50"],
        "p99": made.latency["open"].percentiles["99"],
        "lag_p99": made.latency["lag"].percentiles["99"],
    }


async def in_lab(
    options: argparse.Namespace, folder: Path
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    async with open_lab(Settings(lean=True)) as lab:
        clients = await compare(lab, options)
        environment = dict(lab.environment)
    async with open_lab(Settings()) as lab:
        say("the article's claim")
        commands = await article.compare(lab, folder, commands=options.commands, rounds=3)
    return clients, commands, environment


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--opens", type=int, default=5000, help="of each client in each round; CPU clocks tick in 10 ms"
    )
    parser.add_argument("--held", type=int, default=1000, help="tunnels held to measure memory")
    parser.add_argument("--tool-seconds", type=int, default=3, help="of each installed load tool in each round")
    parser.add_argument("--commands", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 1000, 5000, 10_000])
    parser.add_argument("--steady-seconds", type=float, default=60)
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/bench.md, too")
    parser.add_argument("--report", type=Path, default=Path("reports") / "bench")
    options = parser.parse_args()
    folder: Path = options.report.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "clhttp.port").unlink(missing_ok=True)
    begin, busy = time.monotonic(), os.getloadavg()
    clients, commands, environment = asyncio.run(in_lab(options, folder))
    sizes = scale(options.sizes, folder)
    rate = steady(options.steady_seconds, folder)
    _, skipped = installed()
    found = {
        "schema": "wslb.bench/1",
        "clients": clients,
        "commands": commands,
        "scale": sizes,
        "steady": rate,
        "skipped": skipped,
        "failed_tools": clients.pop("failed_tools"),
        "environment": {
            "proxy": environment["proxy"],
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "load_average_before": busy,
            "load_average_after": os.getloadavg(),
            "packages": environment["packages"],
        },
        "rounds": options.rounds,
        "at_once": AT_ONCE,
        "seconds": time.monotonic() - begin,
    }
    found["promises"], found["goals"] = promises(found), goals(found)
    (folder / "bench.json").write_text(json.dumps(found, indent=1) + "\n")
    text = markdown(found)
    (folder / "bench.md").write_text(text)
    for where in ("direct", "apache"):
        (folder / f"bench-{where}.svg").write_text(chart(clients[where]))
    if options.docs:
        into_page(text)
    sys.stdout.write(text)
    say(f"{folder / 'bench.md'} after {found['seconds']:.0f} s")


def into_page(text: str) -> None:
    """Put the tables between their markers."""
    file = ROOT / "docs" / "bench.md"
    before, begin, rest = file.read_text().partition("<!-- bench: generated by make bench -->\n")
    _, end, after = rest.partition("<!-- /bench -->")
    if not (begin and end):
        raise RuntimeError("docs/bench.md has no markers for the tables of make bench")
    file.write_text(f"{before}{begin}{text}{end}{after}")


if __name__ == "__main__":
    main()
