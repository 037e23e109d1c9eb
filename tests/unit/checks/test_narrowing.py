from __future__ import annotations

from tests.evidence import CLUSTER, record, spoiled
from wslb.checks.distribution import follows_model, served_by
from wslb.checks.narrowing import on
from wslb.model.results import Claim, Record

L, N = "liberty", "node"


def test_only_the_connections_of_the_path_are_judged() -> None:
    found = spoiled(record([L, L, N]), 1, url="ws://127.0.0.1:8080/other?x=1")
    assert on("/ws", CLUSTER, served_by(L, N))(found).holds
    assert not served_by(L, N)(found).holds
    verdict = on("/other", CLUSTER, served_by(N))(found)
    assert not verdict.holds
    assert (verdict.check, verdict.claims) == ("served_by on /other", Claim.NONE)


def test_a_path_without_connections_is_no_evidence() -> None:
    assert not on("/nothing", CLUSTER, follows_model)(record([L, N])).holds
    assert not on("/ws", CLUSTER, follows_model)(Record()).holds
