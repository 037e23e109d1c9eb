from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from websockets.uri import parse_uri

from tests.evidence import KEY
from wslb.commands.check import Mark, NameRule, Probe, ProbeAnswer, ServerUrl
from wslb.errors import ConfigError
from wslb.model.handshake import Handshake, Headers, accept_for
from wslb.waiting import disconnect


class FakeTunnel:
    """A server's side of a tunnel, made of what it answers."""

    def __init__(self, *, greeting: str | None, echo: bool, pong: bool, clean: bool) -> None:
        self.ended: tuple[int, str, str] | None = None
        self._queue: list[str | bytes] = [greeting] if greeting else []
        self._echo, self._pong, self._clean = echo, pong, clean

    async def send(self, message: str | bytes) -> None:
        if self._echo:
            self._queue.append(message)

    async def receive(self, *, timeout_seconds: float) -> str | bytes:
        if not self._queue:
            raise TimeoutError
        return self._queue.pop(0)

    async def ping(self, *, timeout_seconds: float) -> None:
        if not self._pong:
            raise TimeoutError

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.ended = (1000, "", "client") if self._clean else (1006, "", "lost")

    async def wait_closed(self, *, timeout_seconds: float) -> None:
        return


class FakeServer:
    """A connector to a server that names these backends, one a connection."""

    name = "fake"

    def __init__(
        self,
        *names: str,
        greeting: str | None = None,
        echo: bool = True,
        pong: bool = True,
        clean: bool = True,
        accept: str = accept_for(KEY),
        status: int = 101,
        headers: Headers = (),
    ) -> None:
        self._names = names
        self._greeting, self._echo, self._pong, self._clean = greeting, echo, pong, clean
        self._accept, self._status, self._headers = accept, status, headers
        self._opens = 0

    async def open(self, url: str, **_: object) -> tuple[Handshake, FakeTunnel | None]:
        name = self._names[self._opens % len(self._names)] if self._names else None
        self._opens += 1
        response = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", self._accept))
        named = (("X-Backend", name),) if name else ()
        handshake = Handshake(
            url=url,
            request=(("Sec-WebSocket-Key", KEY),),
            status=self._status,
            reason="Switching Protocols" if self._status == 101 else "No",
            response=(*response, *named, *self._headers) if self._status == 101 else (),
        )
        tunnel = FakeTunnel(greeting=self._greeting, echo=self._echo, pong=self._pong, clean=self._clean)
        return handshake, tunnel if self._status == 101 else None


async def ask(
    server: FakeServer, *, count: int = 4, backends: int | None = None, identify: str = "auto"
) -> dict[str, ProbeAnswer]:
    async with await asyncio.start_server(lambda _, writer: disconnect(writer), "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        probe = Probe(
            ServerUrl(url=f"ws://127.0.0.1:{port}/"),
            server,
            count=count,
            backends=backends,
            rule=NameRule(rule=identify),
        )
        return {answer.name: answer async for answer in probe.answers()}


def marks(answers: dict[str, ProbeAnswer]) -> str:
    return "".join(answer.mark for answer in answers.values())


async def test_a_good_balancer_holds_everywhere() -> None:
    answers = await ask(FakeServer("a", "b"))
    assert list(answers) == ["DNS", "TCP", "Upgrade", "Accept", "Echo", "Ping", "Close", "Backends"]
    assert marks(answers) == Mark.HOLDS * 8
    assert answers["Backends"].text == "A B A B  2/2, 0 breaks (A = b, B = a, from header X-Backend)"


@pytest.mark.parametrize(
    ("server", "name", "mark", "told"),
    [
        (FakeServer("a", "b", pong=False), "Ping", Mark.BROKEN, "no pong in 2 s"),
        (FakeServer("a", "b", clean=False), "Close", Mark.BROKEN, "no close frame"),
        (FakeServer("a", "b", echo=False), "Echo", Mark.NOTE, "not an echo endpoint"),
        (FakeServer("a", "b", accept="x"), "Accept", Mark.BROKEN, "but x came"),
        (FakeServer("a", "b", status=404), "Upgrade", Mark.BROKEN, "404 No"),
        (FakeServer("x", "a", "a", "b", "b"), "Backends", Mark.NOTE, "A A B B  2/2, 2 breaks"),
        (FakeServer("a"), "Backends", Mark.NOTE, "one backend answered every time"),
        (FakeServer(), "Backends", Mark.NOTE, "nothing tells which backend answered"),
        (FakeServer(greeting="hello from x"), "Backends", Mark.NOTE, "A = hello from x, from the first message"),
    ],
)
async def test_what_is_wrong_or_worth_knowing_is_told(server: FakeServer, name: str, mark: str, told: str) -> None:
    answer = (await ask(server))[name]
    assert answer.mark == mark
    assert told in answer.text


async def test_an_expected_number_of_backends_is_a_claim() -> None:
    assert (await ask(FakeServer("a", "a", "b"), backends=2))["Backends"].mark == Mark.HOLDS
    assert (await ask(FakeServer("a"), backends=2))["Backends"].mark == Mark.BROKEN


async def test_a_refused_upgrade_ends_the_asking() -> None:
    assert list(await ask(FakeServer("a", status=503))) == ["DNS", "TCP", "Upgrade"]


async def test_a_port_where_nobody_listens_ends_the_asking() -> None:
    probe = Probe(ServerUrl(url="ws://127.0.0.1:1/"), FakeServer("a"))
    answers = [answer async for answer in probe.answers()]
    assert [answer.name for answer in answers] == ["DNS", "TCP"]
    assert answers[-1].mark == Mark.BROKEN


COOKIES = FakeServer("a", headers=(("Set-Cookie", "ROUTEID=.one; Path=/"), ("X-Served", "s1")))


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("cookie:ROUTEID", "A = .one, from cookie ROUTEID"),
        ("header:X-Served", "A = s1, from header X-Served"),
        ("cookie:x", "nothing tells"),
    ],
)
async def test_who_answered_is_read_where_it_is_asked_for(rule: str, told: str) -> None:
    assert told in (await ask(COOKIES, identify=rule))["Backends"].text


@pytest.mark.parametrize("rule", ["", "header:", "cookie", "address"])
def test_an_unknown_way_to_identify_is_a_usage_error(rule: str) -> None:
    with pytest.raises(ConfigError, match="header:NAME"):
        NameRule(rule=rule)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "http://x/",
        "ws:///x",
        "ws://",
        "ws://h:0/",
        "ws://h:65536/",
        "ws://h:-1/",
        "ws://h:x/",
        "ws://h:99999999999999999999/",
        "ws://[::1/",
        "ws://[x]/",
        "ws://.h/",
        "ws://a..b/",
        f"ws://{'a' * 64}/",
        "ws://h/#part",
        "ws://h/a b",
        "ws://h/\r\nX-Injected: 1",
        "ws://h\x00/",
        "ws://h/\ud800",
        "ws://user@h/",
        "ws://:word@h/",
        "ws://<h>/",
        f"ws://h/{'a' * 8000}",
    ],
)
def test_a_url_of_another_kind_is_a_usage_error(url: str) -> None:
    with pytest.raises(ConfigError, match="ws://"):
        ServerUrl(url=url)


def test_ports_follow_the_scheme() -> None:
    ports: Sequence[int] = [ServerUrl(url=url).port for url in ("ws://h/", "wss://h/", "ws://h:81/")]
    assert ports == [80, 443, 81]


@pytest.mark.parametrize("url", ["ws://h", "ws://[::1]:81/a?b=c", "wss://user:word@h/", "ws://bücher.example.org/é"])
def test_a_url_of_the_kind_is_taken(url: str) -> None:
    assert parse_uri(ServerUrl(url=url).url).port == ServerUrl(url=url).port
