"""``proxies.json`` and ``proxies.html``: what each proxy of this machine does with WebSockets, question by question.

Everything is made from the saved reports of the proxies. A scenario asks each of them a question, one of its own where
the product has words of its own for it; what could not be asked says why, and is no agreement.
"""

from __future__ import annotations

from typing import Literal

from wslb.model.results import Outcome
from wslb.reports.grades import WORDS
from wslb.reports.tabled import Part, TabledDocument, encode, save, schema_of
from wslb.reports.texts import count

__all__ = [
    "ContrastAnswer",
    "ContrastCell",
    "ContrastColumn",
    "ContrastDocument",
    "ContrastRow",
    "HeldTunnels",
    "encode",
    "json_schema",
    "save",
]

_MIB = 1 << 20


class HeldTunnels(Part, frozen=True, kw_only=True):
    """What a proxy's processes took for tunnels that were all open at a time.

    Attributes:
        tunnels: to be opened.
        opened, errors: of them.
        echoed: messages that came back.
        resident_before, resident: bytes, summed over its processes (RSS): what they share counts for each.
        proportional_before, proportional: bytes in which what is shared is divided among those that share it (PSS);
            None where the system does not tell.
        cpu_seconds: of its processes, for opening, one message each, and closing.
        error: why nothing could be measured; empty otherwise.
    """

    tunnels: int
    opened: int = 0
    errors: int = 0
    echoed: int = 0
    processes: int = 0
    resident_before: int = 0
    resident: int = 0
    proportional_before: int | None = None
    proportional: int | None = None
    cpu_seconds: float = 0.0
    error: str = ""

    @property
    def outcome(self) -> Outcome:
        """Passed when each was opened, heard and closed."""
        if self.error:
            return Outcome.ERRORED
        holds = self.opened == self.echoed == self.tunnels and not self.errors
        return Outcome.PASSED if holds else Outcome.FAILED

    @property
    def claim(self) -> str:
        """What is claimed."""
        return f"{self.tunnels:,} of {self.tunnels:,} open at a time, a message echoed on each, and closed in order"

    @property
    def seen(self) -> str:
        """The measured numbers."""
        rss = f"RSS {_mib(self.resident)} MiB ({_mib(self.resident_before)} before)"
        pss = (
            ""
            if self.proportional is None or self.proportional_before is None
            else (f", PSS {_mib(self.proportional)} MiB ({_mib(self.proportional_before)} before)")
        )
        each = (self.resident - self.resident_before) / max(1, self.tunnels) / 1024
        told = f"{rss}{pss}, {each:.1f} KiB more for each tunnel; {self.cpu_seconds:.2f} s of CPU"
        return f"{told}; {count(self.processes, 'process', 'processes')}"


def _mib(size: int) -> str:
    return f"{size / _MIB:.1f}"


class ContrastAnswer(Part, frozen=True, kw_only=True):
    """What one scenario found out.

    Attributes:
        scenario: its name; empty for the measurement of `HeldTunnels`.
        question: that it asks of this product.
        outcome: None where it was not asked any more.
        claim: of this product.
        seen: what was observed.
        told: why it was skipped or errored, or what broke, with the likely cause; empty where it passed.
    """

    scenario: str
    question: str = ""
    outcome: Outcome | None = None
    claim: str = ""
    seen: str = ""
    told: str = ""

    @property
    def word(self) -> str:
        """The outcome in capitals."""
        return WORDS[self.outcome] if self.outcome else "NOT ASKED"


class ContrastCell(Part, frozen=True, kw_only=True):
    """What is told of one product.

    Attributes:
        reason: why there is no answer; empty otherwise.
    """

    answers: tuple[ContrastAnswer, ...] = ()
    reason: str = ""


class ContrastRow(Part, frozen=True, kw_only=True):
    """One question: a cell for each column."""

    group: str
    title: str
    cells: tuple[ContrastCell, ...]

    @property
    def several(self) -> bool:
        """Whether several scenarios ask it, so that each must say its question."""
        return len({answer.scenario for cell in self.cells for answer in cell.answers}) > 1


class ContrastColumn(Part, frozen=True, kw_only=True):
    """One proxy.

    Attributes:
        product: its name in a setting.
        name: product and version; the product alone where nothing could be asked.
        report: its own report, from the folder of this document; empty where there is none.
        error: why not all could be asked, and how that is changed; empty otherwise.
    """

    product: str
    name: str
    exit_code: int
    report: str = ""
    error: str = ""
    held: HeldTunnels | None = None

    @property
    def short(self) -> str:
        """Its name without a version."""
        return self.name.partition("/")[0]


class ContrastDocument(TabledDocument, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        started: ISO 8601, local time.
        machine: on which all of it was measured, in a few words.
    """

    DOCUMENT = "proxies.json"
    PAGE = "proxies.html"
    TEMPLATE = "contrast.html.j2"

    schema: Literal["wslb.proxies/1"] = "wslb.proxies/1"
    command: str
    started: str
    machine: str
    exit_code: int
    columns: tuple[ContrastColumn, ...]
    rows: tuple[ContrastRow, ...]

    @property
    def groups(self) -> tuple[tuple[str, tuple[ContrastRow, ...]], ...]:
        """Rows by their heading, in order."""
        names = dict.fromkeys(row.group for row in self.rows)
        return tuple((name, tuple(row for row in self.rows if row.group == name)) for name in names)

    @property
    def sentence(self) -> str:
        """The answer in one line: how many claims were asked, and whether they hold."""
        answers = [answer for row in self.rows for cell in row.cells for answer in cell.answers]
        asked = [answer.outcome for answer in answers if answer.outcome is not Outcome.SKIPPED]
        there = [column for column in self.columns if column.report]
        lacking = [column.name for column in self.columns if not column.report]
        told = f"{asked.count(Outcome.PASSED)} of {count(len(asked), 'answer')} as claimed"
        told = f"{count(len(there), 'proxy', 'proxies')}: {told}"
        return f"{told}; not asked: {' and '.join(lacking)}" if lacking else told


def json_schema() -> str:
    """The schema of ``proxies.json``."""
    return schema_of(ContrastDocument)
