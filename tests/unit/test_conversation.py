"""Whose greeting a text is."""

from __future__ import annotations

import pytest

from harness.conversation import whose

APART = {"liberty": "Connected to a", "node": "Connected to b", "node-2": "Connected to c"}
TOGETHER = {**APART, "node-2": APART["node"], "node-3": APART["node"]}


@pytest.mark.parametrize(
    ("text", "greetings", "served", "greeters"),
    [
        ("Connected to b", APART, {"liberty", "node"}, ("node",)),
        ("Connected to c", APART, {"liberty", "node"}, ("node-2",)),
        ("Connected to b", TOGETHER, {"liberty", "node"}, ("node",)),
        ("Connected to b", TOGETHER, {"node", "node-2"}, ("node", "node-2")),
        ("Connected to b", TOGETHER, {"liberty", "node-3"}, ("node-3",)),
        ("Connected to b", TOGETHER, {"liberty"}, ("node", "node-2", "node-3")),
        ("Connected to b.", TOGETHER, {"node", "node-2"}, ()),
        ("", TOGETHER, {"node", "node-2"}, ()),
        ("Connected to b", {}, {"node"}, ()),
    ],
)
def test_a_greeting_is_that_of_the_backends_that_send_it(
    text: str, greetings: dict[str, str], served: set[str], greeters: tuple[str, ...]
) -> None:
    assert whose(text, greetings, served=served) == greeters
