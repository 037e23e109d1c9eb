"""How tunnels end: close codes and reasons in both directions, a half-close, a reset, and who closes the connection."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import payload
from wslb.errors import NotAskable
from wslb.lab.lab import Lab
from wslb.model.handshake import Close
from wslb.model.sites import CLUSTER, balanced
from wslb.scenarios.acts import misbehave
from wslb.scenarios.payload import ECHO, SOUND
from wslb.scenarios.scenario import Act, Family, Scenario
from wslb.wire.frames import Frame, Opcode, close_frame
from wslb.wire.http1 import OPENING

__all__ = ["SCENARIOS"]

CL = balanced(CLUSTER)
LONGEST_REASON = "é" * 61 + "!"
"""123 bytes: what is left of a control frame's 125 after the code (RFC 6455 section 5.5)."""

CODES = ((1000, "done"), (1001, ""), (3000, "registered"), (4321, "client reason"), (4999, LONGEST_REASON))
LOST = Close(code=1006, by="lost")


def closing(*ends: tuple[int, str]) -> Act:
    """Open and close with each of these codes and reasons."""

    async def act(lab: Lab) -> None:
        for code, reason in ends:
            tunnel = await lab.open(greeting=False)
            await tunnel.close(code, reason)

    return act


def closed_by_backend(code: int, reason: str) -> Act:
    """The backends close right after the greeting."""

    async def act(lab: Lab) -> None:
        await misbehave(lab, "close", code=code, reason=reason)
        for _ in range(2):
            tunnel = await lab.open()
            await tunnel.wait_closed(seconds=lab.settings.timeouts.message)

    return act


def provoking(frame: Frame) -> Act:
    """Send what a CL endpoint must not take, and wait for the backend's close frame."""

    async def act(lab: Lab) -> None:
        if lab.fleet.real:
            raise NotAskable(needs="a known close code for what a CL endpoint must not take")
        for _ in range(2):
            tunnel = await lab.raw(OPENING, frames=1)
            await tunnel.say(frame)
            await tunnel.receive(2)
            await tunnel.close()

    return act


async def _half_closed(lab: Lab) -> None:
    for _ in range(2):
        tunnel = await lab.raw(OPENING)
        await tunnel.say(Frame(opcode=Opcode.TEXT, payload=b"last words"))
        await tunnel.receive(1)
        await tunnel.half_close()
        await tunnel.end()
        await tunnel.close()


async def _reset(lab: Lab) -> None:
    for _ in range(2):
        tunnel = await lab.raw(OPENING)
        await tunnel.say(Frame(opcode=Opcode.TEXT, payload=b"last words"))
        await tunnel.receive(1)
        await tunnel.reset()


ask = Family(name="payload", site=ECHO)


def _end(
    name: str, question: str, act: Act, *ends: Close, limit: str, explanation: str = "", own_reason: bool = False
) -> Scenario:
    return ask(
        name,
        question,
        limit,
        act,
        (payload.closed_as(*ends, own_reason=own_reason), *SOUND),
        site=CL if act is not _half_closed and act is not _reset else ECHO,
        explanation=explanation,
        otherwise=0 if (ends[0].code, ends[0].by) == (1000, "client") else 2,
    )


def _by_client(*ends: tuple[int, str]) -> tuple[Close, ...]:
    return tuple(Close(code=code, reason=reason, by="client") for code, reason in ends)


SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "close-by-client",
        "Do the client's close codes and reasons reach the backend?",
        f"{len(CODES)} of {len(CODES)}, from 1000 to 4999, the longest reason of 123 bytes among them",
        closing(*CODES),
        (payload.closed_as(*_by_client(*CODES)), *SOUND),
        otherwise=len(CODES) - 1,
    ),
    _end(
        "close-by-backend",
        "Do a backend's close code and reason reach the client?",
        closed_by_backend(4001, LONGEST_REASON),
        Close(code=4001, reason=LONGEST_REASON, by="server"),
        limit="4001 and a reason of 123 bytes on 2 of 2, the same in the journal",
    ),
    _end(
        "close-too-long",
        "Does a client learn that its message was too long for the backend?",
        provoking(Frame(opcode=Opcode.TEXT, payload=b"x" * 65537)),
        Close(code=1009, by="server"),
        limit="1009 with the backend's reason on 2 of 2: the proxy has no limit of its own",
        own_reason=True,
    ),
    _end(
        "close-binary",
        "Does a client learn that the backend takes no binary messages?",
        provoking(Frame(opcode=Opcode.BINARY, payload=b"WRKSYSSTS")),
        Close(code=1003, reason="commands are text", by="server"),
        limit="1003 with the backend's reason on 2 of 2",
    ),
    _end(
        "half-close",
        "What becomes of a tunnel when the client half-closes its connection?",
        _half_closed,
        LOST,
        limit="both sides see the end (1006) and nothing stays open; 2 of 2",
        explanation="Apache passes the FIN on; a WebSocket server takes it for the end, as no close frame came.",
    ),
    _end(
        "reset",
        "Does the backend learn of a client that vanishes with a reset?",
        _reset,
        LOST,
        limit="1006 at the backend, nothing stays open; 2 of 2",
    ),
    replace(
        _end(
            "close-after-goodbye",
            "Does the proxy close the connection once the close frames were exchanged?",
            provoking(close_frame(1000, "bye")),
            Close(code=1000, reason="bye", by="client"),
            limit="the client's close frame is answered and the TCP connection ended by the proxy; 2 of 2",
        ),
        checks=(payload.closed_as(Close(code=1000, reason="bye", by="client")), payload.ended_by_proxy, *SOUND),
    ),
)
