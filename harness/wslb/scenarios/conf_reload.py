"""Of a user's configuration: whether open tunnels survive a graceful restart, and who serves the next client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator

from wslb.checks import foreseen, lifecycle, tunnels
from wslb.lab.lab import Lab
from wslb.model.results import ScenarioResult
from wslb.proxies.apache.foresight.room_for_tunnels import slots_of
from wslb.scenarios import acts as do
from wslb.scenarios.conf_asking import CROWDED, SILENT, Aim, Asking, seen
from wslb.scenarios.scenario import Scenario
from wslb.waiting import until
from wslb.wire.frames import Frame, Opcode

__all__ = ["reloading"]

ANSWER_SECONDS = 5.0
NEXT_SECONDS = 1.5
AFTER = "after the restart"


def reloading(aim: Aim) -> Iterator[Asking]:
    """Tunnels that are open while httpd gets SIGUSR1, and the next client."""
    conf = aim.trial.original.conf
    slots, at = slots_of(conf, aim.trial.proxy.installation)
    held = 1 if slots <= 2 else 2
    served = slots > held
    stop = conf.main.setting("GracefulShutdownTimeout")
    speaks = not aim.trial.lab.fleet.real  # of what a server of the user's answers nothing is known

    async def begun() -> bool:
        return await aim.trial.proxy.generations() > 1

    async def act(lab: Lab) -> None:
        if not aim.ready:
            return
        await aim.begin()
        opened = [await aim.open(lab, seconds=ANSWER_SECONDS) for _ in range(held)]
        await do.signal(lab, "USR1")
        with contextlib.suppress(TimeoutError):
            await until(begun, seconds=lab.settings.timeouts.settle, what="a new generation of httpd")
            lab.note("restart", "a new generation serves")
        if speaks:
            lab.note("spoken", AFTER, label=AFTER, connections=[one.handshake.conn_id for one in opened])
            await asyncio.gather(*(one.say(Frame(opcode=Opcode.TEXT, payload=b"still there?")) for one in opened))
            await asyncio.gather(*(one.receive(1, seconds=ANSWER_SECONDS) for one in opened))
        following = await aim.open(lab, seconds=ANSWER_SECONDS if served else NEXT_SECONDS)
        if not following.accepted:
            await following.close()  # before there is room for it

    says = ["open tunnels live on in the old processes until they end, and hold their places"]
    if served:
        says.append("the next client is served by the new ones")
    else:
        place = f"ServerLimit {slots} ({aim.place(at) if at else 'what httpd takes for granted'})"
        says.append(f"nobody new is served until an old tunnel ends: {place} leaves no place for a new process")
    if stop is not None:
        says.append(f"{stop} ({aim.place(stop)}) counts at a graceful stop only")

    def tells(result: ScenarioResult) -> Iterable[str]:
        return (
            *(f"foreseen: {one}" for one in says),
            *seen(result, "answered" if speaks else "still_open", "served_next"),
        )

    yield Asking(
        scenario=Scenario(
            name=f"conf-{aim.number}-reload",
            question=f"Do open tunnels of {aim.name} survive a graceful restart, and is the next client served?",
            limit=f"as the model says: {'; '.join(says)}",
            site=aim.site,
            act=act,
            checks=(
                lifecycle.restarted,
                *([tunnels.answered(AFTER, count=held)] if speaks else []),
                tunnels.still_open(count=held + served),
                foreseen.served_next(accepted=served),
            ),
            allow_log=CROWDED,
            silent=SILENT,
        ),
        question=aim.question,
        tells=tells,
    )
