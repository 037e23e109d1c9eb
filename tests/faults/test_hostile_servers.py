"""Servers that answer anything, without end or not at all: `check` and `load` end in time and in bounds, and are red.

What the lab makes of the same answers is asked by tests/live/test_relay.py.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

import pytest

from tests.answers import BAD_ANSWERS, Answer, answering
from tests.faults.figures import FULL, Figures
from wslb.commands import check
from wslb.commands.check import Probe
from wslb.connectors import visits, websocket
from wslb.connectors.websocket import WebSocketConnector, WebSocketTunnel
from wslb.load.plan import LoadPlan
from wslb.load.shards.link import Link
from wslb.load.shards.shard import RunningShard
from wslb.waiting import until
from wslb.wire.approach import Approach
from wslb.wire.opens import Demand, Mark

pytestmark = [pytest.mark.live, pytest.mark.slow]

LIMIT_SECONDS = 60
"""No question to one server takes longer, all of them together: the deadlines of `Probe`, for two opens."""

MORE_BYTES = 400_000_000
"""What all servers at a time may cost in memory; a flood that is not bounded takes more within a second."""

PATIENCE = 1.5
"""Deadline of each part of a connection of load, in seconds."""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines of a fifth, where not everything is asked in full."""
    if not FULL:
        for name in ("PATIENCE", "PONG_SECONDS", "ECHO_SECONDS", "CLOSING_SECONDS"):
            monkeypatch.setattr(check, name, getattr(check, name) / 5)
        for name in ("CLOSING_SECONDS", "TURN_SECONDS"):
            monkeypatch.setattr(visits, name, getattr(visits, name) / 5)
        monkeypatch.setattr(websocket, "_CLOSE_SECONDS", 1)


def grown(before: int) -> list[str]:
    """A sentence when this process took too much memory since then."""
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return [f"{more} bytes"] if more > MORE_BYTES else []


async def lost(answer: Answer) -> list[str]:
    """Sentences of what `check` did wrong with this server."""
    begin = time.monotonic()
    try:
        async with answering((answer,)) as address, asyncio.timeout(LIMIT_SECONDS):
            connector = WebSocketConnector(limit=check.MESSAGE_LIMIT)
            probe = Probe(Approach(url=f"ws://{address}/"), connector, wanted=Demand(count=2, echo=True))
            answers = [told async for told in probe.answers()]
    except TimeoutError:
        return ["it did not end"]
    except Exception as exc:  # noqa: BLE001 - whatever it is, this is what is asked
        return [f"{type(exc).__name__}: {exc}"]
    if not answer.allowed and all(told.mark != Mark.BROKEN for told in answers):
        return [f"nothing is red after {time.monotonic() - begin:.1f} s: {'; '.join(map(str, answers))}"]
    return []


@pytest.mark.usefixtures("hurried")
async def test_check_is_red_and_ends() -> None:
    figures = Figures("hostile servers, check")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    asked = BAD_ANSWERS if FULL else BAD_ANSWERS[::3]
    room = asyncio.Semaphore(160)

    async def one(answer: Answer) -> list[str]:
        async with room:
            return await lost(answer)

    for answer, found in zip(asked, await asyncio.gather(*map(one, asked)), strict=True):
        figures.judge(answer.what, found)
    figures.judge("memory", grown(before))
    figures.survived()


async def test_load_counts_each_as_an_error_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection gets another answer; none of them echoes, so none may pass."""
    figures = Figures("hostile servers, load")
    kinds: dict[int, str] = {}
    failed = RunningShard.failed

    def noted(shard: RunningShard, link: Link, kind: str, *, was_open: bool) -> None:
        kinds[link.number] = kind
        failed(shard, link, kind, was_open=was_open)

    monkeypatch.setattr(RunningShard, "failed", noted)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with answering(BAD_ANSWERS) as address, asyncio.timeout(LIMIT_SECONDS):
        plan = LoadPlan(
            url=f"ws://{address}/",
            connections=len(BAD_ANSWERS),
            concurrency=len(BAD_ANSWERS),
            messages=1,
            handshake_seconds=PATIENCE,
            message_seconds=PATIENCE,
            close_seconds=PATIENCE,
        )
        begin = time.monotonic()
        shard = RunningShard(plan.shards(1)[0], loop=asyncio.get_running_loop(), beat=lambda _: True)
        tally = await shard.until_over(time.time())
        took = time.monotonic() - begin
    for number, answer in enumerate(BAD_ANSWERS):
        kind = kinds.get(number, "")
        figures.judge(answer.what, [] if kind and "Error" not in kind else [f"it is told as {kind!r}"])
    counted = sum(tally.errors.values())
    figures.judge("the count", [] if counted == len(BAD_ANSWERS) == tally.ended else [f"{counted} errors"])
    figures.judge("the deadlines", [] if took < 3 * PATIENCE + LIMIT_SECONDS / 4 else [f"it took {took:.1f} s"])
    figures.judge("memory", grown(before))
    figures.survived()


async def test_the_command_of_load_says_so(tmp_path: Path) -> None:
    """Exit code 1: a limit does not hold; the client did what was asked, so the run is no invalid one."""
    soon = ("status", "opcode", "TEXT with", "Sec-WebSocket", "fin", "reset", "a close with", "text")
    answers = BAD_ANSWERS if FULL else tuple(one for one in BAD_ANSWERS if one.what.startswith(soon))[::4]
    async with answering(answers) as address, asyncio.timeout(LIMIT_SECONDS):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wslb", "load", f"ws://{address}/", "--connections", str(len(answers))),
            *("--concurrency", str(len(answers)), "--messages", "1", "--yes", "--report", str(tmp_path)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await process.communicate()
    text = told.decode()
    assert process.returncode == 1, text
    assert "Traceback" not in text
    assert "Error" not in text
    assert "wslb itself" not in text
    document = json.loads((tmp_path / "load.json").read_text())
    assert document["outcome"]["word"] == "failed"
    assert document["started"] == len(answers)


async def test_check_reads_no_further_when_nobody_reads_its_pongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MOST_UNSENT", 1 << 18)
    (pings,) = (answer for answer in BAD_ANSWERS if answer.what == "pings without end")
    async with answering((pings,)) as address:
        _, tunnel = await WebSocketConnector().open(f"ws://{address}/")
        assert isinstance(tunnel, WebSocketTunnel)
        transport = tunnel._connection.transport

        async def paused() -> bool:
            return not transport.is_reading()

        await until(paused, seconds=20, what="the end of reading")
        assert transport.get_write_buffer_size() < 1 << 22
        monkeypatch.setattr(websocket, "_CLOSE_SECONDS", 0.2)
        await tunnel.close()
        assert tunnel.ended in {(1006, "", "lost"), (1006, websocket.UNANSWERED, "lost")}
