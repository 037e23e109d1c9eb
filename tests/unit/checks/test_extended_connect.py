from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import record, spoiled
from wslb.checks.extended_connect import (
    bridged_to_http1,
    greeting_not_lost,
    not_offered,
    opened_by_connect,
    opened_with_accept,
)
from wslb.model.handshake import Exchange, Headers, accept_for, header_values
from wslb.model.results import Check, Record

ASKED: Headers = ((":method", "CONNECT"), (":protocol", "websocket"), (":path", "/ws"))
OTHER_KEY = "AAAAAAAAAAAAAAAAAAAAAA=="


def over_http2() -> Record:
    found = record(["liberty", "node"])
    for seq in (1, 2):
        found = spoiled(found, seq, request=ASKED, status=200, response=((":status", "200"), ("x-backend", "liberty")))
    return with_arrival(found, "Sec-WebSocket-Key", OTHER_KEY, accept=accept_for(OTHER_KEY))


def with_arrival(found: Record, name: str, value: str, *, accept: str | None = None) -> Record:
    """The second connection's arrival with another value of this field, and of the accept field."""
    arrival = found.handshakes[1].arrivals[0]
    headers = tuple((n, value if n == name else v) for n, v in arrival.headers)
    answered = tuple((n, accept if accept and n == "Sec-WebSocket-Accept" else v) for n, v in arrival.response)
    return spoiled(found, 2, arrivals=(replace(arrival, headers=headers, response=answered),))


def without_offer() -> Record:
    error = "the server does not offer extended CONNECT (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441)"
    return spoiled(over_http2(), 1, status=None, error=error, arrivals=())


@pytest.mark.parametrize(
    "check", [opened_by_connect, opened_with_accept, bridged_to_http1, not_offered, greeting_not_lost]
)
def test_without_evidence_it_fails(check: Check) -> None:
    assert not check(Record()).holds


@pytest.mark.parametrize("check", [opened_by_connect, opened_with_accept, bridged_to_http1, not_offered])
def test_http1_alone_is_no_evidence(check: Check) -> None:
    assert "nobody asked" in check(record(["liberty"])).observed or "no extended" in check(record(["liberty"])).observed


def test_a_good_extended_connect_passes() -> None:
    assert opened_by_connect(over_http2()).observed == "holds on all 2 tunnels"
    assert bridged_to_http1(over_http2()).observed == "holds on all 2 tunnels, 2 different keys"


def test_fields_of_http1_have_no_place_in_the_answer() -> None:
    verdict = opened_by_connect(spoiled(over_http2(), 2, response=((":status", "200"), ("upgrade", "websocket"))))
    assert verdict.observed == "connection 2: upgrade came along"
    assert not opened_by_connect(spoiled(over_http2(), 2, status=502, error="bad")).holds


def test_of_http1_the_answer_may_have_the_accept_of_the_backend_alone() -> None:
    one = replace(over_http2(), handshakes=over_http2().handshakes[:1])
    (sent,) = header_values(one.handshakes[0].arrivals[0].response, "Sec-WebSocket-Accept")
    accept = ("sec-websocket-accept", sent)
    assert (
        opened_with_accept(spoiled(one, 1, response=((":status", "200"), accept))).observed == "holds on all 1 tunnels"
    )
    assert "the client has none" in opened_with_accept(one).observed
    assert "the client has wrong" in opened_with_accept(spoiled(one, 1, response=((accept[0], "wrong"),))).observed
    upgraded = spoiled(one, 1, response=(accept, ("upgrade", "websocket")))
    assert opened_with_accept(upgraded).observed == "connection 1: upgrade came along"
    assert not opened_with_accept(spoiled(one, 1, status=502, error="bad", arrivals=())).holds


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("Upgrade", "h2c", "Upgrade is 'h2c'"),
        ("Sec-WebSocket-Version", "8", "Sec-WebSocket-Version is not 13"),
        ("Sec-WebSocket-Key", "short", "Sec-WebSocket-Key is 'short'"),
    ],
)
def test_what_the_backend_must_get_is_named(name: str, value: str, told: str) -> None:
    assert bridged_to_http1(with_arrival(over_http2(), name, value)).observed == f"connection 2: {told}"


def test_a_key_used_twice_or_answered_wrong_is_found() -> None:
    twice = record(["liberty", "node"])
    for seq in (1, 2):
        twice = spoiled(twice, seq, request=ASKED, status=200)
    assert not bridged_to_http1(twice).holds
    wrong = with_arrival(over_http2(), "Sec-WebSocket-Key", OTHER_KEY, accept="wrong")
    assert "does not answer that key" in bridged_to_http1(wrong).observed
    assert "no backend saw it" in bridged_to_http1(spoiled(over_http2(), 1, arrivals=())).observed


def test_not_offered_needs_the_word_of_settings_and_silent_backends() -> None:
    one = replace(without_offer(), handshakes=without_offer().handshakes[:1])
    assert not_offered(one).holds
    assert not not_offered(without_offer()).holds
    assert not not_offered(spoiled(one, 1, error="reset")).holds


def said(*exchanges: tuple[bool, str]) -> Record:
    made = tuple(Exchange(sent=sent, at=1.0, text=text, size=len(text)) for sent, text in exchanges)
    return spoiled(record(["liberty"]), 1, exchanges=made)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (said((False, "[From Server] Connected to x")), "holds on all 1 tunnels; 0 of them waited"),
        (said((True, "WRKSBS"), (False, "[From Server] Connected to x")), "holds on all 1 tunnels; 1 of them waited"),
        (said((True, "WRKSBS"), (False, "listing")), "connection 1: first message 'listing'"),
        (said((True, "WRKSBS")), "connection 1: first message ''"),
    ],
    ids=["early", "late", "lost", "nothing"],
)
def test_a_late_greeting_is_late_and_a_lost_one_lost(found: Record, told: str) -> None:
    verdict = greeting_not_lost(found)
    assert verdict.holds is told.startswith("holds")
    assert verdict.observed.startswith(told)
