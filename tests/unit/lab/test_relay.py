"""A relay passes what it is not told to spoil, and spoils what it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from wslb.lab import edits
from wslb.lab.relay import Edit, End, Flow, Pause, Relay, Twist, Unit, split
from wslb.waiting import disconnect
from wslb.wire.frames import Frame, Opcode, serialise

MASK = b"\xa1\xb2\xc3\xd4"
REQUEST = b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nX-One: 1\r\n\r\n"
ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
HELLO = serialise(Opcode.TEXT, b"hello", mask=None)
SAID = serialise(Opcode.TEXT, b"said", mask=MASK)
SWITCHED = b"101 Switching Protocols"
BYE = serialise(Opcode.CLOSE, b"\x03\xe8", mask=None)


@contextlib.asynccontextmanager
async def server(*, answer: bytes, heard: list[bytes]) -> AsyncIterator[str]:
    """Answers the first bytes of each connection so, and keeps what it hears."""
    ended: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = len(heard)
        heard.append(b"")
        ended.append(asyncio.Event())
        try:
            while data := await reader.read(65536):
                if not heard[place]:
                    writer.write(answer)
                heard[place] += data
        except OSError:
            heard[place] += b"RESET"
        await disconnect(writer)
        ended[place].set()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        for end in ended:
            await end.wait()


async def through(
    rules: Sequence[Twist], *, sent: bytes = REQUEST + SAID, answer: bytes = ANSWER + HELLO + BYE
) -> tuple[bytes, bytes]:
    """What a server heard of what a client sent, and what the client heard of the answer."""
    heard: list[bytes] = []
    async with server(answer=answer, heard=heard) as target, Relay(lambda: target, rules) as relay, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(sent)
        writer.write_eof()
        try:
            received = await reader.read(-1)
        except ConnectionError:
            received = b"RESET"
        await disconnect(writer)
    return (heard or [b""])[0], received


def rule(edit: Edit, **which: object) -> Twist:
    return Twist(edit=edit, **which)  # type: ignore[arg-type]  # the table's rows say which


async def test_without_a_rule_every_byte_passes() -> None:
    big = serialise(Opcode.BINARY, bytes(range(256)) * 1000, mask=None)
    middle = serialise(Opcode.TEXT, b"m" * 300, mask=MASK)
    heard, received = await through([], sent=REQUEST + middle + SAID, answer=ANSWER + big + HELLO)
    assert heard == REQUEST + middle + SAID
    assert received == ANSWER + big + HELLO


async def test_it_answers_in_the_name_of_the_other_side() -> None:
    sent_back = rule(edits.sent_back(HELLO), flow=Flow.UP, number=1)
    heard, received = await through([sent_back], answer=ANSWER)
    assert heard == REQUEST + SAID
    assert sorted((received.count(ANSWER), received.count(HELLO), len(received))) == [1, 1, len(ANSWER + HELLO)]


def test_a_field_is_read_by_its_name() -> None:
    head = Unit(flow=Flow.UP, connection=1, number=0, data=REQUEST)
    assert [edits.field_of(head, name) for name in ("x-one", "Host", "X-Two")] == ["1", "a", ""]


async def test_what_is_no_websocket_passes_untouched() -> None:
    plain = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody"
    every = Twist(edit=edits.drop)
    assert await through([every], sent=plain, answer=b"HTTP/1.1 200 OK\r\n\r\n\x81\x05hello") == (
        plain,
        b"HTTP/1.1 200 OK\r\n\r\n\x81\x05hello",
    )
    assert (await through([every], answer=ANSWER + b"\x83\x00garbage"))[1] == ANSWER + b"\x83\x00garbage"


@pytest.mark.parametrize(
    ("changed", "received"),
    [
        (rule(edits.drop, number=1), ANSWER + BYE),
        (rule(edits.drop, opcode=Opcode.CLOSE), ANSWER + HELLO),
        (rule(edits.double, opcode=Opcode.TEXT), ANSWER + HELLO * 2 + BYE),
        (rule(edits.behind_next()), ANSWER + BYE + HELLO),
        (rule(edits.garbage(b"\xff\xff"), number=1), ANSWER + b"\xff\xff" + BYE),
        (rule(edits.followed_by(b"\x89\x00"), number=1), ANSWER + HELLO + b"\x89\x00" + BYE),
        (rule(edits.in_pieces(7)), ANSWER + HELLO + BYE),
        (rule(edits.late(0.01), number=1), ANSWER + HELLO + BYE),
        (rule(edits.payload(lambda _: b"\xff"), number=1), ANSWER + b"\x81\x01\xff" + BYE),
        (rule(edits.in_fragments(2), number=1), ANSWER + b"\x01\x02he\x00\x02ll\x80\x01o" + BYE),
        (rule(edits.unmasked_or_masked, number=1), ANSWER + serialise(1, b"hello", mask=b"\1\2\3\4") + BYE),
        (rule(edits.with_first_byte(lambda byte: byte | 0x40), number=1), ANSWER + b"\xc1\x05hello" + BYE),
        (rule(edits.line(lambda _: b"HTTP/1.1 200 OK"), head=True), ANSWER.replace(SWITCHED, b"200 OK") + HELLO + BYE),
        (rule(edits.without_field("upgrade"), head=True), ANSWER.replace(b"Upgrade: websocket\r\n", b"") + HELLO + BYE),
        (rule(edits.field_added("X-Two", "2"), head=True), ANSWER[:-2] + b"X-Two: 2\r\n\r\n" + HELLO + BYE),
        (
            rule(edits.field_added("Upgrade", "h2c", instead=True), head=True),
            ANSWER.replace(b"websocket", b"h2c") + HELLO + BYE,
        ),
        (rule(edits.fields_lower_cased(), head=True), ANSWER.replace(b"Upgrade", b"upgrade") + HELLO + BYE),
        (rule(edits.cut(End.FIN), number=1), ANSWER),
        (rule(edits.cut(End.FIN, behind=True), head=True), ANSWER),
        (rule(edits.cut(End.RESET), head=True), b"RESET"),
        (rule(edits.drop, number=1, connections=frozenset({2})), ANSWER + HELLO + BYE),
    ],
)  # fmt: skip
async def test_an_edit_does_what_it_says_and_nothing_else(changed: Twist, received: bytes) -> None:
    heard, seen = await through([changed])
    assert seen == received
    assert heard.removesuffix(b"RESET") in {REQUEST + SAID, REQUEST}


async def test_up_and_down_are_told_apart() -> None:
    heard, received = await through([rule(edits.payload(bytes.upper), flow=Flow.UP)])
    assert heard == REQUEST + serialise(Opcode.TEXT, b"SAID", mask=MASK)
    assert received == ANSWER + HELLO + BYE
    heard, _ = await through([rule(edits.unmasked_or_masked, flow=Flow.UP, number=1)])
    assert heard == REQUEST + serialise(Opcode.TEXT, b"said", mask=None)


async def test_what_was_said_on_the_connection_before_comes_on_the_next() -> None:
    heard: list[bytes] = []
    async with (
        server(answer=ANSWER, heard=heard) as target,
        Relay(lambda: target, [rule(edits.swapped(), flow=Flow.UP)]) as relay,
    ):
        for word in (b"one", b"two"):
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            writer.write(REQUEST + serialise(Opcode.TEXT, word, mask=MASK))
            writer.write_eof()
            await reader.read(-1)
            await disconnect(writer)
    assert heard == [REQUEST + serialise(Opcode.TEXT, b"one", mask=MASK)] * 2


def unit(connection: int = 1, number: int = 1) -> Unit:
    return Unit(flow=Flow.DOWN, connection=connection, number=number, data=HELLO, frame=Frame(Opcode.TEXT, b"hello"))


def test_a_pause_stands_before_what_it_delays() -> None:
    assert tuple(edits.late(0.5)(unit())) == (Pause(seconds=0.5), HELLO)


def test_the_same_seed_draws_the_same_units() -> None:
    units = [unit(connection, number) for connection in range(20) for number in range(1, 21)]
    drawn = [[unit for unit in units if Twist(edit=edits.drop, share=0.25, seed=seed).fits(unit)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert 60 < len(drawn[0]) < 140


@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_a_frame_is_found_whole_or_not_at_all(size: int, mask: bytes | None) -> None:
    data = serialise(Opcode.BINARY, b"x" * size, mask=mask)
    assert split(data + b"more") == (Frame(Opcode.BINARY, b"x" * size), mask, len(data))
    assert all(split(data[:at]) is None for at in {0, 1, 2, len(data) // 2, len(data) - 1} if at < len(data))


async def test_a_target_that_refuses_is_refused() -> None:
    async with server(answer=b"", heard=[]) as target:
        pass
    async with Relay(lambda: target) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        await disconnect(writer)


async def test_fragments_are_of_messages_and_leave_control_frames_whole() -> None:
    _, down = await through([Twist(edit=edits.in_fragments(1))], answer=ANSWER + HELLO + BYE)
    assert down.endswith(BYE)
    assert down.count(b"\x00\x01") == 3  # of hello: the first is a text frame, the last has FIN
    assert HELLO not in down


async def test_a_relay_stands_where_it_is_told() -> None:
    heard: list[bytes] = []
    async with server(answer=ANSWER, heard=heard) as target:
        async with Relay(lambda: target, host="localhost") as relay:
            assert relay.address == f"localhost:{relay.port}"
        try:
            async with Relay(lambda: target, host="::1") as relay:
                assert relay.address == f"[::1]:{relay.port}"
        except OSError:
            pytest.skip("this machine has no ::1")
