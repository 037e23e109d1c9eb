from __future__ import annotations

import asyncio

import pytest

from tests.evidence import KEY
from wslb.commands.check import Probe
from wslb.model.handshake import Handshake, Headers, accept_for
from wslb.waiting import disconnect
from wslb.wire.approach import Approach, Speech
from wslb.wire.naming import NameRule, Showing
from wslb.wire.opens import Demand, Mark, ProbeAnswer, Seen, judged, stuck


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
    """A connector to a server that names these backends, one a connection; an empty name is a dead member's turn."""

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
        wants_origin: str | None = None,
    ) -> None:
        self._names = names
        self._greeting, self._echo, self._pong, self._clean = greeting, echo, pong, clean
        self._accept, self._status, self._headers = accept, status, headers
        self._wants_origin = wants_origin
        self.opens: list[Headers] = []

    async def open(self, url: str, *, headers: Headers = (), **_: object) -> tuple[Handshake, FakeTunnel | None]:
        name = self._names[len(self.opens) % len(self._names)] if self._names else None
        self.opens.append(headers)
        response = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", self._accept))
        named = (("X-Backend", name),) if name else ()
        status = self._status
        if name == "":
            status = 503
        if self._wants_origin is not None and dict(headers).get("Origin", "") != self._wants_origin:
            status = 403
        handshake = Handshake(
            url=url,
            request=(("Sec-WebSocket-Key", KEY),),
            status=status,
            reason="Switching Protocols" if status == 101 else "No",
            response=(*response, *named, *self._headers) if status == 101 else (),
        )
        tunnel = FakeTunnel(greeting=self._greeting, echo=self._echo, pong=self._pong, clean=self._clean)
        return handshake, tunnel if status == 101 else None


async def ask(
    server: FakeServer,
    *,
    wanted: Demand | None = None,
    identify: str = "auto",
    origin: str | None = None,
    speech: Speech | None = None,
) -> dict[str, ProbeAnswer]:
    async with await asyncio.start_server(lambda _, writer: disconnect(writer), "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        approach = Approach(
            url=f"ws://127.0.0.1:{port}/", identify=NameRule(rule=identify), origin=origin, speech=speech or Speech()
        )
        probe = Probe(approach, server, wanted=wanted or Demand(count=4))
        return {answer.name: answer async for answer in probe.answers()}


def marks(answers: dict[str, ProbeAnswer]) -> str:
    return "".join(answer.mark for answer in answers.values())


async def test_a_good_balancer_holds_everywhere() -> None:
    answers = await ask(FakeServer("a", "b"), wanted=Demand(count=4, echo=True))
    assert list(answers) == ["DNS", "TCP", "Upgrade", "Accept", "Ping", "Close", "Echo", "Backends"]
    assert marks(answers) == Mark.HOLDS * 8
    assert answers["Backends"].text == "A B A B  2/2, 0 breaks (A = a, B = b, from header X-Backend)"


@pytest.mark.parametrize(
    ("server", "name", "mark", "told"),
    [
        (FakeServer("a", "b", pong=False), "Ping", Mark.BROKEN, "no pong in 2 s"),
        (FakeServer("a", "b", clean=False), "Close", Mark.BROKEN, "no close frame"),
        (FakeServer("a", "b", echo=False), "Echo", Mark.BROKEN, "text 5 B did not come back"),
        (FakeServer("a", "b", accept="x"), "Accept", Mark.BROKEN, "but x came"),
        (FakeServer("a", "b", status=404), "Upgrade", Mark.BROKEN, "404 No"),
        (FakeServer("a", "b", headers=(("Content-Length", "5"),)), "Upgrade", Mark.BROKEN, "it announces a body"),
        (FakeServer("a", "b", headers=(("Content-Length", "0"),)), "Upgrade", Mark.HOLDS, "101 Switching Protocols"),
        (FakeServer("a", "b", status=404), "Opens", Mark.BROKEN, "✖ ✖ ✖ ✖  4 of 4 failed, all 404"),
        (FakeServer("a", ""), "Backends", Mark.BROKEN, "2 of 4 failed, all 503: ✖ A ✖ A  2, 0 breaks"),
        (FakeServer("", "a"), "Backends", Mark.BROKEN, "2 of 4 failed, all 503"),
        (FakeServer("x", "x", "x", "a", "a", "b", "b"), "Backends", Mark.NOTE, "A A B B  2/2, 2 breaks"),
        (FakeServer("a"), "Backends", Mark.NOTE, "one backend answered every time"),
        (FakeServer(), "Backends", Mark.NOTE, "nothing tells which backend answered"),
        (FakeServer(greeting="hello from x"), "Backends", Mark.NOTE, "nothing tells which backend answered"),
        (FakeServer(headers=(("Server", "nginx/1.22.1"),)), "Backends", Mark.NOTE,
         "for nginx add add_header X-Served-By $upstream_addr always;"),
        (FakeServer(headers=(("Server", "Apache/2.4.71"),)), "Backends", Mark.NOTE,
         "no line of apache reaches a 101: let each server send a field X-Served-By of its own"),
    ],
)  # fmt: skip
async def test_what_is_wrong_or_worth_knowing_is_told(server: FakeServer, name: str, mark: str, told: str) -> None:
    answer = (await ask(server, wanted=Demand(count=4, echo=name == "Echo")))[name]
    assert answer.mark == mark
    assert told in answer.text


async def test_an_expected_number_of_backends_is_a_claim() -> None:
    assert (await ask(FakeServer("a", "a", "b"), wanted=Demand(backends=2)))["Backends"].mark == Mark.HOLDS
    alone = (await ask(FakeServer("a"), wanted=Demand(backends=2)))["Backends"]
    assert (alone.mark, alone.text[:31]) == (Mark.BROKEN, "1 backend answered, not 2: A A ")


@pytest.mark.parametrize("wanted", [Demand(backends=2), Demand(shares=(1, 1)), Demand(keep_cookies=True)])
async def test_without_a_name_what_was_asked_for_does_not_hold(wanted: Demand) -> None:
    answer = (await ask(FakeServer(), wanted=wanted))["Backends"]
    assert answer.mark == Mark.BROKEN
    assert answer.text.startswith("nothing tells which backend answered; ")


async def test_an_echo_is_asked_only_of_an_echo_endpoint_and_nothing_is_sent_before_ping_and_close() -> None:
    answers = await ask(FakeServer("a", "b", echo=False))
    assert "Echo" not in answers
    assert marks(answers) == Mark.HOLDS * 7


async def test_the_origin_of_the_url_is_sent_and_the_difference_told() -> None:
    server = FakeServer("a", "b")
    answers = await ask(server, origin="")
    assert dict(server.opens[0])["Origin"].startswith("http://127.0.0.1:")
    assert "opens with http://127.0.0.1:" in answers["Origin"].text
    assert answers["Origin"].text.endswith(", and without one")
    answers = await ask(FakeServer("a", "b", wants_origin="http://app.example.org"), origin="http://app.example.org")
    assert answers["Origin"].text == "opens with http://app.example.org, refused without one (403)"
    answers = await ask(FakeServer("a", "b", wants_origin=""), origin="http://app.example.org")
    assert "it opens without an Origin, and is refused with http://app.example.org" in answers["Origin"].text
    assert answers["Opens"].mark == Mark.BROKEN


async def test_a_first_message_is_said_and_its_answer_judged() -> None:
    held = await ask(FakeServer("a", "b"), speech=Speech(says="hello", expects="^hel+o$"))
    assert (held["Speech"].mark, held["Speech"].text) == (Mark.HOLDS, "answered 'hello'")
    wrong = await ask(FakeServer("a", "b"), speech=Speech(says="hello", expects="welcome"))
    assert wrong["Speech"].mark == Mark.BROKEN
    assert wrong["Speech"].text.startswith("no message fits welcome within 5 s, the last was 'hello'")
    assert wrong["Backends"].mark == Mark.BROKEN
    only = await ask(FakeServer("a", "b"), speech=Speech(says="hello"))
    assert (only["Speech"].mark, only["Speech"].text) == (Mark.NOTE, "answered 'hello'")


def row(names: str, field: str = "X-Backend") -> list[Seen]:
    return [
        Seen(failure="503") if name == "-" else Seen(showing=Showing(response=((field, name),) if name != "." else ()))
        for name in names
    ]


BY_FIELD = NameRule(rule="header:X-Backend")


@pytest.mark.parametrize(
    ("names", "shares", "mark", "told"),
    [
        ("aaab" * 5, (3, 1), Mark.HOLDS, "15/5"),
        ("aaab" * 5, (1, 3), Mark.HOLDS, "15/5"),
        ("ab" * 10, (1, 1), Mark.HOLDS, "10/10"),
        ("ab" * 10, (3, 1), Mark.BROKEN, "shares are 10/10, 3:1 wants 15/5"),
        ("aaab" * 5, (1, 1), Mark.BROKEN, "shares are 15/5, 1:1 wants 10/10"),
        ("abab", (3, 1), Mark.BROKEN, "shares are 2/2, 3:1 wants 3/1"),
        ("aba", (1, 1), Mark.HOLDS, "2/1"),
        ("ab" * 4, (3, 1), Mark.BROKEN, "so few opens do not tell chance from weight"),
        ("a" * 20, (3, 1), Mark.BROKEN, "1 backends answered, 2 share 3:1"),
        ("a" * 17 + "b" * 3, (3, 1), Mark.HOLDS, "17/3"),
    ],
)
def test_shares_are_as_they_were_asked_for(names: str, shares: tuple[int, ...], mark: str, told: str) -> None:
    answer = judged(row(names), BY_FIELD, Demand(shares=shares))
    assert told in answer.text
    assert answer.mark == mark


def test_a_field_that_differs_at_each_open_names_nobody_unless_so_many_are_there() -> None:
    assert judged(row("abcdef"), BY_FIELD, Demand()).mark == Mark.NOTE
    assert "differs at each open" in judged(row("abcdef"), BY_FIELD, Demand(backends=2)).text
    assert judged(row("abcdef"), BY_FIELD, Demand(backends=6)).mark == Mark.HOLDS
    message = NameRule(rule="message:x")
    assert "did not come with each open" in judged(row("ab"), message, Demand(backends=2)).text


COOKIE = NameRule(rule="cookie:R")


@pytest.mark.parametrize(
    ("names", "rule", "mark", "told"),
    [
        ("aaaa", BY_FIELD, Mark.HOLDS, "4 of 4 came to a"),
        ("aaba", BY_FIELD, Mark.BROKEN, "was moved from a to b"),
        ("aa-a", BY_FIELD, Mark.BROKEN, "failed, 503"),
        ("aaaa", None, Mark.BROKEN, "nothing tells"),
        ("a", BY_FIELD, Mark.BROKEN, "nothing tells"),
    ],
)
def test_a_client_with_its_cookies_stays(names: str, rule: NameRule | None, mark: str, told: str) -> None:
    answer = stuck(row(names), rule)
    assert (answer.mark, told in answer.text) == (mark, True), answer


def test_a_cookie_that_is_not_given_again_kept_the_client() -> None:
    given = Seen(showing=Showing(response=(("Set-Cookie", "R=.a; Path=/"),)))
    moved = Seen(showing=Showing(response=(("Set-Cookie", "R=.b; Path=/"),)))
    nothing = Seen(showing=Showing())
    assert stuck([given, nothing, nothing], COOKIE).mark == Mark.HOLDS
    assert stuck([given, nothing, moved], COOKIE).mark == Mark.BROKEN
    assert stuck([nothing, nothing], COOKIE).mark == Mark.BROKEN


async def test_cookies_are_sent_back_only_where_they_are_to_be_kept() -> None:
    server = FakeServer("a", "b", headers=(("Set-Cookie", "R=.x; Path=/"),))
    answers = await ask(server, wanted=Demand(count=4, keep_cookies=True))
    assert answers["Sticky"].mark == Mark.BROKEN
    assert [("Cookie", "R=.x") in sent for sent in server.opens[-5:]] == [False, False, True, True, True]


async def test_a_port_where_nobody_listens_ends_the_asking() -> None:
    probe = Probe(Approach(url="ws://127.0.0.1:1/"), FakeServer("a"))
    answers = [answer async for answer in probe.answers()]
    assert [answer.name for answer in answers] == ["DNS", "TCP", "Answer", "Cause"]
    assert (answers[1].mark, answers[1].text) == (Mark.BROKEN, "port 1: connection refused")
    assert answers[3].text.startswith("Nothing listens on this port")


COOKIES = FakeServer("a", headers=(("Set-Cookie", "ROUTEID=.one; Path=/"), ("X-Served", "s1")))


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("cookie:ROUTEID", ".one, from cookie ROUTEID"),
        ("header:X-Served", "s1, from header X-Served"),
        ("message:x", "did not come with each open"),
    ],
)
async def test_who_answered_is_read_where_it_is_asked_for(rule: str, told: str) -> None:
    assert told in (await ask(COOKIES, identify=rule))["Backends"].text
