"""Every mutation is noticed by the check that should, on a real httpd, and the report names its cause."""

from __future__ import annotations

import pytest

from wslb.commands.mutations import MUTATIONS, Mutation
from wslb.commands.selftest import prove, scenario_of
from wslb.lab.lab import Lab
from wslb.model.results import Outcome, ScenarioResult
from wslb.scenarios import runner

pytestmark = pytest.mark.live

SOUND: dict[tuple[str, str], ScenarioResult] = {}
"""Each scenario's result with nothing broken, asked once."""

CAUSES = {
    "lbmethod": (
        "byrequests-is-bytraffic byrequests-is-bybusyness byrequests-is-heartbeat bybusyness-is-byrequests "
        "bybusyness-is-bytraffic bytraffic-is-byrequests bytraffic-is-bybusyness"
    ),
    "loadfactor": "weight-doubled weight-tripled-at-once weight-lost",
    "members": "order-reversed members-crossed member-elsewhere member-hidden members-unencrypted",
    "member-out": "member-disabled member-drain member-stopped member-standby member-spare drained-by-hand",
    "failover": "member-dead",
    "sticky": "sticky-cookie",
    "not-upgraded": "path-changed",
    "preserve-host": "host-preserved",
    "add-headers": "forwarded-dropped",
    "field": (
        "origin-rewritten agent-removed field-added offer-removed key-removed answer-field-lost key-altered "
        "upgrade-lost"
    ),
    "httpd-refused": "route-forbidden",
    "carrier": "carrier-is-http carrier-is-wstunnel carrier-disguised",
    "impostor": "greeting-lies backend-lies",
    "lone-witness": "signature-lies journal-forgets journal-forgets-one access-line-lost access-line-lies",
    "accept": "accept-wrong accept-altered",
    "backend-refused": "backend-refuses backend-refuses-once",
    "hung-up": "backend-hangs-up",
    "ended-early": "backend-closes-early backend-cuts",
    "others": "probe-proxied probe-proxied-twice counter-off-by-one connection-lost",
    "counters": "counter-stale",
    "busy": "tunnel-left",
    "unread": "status-unread",
    "not-greeted": "greeting-lost",
    "end-lost": "close-code-dropped close-reason-dropped",
    "alike": "listings-alike",
    "logged": "log-line",
}
"""Mutations by the rule of wslb.reports.causes that names them."""

RULE = {name: rule for rule, names in CAUSES.items() for name in names.split()}
"""Of the others no rule knows the cause, and none may pretend to."""


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
async def test_mutation_is_caught_and_explained(mutation: Mutation, lab: Lab) -> None:
    asked = (mutation.scenario, mutation.carrier or "")
    if asked not in SOUND:
        SOUND[asked] = await runner.run(scenario_of(mutation), lab)
    proof = await prove(mutation, lab, sound=SOUND[asked])
    if proof.outcome is Outcome.SKIPPED:
        pytest.skip(proof.reason)
    assert proof.outcome is Outcome.PASSED, str(proof)
    assert all(said for _, said in proof.sentences)
    assert (proof.cause.rule if proof.cause else None) == RULE.get(mutation.name), proof.cause
    assert proof.cause is None or all(proof.cause.evidence)
