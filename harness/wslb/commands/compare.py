"""The same workloads under each lbmethod, in turns, so that a slow minute of the machine meets all of them alike."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wslb.commands.own_workload import own_workload
from wslb.commands.workloads import COMPARED, EQUAL, WORKLOADS, Workload, scenario_of
from wslb.config import Settings
from wslb.errors import ConfigError, StartError, meant
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod
from wslb.model.comparison import ComparedMethods, ComparedRun, ComparedWorkload, SkippedMethod
from wslb.model.results import ScenarioResult
from wslb.reports.recommended import ENOUGH_RUNS
from wslb.scenarios import runner
from wslb.scenarios.scenario import Scenario

__all__ = ["COMPARED", "LEAST_REPEATS", "Comparison", "Turn", "comparison_of", "loadfactors", "methods", "workloads"]

LEAST_REPEATS = ENOUGH_RUNS
MOST_REPEATS = 100
MOST_MEMBERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One run of one workload under one method."""

    scenario: Scenario
    workload: Workload
    lbmethod: LbMethod
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is compared.

    Attributes:
        skipped: methods that were asked for and cannot be had, with the reason.
        weights: loadfactors of the members.
        turns: in the order of running: first run of everything, second run of everything, …
    """

    lbmethods: tuple[LbMethod, ...]
    workloads: tuple[Workload, ...]
    repeats: int
    connections: int
    skipped: tuple[tuple[LbMethod, str], ...] = ()
    weights: tuple[int, ...] = EQUAL

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Interleaved: A B C, A B C, …"""
        return tuple(
            Turn(
                scenario=scenario_of(workload, lbmethod, number, connections=self.connections, weights=self.weights),
                workload=workload,
                lbmethod=lbmethod,
                number=number,
            )
            for number in range(1, self.repeats + 1)
            for workload in self.workloads
            for lbmethod in self.lbmethods
        )

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What is asked, in that order."""
        return tuple(turn.scenario for turn in self.turns)

    @property
    def names(self) -> list[str]:
        """Names of all scenarios."""
        return [scenario.name for scenario in self.scenarios]

    def worded(self, result: ScenarioResult) -> ScenarioResult:
        """The result of a turn, with the command of this comparison that asks it again."""
        asked = next(turn.workload for turn in self.turns if turn.scenario.name == result.name)
        workload = asked.name if asked in WORKLOADS else f"--workload {shlex.quote(asked.does.removesuffix('.'))}"
        if self.weights != EQUAL:
            workload += f" --weights {self._weights}"
        settings = result.reproduce.partition("wslb test ")[2].partition(" ")[2]
        lbmethods = ",".join(method.value for method in self.lbmethods)
        command = f"wslb compare {workload} --lbmethods {lbmethods} --repeats {self.repeats} {settings}"
        return replace(result, reproduce=command.rstrip())

    @property
    def _weights(self) -> str:
        return ":".join(map(str, self.weights))

    def _criteria(self, workload: Workload) -> tuple[str, ...]:
        """Without the breaks where a heavier member must serve twice in a row."""
        return tuple(one for one in workload.criteria if one != "breaks" or len({*self.weights}) == 1)

    @property
    def planned(self) -> ComparedMethods:
        """As it is saved; the numbers are added from the evidence (`wslb.reports.measured`)."""
        return ComparedMethods(
            repeats=self.repeats,
            connections=self.connections,
            lbmethods=self.lbmethods,
            skipped=tuple(SkippedMethod(lbmethod=method, reason=reason) for method, reason in self.skipped),
            workloads=tuple(
                ComparedWorkload(
                    name=workload.name,
                    title=workload.title,
                    does=workload.does if self.weights == EQUAL else f"Loadfactors {self._weights}. {workload.does}",
                    deviation=workload.deviation,
                    criteria=self._criteria(workload),
                    note=workload.note,
                )
                for workload in self.workloads
            ),
            runs=tuple(
                ComparedRun(
                    scenario=turn.scenario.name,
                    workload=turn.workload.name,
                    lbmethod=turn.lbmethod,
                    number=turn.number,
                )
                for turn in self.turns
            ),
        )


def methods(text: str) -> tuple[LbMethod, ...]:
    """Methods of a list with commas, each once, in its order.

    Raises:
        ConfigError: one is unknown or cannot be compared, or it is only one.
    """
    known = {method.value: method for method in COMPARED}
    names = dict.fromkeys(part.strip() for part in text.split(","))
    if len(names) < 2 or not names.keys() <= known.keys():
        raise ConfigError(
            option="--lbmethods", value=text, allowed=f"two or more of {', '.join(known)}, with commas between them"
        )
    return tuple(known[name] for name in names)


def workloads(names: Sequence[str]) -> tuple[Workload, ...]:
    """Workloads of these names, in their own order; all for none.

    Raises:
        ConfigError: there is no such workload.
    """
    known = [workload.name for workload in WORKLOADS]
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise ConfigError(
            option="workload", value=unknown, allowed=f"one of {', '.join(known)}", hint=meant(unknown, known)
        )
    return tuple(workload for workload in WORKLOADS if not names or workload.name in names)


def loadfactors(text: str | None, count: int | None) -> tuple[int, ...]:
    """Of ``--weights 3:1:1``, or of so many equal members (``--members``); two equal ones for neither.

    Raises:
        ConfigError: they cannot be.
    """
    if text is None:
        if count is not None and not 2 <= count <= MOST_MEMBERS:
            raise ConfigError(option="--members", value=count, allowed=f"a number from 2 to {MOST_MEMBERS}")
        return (1,) * (count or len(EQUAL))
    parts = text.split(":")
    if not all(re.fullmatch(r"[1-9][0-9]?|100", part) for part in parts) or not 2 <= len(parts) <= MOST_MEMBERS:
        allowed = f"2 to {MOST_MEMBERS} loadfactors from 1 to 100, such as 3:1"
        raise ConfigError(option="--weights", value=text, allowed=allowed)
    if count not in {None, len(parts)}:
        raise ConfigError(
            option="--members", value=count, allowed=f"{len(parts)}, as --weights {text} says, or left out"
        )
    return tuple(map(int, parts))


def comparison_of(
    settings: Settings,
    *,
    lbmethods: Sequence[LbMethod],
    names: Sequence[str],
    repeats: int,
    weights: tuple[int, ...] = EQUAL,
    own: Sequence[str] = (),
) -> Comparison:
    """What was asked for; `own` are descriptions of workloads, which are compared alone where `names` has none.

    Raises:
        ConfigError: it makes no sense.
    """
    if not LEAST_REPEATS <= repeats <= MOST_REPEATS:
        allowed = f"a number from {LEAST_REPEATS} to {MOST_REPEATS}"
        raise ConfigError(option="--repeats", value=repeats, allowed=allowed)
    return Comparison(
        lbmethods=tuple(lbmethods),
        workloads=(
            *(workloads(names) if names or not own else ()),
            *(own_workload(text, name=f"own-{number}") for number, text in enumerate(own, 1)),
        ),
        weights=weights,
        repeats=repeats,
        connections=settings.connections,
    )


def possible(asked: Comparison, lab: Lab) -> Comparison:
    """The plan without the methods that this proxy lacks.

    Raises:
        StartError: fewer than two are left.
    """
    reasons = {turn.lbmethod: runner.lacking(turn.scenario, lab) for turn in asked.turns if turn.number == 1}
    skipped = tuple((method, reason) for method, reason in reasons.items() if reason)
    left = tuple(method for method in asked.lbmethods if not reasons[method])
    if len(left) < 2:
        raise StartError(
            name="The comparison",
            reason=f"{skipped[0][1]}, and {' '.join(left) or 'nothing'} alone is nothing to compare",
            hint="Load the modules of two lbmethods at least; wslb doctor says what is there.",
        )
    return replace(asked, lbmethods=left, skipped=skipped)
