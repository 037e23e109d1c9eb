"""Load's open and closed model against the fake balancer: every connection is accounted for, whatever becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.fakes.lab import FakeLab, fake_lab
from tests.fakes.proxy import Served
from wslb.interfaces import Fault
from wslb.load.conduct import Conductor
from wslb.load.disturbance import PlannedFault
from wslb.load.engines.shard_place import ShardPlace
from wslb.load.plan import LoadPlan
from wslb.load.progress import ShardProgress
from wslb.load.saved import LoadDocument
from wslb.load.shards import worker
from wslb.load.site import load_site
from wslb.load.thresholds import parse_limit
from wslb.model.balancer import LbMethod, Listener

HERE: dict[str, Any] = {}


def plain(document: LoadDocument) -> dict[str, Any]:
    """As it is saved."""
    told: dict[str, Any] = msgspec.to_builtins(document)
    return told


class Threads:
    """Shards in threads of this process (`wslb.load.engines.LoadEngine`)."""

    name = "threads"

    def __init__(self, count: int, *, broken: frozenset[int] = frozenset()) -> None:
        self.stopped = False
        self.heard: list[ShardProgress] = []
        self.broken = broken
        self.places = [
            ShardPlace(name=f"thread {i}", executor=ThreadPoolExecutor(1), alive=lambda: True, arguments=(str(i),))
            for i in range(count)
        ]

    def execute(self) -> Callable[..., bytes]:
        def one(text: bytes, start_at: float, number: str) -> bytes:
            if int(number) in self.broken:
                raise MemoryError("no room")
            return worker.execute(text, start_at, self._beat)

        return one

    def _beat(self, progress: ShardProgress) -> bool:
        self.heard.append(progress)
        return not self.stopped

    def news(self) -> list[ShardProgress]:
        told, self.heard = self.heard, []
        return told

    def stop(self) -> None:
        self.stopped = True


@pytest_asyncio.fixture(loop_scope="session")
async def fakes() -> AsyncIterator[FakeLab]:
    async with fake_lab(sockets=True) as made:
        site = load_site(100, listener=Listener.PLAIN, lbmethod=LbMethod.BYREQUESTS)
        await made.lab.begin("load", site, balancer=site.balancers[0])
        yield made


def plan(fakes: FakeLab, path: str = "/ws", **more: Any) -> LoadPlan:
    greetings = tuple((backend.info.greeting, name) for name, backend in fakes.lab.fleet.items())
    url = fakes.proxy.front.url(Listener.PLAIN, path)
    patience = {"handshake_seconds": 5.0, "message_seconds": 5.0, "close_seconds": 5.0, "lag_seconds": 5.0}
    return LoadPlan(**{"url": url, "greetings": greetings, **patience, **more})


async def conduct(
    fakes: FakeLab, asked: LoadPlan, *limits: str, shards: int = 1, engine: Threads | None = None, **more: Any
) -> dict[str, Any]:
    used = engine or Threads(shards)
    made = Conductor(asked, used, lab=fakes.lab, **more)
    try:
        return plain(await made.conduct([parse_limit(text) for text in limits], command="wslb load", environment=HERE))
    finally:
        for place in used.places:
            place.executor.shutdown()


def of_backends(made: dict[str, Any], what: str) -> dict[str, Any]:
    return {one["name"]: one[what] for one in made["backends"]}


async def test_the_closed_model_opens_exactly_so_many_and_closes_them(fakes: FakeLab) -> None:
    made = await conduct(fakes, plan(fakes, connections=40, concurrency=4), "errors=0", "opened=40", shards=2)
    assert made["outcome"]["word"] == "passed", made["outcome"]
    assert made["opened"] == made["closed"] == 40
    assert of_backends(made, "opened") == {"liberty": 20, "node": 20}
    assert [m["elected"] for m in made["members"]["after"]] == [20, 20]
    assert [m["busy"] for m in made["members"]["after"]] == [0, 0]
    assert len(await fakes.fleet.journal()) == 40


async def test_the_closed_model_never_has_more_under_way_than_was_asked(fakes: FakeLab) -> None:
    most = 0
    serve = fakes.proxy.serve

    def watched(*args: Any, **options: Any) -> Served:
        nonlocal most
        served = serve(*args, **options)
        open_now = sum(end.closed is None for name in fakes.fleet for end in fakes.fleet[name].tunnels)
        most = max(most, open_now)
        return served

    fakes.proxy.serve = watched  # type: ignore[method-assign]  # watched
    await conduct(fakes, plan(fakes, connections=24, concurrency=3))
    assert len(await fakes.fleet.journal()) == 24
    assert most == 3


async def test_the_open_model_opens_at_its_times(fakes: FakeLab) -> None:
    made = await conduct(fakes, plan(fakes, connections=30, rate=150.0))
    assert made["opened"] == 30
    at = [a.at for a in await fakes.fleet.journal()]
    late = sum(made["latency"][clock]["max_seconds"] for clock in ("lag", "open"))
    assert 29 / 150 - late <= max(at) - min(at) <= 29 / 150 + late, "a fixed rate, and what the client says it was late"


@pytest.mark.slow
async def test_the_open_model_goes_on_while_a_backend_is_silent(fakes: FakeLab) -> None:
    await fakes.fleet.freeze("node")
    made = await conduct(fakes, plan(fakes, connections=20, rate=200.0, handshake_seconds=1.5), "errors=0")
    assert made["outcome"]["word"] == "failed"
    assert made["opened"] == 10
    errors = made["errors_by_kind"]
    assert sum(errors.values()) == 10
    await fakes.fleet.thaw("node")


async def test_every_message_comes_back(fakes: FakeLab) -> None:
    asked = {"connections": 6, "concurrency": 3, "messages": 4, "size": 300, "greeting": False}
    made = await conduct(fakes, plan(fakes, "/ws-echo", identify="header:X-Backend", **asked), "echoed=24")
    assert made["outcome"]["word"] == "passed", made["outcome"]
    assert of_backends(made, "echoed") == {"liberty": 12, "node": 12}


async def test_held_tunnels_are_all_open_at_one_time(fakes: FakeLab) -> None:
    asked = plan(
        fakes, "/ws-echo", connections=16, concurrency=4, hold_seconds=0.2, messages=2, size=40, greeting=False
    )
    made = await conduct(fakes, asked, "echoed=32", "lost=0")
    assert made["outcome"]["word"] == "passed", made["outcome"]
    assert sum(client["highest_live"] for client in made["clients"]) == 16


async def test_a_time_limits_a_run_without_a_number(fakes: FakeLab) -> None:
    made = await conduct(fakes, plan(fakes, concurrency=2, duration_seconds=0.2))
    assert made["opened"] == made["closed"] == len(await fakes.fleet.journal()) > 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(kind="status", parameters={"status": 403}), "status 403"),
        (Fault(kind="accept", parameters={"value": "x"}), "wrong Accept"),
        pytest.param(Fault(kind="mute"), "no greeting in time", marks=pytest.mark.slow),
        (Fault(kind="impersonate", parameters={"name": "liberty", "greeting": "I am nobody"}), "nobody's greeting"),
    ],
)
async def test_every_failure_has_its_name(fakes: FakeLab, fault: Fault, error: str) -> None:
    await fakes.lab.fault("liberty", fault)
    patience: dict[str, Any] = {"handshake_seconds": 1.5} if fault.kind == "mute" else {}
    made = await conduct(fakes, plan(fakes, connections=4, concurrency=1, **patience), "errors=0")
    errors = made["errors_by_kind"]
    assert sum(errors.values()) == 2, errors
    assert error in " ".join(errors)
    assert of_backends(made, "opened")["node"] == 2
    assert made["outcome"]["word"] == "failed"


async def test_where_nobody_listens_all_are_refused(fakes: FakeLab) -> None:
    asked = plan(fakes, connections=3, concurrency=1, url="ws://127.0.0.1:1/ws")
    made = await conduct(fakes, asked, "errors=0")
    errors = made["errors_by_kind"]
    assert errors == {"refused": 3}


@pytest.mark.slow
async def test_what_a_fault_does_is_told_and_counted(fakes: FakeLab) -> None:
    planned = [PlannedFault(kind=kind, member="node", at=at) for kind, at in (("drain", 0.05), ("enable", 0.35))]
    made = await conduct(fakes, plan(fakes, connections=40, rate=80.0), faults=planned)
    assert [event["text"] for event in made["events"]] == ["drain node: Init Drn Ok", "enable node: Init Ok"]
    assert of_backends(made, "opened")["liberty"] > of_backends(made, "opened")["node"] > 0


@pytest.mark.slow
async def test_killed_tunnels_are_lost(fakes: FakeLab) -> None:
    planned = [PlannedFault(kind="kill", member="node", at=0.3)]
    asked = plan(fakes, connections=8, concurrency=4, hold_seconds=0.6)
    made = await conduct(fakes, asked, "lost=0", faults=planned)
    assert of_backends(made, "errors")["node"] == {"lost": 4}
    assert made["outcome"]["word"] == "failed"


@pytest.mark.slow
async def test_an_interrupted_run_counts_what_it_broke_off(fakes: FakeLab) -> None:
    engine = Threads(1)
    asked = plan(fakes, connections=10, concurrency=5, hold_seconds=60.0)
    made = Conductor(asked, engine, lab=fakes.lab)
    asyncio.get_running_loop().call_later(0.6, made.interrupt, "SIGINT")
    document = plain(await made.conduct([], command="wslb load", environment=HERE))
    engine.places[0].executor.shutdown()
    assert document["outcome"]["word"] == "interrupted"
    assert "SIGINT" in document["events"][0]["text"]
    assert document["interrupted"] == 10
    assert document["errors"] == 0


async def test_a_place_that_is_lost_takes_its_connections_and_nothing_else(fakes: FakeLab) -> None:
    engine = Threads(2, broken=frozenset({1}))
    made = await conduct(fakes, plan(fakes, connections=10, concurrency=2), "lost=0", engine=engine)
    assert [(one["connections"], one["reason"]) for one in made["lost_places"]] == [(5, "memory: no room")]
    assert made["opened"] == 5
    assert made["outcome"]["word"] == "failed"


async def test_against_a_url_alone_there_are_no_members(fakes: FakeLab) -> None:
    engine = Threads(1)
    made = plain(
        await Conductor(plan(fakes, connections=2, concurrency=1), engine).conduct([], command="x", environment=HERE)
    )
    engine.places[0].executor.shutdown()
    target = made["target"]
    assert (target["kind"], target["url"], target["backends"]) == ("url", plan(fakes, connections=1).url, {})
    assert list(made["members"]["after"]) == []
    assert made["opened"] == 2
