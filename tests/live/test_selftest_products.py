"""Every mutation of the other products is noticed by the check that should, on the real one, and its cause is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import pytest
import pytest_asyncio

from tests.askable import mutations_there
from tests.foreign.provide import installed
from wslb.commands.mutations import Mutation
from wslb.commands.mutations.proof import Proof
from wslb.commands.selftest import open_labs, prove_all
from wslb.config import RuntimeChoice, Settings
from wslb.model.results import Outcome
from wslb.proxies.registry import PROXIES

pytestmark = pytest.mark.live

ALL = [(name, mutation) for name in sorted(set(PROXIES) - {"apache"}) for mutation in mutations_there(name)]

Proofs = Mapping[tuple[str, str], Proof]

OF_HTTPD = re.compile(r"httpd|Apache|balancer-manager|\bmod_|\bAH\d{5}|ProxyPass|RequestHeader|RewriteRule")


@cache
def here(name: str) -> str:
    """Its program; empty where it is not here."""
    return installed(name)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def proofs(request: pytest.FixtureRequest) -> Proofs:
    """What became of the mutations that were chosen, those of each product asked once, in labs beside each other."""
    asked = [item.callspec.params.get("one") for item in request.session.items if hasattr(item, "callspec")]
    found: dict[tuple[str, str], Proof] = {}
    for name in filter(here, dict(ALL)):
        chosen = [mutation for proxy, mutation in ALL if proxy == name and (proxy, mutation) in asked]
        settings = Settings(proxy=name, runtime=RuntimeChoice.LOCAL, httpd=here(name))
        if chosen:
            async with open_labs(settings, chosen) as labs:
                told = await prove_all(chosen, labs, done=lambda _: None)
            found |= {(name, proof.mutation.name): proof for proof in told}
    return found


@pytest.mark.parametrize("one", ALL, ids=lambda one: f"{one[0]}-{one[1].name}")
async def test_mutation_is_caught_and_explained(one: tuple[str, Mutation], proofs: Proofs) -> None:
    name, mutation = one
    if not here(name):
        pytest.skip(f"{name} is not here: make test-foreign fetches it")
    proof = proofs[name, mutation.name]
    if proof.outcome is Outcome.SKIPPED:
        pytest.skip(proof.reason)
    assert proof.outcome is Outcome.PASSED, str(proof)
    assert all(said and not said.startswith("no evidence") for _, said in proof.sentences), str(proof)
    assert (proof.cause.rule if proof.cause else "") == mutation.rule, proof.cause
    assert proof.cause is None or all(proof.cause.evidence)
    told = [
        *(said for _, said in proof.sentences),
        *((proof.cause.sentence, *proof.cause.evidence) if proof.cause else ()),
    ]
    assert not OF_HTTPD.findall(" ".join(told)), told
