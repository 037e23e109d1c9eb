"""Every shipped scenario, asked of a real Apache httpd."""

from __future__ import annotations

import pytest

from harness.plugin import Ask
from harness.scenario import Scenario
from harness.scenarios import FAMILIES

MAIN = ("lb", "headers", "article")


@pytest.mark.lb
@pytest.mark.parametrize("scenario", [pytest.param(s, id=s.name) for family in MAIN for s in FAMILIES[family]])
async def test_main_job(scenario: Scenario, ask: Ask) -> None:
    result = await ask(scenario)
    assert result.record.handshakes, "a scenario that opened nothing has shown nothing"
