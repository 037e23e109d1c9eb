"""``wslb test --backend`` with both originals: green, and skipped where only the stand-ins can be asked."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.live.command import LIMIT_SECONDS, place
from tests.originals.servers import Server
from wslb.model.results import Outcome

pytestmark = [pytest.mark.live, pytest.mark.timeout(2 * LIMIT_SECONDS)]

FAMILIES = ("lb", "headers", "article", "sticky", "timeouts", "failover", "thieves", "handshake")

MOST_SKIPPED = 32
"""Of some 155: the listings of the article's figures, subprotocols, probes by GET, ends that a run decides on, and
what a backend answers to a handshake that is not as it should be."""


@pytest.mark.parametrize(
    ("carrier", "identify"), [("wstunnel", ()), ("http", ()), ("http", ("--identify", r"message:Connected to (.+)"))]
)
async def test_scenarios_are_green_before_the_originals(
    carrier: str, identify: tuple[str, ...], liberty: Server, node: Server
) -> None:
    servers = (
        *("--backend", f"liberty=ws://{liberty.host}:{liberty.port}/WSConsole"),
        *("--backend", f"node=ws://{node.host}:{node.port}"),
    )
    with place() as here:
        ended = await asyncio.to_thread(
            here.run, "test", *FAMILIES, "--carrier", carrier, *servers, *identify, "--json"
        )
        assert here.leftovers() == []
    scenarios = json.loads(ended.out)["scenarios"]
    wrong = {one["name"]: one["reason"] or one["outcome"] for one in scenarios if one["outcome"] not in FINE}
    assert ended.code == 0, wrong
    assert wrong == {}
    skipped = {one["name"]: one["reason"] for one in scenarios if one["outcome"] == Outcome.SKIPPED}
    assert len(skipped) <= MOST_SKIPPED
    assert "headers-listing7" not in skipped, "the real Node.js answers as Listing 7 has it"
    assert {family for family in FAMILIES if any(s["name"].startswith(family) for s in scenarios)} == {*FAMILIES}
    assert all(reason.endswith("and the backends are real servers.") for reason in skipped.values()), skipped


FINE = {Outcome.PASSED, Outcome.SKIPPED}
