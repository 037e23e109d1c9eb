from __future__ import annotations

import pytest
from websockets.uri import parse_uri

from wslb.errors import ConfigError
from wslb.wire.approach import SPEAK, Approach, Speech, basic
from wslb.wire.clients import CLIENTS, SHAPES, arranged
from wslb.wire.upgrade import address_of


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must begin"),
        ("x", "must begin"),
        ("http://x/", "Write ws://"),
        ("https://x/", "Write wss://"),
        ("ftp://x/", "must begin"),
        ("ws:///x", "no host"),
        ("ws://", "no host"),
        ("ws://:80/", "no host"),
        ("ws://?x", "no host"),
        ("ws://h:0/", "port"),
        ("ws://h:65536/", "port"),
        ("ws://h:-1/", "port"),
        ("ws://h:x/", "port"),
        ("ws://h:٣/", "port"),
        ("ws://h:99999999999999999999/", "port"),
        ("ws://[::1/", "cannot be"),
        ("ws://[x]/", "cannot be"),
        ("ws://[::1]x/", ""),
        ("ws://.h/", "cannot be"),
        ("ws://a..b/", "cannot be"),
        (f"ws://{'a' * 64}/", "cannot be"),
        ("ws://<h>/", "cannot be"),
        ("ws://h/#part", "fragment"),
        ("ws://h#part", "fragment"),
        ("ws://h/a b", "space"),
        ("ws://h/\r\nX-Injected: 1", "space"),
        ("ws://h\x00/", "space"),
        ("ws://h/\ud800", "half of a pair"),
        ("ws://user@h/", "--user"),
        ("ws://:word@h/", "--user"),
        ("ws://user:word@h/", "--user"),
        (f"ws://h/{'a' * 8000}", "8,000"),
    ],
)
def test_a_url_of_another_kind_is_wrong_usage_with_its_reason(url: str, why: str) -> None:
    with pytest.raises(ConfigError, match="ws://host") as refused:
        Approach(url=url)
    assert why in refused.value.hint


def test_ports_follow_the_scheme() -> None:
    ports = [address_of(url).port for url in ("ws://h/", "wss://h/", "ws://h:81/")]
    assert ports == [80, 443, 81]


@pytest.mark.parametrize(
    "url",
    ["ws://h", "ws://h:80", "ws://h?x", "ws://[::1]:81/a?b=c", "WSS://h/", "ws://bücher.example.org/é", "ws://h/a@b"],
)
def test_a_url_of_the_kind_is_taken(url: str) -> None:
    address = Approach(url=url).address
    assert (parse_uri(url.replace("WSS", "wss")).host, parse_uri(url.replace("WSS", "wss")).port) == (
        address.host.encode("idna").decode(),
        address.port,
    )


@pytest.mark.parametrize(
    ("url", "origin", "sent"),
    [
        ("ws://h:8080/a", "", "http://h:8080"),
        ("wss://h:443/", "", "https://h"),
        ("wss://h/", "https://app.example.org", "https://app.example.org"),
        ("wss://h/", None, None),
    ],
)
def test_the_origin_is_the_urls_own_unless_another_is_given(url: str, origin: str | None, sent: str | None) -> None:
    assert dict(Approach(url=url, origin=origin).fields()).get("Origin") == sent


@pytest.mark.parametrize("name", ["Sec-WebSocket-Key", "sec-websocket-protocol", "Sec-WebSocket-Extensions", "a b", ""])
def test_a_field_that_would_break_the_handshake_is_wrong_usage(name: str) -> None:
    with pytest.raises(ConfigError, match="--header"):
        Approach(url="ws://h/", headers=((name, "x"),))


@pytest.mark.parametrize(
    ("more", "option"),
    [
        ({"headers": (("X", "a\r\nY: b"),)}, "--header"),
        ({"subprotocols": ("a, b",)}, "--subprotocol"),
        ({"shape": "netscape"}, "--shape"),
        ({"speech": Speech(expects="(")}, "--expect"),
        ({"speech": Speech(says="x" * (1024 * 1024 + 1))}, "--first-message"),
    ],
)
def test_what_cannot_be_sent_is_wrong_usage(more: dict[str, object], option: str) -> None:
    with pytest.raises(ConfigError, match=option):
        Approach(url="ws://h/").having(**more)


@pytest.mark.parametrize("shape", [name for name in SHAPES if name])
def test_a_shape_has_the_fields_of_its_client_in_their_order(shape: str) -> None:
    client = next(request for name, request in CLIENTS.items() if name.lower() == shape)
    left_out = {"cookie", "sec-websocket-extensions"} | ({"origin"} if shape == "curl" else set())
    own = (("Host", "h"), ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "{key}"),
           ("Sec-WebSocket-Version", "13"))  # fmt: skip
    approach = Approach(url="ws://h/", shape=shape, origin=None if shape == "curl" else "")
    sent = arranged((*own, *approach.fields()), shape)
    due = [(name, value.replace("{host}", "h").replace("{origin}", "http://h")) for name, value in client.headers]
    assert list(sent) == [field for field in due if field[0].lower() not in left_out]


def test_a_field_takes_the_place_of_one_that_is_there_anyway() -> None:
    own = (("Host", "h"), ("Upgrade", "websocket"), ("X-A", "1"), ("Cookie", "a=1"))
    sent = arranged((*own, ("host", "other.example.org"), ("X-A", "2"), ("Cookie", "b=2")), "")
    assert sent == (
        ("Host", "other.example.org"), ("Upgrade", "websocket"), ("X-A", "1"), ("Cookie", "a=1"), ("X-A", "2"),
        ("Cookie", "b=2"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "url", "spoken"),
    [
        ("socketio", "ws://h", "ws://h/socket.io/?EIO=4&transport=websocket"),
        ("socketio", "ws://h/app/?EIO=3&x", "ws://h/app/?EIO=3&x&transport=websocket"),
        ("graphql-ws", "ws://h/graphql", "ws://h/graphql"),
        ("stomp", "wss://h:1/ws", "wss://h:1/ws"),
        ("mqtt", "ws://h/mqtt", "ws://h/mqtt"),
    ],
)
def test_a_protocol_is_offered_said_and_expected(name: str, url: str, spoken: str) -> None:
    approach = Approach(url=url).speaking(name)
    assert approach.url == spoken
    assert approach.subprotocols == SPEAK[name].subprotocols
    assert approach.listens
    assert "{host}" not in approach.speech.says


@pytest.mark.parametrize(
    ("name", "answer", "fits"),
    [
        ("socketio", '40{"sid":"x"}', True),
        ("socketio", '0{"sid":"40"}', False),
        ("socketio", '44{"message":"no"}', False),
        ("graphql-ws", '{ "type" : "connection_ack" }', True),
        ("graphql-ws", '{"type":"ping"}', False),
        ("stomp", "CONNECTED\nversion:1.2\n\n\0", True),
        ("stomp", "ERROR\nmessage:CONNECTED\n\n\0", False),
        ("mqtt", b"\x20\x02\x00\x00", True),
        ("mqtt", b"\x20\x02\x00\x05", False),
    ],
)
def test_the_answer_of_a_protocol_is_known(name: str, answer: str | bytes, fits: bool) -> None:
    assert Approach(url="ws://h/").speaking(name).speech.satisfied(answer) is fits


def test_what_is_given_goes_before_what_the_protocol_would_say() -> None:
    asked = Approach(url="ws://h/", subprotocols=("mine",), speech=Speech(says="hello", expects="welcome"))
    approach = asked.speaking("mqtt")
    assert (approach.subprotocols, approach.speech.message, approach.speech.expects) == (("mine",), "hello", "welcome")
    assert Approach(url="ws://h/").speaking("mqtt").speech.message == (b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00")


def test_basic_authentication_is_that_of_the_rfc() -> None:
    assert basic("Aladdin:open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
