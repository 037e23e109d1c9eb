"""Every scenario that ships, family by family. A family is a module with a ``SCENARIOS`` tuple."""

from __future__ import annotations

from wslb.scenarios import (
    article,
    carrier,
    carrier_native,
    concurrency,
    failover,
    failover_health,
    failover_native,
    failover_rude,
    handshake,
    handshake_answers,
    handshake_clients,
    headers,
    lb,
    limits,
    limits_native,
    manager,
    methods,
    payload,
    payload_ends,
    restart,
    restart_native,
    sticky,
    sticky_native,
    thieves,
    timeouts,
    timeouts_native,
    tls,
    tls_native,
    weights,
)
from wslb.scenarios.scenario import Scenario

__all__ = ["FAMILIES", "SCENARIOS"]

FAMILIES: dict[str, tuple[Scenario, ...]] = {
    "lb": lb.SCENARIOS,
    "headers": headers.SCENARIOS,
    "article": article.SCENARIOS,
    "weights": weights.SCENARIOS,
    "methods": methods.SCENARIOS,
    "carrier": carrier.SCENARIOS + carrier_native.SCENARIOS,
    "concurrency": concurrency.SCENARIOS,
    "thieves": thieves.SCENARIOS,
    "limits": limits.SCENARIOS + limits_native.SCENARIOS,
    "handshake": handshake.SCENARIOS + handshake_answers.SCENARIOS + handshake_clients.SCENARIOS,
    "payload": payload.SCENARIOS + payload_ends.SCENARIOS,
    "tls": tls.SCENARIOS + tls_native.SCENARIOS,
    "failover": failover.SCENARIOS + failover_rude.SCENARIOS + failover_health.SCENARIOS + failover_native.SCENARIOS,
    "manager": manager.SCENARIOS,
    "sticky": sticky.SCENARIOS + sticky_native.SCENARIOS,
    "timeouts": timeouts.SCENARIOS + timeouts_native.SCENARIOS,
    "restart": restart.SCENARIOS + restart_native.SCENARIOS,
}

SCENARIOS: tuple[Scenario, ...] = tuple(scenario for family in FAMILIES.values() for scenario in family)
