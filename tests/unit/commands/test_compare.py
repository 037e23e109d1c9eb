"""What is compared, in which order, and what is refused. No lab."""

from __future__ import annotations

from typing import Any, cast

import pytest
from click.testing import CliRunner

from wslb.cli import cli
from wslb.commands import compare
from wslb.config import Settings
from wslb.errors import ConfigError, StartError
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod
from wslb.model.comparison import SkippedMethod
from wslb.model.results import Outcome, ScenarioResult
from wslb.scenarios import runner
from wslb.scenarios.scenario import Scenario

BYREQUESTS, BYBUSYNESS, BYTRAFFIC = compare.COMPARED
LAB = cast("Lab", None)


def comparison(**more: Any) -> compare.Comparison:
    chosen: dict[str, Any] = {"lbmethods": compare.COMPARED, "names": ("short", "fault"), "repeats": 5} | more
    return compare.comparison_of(Settings(connections=40), **chosen)


def test_methods_take_turns_and_rounds_go_through_everything() -> None:
    names = comparison().names
    assert names[:7] == [
        "compare-short-byrequests-1",
        "compare-short-bybusyness-1",
        "compare-short-bytraffic-1",
        "compare-fault-byrequests-1",
        "compare-fault-bybusyness-1",
        "compare-fault-bytraffic-1",
        "compare-short-byrequests-2",
    ]
    assert len(names) == len(set(names)) == 3 * 2 * 5


def test_methods_are_named_once_in_the_order_asked_for() -> None:
    assert compare.methods("bytraffic, byrequests,bytraffic") == (BYTRAFFIC, BYREQUESTS)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--lbmethods", "byrequests"],
            "--lbmethods is 'byrequests', but must be two or more of byrequests, bybusyness",
        ),
        (["--lbmethods", "byrequests,heartbeat"], "--lbmethods is 'byrequests,heartbeat', but must be two or more of"),
        (["--lbmethods", ""], "--lbmethods is '', but must be two or more of"),
        (["--repeats", "4"], "--repeats is 4, but must be a number from 5 to 100."),
        (["--connections", "1"], "--connections is 1, but must be a number from 2"),
        (["--weights", "3"], "--weights is '3', but must be 2 to 8 loadfactors from 1 to 100, such as 3:1."),
        (["--weights", "3:0"], "--weights is '3:0', but must be 2 to 8 loadfactors"),
        (["--weights", "101:1"], "--weights is '101:1', but must be 2 to 8 loadfactors"),
        (["--members", "1"], "--members is 1, but must be a number from 2 to 8."),
        (["--members", "3", "--weights", "3:1"], "--members is 3, but must be 2, as --weights 3:1 says, or left out."),
        (["--workload", "hold 5, wait 3"], "--workload is 'hold 5, wait 3', but must be steps of short N, hold N,"),
        (["--workload", ""], "--workload is '', but must be steps of"),
        (["--workload", "close all"], "that open from 2 to 1000"),
        (["--workload", "hold 1001"], "that open from 2 to 1000"),
        (["--workload", "hold 2, send 1000001"], "and send at most 1000000 each time"),
        (["long"], "workload is 'long', but must be one of short, uneven, traffic, fault."),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(words: list[str], told: str) -> None:
    result = CliRunner().invoke(cli, ["compare", *words])
    assert isinstance(result.exception, ConfigError)  # which ends the command with exit code 2
    assert told in str(result.exception)


def lacks(monkeypatch: pytest.MonkeyPatch, *methods: LbMethod) -> None:
    """Let the proxy have no module of these methods."""

    def lacking(scenario: Scenario, _: Lab) -> str:
        method = scenario.judged.lbmethod if scenario.judged else None
        return f"this httpd (2.4) has no mod_lbmethod_{method.value}" if method in methods else ""

    monkeypatch.setattr(runner, "lacking", lacking)


def test_a_method_without_its_module_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    lacks(monkeypatch, BYTRAFFIC)
    found = compare.possible(comparison(), LAB)
    assert found.lbmethods == (BYREQUESTS, BYBUSYNESS)
    reason = "this httpd (2.4) has no mod_lbmethod_bytraffic"
    assert found.planned.skipped == (SkippedMethod(lbmethod=BYTRAFFIC, reason=reason),)
    assert not [name for name in found.names if "bytraffic" in name]


def test_one_method_alone_is_an_environment_that_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    lacks(monkeypatch, BYTRAFFIC, BYBUSYNESS)
    with pytest.raises(StartError, match="has no mod_lbmethod_bybusyness, and byrequests alone is nothing to compare"):
        compare.possible(comparison(), LAB)


def test_every_run_can_be_asked_for_again() -> None:
    asked = comparison(names=("uneven",))
    found = [
        asked.worded(
            ScenarioResult(
                name=scenario.name,
                family=scenario.family,
                question="?",
                limit="",
                outcome=Outcome.PASSED,
                reproduce=f"wslb test {scenario.name} --carrier http",
            )
        )
        for scenario in asked.scenarios
    ]
    assert len(found) == 15
    assert {result.reproduce for result in found} == {
        "wslb compare uneven --lbmethods byrequests,bybusyness,bytraffic --repeats 5 --carrier http"
    }


def test_members_have_the_weights_asked_for_and_the_breaks_decide_nothing_then() -> None:
    asked = comparison(weights=compare.loadfactors("3:1:2", None))
    (balancer,) = asked.scenarios[0].site.balancers
    assert [(member.route, member.url, member.loadfactor) for member in balancer.members] == [
        ("liberty", "ws://liberty/WSConsole", 3),
        ("node", "ws://node", 1),
        ("liberty-2", "ws://liberty-2/WSConsole", 2),
    ]
    short, fault = asked.planned.workloads
    assert (short.criteria, fault.criteria) == (("deviation",), ("errors", "deviation"))
    assert short.does.startswith("Loadfactors 3:1:2. Connections one after another")
    assert comparison().planned.workloads[0].criteria == ("breaks", "deviation")
    assert compare.loadfactors(None, 4) == (1, 1, 1, 1)
    assert comparison(weights=(1, 1, 1)).planned.workloads[0].criteria == ("breaks", "deviation")


@pytest.mark.parametrize(
    ("text", "deviation", "echo"),
    [
        ("short 9", "connections", False),
        ("hold 12,close first ,  hold 12", "tunnels", False),
        ("hold 12, close all, short 4", "connections", False),
        ("hold 4, send 5000, hold 4", "bytes", True),
    ],
)
def test_an_own_workload_says_what_ought_to_be_level(text: str, deviation: str, echo: bool) -> None:
    (workload,) = comparison(names=(), own=(text,)).workloads
    assert (workload.name, workload.deviation, workload.echo) == ("own-1", deviation, echo)


def test_own_workloads_come_beside_named_ones_and_many_tunnels_get_threads() -> None:
    asked = comparison(names=("short",), own=("hold 800", "hold 4"), weights=(3, 1))
    assert [workload.name for workload in asked.workloads] == ["short", "own-1", "own-2"]
    assert asked.scenarios[3].site.process_model.workers > 800
    assert asked.scenarios[6].site.process_model.workers == 256
    result = ScenarioResult(
        name="compare-own-2-bytraffic-5", family="compare", question="", limit="", outcome=Outcome.FAILED,
        reproduce="wslb test compare-own-2-bytraffic-5 --carrier http",
    )  # fmt: skip
    assert asked.worded(result).reproduce == (
        "wslb compare --workload 'hold 4' --weights 3:1 --lbmethods byrequests,bybusyness,bytraffic --repeats 5 "
        "--carrier http"
    )
