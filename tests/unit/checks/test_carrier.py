from __future__ import annotations

import pytest

from harness.balancer import Carrier
from harness.checks.carrier import carried_as_asked
from harness.results import Record
from tests.evidence import REQUEST, arrival, record, spoiled


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
