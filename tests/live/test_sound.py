"""Set-ups that are unusual and sound stay green: names, forms of the log, spellings and pieces decide nothing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

import pytest
import pytest_asyncio

from wslb.commands import rounds, setups
from wslb.commands.setups import TRAITS, Trait
from wslb.config import Settings
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.model.balancer import LbMethod
from wslb.model.results import Outcome, ScenarioResult
from wslb.scenarios.scenario import Scenario

pytestmark = pytest.mark.live

MODELLED = setups.setup(count=6)
TRAFFIC = setups.setup(count=6, lbmethod=LbMethod.BYTRAFFIC, hold=True)

BY_FIELDS = {"wire", "log", "carrier", "remote address", "keep-alive", "lookups", "canonical name"}
"""Traits that could show in the handshake's fields."""

ROWS: tuple[tuple[Scenario, Trait], ...] = (
    *((MODELLED, trait) for trait in TRAITS),
    *((setups.served("headers-handshake"), trait) for trait in TRAITS if trait.of in BY_FIELDS),
    *((TRAFFIC, trait) for trait in TRAITS if trait.apache or trait.ahead),
    *((setups.served("manager-drain"), trait) for trait in TRAITS if trait.of in {"name", "canonical name"}),
)
IDS = [f"{trait.name} {s.name} {s.site.balancers[0].lbmethod.value}".replace("\n", "; ") for s, trait in ROWS]
FIXED = 1


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def results(request: pytest.FixtureRequest, wslb_settings: Settings) -> dict[int, ScenarioResult]:
    """What the set-ups that were chosen answered, in labs beside each other."""
    wanted = [item.callspec.params.get("row") for item in request.session.items if hasattr(item, "callspec")]
    waiting = iter([row for row in range(len(ROWS)) if row in wanted])
    found: dict[int, ScenarioResult] = {}
    gate = asyncio.Lock()

    async def work(lab: Lab, rows: Iterator[int], front: Lab) -> None:
        for row in rows:
            scenario, trait = ROWS[row]
            async with gate if trait.apache else contextlib.nullcontext():
                found[row] = await setups.ask(scenario, (trait,), lab, front=front)

    async with contextlib.AsyncExitStack() as stack:
        front, *labs = [await stack.enter_async_context(open_lab(wslb_settings)) for _ in range(4)]
        async with asyncio.TaskGroup() as group:
            for lab in labs:
                group.create_task(work(lab, waiting, front))
    return found


@pytest.mark.parametrize("row", range(len(ROWS)), ids=IDS)
async def test_a_sound_set_up_stays_green(row: int, results: dict[int, ScenarioResult]) -> None:
    result = results[row]
    if result.outcome is Outcome.SKIPPED:
        pytest.skip(result.reason)
    assert result.outcome is Outcome.PASSED, result.reason or result.first_failure


def test_there_are_a_hundred_of_them() -> None:
    assert len(ROWS) >= 100


async def test_rounds_drawn_at_random_have_no_miss_and_no_false_alarm(wslb_settings: Settings) -> None:
    """Of a fixed seed, and of one from the clock, which a failure names."""
    drawn = [rounds.planned(FIXED, number) for number in range(1, 26)]
    drawn += [rounds.planned(time.time_ns() // 1_000_000_000, number) for number in range(26, 41)]
    answers = await rounds.asked(drawn, wslb_settings, done=lambda _: None)
    wrong = [str(answer) for answer in answers if answer.outcome in {Outcome.FAILED, Outcome.ERRORED}]
    assert not wrong, "\n".join(wrong)
    assert sum(answer.outcome is Outcome.PASSED for answer in answers) >= 30
