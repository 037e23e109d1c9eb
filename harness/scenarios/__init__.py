"""Every scenario that ships, family by family. A family is a module with a ``SCENARIOS`` tuple."""

from __future__ import annotations

from harness.scenario import Scenario
from harness.scenarios import (
    article,
    failover,
    failover_health,
    failover_rude,
    headers,
    lb,
    manager,
    restart,
    sticky,
    timeouts,
)

__all__ = ["FAMILIES", "SCENARIOS"]

FAMILIES: dict[str, tuple[Scenario, ...]] = {
    "lb": lb.SCENARIOS,
    "headers": headers.SCENARIOS,
    "article": article.SCENARIOS,
    "failover": (*failover.SCENARIOS, *failover_rude.SCENARIOS, *failover_health.SCENARIOS),
    "manager": manager.SCENARIOS,
    "sticky": sticky.SCENARIOS,
    "timeouts": timeouts.SCENARIOS,
    "restart": restart.SCENARIOS,
}

SCENARIOS: tuple[Scenario, ...] = tuple(scenario for family in FAMILIES.values() for scenario in family)
