"""What is done to members while a load run goes on: ``kill:node@5`` kills the backend of member node at second 5."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wslb.errors import ConfigError
from wslb.interfaces import MemberChange
from wslb.lab.lab import Lab
from wslb.model.balancer import MemberState

__all__ = ["PlannedFault", "do", "parse_fault"]

KINDS = {
    "kill": "the backend ends at once: its tunnels get no close frame",
    "stop": "the backend ends in order: its tunnels get no close frame either, as of the original",
    "revive": "the backend is started again on its ports",
    "freeze": "the backend stands still",
    "thaw": "the backend goes on",
    "drain": "the member takes no new tunnel but sticky ones",
    "disable": "the member takes no new tunnel",
    "enable": "the member takes tunnels again",
}
_FAULT = re.compile(r"([a-z]+):([a-z0-9-]+)@(\d+(?:\.\d+)?)s?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFault:
    """One thing to do, at a time in seconds from the start."""

    kind: str
    member: str
    at: float


def parse_fault(text: str, *, members: tuple[str, ...]) -> PlannedFault:
    """Understand ``KIND:MEMBER@SECONDS``.

    Raises:
        ConfigError: kind or member is unknown.
    """
    match = _FAULT.fullmatch(text)
    if match is None or match[1] not in KINDS or match[2] not in members:
        raise ConfigError(
            option="--faults",
            value=text,
            allowed=f"KIND:MEMBER@SECONDS with a kind of {', '.join(KINDS)} and a member of {', '.join(members)}",
        )
    return PlannedFault(kind=match[1], member=match[2], at=float(match[3]))


async def do(planned: PlannedFault, lab: Lab) -> str:
    """Do it, and tell what was done."""
    member = planned.member
    backend = {"kill": lab.fleet.kill, "stop": lab.fleet.stop_one, "revive": lab.fleet.revive,
               "freeze": lab.fleet.freeze, "thaw": lab.fleet.thaw}  # fmt: skip
    if planned.kind in backend:
        await backend[planned.kind](member)
        return f"{planned.kind} {member}: {KINDS[planned.kind]}"
    if planned.kind == "enable":
        states = await lab.status()
        status = next(status for status in states if status.route == member)
        state = MemberState.DRAIN if "Drn" in status.status else MemberState.DISABLED
        await lab.change(MemberChange(route=member, state=state, on=False))
    else:
        state = MemberState.DRAIN if planned.kind == "drain" else MemberState.DISABLED
        await lab.change(MemberChange(route=member, state=state))
    changed = next(status for status in await lab.status() if status.route == member)
    return f"{planned.kind} {member}: {changed.status}"
