"""Every shipped scenario, asked of the fake balancer: who behaves as httpd passes, who does not is found out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.fakes.lab import FakeLab, fake_lab
from wslb.config import Timeouts
from wslb.model.results import Outcome
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.clauses import asked_of
from wslb.scenarios.scenario import Scenario

# What httpd does and the fake does not: hop-by-hop fields, bytes in both directions, other modules' rules, full
# children, the refusals of a strict server, frames as they are cut, retry and timeouts, generations of processes.
FOUND_OUT = {
    "headers": "hop-fields",
    "methods": "byrequests-chatty bybusyness-chatty bytraffic-chatty bytraffic-page",
    "carrier": "upgrade-missing upgrade-any-wstunnel upgrade-named-wstunnel rewrite-condition",
    "thieves": "too-long forbidden",
    "limits": "full queue plain-starves manager-starves abandoned talk-while-full",
    "handshake": "absolute-form no-upgrade connection-only h2c two-protocols no-key bad-key two-keys wrong-version "
    "no-version post frame-behind no-host two-hosts bare-lf blank-before-colon field-size field-count "
    "line-size backend-200 backend-302 backend-302-ws backend-403 backend-426 backend-503 backend-hangup "
    "backend-silent backend-wrong-upgrade backend-no-upgrade",
    "payload": "fragments-in fragments-out pings deflate full-duplex counted close-too-long close-binary",
    "failover": "blackhole blackhole-timeout all-down retry retry-zero maxattempts-zero bybusyness-return frozen-http "
    "failontimeout-http failontimeout-wstunnel failonstatus-http hangup-wstunnel",
    "sticky": "dead-route nofailover",
    "restart": "graceful-busy graceful-no-room hup winch term",
}

TAKES_TIME = {
    "concurrency": "500-one-child 500 500-bybusyness 5000 waves",
    "handshake": "bare-lf",
    "payload": "16mib side-by-side 64mib full-duplex",
    "failover": "retry bybusyness-return frozen-tunnels frozen-http failontimeout-http failontimeout-wstunnel",
    "sticky": "dead-route",
    "restart": "graceful-no-room hup winch term",
}
"""Asked where time is no matter; the fake has no timeouts, so that some would never end on it."""


def among(scenario: Scenario, names: dict[str, str]) -> bool:
    return scenario.name.partition("-")[2] in names.get(scenario.family, "").split()


def asked(scenario: Scenario) -> object:
    marks = [pytest.mark.slow] if among(scenario, TAKES_TIME) else []
    return pytest.param(scenario, id=scenario.name, marks=marks)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fakes() -> AsyncIterator[FakeLab]:
    patient = Timeouts(handshake=2, message=2, settle=2)
    async with fake_lab(sockets=True, timeouts=patient) as made:
        yield made


LEFT_OUT = {
    "restart-graceful-arriving",
    "payload-push",
    *(f"restart-child-{what}" for what in ("spare", "limit", "killed", "bybusyness", "bytraffic")),
}
"""Opens while httpd changes generations: the fake has one, so that chance would decide. Reads what it never sends.
Asks for new children: it has none.
"""

ASKED = [asked(s) for s in SCENARIOS if s.family != "timeouts" and s.concerns("httpd") and s.name not in LEFT_OUT]


@pytest.mark.parametrize("scenario", ASKED)
async def test_what_behaves_as_httpd_passes_and_nothing_else(scenario: Scenario, fakes: FakeLab) -> None:
    async with asyncio.timeout(20):
        result = await runner.run(scenario, fakes.lab)
    if result.outcome is Outcome.SKIPPED:
        assert "has no mod_" in result.reason
        return
    if result.record.accepted:
        assert {verdict.check.partition(" ")[0] for verdict in result.verdicts} == asked_of(scenario)
    red = [(verdict.check, verdict.observed) for verdict in result.verdicts if verdict.breaks]
    if among(scenario, FOUND_OUT):
        assert result.outcome is not Outcome.PASSED, "the fake does this now, or a check has become blind"
    else:
        assert result.outcome is Outcome.PASSED, result.reason or red
