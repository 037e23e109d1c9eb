"""What a run did not look at, said plainly: a green verdict covers no more than this leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wslb.model.balancer import Carrier, LbMethod
from wslb.reports.headline import not_run
from wslb.reports.texts import count

__all__ = ["not_tested"]

_NEVER = (
    "WebSockets over HTTP/2 (RFC 8441) and HTTP/3: Apache httpd 2.4 does not offer them to clients",
    "a network between the machines: client, proxy and backends ran on one host",
)


def not_tested(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Sentences about what this run leaves open, the closest to its own subject first."""
    scenarios = [s for s in document["scenarios"] if s["outcome"] in {"passed", "failed"}]
    found: list[str] = []
    for scenario in document["scenarios"]:
        if scenario["outcome"] in {"skipped", "errored"}:
            found.append(f"{scenario['name']} ({scenario['outcome']}): {scenario['reason'] or 'no reason was given'}")
    missing = not_run(document)
    if missing:
        found.append(f"{count(len(missing), 'planned scenario')} that did not run: {', '.join(missing)}")
    if not scenarios:
        return (*found, *_NEVER)
    found += _untested_settings(scenarios)
    stand_ins = [
        str(backend.get("title", name)) for name, backend in (document["environment"].get("backends") or {}).items()
    ]
    if stand_ins:
        found.append(f"other backends than {' and '.join(stand_ins)}")
    return (*found, *_NEVER)


def _untested_settings(scenarios: list[Mapping[str, Any]]) -> list[str]:
    found: list[str] = []
    balancers = [scenario["balancer"] for scenario in scenarios if scenario["balancer"]]
    methods = {balancer["lbmethod"] for balancer in balancers}
    lacking = [method.value for method in LbMethod if method.value not in methods]
    if lacking:
        found.append(f"lbmethod {', '.join(lacking)}")
    carriers = {scenario["carrier"] for scenario in scenarios}
    found += [f"tunnels carried by {carrier.module}" for carrier in Carrier if carrier.value not in carriers]
    listeners = {mount["listener"] for scenario in scenarios for mount in scenario["mounts"]}
    if listeners and "wss" not in listeners:
        found.append("TLS, on either side of the proxy")
    most = max((len(balancer["members"]) for balancer in balancers), default=0)
    if most:
        found.append(f"balancers of more than {count(most, 'member')}")
    if balancers and not any(balancer["stickysession"] for balancer in balancers):
        found.append("sticky routes")
    if not any(event["kind"] == "fault" for scenario in scenarios for event in scenario["events"]):
        found.append("failing backends (no fault was injected)")
    return found
