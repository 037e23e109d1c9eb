"""Bytes of any kind, read as answers, frames, requests and closes: the documented error or a meaning, never another."""

from __future__ import annotations

import contextlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.contract.frames import framing
from backends.contract.frames.manners import LIBERTY_MANNERS, NODE_MANNERS, Broken, Manners
from backends.contract.request import asks_upgrade, path_of, read_head
from tests.fuzz.inputs import frames, heard, octets_of, pieces_of, text_of
from tests.unit.wire.test_machine import HEAD, KEY, LIMIT, Meaning, ours, theirs
from wslb.errors import ConfigError
from wslb.model.cookies import cookie_sent, cookie_set
from wslb.model.handshake import accept_for
from wslb.wire.frames import FrameError, FrameReader, parse_close
from wslb.wire.http1 import HeadReader, WireError, body_is_complete, parse_head
from wslb.wire.machine import Machine
from wslb.wire.upgrade import address_of, refusal

pytestmark = pytest.mark.slow

HEAD_PARTS = (
    "HTTP/1.1 101 Switching Protocols\r\n",
    "HTTP/1.1 ",
    "200",
    "GET /ws HTTP/1.1\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    ":",
    ": ",
    " ",
    "Upgrade: websocket\r\n",
    "Connection: Upgrade\r\n",
    f"Sec-WebSocket-Accept: {accept_for(KEY)}\r\n",
    "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=",
    "Content-Length: ",
    "Transfer-Encoding: chunked\r\n",
    "Set-Cookie: a=",
    "x" * 9000,
)
COOKIE_PARTS = ("a", "=", ";", "; ", ",", '"', "JSESSIONID", ".route", "Path=/", " ", "\t", "\\")


def agreed(mine: Meaning, other: Meaning) -> None:
    """Fail unless both mean the same, but for the accepted differences.

    * We refuse a frame as soon as its head breaks a rule; the library waits for its payload first. So it may still
      wait where we have failed, or fail for another rule of the same frame.
    * The library's parser tells nothing of a close frame behind which it failed.
    """
    if mine.failed:
        other.failed, other.close_sent, other.closed = True, mine.close_sent, mine.closed
    assert mine == other


@given(pieces_of(frames()))
def test_frames_mean_what_the_library_makes_of_them(pieces: list[bytes]) -> None:
    agreed(ours([HEAD, *pieces]), theirs([HEAD, *(bytes((octet,)) for piece in pieces for octet in piece)]))


@given(pieces_of(octets_of(HEAD_PARTS)), st.booleans())
def test_answers_are_read_or_refused(pieces: list[bytes], opening: bool) -> None:
    machine = Machine(accept=accept_for(KEY), entropy=os.urandom, limit=LIMIT)
    for piece in (HEAD, *pieces) if opening else pieces:
        machine.feed(piece)
        machine.take()
    machine.eof()
    assert machine.ended


@given(octets_of(HEAD_PARTS))
def test_heads_are_read_or_refused(data: bytes) -> None:
    head = parse_head(data)
    if head is not None:
        refusal(head, accept=accept_for(KEY))
        body_is_complete(head.headers, data[head.size :])
        cookie_set(head.headers, "a")
    assert heard(WireError, HeadReader().feed, data)
    request = read_head(data)
    if request is not None:
        asks_upgrade(request)
        path_of(request.target)
        framing.chosen_deflate(request.values("Sec-WebSocket-Extensions"))


@given(
    st.sampled_from(["Content-Length", "Transfer-Encoding"]),
    text_of(("5", "chunked", " "), most=2),
    st.binary(max_size=9),
)
def test_a_body_ends_by_its_own_account_or_does_not(name: str, value: str, body: bytes) -> None:
    assert body_is_complete(((name, value),), body) in {True, False}


@given(text_of(COOKIE_PARTS))
def test_cookies_are_read(value: str) -> None:
    for name in ("a", "JSESSIONID"):
        for read in (cookie_sent(((("Cookie", value)),), name), cookie_set((("Set-Cookie", value),), name)):
            assert read is None or read in value or read.strip('"') in value


@given(pieces_of(frames()), st.booleans(), st.sampled_from([None, 100]))
def test_every_reader_of_frames_gives_frames_or_its_error(
    pieces: list[bytes], deflate: bool, limit: int | None
) -> None:
    client, server = FrameReader(limit), framing.Reader(limit=100, deflate=deflate, manners=LIBERTY_MANNERS)
    with contextlib.suppress(FrameError):
        for piece in pieces:
            client.feed(piece)
            while (frame := client.next(limit or 0)) is not None:
                assert frame.told
                assert frame.text is not None
    masked = [bytes((octet | 0x80 if at == 1 else octet) for at, octet in enumerate(piece)) for piece in pieces]
    with contextlib.suppress(Broken):
        for piece in masked:
            server.feed(piece)
            while server.next() is not None:
                pass
    assert client.waiting <= sum(map(len, pieces))


@pytest.mark.parametrize(
    ("manners", "otherwise"), [(LIBERTY_MANNERS, {1012, 1013, 1014}), (NODE_MANNERS, {1015})], ids=["liberty", "node"]
)
@given(data=st.binary(max_size=130))
def test_close_payloads_are_read_alike_or_refused_with_one_code(
    manners: Manners, otherwise: set[int], data: bytes
) -> None:
    """But for codes that an original takes otherwise, those that it does not answer, and two faults in one frame."""
    parting = manners.farewell(data)
    code = int.from_bytes(data[:2], "big")
    try:
        read = parse_close(data)
    except FrameError as exc:
        mine = exc.code
        assert parting is None or parting.code == mine or code in otherwise or code not in manners.codes
    else:
        assert parting is not None
        assert (parting.code, parting.reason) == tuple(read)[:2] or code in otherwise


@given(text_of(("ws", "wss", "://", ":", "/", "?", "#", "@", "[", "]", "::1", "example.org", "%", "\\")))
def test_urls_are_understood_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        address = address_of(text)
        assert address.host
        assert 0 < address.port < 65_536
        assert address.authority
