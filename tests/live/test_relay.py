"""What a relay before a backend or before the proxy does wrong turns the right check red, and names the cause."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.answers import BAD_ANSWERS, answering
from tests.faults.figures import FULL
from wslb.config import Settings, Timeouts
from wslb.connectors import websocket
from wslb.lab import edits
from wslb.lab.conversation import Conversation
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.lab.raw_conversation import RawConversation
from wslb.lab.relay import FRONT, Edit, End, Flow, Pause, Twist, relayed
from wslb.model.balancer import Carrier, Site
from wslb.model.results import Outcome, Report, ScenarioResult
from wslb.reports.causes import likely as causes
from wslb.reports.json_file import document
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.scenario import Scenario
from wslb.wire.frames import Opcode, serialise

pytestmark = pytest.mark.live

GREETING = serialise(Opcode.TEXT, b"[From Server] Connected to nobody", mask=None)
LATE = 0.3


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def quick(wslb_settings: Settings) -> AsyncIterator[Lab]:
    """A lab that does not wait long for what never comes."""
    async with open_lab(replace(wslb_settings, timeouts=Timeouts(handshake=1.0, message=0.3, settle=1.0))) as lab:
        yield lab


def shipped(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


async def ask(lab: Lab, name: str, **places: Sequence[Twist]) -> ScenarioResult:
    async with relayed(lab, places):
        return await runner.run(shipped(name), lab)


def red(result: ScenarioResult) -> dict[str, str]:
    return {verdict.check: verdict.observed for verdict in result.verdicts if not verdict.holds}


def cause(result: ScenarioResult) -> str:
    likely = causes.likely(document(Report(results=(result,))).scenarios[0])
    return likely.sentence if likely else ""


@pytest.mark.parametrize("name", ["lb-byrequests-held", "headers-handshake", "payload-binary"])
async def test_a_relay_that_is_told_nothing_changes_nothing(quick: Lab, name: str) -> None:
    result = await ask(quick, name, front=(), liberty=(), node=())
    assert (result.outcome, red(result)) == (Outcome.PASSED, {})
    pieces = Twist(edit=edits.in_pieces(7)), Twist(edit=edits.in_pieces(7), flow=Flow.UP)
    heads = Twist(edit=edits.in_pieces(7), head=True), Twist(edit=edits.in_pieces(7), head=True, flow=Flow.UP)
    result = await ask(quick, name, **{FRONT: (*pieces, *heads), "node": (*pieces, *heads)})
    assert (result.outcome, red(result)) == (Outcome.PASSED, {})


@pytest.mark.parametrize(
    ("edit", "words", "why"),
    [
        (edits.drop, "the greeting is silent", "its greeting did not reach the client"),
        (edits.double, "the greeting came 2 times", "greeting came 2 times"),
        (
            edits.garbage(GREETING),
            r"greeting is nobody's: '\[From Server\] Connected to nobody'",
            "no backend's greeting",
        ),
        (edits.with_first_byte(lambda byte: byte & 0xF0 | 2), "binary message of", "came as binary"),
        (edits.unmasked_or_masked, r"masking \(RFC 6455 section 5.1\)", "breaks RFC 6455"),
        (edits.with_first_byte(lambda byte: byte | 0x40), r"reserved bits.*section 5.2\)", "breaks RFC 6455"),
        (edits.payload(lambda _: b"\xff\xfe"), r"start byte.*section 8.1\)", "breaks RFC 6455"),
        (edits.with_first_byte(lambda _: 0x83), r"opcode \(RFC 6455 section 5.2\)", "breaks RFC 6455"),
        (edits.with_first_byte(lambda _: 0x80), r"continuation frame \(RFC 6455 section 5.4\)", "breaks RFC 6455"),
    ],
    ids=["silent", "twice", "nobodys", "binary", "masked", "rsv1", "utf8", "opcode", "continuation"],
)
async def test_a_greeting_that_is_none(quick: Lab, edit: Edit, words: str, why: str) -> None:
    twist = Twist(edit=edit, number=1, connections=frozenset({2}))
    result = await ask(quick, "headers-handshake", liberty=(twist,))
    said = red(result)["witnesses_speak"]
    assert re.search(f"connection 3: .*{words}", said), said
    assert "holds on 3 of 4 tunnels" in said
    assert re.search(why, cause(result)), cause(result)


@pytest.mark.parametrize("name", ["lb-byrequests", "lb-byrequests-held", "weights-3-1-held", "headers-handshake"])
async def test_a_fin_right_behind_every_101(quick: Lab, name: str) -> None:
    fin = Twist(edit=edits.cut(End.FIN, behind=True), head=True)
    result = await ask(quick, name, front=(fin,))
    assert re.search(r"holds on 0 of \d+ tunnels", red(result)["ended_orderly"])
    assert "Close frame" in cause(result)


@pytest.mark.parametrize("flow", Flow)
async def test_close_frames_that_never_arrive(quick: Lab, flow: Flow) -> None:
    """The connection ends a moment later: a client would wait for five seconds."""
    edit = lambda _: (Pause(seconds=LATE), End.FIN)  # noqa: E731 - an edit is a function of a unit
    twist = Twist(edit=edit, flow=flow, opcode=Opcode.CLOSE, connections=frozenset({1}))
    result = await ask(quick, "headers-handshake", node=(twist,))
    assert "holds on 3 of 4 tunnels" in red(result)["ended_orderly"]
    assert "Close frame" in cause(result)


AT_ONCE = 120
"""Openings under way at a time: many of these answers must be waited for in vain."""


def by_library(lab: Lab) -> Awaitable[Conversation]:
    return lab.open()


def by_hand(lab: Lab) -> Awaitable[RawConversation]:
    return lab.raw(frames=2, seconds=0.5)


@pytest.mark.parametrize(
    ("number", "place", "carrier", "opening"),
    [
        (0, "ws", Carrier.WSTUNNEL, by_library),
        (1, "ws", Carrier.WSTUNNEL, by_hand),
        (2, "ws://node", Carrier.WSTUNNEL, by_library),
        (3, "ws://node", Carrier.HTTP, by_library),
    ],
    ids=["client", "by-hand", "wstunnel", "http"],
)
async def test_whatever_a_server_answers_is_evidence(
    quick: Lab,
    number: int,
    place: str,
    carrier: Carrier,
    opening: Callable[[Lab], Awaitable[Conversation | RawConversation]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each connection gets another answer that no server may give: claims fail, and nothing of ours does."""
    monkeypatch.setattr(websocket, "_CLOSE_SECONDS", 1.0)
    answers = BAD_ANSWERS if FULL else BAD_ANSWERS[number::4]
    count = len(answers) * (1 if place == "ws" else 2)  # of those that a proxy sends on, every second gets there

    async def act(lab: Lab) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with gate:
                tunnel = await opening(lab)
                if isinstance(tunnel, Conversation):
                    await tunnel.run("WRKSBS")
                    await tunnel.ping()
                await tunnel.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(one())

    scenario = shipped("headers-handshake")
    scenario = replace(scenario, act=act, site=replace(scenario.site, carrier=carrier))
    async with answering(answers) as address:
        quick.detours[place] = address
        try:
            result = await runner.run(scenario, quick)
        finally:
            del quick.detours[place]
    assert (result.outcome, result.reason) == (Outcome.FAILED, "")
    assert len(result.record.handshakes) == count
    cause(result)


async def test_dead_tunnels_are_no_error_of_ours(quick: Lab) -> None:
    scenario = shipped("lb-bybusyness-held")
    cut = Twist(edit=edits.cut(behind=True), number=1)
    result = await ask(quick, scenario.name, liberty=(cut,), node=(cut,))
    assert (result.outcome, result.reason) == (Outcome.FAILED, "")
    assert "holds on 0 of 10 tunnels" in red(result)["ended_orderly"]
    assert "Close frame" in cause(result)


async def test_a_manager_that_nobody_may_read_is_silent_and_no_error(quick: Lab) -> None:
    forbidden = f"<Location {quick.proxy.dialect.manager_path}>\n  Require all denied\n</Location>"

    def tamper(site: Site) -> Site:
        return replace(site, directives=(*site.directives, forbidden))

    result = await runner.run(shipped("lb-bybusyness"), quick, tamper=tamper)
    assert (result.outcome, result.reason) == (Outcome.FAILED, "")
    assert "balancer-manager is silent" in red(result)["witnesses_speak"]
    assert "members_as_claimed" in red(result)
    assert cause(result).startswith("balancer-manager showed no member")
