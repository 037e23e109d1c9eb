"""When a run ends before all has been asked: by a limit that it was given, or because its lab cannot start."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass

from wslb.config import Settings
from wslb.errors import HarnessError, LabError, RunEnded, StartError
from wslb.lab.lab import Lab
from wslb.model.balancer import Site
from wslb.model.results import Outcome, ScenarioResult

__all__ = ["ENDLESS", "Ends", "Within"]

_LONGEST_SECONDS = 300.0
_SECONDS_EACH = 0.1
"""Default limit of a scenario: the first, or so much for each of ``--connections`` where that is more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """How long a scenario may take, and what is told of one that takes longer."""

    seconds: float = math.inf
    told: str = ""


ENDLESS = Within()


class Ends:
    """Keeps the limits of one run, and is told each result.

    Two starts in a row that failed alike end a run, unless a site that was served before can be served still: then
    those scenarios are at fault, and not the lab.

    Attributes:
        over: why nothing further is to be asked; None while it goes on.
    """

    def __init__(self, settings: Settings | None = None, *, limited: bool = True) -> None:
        """Limits of `settings`, from now on; None: none at all. `limited`: a scenario has one by default."""
        self._settings = settings
        self._limited = limited
        self._until = time.monotonic() + settings.deadline if settings and settings.deadline else math.inf
        self._broken = 0
        self._served: Site | None = None
        self._last: tuple[str, str] | None = None
        self._stopped: HarnessError | None = None

    @property
    def left_seconds(self) -> float | None:
        """Until the deadline of the run, at least 0; None without one."""
        return None if self._until == math.inf else max(0.0, self._until - time.monotonic())

    @property
    def over(self) -> HarnessError | None:
        """Why nothing further is to be asked."""
        if self._stopped is None and self._settings and self.left_seconds == 0:
            self._stopped = self.deadline_passed()
        return self._stopped

    def deadline_passed(self) -> RunEnded:
        """The error that says so."""
        return RunEnded(by=f"the deadline of {self._settings.deadline if self._settings else 0:g} s")

    def limit(self, *, limited: bool = True) -> Within:
        """Of the scenario that is asked now; `limited`: also where none was given."""
        settings = self._settings
        if settings is None:
            return ENDLESS
        usual = max(_LONGEST_SECONDS, settings.connections * _SECONDS_EACH) if self._limited and limited else math.inf
        own = settings.limit or usual
        left = self.left_seconds
        if left is not None and left < own:
            return Within(seconds=left, told=f"The deadline of {settings.deadline:g} s came before it ended.")
        return Within(seconds=own, told=f"It did not end within {own:g} s, the limit of a scenario.")

    async def add(self, result: ScenarioResult, lab: Lab) -> None:
        """Count a result, and whether its site could be served."""
        self._broken += result.outcome in {Outcome.FAILED, Outcome.ERRORED}
        if self._settings and 0 < self._settings.maxfail <= self._broken:
            self._stopped = self._stopped or RunEnded(by=f"--maxfail {self._settings.maxfail}")
        if result.outcome is not Outcome.SKIPPED:
            await self.start(result.name, result.reason if result.unstarted else "", lab)

    async def start(self, name: str, problem: str, lab: Lab) -> None:
        """Keep whether a site could be served.

        Args:
            name: of who asked for it.
            problem: why not, the sentence in the first line and the log behind it; empty: it could.
            lab: that did it or did not; where `problem` came twice, it is asked for a site that it has served.
        """
        first, last = problem.partition("\n")[0], self._last
        self._last = (name, _masked(first)) if problem else None
        if not problem:
            self._served = lab.site
        if last is None or self._last is None or last[1] != self._last[1]:
            return
        if self._served and await _serves(lab, self._served):
            self._last = None
            return
        self._stopped = StartError(
            name="The lab",
            reason=f"{first.rstrip('.')}; {name} failed as {last[0]} did, so nothing further was asked",
            log_tail=tuple(problem.splitlines()[1:]),
        )


def _masked(sentence: str) -> str:
    """Without numbers and names of folders, which differ from start to start."""
    return re.sub(r"[0-9a-f]*\d[0-9a-f.]*", "#", sentence)


async def _serves(lab: Lab, site: Site) -> bool:
    try:
        await lab.begin("start", site, balancer=None)
    except LabError:
        return False
    return True
