"""What ends the tunnels from before a reload of nginx and HAProxy, where an administrator has set a limit."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import distribution, handshake, lifecycle, tunnels
from wslb.lab.lab import Lab
from wslb.model.balancer import Native
from wslb.model.sites import CLUSTER, balanced
from wslb.scenarios import acts as do
from wslb.scenarios.restart import OLD_HAPROXY
from wslb.scenarios.scenario import Family, Scenario

__all__ = ["SCENARIOS"]

SOON = 20.0
"""Seconds before which a limit of 1 s must have ended a tunnel, on a busy machine too."""


async def _overdue(lab: Lab) -> None:
    """Old tunnels are waited for until the limit ends them; a tunnel of the new generation is there all the time."""
    old = await lab.open_in_turn(3, hold=True)
    await do.signal(lab, "USR1")
    await do.restarted(lab)
    new = await lab.open_in_turn(2, hold=True)
    await do.ended(old, seconds=SOON)
    await do.speak(lab, new, "after the limit")


ask = Family(name="restart")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "old-limit",
        "Does a limit on the old processes (1 s) end the tunnels from before a reload, and those alone?",
        "3 of 3 old ones lost (1006) after 1 s or more, and before 20 s; 2 of 2 new ones live on",
        _overdue,
        (
            lifecycle.restarted,
            tunnels.lost(count=3, before_signal=True),
            tunnels.lasted(least_seconds=1.0, most_seconds=SOON, count=3),
            tunnels.answered("after the limit", count=2),
            tunnels.still_open(count=2),
            distribution.served_by("liberty", "node", "liberty", "liberty", "node"),
            handshake.answered_101,
        ),
        site=replace(
            balanced(CLUSTER),
            native={
                "nginx": Native(process=("worker_shutdown_timeout 1s;",)),
                "HAProxy": Native(process=("hard-stop-after 1s",)),
            },
        ),
        allow_log=("AH00045",),
        explanation=(
            "worker_shutdown_timeout of nginx, hard-stop-after of HAProxy. Without it old processes stay as long as "
            "their last tunnel, and each reload adds one."
        ),
        elsewhere=(replace(OLD_HAPROXY, allow_log=("AH00045", "AH00052")),),
        otherwise=3,
    ),
)
