"""What is wrong turns the right check red, with a sentence that names the first deviating connection."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from wslb.interfaces import Fault
from wslb.lab.lab import Lab
from wslb.model.balancer import Balancer, MemberState, Site
from wslb.model.results import Grade, Outcome, Report, ScenarioResult
from wslb.reports.causes import likely as causes
from wslb.reports.json_file import document
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.scenario import Scenario
from wslb.scenarios.sticky import RECIPE

pytestmark = pytest.mark.live


def shipped(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


def member(route: str, **changes: object) -> Callable[[Site], Site]:
    """What is served differs from the claim in one member."""

    def tamper(site: Site) -> Site:
        balancer = site.balancers[0]
        changed = replace(balancer.member(route), **changes)  # type: ignore[arg-type]
        return site.with_balancer(balancer.with_member(changed))

    return tamper


def balancer(**changes: object) -> Callable[[Site], Site]:
    def tamper(site: Site) -> Site:
        other: Balancer = replace(site.balancers[0], **changes)  # type: ignore[arg-type]
        return site.with_balancer(other)

    return tamper


def observed(result: ScenarioResult, check: str) -> str:
    assert result.outcome is Outcome.FAILED, result.reason or "nothing went red"
    return next(v.observed for v in result.verdicts if v.check == check and not v.holds)


async def test_a_loadfactor_of_2(lab: Lab) -> None:
    result = await runner.run(shipped("lb-byrequests"), lab, tamper=member("liberty", loadfactor=2))
    served = result.record.served
    assert served is not None
    assert served.text == Path(lab.proxy.runtime.folder, served.name).read_text(encoding="utf-8")
    changed = [line for line in served.differs[2:] if line.startswith(("-", "+"))]
    assert ["loadfactor=2" in line for line in changed] == [False, True]
    assert observed(result, "alternates").startswith("connection 4 expected node, got liberty")
    assert observed(result, "follows_model").startswith("connection 4 expected node, got liberty")
    assert "loadfactor 2" in observed(result, "members_as_claimed")


async def test_one_member_disabled(lab: Lab) -> None:
    result = await runner.run(shipped("lb-byrequests"), lab, tamper=member("node", state=MemberState.DISABLED))
    assert observed(result, "alternates").startswith("connection 2 expected node, got liberty; 19 breaks")
    assert "node Init Dis" in observed(result, "members_as_claimed")


async def test_a_sticky_cookie(lab: Lab) -> None:
    async def act(lab: Lab) -> None:
        await lab.open_in_turn(20, headers=(("Cookie", "ROUTEID=.node"),))

    scenario = replace(shipped("lb-byrequests"), act=act)
    result = await runner.run(scenario, lab, tamper=balancer(stickysession="ROUTEID"))
    assert observed(result, "alternates").startswith("connection 1 expected liberty, got node; 19 breaks")
    assert observed(result, "follows_model").startswith("connection 1 expected liberty, got node; 10 of 20 deviate")


async def test_a_cookie_that_is_set_twice_passes_but_not_strictly(lab: Lab) -> None:
    def twice(site: Site) -> Site:
        return replace(site, directives=(*site.directives, *(RECIPE.replace("add", "always add"),)))

    result = await runner.run(shipped("sticky-set-cookie"), lab, tamper=twice)
    assert result.outcome is Outcome.PASSED, result.first_failure
    assert not result.strict
    (told,) = [verdict for verdict in result.verdicts if not verdict.holds]
    assert (told.check, told.grade) == ("cookies_once", Grade.SHOULD)
    assert "sets ROUTEID twice" in told.observed


async def test_a_backend_that_answers_with_the_others_name(lab: Lab) -> None:
    greeting = lab.fleet["liberty"].info.greeting

    async def act(lab: Lab) -> None:
        await lab.fault("node", Fault(kind="impersonate", parameters={"name": "liberty", "greeting": greeting}))
        await lab.open_in_turn(6)

    result = await runner.run(replace(shipped("lb-byrequests"), act=act), lab)
    told = observed(result, "witnesses_agree")
    assert told.startswith("connection 2: the greeting says liberty, X-Backend says liberty, the journals says node")
    assert "the access log says node" in told
    assert observed(result, "elected_counted").startswith("first wrong: liberty")


async def test_a_wrong_accept(lab: Lab) -> None:
    async def act(lab: Lab) -> None:
        await lab.fault("node", Fault(kind="accept", parameters={"value": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}))
        await lab.open_in_turn(6)

    result = await runner.run(replace(shipped("lb-byrequests"), act=act), lab)
    told = observed(result, "accept_is_right")
    assert told.startswith("connection 2: the key ")
    assert "but AAAAAAAAAAAAAAAAAAAAAAAAAAA= came; 3 of 6 handshakes wrong" in told


async def test_a_journal_that_forgets(lab: Lab) -> None:
    async def act(lab: Lab) -> None:
        await lab.fault("liberty", Fault(kind="forget"))
        await lab.open_in_turn(4)

    result = await runner.run(replace(shipped("lb-byrequests"), act=act), lab)
    assert observed(result, "witnesses_agree").startswith("connection 1: ")
    assert "the journals says nothing" in observed(result, "witnesses_agree")


async def test_an_unannounced_line_in_the_error_log(lab: Lab) -> None:
    async def act(lab: Lab) -> None:
        await lab.fleet.kill("node")
        await lab.open_in_turn(4)

    result = await runner.run(replace(shipped("lb-byrequests"), act=act), lab)
    assert "AH00957" in observed(result, "log_is_clean")
    assert observed(result, "alternates").startswith("connection 2 expected node, got liberty")


async def test_a_site_that_httpd_refuses_is_no_failed_claim(lab: Lab) -> None:
    scenario = shipped("lb-byrequests")
    result = await runner.run(replace(scenario, site=replace(scenario.site, directives=("NoSuchDirective On",))), lab)
    assert result.outcome is Outcome.ERRORED
    assert result.lab_failed
    assert "NoSuchDirective" in result.reason


async def test_a_module_that_is_missing_skips_with_its_name(lab: Lab) -> None:
    result = await runner.run(replace(shipped("lb-byrequests"), needs=("no_such_thing",)), lab)
    assert result.outcome is Outcome.SKIPPED
    assert "has no mod_no_such_thing" in result.reason


async def test_an_act_that_breaks_is_an_error_of_the_harness(lab: Lab) -> None:
    async def act(lab: Lab) -> None:
        raise ZeroDivisionError("oops")

    result = await runner.run(replace(shipped("lb-byrequests"), act=act), lab)
    assert result.outcome is Outcome.ERRORED
    assert not result.lab_failed
    assert result.reason.startswith("The scenario broke off: zero division: oops (test_red.py:")


LIVING = (
    "lb-byrequests-held",
    "lb-byrequests",
    "lb-byrequests-at-once",
    "concurrency-500",
    "weights-3-1-held",
    "headers-handshake",
)
"""Scenarios whose claims would hold over tunnels that are all dead."""


@pytest.mark.parametrize("name", LIVING)
@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault(kind="cut", parameters={"after_messages": 0}), "neither end received a Close frame|did not reach"),
        (Fault(kind="close", parameters={"code": 1011, "reason": "no"}), "itself closed the tunnel with 1011"),
    ],
    ids=["cut", "close"],
)
async def test_tunnels_that_die_at_once(lab: Lab, name: str, fault: Fault, cause: str) -> None:
    scenario = shipped(name)

    async def dying(lab: Lab) -> None:
        for backend in ("liberty", "node"):
            await lab.fleet[backend].fault(fault)
        await scenario.act(lab)

    result = await runner.run(replace(scenario, act=dying), lab)
    opened = len(result.record.accepted)
    assert f"; holds on 0 of {opened} tunnels" in observed(result, "ended_orderly")
    likely = causes.likely(document(Report(results=(result,))).scenarios[0])
    assert likely is not None
    assert re.search(cause, likely.sentence), likely
