"""One connection through the recorder, between a client and a server that say what each test wants."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from backends import cl
from backends.contract import daemon, faults, options, sockets
from backends.contract.daemon import Serve
from backends.contract.profile import Profile
from backends.contract.request import HEAD_LIMIT
from backends.contract.stand_in import StandIn
from backends.recorder import __main__ as program
from backends.recorder import transit
from backends.recorder.__main__ import Passage
from backends.recorder.transit import Transit
from wslb.waiting import disconnect, until

LATEST = 10.0
HOST = "127.0.0.1"

ASKED = (
    b"GET /chat?x HTTP/1.1\r\nHost: h\r\nUPGRADE: WebSocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Protocol: a, b\r\nX-Wslb-Conn: c-1\r\n\r\n"
)
FIELDS = [
    ["Host", "h"],
    ["UPGRADE", "WebSocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Protocol", "a, b"],
    ["X-Wslb-Conn", "c-1"],
]
SWITCHED = (
    b"HTTP/1.1 101 Odd  Phrase\r\nupgrade:websocket \r\nSec-WebSocket-Accept: right\r\n"
    b"Sec-WebSocket-Protocol: b\r\n\r\n"
)
ANSWERED = [["upgrade", "websocket"], ["Sec-WebSocket-Accept", "right"], ["Sec-WebSocket-Protocol", "b"]]
LOST = {"code": 1006, "reason": "", "by": "lost"}

TEXT_UP = b"\x81\x82\0\0\0\0hi"
CLOSE_UP = b"\x88\x85\0\0\0\0\x0f\xa1bye"
TEXT_DOWN = b"\x81\x05hello"
PING_DOWN = b"\x89\x01p"
CLOSE_DOWN = b"\x88\x04\x0f\xa2go"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The outer end of one of the two connections."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def hears(self, data: bytes) -> bool:
        """Whether these bytes come next."""
        async with asyncio.timeout(LATEST):
            return await self.reader.readexactly(len(data)) == data

    async def rest(self) -> bytes:
        """What comes until the end."""
        async with asyncio.timeout(LATEST):
            return await self.reader.read()


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A recorder, the server behind it, and one client."""

    backend: StandIn
    passage: Passage
    transit: Transit
    client: End
    server: End

    def journal(self) -> list[dict[str, Any]]:
        """The journal without the times."""
        entries = [entry.as_json() for entry in self.backend.journal.entries()]
        for entry in entries:
            del entry["at"]
            if entry["closed"] is not None:
                del entry["closed"]["at"]
        return entries

    def brief(self, *names: str) -> list[tuple[Any, ...]]:
        """Only these members of the entries."""
        return [tuple(entry[name] for name in names) for entry in self.journal()]

    async def ended(self) -> None:
        """Wait until nothing of the connection is left."""
        async with asyncio.timeout(LATEST):
            await self.transit.ended
        assert (self.passage.everyone, self.backend.live) == (set(), set())

    async def open(self) -> None:
        """Do the handshake."""
        self.client.say(ASKED)
        assert await self.server.hears(ASKED)
        self.server.say(SWITCHED)
        assert await self.client.hears(SWITCHED)
        assert self.backend.live == {self.transit}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """A recorder that listens."""

    backend: StandIn
    passage: Passage
    address: tuple[str, int]


def understood(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[list[str], Profile, Serve]:
    """What the program would run with these arguments."""
    given: list[tuple[list[str], Profile, Serve]] = []

    def run(others: Sequence[str], *, profile: Profile, serve: Serve, fast: bool) -> int:
        assert fast
        given.append((list(others), profile, serve))
        return 0

    monkeypatch.setattr(sys, "argv", ["recorder", *arguments])
    monkeypatch.setattr(daemon, "main", run)
    assert program.main() == 0
    [found] = given
    return found


@contextlib.asynccontextmanager
async def recording(monkeypatch: pytest.MonkeyPatch, port: int) -> AsyncIterator[Recorder]:
    own = ("--host", HOST, "--port", "0", "--control-port", "0")
    others, profile, serve = understood(monkeypatch, "--to", f"ws://{HOST}:{port}/chat", *own)
    chosen = options.parse(others, profile=profile)
    bound = sockets.open_listeners(chosen, profile=profile, host_name="host.example.org")
    runner = cl.choose("emulator", program="", host_name="host", name=chosen.name, address=bound.address)
    with contextlib.closing(bound):
        assert bound.plain is not None
        address = bound.plain.getsockname()
        backend = StandIn(profile=profile, options=chosen, listeners=bound, host_name="host.example.org", cl=runner)
        passage = await serve(backend, "ws", bound.plain, None)
        assert isinstance(passage, Passage)
        try:
            yield Recorder(backend=backend, passage=passage, address=address[:2])
        finally:
            await passage.stop_listening()
            left = [each.ended for each in passage.everyone]
            await passage.stop()
            if left:
                await asyncio.wait(left, timeout=LATEST)


@pytest.fixture
async def path(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    accepted: asyncio.Queue[End] = asyncio.Queue()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait(End(reader=reader, writer=writer))

    listening = await asyncio.start_server(accept, HOST, 0)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(listening.close)
        recorder = await stack.enter_async_context(recording(monkeypatch, listening.sockets[0].getsockname()[1]))
        reader, writer = await asyncio.open_connection(*recorder.address)
        stack.push_async_callback(disconnect, writer)
        async with asyncio.timeout(LATEST):
            server = await accepted.get()
        stack.push_async_callback(disconnect, server.writer)
        [through] = recorder.passage.everyone
        yield Path(
            backend=recorder.backend,
            passage=recorder.passage,
            transit=through,
            client=End(reader=reader, writer=writer),
            server=server,
        )


def suffer(path: Path, kind: str, **values: faults.FaultValue) -> None:
    path.backend.faults.add(faults.parse({"kind": kind, **values}, path.backend.profile.faults))


# -- requests and answers ---------------------------------------------------------------------------------------------


async def test_a_request_and_its_answer_pass_and_are_journaled(path: Path) -> None:
    asked = b"POST /a?b HTTP/1.1\r\nHost:  h\r\nContent-Length: 11\r\n\r\nGET / HTTP/"
    answered = b"HTTP/1.1 201 Made\r\nx: \xff\r\nContent-Length: 5\r\n\r\nHTTP/"
    path.client.say(asked)
    assert await path.server.hears(asked)
    assert path.brief("status") == [(None,)], "it is in the journal before it has an answer"
    path.server.say(answered)
    assert await path.client.hears(answered)
    host, port = path.client.writer.get_extra_info("sockname")
    assert path.journal() == [
        {
            "seq": 1,
            "listener": "ws",
            "peer": f"{host}:{port}",
            "conn_id": None,
            "method": "POST",
            "target": "/a?b",
            "http_version": "1.1",
            "upgrade": False,
            "headers": [["Host", "h"], ["Content-Length", "11"]],
            "accepted": False,
            "status": 201,
            "response_headers": [["x", "\ufffd"], ["Content-Length", "5"]],
            "subprotocol": None,
            "messages_received": 0,
            "messages_sent": 0,
            "closed": None,
        }
    ]


async def test_several_requests_on_one_connection_are_told_apart(path: Path) -> None:
    first = b"POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nGET \r\n0\r\n\r\n"
    second, third = b"\r\nHEAD /2 HTTP/1.1\r\n\r\n", b"GET /3 HTTP/1.0\r\n\r\n"
    path.client.say(first + second + third)
    assert await path.server.hears(first + second + third)
    answers = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        b"HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\nHTTP/1.1 302 Found\r\n\r\nHTTP/1.1 500 to the end"
    )
    path.server.say(answers)
    path.server.writer.write_eof()
    assert await path.client.rest() == answers
    assert path.brief("seq", "method", "target", "http_version", "status") == [
        (1, "POST", "/1", "1.1", 200),
        (2, "HEAD", "/2", "1.1", 404),
        (3, "GET", "/3", "1.0", 302),
    ]


async def test_heads_and_bodies_may_come_in_pieces(path: Path) -> None:
    head, body = b"PUT / HTTP/1.1\r\nContent-Length: 6\r\n\r\n", b"abcdef"
    path.client.say(head[:10])
    path.client.say(head[10:] + body[:1])
    assert await path.server.hears(head + body[:1])
    path.client.say(body[1:])
    assert await path.server.hears(body[1:])
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nokay"
    path.server.say(answer[:-3])
    assert await path.client.hears(answer[:-3])
    path.server.say(answer[-3:])
    assert await path.client.hears(answer[-3:])
    assert path.brief("method", "status") == [("PUT", 200)]


async def test_half_a_head_waits_for_its_other_half(path: Path) -> None:
    path.client.say(b"GET /half HTTP/1.1\r\nA: 1")
    await until(lambda: _held(path.transit, "_request"), seconds=LATEST, what="the half")
    assert (path.journal(), path.server.reader.at_eof()) == ([], False)
    path.client.say(b"\r\n\r\n")
    assert await path.server.hears(b"GET /half HTTP/1.1\r\nA: 1\r\n\r\n")
    path.server.say(b"HTTP/1.1 204 No")
    await until(lambda: _held(path.transit, "_answer"), seconds=LATEST, what="the half of the answer")
    assert path.brief("target", "status") == [("/half", None)]
    path.server.say(b"ne\r\n\r\n")
    assert await path.client.hears(b"HTTP/1.1 204 None\r\n\r\n")
    assert path.brief("target", "status") == [("/half", 204)]


async def _held(through: Transit, name: str) -> bool:
    return bool(getattr(through, name))


async def test_half_a_head_goes_on_when_no_more_comes(path: Path) -> None:
    path.client.say(b"GET /half HTTP")
    path.client.writer.write_eof()
    assert await path.server.rest() == b"GET /half HTTP"
    path.server.say(b"HTTP/1.1 400 Ba")
    path.server.writer.close()
    assert await path.client.rest() == b"HTTP/1.1 400 Ba"
    await path.ended()
    assert path.journal() == []


async def test_half_an_answer_goes_on_when_no_more_comes(path: Path) -> None:
    asked = b"GET / HTTP/1.1\r\n\r\n"
    path.client.say(asked)
    assert await path.server.hears(asked)
    path.server.say(b"HTTP/1.1 200 O")
    path.server.writer.write_eof()
    assert await path.client.rest() == b"HTTP/1.1 200 O"
    path.client.writer.close()
    await path.ended()
    assert path.brief("status", "closed") == [(None, None)]


# -- what is no HTTP --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [b"garbage\r\n\r\n", b"GET / HTTP/1.1\r\nA: " + b"a" * HEAD_LIMIT])
async def test_what_is_no_request_passes_unread_with_all_that_follows(path: Path, said: bytes) -> None:
    for sender, hearer in ((path.client, path.server), (path.server, path.client)):
        for data in (said, ASKED):
            sender.say(data)
            assert await hearer.hears(data)
    assert path.journal() == []


@pytest.mark.parametrize("said", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"a" * HEAD_LIMIT])
async def test_what_is_no_answer_passes_unread_with_all_that_follows(path: Path, said: bytes) -> None:
    path.client.say(ASKED)
    assert await path.server.hears(ASKED)
    for data in (said, SWITCHED):
        path.server.say(data)
        assert await path.client.hears(data)
    assert path.brief("status", "accepted") == [(None, False)]


async def test_a_server_that_speaks_first_is_heard_unread(path: Path) -> None:
    path.server.say(b"220 mail\r\n")
    assert await path.client.hears(b"220 mail\r\n")
    path.client.say(b"EHLO")
    assert await path.server.hears(b"EHLO")
    assert path.journal() == []


# -- handshakes and frames --------------------------------------------------------------------------------------------


async def test_frames_pass_both_ways_and_the_clients_close_is_told(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "recorder")
    await path.open()
    for data in (TEXT_UP, TEXT_UP[:3], TEXT_UP[3:]):
        path.client.say(data)
        assert await path.server.hears(data)
    path.server.say(TEXT_DOWN + PING_DOWN)
    assert await path.client.hears(TEXT_DOWN + PING_DOWN)
    path.client.say(CLOSE_UP)
    assert await path.server.hears(CLOSE_UP)
    path.server.say(CLOSE_DOWN)
    path.server.writer.close()
    assert await path.client.rest() == CLOSE_DOWN
    path.client.writer.close()
    await path.ended()
    peer = path.journal()[0]["peer"]
    assert path.journal() == [
        {
            "seq": 1,
            "listener": "ws",
            "peer": peer,
            "conn_id": "c-1",
            "method": "GET",
            "target": "/chat?x",
            "http_version": "1.1",
            "upgrade": True,
            "headers": FIELDS,
            "accepted": True,
            "status": 101,
            "response_headers": ANSWERED,
            "subprotocol": "b",
            "messages_received": 2,
            "messages_sent": 1,
            "closed": {"code": 4001, "reason": "bye", "by": "client"},
        }
    ]
    assert [record.getMessage() for record in caplog.records if record.name == "recorder"] == [
        f"open #1 ws from {peer}",
        "closed #1 by client, code 4001 'bye'",
    ]
    assert path.backend.journal.accepted == 1


async def test_the_servers_close_is_told_as_its_own(path: Path) -> None:
    await path.open()
    path.server.say(CLOSE_DOWN)
    assert await path.client.hears(CLOSE_DOWN)
    path.client.say(CLOSE_UP)
    assert await path.server.hears(CLOSE_UP)
    path.client.writer.close()
    assert await path.server.rest() == b""
    path.server.writer.close()
    await path.ended()
    assert path.brief("closed") == [({"code": 4002, "reason": "go", "by": "server"},)]


async def test_frames_in_one_packet_with_the_answer_belong_to_the_tunnel(path: Path) -> None:
    path.client.say(ASKED)
    assert await path.server.hears(ASKED)
    path.server.say(SWITCHED + TEXT_DOWN + TEXT_DOWN)
    assert await path.client.hears(SWITCHED + TEXT_DOWN + TEXT_DOWN)
    assert path.brief("status", "messages_sent") == [(101, 2)]


async def test_frames_behind_an_unanswered_handshake_are_counted_once_it_is_accepted(path: Path) -> None:
    path.client.say(ASKED + TEXT_UP)
    assert await path.server.hears(ASKED + TEXT_UP)
    path.client.say(TEXT_UP + CLOSE_UP)
    assert await path.server.hears(TEXT_UP + CLOSE_UP)
    assert path.brief("messages_received", "closed") == [(0, None)]
    path.server.say(SWITCHED)
    assert await path.client.hears(SWITCHED)
    assert path.brief("messages_received", "closed") == [(2, {"code": 4001, "reason": "bye", "by": "client"})]


@pytest.mark.parametrize("early", [True, False])
async def test_a_refused_handshake_may_be_followed_by_another_request(path: Path, early: bool) -> None:
    """Also one that was sent before the refusal came: then the server has seen it already, and sees it once."""
    refused, found = b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    other = b"POST /next HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
    path.client.say(ASKED + other if early else ASKED)
    assert await path.server.hears(ASKED + other if early else ASKED)
    path.server.say(refused)
    assert await path.client.hears(refused)
    path.client.say(ASKED if early else other + ASKED)
    assert await path.server.hears(ASKED if early else other + ASKED)
    path.server.say(found + SWITCHED)
    assert await path.client.hears(found + SWITCHED)
    assert path.brief("seq", "method", "target", "upgrade", "status", "accepted") == [
        (1, "GET", "/chat?x", True, 403, False),
        (2, "POST", "/next", False, 200, False),
        (3, "GET", "/chat?x", True, 101, True),
    ]


# -- the end ----------------------------------------------------------------------------------------------------------


async def test_a_client_that_says_no_more_may_still_hear(path: Path) -> None:
    await path.open()
    path.client.writer.write_eof()
    assert await path.server.rest() == b""
    assert path.brief("closed") == [(LOST,)]
    path.server.say(TEXT_DOWN)
    path.server.writer.close()
    assert await path.client.rest() == TEXT_DOWN
    await path.ended()
    assert path.brief("messages_sent", "closed") == [(1, LOST)]


async def test_a_server_that_says_no_more_may_still_hear(path: Path) -> None:
    await path.open()
    path.server.writer.write_eof()
    assert await path.client.rest() == b""
    path.client.say(TEXT_UP)
    path.client.writer.close()
    assert await path.server.rest() == TEXT_UP
    await path.ended()
    assert path.brief("messages_received", "closed") == [(1, LOST)]


@pytest.mark.parametrize("by", ["client", "server"])
async def test_a_reset_of_one_side_resets_the_other(path: Path, by: str) -> None:
    await path.open()
    one, other = (path.client, path.server) if by == "client" else (path.server, path.client)
    sockets.reset(one.writer.transport)
    with pytest.raises(ConnectionResetError):
        await other.rest()
    await path.ended()
    assert path.brief("status", "closed") == [(101, LOST)]


async def test_a_close_frame_is_not_overwritten_by_the_reset_behind_it(path: Path) -> None:
    await path.open()
    path.client.say(CLOSE_UP)
    assert await path.server.hears(CLOSE_UP)
    sockets.reset(path.client.writer.transport)
    with pytest.raises(ConnectionResetError):
        await path.server.rest()
    assert path.brief("closed") == [({"code": 4001, "reason": "bye", "by": "client"},)]


async def test_the_backends_goodbye_ends_both_sides_without_a_close_frame(path: Path) -> None:
    await path.open()
    await path.backend.say_goodbye(limit_seconds=LATEST)
    assert (await path.client.rest(), await path.server.rest()) == (b"", b"")
    assert path.brief("closed") == [(LOST,)]
    await path.ended()


async def test_stopping_the_listener_resets_what_is_left(path: Path) -> None:
    await path.passage.stop()
    for end in (path.client, path.server):
        with pytest.raises(ConnectionResetError):
            await end.rest()
    await path.ended()
    assert path.journal() == []


async def test_no_more_is_read_than_the_server_takes(path: Path) -> None:
    size = 24 * 1024 * 1024
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size
    path.client.say(head + bytes(size))
    inner = path.transit.client.transport
    assert inner is not None
    reading = inner  # the type checker knows no change between two looks

    async def paused() -> bool:
        return not reading.is_reading()

    async def resumed() -> bool:
        return reading.is_reading()

    await until(paused, seconds=LATEST, what="the pause")
    assert await path.server.hears(head)
    async with asyncio.timeout(LATEST):
        assert not (await path.server.reader.readexactly(size)).strip(b"\0")
    await until(resumed, seconds=LATEST, what="the end of the pause")
    assert path.brief("method", "headers") == [("POST", [["Content-Length", str(size)]])]


# -- a server that is away --------------------------------------------------------------------------------------------


async def reset_before_a_byte(address: tuple[str, int]) -> bool:
    """Whether a connection to there is reset."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(ASKED)
    try:
        async with asyncio.timeout(LATEST):
            await reader.read()
    except ConnectionResetError:
        return True
    finally:
        await disconnect(writer)
    return False


async def test_a_server_that_is_away_resets_the_client(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as closed:
        closed.bind((HOST, 0))
        port = closed.getsockname()[1]
        async with recording(monkeypatch, port) as recorder:
            assert await reset_before_a_byte(recorder.address)
            assert (recorder.backend.journal.entries(), recorder.passage.everyone) == ((), set())
    [said] = [record.getMessage() for record in caplog.records if record.name == "recorder"]
    assert said.startswith(f"cannot reach {HOST} port {port}: Connect call failed")


def unanswered(monkeypatch: pytest.MonkeyPatch, port: int) -> tuple[asyncio.Event, asyncio.Future[Any]]:
    """Let a port of this machine answer nobody; the event tells that it was asked, the future is its answer."""
    loop = asyncio.get_running_loop()
    connect, asked, answer = loop.create_connection, asyncio.Event(), loop.create_future()

    async def connecting(protocol: Any, host: Any, to: Any, **how: Any) -> Any:
        if to != port:
            return await connect(protocol, host, to, **how)
        asked.set()
        return await answer

    monkeypatch.setattr(loop, "create_connection", connecting)
    return asked, answer


async def test_a_server_that_never_answers_resets_the_client_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transit, "CONNECT_SECONDS", 0.05)
    unanswered(monkeypatch, 1)
    async with recording(monkeypatch, 1) as recorder:
        assert await reset_before_a_byte(recorder.address)
        assert (recorder.backend.journal.entries(), recorder.passage.everyone) == ((), set())
    said = [record.getMessage() for record in caplog.records if record.name == "recorder"]
    assert said == [f"cannot reach {HOST} port 1: no answer in 0.05 s"]


async def test_a_stop_ends_also_what_has_reached_no_server_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = unanswered(monkeypatch, 1)
    async with recording(monkeypatch, 1) as recorder:
        client = asyncio.ensure_future(reset_before_a_byte(recorder.address))
        async with asyncio.timeout(LATEST):
            await asked.wait()
        [through] = recorder.passage.everyone
        await recorder.passage.stop()
        assert await client
        assert (through.ended.done(), recorder.passage.everyone) == (True, set())
        assert answer.cancelled(), "nobody waits for the server any more"


# -- faults -----------------------------------------------------------------------------------------------------------


async def test_a_status_is_answered_here_and_the_server_sees_nothing(path: Path) -> None:
    suffer(path, "status", status=503, reason="Gone fishing", location="/pond")
    path.client.say(ASKED)
    assert await path.server.rest() == b""
    path.server.say(b"HTTP/1.1 200 OK\r\n\r\n")
    path.server.writer.close()
    await until(lambda: _finished(path.transit), seconds=LATEST, what="the end of the server's side")
    path.client.say(b"GET /unheard HTTP/1.1\r\n\r\n")
    answer = await path.client.rest()
    assert re.sub(rb"Date: [^\r]+", b"Date: now", answer) == (
        b"HTTP/1.1 503 Gone fishing\r\nLocation: /pond\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Length: 17\r\nDate: now\r\nConnection: close\r\n\r\n503 Gone fishing\n"
    )
    path.client.writer.close()
    await path.ended()
    [entry] = path.journal()
    assert (entry["target"], entry["status"], entry["accepted"], entry["closed"]) == ("/chat?x", 503, False, None)
    assert [name for name, _ in entry["response_headers"]] == [
        "Location",
        "Content-Type",
        "Content-Length",
        "Date",
        "Connection",
    ]


async def test_hangup_ends_the_connection_without_an_answer(path: Path) -> None:
    suffer(path, "hangup")
    path.client.say(ASKED)
    assert (await path.client.rest(), await path.server.rest()) == (b"", b"")
    path.server.writer.close()
    await until(lambda: _finished(path.transit), seconds=LATEST, what="the end of the server's side")
    path.client.writer.close()
    await path.ended()
    assert path.brief("upgrade", "status", "response_headers", "closed") == [(True, None, [], None)]


async def test_silent_keeps_the_request_and_the_connection(path: Path) -> None:
    suffer(path, "silent")
    suffer(path, "status", status=500)
    path.client.say(ASKED)
    assert await path.server.rest() == b""
    path.server.say(b"HTTP/1.1 408 Unheard\r\nContent-Length: 0\r\n\r\n")
    path.server.writer.close()
    await until(lambda: _finished(path.transit), seconds=LATEST, what="the end of the server's side")
    assert path.passage.everyone == {path.transit}, "the client's side stays"
    path.client.writer.write_eof()
    assert await path.client.rest() == b""
    await path.ended()
    assert path.brief("upgrade", "status", "closed") == [(True, None, None)]


async def _finished(through: Transit) -> bool:
    return through.server.finished


async def test_a_fault_is_for_handshakes_alone(path: Path) -> None:
    suffer(path, "hangup", times=1)
    plain = b"GET /plain HTTP/1.1\r\n\r\n"
    path.client.say(plain)
    assert await path.server.hears(plain)
    assert [fault["times"] for fault in path.backend.faults.as_json()] == [1]


async def test_mute_lets_only_control_frames_through(path: Path) -> None:
    suffer(path, "mute")
    await path.open()
    path.server.say(TEXT_DOWN + PING_DOWN + TEXT_DOWN)
    assert await path.client.hears(PING_DOWN)
    path.server.say(CLOSE_DOWN)
    path.server.writer.close()
    assert await path.client.rest() == CLOSE_DOWN
    assert path.brief("messages_sent", "closed") == [(0, {"code": 4002, "reason": "go", "by": "server"})]


async def test_cut_resets_both_sides_behind_the_answer(path: Path) -> None:
    suffer(path, "cut", after_messages=0)
    path.client.say(ASKED)
    assert await path.server.hears(ASKED)
    path.server.say(SWITCHED)
    with pytest.raises(ConnectionResetError):
        await path.server.rest()
    with pytest.raises(ConnectionResetError):
        await path.client.rest()
    await path.ended()
    assert path.brief("status", "accepted", "closed") == [(101, True, LOST)]


async def test_cut_resets_both_sides_behind_so_many_messages(path: Path) -> None:
    suffer(path, "cut", after_messages=2)
    await path.open()
    path.client.say(TEXT_UP)
    assert await path.server.hears(TEXT_UP)
    path.server.say(TEXT_DOWN)
    assert await path.client.hears(TEXT_DOWN)
    path.client.say(TEXT_UP)
    for end in (path.client, path.server):
        with pytest.raises(ConnectionResetError):
            await end.rest()
    await path.ended()
    assert path.brief("messages_received", "messages_sent", "closed") == [(2, 1, LOST)]


@pytest.mark.parametrize(
    ("kind", "value", "lines"),
    [
        ("accept", "wrong", [b"upgrade: websocket", b"Sec-WebSocket-Accept: wrong"]),
        ("accept", "", [b"upgrade: websocket"]),
        ("upgrade", "h2c", [b"upgrade: h2c", b"Sec-WebSocket-Accept: right"]),
        ("upgrade", "", [b"Sec-WebSocket-Accept: right"]),
    ],
)
async def test_a_field_of_the_answer_is_changed(path: Path, kind: str, value: str, lines: list[bytes]) -> None:
    suffer(path, kind, value=value)
    path.client.say(ASKED)
    assert await path.server.hears(ASKED)
    path.server.say(SWITCHED + TEXT_DOWN)
    changed = [b"HTTP/1.1 101 Odd  Phrase", *lines, b"Sec-WebSocket-Protocol: b", b"\r\n" + TEXT_DOWN]
    assert await path.client.hears(b"\r\n".join(changed))
    [entry] = path.journal()
    assert [f"{name}: {content}".encode() for name, content in entry["response_headers"]] == changed[1:-1]
    assert (entry["accepted"], entry["messages_sent"]) == (True, 1)


async def test_delay_keeps_everything_back_and_its_order(path: Path) -> None:
    suffer(path, "delay", seconds=0.05)
    loop = asyncio.get_running_loop()
    path.client.say(ASKED)
    assert await path.server.hears(ASKED)
    begin = loop.time()
    path.server.say(SWITCHED + TEXT_DOWN)
    path.server.say(PING_DOWN)
    path.server.say(CLOSE_DOWN)
    path.server.writer.close()
    assert await path.client.rest() == SWITCHED + TEXT_DOWN + PING_DOWN + CLOSE_DOWN
    assert loop.time() - begin >= 0.048
    assert path.brief("status", "messages_sent", "closed") == [
        (101, 1, {"code": 4002, "reason": "go", "by": "server"}),
    ]


async def test_delay_keeps_the_content_of_a_refusal_behind_its_head(path: Path) -> None:
    suffer(path, "delay", seconds=0.02)
    path.client.say(ASKED)
    assert await path.server.hears(ASKED)
    refusal = b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"
    path.server.say(refusal)
    path.server.writer.close()
    assert await path.client.rest() == refusal
    assert path.brief("status", "accepted", "closed") == [(403, False, None)]


async def test_delay_keeps_the_head_of_a_refusal_as_long_as_its_content(path: Path) -> None:
    suffer(path, "delay", seconds=0.05)
    path.client.say(ASKED)
    assert await path.server.hears(ASKED)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    path.server.say(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
    assert await path.client.hears(b"HTTP/1.1 403")
    assert loop.time() - begin >= 0.048


@pytest.mark.parametrize("kind", ["status", "hangup"])
async def test_delay_keeps_what_a_fault_says_in_the_servers_place(path: Path, kind: str) -> None:
    suffer(path, "delay", seconds=0.05)
    suffer(path, kind, **({"status": 503} if kind == "status" else {}))
    loop = asyncio.get_running_loop()
    begin = loop.time()
    path.client.say(ASKED)
    assert (await path.client.rest()).startswith(b"HTTP/1.1 503" if kind == "status" else b"")
    assert loop.time() - begin >= 0.048


@pytest.mark.parametrize("status", [204, 304])
async def test_a_refusal_without_content_has_none(path: Path, status: int) -> None:
    suffer(path, "status", status=status)
    path.client.say(ASKED)
    said = await path.client.rest()
    assert said.startswith(f"HTTP/1.1 {status}".encode())
    assert said.endswith(b"\r\n\r\n")
    assert b"content-length" not in said.lower()


async def test_the_content_of_a_handshake_is_no_frame(path: Path) -> None:
    asked = ASKED.replace(b"Host: h", b"Host: h\r\nContent-Length: 8") + TEXT_UP[:4]
    path.client.say(asked)
    assert await path.server.hears(asked)
    path.server.say(SWITCHED)
    assert await path.client.hears(SWITCHED)
    path.client.say(TEXT_UP[4:] + TEXT_UP)
    assert await path.server.hears(TEXT_UP[4:] + TEXT_UP)
    assert path.brief("messages_received") == [(1,)]


async def test_an_answer_may_end_its_lines_with_a_bare_lf(path: Path) -> None:
    path.client.say(ASKED)
    assert await path.server.hears(ASKED)
    answer = b"HTTP/1.1 404 No\nx: y\nContent-Length: 2\n\nno"
    path.server.say(answer)
    assert await path.client.hears(answer)
    assert path.brief("status", "response_headers") == [(404, [["x", "y"], ["Content-Length", "2"]])]


async def test_what_begins_as_no_answer_is_not_kept(path: Path) -> None:
    path.client.say(ASKED)
    assert await path.server.hears(ASKED)
    path.server.say(b"SSH-2.0-x\r\n")
    assert await path.client.hears(b"SSH-2.0-x\r\n"), "though the server stays"


async def test_forget_leaves_no_entry(path: Path) -> None:
    suffer(path, "forget", times=1)
    await path.open()
    assert (path.journal(), path.backend.journal.accepted) == ([], 1)


# -- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "paths"), [("ws://h", ("/",)), ("ws://h:81/chat", ("/chat",)), ("wss://h/a/b", ("/a/b",))]
)
async def test_the_servers_path_is_the_recorders(
    monkeypatch: pytest.MonkeyPatch, url: str, paths: tuple[str, ...]
) -> None:
    others, profile, _ = understood(monkeypatch, "--name", "r", "--to", url, "--port", "5")
    assert (others, profile.program, profile.cl_paths) == (["--name", "r", "--port", "5"], "recorder", paths)
    assert set(profile.faults) == {"accept", "upgrade", "status", "silent", "hangup", "mute", "forget", "cut", "delay"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "give --to ws://HOST:PORT/PATH"),
        (("--to", "http://host/"), "http://host/ is no server"),
        (("--to", "ws://"), "ws:// is no server"),
        (("--to", "ws://host:99999/"), "ws://host:99999/ is no server"),
        (("--to", "ws://host/?q"), "ws://host/?q is no server"),
        (("--to", "ws://host/#x"), "ws://host/#x is no server"),
        (("--to", "ws://me@host/"), "ws://me@host/ is no server"),
    ],
)
def test_wrong_usage_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["recorder", *arguments])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert (ended.value.code, sentence in capsys.readouterr().err) == (2, True)


def test_an_authority_that_cannot_be_read_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["recorder", "--to", "wss://host/", "--ca", "/nowhere.pem"])
    assert program.main() == daemon.EXIT_START_FAILURE
    assert capsys.readouterr().err == (
        "recorder: cannot use /nowhere.pem: [errno 2] no such file or directory; "
        "give --ca a PEM file of the server's authority.\n"
    )


@pytest.mark.parametrize("kind", ["hangup", "silent"])
@pytest.mark.parametrize("cut", [False, True])
async def test_a_kept_request_leaves_nothing_behind_though_the_server_stays(path: Path, kind: str, cut: bool) -> None:
    suffer(path, kind)
    path.client.say(ASKED)
    assert await path.server.rest() == b""
    if cut:
        sockets.reset(path.client.writer.transport)
    else:
        path.client.writer.close()
    await until(lambda: _finished(path.transit), seconds=LATEST, what="the end of the server's side")
    async with asyncio.timeout(1):
        await path.transit.ended
    assert path.passage.everyone == set()
