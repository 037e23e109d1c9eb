from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import CLUSTER, arrival, record, spoiled, turns
from wslb.checks import accounting
from wslb.model.results import Check, Record

ALL = [
    accounting.bytes_counted,
    accounting.elected_counted,
    accounting.members_as_claimed,
    accounting.nothing_left_open,
    accounting.witnesses_agree,
]


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
def test_a_good_record_passes_and_an_empty_one_fails(check: Check) -> None:
    assert check(record(turns(6))).holds
    assert not check(Record()).holds
    assert not check(Record(balancer=CLUSTER)).holds


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"greeters": ("node",)}, "the greeting says node, X-Backend says liberty"),
        ({"greeters": ()}, "the greeting says nothing"),
        ({"signers": ("node",)}, "X-Backend says node"),
        ({"signers": ()}, "X-Backend says nothing"),
        ({"arrivals": ()}, "the journals says nothing"),
        ({"arrivals": (arrival("node"),)}, "the journals says node"),
        ({"arrivals": (arrival("liberty"), arrival("node"))}, "the journals says liberty and node"),
        ({"logged_by": "node"}, "the access log says node"),
        ({"logged_by": None}, "the access log says nothing"),
    ],
    ids=str,
)
def test_one_witness_that_tells_another_story_is_found(changes: dict[str, object], told: str) -> None:
    verdict = accounting.witnesses_agree(spoiled(record(turns(4)), 3, **changes))
    assert not verdict.holds
    assert verdict.observed.startswith("connection 3: ")
    assert told in verdict.observed
    assert verdict.evidence == ("test-3",)


def test_an_echo_endpoint_has_no_greeting_to_ask() -> None:
    silent = spoiled(record(["node"]), 1, greeting=None, greeters=())
    assert accounting.witnesses_agree(silent).holds


SHARED = ("liberty", "liberty-2")


def test_a_greeting_that_backends_on_one_address_share_is_no_witness() -> None:
    verdict = accounting.witnesses_agree(spoiled(record(turns(4)), 3, greeters=SHARED))
    assert verdict.holds, verdict.observed


def test_what_instances_of_one_server_sign_with_is_no_witness() -> None:
    verdict = accounting.witnesses_agree(spoiled(record(turns(4)), 3, signers=SHARED))
    assert verdict.holds, verdict.observed


def test_a_signature_is_called_what_it_is() -> None:
    verdict = accounting.witnesses_agree(
        replace(spoiled(record(turns(4)), 3, signers=("node",)), signature="header X-Node")
    )
    assert "header X-Node says node, the journals says liberty" in verdict.observed
    assert (
        verdict.expected == "greeting, header X-Node, journal and access log name the same backend for every connection"
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"greeters": ("node", "node-2")}, "the greeting says node or node-2, X-Backend says liberty"),
        ({"greeters": SHARED, "signers": ("liberty-2",)}, "X-Backend says liberty-2, the journals says liberty"),
        ({"greeters": SHARED, "signers": ()}, "X-Backend says nothing"),
        ({"greeters": SHARED, "logged_by": "liberty-2"}, "the access log says liberty-2"),
        ({"greeters": SHARED, "arrivals": ()}, "the journals says nothing"),
        ({"signers": ("node", "node-2")}, "X-Backend says node or node-2, the journals says liberty"),
        ({"signers": SHARED, "arrivals": ()}, "the journals says nothing"),
        (
            {"greeters": SHARED, "arrivals": (arrival("liberty"), replace(arrival("liberty"), backend="liberty-2"))},
            "liberty and liberty-2",
        ),
    ],
    ids=str,
)
def test_a_shared_greeting_excuses_no_other_witness_and_must_be_that_of_a_candidate(
    changes: dict[str, object], told: str
) -> None:
    verdict = accounting.witnesses_agree(spoiled(record(turns(4)), 3, **changes))
    assert not verdict.holds
    assert told in verdict.observed
    assert verdict.evidence == ("test-3",)


def test_without_a_balancer_the_access_log_is_not_asked() -> None:
    direct = replace(spoiled(record(["node"]), 1, logged_by=None), balancer=None)
    assert accounting.witnesses_agree(direct).holds


def test_an_election_too_many_is_found() -> None:
    good = record(turns(4))
    stolen = replace(good, after=(replace(good.after[0], elected=3), good.after[1]))
    verdict = accounting.elected_counted(stolen)
    assert verdict.observed == "first wrong: liberty; liberty +3 for 2 connections, node +2 for 2 connections"


def test_counters_are_differences() -> None:
    good = record(turns(4))
    older = replace(
        good,
        before=tuple(replace(s, elected=7, transferred=100) for s in good.before),
        after=tuple(replace(s, elected=s.elected + 7, transferred=s.transferred + 100) for s in good.after),
    )
    assert accounting.elected_counted(older).holds
    assert accounting.bytes_counted(older).holds


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"loadfactor": 2.0}, "loadfactor 2"),
        ({"status": "Init Dis"}, "Init Dis"),
        ({"lbmethod": "bytraffic"}, "bytraffic"),
        ({"route": "other"}, "other"),
        ({"url": "wss://127.0.0.102:8889"}, "wss://127.0.0.102:8889"),
        ({"url": "ws://127.0.0.103:8888"}, "ws://127.0.0.103:8888"),
    ],
    ids=str,
)
def test_a_member_that_is_not_as_claimed_is_shown(changes: dict[str, object], told: str) -> None:
    good = record(turns(2))
    verdict = accounting.members_as_claimed(
        replace(good, before=(good.before[0], replace(good.before[1], **changes)))  # type: ignore[arg-type]
    )
    assert not verdict.holds
    assert "first wrong: node Init Ok, loadfactor 1, byrequests, ws://127.0.0.102:8888 is not so" in verdict.observed
    assert told in verdict.observed


def test_a_member_too_many_is_not_as_claimed() -> None:
    good = record(turns(2))
    assert not accounting.members_as_claimed(replace(good, before=(*good.before, good.before[0]))).holds


def test_a_tunnel_left_open_is_counted() -> None:
    good = record(turns(2))
    verdict = accounting.nothing_left_open(replace(good, after=(replace(good.after[0], busy=1), good.after[1])))
    assert verdict.observed == "still busy: liberty 1"


def test_a_byte_too_many_is_found() -> None:
    good = record(turns(2))
    more = replace(good, after=(replace(good.after[0], transferred=good.after[0].transferred + 1), good.after[1]))
    assert not accounting.bytes_counted(more).holds
