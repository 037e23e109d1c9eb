"""Every mutation is noticed by the check that should, on a real httpd, and the report names its cause."""

from __future__ import annotations

import pytest
import pytest_asyncio

from wslb.commands.mutations import MUTATIONS, Mutation
from wslb.commands.selftest import Proof, open_labs, prove_all
from wslb.config import Settings
from wslb.model.results import Outcome

pytestmark = pytest.mark.live

CAUSES = {
    "lbmethod": (
        "byrequests-is-bytraffic byrequests-is-bybusyness byrequests-is-heartbeat bybusyness-is-byrequests "
        "bybusyness-is-bytraffic bytraffic-is-byrequests bytraffic-is-bybusyness"
    ),
    "loadfactor": "weight-doubled weight-tripled-at-once weight-lost",
    "members": "order-reversed members-crossed member-elsewhere member-hidden members-unencrypted",
    "member-out": "member-disabled member-drain member-stopped member-standby member-spare drained-by-hand",
    "setting": "member-in-another-set member-limited member-redirects attempts-more",
    "failover": "member-dead",
    "sticky": "sticky-cookie",
    "path": "path-changed proxied-path-longer",
    "preserve-host": "host-preserved",
    "add-headers": "forwarded-dropped",
    "field": (
        "origin-rewritten agent-removed field-added offer-removed key-removed answer-without-upgrade "
        "answer-without-connection answer-without-accept answer-accept-twice answer-field-added "
        "answer-signature-lost answer-signature-other answer-extension choice-lost choice-other choice-twice "
        "choice-swapped request-origin-other request-origin-lost request-agent-lost request-agent-other "
        "request-key-other request-key-short request-version-other request-cookie-added request-offer-lost "
        "proxied-hop-field"
    ),
    "httpd-refused": "route-forbidden",
    "carrier": "carrier-is-http carrier-is-wstunnel",
    "impostor": "greeting-lies backend-lies greetings-crossed",
    "lone-witness": (
        "signature-lies journal-forgets journal-forgets-one answer-signature-nobody greeting-silent greeting-unfinished"
    ),
    "accept": "accept-wrong answer-accept-other",
    "backend-refused": "backend-refuses backend-refuses-once proxied-host-lost request-is-post",
    "hung-up": "backend-hangs-up",
    "died": (
        "backend-closes-early backend-cuts held-closed-early answer-comes-twice greeting-masked greeting-rsv "
        "greeting-no-utf8 "
        "greeting-no-opcode greeting-continues tunnel-fin tunnel-reset tunnel-dies-at-node "
        "tunnel-closed-by-relay tunnel-closed-with-1000 close-lost-up close-lost-down close-code-up "
        "close-code-down close-code-forbidden close-one-byte close-empty-up answer-after-drain-lost "
        "tunnel-dies-while-disabled binary-as-text large-cut unmasked-at-node"
    ),
    "others": "probe-proxied probe-proxied-twice",
    "unacceptable": "answer-upgrade-other answer-connection-close",
    "dropped": "answer-is-102 answer-is-http10 answer-is-no-http answer-reset answer-fin",
    "not-upgraded": "request-upgrade-lost request-path-other",
    "query": "request-query-lost request-query-reordered proxied-query-lost",
    "forwarded": (
        "request-host-other request-forwarded-before proxied-client-lost proxied-client-other "
        "proxied-server-other proxied-to-other-host"
    ),
    "unmarked": "request-unmarked request-marked-alike",
    "misgreeted": "greeting-twice greeting-binary greeting-altered greeting-short greeting-behind-noise",
    "end-lost": "close-reason-lost close-reason-altered close-code-altered",
    "message": (
        "text-flipped text-flipped-up text-cut-short text-lost text-twice last-message-twice "
        "messages-reordered text-as-binary binary-flipped large-flipped"
    ),
}
"""Mutations by the rule of wslb.reports.causes that names them."""

RULE = {name: rule for rule, names in CAUSES.items() for name in names.split()}
"""Of the others no rule knows the cause, and none may pretend to."""


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
    assert all(said for _, said in proof.sentences)
    assert (proof.cause.rule if proof.cause else None) == RULE.get(mutation.name), proof.cause
    assert proof.cause is None or all(proof.cause.evidence)
