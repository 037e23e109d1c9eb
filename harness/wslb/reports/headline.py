"""The verdict of a run in one word and one sentence, the same in every report."""

from __future__ import annotations

from dataclasses import dataclass

from wslb.model.results import Outcome, Verdict
from wslb.reports.causes.explained import explanation
from wslb.reports.document import Counts, Document, SavedScenario
from wslb.reports.texts import count, shortened

__all__ = ["Failure", "Headline", "first_failure", "headline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The verdict line.

    Attributes:
        kind: ``passed``, ``failed``, ``errored``, ``interrupted`` or ``partial``; chooses the colour.
        word, shape: say the same without colour.
        sentence: what happened, in one line.
        title: of the document; begins with the word so that a browser tab tells it.
    """

    kind: str
    word: str
    shape: str
    sentence: str

    @property
    def title(self) -> str:
        """Title of the page."""
        return f"{self.word}: {self.sentence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The first thing that went wrong in a scenario.

    Attributes:
        verdict: the first failed verdict; None when the scenario errored.
        connection: number of the connection that it names, if any.
    """

    scenario: SavedScenario
    verdict: Verdict | None
    connection: int | None

    @property
    def at(self) -> str:
        """Where, for a sentence."""
        place = f" at connection #{self.connection}" if self.connection is not None else ""
        return f"{place} in {self.scenario.name}"


def headline(document: Document) -> Headline:
    """Word and sentence for a run: a failure outranks an error of the lab, and that an interruption."""
    counts = document.counts
    failure = first_failure(document)
    if counts.failed and failure and failure.verdict:
        judged = count(counts.passed + counts.failed, "claim")
        sentence = f"{counts.failed} of {judged} failed{_why(document, failure)}"
        return Headline(kind="failed", word="FAIL", shape="✖", sentence=sentence + _rest(document))
    if document.error:
        return Headline(
            kind="errored", word="ERROR", shape="!", sentence=f"the lab failed: {shortened(document.error, 240)}"
        )
    if document.interrupted:
        return Headline(kind="interrupted", word="INTERRUPTED", shape="■", sentence=_interruption(document))
    if counts.errored and failure:
        sentence = f"could not look at {count(counts.errored, 'scenario')}: {failure.scenario.name} errored"
        return Headline(kind="errored", word="ERROR", shape="!", sentence="; ".join([sentence, *_holds(counts)]))
    return _quiet(document)


def _why(document: Document, failure: Failure) -> str:
    """The cause of the most failures, else what the first of them is."""
    told = explanation(document)
    if not told.causes or not failure.verdict:
        return f": {failure.verdict.phrase if failure.verdict else 'it failed'}{failure.at}"
    most = told.causes[0]
    share = f", {len(most.scenarios)} of them" if len(most.scenarios) < told.failed else ""
    return f"{share}{' by one cause' if told.failed > 1 else ''}: {most.cause.sentence}"


def _interruption(document: Document) -> str:
    ran, planned = len(document.scenarios), max(len(document.planned), len(document.scenarios))
    sentence = f"stopped by {document.interrupted} after {ran} of {count(planned, 'scenario')}"
    return "; ".join([sentence, *(_holds(document.counts) or ["nothing was judged"])])


def _quiet(document: Document) -> Headline:
    """Headline of a run in which nothing went wrong, which may be because nothing was looked at."""
    counts, missing = document.counts, len(document.not_run)
    holds = "; ".join(_holds(counts))
    if not counts.passed:
        skipped = f": {count(counts.skipped, 'scenario')} skipped" if counts.skipped else ""
        return Headline(kind="errored", word="ERROR", shape="!", sentence=f"nothing was tested{skipped}")
    if missing:
        sentence = f"{holds}, but {count(missing, 'planned scenario')} did not run"
        return Headline(kind="partial", word="PARTIAL", shape="◐", sentence=sentence)
    return Headline(kind="passed", word="PASS", shape="✔", sentence=holds + _rest(document))


def _holds(counts: Counts) -> list[str]:
    judged = counts.passed + counts.failed
    return [f"{counts.passed} of {count(judged, 'claim')} {'holds' if judged == 1 else 'hold'}"] if judged else []


def _rest(document: Document) -> str:
    """What a reader of the first clause must also know."""
    parts = []
    counts = document.counts
    loose = sum(1 for scenario in document.scenarios if scenario.outcome == "passed" and scenario.lenient)
    if loose:
        parts.append(f"{loose} not strictly")
    if counts.failed and counts.errored:
        parts.append(f"{counts.errored} errored")
    if counts.failed and document.interrupted:
        parts.append(f"stopped by {document.interrupted}")
    if counts.failed and document.error:
        parts.append("the lab failed")
    missing = len(document.not_run)
    if counts.failed and missing:
        parts.append(f"{missing} planned did not run")
    if counts.skipped:
        parts.append(f"{counts.skipped} skipped")
    return f"; {', '.join(parts)}" if parts else ""


def first_failure(document: Document) -> Failure | None:
    """The first failed scenario, else the first errored one."""
    for outcome in (Outcome.FAILED, Outcome.ERRORED):
        for scenario in document.scenarios:
            if scenario.outcome is outcome:
                return failure_of(scenario)
    return None


def failure_of(scenario: SavedScenario) -> Failure:
    """What went wrong first in this scenario, and the first connection that its evidence names."""
    verdict = next(iter(scenario.breaking), None)
    numbers = {connection.conn_id: connection.seq for connection in scenario.connections}
    named = (numbers[item] for item in (verdict.evidence if verdict else ()) if item in numbers)
    return Failure(scenario=scenario, verdict=verdict, connection=next(named, None))
