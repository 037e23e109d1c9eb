"""What a shard counted: small, of bounded size, and exact when several are added up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec
from hdrh.histogram import HdrHistogram

from wslb.load.saved import ClientUse
from wslb.model.handshake import Headers
from wslb.model.percentiles import samples_needed

__all__ = ["MOST_IN_A_ROW", "Course", "Histogram", "Opened", "Refused", "Served", "Tally", "add_counts"]

MOST_IN_A_ROW = 1000
"""Opens of which it is kept one by one what became of them."""

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

    def told(self, percents: Sequence[float]) -> dict[float, float | None]:
        """Seconds that each of these percents do not exceed; None where there are too few samples."""
        found = self.percentiles(percents)
        return {percent: value if self.count >= samples_needed(percent) else None for percent, value in found.items()}

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


class Course(msgspec.Struct):
    """Counts by time, in at most `MOST` steps: when there are more, two become one and the width doubles."""

    MOST: ClassVar[int] = 600

    width: float = 1.0
    steps: dict[int, dict[str, int]] = {}

    def count(self, at: float, what: str) -> None:
        """Count something at a time, in seconds from the start."""
        step = int(max(at, 0.0) / self.width)
        while step >= self.MOST:
            self.widen()
            step = int(at / self.width)
        found = self.steps.get(step)
        if found is None:
            found = self.steps[step] = {}
        found[what] = found.get(what, 0) + 1

    def widen(self) -> None:
        """Halve the resolution."""
        self.width *= 2
        narrow, self.steps = self.steps, {}
        for step, counts in narrow.items():
            add_counts(self.steps.setdefault(step // 2, {}), counts)

    def add(self, other: Course) -> None:
        """Add another's counts; widths are powers of two of one base, so steps never straddle."""
        while self.width < other.width:
            self.widen()
        ratio = round(self.width / other.width)
        for step, counts in other.steps.items():
            add_counts(self.steps.setdefault(step // ratio, {}), counts)


class Served(msgspec.Struct):
    """What one backend did, or nobody did (the name `NOBODY`).

    Attributes:
        opened: handshakes that were accepted, checked and, where one is due, greeted.
        closed: tunnels that ended with close frames on both sides.
        echoed: messages that came back as they were sent.
        errors: connections that failed, by kind; each connection fails once at most.
        open, echo: latencies.
    """

    opened: int = 0
    closed: int = 0
    echoed: int = 0
    errors: dict[str, int] = {}
    open: Histogram = msgspec.field(default_factory=Histogram)
    echo: Histogram = msgspec.field(default_factory=Histogram)

    def add(self, other: Served) -> None:
        """Add another's counts."""
        self.opened += other.opened
        self.closed += other.closed
        self.echoed += other.echoed
        add_counts(self.errors, other.errors)
        self.open.add(other.open)
        self.echo.add(other.echo)


class Refused(msgspec.Struct, frozen=True):
    """Head of an answer that opened no tunnel."""

    status: int
    reason: str
    headers: Headers


class Opened(msgspec.Struct, frozen=True):
    """What became of one open: who took it, or why it failed."""

    name: str = ""
    failure: str = ""


class Tally(msgspec.Struct):
    """Everything that one shard counted; adding tallies gives the tally of the whole.

    Attributes:
        started, not_started: connections that were begun, and that never were although they were due.
        ended: of the started ones; `interrupted` of them were cut by us.
        lag: how late the client began what was due.
        start_span, opened_span: first and last time of a start and of an open, in seconds from the start.
        clients: what each shard took of its machine.
        row: of the first opens by number, what became of each, where the server is a foreign one.
        refusals: the first answer of each kind that opened no tunnel.
        server: what a foreign answer says of the proxy that sent it.
        kept, moved: opens with a client's cookies that came to its backend, and to another.
    """

    started: int = 0
    not_started: int = 0
    ended: int = 0
    interrupted: int = 0
    backends: dict[str, Served] = {}
    lag: Histogram = msgspec.field(default_factory=Histogram)
    course: Course = msgspec.field(default_factory=Course)
    start_span: tuple[float, float] = (math.inf, 0.0)
    opened_span: tuple[float, float] = (math.inf, 0.0)
    clients: list[ClientUse] = []
    row: dict[int, Opened] = {}
    refusals: dict[str, Refused] = {}
    server: str = ""
    kept: int = 0
    moved: int = 0

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
    def errors(self) -> dict[str, int]:
        """Failed connections by kind."""
        total: dict[str, int] = {}
        for served in self.backends.values():
            add_counts(total, served.errors)
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
        self.course.add(other.course)
        self.start_span = _span(self.start_span, other.start_span)
        self.opened_span = _span(self.opened_span, other.opened_span)
        self.clients += other.clients
        self.row.update(other.row)
        self.refusals = {**other.refusals, **self.refusals}
        self.server = self.server or other.server
        self.kept += other.kept
        self.moved += other.moved

    def encoded(self) -> bytes:
        """Everything, for another process or machine (MessagePack)."""
        return msgspec.msgpack.encode(self, enc_hook=Histogram.encoded)

    @classmethod
    def decoded(cls, text: bytes) -> Tally:
        """The tally that `encoded` gave."""
        return msgspec.msgpack.decode(text, type=cls, dec_hook=lambda _, value: Histogram(value))


def add_counts(total: dict[str, int], counts: Mapping[str, int]) -> None:
    """Add counts to others of the same kinds."""
    for kind, count in counts.items():
        total[kind] = total.get(kind, 0) + count


def _span(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])
