"""When a run ends before all has been asked, and what is told of what was not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.fakes.lab import FakeLab, fake_lab
from tests.unit.scenarios.test_runner import ASKED, fake_lab_itself
from wslb.checks import distribution
from wslb.config import Settings
from wslb.errors import HarnessError, RunEnded, StartError
from wslb.lab.lab import Lab
from wslb.model.balancer import Site
from wslb.model.results import Outcome, ScenarioResult
from wslb.scenarios import runner
from wslb.scenarios.ending import Ends, Within
from wslb.scenarios.scenario import Scenario

RED = replace(ASKED, name="lb-red", checks=(distribution.served_by("node", "node"),))


@pytest_asyncio.fixture(loop_scope="session")
async def fakes() -> AsyncIterator[FakeLab]:
    async with fake_lab() as made:
        yield made


async def hanging(_: Lab) -> None:
    await asyncio.Event().wait()


def rejecting(fakes: FakeLab, problem: Callable[[int], str]) -> list[int]:
    """Let every start fail for which there is a problem; counts the starts."""
    starts: list[int] = []
    served = fakes.proxy.apply

    async def apply(site: Site) -> None:
        starts.append(len(starts))
        if text := problem(len(starts)):
            raise StartError(name="httpd", reason=text, waited=len(starts) * 1.5, log_tail=(f"[pid {len(starts)}] no",))
        await served(site)

    fakes.proxy.apply = apply  # type: ignore[method-assign]  # it starts when it likes
    return starts


async def asked(scenarios: Sequence[Scenario], lab: Lab, ends: Ends | None) -> tuple[list[str], HarnessError | None]:
    told: list[ScenarioResult] = []
    error = None
    try:
        async with asyncio.timeout(20):
            await runner.run_all(scenarios, lab, done=told.append, ends=ends)
    except HarnessError as exc:
        error = exc
    return [f"{one.name} {one.outcome}" for one in told], error


def named(*names: str, of: Scenario = ASKED) -> list[Scenario]:
    return [replace(of, name=name) for name in names]


async def test_a_lab_that_cannot_start_ends_the_run_after_the_second_equal_failure(fakes: FakeLab) -> None:
    starts = rejecting(fakes, lambda _: "it did not answer")
    told, error = await asked(named("lb-a", "lb-b", "lb-c"), fakes.lab, None)
    assert told == ["lb-a errored", "lb-b errored"]
    assert str(error) == (
        "The lab did not start: httpd did not start: it did not answer after 3.0 s; "
        "lb-b failed as lb-a did, so nothing further was asked."
    )
    assert error is not None
    assert error.log_tail == ("[pid 2] no",)
    assert len(starts) == 2


async def test_two_different_failures_do_not(fakes: FakeLab) -> None:
    rejecting(fakes, lambda number: ["this", "that"][number % 2])
    told, error = await asked(named("lb-a", "lb-b", "lb-c"), fakes.lab, None)
    assert (told, error) == (["lb-a errored", "lb-b errored", "lb-c errored"], None)


async def test_scenarios_that_alone_cannot_be_served_do_not_end_a_run_whose_lab_starts(fakes: FakeLab) -> None:
    rejecting(fakes, lambda number: "no such directive" if number in {2, 3, 5} else "")
    told, error = await asked(named(*"abcde"), fakes.lab, None)
    assert told == ["a passed", "b errored", "c errored", "d errored", "e passed"]
    assert error is None, "the fourth start served once more what the first had served"


async def test_a_lab_that_does_not_serve_any_more_what_it_has_served_ends_it(fakes: FakeLab) -> None:
    rejecting(fakes, lambda number: "no room" if number > 1 else "")
    told, error = await asked(named(*"abcde"), fakes.lab, None)
    assert told == ["a passed", "b errored", "c errored"]
    assert isinstance(error, StartError)


@pytest.mark.parametrize(("maxfail", "asks"), [(1, 1), (2, 2), (0, 3), (3, 3)])
async def test_so_many_failures_end_a_run(fakes: FakeLab, maxfail: int, asks: int) -> None:
    scenarios = named("lb-a", "lb-b", "lb-c", of=RED)
    told, error = await asked(scenarios, fakes.lab, Ends(Settings(maxfail=maxfail)))
    assert told == [f"lb-{letter} failed" for letter in "abc"[:asks]]
    assert (error.by if isinstance(error, RunEnded) else "") == (f"--maxfail {maxfail}" if asks < 3 else "")


async def test_a_deadline_errs_what_is_being_asked_and_asks_nothing_further(fakes: FakeLab) -> None:
    scenarios = [ASKED, replace(ASKED, name="lb-hangs", act=hanging), *named("lb-after")]
    told, error = await asked(scenarios, fakes.lab, Ends(Settings(deadline=0.5)))
    assert told == ["lb-four passed", "lb-hangs errored"]
    assert str(error) == "The run was stopped by the deadline of 0.5 s."


async def test_a_deadline_reaches_every_lab_of_a_run(fakes: FakeLab) -> None:
    told: list[str] = []
    scenarios = named(*"abcd", of=replace(ASKED, act=hanging))
    with pytest.raises(RunEnded):
        await runner.run_all(
            scenarios,
            fakes.lab,
            done=lambda one: told.append(f"{one.name} {one.reason}"),
            further=[fake_lab_itself()],
            ends=Ends(Settings(deadline=0.4)),
        )
    assert told == [f"{name} The deadline of 0.4 s came before it ended." for name in "ab"]


async def test_a_scenario_that_takes_too_long_is_errored_and_the_next_starts_afresh(fakes: FakeLab) -> None:
    scenarios = [replace(ASKED, name="lb-hangs", act=hanging), ASKED]
    told, error = await asked(scenarios, fakes.lab, Ends(Settings(limit=0.3)))
    assert (told, error) == (["lb-hangs errored", "lb-four passed"], None)
    result = await runner.run(scenarios[0], fakes.lab, limit=Within(seconds=0.1, told="Too long."))
    assert (result.outcome, result.reason, result.lab_failed) == (Outcome.ERRORED, "Too long.", False)


@pytest.mark.parametrize(
    ("settings", "limited", "seconds"),
    [
        ({}, True, 300),
        ({}, False, float("inf")),
        ({"connections": 50_000}, True, 5000),
        ({"limit": 7.0}, False, 7),
    ],
)
def test_a_scenario_has_its_own_limit_else_the_usual_one(
    settings: dict[str, float], limited: bool, seconds: float
) -> None:
    ends = Ends(Settings(**settings), limited=limited)  # type: ignore[arg-type]  # numbers
    assert ends.limit().seconds == seconds
    assert Ends(Settings(**settings)).limit(limited=limited).seconds == seconds  # type: ignore[arg-type]  # numbers
    assert Ends().limit().seconds == float("inf")
