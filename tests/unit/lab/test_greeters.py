"""Whose greeting a text is, and whose signature an answer has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import handshake
from tests.fakes.backends import FakeBackends
from wslb.model.sites import CLUSTER, balanced

APART = {"liberty": "Connected to a", "node": "Connected to b", "node-2": "Connected to c"}
TOGETHER = {**APART, "node-2": APART["node"], "node-3": APART["node"]}


@pytest.mark.parametrize(
    ("text", "greetings", "greeters"),
    [
        ("Connected to b", APART, ("node",)),
        ("Connected to c", APART, ("node-2",)),
        ("Connected to a", TOGETHER, ("liberty",)),
        ("Connected to b", TOGETHER, ("node", "node-2", "node-3")),
        ("Connected to b.", TOGETHER, ()),
        ("", TOGETHER, ()),
        ("Connected to b", {}, ()),
    ],
)
async def test_a_greeting_is_that_of_every_near_backend_that_sends_it(
    text: str, greetings: dict[str, str], greeters: tuple[str, ...]
) -> None:
    fleet = FakeBackends()
    await fleet.prepare(balanced(CLUSTER.widened(("node-2", "node-3"))))
    for name, words in greetings.items():
        fleet[name].info = replace(fleet[name].info, greeting=words)
    assert fleet.greeters(text, greetings) == greeters


@pytest.mark.parametrize(
    ("signed", "near", "signers"),
    [
        ("node", ("liberty", "node"), ("node",)),
        ("node", ("liberty",), ()),
        ("mallory", ("liberty", "mallory"), ()),
        (None, ("liberty", "node"), ()),
    ],
)
def test_a_signature_is_the_name_of_a_near_backend(
    signed: str | None, near: tuple[str, ...], signers: tuple[str, ...]
) -> None:
    fields = (("X-Backend", signed),) if signed else ()
    assert FakeBackends().signers(replace(handshake(1, "node"), response=fields), near) == signers
