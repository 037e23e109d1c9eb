"""What travels through an open tunnel: every kind and size of message, in every cut, both ways at once."""

from __future__ import annotations

import asyncio

from wslb.checks import accounting, carrier, handshake, payload, tunnels
from wslb.lab.conversation import Conversation
from wslb.lab.lab import Lab
from wslb.lab.raw_conversation import RawConversation
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, balanced
from wslb.scenarios.acts import echoing, misbehave, noise
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario
from wslb.wire.frames import Frame, Opcode, fragments
from wslb.wire.http1 import OPENING

__all__ = ["ECHO", "SCENARIOS", "SOUND"]

ECHO = balanced(CLUSTER, echo=True)
MIB = 1 << 20
BOUNDARIES = (1, 125, 126, 65535, 65536)
"""Where the length field of a frame grows from 7 to 16 and to 64 bits (RFC 6455 section 5.2)."""
TEXTS = ("plain ASCII", "Grüße, señor", "日本語", "🙂 beyond the basic plane", "\x00\x01\x7f", "line\nline\r\nline")
PUSHES = 5
SOUND: tuple[Check, ...] = (
    handshake.answered_101,
    accounting.witnesses_agree,
    accounting.elected_counted,
    accounting.nothing_left_open,
    carrier.carried_as_asked,
)


async def _streamed(lab: Lab) -> None:
    """Two hundred messages on each connection, sent without waiting for any answer."""
    for _ in range(2):
        async with await lab.open(greeting=False) as tunnel:
            for number in range(200):
                await tunnel.send(f"message {number}")
            for _ in range(200):
                await tunnel.receive()


async def _side_by_side(lab: Lab) -> None:
    """Twenty connections, all open before the first speaks, each with a megabyte of its own."""
    opened = await asyncio.gather(*(lab.open(greeting=False) for _ in range(20)))

    async def one(number: int, tunnel: Conversation) -> None:
        await tunnel.send(noise(MIB + number))
        await tunnel.receive()

    await asyncio.gather(*(one(number, tunnel) for number, tunnel in enumerate(opened)))


async def _fragments_in(lab: Lab) -> None:
    """First frame, ping, and only after the pong the rest: a proxy that collected messages could not answer."""
    for _ in range(2):
        tunnel = await lab.raw(OPENING)
        first, *rest = fragments("ä" * 2500, 1000, 0, 3)
        await tunnel.say(first, Frame(opcode=Opcode.PING, payload=b"between"))
        await tunnel.receive(1)
        await tunnel.say(*rest)
        await tunnel.receive(2)
        await tunnel.close()


async def _fragments_out(lab: Lab) -> None:
    """The backend cuts its reply into frames of 1,000 bytes."""
    await misbehave(lab, "fragment", bytes=1000)
    for _ in range(2):
        tunnel = await lab.raw(OPENING)
        await tunnel.say(Frame(opcode=Opcode.BINARY, payload=noise(2500)))
        await _whole_message(tunnel)
        await tunnel.close()


async def _whole_message(tunnel: RawConversation) -> None:
    while tunnel.frames[-1:] == () or not tunnel.frames[-1].fin:
        before = len(tunnel.frames)
        if len(await tunnel.receive(before + 1)) == before:
            return


async def _pings(lab: Lab) -> None:
    """A ping from the backend, and one from the client, empty and longest."""
    await misbehave(lab, "ping", payload="are you there")
    for _ in range(2):
        tunnel = await lab.raw(OPENING, frames=1)
        await tunnel.say(Frame(opcode=Opcode.PONG, payload=b"are you there"))
        for count, text in enumerate((b"", b"x" * 125), 2):
            await tunnel.say(Frame(opcode=Opcode.PING, payload=text))
            await tunnel.receive(count)
        await tunnel.close()


def offering(*names: str, greeting: bool = False) -> Act:
    """Offer these subprotocols and say one thing."""

    async def act(lab: Lab) -> None:
        for _ in range(2):
            async with await lab.open(greeting=greeting, subprotocols=names) as tunnel:
                await tunnel.send("hello")
                await tunnel.receive()

    return act


async def _deflated(lab: Lab) -> None:
    for _ in range(2):
        async with await lab.open(greeting=False, compress=True) as tunnel:
            await tunnel.send("the same again, " * 65536)
            await tunnel.receive()


async def _pushed(lab: Lab) -> None:
    await misbehave(lab, "push", messages=PUSHES, interval_seconds=0.01)
    for _ in range(2):
        async with await lab.open(greeting=False) as tunnel:
            for _ in range(PUSHES):
                await tunnel.receive()


async def _at_once(lab: Lab) -> None:
    """The client begins a message, hears all that the server has to say, and only then ends it."""
    await misbehave(lab, "push", messages=PUSHES, interval_seconds=0.01)
    for _ in range(2):
        tunnel = await lab.raw(OPENING)
        first, last = fragments("half of it, and the other half", 10)
        await tunnel.say(first)
        await tunnel.receive(PUSHES)
        await tunnel.say(last)
        await tunnel.receive(PUSHES + 1)
        await tunnel.close()


async def _counted(lab: Lab) -> None:
    for size in (10, 100_000):
        tunnel = await lab.raw(OPENING)
        await tunnel.say(Frame(opcode=Opcode.BINARY, payload=noise(size)))
        await tunnel.receive(1)
        await tunnel.close()


ask = Family(name="payload", site=ECHO)


def _echo(name: str, question: str, *messages: str | bytes | int, connections: int = 2, limit: str = "") -> Scenario:
    return ask(
        name,
        question,
        limit or f"{len(messages)} of {len(messages)} on each of {connections} connections, by SHA-256",
        echoing(*messages, connections=connections),
        (payload.echoed(len(messages)), *SOUND),
    )


SCENARIOS: tuple[Scenario, ...] = (
    _echo("text", "Does text arrive and come back unchanged, from ASCII to emoji and control characters?", *TEXTS),
    _echo("binary", "Do all 256 values of a byte arrive and come back unchanged?", bytes(range(256)), b"\xff\xfe" * 99),
    _echo("empty", "Do empty messages arrive and come back, text as text and binary as binary?", "", b""),
    _echo(
        "boundaries",
        "Do messages pass whose length just fits or just exceeds a length field?",
        *BOUNDARIES,
        *("x" * size for size in BOUNDARIES),
    ),
    _echo("1mib", "Does a message of 1 MiB pass unharmed?", MIB),
    _echo("16mib", "Does a message of 16 MiB pass unharmed?", 16 * MIB, connections=1),
    _echo("64mib", "Does a message of 64 MiB pass unharmed?", 64 * MIB, connections=1),
    ask(
        "stream",
        "Does a stream of messages keep its order when the client waits for no answer?",
        "200 of 200 in order on each of 2 connections",
        _streamed,
        (payload.echoed(200), *SOUND),
    ),
    ask(
        "side-by-side",
        "Do 20 tunnels at once keep their payloads apart?",
        "1 MiB of its own on each of 20 connections, by SHA-256",
        _side_by_side,
        (payload.echoed(1), tunnels.open_together(20), *SOUND),
    ),
    ask(
        "fragments-in",
        "Do the client's frames reach the backend one by one, with a ping between two parts of a message?",
        "the pong comes before the last part is sent, then the whole message; 2 of 2",
        _fragments_in,
        (payload.frames_came("pong 7", "text 5000"), payload.echoed(1), *SOUND),
        explanation="Apache copies bytes and knows no frames: it joins no fragments and holds no control frame back.",
    ),
    ask(
        "fragments-out",
        "Do the frames of a backend's message reach the client cut as they were?",
        "frames of 1,000, 1,000 and 500 bytes on 2 of 2; the Node.js stand-in adds its empty last frame",
        _fragments_out,
        (payload.cut_into(1000, 1000, 500), payload.echoed(1), *SOUND),
    ),
    ask(
        "pings",
        "Do pings and pongs travel in both directions, empty and of 125 bytes?",
        "the backend's ping of 13 bytes, then pongs of 0 and 125 bytes; 2 of 2",
        _pings,
        (payload.frames_came("ping 13", "pong 0", "pong 125"), *SOUND),
    ),
    ask(
        "subprotocol",
        "Is the backend's choice of a subprotocol the one that the client gets, and does data flow under it?",
        "wsconsole out of two offered, and 1 message echoed, on 2 of 2",
        offering("chat.example", "wsconsole"),
        (handshake.subprotocol_chosen("wsconsole"), payload.echoed(1), *SOUND),
    ),
    ask(
        "deflate",
        "Is permessage-deflate agreed between client and backend, with the proxy passing compressed frames?",
        "1 MiB of text echoed, at most 1/100 of its bytes in the access log, on 2 of 2",
        _deflated,
        (payload.compressed(at_least=100), payload.echoed(1), *SOUND),
        explanation="The extension is end to end: offer, answer and compressed frames pass untouched.",
    ),
    ask(
        "push",
        "Can the server speak first and without a request, as the article claims of WebSockets?",
        f"{PUSHES} messages, in order, to a client that sent nothing; 2 of 2",
        _pushed,
        (payload.pushed(PUSHES), *SOUND),
    ),
    ask(
        "full-duplex",
        "Do both sides speak at the same time, as the article's full duplex claims?",
        f"{PUSHES} messages of the server arrive within one of the client's, which is then echoed; 2 of 2",
        _at_once,
        (payload.spoke_both_at_once(PUSHES), payload.echoed(1), *SOUND),
    ),
    ask(
        "counted",
        "Does the access log know how many bytes travelled through a tunnel?",
        "%I and %O equal what the client sent and received, to the byte, handshake included; 2 of 2",
        _counted,
        (payload.bytes_logged, payload.echoed(1), *SOUND),
        explanation="mod_logio counts on the socket, so its numbers are right where bytraffic's counters see nothing.",
        elsewhere=(
            Elsewhere(
                proxy="nginx",
                does="counts of what a client sends the head alone ($request_length)",
                source="ngx_http_core_module; measured on 1.22.1 and 1.31.3: 188 of 212 bytes",
            ),
            Elsewhere(
                proxy="HAProxy",
                does="counts heads as it has rewritten them (%U, %B)",
                source="measured on 2.6.12 and 2.8.25: 203 of 212 bytes, and 439 of 449",
            ),
        ),
    ),
)
