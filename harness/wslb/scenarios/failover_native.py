"""A dead member behind HAProxy as it comes, without the one option that lets another server be asked."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, members, refusals
from wslb.model.balancer import Native
from wslb.model.sites import LIBERTY, balanced, cluster
from wslb.scenarios import acts as do
from wslb.scenarios.claims import CONNECT_FAILED
from wslb.scenarios.failover import DEAD
from wslb.scenarios.failover_elsewhere import SOON
from wslb.scenarios.scenario import Family, Scenario

__all__ = ["SCENARIOS"]

ask = Family(name="failover", allow_log=CONNECT_FAILED)

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "own-defaults",
        "Without option redispatch, what does a client get whose turn is that of a dead member?",
        "503 after 2.5 s or more, and before 15 s, at each of the dead member's 2 turns",
        do.in_turn(4),
        (
            refusals.answers(101, 503, 101, 503),
            refusals.waited(2, least_seconds=2.5, most_seconds=SOON),
            refusals.waited(4, least_seconds=2.5, most_seconds=SOON),
            members.elected_between("dead", 2, 2, reason="its turns"),
            accounting.witnesses_agree,
            accounting.nothing_left_open,
        ),
        site=replace(balanced(cluster(LIBERTY, DEAD)), native={"HAProxy": Native(balancer=("no option redispatch",))}),
        explanation=(
            "HAProxy asks the same server four times, a second apart (retries 3), and answers 503. Every other "
            "scenario here has option redispatch 1, which is off where nobody writes it."
        ),
    ),
)
