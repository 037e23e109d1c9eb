"""``matrix.json`` and ``matrix.html``: scenarios asked of several installations, and where their answers differ.

Everything is made from the saved reports. Two answers are the same when outcome and claim are: a scenario whose claim
has a version (`wslb.scenarios.scenario.Elsewhere`) may pass everywhere, and claim different things. Scenarios that
differ in the same way, for the same reason, are told together, the differences of a version before what was skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from wslb.model.disclosure import redacted_all
from wslb.model.results import Outcome
from wslb.reports.causes.likely import likely
from wslb.reports.document import Document, SavedScenario
from wslb.reports.grades import WORDS
from wslb.reports.tabled import Part, TabledDocument, encode, save, schema_of
from wslb.reports.texts import count, shortened

__all__ = [
    "Difference",
    "MatrixCell",
    "MatrixColumn",
    "MatrixDocument",
    "Row",
    "column_of",
    "encode",
    "gravest",
    "json_schema",
    "lines",
    "matrix_of",
    "save",
]


class MatrixColumn(Part, frozen=True, kw_only=True):
    """One installation.

    Attributes:
        name: product and version, or what was asked for where nothing could be asked; each has its own.
        report: its own report, from the folder of this document.
        verdict: of its report.
        error: why not all could be asked; empty otherwise.
    """

    name: str
    report: str
    verdict: Outcome
    exit_code: int
    passed: int
    failed: int
    skipped: int
    errored: int
    error: str


class MatrixCell(Part, frozen=True, kw_only=True):
    """One answer.

    Attributes:
        outcome: None where it was not asked any more.
        limit: what was claimed there.
        told: why it was skipped or errored, or what broke, with the likely cause; empty where it passed.
    """

    outcome: Outcome | None = None
    limit: str = ""
    told: str = ""

    @property
    def word(self) -> str:
        """The outcome in capitals."""
        return WORDS[self.outcome] if self.outcome else "NOT ASKED"


class Row(Part, frozen=True, kw_only=True):
    """One scenario: a cell for each column."""

    scenario: str
    question: str
    cells: tuple[MatrixCell, ...]

    @property
    def same(self) -> bool:
        """Whether every installation answered alike."""
        return len({(cell.outcome, cell.limit) for cell in self.cells}) == 1


class Difference(Part, frozen=True, kw_only=True):
    """Scenarios that differ in the same way.

    Attributes:
        cells: of the first of them.
    """

    scenarios: tuple[str, ...]
    cells: tuple[MatrixCell, ...]

    @property
    def of_claims(self) -> bool:
        """Whether it is claimed of some versions what is not claimed of others."""
        return _claims(self.cells) != ()


def _claims(cells: Sequence[MatrixCell]) -> tuple[str, ...]:
    """What each claims, where they do not claim the same."""
    return tuple(cell.limit for cell in cells) if len({cell.limit for cell in cells if cell.limit}) > 1 else ()


class MatrixDocument(TabledDocument, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        started: ISO 8601, local time.
    """

    DOCUMENT = "matrix.json"
    PAGE = "matrix.html"
    TEMPLATE = "matrix.html.j2"

    schema: Literal["wslb.matrix/1"] = "wslb.matrix/1"
    command: str
    started: str
    exit_code: int
    columns: tuple[MatrixColumn, ...]
    rows: tuple[Row, ...]

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Rows that differ, grouped; those in which something was skipped or not asked come last."""
        found: dict[object, list[Row]] = {}
        for row in self.rows:
            if not row.same:
                alike = (tuple((cell.outcome, cell.told) for cell in row.cells), _claims(row.cells))
                found.setdefault(alike, []).append(row)
        groups = [Difference(scenarios=tuple(r.scenario for r in rows), cells=rows[0].cells) for rows in found.values()]
        return tuple(sorted(groups, key=lambda group: any(c.outcome in {None, Outcome.SKIPPED} for c in group.cells)))

    @property
    def sentence(self) -> str:
        """The answer in one line."""
        differ = sum(not row.same for row in self.rows)
        asked = f"{count(len(self.rows), 'scenario')} on {count(len(self.columns), 'installation')}"
        return f"{asked}: {f'{differ} differ' if differ else 'all answer alike'}"


def column_of(document: Document, *, name: str, report: str) -> MatrixColumn:
    """The column of one installation's report."""
    stopped = f"{document.interrupted} stopped it" if document.interrupted else ""
    return MatrixColumn(
        name=name,
        report=report,
        verdict=document.verdict,
        exit_code=document.exit_code,
        error=document.error or stopped,
        **document.counts.by_outcome,
    )


def matrix_of(columns: Sequence[MatrixColumn], documents: Sequence[Document], *, command: str) -> MatrixDocument:
    """What several reports say together.

    Args:
        columns: one for each report, in the same order.
        documents: the reports, of the same selection of scenarios; at least one.
        command: that asked for it.
    """
    tables = [{scenario.name: scenario for scenario in document.scenarios} for document in documents]
    names = dict.fromkeys(name for document in documents for name in document.planned)
    rows = []
    for name in names:
        there = [table.get(name) for table in tables]
        question = next((one.question for one in there if one), "")
        rows.append(Row(scenario=name, question=question, cells=tuple(map(_cell, there))))
    made = MatrixDocument(
        command=command,
        started=documents[0].started,
        exit_code=gravest(column.exit_code for column in columns),
        columns=tuple(columns),
        rows=tuple(rows),
    )
    return msgspec.convert(redacted_all(msgspec.to_builtins(made)), MatrixDocument)


def _cell(scenario: SavedScenario | None) -> MatrixCell:
    if scenario is None:
        return MatrixCell()
    told = scenario.reason.partition("\n")[0]
    if scenario.breaking:
        cause = likely(scenario)
        told = f"{scenario.breaking[0].observed}{f' ({cause.sentence})' if cause else ''}"
    limit = "" if scenario.outcome is Outcome.SKIPPED else scenario.limit
    return MatrixCell(outcome=scenario.outcome, limit=limit, told=told)


def gravest(exit_codes: Iterable[int]) -> int:
    """The gravest: interrupted, a claim that failed, could not look; 3 only where nobody could be asked anything."""
    codes = {*exit_codes}
    ended = next((code for code in sorted(codes) if code > 100), 0)
    if ended or 1 in codes:
        return ended or 1
    if codes <= {3, 5}:
        return max(codes, default=5)
    return 4 if codes & {3, 4} else 0


def json_schema() -> str:
    """The schema of ``matrix.json``."""
    return schema_of(MatrixDocument)


def lines(document: MatrixDocument) -> list[str]:
    """What the terminal says: each difference with its scenarios, and what every installation made of them."""
    told = [""]
    width = max(len(column.name) for column in document.columns)
    for group in document.differences:
        told.append(shortened(", ".join(group.scenarios), 400))
        told += [
            f"  {column.name:<{width}}  {cell.word}{f'  {shortened(text, 240)}' if text else ''}"
            for column, cell in zip(document.columns, group.cells, strict=True)
            for text in [cell.told or (cell.limit if group.of_claims else "")]
        ]
    return [*told, *([""] if document.differences else []), document.sentence]
