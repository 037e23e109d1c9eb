"""How every tunnel must have ended, at both ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import arrival
from wslb.checks.endings import ended_orderly
from wslb.model.handshake import Close, Handshake
from wslb.model.results import Claim, Record

BYE = Close(code=1000, by="client")
BROKEN = Close(code=1006, by="lost")


def tunnel(here: Close | None, there: Close | None) -> Handshake:
    return Handshake(
        conn_id="t-1",
        seq=1,
        url="ws://127.0.0.1:1/ws",
        request=(),
        status=101,
        closed=here,
        arrivals=(replace(arrival("node"), closed=there),),
    )


def test_an_orderly_end_at_both_ends_holds() -> None:
    verdict = ended_orderly()(Record(handshakes=(tunnel(BYE, BYE), tunnel(replace(BYE, reason="done"), BYE))))
    assert (verdict.holds, verdict.claims) == (True, Claim.LIVING)


@pytest.mark.parametrize(
    ("here", "there", "words"),
    [
        (BROKEN, BROKEN, "it ended for the client without a Close frame (1006), for node without a Close frame"),
        (BROKEN, BYE, "for the client without a Close frame (1006), for node with 1000 by us"),
        (BYE, BROKEN, "for the client with 1000 by us, for node without a Close frame (1006)"),
        (Close(code=1011, by="server"), Close(code=1011, by="server"), "with 1011 by the server"),
        (Close(code=1000, by="server"), Close(code=1000, by="server"), "with 1000 by the server"),
        (Close(code=1002, reason="RSV1", by="client"), BROKEN, "with 1002 'RSV1' by us"),
        (BYE, None, "for node not at all"),
        (None, BYE, "for the client not at all"),
    ],
)
def test_any_other_end_is_told_from_both_ends(here: Close | None, there: Close | None, words: str) -> None:
    verdict = ended_orderly()(Record(handshakes=(tunnel(BYE, BYE), tunnel(here, there))))
    assert not verdict.holds
    assert words in verdict.observed
    assert "holds on 1 of 2 tunnels" in verdict.observed


def test_a_journal_that_does_not_tell_is_no_evidence() -> None:
    assert (
        "no backend's journal" in ended_orderly()(Record(handshakes=(replace(tunnel(BYE, BYE), arrivals=()),))).observed
    )


def test_nothing_opened_is_no_evidence() -> None:
    assert "no evidence" in ended_orderly()(Record()).observed


@pytest.mark.parametrize(("broken", "holds"), [(0, False), (1, True), (2, False)])
def test_so_many_as_were_announced_end_otherwise(broken: int, holds: bool) -> None:
    handshakes = (*[tunnel(BROKEN, BROKEN)] * broken, tunnel(BYE, BYE))
    assert ended_orderly(1)(Record(handshakes=handshakes)).holds is holds


@pytest.mark.parametrize(("broken", "holds"), [(0, False), (1, True), (2, True), (3, False)])
def test_one_more_may_end_otherwise(broken: int, holds: bool) -> None:
    handshakes = (*[tunnel(BROKEN, BROKEN)] * broken, tunnel(BYE, BYE))
    verdict = ended_orderly(1, perhaps=1)(Record(handshakes=handshakes))
    assert verdict.holds is holds
    assert "all but 1 or 2" in verdict.expected
