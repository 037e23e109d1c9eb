from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import REQUEST, arrival, record, spoiled
from wslb.checks.carrier import carried_as_asked, matrix, read_counted, upgrade_dropped
from wslb.model.balancer import Carrier
from wslb.model.handshake import Exchange
from wslb.model.results import Check, Record


@pytest.mark.parametrize("carrier", list(Carrier))
def test_both_proofs_name_the_carrier(carrier: Carrier) -> None:
    assert carried_as_asked(record(["liberty", "node"], carrier=carrier)).holds


def test_without_evidence_it_fails() -> None:
    assert not carried_as_asked(Record()).holds


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ({"logged_status": 101}, "Upgrade at the backend says mod_proxy_wstunnel, the access log says mod_proxy_http"),
        ({"logged_status": None}, "the access log says nothing"),
        ({"arrivals": (arrival("node", carrier=Carrier.HTTP),)}, "Upgrade at the backend says mod_proxy_http"),
        ({"arrivals": ()}, "Upgrade at the backend says nothing"),
        (
            {"request": tuple((n, "WebSocket" if n == "Upgrade" else v) for n, v in REQUEST)},
            "Upgrade at the backend says nothing",
        ),
    ],
    ids=str,
)
def test_proofs_that_disagree_are_told_apart(spoil: dict[str, object], told: str) -> None:
    verdict = carried_as_asked(spoiled(record(["liberty", "node"]), 2, **spoil))
    assert not verdict.holds
    assert verdict.observed.startswith("connection 2: ")
    assert told in verdict.observed


def test_behind_another_wstunnel_the_spelling_is_no_proof_and_the_log_decides() -> None:
    behind = replace(record(["liberty", "node"], carrier=Carrier.HTTP), ahead=(("Upgrade", "WebSocket"),))
    passed_on = spoiled(behind, 1, arrivals=(arrival("liberty", carrier=Carrier.WSTUNNEL),))
    assert carried_as_asked(passed_on).holds
    assert not carried_as_asked(replace(passed_on, carrier=Carrier.WSTUNNEL)).holds


def over_http2(carrier: Carrier) -> Record:
    asked = ((":method", "CONNECT"), (":protocol", "websocket"))
    found = record(["liberty", "node"], carrier=carrier)
    return spoiled(spoiled(found, 1, request=asked, status=200), 2, request=asked, status=200)


@pytest.mark.parametrize("carrier", list(Carrier))
def test_over_http2_the_proofs_are_the_same(carrier: Carrier) -> None:
    found = over_http2(carrier)
    assert carried_as_asked(found).holds
    other = Carrier.HTTP if carrier is Carrier.WSTUNNEL else Carrier.WSTUNNEL
    assert not carried_as_asked(replace(found, carrier=other)).holds


@pytest.mark.parametrize("check", [read_counted, upgrade_dropped(426), matrix({"/ws": ""}, command="x")])
def test_every_check_fails_without_evidence(check: Check) -> None:
    assert not check(Record()).holds


@pytest.mark.parametrize(("carrier", "read"), [(Carrier.HTTP, 32), (Carrier.WSTUNNEL, 0)])
def test_read_tells_the_carrier(carrier: Carrier, read: int) -> None:
    found = record(["liberty", "node", "liberty"], carrier=carrier)
    counted = tuple(replace(s, read=read * s.elected) for s in found.after)
    assert read_counted(replace(found, after=counted)).holds
    assert not read_counted(replace(found, after=tuple(replace(s, read=s.read + 1) for s in counted))).holds


def test_a_dropped_upgrade_is_told_at_both_ends() -> None:
    bare = replace(arrival("liberty"), headers=(("Host", "x"),), accepted=False, status=426)
    found = spoiled(record(["liberty"]), 1, status=426, arrivals=(bare,))
    assert upgrade_dropped(426)(found).holds
    assert upgrade_dropped(400)(found).observed == "connection 1: status 426"
    assert upgrade_dropped(426)(spoiled(found, 1, arrivals=())).observed == "connection 1: no backend saw it"
    assert "received Upgrade: WebSocket" in upgrade_dropped(426)(record(["liberty"])).observed


def test_the_matrix_has_a_row_for_every_way_and_names_the_first_difference() -> None:
    said = (
        Exchange(sent=False, at=1, text="hello", size=5),
        Exchange(sent=True, at=2, text="WRKSBS", size=6),
        Exchange(sent=False, at=3, text="listing", size=7),
    )
    found = spoiled(record(["liberty"]), 1, exchanges=said)
    row = "101, WebSocket, logged 200, answered"
    assert matrix({"/ws": row}, command="WRKSBS")(found).holds
    assert not matrix({"/ws": row, "/other": row}, command="WRKSBS")(found).holds
    verdict = matrix({"/ws": row}, command="WRKSBS")(spoiled(found, 1, exchanges=said[:2]))
    assert verdict.observed == "first different: /ws; /ws: 101, WebSocket, logged 200, silent"
