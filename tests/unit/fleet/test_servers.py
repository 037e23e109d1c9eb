"""What the first connections to a real server tell of it, without a server and without a recorder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes.tunnel import ScriptedConnector, ScriptedTunnel
from wslb.config import Settings
from wslb.errors import ConfigError, ServerUnavailable
from wslb.fleet import servers
from wslb.fleet.fleet import Fleet, program_of
from wslb.fleet.managed import BACKENDS, Program
from wslb.fleet.servers import COMMAND, Acquaintance, acquainted, parts, recorders, tell_apart
from wslb.model.handshake import Handshake
from wslb.model.results import Witness
from wslb.wire.naming import NameRule

URL = "ws://one:9080/WSConsole"
AT = "ws://127.0.0.101:4000/WSConsole/CLRunner"
LOGGED = "2026-11-26 04:00:00,000 backends.recorder WARNING"
Given = tuple[Handshake, list[Any]]
OPENED = Handshake(conn_id="", seq=0, url=AT, request=(), status=101)


class Recorder:
    """The recorder before a server, as far as it is asked (`wslb.fleet.managed.ManagedBackend`)."""

    def __init__(self, *lines: str) -> None:
        self.program: Program = recorders({"liberty": URL}, ca=None)["liberty"]
        self._lines = lines

    def address(self, scheme: str) -> str:
        return f"127.0.0.101:{4000 if scheme == 'ws' else 0}"

    def log_tail(self) -> tuple[str, ...]:
        return self._lines


def connecting(monkeypatch: pytest.MonkeyPatch, *gives: tuple[Handshake, ScriptedTunnel | None]) -> ScriptedConnector:
    connector = ScriptedConnector(*gives)
    monkeypatch.setattr(servers, "WebSocketConnector", lambda: connector)
    return connector


async def met(recorder: Any, rule: str = "") -> Acquaintance:
    named = NameRule(rule=rule) if rule else None
    return await acquainted(recorder, name="app", url=URL, seconds=4.0, rule=named)


SILENT = TimeoutError()
GONE = ConnectionError()


@pytest.mark.parametrize(
    ("first", "second", "greeting", "answers"),
    [
        (["hello"], ["hello", "done"], "hello", True),
        (["hello"], ["hello", SILENT], "hello", False),
        (["hello 1"], ["hello 2", "done"], "", True),
        ([SILENT], [SILENT, b"done"], "", True),
        ([SILENT], [SILENT, GONE], "", False),
        ([b"hello"], [b"hello", "done"], "", True),
        (["hello"], [SILENT, "done"], "", True),
    ],
    ids=["greets and answers", "greets only", "another greeting each time", "answers in bytes", "hangs up at a word",
         "greets in bytes", "greets once"],
)  # fmt: skip
async def test_two_connections_tell_whether_it_greets_and_answers(
    monkeypatch: pytest.MonkeyPatch, first: list[Any], second: list[Any], greeting: str, answers: bool
) -> None:
    one, two = ScriptedTunnel(*first), ScriptedTunnel(*second)
    connector = connecting(monkeypatch, (OPENED, one), (OPENED, two))
    assert await met(Recorder()) == Acquaintance(greeting=greeting, answers=answers)
    assert (one.sent, two.sent) == ([], [COMMAND]), "the first is left alone, so that a greeting is unasked"
    assert (one.closes, two.closes) == ([1000], [1000])
    assert connector.asked == [(AT, {"timeout_seconds": 4.0})] * 2


async def test_a_server_that_takes_no_websocket_is_told_by_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    connecting(monkeypatch, (Handshake(conn_id="", seq=0, url=AT, request=(), status=404), None))
    with pytest.raises(ServerUnavailable) as caught:
        await met(Recorder(f"{LOGGED} cannot reach one port 9080: not asked"))
    assert str(caught.value) == (
        f"The server app at {URL} cannot be asked: it answers 404 to an opening handshake on /WSConsole/CLRunner."
    )
    assert caught.value.hint.startswith("The lab asks for /CLRunner behind the path of the URL")


UNANSWERED = Handshake(conn_id="", seq=0, url=AT, request=(), error="the connection was reset")


async def test_a_server_that_is_away_is_told_in_the_last_words_of_the_recorder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connecting(monkeypatch, (UNANSWERED, None))
    recorder = Recorder(
        "listening",
        f"{LOGGED} cannot reach one port 9080: connection refused",
        f"{LOGGED} cannot reach one port 9080: no route to host",
        "something else",
    )
    with pytest.raises(ServerUnavailable) as caught:
        await met(recorder)
    assert caught.value.reason == "no route to host"
    assert caught.value.hint.startswith("Start the server, or correct the URL")


@pytest.mark.parametrize(
    ("error", "reason"), [("the connection was reset", "the connection was reset"), (None, "no answer")]
)
async def test_without_a_word_of_the_recorder_the_client_tells(
    monkeypatch: pytest.MonkeyPatch, error: str | None, reason: str
) -> None:
    waited: list[tuple[float, str]] = []

    async def over(condition: Callable[[], Awaitable[bool]], *, seconds: float, what: str) -> bool:
        assert not await condition()
        waited.append((seconds, what))
        raise TimeoutError

    monkeypatch.setattr(servers, "until", over)
    connecting(monkeypatch, (Handshake(conn_id="", seq=0, url=AT, request=(), error=error), None))
    with pytest.raises(ServerUnavailable) as caught:
        await met(Recorder("listening"))
    assert str(caught.value) == f"The server app at {URL} cannot be asked: {reason}."
    assert waited == [(1.0, "the recorder's reason")]


async def test_a_second_connection_that_fails_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ScriptedTunnel("hello")
    connecting(monkeypatch, (OPENED, first), (UNANSWERED, None))
    with pytest.raises(ServerUnavailable, match="too many"):
        await met(Recorder(f"{LOGGED} cannot reach one port 9080: too many"))
    assert first.closes == [1000]


def signed(*fields: tuple[str, str]) -> Handshake:
    return replace(OPENED, response=fields)


@pytest.mark.parametrize(
    ("rule", "first", "second", "value"),
    [
        ("header:X-Node", (signed(("x-node", " one ")), ["hi"]), (signed(("X-Node", "one")), ["hi", "ok"]), "one"),
        ("cookie:S", (signed(("Set-Cookie", "S=1; P")), [SILENT]), (signed(("Set-Cookie", "S=1")), [GONE] * 2), "1"),
        ("json:n", (OPENED, ['{"n": "one", "at": 1}']), (OPENED, ['{"n": "one", "at": 2}', "ok"]), "one"),
        ("greeting", (OPENED, ["one\nat 1"]), (OPENED, ["one\nat 2", "ok"]), "one"),
    ],
)  # fmt: skip
async def test_what_identifies_a_server_is_learnt_of_both_connections(
    monkeypatch: pytest.MonkeyPatch, rule: str, first: Given, second: Given, value: str
) -> None:
    connecting(monkeypatch, *((head, ScriptedTunnel(*says)) for head, says in (first, second)))
    assert (await met(Recorder(), rule)).value == value


NOTHING = "and finds nothing in the first text that it sends unasked"
CHANGES = "and finds something else each time, which names the connection and not the server"


@pytest.mark.parametrize(
    ("rule", "first", "second", "reason"),
    [
        ("header:X-Node", (OPENED, ["hi"]), (OPENED, ["hi", "ok"]), "header X-Node and finds nothing in its 101"),
        ("header:N", (signed(("N", "1")), ["hi"]), (OPENED, ["hi", "ok"]), "header N and finds nothing in its 101"),
        ("header:N", (signed(("N", "1")), ["hi"]), (signed(("N", "2")), ["hi", "ok"]), f"header N {CHANGES}"),
        ("message:n=(.)", (OPENED, ["hi"]), (OPENED, ["hi", "n=1"]), f"a message, by n=(.) {NOTHING}"),
        ("message:n", (OPENED, [SILENT]), (OPENED, [SILENT, "n"]), f"a message, by n {NOTHING}"),
        ("message:n", (OPENED, [b"n"]), (OPENED, [b"n", "n"]), f"a message, by n {NOTHING}"),
        ("json:n", (OPENED, ['{"n":1}']), (OPENED, ['{"n":2}', "ok"]), f"field n of a message {CHANGES}"),
    ],
)
async def test_a_rule_that_finds_no_name_is_told(
    monkeypatch: pytest.MonkeyPatch, rule: str, first: Given, second: Given, reason: str
) -> None:
    connecting(monkeypatch, *((head, ScriptedTunnel(*says)) for head, says in (first, second)))
    with pytest.raises(ServerUnavailable) as caught:
        await met(Recorder(), rule)
    assert caught.value.reason == f"--identify looks for {reason}"
    assert caught.value.hint.startswith("Name what is always the same of one server and another of each")


def test_two_servers_of_one_value_are_told_and_those_not_asked_yet_are_not() -> None:
    rule, servers = NameRule(rule="header:N"), {"b": "ws://b", "node": "ws://n", "c": "ws://c"}
    known = {part: Acquaintance(greeting="", answers=True, value=v) for part, v in (("liberty", "1"), ("node", "2"))}
    tell_apart(known, servers, rule)
    third = next(part for part, name in parts(servers).items() if name == "c")
    tell_apart({**known, third: replace(known["node"], value="3")}, servers, rule)
    with pytest.raises(ServerUnavailable) as caught:
        tell_apart({**known, third: known["liberty"]}, servers, rule)
    assert str(caught.value) == (
        "The server c at ws://c cannot be asked: --identify looks for header N and finds the same as of b at ws://b."
    )


NAMED = {"liberty": "alpha", "node": "beta"}
ALL = ("liberty", "node", "node-2")


@pytest.mark.parametrize(
    ("rule", "silent", "signers", "greeters"),
    [
        (None, {Witness.SIGNATURE, Witness.GREETING}, [(), (), ()], [(), ()]),
        ("header:N", {Witness.GREETING}, [("liberty",), ("node", "node-2"), ()], [(), ()]),
        ("message:I am (.+)", {Witness.SIGNATURE}, [(), (), ()], [("liberty",), ("node", "node-2")]),
    ],
)
def test_a_rule_speaks_for_one_witness_and_names_every_near_instance_of_its_server(
    rule: str | None, silent: set[Witness], signers: list[tuple[str, ...]], greeters: list[tuple[str, ...]]
) -> None:
    """Servers without a greeting that is always the same; `node-2` stands before the same one as `node`."""
    fleet = met_fleet(rule)
    assert fleet.silent == silent
    answers = [signed(("N", value)) for value in ("alpha", "beta", "gamma")]
    assert [fleet.signers(answer, ALL) for answer in answers] == signers
    assert [fleet.greeters(f"I am {value}", ALL) for value in NAMED.values()] == greeters
    assert fleet.signers(answers[1], ("liberty",)) == ()


def test_what_is_learnt_of_a_101_is_told_of_a_101_alone() -> None:
    refused = replace(signed(("N", "alpha")), status=503)
    assert met_fleet("header:N").signers(refused, ALL) == ()


def test_what_a_real_server_calls_x_backend_is_no_name_of_ours() -> None:
    assert met_fleet(None).signers(signed(("X-Backend", "node")), ALL) == ()


def test_a_signature_is_called_what_it_is() -> None:
    assert [met_fleet(rule).signature for rule in (None, "route:J", "greeting")] == [
        "X-Backend", "the route in cookie J", "X-Backend",
    ]  # fmt: skip


def met_fleet(rule: str | None) -> Fleet:
    """A fleet that has met two servers and stands before them with three recorders."""
    nobody: Any = None
    settings = Settings(backends={"a": "ws://a", "b": "ws://b"}, identify=rule)
    fleet = Fleet(settings=settings, runtime=nobody, proxy_runtime=nobody, session=nobody, authority=nobody)
    for name in ALL:
        fleet._backends[name] = SimpleNamespace(info=SimpleNamespace(greeting=f"{name}'s"))  # type: ignore[assignment]
    for part, value in NAMED.items():
        fleet._known[part] = Acquaintance(greeting="", answers=True, value=value if rule else "")
    return fleet


def test_servers_beyond_the_parts_are_members_of_their_own() -> None:
    """However many stand-ins there are, the first of the others is numbered behind them."""
    own = len(BACKENDS)
    further = ["refused", "c", "E"]
    names = ("a", *[f"s{number}" for number in range(2, own)], "node", *further)
    many = {name: f"ws://{name}/p" for name in names}
    members = {f"member{own + at}": name for at, name in enumerate(further, 1)}
    assert parts(many).items() >= {"liberty": "a", "node": "node", **members}.items()
    assert parts(many).keys() == {*BACKENDS, *members}
    made = recorders(many, ca=None)
    assert len({program.address for program in made.values()}) == len(made)
    one = f"member{own + 2}"
    assert made[one].arguments == ("--to", "ws://c/p")
    assert made[one].cl_path == "/p/CLRunner"
    assert program_of(one, made) == made[one]
    with pytest.raises(ConfigError):
        program_of(f"member{own + 4}", made)
