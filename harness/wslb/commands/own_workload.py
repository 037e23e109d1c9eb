"""A workload that the user describes: ``hold 12, close first, hold 12``. The same steps for every lbmethod."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from wslb.commands.workloads import Workload
from wslb.errors import ConfigError
from wslb.lab.conversation import Conversation
from wslb.lab.lab import Lab
from wslb.scenarios.claims import MODELLED
from wslb.scenarios.scenario import Act

__all__ = ["STEPS", "own_workload"]

STEPS = "short N, hold N, close first|half|all, send BYTES"
"""What a description may say; a step may come again."""

_MOST_OPENS = 1000
_MOST_BYTES = 1_000_000
_STEP = re.compile(r"(short|hold|send) ([0-9]{1,7})|close (first|half|all)")

_CLOSED: dict[str, Callable[[Sequence[Conversation]], list[Conversation]]] = {
    "first": lambda held: [one for one in held if one.backend == held[0].backend],
    "half": lambda held: list(held[::2]),
    "all": list,
}


def own_workload(text: str, *, name: str) -> Workload:
    """The workload of a description.

    ``short N`` opens so many one after another, each closed and counted out before the next; ``hold N`` keeps them
    open; ``close first`` closes the held tunnels of the member that serves the oldest, ``close half`` every other one;
    ``send BYTES`` sends so much through each held tunnel, and waits for its echo. Level ought to be, at the last open,
    the bytes where some are sent, else the open tunnels where some stay, else the connections.

    Raises:
        ConfigError: a step is none, there is nothing to open, or it is too much.
    """
    steps = [" ".join(step.split()) for step in text.split(",")]
    words = [step.split() for step in steps]
    opens = sum(int(number) for what, number in words if what in {"short", "hold"}) if _all_fit(steps) else 0
    sent = max((int(number) for what, number in words if what == "send"), default=0) if opens else 0
    if not 2 <= opens <= _MOST_OPENS or sent > _MOST_BYTES:
        raise ConfigError(
            option="--workload",
            value=text,
            allowed=f"steps of {STEPS}, with commas between them, that open from 2 to {_MOST_OPENS} "
            f"and send at most {_MOST_BYTES} each time",
            hint="Such as: --workload 'hold 12, close first, hold 12'",
        )
    stays = [what for what in steps if what.startswith("hold") or what == "close all"]
    open_at_end = bool(stays) and stays[-1] != "close all"
    deviation = "bytes" if sent else "tunnels" if open_at_end else "connections"
    return Workload(
        name=name,
        title=f"Own: {', '.join(steps)}",
        does=f"{', '.join(steps)}.",
        deviation=deviation,
        criteria=("deviation",),
        note=f"Level ought to be the {deviation} at the last open.",
        act=_act(words, echo=bool(sent)),
        checks=MODELLED,
        echo=bool(sent),
        tunnels=opens,
    )


def _all_fit(steps: Sequence[str]) -> bool:
    return all(_STEP.fullmatch(step) for step in steps)


def _act(steps: Sequence[Sequence[str]], *, echo: bool) -> Callable[[int], Act]:
    async def act(lab: Lab) -> None:
        held: list[Conversation] = []
        for what, much in steps:
            if what == "close":
                going = _CLOSED[much](held) if held else []
                held = [one for one in held if one not in going]
                await lab.close(going)
            elif what == "send":
                for one in held:
                    await one.run("x" * int(much))
            else:
                for _ in range(int(much)):
                    one = await lab.open(greeting=not echo)
                    if what == "hold":
                        held.append(one)
                    else:
                        await lab.close([one])

    return lambda _: act
