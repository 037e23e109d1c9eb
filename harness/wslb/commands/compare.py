"""The same workloads under each lbmethod, in turns, so that a slow minute of the machine meets all of them alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wslb.commands.workloads import COMPARED, WORKLOADS, Workload, scenario_of
from wslb.config import Settings
from wslb.errors import ConfigError, StartError
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod
from wslb.model.comparison import ComparedMethods, ComparedRun, ComparedWorkload, SkippedMethod
from wslb.model.results import ScenarioResult
from wslb.reports.recommended import ENOUGH_RUNS
from wslb.scenarios import runner
from wslb.scenarios.scenario import Scenario

__all__ = ["COMPARED", "LEAST_REPEATS", "Comparison", "Turn", "comparison_of", "methods", "workloads"]

LEAST_REPEATS = ENOUGH_RUNS
MOST_REPEATS = 100


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
        turns: in the order of running: first run of everything, second run of everything, …
    """

    lbmethods: tuple[LbMethod, ...]
    workloads: tuple[Workload, ...]
    repeats: int
    connections: int
    skipped: tuple[tuple[LbMethod, str], ...] = ()

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Interleaved: A B C, A B C, …"""
        return tuple(
            Turn(
                scenario=scenario_of(workload, lbmethod, number, connections=self.connections),
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
        workload = next(turn.workload.name for turn in self.turns if turn.scenario.name == result.name)
        settings = result.reproduce.partition("wslb test ")[2].partition(" ")[2]
        lbmethods = ",".join(method.value for method in self.lbmethods)
        command = f"wslb compare {workload} --lbmethods {lbmethods} --repeats {self.repeats} {settings}"
        return replace(result, reproduce=command.rstrip())

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
                    does=workload.does,
                    deviation=workload.deviation,
                    criteria=workload.criteria,
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
        raise ConfigError(option="workload", value=unknown, allowed=f"one of {', '.join(known)}")
    return tuple(workload for workload in WORKLOADS if not names or workload.name in names)


def comparison_of(
    settings: Settings, *, lbmethods: Sequence[LbMethod], names: Sequence[str], repeats: int
) -> Comparison:
    """What was asked for.

    Raises:
        ConfigError: it makes no sense.
    """
    if not LEAST_REPEATS <= repeats <= MOST_REPEATS:
        allowed = f"a number from {LEAST_REPEATS} to {MOST_REPEATS}"
        raise ConfigError(option="--repeats", value=repeats, allowed=allowed)
    return Comparison(
        lbmethods=tuple(lbmethods),
        workloads=workloads(names),
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
