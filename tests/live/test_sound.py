"""Set-ups that are unusual and sound stay green: names, forms of the log, spellings and pieces decide nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from wslb.lab import edits
from wslb.lab.lab import Lab
from wslb.lab.relay import FRONT, Flow, Twist, relayed
from wslb.model.results import Outcome
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.scenario import Scenario

pytestmark = pytest.mark.live

ASKED = ("lb-byrequests", "headers-handshake", "manager-drain")

Change = Callable[[Scenario], Scenario]


def directive(line: str) -> Change:
    """The server has this directive as well."""
    return lambda scenario: replace(scenario, site=replace(scenario.site, directives=(*scenario.site.directives, line)))


def named(scenario: Scenario) -> Scenario:
    """The balancer has a name with upper-case letters, which Apache shows in lower case."""
    other = replace(scenario.site.balancers[0], name="MyCluster")
    return replace(
        scenario, site=replace(scenario.site, mounts=tuple(replace(m, target=other) for m in scenario.site.mounts))
    )


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize(
    "change",
    [
        named,
        directive("UseCanonicalName On"),
        directive('ErrorLogFormat "%t %M"'),
        directive('ErrorLogFormat "{%{c}t} {%-m:%l} %M"'),
        directive("HostnameLookups On"),
        directive("KeepAlive Off"),
    ],
    ids=["upper-case", "canonical-name", "bare-log", "other-log", "lookups", "no-keepalive"],
)
async def test_a_sound_configuration_stays_green(lab: Lab, name: str, change: Change) -> None:
    result = await runner.run(change(next(s for s in SCENARIOS if s.name == name)), lab)
    assert result.outcome is Outcome.PASSED, result.reason or result.first_failure


@pytest.mark.parametrize("name", ASKED)
async def test_another_spelling_on_the_wire_stays_green(lab: Lab, name: str) -> None:
    spelt = [Twist(edit=edits.fields_lower_cased(), head=True, flow=flow) for flow in Flow]
    cut = [Twist(edit=edits.in_fragments(7)), Twist(edit=edits.in_fragments(7), flow=Flow.UP)]
    async with relayed(lab, {FRONT: (*spelt, *cut)}):
        result = await runner.run(next(s for s in SCENARIOS if s.name == name), lab)
    assert result.outcome is Outcome.PASSED, result.reason or result.first_failure
