"""``wslb load`` as a user runs it: real httpd, real processes, real workers; bounded sizes, no absolute speed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.command import Ended, Place, place, wait_for
from wslb.load.engines.cluster import dask_cluster
from wslb.load.engines.processes import processes
from wslb.load.engines.running import run_shards
from wslb.load.engines.shard_place import LoadEngine
from wslb.load.outcome import Surroundings, document_of
from wslb.load.plan import LoadPlan
from wslb.load.saved import LoadDocument, LoadTarget, read
from wslb.load.thresholds import parse_limit

pytestmark = pytest.mark.live


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as made:
        yield made
        assert made.leftovers() == []


def result(here: Place, ended: Ended) -> LoadDocument:
    file = here.folder / "reports" / "load" / "load.json"
    assert file.is_file(), ended
    assert (file.parent / "load.html").read_text().startswith("<!doctype html>")
    return read(file)


def roomy(*words: str) -> tuple[str, ...]:
    """A busy machine must not make a run invalid where the test is about something else."""
    return ("load", "--lag-limit", "60s", *words)


@pytest.mark.parametrize("carrier", ["wstunnel", "http"])
def test_held_tunnels_are_open_at_once_fair_and_echo(here: Place, carrier: str) -> None:
    ended = here.run(*roomy("--connections", "500", "--hold", "1", "--messages", "1", "--carrier", carrier, "--limit",
                            "errors=0", "--limit", "echoed=100%", "--limit", "imbalance<=1%"))  # fmt: skip
    assert ended.code == 0, ended
    made = result(here, ended)
    assert (made.planned, made.opened, made.closed, made.echoed, made.lost) == (500, 500, 500, 500, 0)
    assert {backend.name for backend in made.backends} == {"liberty", "node"}
    assert {backend.program for backend in made.target.backends.values()} == {"lean"}
    assert made.clients[0].highest_live == 500
    assert [member.busy for member in made.members.after] == [0, 0]
    elected = sum(member.elected for member in made.members.after)
    assert abs(elected - 500) <= 5  # the counter itself may lose one under concurrency (APACHE.md section 2)
    assert set(made.usage) == {"client", "httpd", "backend liberty", "backend node"}
    assert all(group.memory_highest > 0 for group in made.usage.values())


def test_tls_and_several_processes_add_up(here: Place) -> None:
    ended = here.run(*roomy("--connections", "101", "--tls", "--processes", "2", "--concurrency", "8"))
    assert ended.code == 0, ended
    made = result(here, ended)
    assert (made.opened, made.closed) == (101, 101)
    assert len({client.pid for client in made.clients}) == 2
    assert made.target.url.startswith("wss://")


def test_the_stand_ins_can_be_loaded_too(here: Place) -> None:
    ended = here.run(*roomy("--connections", "60", "--backends", "stand-ins"))
    assert ended.code == 0, ended
    assert {b.program for b in result(here, ended).target.backends.values()} == {"liberty", "node"}


def test_a_limit_that_does_not_hold_exits_1_with_limit_and_value(here: Place) -> None:
    ended = here.run(*roomy("--connections", "40", "--limit", "max<1us", "--limit", "errors=0"))
    assert ended.code == 1
    assert "✗ max<1us: " in ended.out
    assert "✓ errors=0: 0 of 40" in ended.out


@pytest.mark.parametrize(
    "words",
    [
        ("--limit", "p9x<1ms"), ("--limit", "imbalence<1%"), ("--rate", "0"), ("--faults", "kill:nobody@1"),
        ("--rate", "5", "--concurrency", "5"), ("http://127.0.0.1/",), ("--identify", "ip", "ws://127.0.0.1:1/"),
        ("ws://127.0.0.1:1/", "--connections", "5000"), ("--unknown",),
    ],
)  # fmt: skip
def test_wrong_usage_exits_2_and_starts_nothing(here: Place, words: tuple[str, ...]) -> None:
    ended = here.run("load", *words)
    assert ended.code == 2
    assert "Traceback" not in ended.err


def test_a_rate_that_nobody_can_reach_is_invalid(here: Place) -> None:
    ended = here.run("load", "--rate", "200000", "--duration", "0.5")
    assert ended.code == 4, ended
    assert "INVALID" in ended.out
    assert "time to open" not in ended.out
    assert result(here, ended).outcome.word == "invalid"


def test_the_open_model_begins_every_open_at_its_time(here: Place) -> None:
    ended = here.run(*roomy("--rate", "40", "--duration", "3", "--json-lines"))
    lines = [json.loads(line) for line in ended.out.splitlines()]
    made = lines[-1]
    assert made["kind"] == "result"
    assert {line["kind"] for line in lines[:-1]} == {"progress"}
    if made["outcome"]["word"] == "invalid":
        pytest.skip("this machine is too busy to keep 40/s, and the run said so")
    assert (ended.code, made["opened"], made["model"]) == (0, 120, "open")
    assert made["sent_rate"] == pytest.approx(40, rel=0.05)


def test_a_killed_backend_is_counted_by_its_tunnels(here: Place) -> None:
    ended = here.run(*roomy("--connections", "100", "--hold", "8", "--faults", "kill:node@5", "--limit", "lost=0"))
    assert ended.code == 1, ended
    made = result(here, ended)
    by_name = {backend.name: backend for backend in made.backends}
    assert (by_name["liberty"].opened, by_name["liberty"].errors) == (50, {})
    assert sum(by_name["node"].errors.values()) == 50
    assert made.lost == 50
    assert any("kill node" in event.text for event in made.events)


def test_a_drained_member_takes_no_new_tunnel(here: Place) -> None:
    words = ("--connections", "90", "--ramp", "9", "--faults", "drain:node@1", "--faults", "enable:node@7")
    ended = here.run(*roomy(*words, "--limit", "errors=0"))
    made = result(here, ended)
    assert made.errors == 0, ended
    share = {backend.name: backend.opened for backend in made.backends}
    assert share["liberty"] > share["node"] > 0
    assert any(event.text.startswith("enable node") for event in made.events)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_writes_what_it_has(here: Place, number: signal.Signals, code: int) -> None:
    running = here.start(*roomy("--connections", "50", "--hold", "300", "--json-lines"))
    running.wait_until_printed('"live": 50')
    running.process.send_signal(number)
    ended = running.end()
    assert ended.code == code, ended
    made = result(here, ended)
    assert (made.outcome.word, made.opened, made.interrupted) == ("interrupted", 50, 50)


def test_a_killed_process_is_reported_as_its_connections(here: Place) -> None:
    running = here.start(*roomy("--connections", "61", "--hold", "20", "--processes", "2", "--json-lines"))
    running.wait_until_printed('"live": 61')
    import psutil  # noqa: PLC0415

    shards = [
        child for child in psutil.Process(running.process.pid).children()
        if any("spawn_main" in word for word in child.cmdline())
    ]  # fmt: skip
    assert len(shards) == 2
    victim = max(shards, key=lambda child: child.pid)
    connections = len([c for c in victim.net_connections() if c.status == "ESTABLISHED"])
    victim.kill()
    ended = running.end()
    assert ended.code == 1, ended
    made = result(here, ended)
    assert made.lost == connections
    assert made.opened == 61 - connections
    assert made.lost_places[0].place.startswith("process ")


# -- a URL ------------------------------------------------------------


@contextlib.contextmanager
def a_server(folder: Path, *, play: str = "node") -> Iterator[dict[str, Any]]:
    file = folder / "announced.json"
    argv = [
        sys.executable,
        "-m",
        "backends.lean",
        "--play",
        play,
        "--port",
        "0",
        "--control-port",
        "0",
        "--announce",
        str(file),
    ]
    process = subprocess.Popen(argv, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL)
    try:
        wait_for(file.exists, what="announcement")
        yield json.loads(file.read_text())
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("identify", ["greeting", "header:X-Backend", "cookie:NONE"])
def test_a_url_is_told_by_what_identifies_it(here: Place, identify: str) -> None:
    with a_server(here.folder) as server:
        url = f"ws://{server['address']}:{server['ws']}{server['cl_path']}"
        words = ("--connections", "10", "--concurrency", "2") if identify == "greeting" else ("--connections", "10")
        greets = ("--identify", identify)
        ended = here.run(*roomy(url, *greets, *words))
    made = result(here, ended)
    expected = {"greeting": server["greeting"], "header:X-Backend": "node", "cookie:NONE": "(none)"}[identify]
    assert [backend.name for backend in made.backends if backend.opened] == [expected]
    assert made.opened == 10
    if identify == "greeting":
        assert ended.code == 0, ended


def test_nobody_at_a_url_is_a_failure_by_kind(here: Place) -> None:
    ended = here.run(*roomy("ws://127.0.0.1:9/", "--connections", "5"))
    assert ended.code == 1
    assert result(here, ended).errors_by_kind == {"refused": 5}


# -- a dask cluster ------------------------------------------------------------


class Cluster:
    """A scheduler and two workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        environ = {**os.environ, "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
        self._environ = {**environ, "PYTHONPATH": str(Path(__file__).parents[2] / "harness")}
        self.scheduler = self._start("dask_scheduler", "--port", "0", "--scheduler-file", str(self.file), "--no-show")
        wait_for(
            lambda: self.file.exists() and self.file.read_text().strip().endswith("}"), what="the scheduler's file"
        )
        self.address: str = json.loads(self.file.read_text())["address"]
        self.workers = [
            self._start("dask_worker", self.address, "--no-nanny", "--nthreads", "1", "--name", f"w{number}",
                        "--local-directory", str(folder))
            for number in (1, 2)
        ]  # fmt: skip

    def _start(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{module}-{len(self.processes)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *words, "--host", "127.0.0.1", "--no-dashboard"],
            env=self._environ, stdout=log, stderr=log, cwd=self.folder,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip("distributed", reason="the extra wslb[distributed] is not installed")
    made = Cluster(tmp_path)
    try:
        yield made
    finally:
        made.end()


def counted(made: LoadDocument) -> tuple[int, ...]:
    return made.planned, made.started, made.opened, made.closed, made.echoed, made.errors, made.lost


def conduct(plan: LoadPlan, engine: LoadEngine) -> LoadDocument:
    found = asyncio.run(run_shards(plan, engine))
    around = Surroundings(target=LoadTarget(kind="url", url=plan.url))
    return document_of(plan, found, [parse_limit("errors=0")], around)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_workers_give_the_totals_of_one_process(here: Place, cluster: Cluster) -> None:
    with a_server(here.folder) as server:
        plan = LoadPlan(
            url=f"ws://{server['address']}:{server['ws']}{server['echo_path']}",
            connections=301, concurrency=16, messages=2, greeting=False, lag_seconds=60.0,
            identify="header:X-Backend",
        )  # fmt: skip
        with processes(1) as engine:
            alone = conduct(plan, engine)

        def two_workers() -> bool:
            with dask_cluster(cluster.address) as engine:
                return len(engine.places) == 2

        wait_for(lambda: _quietly(two_workers), what="both workers at the scheduler")
        with dask_cluster(cluster.address) as engine:
            together = conduct(plan, engine)
    assert counted(alone) == counted(together)
    assert alone.opened == 301
    assert sorted(place.name.split()[2] for place in together.places) == ["w1", "w2"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_is_reported_as_its_connections(here: Place, cluster: Cluster) -> None:
    with a_server(here.folder) as server:
        url = f"ws://{server['address']}:{server['ws']}{server['cl_path']}"

        def two_workers() -> bool:
            with dask_cluster(cluster.address) as engine:
                return len(engine.places) == 2

        wait_for(lambda: _quietly(two_workers), what="both workers at the scheduler")
        words = ("--connections", "61", "--concurrency", "8", "--hold", "20", "--json-lines")
        running = here.start(*roomy(url, "--dask", cluster.address, *words))
        running.wait_until_printed('"live": 61')
        cluster.workers[1].kill()
        ended = running.end()
    assert ended.code == 1, ended
    made = result(here, ended)
    [lost] = made.lost_places
    assert "dask worker w2" in lost.place
    assert lost.connections in {30, 31}
    assert (made.lost, made.opened) == (lost.connections, 61 - lost.connections)


def _quietly(look: Any) -> bool:
    try:
        return bool(look())
    except Exception:  # noqa: BLE001 - not yet
        return False
