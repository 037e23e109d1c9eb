"""What may be told: secrets in every place where they travel, and orders to terminals and CI systems."""

from __future__ import annotations

import time

import pytest

from wslb.model.disclosure import clean, field_value, one_line, redacted, redacted_all
from wslb.wire.naming import FORMS

SECRET = "Hu5h-4711"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"proxy-authorization: Basic {SECRET}",
        f"  > Cookie: a=b; ROUTE={SECRET}.liberty",
        f"Cookie: NAME={SECRET}",
        f"< Set-Cookie: JSESSIONID={SECRET}; Path=/",
        f"{{'Authorization': '{SECRET}'}}",
        f'["Cookie", "a={SECRET}"]',
        f'RequestHeader set Authorization "{SECRET}"',
        f'Header always set Set-Cookie "ROUTEID={SECRET}; path=/"',
        f"ws://user:{SECRET}@example.org/ws refused",
        f"BalancerMember wss://{SECRET}@node/ route=node",
        f"Cannot read ws:/user:{SECRET}@example.org/ws: no such file",
        f"invalid address 'user:{SECRET}@127.0.0.1:8786'; IPv6 needs brackets",
        f"user:{SECRET}@[::1]:8786",
        f"wslb check 'wss://example.org/ws?x={SECRET}&y=1'",
        f"GET /ws?access_token={SECRET} HTTP/1.1",
        f"http://example.org/login?a=1&sessionId={SECRET}#top",
        f"Sec-WebSocket-Protocol: chat, bearer.{SECRET}",
        f"the answer was Bearer {SECRET}",
        f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIi{SECRET}.c2ln{SECRET}",
    ],
)
def test_secret_is_taken_out(text: str) -> None:
    told = redacted(text)
    assert SECRET not in told
    assert SECRET not in redacted(f"{['line', f'x{chr(10)}{text}']}"), "where a line end is shown as \\\\n"
    assert redacted(told) == told, "twice is once"


@pytest.mark.parametrize(
    "text",
    [
        "the cookie ROUTEID leads to liberty",
        f"--identify is 'foo', but must be {FORMS}.",
        "Basic authentication is for another day",
        "Upgrade: websocket",
        "Sec-WebSocket-Protocol: chat, graphql-transport-ws",
        "https://example.org/show_bug.cgi?id=55910",
        "balancer://mycluster/CLRunner",
        "liberty@127.0.0.101:10000",
        "httpd:2.4@sha256:9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0",
        "mailto:somebody@example.org",
        "/usr/share/a:b@c",
        "http://127.0.0.1:8080/balancer-manager?xml=1",
        '[{"name": "set-cookie", "what": "added"}, {"name": "cookie","what": "same"}]',
    ],
)
def test_all_else_stays(text: str) -> None:
    assert redacted(text) == text


def test_fields_go_by_their_name() -> None:
    assert field_value("COOKIE", SECRET) == "(redacted)"
    assert field_value("Sec-WebSocket-Protocol", f"chat, token-{SECRET}") == "chat, (redacted)"
    assert field_value("Host", "example.org") == "example.org"


def test_documents_are_gone_through() -> None:
    document = {"headers": [["Cookie", SECRET], ["Host", "h"]], "url": f"ws://u:{SECRET}@h/", "n": 1, "none": None}
    assert redacted_all(document) == {
        "headers": [["Cookie", "(redacted)"], ["Host", "h"]], "url": "ws://(redacted)@h/", "n": 1, "none": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\x1b[2Jgone", "␛[2Jgone"),
        ("\x9b31m", "<U+009B>31m"),
        ("a\u202eb\u2066c\u200f", "a<U+202E>b<U+2066>c<U+200F>"),
        ("a\u2028b", "a<U+2028>b"),
        ("::error::no", ": :error::no"),
        ("  ::set-output name=x::y", "  : :set-output name=x::y"),
        ("ok\n::stop-commands::t", "ok\n: :stop-commands::t"),
        ("##[error]no", "# #[error]no"),
        ("[::1]:80 and ::ffff:192.0.2.1", "[::1]:80 and ::ffff:192.0.2.1"),
    ],
)
def test_orders_are_only_text(text: str, told: str) -> None:
    assert clean(text) == told


def test_a_foreign_line_end_ends_no_line() -> None:
    assert one_line("a\r\n::error::b") == "a␍␊: :error::b"


LONG = (
    *("a", "a-b.", "?a", "Bearer ", "Cookie", "Cookie:", "x:", "eyJ", "http://", "ws://a?", "?token", "::warning "),
    *("Header set ", "sec-websocket-protocol:", "ws://h/?a=1&", "+", "/", " "),
)


@pytest.mark.parametrize("piece", LONG)
def test_long_text_costs_what_its_length_does(piece: str) -> None:
    """A server chooses its texts: eight times as long may take eight times as long, and not sixty-four."""

    def seconds(length: int) -> float:
        text = "ws://" + piece * (length // len(piece))
        began = time.process_time()
        for told in (redacted, clean):
            told(text)
        return time.process_time() - began

    short = max(min(seconds(16_384) for _ in range(5)), 1e-4)
    assert min(seconds(131_072) for _ in range(3)) < 30 * short
