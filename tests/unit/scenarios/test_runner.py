"""How the runner asks a scenario: in which order, and what becomes of every way in which it can go wrong."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.lab import FakeLab, fake_lab
from wslb.checks import distribution, handshake
from wslb.config import DockerNetwork, RuntimeChoice, Settings
from wslb.errors import ConfigError, NotAskable, ProcessLost, ProxyConfigRejected, StartError
from wslb.lab.lab import Lab
from wslb.model.balancer import Carrier, ProcessModel, Site
from wslb.model.results import LogLine, Outcome, ScenarioResult
from wslb.model.sites import CLUSTER, NODE, balanced
from wslb.scenarios import runner
from wslb.scenarios.runner import roomy
from wslb.scenarios.scenario import Scenario

SITE = balanced(CLUSTER)


async def four(lab: Lab) -> None:
    await lab.open_in_turn(4)


ASKED = Scenario(
    name="lb-four",
    question="Do four take turns?",
    limit="0 breaks over 4",
    site=SITE,
    act=four,
    checks=(distribution.alternates, handshake.answered_101),
)


@pytest_asyncio.fixture(loop_scope="session")
async def fakes() -> AsyncIterator[FakeLab]:
    async with fake_lab() as made:
        made.calls.clear()
        yield made


def red(result: ScenarioResult) -> set[str]:
    return {verdict.check for verdict in result.verdicts if not verdict.holds}


def test_long_series_that_are_held_get_threads() -> None:
    assert roomy(SITE, 200) is SITE
    assert roomy(SITE, 600).process_model.workers >= 600
    assert replace(roomy(SITE, 600), process_model=SITE.process_model) == SITE


def test_scenario_that_counts_its_threads_keeps_them() -> None:
    few = replace(SITE, process_model=ProcessModel(children=1, threads=25))
    assert roomy(few, 100_000) is few


async def test_what_holds_passes_with_all_its_evidence(fakes: FakeLab) -> None:
    result = await runner.run(ASKED, fakes.lab)
    assert (result.outcome, result.reason, red(result)) == (Outcome.PASSED, "", set())
    assert [verdict.check for verdict in result.verdicts] == [
        "alternates",
        "answered_101",
        "witnesses_speak",
        "ended_orderly",
        "log_is_clean",
    ]
    assert result.record.elections == ("liberty", "node", "liberty", "node")
    assert [m.elected for m in result.record.before] == [0, 0]
    assert [m.elected for m in result.record.after] == [2, 2]
    assert len(result.record.access) == 4
    assert (result.name, result.family, result.reproduce) == ("lb-four", "lb", "wslb test lb-four --connections 20")


async def test_site_then_journals_then_counters_then_the_act_then_counters(fakes: FakeLab) -> None:
    fleet, calls = fakes.fleet, fakes.calls
    cleared = fleet.prepare

    async def prepare(site: Site) -> None:
        calls.append("clear")
        await cleared(site)

    async def act(lab: Lab) -> None:
        calls.append("act")
        assert await fleet.journal() == (), "what others sent is no evidence of this scenario"
        assert lab.clock() < 1, "the clock starts with the act"

    fleet.prepare = prepare  # type: ignore[method-assign]  # watched
    await runner.run(replace(ASKED, act=act), fakes.lab)
    assert calls == ["clear", "apply", "status", "act", "status"]


async def test_a_tunnel_of_the_scenario_before_is_closed_before_the_next_site(fakes: FakeLab) -> None:
    await fakes.lab.open()
    (end,) = fakes.fleet["liberty"].tunnels
    await runner.run(ASKED, fakes.lab)
    assert end.closed is not None


async def test_a_lacking_module_skips_before_anything_is_touched(fakes: FakeLab) -> None:
    lacking = replace(ASKED, needs=("no_such_thing", "no_such_thing"), site=replace(SITE, modules=("other",)))
    result = await runner.run(lacking, fakes.lab)
    assert (result.outcome, result.verdicts, result.record.handshakes) == (Outcome.SKIPPED, (), ())
    assert result.reason == "this httpd (2.4.99) has no mod_other, mod_no_such_thing"
    assert fakes.calls == []


@pytest.mark.parametrize(
    "error",
    [
        StartError(name="httpd", reason="it was not ready", log_tail=("line one", "line two"), hint="look there"),
        ProxyConfigRejected(file=Path("httpd.conf"), line=3, text="Invalid command"),
    ],
)
async def test_what_could_not_be_looked_at_is_errored_and_the_labs(fakes: FakeLab, error: StartError) -> None:
    async def apply(site: Site) -> None:
        raise error

    fakes.proxy.apply = apply  # type: ignore[method-assign]  # it does not start
    result = await runner.run(ASKED, fakes.lab)
    assert (result.outcome, result.lab_failed, result.verdicts) == (Outcome.ERRORED, True, ())
    assert str(error) in result.reason
    assert error.hint in result.reason
    assert result.reason.split("\n")[1:] == list(error.log_tail)


async def test_an_error_of_our_own_is_errored_and_not_the_labs(fakes: FakeLab) -> None:
    async def act(lab: Lab) -> None:
        raise ConfigError(option="--x", value=1, allowed="2", hint="Take 2.")

    result = await runner.run(replace(ASKED, act=act), fakes.lab)
    assert (result.outcome, result.lab_failed) == (Outcome.ERRORED, False)
    assert result.reason.endswith("Take 2.")


async def test_the_unforeseen_is_errored_with_its_place(fakes: FakeLab) -> None:
    async def act(lab: Lab) -> None:
        await lab.open_in_turn(2)
        raise ZeroDivisionError("oops")

    result = await runner.run(replace(ASKED, act=act), fakes.lab)
    assert (result.outcome, result.lab_failed, result.verdicts) == (Outcome.ERRORED, False, ())
    assert re.fullmatch(r"The scenario broke off: zero division: oops \(test_runner\.py:\d+\)\.", result.reason)
    after = await runner.run(ASKED, fakes.lab)
    assert after.outcome is Outcome.PASSED, "the next scenario starts afresh"
    assert [h.conn_id for h in after.record.handshakes] == [f"lb-four-{i}" for i in (1, 2, 3, 4)]


async def test_an_interruption_is_no_result(fakes: FakeLab) -> None:
    async def act(lab: Lab) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await runner.run(replace(ASKED, act=act), fakes.lab)


def logging(fakes: FakeLab, *, level: str = "error", code: str = "AH00999") -> Scenario:
    async def act(lab: Lab) -> None:
        await lab.open_in_turn(4)
        line = LogLine(at="now", module="proxy", level=level, code=code, text=f"{code}: something")
        fakes.proxy.lines.append(line)

    return replace(ASKED, act=act)


async def test_an_unannounced_line_of_the_error_log_fails(fakes: FakeLab) -> None:
    result = await runner.run(logging(fakes), fakes.lab)
    assert (result.outcome, red(result)) == (Outcome.FAILED, {"log_is_clean"})


async def test_an_announced_line_and_a_notice_do_not(fakes: FakeLab) -> None:
    announced = replace(logging(fakes), allow_log=("AH00999",))
    assert (await runner.run(announced, fakes.lab)).outcome is Outcome.PASSED
    assert (await runner.run(logging(fakes, level="notice"), fakes.lab)).outcome is Outcome.PASSED


async def test_what_is_served_behind_the_scenarios_back_is_found_out(fakes: FakeLab) -> None:
    def tamper(site: Site) -> Site:
        return site.with_balancer(CLUSTER.with_member(replace(NODE, loadfactor=3)))

    result = await runner.run(ASKED, fakes.lab, tamper=tamper)
    assert result.outcome is Outcome.FAILED
    assert "alternates" in red(result)
    assert result.site == SITE, "the report tells the claim"


async def test_results_come_one_by_one(fakes: FakeLab) -> None:
    told: list[str] = []

    def done(result: ScenarioResult) -> None:
        told.append(f"{result.name} {result.outcome}")
        if len(told) == 2:
            raise KeyboardInterrupt

    scenarios = [replace(ASKED, name=f"lb-{i}") for i in range(3)]
    with pytest.raises(KeyboardInterrupt):
        await runner.run_all(scenarios, fakes.lab, done=done)
    assert told == ["lb-0 passed", "lb-1 passed"]


async def test_labs_beside_each_other_are_told_in_order_and_what_measures_runs_alone(fakes: FakeLab) -> None:
    running: set[str] = set()
    beside: dict[str, set[str]] = {}
    both = asyncio.Event()

    @contextlib.contextmanager
    def seen(name: str) -> Iterator[None]:
        running.add(name)
        beside[name] = set(running)
        yield
        running.discard(name)

    async def meet(lab: Lab) -> None:
        if len(running) == 2:
            both.set()
        await both.wait()  # hangs where nothing runs beside it
        if "lb-0" in running and len(beside) == 2:
            await lab.open_in_turn(4)  # the first is slower than the second

    scenarios = [replace(ASKED, name=f"lb-{i}", act=meet, alone=i == 1) for i in range(5)]
    told: list[str] = []
    async with asyncio.timeout(20):
        await runner.run_all(
            scenarios, fakes.lab, done=lambda one: told.append(one.name), running=seen, further=[fake_lab_itself()]
        )
    assert told == [f"lb-{i}" for i in range(5)]
    assert beside["lb-1"] == {"lb-1"}, "it ran alone"
    assert beside["lb-2"] == {"lb-0", "lb-2"}
    assert list(beside)[-1] == "lb-1", "after all others"


async def test_results_that_wait_for_one_before_them_are_kept_when_the_run_ends(fakes: FakeLab) -> None:
    second = asyncio.Event()

    async def first(_: Lab) -> None:
        await asyncio.Event().wait()

    @contextlib.contextmanager
    def seen(name: str) -> Iterator[None]:
        yield
        if name == "lb-1":
            second.set()

    scenarios = [replace(ASKED, name="lb-0", act=first), replace(ASKED, name="lb-1")]
    told: list[str] = []
    work = runner.run_all(
        scenarios, fakes.lab, done=lambda one: told.append(one.name), running=seen, further=[fake_lab_itself()]
    )
    run = asyncio.create_task(work)
    async with asyncio.timeout(20):
        await second.wait()
        run.cancel()  # as a signal does
        with pytest.raises(asyncio.CancelledError):
            await run
    assert told == ["lb-1"]


async def test_a_further_lab_that_does_not_start_is_told_and_the_others_do_its_work(fakes: FakeLab) -> None:
    @contextlib.asynccontextmanager
    async def none() -> AsyncIterator[Lab]:
        if not told:
            raise StartError(name="httpd", reason="it did not answer")
        yield fakes.lab

    told: list[str] = []
    lost: list[str] = []
    await runner.run_all(
        [ASKED, ASKED], fakes.lab, done=lambda one: told.append(one.outcome), further=[none()], tell=lost.append
    )
    assert told == ["passed", "passed"]
    assert lost == [
        "A further lab did not start, so fewer run at the same time: httpd did not start: it did not answer."
    ]


@contextlib.asynccontextmanager
async def fake_lab_itself() -> AsyncIterator[Lab]:
    async with fake_lab() as made:
        yield made.lab


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ""),
        ({"carrier": Carrier.HTTP}, " --carrier http"),
        ({"connections": 300}, " --connections 300"),
        ({"runtime": RuntimeChoice.LOCAL}, " --runtime local"),
        ({"docker_network": DockerNetwork.HOST}, " --docker-network host"),
        ({"image": "httpd:2.4"}, " --image httpd:2.4"),
        ({"httpd": "/usr/sbin/httpd"}, " --httpd /usr/sbin/httpd"),
        ({"report": Path("elsewhere")}, ""),
        (
            {"backends": {"a": "ws://a"}, "identify": r"message:I am (\w+)"},
            r" --backend a=ws://a --identify 'message:I am (\w+)'",
        ),
    ],
)
def test_a_result_says_how_to_ask_again(settings: dict[str, Any], words: str) -> None:
    assert runner.reproduce("wslb test lb-four", Settings(**settings)) == f"wslb test lb-four{words}"


async def test_an_accident_of_the_lab_is_errored_whatever_the_evidence_says(fakes: FakeLab) -> None:
    async def act(lab: Lab) -> None:
        await lab.open_in_turn(3)
        fakes.proxy.accident = ProcessLost(name="httpd", pid=7, how="was ended by SIGKILL", log_tail=("last line",))

    result = await runner.run(replace(ASKED, act=act), fakes.lab)
    assert (result.outcome, result.lab_failed, result.verdicts) == (Outcome.ERRORED, True, ())
    assert result.reason.startswith("httpd (pid 7) was ended by SIGKILL, which the scenario did not do.")
    assert result.reason.endswith("\nlast line")


async def test_what_ran_out_in_a_group_of_tasks_is_errored_by_its_name(fakes: FakeLab) -> None:
    async def act(lab: Lab) -> None:
        raise ExceptionGroup("several", [OSError(errno.EMFILE, "Too many open files")])

    result = await runner.run(replace(ASKED, act=act), fakes.lab)
    assert (result.outcome, result.lab_failed) == (Outcome.ERRORED, True)
    assert result.reason.startswith("There is no open file left: too many open files.")


@pytest.mark.parametrize("alone", [True, False])
async def test_what_a_task_of_a_scenario_cannot_ask_skips_it_unless_something_else_befell(
    fakes: FakeLab, alone: bool
) -> None:
    async def act(lab: Lab) -> None:
        lacking = NotAskable(needs="an echo endpoint")
        raise ExceptionGroup("tasks", [lacking] if alone else [lacking, ValueError("odd")])

    result = await runner.run(replace(ASKED, act=act), fakes.lab)
    assert result.outcome is (Outcome.SKIPPED if alone else Outcome.ERRORED)
    assert not alone or result.reason == "It needs an echo endpoint, and the backends are real servers."
