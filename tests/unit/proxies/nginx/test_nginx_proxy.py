"""The site that an nginx serves and what is joined of its members, without nginx."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from tests.fakes.nginx import NGINX, FakeAnswer, FakeNginx, FakeSession
from wslb.errors import ContractError, ProxyConfigRejected, StartError
from wslb.interfaces import BalancerChange, MemberChange
from wslb.model.balancer import Mount, Site
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster
from wslb.proxies.nginx.nginx_dialect import NginxDialect
from wslb.proxies.nginx.nginx_program import NginxProgram
from wslb.proxies.nginx.nginx_proxy import NginxProxy, named

ADDRESSES = {"ws://liberty": "127.0.0.101:10000", "ws://node": "127.0.0.102:8888"}
MAIN = cluster(replace(LIBERTY, loadfactor=3), NODE).at_root()
OTHER = replace(cluster(NODE).at_root(), name="other")
SITE = Site(mounts=(*balanced(MAIN).mounts, Mount(path="/other", target=OTHER))).resolved(ADDRESSES)
ONE = balanced(CLUSTER.at_root()).resolved(ADDRESSES)
TAKEN = f"[emerg] 9#9: bind() to 127.0.0.1:8081{NginxProgram.PORT_TAKEN}whatever a C library says)"

ACCESS = b"""\
101 300 400 0.016 "127.0.0.101:10000" "lb-1" "/ws" "350" "400" http mycluster
101 300 400 0.016 "127.0.0.102:8888, 127.0.0.101:10000" "lb-2" "/ws" "0, 350" "-, 400" http mycluster
502 300 40 0.000 "mycluster" "lb-3" "/ws" "0" "0" http mycluster
"""

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue
   0: 0100007F:A000 6500007F:2710 01 00000000:00000000
   1: 0100007F:A002 6500007F:2710 01 00000000:00000000
   2: 0100007F:A004 6600007F:22B8 06 00000000:00000000
   3: 0100007F:A006 6600007F:22B8 01 00000000:00000000
"""


class Stage:
    """A proxy, and the fakes below it."""

    def __init__(self, *, port: int = 0) -> None:
        self.runtime = FakeNginx()
        self.session = FakeSession(self.runtime)
        session: Any = self.session
        self.proxy = NginxProxy(
            dialect=NginxDialect(),
            runtime=self.runtime,
            installation=NGINX,
            session=session,
            user=None,
            ports=(port, 0),
            start_seconds=5.0,
            stop_seconds=3.0,
        )


async def serving(site: Site = SITE) -> Stage:
    stage = Stage()
    await stage.proxy.apply(site)
    return stage


async def test_a_site_is_served_by_an_nginx_of_its_own() -> None:
    stage = await serving()
    proxy = stage.proxy
    assert (proxy.generation, proxy.front.plain, proxy.site, proxy.pid) == ("fake-1", 8081, SITE, 100)
    assert stage.runtime.files["nginx.conf"].decode() == proxy.config
    assert "listen 127.0.0.1:8081;" in proxy.config
    assert "server 127.0.0.101:10000 weight=3;" in proxy.config
    await proxy.apply(ONE)
    first, second = stage.runtime.masters
    assert (first.graces, second.graces) == ([3.0], []), "the one before has been ended first"
    assert (proxy.generation, proxy.site, proxy.pid, proxy.running) == ("fake-2", ONE, 101, True)


async def test_a_port_that_somebody_takes_meanwhile_is_another_one_next() -> None:
    stage = Stage()
    stage.runtime.begins += [(None, TAKEN), (1, TAKEN)]
    await stage.proxy.apply(SITE)
    assert [master.graces for master in stage.runtime.masters] == [[3.0], [3.0], []]
    assert (stage.proxy.generation, stage.proxy.front.plain, stage.proxy.pid) == ("fake-3", 8083, 102)
    assert await stage.proxy.log() == (), "what the others said has gone with them"


@pytest.mark.parametrize(("wanted", "tries", "port"), [(0, 4, 8084), (8000, 1, 8000)])
async def test_ports_that_are_all_taken_are_told_with_the_way_out(wanted: int, tries: int, port: int) -> None:
    stage = Stage(port=wanted)
    stage.runtime.begins += [(None, TAKEN)] * 5
    with pytest.raises(StartError) as caught:
        await stage.proxy.apply(SITE)
    assert str(caught.value) == f"nginx did not start: port {port} is taken."
    assert (caught.value.hint, caught.value.log_tail) == (
        "Stop the other program, or choose a port: --port N",
        (TAKEN,),
    )
    assert [master.graces for master in stage.runtime.masters] == [[3.0]] * tries
    assert not stage.proxy.running


async def test_what_another_port_would_not_heal_is_not_tried_again() -> None:
    stage = Stage()
    stage.runtime.begins.append((1, "[emerg] 9#9: bind() failed (13: Permission denied)"))
    with pytest.raises(StartError, match="it ended with exit code 1"):
        await stage.proxy.apply(SITE)
    assert len(stage.runtime.masters) == 1
    stage.runtime.refusal = "nginx: [emerg] no events\n"
    with pytest.raises(ProxyConfigRejected, match="no events"):
        await stage.proxy.apply(SITE)
    assert len(stage.runtime.masters) == 1


def rows(members: tuple[Any, ...]) -> list[tuple[object, ...]]:
    return [(m.balancer, m.route, m.elected, m.busy, m.transferred, m.read, m.loadfactor) for m in members]


LIBERTY_ROW = ("mycluster", "liberty", 2, 2, 700, 800, 3)
NODE_ROW = ("mycluster", "node", 1, 1, 0, 0, 1)
OTHER_ROW = ("other", "node", 0, 1, 0, 0, 1)
"""The kernel does not tell which upstream a connection belongs to; the log does."""


async def test_a_status_is_joined_from_dump_log_and_kernel() -> None:
    stage = await serving()
    assert rows(await stage.proxy.status(MAIN)) == [
        ("mycluster", "liberty", 0, 0, 0, 0, 3),
        ("mycluster", "node", 0, 0, 0, 0, 1),
    ]
    stage.runtime.files["access.log"] = ACCESS
    stage.runtime.connections = TCP
    assert rows(await stage.proxy.status(MAIN)) == [LIBERTY_ROW, NODE_ROW]
    assert rows(await stage.proxy.status()) == [LIBERTY_ROW, NODE_ROW, OTHER_ROW]
    assert stage.runtime.calls[-1] == "run cat /proc/net/tcp"


async def test_a_status_needs_a_site_an_nginx_and_the_kernel() -> None:
    stage = Stage()
    assert await stage.proxy.status() == ()
    await stage.proxy.apply(SITE)
    stage.runtime.connections = None
    with pytest.raises(ContractError) as caught:
        await stage.proxy.status()
    assert caught.value.detail == "/proc/net/tcp, which tells its tunnels, cannot be read"
    await stage.proxy.stop()
    with pytest.raises(ContractError, match=r"Backend nginx broke its contract: it does not run\."):
        await stage.proxy.status()


async def test_it_has_settled_once_so_many_tunnels_are_open() -> None:
    stage = await serving()
    stage.runtime.connections = TCP
    await stage.proxy.settled(MAIN, busy=3, seconds=1)
    with pytest.raises(TimeoutError, match=r"busy = 2 of nginx did not happen within 0\.01 s"):
        await stage.proxy.settled(MAIN, busy=2, seconds=0.01)


async def test_its_logs_are_those_of_this_site() -> None:
    stage = await serving()
    stage.runtime.files |= {"access.log": ACCESS, "error.log": b"2026/11/26 04:00:00 [alert] 12#12: no \xff\n"}
    assert [(line.conn_id, line.status, line.member_url) for line in await stage.proxy.access()] == [
        ("lb-1", 101, "ws://127.0.0.101:10000"),
        ("lb-2", 101, "ws://127.0.0.101:10000"),
        ("lb-3", 502, ""),
    ]
    assert [(line.level, line.text) for line in await stage.proxy.log()] == [("alert", "no \ufffd")]
    assert await stage.proxy.log_tail() == ("2026/11/26 04:00:00 [alert] 12#12: no \ufffd",)
    await stage.proxy.apply(SITE)
    assert (await stage.proxy.access(), await stage.proxy.log()) == ((), ())


@pytest.mark.parametrize("change", [MemberChange(route="node", on=False), BalancerChange(lbmethod="bytraffic")])
async def test_nothing_can_be_changed_while_it_runs(change: MemberChange | BalancerChange) -> None:
    stage = await serving()
    for ask in (stage.proxy.change, stage.proxy.attempt):
        with pytest.raises(ContractError) as caught:
            await ask(MAIN, change)
        assert caught.value.detail == f"it has no manager for mycluster, so {change} is refused"


async def test_an_ordinary_request_is_answered_or_is_an_error_of_the_connection() -> None:
    stage = await serving()
    url = "http://127.0.0.1:8081/page"
    stage.session.answers[url] = FakeAnswer(status=404, headers={"X": "y"}, body="none")
    assert await stage.proxy.fetch("/page", method="HEAD") == (404, (("X", "y"),), "none")
    assert stage.session.asked[-1] == f"HEAD {url}"
    stage.session.troubles.append(aiohttp.ClientPayloadError("cut"))
    with pytest.raises(ConnectionError, match=r"^GET /page: .*cut"):
        await stage.proxy.fetch("/page")


async def test_files_are_put_where_it_runs_and_secrets_are_kept() -> None:
    stage = Stage()
    await stage.proxy.prepare({"page.html": (b"page", False), "key.pem": (b"key", True)})
    page = stage.runtime.files.pop("htdocs/WSConsole.html")
    assert b"<title>" in page
    assert stage.runtime.files == {"page.html": b"page", "key.pem": b"key"}
    assert stage.runtime.secrets == {"key.pem"}


async def test_signals_and_ends_go_to_its_program() -> None:
    stage = await serving()
    stage.runtime.workers, stage.runtime.states = frozenset({12}), {12: "stopped"}
    assert stage.proxy.stopped() == (("A worker of nginx", 12),)
    await stage.proxy.kill_child(12)
    assert stage.runtime.calls[-1] == "run sh -c kill -KILL 12"
    stage.runtime.files["error.log"] = b"worker process 12 exited on signal 9\n"
    assert await stage.proxy.lost() is None, "the lab did it"
    stage.proxy.signal(signal.SIGHUP)
    (master,) = stage.runtime.masters
    assert master.signals == [signal.SIGHUP]
    await stage.proxy.kill()
    assert (master.graces, stage.proxy.running, stage.proxy.pid) == ([0], False, None)


def test_a_user_is_named_as_nginx_takes_it() -> None:
    assert named(None) == ""
    assert named(("#0", "#0")) in {"root root", "root wheel"}
