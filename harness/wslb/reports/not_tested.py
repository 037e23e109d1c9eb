"""What a run did not look at, said plainly: a green verdict covers no more than this leaves.

Every sentence is made from what was asked and what ran, so that none says what the same report refutes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from wslb.model.balancer import CARRIERS, OF_HTTPD, Carrier, Listener
from wslb.model.results import Outcome
from wslb.reports.document import Document, SavedScenario
from wslb.reports.texts import count

__all__ = ["not_tested"]


def not_tested(document: Document) -> tuple[str, ...]:
    """Sentences about what this run leaves open, the closest to its own subject first."""
    scenarios = [s for s in document.scenarios if s.outcome in {Outcome.PASSED, Outcome.FAILED}]
    found = [
        f"{scenario.name} ({scenario.outcome}): {scenario.reason or 'no reason was given'}"
        for scenario in document.scenarios
        if scenario.outcome in {Outcome.SKIPPED, Outcome.ERRORED}
    ]
    missing = document.not_run
    if missing:
        found.append(f"{count(len(missing), 'planned scenario')} that did not run: {', '.join(missing)}")
    if not scenarios:
        return (*found, "anything: no scenario was judged")
    found += _untested_settings(scenarios)
    backends = document.environment.get("backends")
    if isinstance(backends, dict) and backends:
        titles = [str(one.get("title", name)) if isinstance(one, dict) else name for name, one in backends.items()]
        found.append(f"other backends than {' and '.join(titles)}")
    if document.environment.get("runtime") == "docker" or all(_on_one_host(scenario) for scenario in scenarios):
        found.append("a network between the machines: client, proxy and backends ran on one host")
    return tuple(found)


def _untested_settings(scenarios: Sequence[SavedScenario]) -> list[str]:
    found: list[str] = []
    balancers = [scenario.balancer for scenario in scenarios if scenario.balancer]
    methods = {balancer.lbmethod for balancer in balancers}
    lacking = [method.value for method in OF_HTTPD if method not in methods]
    if lacking:
        found.append(f"lbmethod {', '.join(lacking)}")
    carriers = {scenario.carrier for scenario in scenarios}
    if carriers != {Carrier.OWN}:
        found += [f"tunnels carried by {carrier.module}" for carrier in CARRIERS if carrier not in carriers]
    listeners = {mount.listener for scenario in scenarios for mount in scenario.mounts}
    if listeners and Listener.TLS not in listeners:
        found.append("TLS, on either side of the proxy")
    if not any(connection.extended_connect for scenario in scenarios for connection in scenario.connections):
        found.append("WebSockets over HTTP/2 (RFC 8441)")
    most = max((len(balancer.members) for balancer in balancers), default=0)
    if most:
        found.append(f"balancers of more than {count(most, 'member')}")
    if balancers and not any(balancer.stickysession for balancer in balancers):
        found.append("sticky routes")
    if not any(event.kind == "fault" for scenario in scenarios for event in scenario.events):
        found.append("failing backends (no fault was injected)")
    return found


def _on_one_host(scenario: SavedScenario) -> bool:
    """Whether every address of the proxy and the backends is a loopback one."""
    hosts = {
        address.rpartition(":")[0].strip("[]") for address in (*scenario.front.values(), *scenario.addresses.values())
    }
    return all(_loopback(host) for host in hosts)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
