"""The backends as programs of their own, started by the fleet as a lab does, and asked by its clients; no proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from wslb.certificates import Authority
from wslb.config import Settings, Timeouts
from wslb.connectors.websocket import WebSocketConnector
from wslb.errors import ConfigError, ContractError, StartError
from wslb.fleet.fleet import Fleet
from wslb.identity import Identity
from wslb.interfaces import Fault, Tunnel
from wslb.model.balancer import Member, Mount, Site
from wslb.model.handshake import Handshake, Headers
from wslb.model.sites import CLUSTER, balanced, cluster
from wslb.runtimes.local.local_runtime import LocalRuntime
from wslb.waiting import until

pytestmark = pytest.mark.slow  # programs of their own

SITE = balanced(CLUSTER)
AUTHORITY = Authority()


@asynccontextmanager
async def programs(folder: Path, **settings: object) -> AsyncIterator[Fleet]:
    """A fleet on this machine."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        runtime = LocalRuntime(folder)
        quick = Settings(timeouts=Timeouts(start=20, stop=4), **settings)  # type: ignore[arg-type]  # by name
        made = Fleet(settings=quick, runtime=runtime, proxy_runtime=runtime, session=session, authority=AUTHORITY)
        stack.push_async_callback(made.stop)
        await made.start()
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=[False, True], ids=["stand-ins", "lean"])
async def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with programs(tmp_path_factory.mktemp("fleet"), lean=request.param) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def fleet(running: Fleet) -> Fleet:
    await running.prepare(SITE)
    return running


async def open_at(
    fleet: Fleet, name: str, *, scheme: str = "ws", echo: bool = False, headers: Headers = (),
    subprotocols: Sequence[str] = (), seconds: float = 5.0, compress: bool = False,
) -> tuple[Handshake, Tunnel | None]:  # fmt: skip
    info = fleet[name].info
    return await WebSocketConnector().open(
        f"{scheme}://{fleet[name].address(scheme)}{info.echo_path if echo else info.cl_path}",
        headers=(*headers, ("X-Wslb-Conn", f"{name}-1")),
        subprotocols=subprotocols,
        tls=AUTHORITY.client_context() if scheme == "wss" else None,
        timeout_seconds=seconds,
        compress=compress,
    )


async def opened(fleet: Fleet, name: str, **more: object) -> Tunnel:
    handshake, tunnel = await open_at(fleet, name, **more)  # type: ignore[arg-type]  # handed through
    assert tunnel is not None, handshake.error
    return tunnel


BOTH = pytest.mark.parametrize("name", ["liberty", "node"])


@BOTH
@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_it_greets_answers_and_journals(fleet: Fleet, name: str, scheme: str) -> None:
    handshake, tunnel = await open_at(fleet, name, scheme=scheme, subprotocols=("wsconsole",))
    assert tunnel is not None, handshake.error
    assert await tunnel.receive(timeout_seconds=5) == fleet[name].info.greeting
    await tunnel.send("WRKSBS")
    assert "Work with Subsystems" in str(await tunnel.receive(timeout_seconds=5))
    await tunnel.ping(timeout_seconds=5)
    await tunnel.close(4000, "enough")
    await until(fleet.all_ended, seconds=5, what="the end")
    (arrival,) = await fleet.journal()
    assert (arrival.backend, arrival.conn_id, arrival.listener) == (name, f"{name}-1", scheme)
    assert (arrival.accepted, arrival.subprotocol) == (True, "wsconsole")
    assert arrival.closed is not None
    assert (arrival.closed.code, arrival.closed.reason, arrival.closed.by) == (4000, "enough", "client")


@BOTH
@pytest.mark.parametrize("message", ["text", b"\x00\xff", "x" * 100_000])
@pytest.mark.parametrize("compress", [False, True])
async def test_it_echoes(fleet: Fleet, name: str, message: str | bytes, compress: bool) -> None:
    tunnel = await opened(fleet, name, echo=True, compress=compress)
    await tunnel.send(message)
    assert await tunnel.receive(timeout_seconds=5) == message
    await tunnel.close()
    assert tunnel.ended == (1000, "", "client")


@BOTH
async def test_it_refuses_with_a_status(fleet: Fleet, name: str) -> None:
    fault = Fault(kind="status", parameters={"status": 302, "location": "/there"}, times=1)
    await fleet[name].fault(fault)
    handshake, tunnel = await open_at(fleet, name)
    assert (handshake.status, tunnel) == (302, None)
    assert ("Location", "/there") in handshake.response
    assert (await open_at(fleet, name))[0].status == 101
    assert [a.status for a in await fleet.journal()] == [302, 101]


@BOTH
@pytest.mark.parametrize(("kind", "value"), [("accept", "x" * 28), ("upgrade", "other"), ("upgrade", "")])
async def test_it_answers_wrongly(fleet: Fleet, name: str, kind: str, value: str) -> None:
    await fleet[name].fault(Fault(kind=kind, parameters={"value": value}))
    handshake, tunnel = await open_at(fleet, name)
    assert tunnel is None
    field = {"accept": "Sec-WebSocket-Accept", "upgrade": "Upgrade"}[kind]
    assert [v for k, v in handshake.response if k.lower() == field.lower()] == ([value] if value else [])


@BOTH
@pytest.mark.parametrize("kind", ["hangup", "silent"])
async def test_it_gives_no_answer(fleet: Fleet, name: str, kind: str) -> None:
    await fleet[name].fault(Fault(kind=kind))
    handshake, tunnel = await open_at(fleet, name, seconds=0.3)
    assert (handshake.status, tunnel) == (None, None)
    assert handshake.error
    assert [a.status for a in await fleet.journal()] == [None]


@BOTH
async def test_it_pretends_to_be_another(fleet: Fleet, name: str) -> None:
    fault = Fault(kind="impersonate", parameters={"name": "other", "greeting": "I am another"})
    await fleet[name].fault(fault)
    handshake, tunnel = await open_at(fleet, name)
    assert ("X-Backend", "other") in handshake.response
    assert tunnel is not None
    assert await tunnel.receive(timeout_seconds=5) == "I am another"
    await tunnel.close()


@BOTH
async def test_it_pushes_pings_and_cuts_what_it_sends(fleet: Fleet, name: str) -> None:
    backend = fleet[name]
    await backend.fault(Fault(kind="push", parameters={"messages": 2, "interval_seconds": 0.01}))
    await backend.fault(Fault(kind="fragment", parameters={"bytes": 3}))
    await backend.fault(Fault(kind="ping", parameters={"payload": "are you there"}))
    tunnel = await opened(fleet, name)
    said = [await tunnel.receive(timeout_seconds=5) for _ in range(3)]
    assert said == [backend.info.greeting, "push 1", "push 2"]
    await tunnel.close()


@BOTH
async def test_it_closes_by_itself(fleet: Fleet, name: str) -> None:
    await fleet[name].fault(Fault(kind="close", parameters={"code": 4001, "reason": "go"}))
    tunnel = await opened(fleet, name)
    await tunnel.wait_closed(timeout_seconds=5)
    assert tunnel.ended == (4001, "go", "server")


@BOTH
async def test_it_is_mute_or_cuts_the_line(fleet: Fleet, name: str) -> None:
    await fleet[name].fault(Fault(kind="mute", times=1))
    tunnel = await opened(fleet, name)
    with pytest.raises(TimeoutError):
        await tunnel.receive(timeout_seconds=0.05)
    await tunnel.close()
    await fleet[name].fault(Fault(kind="cut", parameters={"after_messages": 1}))
    tunnel = await opened(fleet, name, echo=True)
    await tunnel.send("x")
    with pytest.raises(ConnectionError):
        await tunnel.receive(timeout_seconds=5)
    assert tunnel.ended == (1006, "", "lost")


@BOTH
async def test_it_forgets_in_its_journal(fleet: Fleet, name: str) -> None:
    await fleet[name].fault(Fault(kind="forget"))
    await (await opened(fleet, name)).close()
    assert await fleet.journal() == ()
    health = await fleet[name].health()
    assert health.accepted > 0, "though it was served"


@BOTH
@pytest.mark.parametrize(
    ("method", "path", "fields", "status"),
    [
        ("GET", "{cl}", {}, 404),
        ("POST", "{cl}", {"Connection": "keep-alive"}, 404),
        ("GET", "{cl}", {"Upgrade": "websocket", "Connection": "Upgrade"}, 400),
        ("GET", "/nowhere", {}, 404),
        ("GET", "{page}", {}, 200),
        ("GET", "{page}/../../etc/passwd", {}, 404),
    ],
)
async def test_plain_requests_are_answered(
    fleet: Fleet, name: str, method: str, path: str, fields: dict[str, str], status: int
) -> None:
    info = fleet[name].info
    url = f"http://{fleet[name].address('ws')}{path.format(cl=info.cl_path, page=info.page_path)}"
    async with aiohttp.ClientSession() as client, client.request(method, url, headers=fields) as answer:
        text = await answer.text()
        assert answer.status == status
        assert answer.headers["X-Backend"] == name
    assert ("wslb-uri" in text) == (status == 200)


@BOTH
async def test_what_a_cl_endpoint_takes_is_text_of_a_command(fleet: Fleet, name: str) -> None:
    for message, code in ((b"binary", 1003), ("x" * 70_000, 1009)):
        tunnel = await opened(fleet, name)
        await tunnel.send(message)
        await tunnel.wait_closed(timeout_seconds=5)
        assert tunnel.ended is not None
        assert tunnel.ended[0] == code


async def test_a_fault_that_it_does_not_know_is_an_error(fleet: Fleet) -> None:
    with pytest.raises(ContractError, match="answered 400"):
        await fleet["node"].fault(Fault(kind="nonsense"))


async def test_the_killed_come_back_where_they_were(fleet: Fleet) -> None:
    before = dict(fleet.addresses)
    tunnel = await opened(fleet, "node", echo=True)
    await fleet.kill("node")
    await tunnel.wait_closed(timeout_seconds=5)
    assert tunnel.ended == (1006, "", "lost")
    assert [a.backend for a in await fleet.journal()] == ["node"]
    with pytest.raises(ContractError, match="the program was ended by SIGKILL"):
        await fleet["node"].health()
    await fleet.revive("node")
    assert fleet.addresses == before
    await (await opened(fleet, "node")).close()


async def test_the_stopped_say_no_goodbye_as_the_originals(fleet: Fleet) -> None:
    tunnel = await opened(fleet, "liberty", echo=True)
    await fleet.stop_one("liberty")
    await tunnel.wait_closed(timeout_seconds=5)
    assert tunnel.ended is not None
    assert (tunnel.ended[0], tunnel.ended[2]) == (1006, "lost")
    await fleet.revive("liberty")


async def test_the_frozen_accept_and_answer_nothing_until_they_thaw(fleet: Fleet) -> None:
    await fleet.freeze("node")
    assert "node" not in fleet.living
    assert (await open_at(fleet, "node", seconds=0.2))[0].status is None
    await fleet.thaw("node")
    await (await opened(fleet, "node")).close()


async def test_what_a_site_names_is_started_with_the_certificate_that_it_wants(fleet: Fleet) -> None:
    balancer = cluster(
        *CLUSTER.members, Member(route="more", url="ws://node-2"), Member(route="no", url="ws://refused")
    )
    site = Site(
        mounts=(Mount(path="/ws", target=balancer, target_path="/CLRunner"),),
        identities={"node-2": Identity(trusted=False)},
    )
    await fleet.prepare(site)
    assert {"liberty", "node", "node-2"} == set(fleet)
    assert fleet.decoys == {"refused"}
    assert (await open_at(fleet, "node-2", scheme="wss"))[1] is None, "nobody knows who signed that"
    await fleet.prepare(SITE)
    await (await opened(fleet, "node-2")).close()


async def test_idle_tunnels_are_closed(tmp_path: Path) -> None:
    async with programs(tmp_path, idle_seconds=0.2) as made:
        tunnels = [await opened(made, name) for name in ("liberty", "node")]
        for tunnel in tunnels:
            await tunnel.wait_closed(timeout_seconds=5)
            assert tunnel.ended is not None
            assert tunnel.ended[0] in {1000, 1001}


async def test_a_name_that_is_no_backends_is_refused(fleet: Fleet) -> None:
    with pytest.raises(ConfigError, match="backend"):
        await fleet.start(["tomcat"])


async def test_a_program_that_dies_at_its_start_is_told_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = LocalRuntime.write

    async def write(self: LocalRuntime, name: str, content: bytes, *, secret: bool = False) -> str:
        return await written(self, name, b"no key" if name == "tls/node.key" else content, secret=secret)

    monkeypatch.setattr(LocalRuntime, "write", write)
    with pytest.raises(StartError, match="it ended with exit code 3") as caught:
        async with programs(tmp_path):
            pytest.fail("a fleet with a dead backend")
    assert caught.value.log_tail
