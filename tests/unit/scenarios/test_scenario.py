from __future__ import annotations

import re

import pytest

from wslb.errors import ConfigError
from wslb.model.results import Record
from wslb.scenarios import FAMILIES, SCENARIOS
from wslb.scenarios.scenario import Scenario, select


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_asks_a_question_with_a_limit(scenario: Scenario) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", scenario.name)
    assert scenario.question.endswith("?")
    assert re.search(r"\d", scenario.limit), "a limit has a number in it"
    assert scenario in FAMILIES[scenario.family]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_no_check_passes_without_evidence(scenario: Scenario) -> None:
    assert scenario.checks
    for check in scenario.checks:
        verdict = check(Record(balancer=scenario.judged))
        assert not verdict.holds, f"{verdict.check} holds on an empty record"
        assert verdict.expected
        assert verdict.observed


def test_names_are_unique() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)


def test_a_scenario_without_checks_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one check"):
        Scenario(name="x-y", question="?", limit="1", site=SCENARIOS[0].site, act=SCENARIOS[0].act, checks=())


@pytest.mark.parametrize(
    ("names", "count"),
    [
        ((), len(SCENARIOS)),
        (("lb-byrequests",), 1),
        (("lb",), len(FAMILIES["lb"])),
        (("lb", "lb-byrequests"), len(FAMILIES["lb"])),
        (("lb-wss*",), 4),
    ],
    ids=str,
)
def test_scenarios_are_selected_by_name_family_and_prefix(names: tuple[str, ...], count: int) -> None:
    assert len(select(SCENARIOS, names)) == count


@pytest.mark.parametrize("name", ["nothing", "lb-", "lb-nothing*", "LB"])
def test_a_name_that_selects_nothing_is_a_usage_error(name: str) -> None:
    with pytest.raises(ConfigError, match="a scenario or a family"):
        select(SCENARIOS, ("lb", name))
