from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import record, spoiled
from wslb.checks.conversation import END, greeted, in_order, listed, told_apart
from wslb.model.handshake import Exchange
from wslb.model.results import Record, Witness

HEAD = "System Status Information    11/22/26 21:12:36   Page 0001\nPool  Reserved  Max  Paging\n"


def answered(backend: str, text: str, *, seq: int = 1, command: str = "WRKSYSSTS") -> Record:
    talk = (
        Exchange(sent=False, at=0.0, text="[From Server] Connected to x", size=1),
        Exchange(sent=True, at=0.1, text=command, size=1),
        Exchange(sent=False, at=0.2, text=text, size=1),
    )
    return spoiled(record([backend] * seq), seq, exchanges=talk)


def test_every_connection_is_greeted() -> None:
    assert greeted(record(["node"])).holds
    assert not greeted(Record()).holds
    assert "connection 1 got 'Hello'" in greeted(spoiled(record(["node"]), 1, greeting="Hello", greeters=())).observed


def test_a_greeting_that_two_backends_share_is_a_greeting() -> None:
    assert greeted(spoiled(record(["node"]), 1, greeters=("node", "node-2"))).holds


def test_of_servers_that_do_not_greet_the_journal_must_have_each_connection() -> None:
    mute = replace(record(["node"]), silent=frozenset({Witness.GREETING}))
    unsaid = spoiled(mute, 1, greeting=None, greeters=(), signers=())
    assert not greeted(unsaid).holds
    assert greeted(spoiled(unsaid, 1, recorded_by="node")).holds
    assert not greeted(spoiled(record(["node"]), 1, greeters=(), recorded_by="node")).holds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{HEAD}1 2 3\n{END}\n", ""),
        ("Something else", "no heading"),
        (f"System Status Information\nPool Reserved Max Paging\n{END}", "no date, time and page number"),
        (f"{HEAD.replace('Paging', '')}{END}", "no column Paging"),
        (HEAD, "no end line"),
    ],
)
def test_a_listing_has_the_figures_layout(text: str, told: str) -> None:
    verdict = listed("WRKSYSSTS")(answered("liberty", text))
    assert verdict.holds is (told == "")
    assert told in verdict.observed


def test_a_command_that_was_never_answered_fails() -> None:
    assert not listed("WRKSYSSTS")(record(["node"])).holds
    assert not listed("WRKSYSSTS")(Record()).holds


def test_one_command_without_an_answer_fails_among_many_with_one() -> None:
    good = answered("liberty", f"{HEAD}7\n{END}")
    handshake = good.handshakes[0]
    more = replace(handshake, exchanges=(*handshake.exchanges, *(e for e in handshake.exchanges if e.sent)))
    for silent in (more, replace(handshake, exchanges=handshake.exchanges[:-1])):
        verdict = listed("WRKSYSSTS")(replace(good, handshakes=(handshake, silent)))
        assert not verdict.holds
        assert "WRKSYSSTS was not answered" in verdict.observed


def test_two_backends_must_answer_with_values_of_their_own() -> None:
    first, second = answered("liberty", f"{HEAD}7\n{END}"), answered("node", f"[From Server] 1.2.3.4\n{HEAD}8\n{END}")
    both = Record(balancer=first.balancer, handshakes=(*first.handshakes, *second.handshakes))
    assert told_apart("WRKSYSSTS")(both).holds
    same = answered("node", f"[From Server] 1.2.3.4\n{HEAD.replace('21:12:36', '21:12:37')}7\n{END}")
    copied = Record(balancer=first.balancer, handshakes=(*first.handshakes, *same.handshakes))
    assert told_apart("WRKSYSSTS")(copied).observed == "the same answer from liberty, node"
    assert "only liberty answered" in told_apart("WRKSYSSTS")(first).observed
    assert not told_apart("WRKSYSSTS")(Record()).holds


@pytest.mark.parametrize(("own", "apart"), [("9.3", True), ("7.1", False)])
def test_a_load_that_changes_names_no_backend(own: str, apart: bool) -> None:
    """One server behind both names: its load differs in every answer, its own value in none."""
    told = [answered("liberty", f"{HEAD}7.1 {load}\n{END}") for load in (10, 12)]
    told += [answered("node", f"[From Server] 1.2.3.4\n{HEAD}{own} {load}\n{END}") for load in (11, 13)]
    both = Record(balancer=told[0].balancer, handshakes=tuple(one.handshakes[0] for one in told))
    assert told_apart("WRKSYSSTS")(both).holds is apart


def spoken(*texts: str) -> Record:
    """One connection: commands were sent, everything else came."""
    talk = tuple(Exchange(sent=text in {"WRKSBS", "WRKSYSSTS"}, at=0.0, text=text, size=1) for text in texts)
    greeted_first = record(["node"]).handshakes[0].exchanges
    return spoiled(record(["node"]), 1, exchanges=(*greeted_first, *talk))


SBS, STS = "Work with Subsystems 1", "System Status Information 1"


def test_each_command_is_followed_by_its_own_listing() -> None:
    check = in_order("WRKSBS", "WRKSYSSTS")
    assert check(spoken("WRKSBS", SBS, "WRKSYSSTS", STS)).holds
    assert not check(Record()).holds


@pytest.mark.parametrize(
    "texts",
    [
        (),
        ("WRKSBS", SBS),
        ("WRKSBS", SBS, "WRKSYSSTS", SBS),
        ("WRKSBS", SBS, SBS, "WRKSYSSTS", STS),
        ("WRKSBS", "WRKSYSSTS", SBS, STS),
        ("WRKSYSSTS", STS, "WRKSBS", SBS),
        ("WRKSBS", SBS, "WRKSYSSTS", STS, STS),
        ("WRKSBS", "gibberish", "WRKSYSSTS", STS),
    ],
)
def test_commands_and_listings_that_do_not_pair_are_told(texts: tuple[str, ...]) -> None:
    verdict = in_order("WRKSBS", "WRKSYSSTS")(spoken(*texts))
    assert not verdict.holds
    assert verdict.observed.startswith("connection 1: it went ")
