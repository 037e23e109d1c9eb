from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import CLUSTER, method, record, spoiled, turns
from wslb.checks.distribution import alternates, follows_model, predicted, served_by, split_within, timeline
from wslb.model.balancer import Carrier, LbMethod, Member
from wslb.model.replay import StepKind
from wslb.model.results import Claim, Event, Record


@pytest.mark.parametrize("check", [alternates, follows_model], ids=lambda check: check.__name__)
def test_strict_turns_hold(check) -> None:  # type: ignore[no-untyped-def]
    assert check(record(turns(20))).holds
    assert not check(record([])).holds
    assert not check(Record()).holds


@pytest.mark.parametrize(
    ("served", "told"),
    [
        (
            ["liberty", "node", "node", "liberty"],
            "connection 3 expected liberty, got node; 1 break; liberty 2, node 2",
        ),
        (["node", "liberty", "node", "liberty"], "connection 1 expected liberty, got node; 0 breaks"),
        (["liberty"] * 4, "connection 2 expected node, got liberty; 3 breaks; liberty 4, node 0"),
    ],
    ids=str,
)
def test_alternates_names_the_first_deviating_connection(served: list[str], told: str) -> None:
    verdict = alternates(record(served))
    assert not verdict.holds
    assert verdict.observed.startswith(told)
    assert verdict.evidence


def test_alternates_counts_a_refused_connection_as_nobodys() -> None:
    good = record(turns(4))
    verdict = alternates(spoiled(good, 2, status=503, greeters=(), signers=(), error="refused with 503"))
    assert verdict.observed.startswith("connection 2 expected node, got nobody (refused with 503)")


def test_the_model_names_the_first_deviation_and_how_many() -> None:
    verdict = follows_model(record(["liberty", "liberty", "node", "node"]))
    assert verdict.observed == "connection 2 expected node, got liberty; 2 of 4 deviate"
    assert verdict.evidence == ("test-2", "test-3")


def test_the_model_of_weights() -> None:
    heavy = CLUSTER.with_member(Member(route="liberty", url="ws://liberty", loadfactor=3))
    assert follows_model(record(["liberty", "liberty", "node", "liberty"], balancer=heavy)).holds
    assert not follows_model(record(turns(4), balancer=heavy)).holds


def test_what_cannot_be_predicted_fails() -> None:
    verdict = follows_model(record(turns(2), balancer=method(LbMethod.HEARTBEAT)))
    assert not verdict.holds
    assert "cannot predict" in verdict.observed
    assert predicted(record(turns(2), balancer=method(LbMethod.HEARTBEAT))) == {}
    assert predicted(Record()) == {}
    assert predicted(record(turns(2))) == {"test-1": "liberty", "test-2": "node"}


def test_the_timeline_puts_ends_between_openings() -> None:
    closed = timeline(record(turns(2)))
    assert [step.kind for step in closed] == [StepKind.OPEN, StepKind.CLOSE] * 2
    held = timeline(record(turns(2), held=True))
    assert [step.kind for step in held] == [StepKind.OPEN] * 2 + [StepKind.CLOSE] * 2
    assert held[0].sent_bytes == record(turns(2)).handshakes[0].arrivals[0].request_bytes


def test_only_mod_proxy_http_counts_what_it_reads_of_a_handshake() -> None:
    assert timeline(record(["node"], carrier=Carrier.HTTP))[0].read_bytes == 32
    assert timeline(record(["node"]))[0].read_bytes == 0


@pytest.mark.parametrize(
    ("liberty", "node", "tolerance", "holds"),
    [(25, 25, 0, True), (26, 24, 1, True), (27, 23, 1, False), (50, 0, 2, False)],
)
def test_shares_stay_within_their_tolerance(liberty: int, node: int, tolerance: int, holds: bool) -> None:
    verdict = split_within(tolerance, reason="so it is")(record(["liberty"] * liberty + ["node"] * node))
    assert verdict.holds is holds
    assert verdict.observed == f"liberty {liberty} of 25, node {node} of 25"


def test_shares_with_a_connection_that_nobody_served_fail() -> None:
    lost = spoiled(record(turns(50)), 7, greeters=(), signers=())
    verdict = split_within(2, reason="x")(lost)
    assert not verdict.holds
    assert "1 served by nobody, first connection 7" in verdict.observed
    assert verdict.evidence == ("test-7",)
    assert (verdict.claims, verdict.tolerance, verdict.phrase) == (Claim.SHARE, 2, "the shares are out of tolerance")
    assert not split_within(2, reason="x")(record([])).holds


def test_shares_follow_the_weights() -> None:
    heavy = CLUSTER.with_member(Member(route="liberty", url="ws://liberty", loadfactor=3))
    assert split_within(0, reason="x")(record(["liberty"] * 3 + ["node"], balancer=heavy)).holds


def test_an_exact_sequence_is_judged_one_by_one() -> None:
    good = record(["node", "node", "liberty"])
    assert served_by("node", "node", "liberty")(good).holds
    assert "connection 2 expected liberty, got node" in served_by("node", "liberty", "node")(good).observed
    assert not served_by("node", "node")(good).holds
    assert not served_by("node", "node", "liberty", "liberty")(good).holds
    assert not served_by("node")(record([])).holds


def test_a_record_of_single_backend_site_is_judged_by_backend_name() -> None:
    direct = replace(record(["node"]), balancer=None)
    assert served_by("node")(direct).holds


def event(at: float, kind: str, **data: object) -> Event:
    return Event(at=at, kind=kind, text="", data=data)


def test_a_loadfactor_changed_at_run_time_starts_the_cycle_with_its_credit() -> None:
    change = event(4.9, "member", route="liberty", loadfactor=3, state=None)
    found = replace(record(["liberty", "node"] * 2 + ["liberty"] * 3 + ["node"]), events=(change,))
    assert follows_model(found).holds
    assert not follows_model(replace(found, events=())).holds


def test_a_member_disabled_at_run_time_is_left_out_until_it_comes_back() -> None:
    off = event(2.9, "member", route="node", loadfactor=None, state="D")
    on = event(4.9, "member", route="node", loadfactor=None, state="")
    found = replace(record(["liberty", "node", "liberty", "liberty", "liberty", "node"]), events=(off, on))
    assert follows_model(found).holds


def test_a_request_that_is_no_websocket_takes_a_turn_where_it_is_balanced() -> None:
    stolen = replace(record(["liberty", "liberty"]), events=(event(1.6, "request", balanced=True),))
    assert follows_model(stolen).holds
    assert not follows_model(replace(stolen, events=(event(1.6, "request", balanced=False),))).holds
    pinned = event(1.6, "request", balanced=True, path="/ws?route=x.liberty")
    sticky = replace(stolen.balancer, stickysession="ROUTE|route") if stolen.balancer else None
    assert not follows_model(replace(stolen, balancer=sticky, events=(pinned,))).holds, "a route takes no turn"
    assert not follows_model(replace(stolen, events=(event(1.6, "note"),))).holds


def test_bytraffic_cannot_be_predicted_behind_a_request_of_unknown_size() -> None:
    found = record(["liberty", "node"], balancer=method(LbMethod.BYTRAFFIC))
    verdict = follows_model(replace(found, events=(event(1.6, "request", balanced=True),)))
    assert "the model cannot predict" in verdict.observed


def test_a_refused_handshake_is_busy_until_its_answer_only() -> None:
    found = record(["liberty", "node", "liberty"], balancer=method(LbMethod.BYBUSYNESS))
    refused = spoiled(found, 1, status=403, error="refused", closed_at=None)
    assert [step.kind for step in timeline(refused)][:2] == [StepKind.OPEN, StepKind.CLOSE]
