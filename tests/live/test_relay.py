"""What a relay before a backend or before the proxy does wrong turns the right check red, and names the cause."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
import pytest_asyncio

from wslb.config import Settings, Timeouts
from wslb.lab import edits
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.lab.relay import FRONT, Edit, End, Flow, Pause, Twist, relayed
from wslb.model.results import Outcome, Report, ScenarioResult
from wslb.reports.causes import likely as causes
from wslb.reports.json_file import document
from wslb.scenarios import SCENARIOS, runner
from wslb.wire.frames import Opcode, serialise

pytestmark = pytest.mark.live

GREETING = serialise(Opcode.TEXT, b"[From Server] Connected to nobody", mask=None)
LATE = 0.3


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def quick(wslb_settings: Settings) -> AsyncIterator[Lab]:
    """A lab that does not wait long for what never comes."""
    async with open_lab(replace(wslb_settings, timeouts=Timeouts(message=0.5, settle=2.0))) as lab:
        yield lab


async def ask(lab: Lab, name: str, **places: Sequence[Twist]) -> ScenarioResult:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == name)
    async with relayed(lab, places):
        return await runner.run(scenario, lab)


def red(result: ScenarioResult) -> dict[str, str]:
    return {verdict.check: verdict.observed for verdict in result.verdicts if not verdict.holds}


def cause(result: ScenarioResult) -> str:
    likely = causes.likely(document(Report(results=(result,))).scenarios[0])
    return likely.sentence if likely else ""


@pytest.mark.parametrize("name", ["lb-byrequests-held", "lb-byrequests-at-once", "headers-handshake", "payload-binary"])
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
    assert "so on 3 of 4 tunnels" in said
    assert re.search(why, cause(result)), cause(result)


@pytest.mark.parametrize("name", ["lb-byrequests", "lb-byrequests-held", "weights-3-1-held", "headers-handshake"])
async def test_a_fin_right_behind_every_101(quick: Lab, name: str) -> None:
    fin = Twist(edit=edits.cut(End.FIN, behind=True), head=True)
    result = await ask(quick, name, front=(fin,))
    assert re.search(r"0 of \d+ tunnels so", red(result)["ended_orderly"])
    assert "Close frame" in cause(result)


@pytest.mark.parametrize("flow", Flow)
async def test_close_frames_that_never_arrive(quick: Lab, flow: Flow) -> None:
    """The connection ends a moment later: a client would wait for five seconds."""
    edit = lambda _: (Pause(seconds=LATE), End.FIN)  # noqa: E731 - an edit is a function of a unit
    twist = Twist(edit=edit, flow=flow, opcode=Opcode.CLOSE, connections=frozenset({1}))
    result = await ask(quick, "headers-handshake", node=(twist,))
    assert "3 of 4 tunnels so" in red(result)["ended_orderly"]
    assert "Close frame" in cause(result)
