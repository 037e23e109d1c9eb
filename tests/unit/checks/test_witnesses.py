"""A witness that says nothing is silent, and silent is not agreeing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.evidence import CLUSTER, record
from wslb.checks.witnesses import witnesses_speak
from wslb.model.handshake import Close, Exchange, Handshake
from wslb.model.results import Record, Witness

Change = Callable[[Handshake], Handshake]


def heard(text: str, *, binary: bool = False) -> Exchange:
    return Exchange(sent=False, at=1.0, text=text, size=len(text), binary=binary)


def spoilt(change: Change) -> Record:
    good = record(["liberty", "node"])
    return replace(good, handshakes=(good.handshakes[0], change(good.handshakes[1])))


def test_all_of_them_speak() -> None:
    verdict = witnesses_speak(*Witness)(spoilt(lambda h: h))
    assert (verdict.holds, verdict.observed) == (True, "holds on 2 of 2 tunnels")


@pytest.mark.parametrize(
    ("change", "witness", "words"),
    [
        (lambda h: replace(h, exchanges=(), greeting=None, greeters=()), Witness.GREETING, "the greeting is silent"),
        (lambda h: replace(h, exchanges=h.exchanges * 2), Witness.GREETING, "the greeting came 2 times"),
        (lambda h: replace(h, exchanges=(heard("00", binary=True),)), Witness.GREETING, "the greeting came as"),
        (lambda h: replace(h, exchanges=(heard("hi"),), greeters=()), Witness.GREETING, "the greeting is nobody's"),
        (
            lambda h: replace(h, exchanges=(), closed=Close(code=1002, reason="RSV1", by="client")),
            Witness.GREETING,
            "the greeting could not be read: RSV1",
        ),
        (lambda h: replace(h, signers=()), Witness.SIGNATURE, "X-Backend is silent"),
        (lambda h: replace(h, arrivals=()), Witness.JOURNAL, "the journals are silent"),
        (lambda h: replace(h, arrivals=h.arrivals * 2), Witness.JOURNAL, "2 journals' entries say that they accepted"),
        (lambda h: replace(h, logged_by=None), Witness.ACCESS_LOG, "the access log is silent"),
    ],
)  # fmt: skip
def test_one_that_is_silent_is_told_where_it_is_due(change: Change, witness: Witness, words: str) -> None:
    verdict = witnesses_speak(*Witness)(spoilt(change))
    assert not verdict.holds
    assert verdict.observed.startswith(f"connection 2: {words}"), verdict.observed
    others = [other for other in Witness if other is not witness]
    assert witnesses_speak(*others)(spoilt(change)).holds


def test_a_signature_is_called_what_it_is() -> None:
    signed = replace(spoilt(lambda h: replace(h, signers=())), signature="header X-Node")
    verdict = witnesses_speak(Witness.SIGNATURE, Witness.JOURNAL)(signed)
    assert verdict.expected == "header X-Node, journal speak of every tunnel, once and in due form"
    assert verdict.observed.startswith("connection 2: header X-Node is silent")


def test_a_signature_that_instances_of_one_server_share_is_one() -> None:
    assert witnesses_speak(*Witness)(spoilt(lambda h: replace(h, signers=("node", "node-2")))).holds


def test_balancer_manager_is_a_witness_where_a_balancer_elects() -> None:
    mute = replace(spoilt(lambda h: h), after=())
    assert witnesses_speak(*Witness)(mute).observed == "balancer-manager is silent; holds on 2 of 2 tunnels"
    alone = replace(mute, balancer=None, handshakes=tuple(replace(h, logged_by=None) for h in mute.handshakes))
    assert witnesses_speak(*Witness)(alone).holds


@pytest.mark.parametrize(("evidence", "due"), [(Record(balancer=CLUSTER), tuple(Witness)), (spoilt(lambda h: h), ())])
def test_nobody_to_ask_is_no_evidence(evidence: Record, due: tuple[Witness, ...]) -> None:
    assert "no evidence" in witnesses_speak(*due)(evidence).observed


def test_one_that_cannot_tell_is_not_waited_for_and_the_others_are() -> None:
    unsigned = spoilt(lambda handshake: replace(handshake, signers=(), greeters=()))
    known = replace(unsigned, silent=frozenset({Witness.SIGNATURE, Witness.GREETING}))
    verdict = witnesses_speak(*Witness)(known)
    assert verdict.holds
    assert verdict.expected == "journal, access log, balancer-manager speak of every tunnel, once and in due form"
    assert not witnesses_speak(*Witness)(unsigned).holds
    gone = replace(known, handshakes=tuple(replace(one, arrivals=()) for one in known.handshakes))
    assert "the journals are silent" in witnesses_speak(*Witness)(gone).observed
    assert not witnesses_speak(Witness.SIGNATURE, Witness.GREETING)(known).holds, "nobody to ask is no evidence"
