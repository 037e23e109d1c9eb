"""What the reports of several proxies say to the same questions: the rows of ``proxies.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from wslb.model.disclosure import redacted_all
from wslb.model.results import Outcome
from wslb.reports.causes.likely import likely
from wslb.reports.contrast import (
    ContrastAnswer,
    ContrastCell,
    ContrastColumn,
    ContrastDocument,
    ContrastRow,
    HeldTunnels,
)
from wslb.reports.document import Document, SavedScenario
from wslb.reports.matrix import gravest

__all__ = ["CHANGES", "ContrastTopic", "contrast_of"]

CHANGES = "changes"
"""Instead of a check's name: what becomes of the fields of the handshake on both ways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastTopic:
    """One question.

    Attributes:
        group: heading under which it stands.
        title: the question in a few words.
        scenarios: that ask it, of every product that is not in `of`.
        of: scenarios that ask it of a product, by the product's name in a setting.
        why: why a product cannot be asked, by the same name.
        shows: checks whose observation is told; the first of the scenario where it has none of them.
    """

    group: str
    title: str
    scenarios: tuple[str, ...] = ()
    of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    shows: tuple[str, ...] = ()

    def asked(self, product: str) -> tuple[str, ...]:
        """Names of the scenarios that ask it of a product."""
        return () if product in self.why else self.of.get(product, self.scenarios)


def contrast_of(
    columns: Sequence[ContrastColumn],
    documents: Mapping[str, Document],
    topics: Sequence[ContrastTopic],
    *,
    command: str,
    started: str,
    machine: str,
) -> ContrastDocument:
    """What the reports of several proxies say to these questions.

    Args:
        columns: one for each product, in the order of the table.
        documents: reports, by the product.
        started, machine: of the document.
    """
    tables = {product: {one.name: one for one in made.scenarios} for product, made in documents.items()}
    rows = [
        ContrastRow(
            group=topic.group,
            title=topic.title,
            cells=tuple(_cell(topic, column.product, tables.get(column.product)) for column in columns),
        )
        for topic in topics
    ]
    if any(column.held for column in columns):
        cells = tuple(_held(column.held) for column in columns)
        rows.append(ContrastRow(group="Cost", title="Memory and CPU of 1,000 tunnels", cells=cells))
    codes = [column.exit_code for column in columns]
    codes += [{Outcome.FAILED: 1, Outcome.ERRORED: 4}.get(c.held.outcome, 0) for c in columns if c.held]
    made = ContrastDocument(
        command=command,
        started=started,
        machine=machine,
        exit_code=gravest(codes),
        columns=tuple(columns),
        rows=tuple(rows),
    )
    return msgspec.convert(redacted_all(msgspec.to_builtins(made)), ContrastDocument)


def _held(held: HeldTunnels | None) -> ContrastCell:
    if held is None:
        return ContrastCell()
    seen = "" if held.error else held.seen
    failed = held.outcome is Outcome.FAILED
    told = f"{held.opened} opened, {held.echoed} messages echoed, {held.errors} errors" if failed else held.error
    answer = ContrastAnswer(scenario="", outcome=held.outcome, claim=held.claim, seen=seen, told=told)
    return ContrastCell(answers=(answer,))


def _cell(topic: ContrastTopic, product: str, table: Mapping[str, SavedScenario] | None) -> ContrastCell:
    if table is None:
        return ContrastCell()
    if reason := topic.why.get(product, ""):
        return ContrastCell(reason=reason)
    return ContrastCell(answers=tuple(_answer(name, table.get(name), topic.shows) for name in topic.asked(product)))


def _answer(name: str, scenario: SavedScenario | None, shows: tuple[str, ...]) -> ContrastAnswer:
    if scenario is None:
        return ContrastAnswer(scenario=name)
    if scenario.outcome is Outcome.SKIPPED:
        return ContrastAnswer(scenario=name, question=scenario.question, outcome=scenario.outcome, told=scenario.reason)
    told, seen = scenario.reason.partition("\n")[0], ""
    if scenario.breaking:
        cause = likely(scenario)
        told = f"{scenario.breaking[0].observed}{f' ({cause.sentence})' if cause else ''}"
    elif scenario.verdicts:
        seen = _changed(scenario) if CHANGES in shows else _observed(scenario, shows)
    return ContrastAnswer(
        scenario=name,
        question=scenario.question,
        outcome=scenario.outcome,
        claim=scenario.limit,
        seen=seen,
        told=told,
    )


def _observed(scenario: SavedScenario, shows: tuple[str, ...]) -> str:
    found = [verdict for name in shows for verdict in scenario.verdicts if verdict.check == name]
    return "; ".join(
        f"{verdict.check.replace('_', ' ')}: {verdict.observed}" for verdict in found or scenario.verdicts[:1]
    )


def _changed(scenario: SavedScenario) -> str:
    """What became of fields between client and backend, and back, on whichever connection."""
    there = [connection.changes for connection in scenario.connections if connection.changes]
    told = []
    for where, ways in (("to the backend", [c.request for c in there]), ("to the client", [c.response for c in there])):
        found: dict[str, dict[str, None]] = {}
        for change in (change for way in ways for change in way if change.what != "unchanged"):
            found.setdefault(change.what, {})[change.name] = None
        words = ", ".join(f"{what} {' '.join(names)}" for what, names in found.items())
        told.append(f"{where}: {words or 'all as it was'}")
    return "; ".join(told)
