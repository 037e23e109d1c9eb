"""The driver beside the websockets library: the same bytes, whole, split at every offset and broken, mean the same."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame as TheirFrame
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from wslb.model.handshake import accept_for
from wslb.wire import machine as driver
from wslb.wire.frames import Opcode, close_payload, masked, serialise
from wslb.wire.upgrade import Known

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
LIMIT = 70_000


@dataclass
class Meaning:
    """What a client made of a stream."""

    accepted: bool = False
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    messages: list[str | bytes] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    close_sent: int | None = None
    closed: tuple[int, str] | None = None
    failed: bool = False


def sent_frames(octets: bytes) -> Iterable[tuple[int, bytes]]:
    while octets:
        size, start = octets[1] & 0x7F, 2
        assert octets[1] & 0x80, "a client's frame is masked"
        if size == 126:
            size, start = int.from_bytes(octets[2:4], "big"), 4
        mask, data = octets[start : start + 4], octets[start + 4 : start + 4 + size]
        yield octets[0] & 0x0F, masked(data, mask)
        octets = octets[start + 4 + size :]


def note_sent(meaning: Meaning, octets: bytes) -> None:
    for opcode, data in sent_frames(octets):
        if opcode == Opcode.PONG:
            meaning.pongs.append(data)
        else:
            assert opcode == Opcode.CLOSE
            meaning.close_sent = int.from_bytes(data[:2], "big") if data else 1005


def ours(pieces: Iterable[bytes], known: Known | None = None) -> Meaning:
    client = driver.Machine(accept=accept_for(KEY), entropy=os.urandom, limit=LIMIT, known=known)
    meaning = Meaning()
    for piece in pieces:
        for event in client.feed(piece):
            if isinstance(event, driver.Accepted):
                meaning.accepted, meaning.status, meaning.headers = True, event.head.status, event.head.headers
            elif isinstance(event, driver.Received):
                meaning.messages.append(event.data)
            elif isinstance(event, driver.Goodbye):
                meaning.closed = (event.code, event.reason)
            elif isinstance(event, driver.Failed):
                meaning.failed = True
                if event.head:
                    meaning.status, meaning.headers = event.head.status, event.head.headers
        note_sent(meaning, client.take())
    return meaning


def theirs(pieces: Iterable[bytes]) -> Meaning:
    client = ClientProtocol(parse_uri("ws://localhost/"), max_size=LIMIT)
    client.key = KEY
    client.send_request(client.connect())
    client.data_to_send()
    meaning = Meaning()
    parts: list[TheirFrame] = []
    for piece in pieces:
        if meaning.failed:
            break
        client.receive_data(piece)
        for event in client.events_received():
            if isinstance(event, Response):
                meaning.accepted = client.handshake_exc is None
                meaning.status = event.status_code
                meaning.headers = tuple(event.headers.raw_items())
                continue
            assert isinstance(event, TheirFrame)
            if int(event.opcode) in {Opcode.TEXT, Opcode.BINARY, Opcode.CONTINUATION}:
                parts.append(event)
                if event.fin and not meaning.failed:
                    whole = b"".join(part.data for part in parts)
                    try:  # the library's asyncio layer decodes, and closes with 1007
                        meaning.messages.append(whole.decode() if int(parts[0].opcode) == Opcode.TEXT else whole)
                    except UnicodeDecodeError:
                        meaning.failed, meaning.close_sent = True, 1007
                    parts = []
        sent = b"".join(client.data_to_send())
        if meaning.failed:
            break
        if meaning.accepted:
            note_sent(meaning, sent)
    if client.handshake_exc is not None or client.parser_exc is not None:
        meaning.failed = True
    if client.close_rcvd is not None and not meaning.failed:
        meaning.closed = (client.close_rcvd.code, client.close_rcvd.reason)
    assert meaning.failed or not meaning.accepted or client.state is OPEN or meaning.closed
    return meaning


def answer(*extra: str, drop: str = "", status: str = "HTTP/1.1 101 Switching Protocols") -> bytes:
    lines = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept_for(KEY)}", *extra]
    kept = [line for line in lines if not drop or not line.startswith(drop)]
    return ("\r\n".join([status, *kept]) + "\r\n\r\n").encode("latin-1")


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    return serialise(opcode, data, mask=None, fin=fin)


HEAD = answer("X-Backend: node", "x-MIXED: a", "X-Mixed: b")

GOOD = {
    "greeting behind the head": frame(1, b"[From Server] Connected to 127.0.0.102"),
    "two messages in one read": frame(1, b"one") + frame(2, b"\0\xff"),
    "empty messages": frame(1) + frame(2),
    "125, 126 and 127 bytes": frame(1, b"x" * 125) + frame(1, b"x" * 126) + frame(1, b"x" * 127),
    "65535 and 65536 bytes": frame(2, b"x" * 65_535) + frame(2, b"y" * 65_536),
    "fragments with a ping between": frame(1, "ü".encode()[:1], fin=False)
    + frame(9, b"p")
    + frame(0, "ü".encode()[1:]),
    "empty fragments": frame(2, fin=False) + frame(0, fin=False) + frame(0),
    "ping and pong": frame(9, b"") + frame(9, b"x" * 125) + frame(10, b"unasked"),
    "close with code and reason": frame(1, b"bye") + frame(8, close_payload(1000, "done")),
    "close without a code": frame(8),
    "close with a code of one's own": frame(8, close_payload(4001, "ü" * 61)),
    "data behind the close": frame(8, close_payload(1001)) + frame(1, b"late") + b"\xff\xff",
    "text outside the basic plane": frame(1, "🙂".encode()),
}

BROKEN = {
    "masked": bytes([0x81, 0x81, 1, 2, 3, 4, 5]),
    "reserved bit": bytes([0xC1, 1, 65]),
    "opcode 3": bytes([0x83, 1, 65]),
    "opcode 11": bytes([0x8B, 0]),
    "continuation first": frame(0, b"x"),
    "message within a message": frame(1, b"a", fin=False) + frame(1, b"b"),
    "close within a message": frame(1, b"a", fin=False) + frame(8, close_payload(1000)),
    "fragmented ping": frame(9, b"p", fin=False),
    "long ping": frame(9, b"p" * 126),
    "close of one byte": frame(8, b"\x03"),
    "close with 1005": frame(8, b"\x03\xed"),
    "close with 999": frame(8, b"\x03\xe7"),
    "close with a broken reason": frame(8, b"\x03\xe8\xff"),
    "text that is no UTF-8": frame(1, b"good") + frame(1, b"\xff\xfe"),
    "fragmented text that is no UTF-8": frame(1, b"\xc3", fin=False) + frame(0, b"\x28"),
    "too long": frame(2, b"x" * (LIMIT + 1)),
    "too long in fragments": frame(2, b"x" * LIMIT, fin=False) + frame(0, b"x"),
}

ANSWERS = {
    "good": HEAD,
    "other spelling": answer(drop="Upgrade").replace(b"Connection: Upgrade", b"CONNECTION: keep-alive, UPGRADE")[:-2]
    + b"upgrade: WebSocket\r\n\r\n",
    "blanks": answer().replace(b"Upgrade: websocket", b"Upgrade:\t websocket \t"),
    "no Upgrade": answer(drop="Upgrade"),
    "other Upgrade": answer("Upgrade: h2c", drop="Upgrade"),
    "two Upgrades": answer("Upgrade: h2c"),
    "no Connection": answer(drop="Connection"),
    "no Accept": answer(drop="Sec-WebSocket-Accept"),
    "two Accepts": answer(f"Sec-WebSocket-Accept: {accept_for(KEY)}"),
    "wrong Accept": answer("Sec-WebSocket-Accept: AAAA", drop="Sec-WebSocket-Accept"),
    "unasked subprotocol": answer("Sec-WebSocket-Protocol: wsconsole"),
    "unasked extension": answer("Sec-WebSocket-Extensions: permessage-deflate"),
    "200": answer(status="HTTP/1.1 200 OK"),
    "503": answer("Content-Length: 0", drop="Upgrade", status="HTTP/1.1 503 Service Unavailable"),
    "502 without a reason": answer("Content-Length: 0", status="HTTP/1.1 502 "),
    "reason missing": answer(status="HTTP/1.1 101"),
    "HTTP/1.0": answer(status="HTTP/1.0 101 Switching Protocols"),
    "HTTP/2": answer(status="HTTP/2 101 Switching Protocols"),
    "status of letters": answer(status="HTTP/1.1 abc Switching"),
    "status 99": answer(status="HTTP/1.1 099 Low"),
    "line without a colon": answer("nonsense"),
    "blank before the colon": answer("X-Bad : 1"),
    "folded line": answer("X-Folded: 1", " more"),
    "control character": answer("X-Bad: a\x01b"),
    "long line": answer("X-Long: " + "x" * 9000),
    "too many fields": answer(*(f"X-{n}: {n}" for n in range(200))),
    "line feed alone": b"HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\r\n\r\n",
    "frames without a head": frame(1, b"hello") * 3 + b"\r\n\r\n",
}


def same(stream: bytes, pieces: Iterable[bytes]) -> Meaning:
    reference = theirs([stream])
    found = ours(pieces)
    if reference.status is None:  # they saw no answer at all
        assert (found.accepted, found.failed) == (False, True)
        return reference
    assert found == reference
    return reference


@pytest.mark.parametrize("case", GOOD)
def test_a_good_stream_means_the_same_and_is_accepted(case: str) -> None:
    meaning = same(HEAD + GOOD[case], [HEAD + GOOD[case]])
    assert meaning.accepted
    assert not meaning.failed


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_stream_fails_with_the_same_close_code(case: str) -> None:
    meaning = same(HEAD + BROKEN[case], [HEAD + BROKEN[case]])
    assert meaning.failed
    assert meaning.close_sent in {1002, 1007, 1009}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_is_accepted_or_refused_alike(case: str) -> None:
    same(ANSWERS[case], [ANSWERS[case]])


@pytest.mark.parametrize("stream", [*GOOD.values(), *BROKEN.values()], ids=[*GOOD, *BROKEN])
def test_a_stream_split_anywhere_means_the_same(stream: bytes) -> None:
    whole = HEAD + stream
    reference = theirs([whole])
    near = range(1, min(len(whole), len(HEAD) + 300))
    for offset in [*near, *range(len(HEAD) + 300, len(whole), 9973)]:
        assert ours([whole[:offset], whole[offset:]]) == reference, f"split at {offset}"


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_split_anywhere_means_the_same(case: str) -> None:
    stream = ANSWERS[case]
    for offset in range(1, min(len(stream), 1000)):
        same(stream, [stream[:offset], stream[offset:]])


@pytest.mark.parametrize("case", ["fragments with a ping between", "close with code and reason", "ping and pong"])
def test_a_stream_byte_by_byte_means_the_same(case: str) -> None:
    whole = HEAD + GOOD[case]
    assert ours(whole[at : at + 1] for at in range(len(whole))) == theirs([whole])


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_means_the_same(seed: int) -> None:
    """Flip bytes anywhere behind the head: both must agree on every message before the damage, and on the failure."""
    chance = random.Random(seed)  # noqa: S311 - repeatable damage
    parts = list(GOOD.values())
    for _ in range(25):
        octets = bytearray(b"".join(chance.sample([p for p in parts if len(p) < 1000], 3)))
        for _ in range(chance.randint(1, 4)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        stream = HEAD + bytes(octets)
        cut = sorted(chance.sample(range(1, len(stream)), 3))
        pieces = [stream[a:b] for a, b in zip([0, *cut], [*cut, len(stream)], strict=True)]
        found, reference = ours(pieces), theirs(stream[at : at + 1] for at in range(len(stream)))
        if found.failed and not reference.failed:
            # We refuse a frame as soon as its head breaks a rule; the library waits for the payload first.
            reference.failed, reference.close_sent = True, found.close_sent
        if found.failed and reference.failed:
            reference.close_sent, reference.closed = found.close_sent, found.closed
        assert found == reference, stream.hex()


OTHER_KEY = "AAAAAAAAAAAAAAAAAAAAAA=="


def taught() -> Known:
    """Knows the good answers, from a connection with another key."""
    known = Known()
    for stream in (HEAD, answer()):
        other = stream.replace(accept_for(KEY).encode(), accept_for(OTHER_KEY).encode())
        client = driver.Machine(accept=accept_for(OTHER_KEY), entropy=os.urandom, known=known)
        assert isinstance(client.feed(other)[0], driver.Accepted)
    return known


@pytest.mark.parametrize("stream", [*ANSWERS.values(), *(HEAD + s for s in [*GOOD.values(), *BROKEN.values()])])
def test_known_answers_change_nothing(stream: bytes) -> None:
    """Whole and split, accepted and refused: with and without knowledge of earlier answers, the meaning is one."""
    known, plain = taught(), ours([stream])
    without_accept = [(n, v) for n, v in plain.headers if n != "Sec-WebSocket-Accept"]
    for offset in (0, 1, 40, len(HEAD) - 1, len(HEAD)):
        found = ours([stream[:offset], stream[offset:]] if offset else [stream], known)
        assert [(n, v) for n, v in found.headers if n != "Sec-WebSocket-Accept"] == without_accept
        found.headers = plain.headers
        assert found == plain


def test_a_known_answer_to_another_key_is_refused() -> None:
    known = taught()
    other = HEAD.replace(accept_for(KEY).encode(), accept_for(OTHER_KEY).encode())
    assert known.match(other, accept_for(KEY)) is None
    found = ours([other], known)
    assert (found.accepted, found.failed) == (False, True)
    assert known.match(HEAD, accept_for(KEY)) is not None


def test_a_message_of_endless_empty_fragments_is_given_up() -> None:
    client = driver.Machine(accept=accept_for(KEY), entropy=os.urandom)
    client.feed(answer() + frame(1, b"x", fin=False))
    assert client.feed(frame(0, fin=False) * (driver.MOST_FRAGMENTS - 1)) == []
    [failed] = client.feed(frame(0))
    assert isinstance(failed, driver.Failed)
    assert failed.kind == "protocol error 1009"


def test_many_pings_cost_no_more_each_than_few() -> None:
    def seconds(count: int) -> float:
        octets, times = frame(9) * count, []
        for _ in range(3):
            client = driver.Machine(accept=accept_for(KEY), entropy=lambda size: b"m" * size)
            client.feed(answer())
            begin = time.process_time()
            assert client.feed(octets) == []
            times.append(time.process_time() - begin)
            assert len(client.take()) == 6 * count
        return min(times)

    assert seconds(64_000) < 3 * 16 * seconds(4_000)  # a copy of all pongs so far for each makes it 256 times
