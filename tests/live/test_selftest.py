"""Every mutation is noticed by the check that should, on a real httpd, and the report names its cause."""

from __future__ import annotations

import pytest
import pytest_asyncio

from wslb.commands.mutations import MUTATIONS, Mutation
from wslb.commands.mutations.proof import Proof
from wslb.commands.selftest import open_labs, prove_all
from wslb.config import Settings
from wslb.model.results import Outcome

pytestmark = pytest.mark.live


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def proofs(request: pytest.FixtureRequest, wslb_settings: Settings) -> dict[str, Proof]:
    """What became of the mutations that were chosen, all asked once, in labs beside each other."""
    asked = [item.callspec.params.get("mutation") for item in request.session.items if hasattr(item, "callspec")]
    chosen = [mutation for mutation in MUTATIONS if mutation in asked]
    async with open_labs(wslb_settings, chosen) as labs:
        return {proof.mutation.name: proof for proof in await prove_all(chosen, labs, done=lambda _: None)}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
async def test_mutation_is_caught_and_explained(mutation: Mutation, proofs: dict[str, Proof]) -> None:
    proof = proofs[mutation.name]
    if proof.outcome is Outcome.SKIPPED:
        pytest.skip(proof.reason)
    assert proof.outcome is Outcome.PASSED, str(proof)
    assert all(said and not said.startswith("no evidence") for _, said in proof.sentences), str(proof)
    assert (proof.cause.rule if proof.cause else "") == mutation.rule, proof.cause
    assert proof.cause is None or all(proof.cause.evidence)
