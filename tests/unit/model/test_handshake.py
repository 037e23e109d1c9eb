from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import KEY, arrival, handshake
from wslb.model.handshake import Close, accept_for, fields, header_values, one_header, tokens, valid_key


@pytest.mark.parametrize(
    ("key", "accept"),
    [
        ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),  # RFC 6455 section 1.3
        # The key of the article's Listing 6. Listing 7 prints another value, which answers some other key.
        ("GqQ0T2I5N+f9lp+daNccwQ==", "YSt5DB1F8kGAfuKtM0LgnoTQ0pI="),
    ],
)
def test_accept_answers_the_key(key: str, accept: str) -> None:
    assert accept_for(key) == accept
    assert accept_for(f" {key} ") == accept


@pytest.mark.parametrize(
    ("key", "valid"),
    [(KEY, True), ("", False), ("dGhl", False), ("%%%%", False), ("dGhlIHNhbXBsZSBub25jZQ", False), ("ü" * 24, False)],
)
def test_a_key_is_base64_of_16_bytes(key: str, valid: bool) -> None:
    assert valid_key(key) is valid


HEADERS = (("Upgrade", "websocket"), ("upgrade", "h2c, WebSocket"), ("Host", "x"))


def test_fields_of_one_name_keep_their_order_and_names_compare_without_case() -> None:
    assert header_values(HEADERS, "UPGRADE") == ("websocket", "h2c, WebSocket")
    assert one_header(HEADERS, "host") == "x"
    assert one_header(HEADERS, "origin") is None


def test_lists_are_split_over_all_lines() -> None:
    assert tokens(HEADERS, "Upgrade") == ("websocket", "h2c", "websocket")


def test_fields_from_json_lists() -> None:
    assert fields([["a", "1"], ["a", "2"]]) == (("a", "1"), ("a", "2"))


def test_the_size_of_a_request_head_counts_every_byte_on_the_wire() -> None:
    seen = arrival("node", headers=(("Host", "h"), ("X", "ü")))
    text = "GET /CLRunner HTTP/1.1\r\nHost: h\r\nX: ü\r\n\r\n"
    assert seen.request_bytes == len(text.encode())


def test_the_greeting_outweighs_the_header() -> None:
    assert handshake(1, "node").backend == "node"
    assert replace(handshake(1, "node"), greeters=()).backend == "node"
    assert replace(handshake(1, "node"), greeters=(), signers=()).backend is None


def test_a_greeting_that_several_share_names_nobody() -> None:
    shared = replace(handshake(1, "node"), greeters=("node", "node-2"), signers=("node-2",))
    assert (shared.greeted_by, shared.backend) == (None, "node-2")
    assert replace(shared, greeters=("node",)).backend == "node", "the greeting outweighs X-Backend"


def test_the_accepted_arrival_is_the_one_that_counts() -> None:
    refused = replace(arrival("liberty"), accepted=False, status=503)
    both = replace(handshake(1, "node"), arrivals=(refused, arrival("node")))
    assert both.arrival is both.arrivals[1]
    assert replace(both, arrivals=(refused,)).arrival is refused
    assert replace(both, arrivals=()).arrival is None


def test_a_lost_connection_is_not_clean() -> None:
    assert Close(code=1000).clean
    assert not Close(code=1006, by="lost").clean


def test_over_http2_any_2xx_opens_a_tunnel() -> None:
    asked = replace(handshake(1, "node"), request=((":method", "CONNECT"), (":protocol", "websocket")))
    assert not asked.accepted
    assert replace(asked, status=200).accepted
    assert replace(asked, status=204).accepted
    assert not replace(asked, status=None).accepted
    assert not replace(asked, status=404).accepted
    assert not replace(handshake(1, "node"), status=200).accepted
