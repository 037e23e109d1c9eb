"""Heads written exactly as told, and read with tolerance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wslb.wire.http1 import OPENING, RawRequest, body_is_complete, parse_head, speaks_http


def test_a_request_is_written_byte_for_byte() -> None:
    request = RawRequest(target="/ws", headers=(("Host", "a:1"), ("X-Twice", "1"), ("x-twice", "2")), body=b"tail")
    assert request.encoded() == b"GET /ws HTTP/1.1\r\nHost: a:1\r\nX-Twice: 1\r\nx-twice: 2\r\n\r\ntail"


def test_line_ends_and_version_are_as_told() -> None:
    request = replace(RawRequest(target="/", headers=(("Host", "a"),)), line_end="\n", version="HTTP/1.0")
    assert request.encoded() == b"GET / HTTP/1.0\nHost: a\n\n"


def test_fields_are_dropped_replaced_in_place_and_doubled() -> None:
    names = [name for name, _ in OPENING.without("upgrade").headers]
    assert "Upgrade" not in names
    assert OPENING.having("connection", "keep-alive").headers[2] == ("Connection", "keep-alive")
    assert OPENING.adding(("Host", "b")).headers[-1] == ("Host", "b")


def test_placeholders_are_filled_in_target_and_values() -> None:
    filled = replace(OPENING, target="http://{host}/ws").filled({"host": "127.0.0.1:80", "key": "abc"})
    assert filled.target == "http://127.0.0.1:80/ws"
    assert ("Sec-WebSocket-Key", "abc") in filled.headers
    assert filled.filled({"host": "x"}) == filled


@pytest.mark.parametrize(
    ("data", "http"),
    [(b"H", True), (b"HTTP/1.1 200", True), (b"<!DOCTYPE", False), (b"\x81\x05hello", False), (b"HTTX", False)],
)
def test_a_status_line_is_known_by_its_beginning(data: bytes, http: bool) -> None:
    assert speaks_http(data) is http


def test_a_head_keeps_order_case_and_duplicates() -> None:
    head = parse_head(b"HTTP/1.1 101 Switching Protocols\r\nX-A: 1\r\nx-a:  2 \r\n\r\n\x81\x00")
    assert head is not None
    assert (head.version, head.status, head.reason) == ("HTTP/1.1", 101, "Switching Protocols")
    assert head.headers == (("X-A", "1"), ("x-a", "2"))
    assert head.size == len(b"HTTP/1.1 101 Switching Protocols\r\nX-A: 1\r\nx-a:  2 \r\n\r\n")


@pytest.mark.parametrize(
    "data",
    [b"", b"HTTP/1.1 200 OK\r\n", b"<html>\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1\r\n\r\n"],
)
def test_what_is_no_head_is_none(data: bytes) -> None:
    assert parse_head(data) is None


@pytest.mark.parametrize(
    ("headers", "body", "complete"),
    [
        ((("Content-Length", "3"),), b"abc", True),
        ((("Content-Length", "3"),), b"ab", False),
        ((("Content-Length", "0"),), b"", True),
        ((("Transfer-Encoding", "chunked"),), b"1\r\na\r\n0\r\n\r\n", True),
        ((("Transfer-Encoding", "chunked"),), b"1\r\na\r\n", False),
        ((), b"whatever", False),
        ((("Content-Length", "many"),), b"abc", False),
        ((("Content-Length", "²"),), b"abc", False),
        ((("Content-Length", "9" * 5000),), b"abc", False),
    ],
)
def test_a_body_ends_by_its_own_account(headers: tuple[tuple[str, str], ...], body: bytes, complete: bool) -> None:
    assert body_is_complete(headers, body) is complete
