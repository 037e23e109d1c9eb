"""One connection over HTTP/2 and what its owner hears, on a tunnel that the test scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.owner import FakeOwner
from tests.fakes.tunnel import ScriptedConnector, ScriptedTunnel
from wslb.load.plan import LoadPlan
from wslb.load.shards.dialer import Dialer
from wslb.load.shards.link import Phase
from wslb.load.shards.stream_link import LONGEST_SILENCE, StreamLink
from wslb.model.handshake import Handshake, Headers
from wslb.wire.approach import Speech

URL = "ws://127.0.0.1/ws"


def handshake(status: int | None = 200, *, response: Headers = (), error: str | None = None) -> Handshake:
    return Handshake(conn_id="", seq=0, url=URL, request=(), status=status, response=response, error=error)


async def turns() -> None:
    """Let what is due on the loop be done: tasks that tasks made, too."""
    for _ in range(6):
        await asyncio.sleep(0)


class Ear(ScriptedTunnel):
    """Knows also for how long it is listened to."""

    def __init__(self, *says: str | bytes | Exception) -> None:
        super().__init__(*says)
        self.patience: set[float] = set()

    async def receive(self, *, timeout_seconds: float) -> str | bytes:
        self.patience.add(timeout_seconds)
        return await super().receive(timeout_seconds=timeout_seconds)


class Stage:
    """A link, who owns it, and the tunnel that it will get."""

    def __init__(self, plan: LoadPlan, tunnel: ScriptedTunnel | None, told: Handshake) -> None:
        self.owner = FakeOwner(plan)
        link = Dialer(plan, loop=asyncio.get_running_loop()).link(self.owner, number=7, due=0.0, cookies="R=.node")
        assert isinstance(link, StreamLink)
        self.link = link
        self.tunnel = tunnel or ScriptedTunnel()
        self.connector = ScriptedConnector((told, tunnel))

    @property
    def heard(self) -> list[str]:
        return self.owner.heard


def staged(tunnel: ScriptedTunnel | None = None, *, told: Handshake | None = None, **more: Any) -> Stage:
    plan = LoadPlan(**{"url": URL, "connections": 1, "http2": True, **more})
    return Stage(plan, tunnel, told or handshake())


@asynccontextmanager
async def run(stage: Stage) -> AsyncIterator[asyncio.Task[None]]:
    """It opened, and hears until the block is left."""
    task = asyncio.ensure_future(stage.link.run(stage.connector, timeout_seconds=4.0))
    try:
        await turns()
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, *stage.link.tasks, return_exceptions=True)


async def test_it_opens_is_greeted_echoes_and_closes() -> None:
    tunnel = Ear("hello")
    stage = staged(tunnel)
    async with run(stage) as task:
        assert stage.connector.asked == [(URL, {"timeout_seconds": 4.0})]
        assert (stage.heard, stage.link.phase, stage.link.cookies) == (["opened by hello"], Phase.OPEN, "R=.node")
        stage.link.send()
        stage.link.send()
        await turns()
        assert (tunnel.sent, stage.link.sent) == (["7.0", "7.1"], 2)
        tunnel.say("7.0")
        tunnel.say("7.1")
        await turns()
        stage.link.close()
        stage.link.close()
        await turns()
        assert (stage.heard[1:], tunnel.closes) == (["echoed", "echoed", "closed"], [1000])
        assert (stage.link.phase, stage.link.tasks, task.done()) == (Phase.DONE, set(), True)
    assert tunnel.patience == {LONGEST_SILENCE}


async def test_what_its_answer_says_of_who_answered_is_believed_but_for_pseudo_fields() -> None:
    response = ((":status", "200"), ("x-backend", "node"))
    stage = staged(Ear(), told=handshake(response=response), identify="header::status", greeting=False)
    async with run(stage):
        assert stage.heard == ["opened by (none)"]
    stage = staged(Ear(), told=handshake(response=response), identify="header:X-Backend", greeting=False)
    async with run(stage):
        assert stage.heard == ["opened by node"]


async def test_a_foreign_server_is_spoken_to_and_its_heartbeat_answered() -> None:
    tunnel = Ear()
    speech = Speech(says="connect", expects="^ready", answers=(("ping", "pong"),))
    stage = staged(tunnel, speech=speech, foreign=True, greeting=False, identify="header:x-node")
    async with run(stage):
        assert (tunnel.sent, stage.link.phase) == (["connect"], Phase.GREETING)
        tunnel.say("ping")
        tunnel.say("ready to go")
        await turns()
        assert (tunnel.sent, stage.heard) == (["connect", "pong"], ["opened by (none)"])


@pytest.mark.parametrize(
    ("told", "heard"),
    [
        (handshake(503), ["status 503 by 503", "status 503, not open"]),
        (handshake(None, error="connection refused"), ["connection refused, not open"]),
        (handshake(None, error="x" * 100), [f"{'x' * 60}, not open"]),
        (handshake(None), ["no answer, not open"]),
    ],
    ids=["a status", "an error", "a long error", "nothing"],
)
async def test_one_that_does_not_open_fails_for_what_was_answered(told: Handshake, heard: list[str]) -> None:
    stage = staged(told=told)
    await stage.link.run(stage.connector)
    assert (stage.heard, stage.link.phase) == (heard, Phase.DONE)
    stage.link.send()
    stage.link.close()
    stage.link.fail("again")
    assert (stage.heard, stage.link.sent, stage.link.tasks) == (heard, 0, set()), "it has ended, once"


async def test_a_tunnel_that_comes_after_its_time_is_closed() -> None:
    tunnel = ScriptedTunnel("hello")
    stage = staged(tunnel)
    stage.link.expired()
    async with run(stage) as task:
        assert (stage.heard, tunnel.closes) == (["no connection in time, not open"], [1000])
        assert task.done(), "nobody listens to it"


@pytest.mark.parametrize(
    ("code", "by", "kind"),
    [(1001, "server", "closed with 1001"), (1006, "lost", "lost"), (1002, "client", "lost")],
)
@pytest.mark.parametrize(("said", "place"), [([], "not open"), (["hello"], "open")])
async def test_an_end_that_nobody_of_us_began_is_a_failure(
    code: int, by: str, kind: str, said: list[str], place: str
) -> None:
    tunnel = ScriptedTunnel(*said)
    tunnel.end(code, "", by)
    stage = staged(tunnel)
    async with run(stage) as task:
        await turns()
        assert stage.heard[-1] == f"{kind}, {place}"
        assert (task.done(), stage.link.phase) == (True, Phase.DONE)


@pytest.mark.parametrize("trouble", [ConnectionResetError(), TimeoutError()], ids=["reset", "silent"])
async def test_one_that_ended_without_a_word_is_lost(trouble: Exception) -> None:
    stage = staged(ScriptedTunnel("hello", trouble))
    async with run(stage):
        assert stage.heard == ["opened by hello", "lost, open"]
        assert stage.tunnel.closes == [1000]


async def test_a_failure_closes_its_tunnel_and_is_told_once() -> None:
    stage = staged(ScriptedTunnel("hello", "unasked"))
    async with run(stage):
        assert stage.heard == ["opened by hello", "unasked message, open"]
        assert stage.tunnel.closes == [1000]
        stage.link.fail("again")
        await turns()
        assert (len(stage.heard), stage.tunnel.closes) == (2, [1000])


@pytest.mark.parametrize("after", [None, (1006, "", "lost")], ids=["still open", "lost"])
async def test_a_close_that_is_not_answered_is_a_failure(after: tuple[int, str, str] | None) -> None:
    tunnel = ScriptedTunnel("hello")
    tunnel.after_close = after
    stage = staged(tunnel)
    async with run(stage):
        stage.link.close()
        await turns()
        assert stage.heard == ["opened by hello", "no close frame in answer, open"]
        assert tunnel.closes == [1000], "it is not closed again for that"


async def test_a_close_that_takes_too_long_is_told_before_it_ends() -> None:
    stage = staged(ScriptedTunnel("hello"))
    async with run(stage):
        stage.link.close()
        stage.link.expired()
        await turns()
        assert stage.heard == ["opened by hello", "no close in time, open"]


@pytest.mark.parametrize("trouble", [ConnectionError(), TimeoutError()], ids=["gone", "stuck"])
async def test_what_a_tunnel_does_not_take_is_told_by_its_end(trouble: Exception) -> None:
    stage = staged(ScriptedTunnel("hello"))
    stage.tunnel.refuses = trouble
    async with run(stage):
        stage.link.send()
        await turns()
        assert (stage.heard, stage.link.sent, stage.link.tasks) == (["opened by hello"], 1, set())
        stage.tunnel.end(1011, "", "server")
        await turns()
        assert stage.heard[1:] == ["closed with 1011, open"]
