"""The lab on fakes: what it opens, holds, joins and notes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.fakes.lab import FakeLab, fake_lab
from wslb.interfaces import BalancerChange, Fault, MemberChange
from wslb.lab.lab import Lab
from wslb.model.balancer import Listener, MemberState, Site
from wslb.model.sites import CLUSTER, balanced
from wslb.scenarios import acts as do


@pytest_asyncio.fixture(loop_scope="session")
async def fakes() -> AsyncIterator[FakeLab]:
    async with fake_lab() as made:
        await made.lab.begin("lab", balanced(CLUSTER), balancer=CLUSTER)
        yield made


@pytest.fixture
def lab(fakes: FakeLab) -> Lab:
    return fakes.lab


async def test_in_turn_each_is_closed_before_the_next(fakes: FakeLab) -> None:
    most = 0
    takes = fakes.fleet["liberty"].takes

    def counted(*args: object) -> object:
        nonlocal most
        most = max(most, sum(e.closed is None for b in fakes.fleet for e in fakes.fleet[b].tunnels))
        return takes(*args)  # type: ignore[arg-type]  # handed through

    fakes.fleet["liberty"].takes = counted  # type: ignore[method-assign, assignment]  # watched
    opened = await fakes.lab.open_in_turn(5)
    assert most == 0
    assert [c.handshake.closed_at is not None for c in opened] == [True] * 5
    assert [c.seq for c in opened] == [1, 2, 3, 4, 5]


async def test_held_ones_stay_open_until_they_are_closed(lab: Lab) -> None:
    held = await lab.open_in_turn(4, hold=True)
    assert sum(m.busy for m in await lab.status()) == 4
    await lab.close(held)
    assert sum(m.busy for m in await lab.status()) == 0


async def test_settled_between_closes_where_a_method_looks_at_open_tunnels(fakes: FakeLab) -> None:
    waited: list[int] = []
    settled = fakes.proxy.settled

    async def watched(*args: object, busy: int, seconds: float) -> None:
        waited.append(busy)
        await settled(CLUSTER, busy=busy, seconds=seconds)

    fakes.proxy.settled = watched  # type: ignore[method-assign, assignment]  # watched
    await fakes.lab.open_in_turn(3, settle=True)
    assert waited == [0, 0, 0]


async def test_many_open_so_many_at_a_time(fakes: FakeLab) -> None:
    under_way = most = 0
    connector = fakes.lab._opener._connectors["websockets"]
    opens = connector.open

    async def counted(*args: object, **options: object) -> object:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return await opens(*args, **options)  # type: ignore[arg-type]  # handed through

    connector.open = counted  # type: ignore[method-assign, assignment]  # watched
    opened = await fakes.lab.open_many(12, at_once=3)
    assert most == 3
    assert len({c.handshake.conn_id for c in opened}) == 12
    assert sorted(c.backend or "" for c in opened) == ["liberty"] * 6 + ["node"] * 6


async def test_arrivals_are_joined_on_the_connection_id(lab: Lab) -> None:
    await lab.open_in_turn(3)
    record = await lab.collect()
    assert [h.conn_id for h in record.handshakes] == ["lab-1", "lab-2", "lab-3"]
    assert [[a.conn_id for a in h.arrivals] for h in record.handshakes] == [["lab-1"], ["lab-2"], ["lab-3"]]
    assert [h.logged_by for h in record.handshakes] == ["liberty", "node", "liberty"]
    assert [h.logged_status for h in record.handshakes] == [200] * 3
    assert all(h.arrival and h.arrival.closed for h in record.handshakes)


async def test_a_request_of_nobody_is_joined_with_nobody(lab: Lab) -> None:
    await lab.get("/ws")
    await lab.open_in_turn(1)
    record = await lab.collect()
    assert [len(h.arrivals) for h in record.handshakes] == [1]
    assert sum(m.elected for m in record.after) == 2, "though it was an election"
    (event,) = [event for event in record.events if event.kind == "request"]
    assert (event.data["status"], event.data["balanced"]) == (404, True)


async def test_two_arrivals_are_a_retry(fakes: FakeLab) -> None:
    """The proxy asks a second backend when the first does not answer: both journals have the connection."""
    serve = fakes.proxy.serve

    def twice(target: str, **options: object) -> object:
        fakes.fleet["node"].takes("GET", "/CLRunner", options["headers"])  # type: ignore[arg-type]  # handed through
        return serve(target, **options)  # type: ignore[arg-type]  # handed through

    fakes.proxy.serve = twice  # type: ignore[method-assign, assignment]  # tries node first
    await fakes.lab.open_in_turn(1)
    record = await fakes.lab.collect()
    assert [a.backend for a in record.handshakes[0].arrivals] == ["node", "liberty"]
    assert record.handshakes[0].backend == "liberty"


async def test_a_refused_handshake_is_evidence(lab: Lab) -> None:
    await lab.fault("liberty", Fault(kind="status", parameters={"status": 403}))
    await lab.open_in_turn(2)
    record = await lab.collect()
    assert [h.status for h in record.handshakes] == [403, 101]
    assert [h.arrivals[0].accepted for h in record.handshakes] == [False, True]
    assert [(e.kind, e.text, e.data) for e in record.events] == [("fault", "liberty: status", {"status": 403})]


async def test_every_scenario_begins_with_nothing(lab: Lab) -> None:
    await lab.open_in_turn(2, hold=True)
    lab.note("note", "something")
    await lab.begin("next", balanced(CLUSTER), balancer=CLUSTER)
    record = await lab.collect()
    assert (record.handshakes, record.events, record.access) == ((), (), ())
    assert [m.elected for m in record.after] == [0, 0]
    (first,) = await lab.open_in_turn(1)
    assert first.handshake.conn_id == "next-1"


async def test_a_probe_of_the_proxy_that_served_before_is_no_evidence(
    fakes: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A health check of the old httpd may reach a backend until that httpd has ended."""
    stop, apply = fakes.proxy.stop, fakes.proxy.apply
    backend = fakes.fleet["liberty"]

    async def probing() -> None:
        if fakes.proxy.running:
            backend.takes("GET", backend.info.cl_path, ())
        await stop()

    async def anew(site: Site) -> None:
        await probing()
        await apply(site)

    monkeypatch.setattr(fakes.proxy, "stop", probing)
    monkeypatch.setattr(fakes.proxy, "apply", anew)
    await fakes.lab.begin("next", balanced(CLUSTER), balancer=CLUSTER)
    assert await fakes.fleet.journal() == ()


async def test_changes_are_noted_with_what_came_of_them(lab: Lab) -> None:
    await lab.change(MemberChange(route="node", state=MemberState.DISABLED))
    await lab.change(MemberChange(route="node", state=MemberState.DISABLED, on=False))
    await lab.change(MemberChange(route="liberty", loadfactor=2))
    await lab.change(BalancerChange(lbmethod="bybusyness"))
    events = (await lab.collect()).events
    assert [e.text for e in events] == [
        "node: Init Dis, loadfactor 1",
        "node: Init Ok, loadfactor 1",
        "liberty: Init Ok, loadfactor 2",
        "lbmethod=bybusyness",
    ]
    assert [e.data.get("state") for e in events[:3]] == ["D", "", None]


@pytest.mark.parametrize(("nonce", "changed"), [(None, True), ("wrong", False)])
async def test_attempts_are_noted_whether_they_changed_anything(lab: Lab, nonce: str | None, changed: bool) -> None:
    await lab.attempt(MemberChange(route="node", state=MemberState.DISABLED), nonce=nonce)
    (event,) = (await lab.collect()).events
    assert (event.kind, event.data["status"], event.data["changed"]) == ("attempt", 200, changed)


async def test_without_a_balancer_nothing_can_change(lab: Lab) -> None:
    await lab.begin("none", balanced(CLUSTER), balancer=None)
    assert await lab.status() == ()
    with pytest.raises(RuntimeError, match="no balancer"):
        await lab.change(MemberChange(route="node", loadfactor=2))


async def test_while_the_proxy_is_dead_there_is_no_status(fakes: FakeLab) -> None:
    await fakes.proxy.kill()
    assert await fakes.lab.status() == ()
    assert (await fakes.lab.collect()).after == ()


async def test_a_path_is_opened_on_the_side_that_mounts_it(lab: Lab) -> None:
    assert lab._target(None, None) == ("/ws", Listener.PLAIN)
    assert lab._target("/ws/deeper", None) == ("/ws/deeper", Listener.PLAIN)
    assert lab._target("/nowhere", None) == ("/nowhere", Listener.PLAIN)
    assert lab._target("/ws", Listener.TLS) == ("/ws", Listener.TLS)


async def test_counters_that_do_not_settle_are_told(fakes: FakeLab) -> None:
    held = await fakes.lab.open_in_turn(1, hold=True)
    fakes.proxy._count("mycluster", "node", busy=1)
    await fakes.lab.settled()
    (told,) = fakes.lab._ledger.events
    assert told.kind == "unsettled"
    assert "busy = 1" in told.text
    fakes.proxy._count("mycluster", "node", busy=-1)
    await fakes.lab.close(held)


async def test_a_decoy_is_told_at_the_beginning(lab: Lab) -> None:
    site = balanced(CLUSTER.with_member(replace(CLUSTER.members[1], url="ws://refused")))
    await lab.begin("decoys", site, balancer=site.balancers[0])
    (event,) = (await lab.collect()).events
    assert (event.kind, event.data) == ("backend", {"backend": "refused", "up": False})


async def test_bytes_are_sent_as_they_are_and_answered() -> None:
    async with fake_lab(sockets=True) as made:
        raw = await made.lab.raw(frames=1)
        assert raw.accepted
        assert raw.handshake.greeted_by == "liberty"
        await made.lab.knock()
        await raw.close()
        record = await made.lab.collect()
        assert [h.closed and (h.closed.code, h.closed.by) for h in record.handshakes] == [(1000, "client")]
        assert [e.kind for e in record.events] == ["knock"]


async def test_a_backend_is_ended_once_its_journal_has_the_ends_that_its_client_saw(
    fakes: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    all_ended = fakes.fleet.all_ended

    async def late(*, but: int = 0) -> bool:
        looks.append(but)
        return len(looks) > 2 and await all_ended(but=but)

    monkeypatch.setattr(fakes.fleet, "all_ended", late)
    await fakes.lab.open_in_turn(1, hold=True)
    await fakes.lab.open_in_turn(1)
    assert "node" in fakes.fleet.living
    await do.kill(fakes.lab, "node")
    assert looks == [1, 1, 1]
    assert "node" not in fakes.fleet.living
