"""Every mutation is noticed by the check that should, on a real httpd."""

from __future__ import annotations

import pytest

from harness import runner
from harness.lab import Lab
from harness.mutations import MUTATIONS, Mutation
from harness.results import Outcome, ScenarioResult
from harness.selftest import prove, scenario_of

pytestmark = pytest.mark.live

SOUND: dict[tuple[str, str], ScenarioResult] = {}
"""Each scenario's result with nothing broken, asked once."""


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
async def test_mutation_is_caught(mutation: Mutation, lab: Lab) -> None:
    asked = (mutation.scenario, mutation.carrier or "")
    if asked not in SOUND:
        SOUND[asked] = await runner.run(scenario_of(mutation), lab)
    proof = await prove(mutation, lab, sound=SOUND[asked])
    if proof.outcome is Outcome.SKIPPED:
        pytest.skip(proof.reason)
    assert proof.outcome is Outcome.PASSED, str(proof)
    assert all(said for _, said in proof.sentences)
