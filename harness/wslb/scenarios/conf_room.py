"""Of a user's configuration: how many tunnels fit at a time, and what the next client sees."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from wslb.checks import foreseen
from wslb.lab.lab import Lab
from wslb.lab.raw_conversation import RawConversation
from wslb.model.results import ScenarioResult
from wslb.proxies.apache.foresight.room_for_tunnels import all_started, room_of
from wslb.scenarios.conf_asking import CROWDED, SILENT, Aim, Asking, seen
from wslb.scenarios.scenario import Scenario

__all__ = ["filling"]

MOST_TUNNELS = 2000
AT_ONCE = 25
ANSWER_SECONDS = 2.0
NEXT_SECONDS = 1.0

_OWN_FILES = 200
"""Open files that this program needs beside the tunnels."""


def filling(aim: Aim) -> Iterator[Asking]:
    """Tunnels until no more fit, or as many as may be opened here, and one more."""
    trial = aim.trial
    room = room_of(trial.original.conf, trial.proxy.installation, aim.destinations)
    most = min(MOST_TUNNELS, trial.lab.open_files - _OWN_FILES)
    count = min(room.tunnels, most)
    place = f"{aim.place(room.at)}: {room.at}" if room.at else "what httpd takes for granted"

    async def act(lab: Lab) -> None:
        if not aim.ready:
            return
        await trial.serve(all_started(trial.original, room))
        await aim.begin()
        gate = asyncio.Semaphore(AT_ONCE)

        async def opened() -> RawConversation:
            async with gate:
                return await aim.open(lab, seconds=ANSWER_SECONDS)

        came = await asyncio.gather(*(opened() for _ in range(count)))
        lab.note("full", f"{count} tunnels are asked for")
        if room.tunnels <= most:
            came.append(await aim.open(lab, seconds=NEXT_SECONDS))
        await asyncio.gather(*(one.close() for one in came if not one.accepted))  # before there is room for them

    says = [f"{room.tunnels} tunnels at a time ({place}); the next client waits, without an answer"]
    if room.tunnels > most:
        why = (
            f"no more than {MOST_TUNNELS} are opened"
            if most == MOST_TUNNELS
            else "the limit of open files allows no more"
        )
        says.append(f"{most} of them are tried: {why}")
    says.append("here all processes are started from the beginning")

    def tells(result: ScenarioResult) -> Iterable[str]:
        return (*(f"foreseen: {one}" for one in says), *seen(result, "fitted"))

    yield Asking(
        scenario=Scenario(
            name=f"conf-{aim.number}-room",
            question=f"How many tunnels of {aim.name} fit at a time, and what does the next client see?",
            limit=f"as the model says: {'; '.join(says)}",
            site=aim.site,
            act=act,
            checks=(foreseen.fitted(count, full=room.tunnels <= most, astray=room.astray),),
            allow_log=CROWDED,
            silent=SILENT,
        ),
        question=aim.question,
        tells=tells,
    )
