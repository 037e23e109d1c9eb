from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import KEY, REQUEST, answer, arrival, record, spoiled, turns
from wslb.checks import handshake as checks
from wslb.model.handshake import Headers
from wslb.model.results import Check, Record

ARRIVED_AT = checks.arrived_at("/CLRunner")
ALL = [
    checks.answered_101,
    checks.accept_is_right,
    checks.arrived_intact,
    checks.forwarded_headers,
    checks.only_known_changes,
    checks.answer_reaches_client,
    ARRIVED_AT,
]


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
def test_a_good_record_passes_and_an_empty_one_fails(check: Check) -> None:
    verdict = check(record(turns(4)))
    assert verdict.holds, verdict.observed
    assert not check(Record()).holds


def changed(headers: Headers, name: str, value: str | None) -> Headers:
    kept = tuple((key, value if key == name and value is not None else old) for key, old in headers)
    return tuple((key, old) for key, old in kept if not (key == name and value is None))


def with_arrival(name: str, value: str | None) -> Record:
    seen = arrival("node")
    return spoiled(record(turns(2)), 2, arrivals=(replace(seen, headers=changed(seen.headers, name, value)),))


@pytest.mark.parametrize(
    ("check", "spoil", "told"),
    [
        (checks.answered_101, {"status": 503, "error": "busy"}, "status 503 (busy)"),
        (checks.answered_101, {"status": 200, "error": None}, "connection 2: status 200; 1 of 2 handshakes wrong"),
        (checks.answered_101, {"status": None, "error": "no answer"}, "status none (no answer)"),
        (checks.answered_101, {"response": changed(answer("node"), "Upgrade", "h2c")}, "Upgrade is 'h2c'"),
        (checks.answered_101, {"response": changed(answer("node"), "Connection", None)}, "Connection is absent"),
        (checks.accept_is_right, {"response": changed(answer("node"), "Sec-WebSocket-Accept", "x=")}, "but x= came"),
        (checks.accept_is_right, {"response": (*answer("node"), ("Sec-WebSocket-Accept", "y"))}, "y came"),
        (checks.accept_is_right, {"response": ()}, "but nothing came"),
        (checks.arrived_intact, {"arrivals": ()}, "no backend saw it"),
        (checks.arrived_intact, {"arrivals": (replace(arrival("node"), http_version="1.0"),)}, "GET HTTP/1.0"),
        (checks.answer_reaches_client, {"response": (*answer("node"), ("Via", "1.1 x"))}, "Via was added"),
        (
            checks.answer_reaches_client,
            {"response": changed(answer("node"), "X-Backend", None)},
            "X-Backend was removed",
        ),
        (checks.answer_reaches_client, {"status": 502}, None),
        (ARRIVED_AT, {"arrivals": (replace(arrival("node"), target="/WSConsole/"),)}, "node saw /WSConsole/"),
    ],
)
def test_what_is_wrong_is_named_with_its_connection(check: Check, spoil: dict[str, object], told: str | None) -> None:
    verdict = check(spoiled(record(turns(2)), 2, **spoil))
    if told is None:  # a refused handshake is answered_101's business
        return
    assert not verdict.holds
    assert verdict.observed.startswith("connection 2: ")
    assert told in verdict.observed


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("Upgrade", None, "Upgrade absent"),
        ("Connection", "close", "Connection 'close'"),
        ("Sec-WebSocket-Key", "AAAA", "not base64 of 16 bytes"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Key was sent as"),
        ("Sec-WebSocket-Version", None, "Sec-WebSocket-Version was sent as"),
        ("Origin", "http://other", "Origin was sent as"),
        ("User-Agent", None, "User-Agent was sent as"),
    ],
)
def test_a_field_that_did_not_arrive_as_sent_is_named(name: str, value: str | None, told: str) -> None:
    verdict = checks.arrived_intact(with_arrival(name, value))
    assert not verdict.holds
    assert told in verdict.observed


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("Host", "127.0.0.1:8080", "Host should be '127.0.0.102:8888', but is '127.0.0.1:8080'"),
        ("X-Forwarded-For", None, "X-Forwarded-For should be '127.0.0.1', but is absent"),
        ("X-Forwarded-Host", "x", "X-Forwarded-Host should be '127.0.0.1:8080', but is 'x'"),
        ("X-Forwarded-Server", "y", "X-Forwarded-Server should be 'localhost', but is 'y'"),
    ],
)
def test_forwarding_fields_name_the_clients_side(name: str, value: str | None, told: str) -> None:
    assert told in checks.forwarded_headers(with_arrival(name, value)).observed


BEFORE = ("X-Forwarded-For", "192.0.2.7")


@pytest.mark.parametrize("by_the_client", [True, False], ids=["client", "box"])
def test_what_a_request_already_had_is_appended_to(by_the_client: bool) -> None:
    listed = with_arrival("X-Forwarded-For", "192.0.2.7, 127.0.0.1")
    assert not checks.forwarded_headers(listed).holds
    assert not checks.only_known_changes(with_arrival("Origin", "http://other")).holds
    lost = with_arrival("X-Forwarded-For", "127.0.0.1")
    asked = replace(listed, ahead=() if by_the_client else (BEFORE,))
    known, lacking = (
        spoiled(one, 2, request=(*one.handshakes[1].request, *((BEFORE,) if by_the_client else ())))
        for one in (asked, replace(lost, ahead=asked.ahead))
    )
    known, lacking = (replace(one, handshakes=one.handshakes[1:2]) for one in (known, lacking))
    assert checks.forwarded_headers(known).holds
    assert checks.only_known_changes(known).holds
    assert "should be '192.0.2.7, 127.0.0.1'" in checks.forwarded_headers(lacking).observed


def test_a_change_that_nobody_expects_is_named() -> None:
    verdict = checks.only_known_changes(with_arrival("User-Agent", "Apache"))
    assert not verdict.holds
    assert "User-Agent was rewritten" in verdict.observed
    assert "Origin was removed" in checks.only_known_changes(with_arrival("Origin", None)).observed


def subprotocols(chosen: str | None) -> Record:
    offer = (*REQUEST, ("Sec-WebSocket-Protocol", "a, b"))
    seen = replace(arrival("node"), headers=(*arrival("node").headers, ("Sec-WebSocket-Protocol", "a, b")))
    told = (("Sec-WebSocket-Protocol", chosen),) if chosen else ()
    return spoiled(
        record(["node"]), 1, request=offer, arrivals=(seen,), response=(*answer("node"), *told), subprotocol=chosen
    )


def test_the_chosen_subprotocol_must_be_the_wanted_one() -> None:
    assert checks.subprotocol_chosen("b")(subprotocols("b")).holds
    assert "'a'" in checks.subprotocol_chosen("b")(subprotocols("a")).observed
    assert "nothing was chosen" in checks.subprotocol_chosen("b")(subprotocols(None)).observed
    assert "was offered" in checks.subprotocol_chosen("b")(record(["node"])).observed
    assert not checks.subprotocol_chosen("b")(Record()).holds


def test_the_key_of_the_evidence_is_the_one_of_the_rfc() -> None:
    assert KEY == "dGhlIHNhbXBsZSBub25jZQ=="


@pytest.mark.parametrize("check", [checks.arrived_intact, checks.only_known_changes])
def test_a_refused_handshake_tells_what_was_changed_on_its_way(check: Check) -> None:
    sent = record(["liberty", "node"]).handshakes
    refused = tuple(
        replace(h, status=403, arrivals=tuple(replace(a, status=403, accepted=False) for a in h.arrivals)) for h in sent
    )
    altered = tuple(
        replace(h, arrivals=tuple(replace(a, headers=(*a.headers, ("Origin", "http://elsewhere"))) for a in h.arrivals))
        for h in refused
    )
    assert "Origin" in check(replace(record([]), handshakes=altered)).observed
    verdict = check(replace(record([]), handshakes=refused))
    assert not verdict.holds
    assert verdict.observed == "no evidence: no handshake was accepted"
