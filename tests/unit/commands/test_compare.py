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
        (["long"], "workload is 'long', but must be one of short, uneven, traffic, fault."),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(words: list[str], told: str) -> None:
    result = CliRunner().invoke(cli, ["compare", *words])
    assert isinstance(result.exception, ConfigError)  # which ends the command with exit code 2
    assert str(result.exception).startswith(told)


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
