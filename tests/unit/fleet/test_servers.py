"""What the first connections to a real server tell of it, without a server and without a recorder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.fakes.tunnel import ScriptedConnector, ScriptedTunnel
from wslb.errors import ConfigError, ServerUnavailable
from wslb.fleet import servers
from wslb.fleet.fleet import program_of
from wslb.fleet.managed import Program
from wslb.fleet.servers import COMMAND, Acquaintance, acquainted, parts, recorders
from wslb.model.handshake import Handshake

URL = "ws://one:9080/WSConsole"
AT = "ws://127.0.0.101:4000/WSConsole/CLRunner"
LOGGED = "2026-11-26 04:00:00,000 backends.recorder WARNING"
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


async def met(recorder: Any) -> Acquaintance:
    return await acquainted(recorder, name="app", url=URL, seconds=4.0)


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


def test_servers_beyond_the_two_parts_are_members_of_their_own() -> None:
    many = {name: f"ws://{name}/p" for name in ("a", "refused", "c", "node", "E")}
    assert parts(many) == {"liberty": "a", "node": "node", "member3": "refused", "member4": "c", "member5": "E"}
    made = recorders(many, ca=None)
    assert len({program.address for program in made.values()}) == len(made)
    assert made["member4"].arguments == ("--to", "ws://c/p")
    assert made["member4"].cl_path == "/p/CLRunner"
    assert program_of("member4", made) == made["member4"]
    with pytest.raises(ConfigError):
        program_of("member6", made)
