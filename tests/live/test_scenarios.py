"""Every shipped scenario, asked of a real Apache httpd: the main job, and all other behaviour."""

from __future__ import annotations

import pytest

from wslb.plugin import Ask
from wslb.scenarios import FAMILIES
from wslb.scenarios.scenario import Scenario

MAIN = ("lb", "headers", "article")


def of(*, main: bool) -> list[object]:
    return [
        pytest.param(scenario, id=scenario.name)
        for family, scenarios in FAMILIES.items()
        if (family in MAIN) is main
        for scenario in scenarios
        if scenario.concerns("httpd")
    ]


@pytest.mark.wslb_lb
@pytest.mark.parametrize("scenario", of(main=True))
async def test_main_job(scenario: Scenario, wslb_ask: Ask) -> None:
    result = await wslb_ask(scenario)
    assert result.record.handshakes, "a scenario that opened nothing has shown nothing"


@pytest.mark.wslb_behaviour
@pytest.mark.parametrize("scenario", of(main=False))
async def test_behaviour(scenario: Scenario, wslb_ask: Ask) -> None:
    result = await wslb_ask(scenario)
    assert result.verdicts, "a scenario without a verdict has shown nothing"
