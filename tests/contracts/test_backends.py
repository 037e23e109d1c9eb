"""What every `wslb.interfaces.Backends` keeps, the programs and the fakes alike."""

from __future__ import annotations

import pytest

from wslb.interfaces import Fault
from wslb.lab.lab import Lab
from wslb.model.balancer import Member, Mount, Site
from wslb.model.handshake import one_header
from wslb.model.sites import CLUSTER, balanced, cluster
from wslb.waiting import until


async def serve(lab: Lab) -> None:
    await lab.begin("contract", balanced(CLUSTER), balancer=CLUSTER)


async def test_both_of_the_article_run_and_have_addresses(parts: Lab) -> None:
    await serve(parts)
    assert {"liberty", "node"} <= set(parts.fleet)
    assert {"ws://liberty", "ws://node"} <= set(parts.fleet.addresses)
    assert len(set(parts.fleet.addresses.values())) == len(parts.fleet.addresses)
    for name in ("liberty", "node"):
        backend = parts.fleet[name]
        assert (backend.name, backend.running) == (name, True)
        info = await backend.health()
        assert (info.name, info.pid, info.live) == (name, backend.pid, 0)


async def test_every_request_is_journaled_with_its_fields(parts: Lab) -> None:
    await serve(parts)
    await parts.open_in_turn(2, headers=(("X-Mine", "one"),))
    journal = await parts.fleet.journal()
    assert [(a.backend, a.conn_id, a.accepted, a.status) for a in journal] == [
        ("liberty", "contract-1", True, 101),
        ("node", "contract-2", True, 101),
    ]
    assert [a.target for a in journal] == ["/WSConsole/CLRunner", "/CLRunner"]
    assert all(one_header(a.headers, "X-Mine") == "one" for a in journal)
    assert [a.headers[0][0] for a in journal] == ["Host", "Host"]


async def test_the_journal_tells_how_a_tunnel_ended(parts: Lab) -> None:
    await serve(parts)
    (conversation,) = await parts.open_in_turn(1, hold=True)
    (arrival,) = await parts.fleet.journal()
    assert arrival.closed is None
    assert not await parts.fleet.all_ended()
    assert await parts.fleet.all_ended(but=1)
    await conversation.close(4001, "enough")
    await until(parts.fleet.all_ended, seconds=3, what="the end")
    (arrival,) = await parts.fleet.journal()
    assert arrival.closed is not None
    assert (arrival.closed.code, arrival.closed.reason, arrival.closed.by) == (4001, "enough", "client")


async def test_a_site_is_prepared_with_empty_journals_and_no_faults(parts: Lab) -> None:
    await serve(parts)
    await parts.fleet["liberty"].fault(Fault(kind="status", parameters={"status": 403}))
    (refused,) = await parts.open_in_turn(1)
    assert refused.handshake.status == 403
    await serve(parts)
    assert await parts.fleet.journal() == ()
    (opened,) = await parts.open_in_turn(1)
    assert opened.accepted


async def test_a_fault_lasts_as_often_as_was_asked(parts: Lab) -> None:
    await serve(parts)
    await parts.fleet["liberty"].fault(Fault(kind="status", parameters={"status": 403}, times=1))
    assert [c.handshake.status for c in await parts.open_in_turn(3)] == [403, 101, 101]


async def test_an_impostor_fools_the_client_and_not_the_journal(parts: Lab) -> None:
    await serve(parts)
    greeting = parts.fleet["node"].info.greeting
    await parts.fleet["liberty"].fault(Fault(kind="impersonate", parameters={"name": "node", "greeting": greeting}))
    (conversation,) = await parts.open_in_turn(1)
    assert conversation.backend == "node"
    assert [a.backend for a in await parts.fleet.journal()] == ["liberty"]


async def test_a_journal_may_forget(parts: Lab) -> None:
    await serve(parts)
    await parts.fleet["liberty"].fault(Fault(kind="forget"))
    await parts.open_in_turn(2)
    assert [a.backend for a in await parts.fleet.journal()] == ["node"]


async def test_a_mute_one_says_nothing(parts: Lab) -> None:
    await serve(parts)
    await parts.fleet["liberty"].fault(Fault(kind="mute"))
    conversation = await parts.open(greeting=False)
    assert conversation.accepted
    assert await conversation.greet(seconds=0.05) is None
    await conversation.close()


async def test_the_journal_of_the_dead_is_kept(parts: Lab) -> None:
    await serve(parts)
    await parts.open_in_turn(2)
    await parts.fleet.kill("liberty")
    assert [a.backend for a in await parts.fleet.journal()] == ["liberty", "node"]
    assert not parts.fleet["liberty"].running
    assert "liberty" not in parts.fleet.living


async def test_neither_the_killed_nor_the_stopped_say_goodbye(parts: Lab) -> None:
    await serve(parts)
    held = await parts.open_in_turn(2, hold=True)
    await parts.fleet.kill("liberty")
    await parts.fleet.stop_one("node")
    lost, told = [await conversation.wait_closed(seconds=3) for conversation in held]
    assert lost is not None
    assert told is not None
    assert (lost.code, told.code) == (1006, 1006)


async def test_the_revived_has_its_address_again(parts: Lab) -> None:
    await serve(parts)
    before = dict(parts.fleet.addresses)
    await parts.fleet.kill("node")
    await parts.fleet.revive("node")
    assert parts.fleet["node"].running
    assert parts.fleet.addresses == before
    assert [c.backend for c in await parts.open_in_turn(2)] == ["liberty", "node"]


async def test_the_frozen_is_not_asked_until_it_goes_on(parts: Lab) -> None:
    await serve(parts)
    await parts.open_in_turn(2)
    await parts.fleet.freeze("node")
    assert "node" not in parts.fleet.living
    assert "liberty" in parts.fleet.living
    assert [a.backend for a in await parts.fleet.journal()] == ["liberty"]
    await parts.fleet.thaw("node")
    assert [a.backend for a in await parts.fleet.journal()] == ["liberty", "node"]


async def test_a_further_instance_starts_when_a_site_names_it(parts: Lab) -> None:
    balancer = cluster(*CLUSTER.members, Member(route="third", url="ws://node-2"))
    await parts.begin("three", balanced(balancer), balancer=balancer)
    await parts.open_in_turn(3)
    assert sorted(a.backend for a in await parts.fleet.journal()) == ["liberty", "node", "node-2"]


async def test_a_decoy_is_an_address_and_no_backend(parts: Lab) -> None:
    site = Site(mounts=(Mount(path="/ws", target="ws://refused/CLRunner"),))
    await parts.begin("decoy", site, balancer=None)
    assert "refused" in parts.fleet.decoys
    assert "refused" not in parts.fleet
    (conversation,) = await parts.open_in_turn(1)
    assert (conversation.accepted, conversation.handshake.status) == (False, 503)


async def test_a_name_that_nobody_has_is_a_key_error(parts: Lab) -> None:
    with pytest.raises(KeyError):
        parts.fleet["nobody"]
