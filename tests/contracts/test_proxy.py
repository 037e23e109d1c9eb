"""What every `wslb.interfaces.Proxy` keeps, httpd and the fake alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wslb.errors import ContractError
from wslb.interfaces import BalancerChange, MemberChange
from wslb.lab.lab import Lab
from wslb.model.balancer import Balancer, LbMethod, Listener, MemberState, Mount, Site
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster
from wslb.waiting import until


async def serve(lab: Lab, balancer: Balancer = CLUSTER) -> Balancer:
    await lab.begin("contract", balanced(balancer), balancer=balancer)
    return balancer


async def test_a_fresh_site_has_counted_nothing(parts: Lab) -> None:
    await serve(parts)
    members = await parts.proxy.status(CLUSTER)
    assert [(m.route, m.status, m.elected, m.busy) for m in members] == [
        ("liberty", "Init Ok", 0, 0),
        ("node", "Init Ok", 0, 0),
    ]
    assert {m.lbmethod for m in members} == {"byrequests"}
    assert await parts.proxy.access() == ()
    assert not [line for line in await parts.proxy.log() if line.alarming]


async def test_elections_take_turns_and_are_counted(parts: Lab) -> None:
    await serve(parts)
    opened = await parts.open_in_turn(5)
    assert [c.backend for c in opened] == ["liberty", "node", "liberty", "node", "liberty"]
    members = {m.route: m for m in await parts.proxy.status(CLUSTER)}
    assert (members["liberty"].elected, members["node"].elected) == (3, 2)
    assert members["liberty"].transferred > members["node"].transferred > 0


async def test_an_open_tunnel_is_busy_until_it_ends(parts: Lab) -> None:
    await serve(parts)
    held = await parts.open_in_turn(3, hold=True)
    await parts.proxy.settled(CLUSTER, busy=3, seconds=3)
    await parts.close(held)
    assert sum(m.busy for m in await parts.proxy.status(CLUSTER)) == 0
    with pytest.raises(TimeoutError, match="busy = 7"):
        await parts.proxy.settled(CLUSTER, busy=7, seconds=0.01)


async def test_a_tunnel_is_in_the_access_log_once_it_has_ended(parts: Lab) -> None:
    await serve(parts)
    (conversation,) = await parts.open_in_turn(1, hold=True)
    assert await parts.proxy.access() == ()
    await conversation.close()

    async def logged() -> bool:
        return bool(await parts.proxy.access())

    await until(logged, seconds=3, what="the line")
    (line,) = await parts.proxy.access()
    assert line.conn_id == "contract-1"
    assert line.member_url == f"ws://{parts.addresses['ws://liberty']}/WSConsole"
    assert line.status == 200, "as mod_proxy_wstunnel logs a tunnel"


async def test_a_path_that_is_mounted_nowhere_is_not_found(parts: Lab) -> None:
    await serve(parts)
    status, _, _ = await parts.proxy.fetch("/nowhere")
    assert status == 404
    conversation = await parts.open("/nowhere")
    assert (conversation.accepted, conversation.handshake.status) == (False, 404)
    assert [m.elected for m in await parts.proxy.status(CLUSTER)] == [0, 0]


async def test_a_mount_may_lead_to_one_backend_alone(parts: Lab) -> None:
    site = Site(mounts=(Mount(path="/one", target="ws://node/CLRunner"),))
    await parts.begin("alone", site, balancer=None)
    assert [c.backend for c in await parts.open_in_turn(3)] == ["node"] * 3
    assert await parts.status() == ()


async def test_a_disabled_member_is_not_elected(parts: Lab) -> None:
    balancer = await serve(parts, CLUSTER.with_member(replace(NODE, state=MemberState.DISABLED)))
    assert [c.backend for c in await parts.open_in_turn(3)] == ["liberty"] * 3
    assert [m.status for m in await parts.proxy.status(balancer)] == ["Init Ok", "Init Dis"]


async def test_a_loadfactor_weighs(parts: Lab) -> None:
    await serve(parts, cluster(replace(LIBERTY, loadfactor=2), NODE))
    assert [c.backend for c in await parts.open_in_turn(6)].count("liberty") == 4


async def test_a_cookie_pins_its_route(parts: Lab) -> None:
    await serve(parts, replace(CLUSTER, stickysession="ROUTEID"))
    opened = await parts.open_in_turn(3, headers=(("Cookie", "ROUTEID=.node"),))
    assert [c.backend for c in opened] == ["node"] * 3


async def test_a_member_changes_while_the_proxy_runs(parts: Lab) -> None:
    await serve(parts)
    after = await parts.proxy.change(CLUSTER, MemberChange(route="node", state=MemberState.DRAIN))
    assert [m.status for m in after] == ["Init Ok", "Init Drn Ok"]
    assert [c.backend for c in await parts.open_in_turn(2)] == ["liberty"] * 2
    after = await parts.proxy.change(CLUSTER, MemberChange(route="node", state=MemberState.DRAIN, on=False))
    assert [m.status for m in after] == ["Init Ok", "Init Ok"]
    after = await parts.proxy.change(CLUSTER, MemberChange(route="node", loadfactor=3))
    assert [m.loadfactor for m in after] == [1, 3]


async def test_the_method_changes_while_the_proxy_runs(parts: Lab) -> None:
    site = replace(balanced(CLUSTER), modules=("lbmethod_bybusyness",))
    await parts.begin("contract", site, balancer=CLUSTER)
    after = await parts.proxy.change(CLUSTER, BalancerChange(lbmethod="bybusyness"))
    assert {m.lbmethod for m in after} == {LbMethod.BYBUSYNESS}


async def test_a_change_that_changes_nothing_is_an_error(parts: Lab) -> None:
    await serve(parts)
    with pytest.raises(ContractError, match="ignored"):
        await parts.proxy.change(CLUSTER, BalancerChange(lbmethod="bynonsense"))


@pytest.mark.parametrize("wrong", [{"nonce": "0" * 36}, {"referer": None}, {"referer": "http://elsewhere.example/"}])
async def test_a_foreign_form_changes_nothing(parts: Lab, wrong: dict[str, str | None]) -> None:
    await serve(parts)
    before = await parts.proxy.status(CLUSTER)
    _, after = await parts.proxy.attempt(CLUSTER, MemberChange(route="node", state=MemberState.DISABLED), **wrong)
    assert after == before


async def test_a_dead_member_is_logged_put_into_error_and_passed_over(parts: Lab) -> None:
    await serve(parts)
    await parts.fleet.kill("liberty")
    opened = await parts.open_in_turn(3)
    assert [c.backend for c in opened] == ["node"] * 3
    assert (await parts.proxy.status(CLUSTER))[0].status == "Init Err"
    codes = [line.code for line in await parts.proxy.log() if line.alarming]
    assert "AH00957" in codes


async def test_without_a_member_503_comes(parts: Lab) -> None:
    await serve(parts)
    for name in ("liberty", "node"):
        await parts.fleet.kill(name)
    (conversation,) = await parts.open_in_turn(1)
    assert (conversation.accepted, conversation.handshake.status, conversation.backend) == (False, 503, None)


async def test_a_proxy_that_was_killed_answers_nobody(parts: Lab) -> None:
    await serve(parts)
    (held,) = await parts.open_in_turn(1, hold=True)
    await parts.proxy.kill()
    assert (parts.proxy.running, parts.proxy.pid) == (False, None)
    closed = await held.wait_closed(seconds=3)
    assert closed is not None
    assert closed.code == 1006, "nobody said goodbye"
    with pytest.raises(ConnectionError):
        await parts.proxy.fetch("/ws")
    with pytest.raises(ContractError):
        await parts.proxy.status(CLUSTER)
    assert await parts.status() == ()


async def test_it_says_what_it_lacks(parts: Lab) -> None:
    site = replace(balanced(CLUSTER), modules=("no_such_thing",))
    assert "mod_no_such_thing" in parts.proxy.dialect.missing(site, parts.proxy.installation)
    plain = balanced(CLUSTER)
    assert parts.proxy.dialect.missing(plain, parts.proxy.installation) == ()


async def test_the_front_gives_urls(parts: Lab) -> None:
    front = parts.proxy.front
    assert front.url(Listener.PLAIN, "/ws") == f"ws://{front.host}:{front.plain}/ws"
