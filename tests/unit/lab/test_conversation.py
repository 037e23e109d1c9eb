"""Whose greeting a text is."""

from __future__ import annotations

import pytest

from wslb.lab.conversation import whose

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
def test_a_greeting_is_that_of_every_backend_that_sends_it(
    text: str, greetings: dict[str, str], greeters: tuple[str, ...]
) -> None:
    assert whose(text, greetings) == greeters
