"""Checks of what travelled through the tunnels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import arrival
from wslb.checks import payload
from wslb.lab.conversation import exchange
from wslb.model.handshake import Close, Handshake, WireView
from wslb.model.results import AccessLine, Check, Record

BYE = Close(code=4001, reason="enough", by="server")
OFFER, AGREED = (
    ("Sec-WebSocket-Extensions", "permessage-deflate; x"),
    ("Sec-WebSocket-Extensions", "permessage-deflate"),
)


def tunnel(*said: tuple[bool, str | bytes], wire: WireView | None = None, closed: Close | None = None) -> Handshake:
    return Handshake(
        conn_id="t-1",
        seq=1,
        url="ws://127.0.0.1:1/ws",
        request=(OFFER,),
        status=101,
        response=(AGREED,),
        exchanges=tuple(exchange(message, sent=sent, at=float(at)) for at, (sent, message) in enumerate(said)),
        closed=closed,
        wire=wire,
        arrivals=(replace(arrival("node", headers=(OFFER,)), response=(AGREED,), closed=closed),),
    )


def line(bytes_in: int, bytes_out: int) -> AccessLine:
    return AccessLine(
        conn_id="t-1", status=101, member_url="", path="/", bytes_in=bytes_in, bytes_out=bytes_out, seconds=0
    )


def framed(*frames: str, ended: str = "closed") -> Handshake:
    return tunnel(wire=WireView(head=True, frames=frames, ended=ended))


MIDDLE = tunnel((False, "push 1"), (False, "push 2"), (True, "whole"), (False, "whole"))

CASES: list[tuple[Check, Handshake, bool]] = [
    (payload.echoed(1), tunnel((True, "a"), (False, "a")), True),
    (payload.echoed(1), tunnel((True, "a"), (False, "b")), False),
    (payload.echoed(1), tunnel((True, "a"), (False, b"a")), False),
    (payload.echoed(1), tunnel((True, "a")), False),
    (payload.echoed(2), tunnel((True, "a"), (False, "a")), False),
    (payload.echoed(1), tunnel((True, "a"), (False, "a"), (False, "a")), False),
    (payload.echoed(2), tunnel((True, "a"), (True, "b"), (False, "b"), (False, "a")), False),
    (payload.echoed(1), tunnel((True, "x" * 9000 + "a"), (False, "x" * 9000 + "b")), False),
    (payload.frames_came("pong 0", "text 5"), framed("pong 0", "text 5", "close 1000"), True),
    (payload.frames_came("pong 0", "text 5"), framed("text 5", "pong 0"), False),
    (payload.frames_came("text 5"), tunnel(), False),
    (payload.cut_into(3, 2), framed("text 3 more", "continuation 2", "close 1000"), True),
    (payload.cut_into(3, 2), framed("text 3 more", "continuation 2 more", "continuation 0"), True),
    (payload.cut_into(3, 2), framed("text 5"), False),
    (payload.cut_into(3, 2), framed("text 3", "text 2"), False),
    (payload.cut_into(3, 2), framed("text 3 more", "continuation 2 more"), False),
    (payload.cut_into(3, 2), framed("continuation 3 more", "continuation 2"), False),
    (payload.cut_into(3, 2), tunnel(), False),
    (payload.closed_as(BYE), tunnel(closed=BYE), True),
    (payload.closed_as(BYE), tunnel(closed=replace(BYE, code=4000)), False),
    (payload.closed_as(BYE), tunnel(closed=replace(BYE, reason="")), False),
    (payload.closed_as(BYE), tunnel(closed=None), False),
    (payload.closed_as(BYE), replace(tunnel(closed=BYE), closed=replace(BYE, reason="")), False),
    (payload.closed_as(BYE, BYE), tunnel(closed=BYE), False),
    (payload.closed_as(replace(BYE, reason=""), own_reason=True), tunnel(closed=BYE), True),
    (payload.closed_as(replace(BYE, by="client")), tunnel(closed=replace(BYE, by="client")), True),
    (payload.pushed(2), tunnel((False, "push 1"), (False, "push 2")), True),
    (payload.pushed(2), tunnel((False, "push 2"), (False, "push 1")), False),
    (payload.pushed(2), tunnel((False, "push 1")), False),
    (payload.pushed(1), tunnel((True, "please"), (False, "push 1")), False),
    (payload.spoke_both_at_once(2), MIDDLE, True),
    (payload.spoke_both_at_once(2), tunnel((True, "whole"), (False, "push 1"), (False, "push 2")), False),
    (payload.spoke_both_at_once(2), tunnel((False, "push 1"), (False, "push 2")), False),
    (payload.spoke_both_at_once(3), MIDDLE, False),
    (payload.ended_by_proxy, framed("close 1000"), True),
    (payload.ended_by_proxy, framed("close 1000", ended="open"), False),
    (payload.ended_by_proxy, tunnel(), False),
]


@pytest.mark.parametrize(("check", "handshake", "holds"), CASES)
def test_one_tunnel(check: Check, handshake: Handshake, holds: bool) -> None:
    assert check(Record(handshakes=(handshake,))).holds is holds


def test_a_client_that_began_hears_its_code_and_perhaps_no_reason() -> None:
    ours = Close(code=4321, reason="enough", by="client")
    record = Record(handshakes=(replace(tunnel(closed=ours), closed=replace(ours, reason="")),))
    assert payload.closed_as(ours)(record).holds
    assert not payload.closed_as(replace(ours, code=4320))(record).holds


@pytest.mark.parametrize(("bytes_in", "bytes_out", "holds"), [(10, 20, True), (9, 20, False), (10, 21, False)])
def test_bytes_in_the_log_are_the_client_s(bytes_in: int, bytes_out: int, holds: bool) -> None:
    handshake = tunnel(wire=WireView(sent=10, received=20))
    assert payload.bytes_logged(Record(handshakes=(handshake,), access=(line(bytes_in, bytes_out),))).holds is holds
    assert not payload.bytes_logged(Record(handshakes=(handshake,))).holds
    assert not payload.bytes_logged(Record(handshakes=(tunnel(),), access=(line(10, 20),))).holds


@pytest.mark.parametrize(("bytes_in", "holds"), [(10, True), (11, False)])
def test_compression_is_seen_in_the_bytes(bytes_in: int, holds: bool) -> None:
    handshake = tunnel((True, "a" * 1000), (False, "a" * 1000))
    check = payload.compressed(at_least=100)
    assert check(Record(handshakes=(handshake,), access=(line(bytes_in, 10),))).holds is holds
    assert not check(Record(handshakes=(handshake,))).holds
    assert not check(Record(handshakes=(replace(handshake, response=()),), access=(line(10, 10),))).holds
    assert not check(Record(handshakes=(replace(handshake, request=()),), access=(line(10, 10),))).holds
    assert not check(Record(handshakes=(tunnel(),), access=(line(0, 0),))).holds


@pytest.mark.parametrize(
    "check",
    [*(check for check, _, _ in CASES), payload.bytes_logged, payload.compressed(at_least=100)],
)
def test_an_empty_record_fails(check: Check) -> None:
    assert not check(Record()).holds
