from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.fakes.backends import FakeBackends
from wslb.errors import ConfigError
from wslb.model.balancer import Carrier
from wslb.model.results import Record
from wslb.scenarios import FAMILIES, SCENARIOS
from wslb.scenarios.scenario import Elsewhere, Scenario, select


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


OLD = Elsewhere(before=(2, 4, 47), does="no module takes it", source="CHANGES 2.4.47")
ONE = next(scenario for scenario in SCENARIOS if scenario.name == "lb-byrequests")


def test_a_version_that_does_something_else_is_not_asked_todays_claim() -> None:
    scenario = replace(ONE, elsewhere=(OLD,))
    assert scenario.other((2, 4, 46), Carrier.WSTUNNEL, "event") is OLD
    assert not OLD.asked
    assert scenario.other((2, 4, 47), Carrier.WSTUNNEL, "event") is None
    assert OLD.versions == "before 2.4.47"
    assert replace(OLD, since=(2, 4, 40)).versions == "from 2.4.40 and before 2.4.47"


def test_a_claim_of_another_version_replaces_only_what_it_names() -> None:
    other = replace(OLD, carrier=Carrier.HTTP, limit="500 for all", allow_log=("AH01144",))
    scenario = replace(ONE, elsewhere=(other,))
    assert scenario.claimed((2, 4, 46), Carrier.WSTUNNEL, "event") is scenario
    claimed = scenario.claimed((2, 4, 46), Carrier.HTTP, "event")
    assert (claimed.limit, claimed.allow_log, claimed.checks) == ("500 for all", ("AH01144",), ONE.checks)
    assert "CHANGES 2.4.47" in claimed.explanation


def test_an_mpm_that_does_something_else_is_not_asked_the_claim_of_the_others() -> None:
    other = Elsewhere(mpm="prefork", does="it serves on", source="measured", limit="served", checks=ONE.checks)
    scenario = replace(ONE, elsewhere=(other,))
    assert other.versions == "MPM prefork"
    assert scenario.claimed((2, 4, 71), Carrier.WSTUNNEL, "prefork").limit == "served"
    assert scenario.claimed((2, 4, 71), Carrier.WSTUNNEL, "worker") is scenario


def test_another_product_is_asked_its_own_claim_and_httpd_the_catalogue_s() -> None:
    other = Elsewhere(proxy="nginx", does="it serves on", source="measured", limit="served", checks=ONE.checks)
    scenario = replace(ONE, elsewhere=(OLD, other))
    assert other.versions == "nginx"
    claimed = scenario.claimed((1, 22, 1), Carrier.OWN, "", "nginx")
    assert (claimed.limit, claimed.explanation) == ("served", "nginx: it serves on (measured).")
    assert scenario.claimed((2, 6, 12), Carrier.OWN, "", "HAProxy") is scenario
    assert scenario.claimed((2, 4, 71), Carrier.WSTUNNEL, "event") is scenario


@pytest.mark.parametrize(
    ("name", "other"),
    [(one.name, other) for one in SCENARIOS for other in one.elsewhere],
    ids=lambda value: value if isinstance(value, str) else value.versions,
)
def test_what_other_versions_do_has_its_versions_and_its_source(name: str, other: Elsewhere) -> None:
    assert other.since < other.before, name
    assert other.versions
    assert other.does
    assert not other.does.endswith(".")
    assert any(word in other.source for word in ("CHANGES", "manual", "measured", "PR "))


class Real(FakeBackends):
    """Real servers in the two parts, and further ones."""

    def __init__(self, *further: str) -> None:
        super().__init__()
        self.names = further

    @property
    def further(self) -> tuple[str, ...]:
        return self.names

    @property
    def paths(self) -> Mapping[str, str]:
        return {"liberty": "/a", "node": "", **dict.fromkeys(self.names, "/c")}


EVERY = [scenario for scenario in SCENARIOS if scenario.every]


@pytest.mark.parametrize("scenario", EVERY, ids=lambda scenario: scenario.name)
def test_what_holds_of_any_number_is_asked_of_all_servers(scenario: Scenario) -> None:
    asked = scenario.before(Real("member3", "member4"))
    assert asked.judged is not None
    urls = {member.route: member.url for member in asked.judged.members}
    scheme = urls["node"].partition(":")[0]
    assert urls == {
        "liberty": f"{scheme}://liberty/a",
        "node": f"{scheme}://node",
        "member3": f"{scheme}://member3/c",
        "member4": f"{scheme}://member4/c",
    }
    assert len({member.loadfactor for member in asked.judged.members}) == 1, "turns are of equal weights"
    assert asked.explanation.endswith("Asked of all 4 servers.")
    assert not {"served_by", "turns_taken"} & {check.__qualname__.partition(".")[0] for check in asked.checks}


def test_what_is_about_two_is_asked_of_the_first_two_and_says_so() -> None:
    (scenario,) = select(SCENARIOS, ("lb-byrequests-at-once",))
    asked = scenario.before(Real("member3"))
    assert asked.judged is not None
    assert [member.route for member in asked.judged.members] == ["liberty", "node"]
    assert asked.explanation.endswith("Asked of the first two servers only.")
    assert scenario.before(Real()).explanation == scenario.explanation
