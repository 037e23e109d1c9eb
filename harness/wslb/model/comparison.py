"""A comparison of lbmethods: what is run under which method, and the numbers that came of it."""

from __future__ import annotations

from dataclasses import dataclass

from wslb.model.balancer import LbMethod

__all__ = ["ComparedMethods", "ComparedRun", "ComparedWorkload", "MethodNumbers", "SkippedMethod", "Stat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """A number of several runs.

    Attributes:
        low, high: range over the runs; None for a number of all runs together.
    """

    median: float
    low: float | None = None
    high: float | None = None

    @property
    def least(self) -> float:
        """The lower end of the range; the number itself without one."""
        return self.median if self.low is None else self.low

    @property
    def most(self) -> float:
        """The upper end of the range; the number itself without one."""
        return self.median if self.high is None else self.high

    @property
    def exact(self) -> bool:
        """Whether all runs agree, or there is one number only."""
        return self.low == self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodNumbers:
    """What one method did under one workload; a `Stat` is None where a run could not tell.

    Attributes:
        runs: that passed.
        connections, timed: of these runs; timed are those that opened.
        deviation: largest distance from the share that the loadfactor gives, in the workload's own unit.
        p50, p99: of handshakes, seconds.
        errors: connections that a fault cost.
        recovery: seconds from a fault's begin to the first connection on the faulty member.
    """

    lbmethod: LbMethod
    runs: int
    connections: int
    timed: int
    breaks: Stat | None
    deviation: Stat | None
    p50: Stat | None
    p99: Stat | None
    errors: Stat | None
    recovery: Stat | None

    def stat(self, column: str) -> Stat | None:
        """The number of this name."""
        found: Stat | None = getattr(self, column)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedWorkload:
    """A workload, and what each method did under it.

    Attributes:
        name, title, does: stable word, heading, and a sentence.
        deviation: what ought to be level at the end: ``connections``, ``tunnels`` or ``bytes``.
        criteria: columns that decide which method suits, the weightiest first; lower is better in each.
        note: what a reader must know to judge the numbers.
        methods: empty before the runs are measured.
    """

    name: str
    title: str
    does: str
    deviation: str
    criteria: tuple[str, ...]
    note: str
    methods: tuple[MethodNumbers, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """Which scenario of the run is which turn of the comparison."""

    scenario: str
    workload: str
    lbmethod: LbMethod
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedMethod:
    """A method that was asked for and cannot be had."""

    lbmethod: LbMethod
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedMethods:
    """What was compared."""

    repeats: int
    connections: int
    lbmethods: tuple[LbMethod, ...]
    skipped: tuple[SkippedMethod, ...]
    workloads: tuple[ComparedWorkload, ...]
    runs: tuple[ComparedRun, ...]
