"""What a shard counted: small, of bounded size, and exact when several are added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hdrh.histogram import HdrHistogram

__all__ = ["Course", "Histogram", "Served", "Tally"]

MOST_NAMES = 64
"""Different backends told apart; further ones are counted together, so that a server cannot fill our memory."""

OTHERS = "others"
NOBODY = ""
"""Stands for no backend: the connection failed before anybody answered."""


class Histogram:
    """Latencies in microseconds, with three significant digits at any size (HdrHistogram).

    Recording only counts in a dictionary, by the value that HdrHistogram itself would keep: ten times cheaper than its
    own call, as exact, and bounded by the number of different values that it tells apart.
    """

    __slots__ = ("_hdr", "_new")

    LOWEST, HIGHEST, DIGITS = 1, 3_600_000_000, 3
    BITS = 11  # 2048 steps of equal width in each power of two hold three decimal digits

    def __init__(self, encoded: str = "") -> None:
        self._new: dict[int, int] = {}
        self._hdr: HdrHistogram | None = None
        if encoded:
            self._counted().decode_and_add(encoded)

    def record(self, seconds: float) -> None:
        """Count one latency."""
        value = int(seconds * 1e6)
        value = 1 if value < 1 else min(value, self.HIGHEST)
        shift = value.bit_length() - self.BITS
        if shift > 0:
            value = value >> shift << shift
        self._new[value] = self._new.get(value, 0) + 1

    def _counted(self) -> HdrHistogram:
        if self._hdr is None:
            self._hdr = HdrHistogram(self.LOWEST, self.HIGHEST, self.DIGITS)
        if self._new:
            for value, count in self._new.items():
                self._hdr.record_value(value, count)
            self._new = {}
        return self._hdr

    def add(self, other: Histogram) -> None:
        """Count everything that the other counted."""
        if other.count:
            self._counted().add(other._counted())

    @property
    def count(self) -> int:
        """Latencies counted."""
        return int(self._counted().total_count) if self._hdr is not None or self._new else 0

    def percentile(self, percent: float) -> float:
        """Seconds that this many percent do not exceed; 0 when there are none."""
        return self.percentiles((percent,))[percent]

    def percentiles(self, percents: Sequence[float]) -> dict[float, float]:
        """Seconds that each of these percents do not exceed, in one pass; 0 when there are none."""
        if not self.count:
            return dict.fromkeys(percents, 0.0)
        found = self._counted().get_percentile_to_value_dict(list(percents))
        return {percent: float(found[percent]) / 1e6 for percent in percents}

    @property
    def highest(self) -> float:
        """Longest latency in seconds."""
        return float(self._counted().get_max_value()) / 1e6 if self.count else 0.0

    @property
    def mean(self) -> float:
        """Mean latency in seconds."""
        if not self.count:
            return 0.0
        hdr = self._counted()  # its own mean walks over every value that it could hold, fifty times slower
        middle = hdr.get_lowest_equivalent_value, hdr.get_highest_equivalent_value
        total: float = 0.0
        for index, count in enumerate(hdr.counts):
            if count:
                value = hdr.get_value_from_index(index)
                total += count * sum(of(value) for of in middle) / 2
        return total / int(hdr.total_count) / 1e6

    def encoded(self) -> str:
        """Everything as text (HdrHistogram's own compressed form)."""
        if not self.count:
            return ""
        text = self._counted().encode()
        return text.decode() if isinstance(text, bytes) else str(text)


class Course:
    """Counts by time, in at most `MOST` steps: when there are more, two become one and the width doubles."""

    MOST = 600

    def __init__(self, width: float = 1.0) -> None:
        self.width = width
        self.steps: dict[int, Counter[str]] = {}

    def count(self, at: float, what: str, by: int = 1) -> None:
        """Count something at a time, in seconds from the start."""
        step = int(max(at, 0.0) / self.width)
        while step >= self.MOST:
            self.widen()
            step = int(at / self.width)
        found = self.steps.get(step)
        if found is None:
            found = self.steps[step] = Counter()
        found[what] += by

    def widen(self) -> None:
        """Halve the resolution."""
        self.width *= 2
        wide: dict[int, Counter[str]] = {}
        for step, counts in self.steps.items():
            wide.setdefault(step // 2, Counter()).update(counts)
        self.steps = wide

    def add(self, other: Course) -> None:
        """Add another's counts; widths are powers of two of one base, so steps never straddle."""
        mine = Course(other.width)
        mine.steps = {step: Counter(counts) for step, counts in other.steps.items()}
        while self.width < mine.width:
            self.widen()
        while mine.width < self.width:
            mine.widen()
        for step, counts in mine.steps.items():
            self.steps.setdefault(step, Counter()).update(counts)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"width": self.width, "steps": {str(step): dict(counts) for step, counts in sorted(self.steps.items())}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Course:
        """The timeline that `as_json` gave."""
        made = cls(float(document["width"]))
        made.steps = {int(step): Counter(counts) for step, counts in document["steps"].items()}
        return made


class Served:
    """What one backend did, or nobody did (the name `NOBODY`).

    Attributes:
        opened: handshakes that were accepted, checked and, where one is due, greeted.
        closed: tunnels that ended with close frames on both sides.
        echoed: messages that came back as they were sent.
        errors: connections that failed, by kind; each connection fails once at most.
        open, echo: latencies.
    """

    __slots__ = ("closed", "echo", "echoed", "errors", "open", "opened")

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0
        self.echoed = 0
        self.errors: Counter[str] = Counter()
        self.open = Histogram()
        self.echo = Histogram()

    def add(self, other: Served) -> None:
        """Add another's counts."""
        self.opened += other.opened
        self.closed += other.closed
        self.echoed += other.echoed
        self.errors.update(other.errors)
        self.open.add(other.open)
        self.echo.add(other.echo)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "opened": self.opened,
            "closed": self.closed,
            "echoed": self.echoed,
            "errors": dict(self.errors),
            "open": self.open.encoded(),
            "echo": self.echo.encoded(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Served:
        """What `as_json` gave."""
        made = cls()
        made.opened, made.closed, made.echoed = document["opened"], document["closed"], document["echoed"]
        made.errors = Counter(document["errors"])
        made.open = Histogram(document["open"])
        made.echo = Histogram(document["echo"])
        return made


class Tally:
    """Everything that one shard counted; adding tallies gives the tally of the whole."""

    def __init__(self) -> None:
        self.started = 0
        self.not_started = 0
        self.ended = 0
        self.interrupted = 0
        self.backends: dict[str, Served] = {}
        self.lag = Histogram()
        self.timeline = Course()
        self.start_span = (float("inf"), 0.0)
        self.opened_span = (float("inf"), 0.0)
        self.clients: list[dict[str, Any]] = []

    def served(self, name: str) -> Served:
        """Counts of this backend."""
        found = self.backends.get(name)
        if found is None:
            if len(self.backends) >= MOST_NAMES and name != NOBODY:
                name = OTHERS
                found = self.backends.get(name)
            if found is None:
                found = self.backends[name] = Served()
        return found

    @property
    def opened(self) -> int:
        """Opened by all backends."""
        return sum(served.opened for served in self.backends.values())

    @property
    def errors(self) -> Counter[str]:
        """Failed connections by kind."""
        total: Counter[str] = Counter()
        for served in self.backends.values():
            total.update(served.errors)
        return total

    @property
    def live(self) -> int:
        """Connections that were started and have not ended."""
        return self.started - self.ended

    def add(self, other: Tally) -> None:
        """Add another's counts."""
        self.started += other.started
        self.not_started += other.not_started
        self.ended += other.ended
        self.interrupted += other.interrupted
        for name, served in other.backends.items():
            self.served(name).add(served)
        self.lag.add(other.lag)
        self.timeline.add(other.timeline)
        self.start_span = _span(self.start_span, other.start_span)
        self.opened_span = _span(self.opened_span, other.opened_span)
        self.clients += other.clients

    @classmethod
    def sum(cls, tallies: Iterable[Tally]) -> Tally:
        """All of them together."""
        total = cls()
        for tally in tallies:
            total.add(tally)
        return total

    def as_json(self) -> dict[str, Any]:
        """Plain values, for other processes and machines."""
        return {
            "started": self.started,
            "not_started": self.not_started,
            "ended": self.ended,
            "interrupted": self.interrupted,
            "backends": {name: served.as_json() for name, served in self.backends.items()},
            "lag": self.lag.encoded(),
            "timeline": self.timeline.as_json(),
            "start_span": list(self.start_span) if self.started else None,
            "opened_span": list(self.opened_span) if self.opened else None,
            "clients": self.clients,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Tally:
        """The tally that `as_json` gave."""
        made = cls()
        made.started, made.not_started = document["started"], document["not_started"]
        made.ended, made.interrupted = document["ended"], document["interrupted"]
        made.backends = {name: Served.from_json(served) for name, served in document["backends"].items()}
        made.lag = Histogram(document["lag"])
        made.timeline = Course.from_json(document["timeline"])
        for key in ("start_span", "opened_span"):
            if document[key]:
                setattr(made, key, tuple(document[key]))
        made.clients = list(document["clients"])
        return made


def _span(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])
