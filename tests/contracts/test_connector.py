"""What every `wslb.interfaces.Connector` keeps, the one on the websockets library and the fake alike."""

from __future__ import annotations

import pytest

from wslb.interfaces import Fault
from wslb.lab.lab import Lab
from wslb.model.handshake import accept_for, one_header
from wslb.model.sites import CLUSTER, balanced


async def serve(lab: Lab, *, echo: bool = False) -> None:
    await lab.begin("contract", balanced(CLUSTER, echo=echo), balancer=CLUSTER)


async def test_an_accepted_handshake_is_told_as_it_was(parts: Lab) -> None:
    await serve(parts)
    conversation = await parts.open(headers=(("X-Mine", "one"),))
    told = conversation.handshake
    assert (told.status, told.error, told.signed_by, told.greeted_by) == (101, None, "liberty", "liberty")
    assert one_header(told.request, "X-Mine") == "one"
    assert one_header(told.request, "X-Wslb-Conn") == "contract-1"
    assert one_header(told.response, "Sec-WebSocket-Accept") == accept_for(
        one_header(told.request, "Sec-WebSocket-Key") or ""
    )
    assert told.elapsed_seconds > 0
    await conversation.close()


async def test_a_refused_handshake_is_evidence(parts: Lab) -> None:
    await serve(parts)
    await parts.fleet["liberty"].fault(Fault(kind="status", parameters={"status": 403}))
    conversation = await parts.open()
    assert (conversation.accepted, conversation.handshake.status) == (False, 403)
    assert conversation.handshake.error
    assert await conversation.send("x") is False
    assert await conversation.receive() is None
    assert await conversation.ping() is False
    assert await conversation.wait_closed(seconds=0) is None


async def test_where_nobody_listens_there_is_no_status(parts: Lab) -> None:
    await serve(parts)
    await parts.proxy.kill()
    conversation = await parts.open()
    assert (conversation.accepted, conversation.handshake.status) == (False, None)
    assert conversation.handshake.error


async def test_a_subprotocol_is_chosen(parts: Lab) -> None:
    await serve(parts)
    async with await parts.open(subprotocols=("other", "wsconsole")) as conversation:
        assert conversation.handshake.subprotocol == "wsconsole"
    async with await parts.open(subprotocols=("other",)) as conversation:
        assert conversation.handshake.subprotocol is None


@pytest.mark.parametrize("message", ["text", "", b"\x00\xff", "ä" * 70_000])
async def test_messages_come_back_as_they_went(parts: Lab, message: str | bytes) -> None:
    await serve(parts, echo=True)
    async with await parts.open(greeting=False) as conversation:
        assert await conversation.send(message)
        assert await conversation.receive() == message
        assert [e.sent for e in conversation.handshake.exchanges] == [True, False]


async def test_a_silent_backend_is_waited_for_as_long_as_was_asked(parts: Lab) -> None:
    await serve(parts, echo=True)
    async with await parts.open(greeting=False) as conversation:
        assert await conversation.receive(seconds=0.02) is None
        assert conversation.handshake.closed is None


async def test_a_ping_is_answered(parts: Lab) -> None:
    await serve(parts)
    async with await parts.open() as conversation:
        assert await conversation.ping()


async def test_twice_closed_is_once(parts: Lab) -> None:
    await serve(parts)
    conversation = await parts.open()
    await conversation.close()
    first = conversation.handshake
    await conversation.close()
    assert conversation.handshake == first
    assert first.closed is not None
    assert (first.closed.code, first.closed.by) == (1000, "client")
    assert await conversation.send("late") is False
    assert await conversation.receive(seconds=0.5) is None
    assert await conversation.ping() is False


async def test_who_closed_first_is_told(parts: Lab) -> None:
    await serve(parts)
    await parts.fleet["liberty"].fault(Fault(kind="close", parameters={"code": 4000, "reason": "enough"}))
    conversation = await parts.open()
    closed = await conversation.wait_closed(seconds=3)
    assert closed is not None
    assert (closed.code, closed.reason, closed.by) == (4000, "enough", "server")
