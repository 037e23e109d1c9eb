"""The verdict of a run in one word and one sentence, the same in every report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wslb.reports.grades import breaking, lenient
from wslb.reports.texts import count, shortened

__all__ = ["Failure", "Headline", "first_failure", "headline", "not_run", "phrase"]

_PHRASES = {
    "alternates": "the turns broke",
    "follows_model": "an election differs from the model",
    "served_by": "another member served",
    "split_within": "the shares are out of tolerance",
    "answered_101": "a handshake was not answered 101",
    "accept_is_right": "Sec-WebSocket-Accept is wrong",
    "arrived_intact": "the handshake arrived damaged",
    "arrived_at": "the request arrived on another path",
    "forwarded_headers": "the forwarded headers are wrong",
    "only_known_changes": "the proxy changed an unexpected header",
    "answer_reaches_client": "the answer changed on its way",
    "subprotocol_chosen": "the subprotocol got lost",
    "greeted": "the greeting did not come",
    "listed": "a listing is not as printed",
    "told_apart": "the backends answered alike",
    "witnesses_agree": "the witnesses disagree",
    "elected_counted": "the elected counter is off",
    "members_as_claimed": "the members differ from the claim",
    "nothing_left_open": "tunnels stayed open",
    "bytes_counted": "the byte counters are off",
    "carried_as_asked": "another module carried the tunnels",
    "log_is_clean": "unexpected lines in Apache's log",
    "log_tells": "an announced log line is missing",
}
"""What a failed check means, in at most eight words; a check that is not here is named by its own name."""


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

    scenario: Mapping[str, Any]
    verdict: Mapping[str, Any] | None
    connection: int | None

    @property
    def at(self) -> str:
        """Where, for a sentence."""
        place = f" at connection #{self.connection}" if self.connection is not None else ""
        return f"{place} in {self.scenario['name']}"


def headline(document: Mapping[str, Any]) -> Headline:
    """Word and sentence for a run: a failure outranks an error of the lab, and that an interruption."""
    counts = document["counts"]
    failure = first_failure(document)
    if counts["failed"] and failure and failure.verdict:
        judged = count(counts["passed"] + counts["failed"], "claim")
        sentence = f"{counts['failed']} of {judged} failed: {phrase(failure.verdict)}{failure.at}"
        return Headline(kind="failed", word="FAIL", shape="✖", sentence=sentence + _rest(document))
    if document["error"]:
        return Headline(
            kind="errored", word="ERROR", shape="!", sentence=f"the lab failed: {shortened(document['error'], 160)}"
        )
    if document["interrupted"]:
        return Headline(kind="interrupted", word="INTERRUPTED", shape="■", sentence=_interruption(document))
    if counts["errored"] and failure:
        sentence = f"could not look at {count(counts['errored'], 'scenario')}: {failure.scenario['name']} errored"
        return Headline(kind="errored", word="ERROR", shape="!", sentence="; ".join([sentence, *_holds(counts)]))
    return _quiet(document)


def _interruption(document: Mapping[str, Any]) -> str:
    ran, planned = len(document["scenarios"]), max(len(document["planned"]), len(document["scenarios"]))
    sentence = f"stopped by {document['interrupted']} after {ran} of {count(planned, 'scenario')}"
    return "; ".join([sentence, *(_holds(document["counts"]) or ["nothing was judged"])])


def _quiet(document: Mapping[str, Any]) -> Headline:
    """Headline of a run in which nothing went wrong, which may be because nothing was looked at."""
    counts, missing = document["counts"], len(not_run(document))
    holds = "; ".join(_holds(counts))
    if not counts["passed"]:
        skipped = f": {count(counts['skipped'], 'scenario')} skipped" if counts["skipped"] else ""
        return Headline(kind="errored", word="ERROR", shape="!", sentence=f"nothing was tested{skipped}")
    if missing:
        sentence = f"{holds}, but {count(missing, 'planned scenario')} did not run"
        return Headline(kind="partial", word="PARTIAL", shape="◐", sentence=sentence)
    return Headline(kind="passed", word="PASS", shape="✔", sentence=holds + _rest(document))


def _holds(counts: Mapping[str, int]) -> list[str]:
    judged = counts["passed"] + counts["failed"]
    return [f"{counts['passed']} of {count(judged, 'claim')} {'holds' if judged == 1 else 'hold'}"] if judged else []


def _rest(document: Mapping[str, Any]) -> str:
    """What a reader of the first clause must also know."""
    parts = []
    counts = document["counts"]
    loose = sum(1 for scenario in document["scenarios"] if scenario["outcome"] == "passed" and lenient(scenario))
    if loose:
        parts.append(f"{loose} not strictly")
    if counts["failed"] and counts["errored"]:
        parts.append(f"{counts['errored']} errored")
    if counts["failed"] and document["interrupted"]:
        parts.append(f"stopped by {document['interrupted']}")
    if counts["failed"] and document["error"]:
        parts.append("the lab failed")
    missing = len(not_run(document))
    if counts["failed"] and missing:
        parts.append(f"{missing} planned did not run")
    if counts["skipped"]:
        parts.append(f"{counts['skipped']} skipped")
    return f"; {', '.join(parts)}" if parts else ""


def not_run(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the scenarios that were planned and have no result."""
    done = {scenario["name"] for scenario in document["scenarios"]}
    return tuple(name for name in document["planned"] if name not in done)


def first_failure(document: Mapping[str, Any]) -> Failure | None:
    """The first failed scenario, else the first errored one."""
    for outcome in ("failed", "errored"):
        for scenario in document["scenarios"]:
            if scenario["outcome"] == outcome:
                return failure_of(scenario)
    return None


def failure_of(scenario: Mapping[str, Any]) -> Failure:
    """What went wrong first in this scenario."""
    verdict = next(iter(breaking(scenario)), None)
    return Failure(
        scenario=scenario,
        verdict=verdict,
        connection=connection_of(verdict, scenario["connections"]) if verdict else None,
    )


def connection_of(verdict: Mapping[str, Any], connections: Sequence[Mapping[str, Any]]) -> int | None:
    """Number of the first connection that a verdict names: in its sentence, or as the id in its evidence."""
    match = re.search(r"\bconnection (\d+)", verdict["observed"])
    if match:
        return int(match[1])
    numbers = {c["conn_id"]: c["seq"] for c in connections}
    return next((numbers[item] for item in verdict["evidence"] if item in numbers), None)


def phrase(verdict: Mapping[str, Any]) -> str:
    """A failed verdict in at most eight words."""
    return _PHRASES.get(verdict["check"], f"{verdict['check'].replace('_', ' ')} does not hold")
