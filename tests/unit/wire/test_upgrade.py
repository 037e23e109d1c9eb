from __future__ import annotations

import os

import pytest

from wslb.errors import ConfigError
from wslb.model.handshake import accept_for, valid_key
from wslb.wire.frames import close_payload, serialise
from wslb.wire.machine import Accepted, Ended, Failed, Goodbye, Machine, Received, State
from wslb.wire.upgrade import Address, address_of, key_of, request_bytes

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def machine() -> Machine:
    return Machine(accept=accept_for(KEY), entropy=os.urandom)


@pytest.mark.parametrize(
    ("url", "secure", "host", "port", "target", "authority"),
    [
        ("ws://localhost", False, "localhost", 80, "/", "localhost"),
        ("wss://h:443/ws?x=1", True, "h", 443, "/ws?x=1", "h"),
        ("WS://127.0.0.1:8080?x", False, "127.0.0.1", 8080, "/?x", "127.0.0.1:8080"),
        ("ws://[::1]:9/a", False, "::1", 9, "/a", "[::1]:9"),
    ],
)
def test_a_url_is_taken_apart(url: str, secure: bool, host: str, port: int, target: str, authority: str) -> None:
    assert address_of(url) == Address(secure=secure, host=host, port=port, target=target)
    assert address_of(url).authority == authority


@pytest.mark.parametrize(
    "url", ["http://h/", "ws://", "ws://h/#f", "ws://u:p@h/", "ws://h:0/", "ws://h:70000/", "ws://h h/", "ws://h/a b"]
)
def test_what_is_no_websocket_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="ws"):
        address_of(url)


def test_the_request_is_the_one_of_the_rfc() -> None:
    address = address_of("ws://server.example.com/chat")
    headers = (("Sec-WebSocket-Protocol", "chat, superchat"), ("Origin", "http://example.com"))
    assert request_bytes(address, key=KEY, headers=headers) == (
        b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: chat, superchat\r\nOrigin: http://example.com\r\n\r\n"
    )


def test_a_field_cannot_write_further_fields() -> None:
    address = address_of("ws://h/")
    with pytest.raises(ValueError, match="line end"):
        request_bytes(address, key=KEY, headers=(("X", "a\r\nY: b"),))


def test_keys_are_valid_and_differ() -> None:
    keys = {key_of(os.urandom(16)) for _ in range(100)}
    assert len(keys) == 100
    assert all(valid_key(key) for key in keys)


def test_masks_are_random() -> None:
    client = machine()
    client.feed(ANSWER)
    masks = {client.send(b"x")[2:6] for _ in range(100)}
    assert len(masks) > 95


def test_a_connection_opens_talks_and_closes() -> None:
    client = machine()
    [opened, greeting] = client.feed(ANSWER + serialise(1, b"hello", mask=None))
    assert isinstance(opened, Accepted)
    assert (opened.head.status, greeting) == (101, Received("hello"))
    assert client.feed(serialise(9, b"p", mask=None)) == []
    assert client.take()[:2] == b"\x8a\x81"
    assert client.take() == b""
    assert client.close(1000, "done")
    assert client.close() == b""
    with pytest.raises(ConnectionError):
        client.send("late")
    assert client.feed(serialise(8, close_payload(1000, "done"), mask=None)) == [Goodbye(1000, "done")]
    assert client.take() == b""
    assert client.eof() is None
    assert (client.state, client.ended) == (State.ENDED, Ended(1000, "done", "client"))


def test_a_close_by_the_server_is_answered_once() -> None:
    client = machine()
    client.feed(ANSWER)
    client.feed(serialise(8, close_payload(1001, "idle"), mask=None))
    assert client.take()[0] == 0x88
    assert client.close() == b""
    client.eof()
    assert client.ended == Ended(1001, "idle", "server")


def test_a_stream_that_ends_is_lost_or_no_answer() -> None:
    client = machine()
    client.feed(ANSWER)
    assert client.eof() is None
    assert client.ended == Ended(1006, "", "lost")
    assert machine().eof() == Failed("no answer", "the connection ended without an answer")
    cut = machine()
    assert cut.feed(ANSWER[:20]) == []
    failed = cut.eof()
    assert failed is not None
    assert failed.kind == "cut answer"


def test_an_endless_head_is_given_up() -> None:
    client = machine()
    events = [event for _ in range(100) for event in client.feed(b"HTTP/1.1 101 ok\r\n" + b"x" * 1000)]
    assert len(events) == 1
    assert isinstance(events[0], Failed)


def test_what_is_no_http_is_refused_at_once() -> None:
    [failed] = machine().feed(b"SSH-2.0-OpenSSH")
    assert isinstance(failed, Failed)
    assert failed.kind == "malformed answer"
