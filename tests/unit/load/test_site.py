from __future__ import annotations

import pytest

from wslb.errors import ConfigError
from wslb.load.disturbance import PlannedFault, parse_fault
from wslb.load.site import load_site
from wslb.model.balancer import LbMethod, Listener


@pytest.mark.parametrize("listener", list(Listener))
def test_greeting_and_echo_share_one_balancer(listener: Listener) -> None:
    site = load_site(100, listener=listener, lbmethod=LbMethod.BYBUSYNESS)
    assert len(site.balancers) == 1
    assert {mount.target_path for mount in site.mounts} == {"/echo", "/CLRunner"}
    assert site.balancers[0].lbmethod is LbMethod.BYBUSYNESS


def test_silent_tunnels_are_kept_as_long_as_the_plan_holds_them() -> None:
    site = load_site(100, listener=Listener.PLAIN, lbmethod=LbMethod.BYREQUESTS, idle_seconds=900)
    assert site.timeout_seconds == 900


def test_a_fault_is_understood() -> None:
    assert parse_fault("kill:node@2.5", members=("node",)) == PlannedFault(kind="kill", member="node", at=2.5)
    assert parse_fault("drain:node@10s", members=("node",)).at == 10


@pytest.mark.parametrize("text", ["kill:node", "hit:node@1", "kill:other@1", "kill@1", "kill:node@-1", ""])
def test_another_fault_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="faults"):
        parse_fault(text, members=("node",))


def test_real_servers_are_members_however_many_they_are() -> None:
    for names in (["node"], ["liberty", "node"], ["liberty", "node", "member3", "member4"]):
        site = load_site(100, listener=Listener.TLS, lbmethod=LbMethod.BYREQUESTS, backends=names)
        (mount,) = site.mounts
        assert mount.target_path == "/CLRunner"
        (balancer,) = site.balancers
        assert [(one.route, one.url.partition(":")[0]) for one in balancer.members] == [(n, "wss") for n in names]
