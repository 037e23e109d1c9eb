"""``report.html``: one file, readable offline, without scripts, and in a sandbox; made from the saved document alone.

All text is written here by Jinja2 with autoescape on; scripts only fold, filter and copy. The same document gives the
same bytes: no clock, no random number, no order that a set would give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from wslb.model import percentiles
from wslb.proxies.apache import ah_numbers
from wslb.reports import pages, texts
from wslb.reports.bars import counts_bar
from wslb.reports.cards import Card, card
from wslb.reports.causes.explained import explanation
from wslb.reports.document import Document, Facts, SavedScenario
from wslb.reports.embedded import embed
from wslb.reports.errorlog import log_groups
from wslb.reports.headline import Headline, failure_of, first_failure, headline
from wslb.reports.history import PastRun
from wslb.reports.inspector import Alike, groups
from wslb.reports.latency import CLOCK, curve, latencies
from wslb.reports.not_tested import not_tested
from wslb.reports.recommended import answer, contests, to_set
from wslb.reports.strip import excerpt, strip
from wslb.reports.topology import topology
from wslb.reports.trend import Trend, trend
from wslb.resources import resource

__all__ = ["render"]

MOST_ASKED = 4
"""Failed scenarios whose first failing handshake is shown by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much detail a page carries.

    Attributes:
        raw_bytes: headers and messages of connections that the page does not show.
        table_rows: connections in a scenario's table.
        log_lines: lines of the error log per scenario in the data.
        groups: handshakes in the inspector.
        heads: whether raw heads are shown at all.
        passed: how much of a scenario that passed, or failed as one before did: 2 everything; 1 without tables of
            connections and members, and data; 0 its question, what its checks saw, and its row in the overview.
        failed: scenarios that did not pass and are shown with everything; the others as `passed` says.
    """

    raw_bytes: int
    table_rows: int
    log_lines: int
    groups: int
    heads: bool = True
    passed: int = 2
    failed: int = 1000


BUDGETS = (
    Budget(raw_bytes=60_000, table_rows=300, log_lines=100, groups=12),
    Budget(raw_bytes=0, table_rows=300, log_lines=40, groups=12),
    Budget(raw_bytes=0, table_rows=100, log_lines=10, groups=8),
    Budget(raw_bytes=0, table_rows=100, log_lines=10, groups=8, passed=1),
    Budget(raw_bytes=0, table_rows=100, log_lines=10, groups=8, passed=0, failed=12),
)
"""From generous to sparse; the first that keeps the page small is taken."""

LAST_BUDGET = Budget(raw_bytes=0, table_rows=40, log_lines=3, groups=4, heads=False, passed=0, failed=4)
"""For a page that would otherwise be over the hard limit."""

SMALL_BYTES, SMALL_RUN = 300_000, 28
"""Size of the page of a run of so many scenarios, whatever the number of their connections."""

HARD_BYTES, WHOLE_RUN = 1_000_000, 280
"""Size of the page of a run of everything: in between it grows with the number of scenarios."""


def render(
    document: Document,
    *,
    baseline: Document | None = None,
    history: Sequence[PastRun] = (),
) -> str:
    """Text of ``report.html``.

    Args:
        document: the saved document of a run (`wslb.reports.json_file.document`).
        baseline: saved document of an earlier run, to compare with.
        history: lines of earlier runs, oldest first (`wslb.reports.history.read`).
    """
    past = trend(document, baseline=baseline, history=history)
    small = min(HARD_BYTES, _allowed(len(document.scenarios)))
    inspected = groups(document.scenarios, asked_for=_asked_for(document))
    text = ""
    for budget in BUDGETS[_first_budget(len(_shown(document))) :]:
        text = _page(document, past, inspected, budget)
        if _size(text) <= small:
            return text
    return text if _size(text) <= HARD_BYTES else _page(document, past, inspected, LAST_BUDGET)


def _allowed(scenarios: int) -> int:
    """Bytes of the page of so many scenarios."""
    part = max(0, scenarios - SMALL_RUN) / (WHOLE_RUN - SMALL_RUN)
    return round(SMALL_BYTES + (HARD_BYTES - SMALL_BYTES) * part)


def _first_budget(scenarios: int) -> int:
    """The most generous one that is worth trying: a card with everything takes 6 kB and more, at its most sparse 2."""
    return 0 if scenarios <= 2 * SMALL_RUN else len(BUDGETS) - 1


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _page(document: Document, past: Trend | None, found: Sequence[Alike], budget: Budget) -> str:
    scenarios, missing, line = document.scenarios, document.not_run, headline(document)
    inspected = found[: budget.groups]
    shown = _shown(document)
    told = explanation(document)
    same = {other.name: one.scenarios[0].name for one in told.causes for other in one.scenarios[1:]}
    full = [s.name for s in scenarios if s.outcome in {"failed", "errored"} and s.name not in same][: budget.failed]
    cards = tuple(
        card(
            scenario,
            number,
            inspected,
            table_rows=budget.table_rows,
            same_as=same.get(scenario.name, ""),
            detail=2 if scenario.name in full else budget.passed,
        )
        for number, scenario in sorted(enumerate(scenarios, 1), key=_unheld_first)
        if scenario.name in shown
    )
    failure = failure_of(told.causes[0].scenarios[0]) if told.causes else first_failure(document)
    first = next((c for c in cards if failure and c.scenario is failure.scenario), None)
    percents = tuple(document.percentiles or percentiles.REPORT)
    timed = latencies(scenarios, percents)
    contest = contests(document.comparison) if document.comparison else ()
    data = embed(
        document,
        shown={(group.scenario, group.number) for group in inspected} if budget.heads else (),
        raw_bytes=budget.raw_bytes,
        log_lines=budget.log_lines,
        sparse=() if contest else frozenset(c.scenario.name for c in cards if c.detail < 2),
        history=past.runs if past else (),
    )
    parts = {
        **({"compare": True} if contest else {}),
        **({"advice": True} if document.advice else {}),
        "scenarios": True,
        "sequence": any(len(c.turns) for c in cards),
        "handshake": bool(inspected),
        "latency": bool(timed),
        "faults": any(c.timeline and c.detail for c in cards),
        "log": True,
        "trend": past is not None,
        "environment": True,
        "scope": True,
        "data": True,
    }
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            document=document,
            headline=line,
            icon=_icon(line),
            env_line=_environment_line(document),
            sections=[(part, _TITLES[part]) for part, there in parts.items() if there],
            counts_bar=counts_bar(document.counts, len(missing)),
            missing=missing,
            first=first,
            told=told,
            excerpt=_excerpt(first) if first else "",
            cards=cards,
            main=_main(cards) if document.verdict == "passed" and not contest else (),
            unshown=len(scenarios) - len(cards),
            shown=shown,
            groups=inspected,
            budget=budget,
            timed=timed,
            clock=CLOCK,
            percentiles=[percentiles.label(percent) for percent in percents],
            curve=curve(timed),
            logs=log_groups(scenarios),
            log_lines=sum(len(scenario.log) for scenario in scenarios),
            ah_version=ah_numbers.confirmed_by(),
            contest=contest,
            answer=answer(document.comparison) if document.comparison and contest else "",
            to_set=to_set(document.comparison) if document.comparison else (),
            past=past,
            topology=topology(document),
            environment=facts(document.environment),
            backends=_backends(document.environment),
            scope=not_tested(document),
            data=data,
            script=Markup(resource("reports/templates/script.js")),  # noqa: S704 - a file of this package
        )
    )


MOST_MAIN, SHORTEST = 3, 8
"""Sequences in the first screen, and connections that make one worth it."""


def _main(cards: Sequence[Card]) -> tuple[tuple[Card, Markup], ...]:
    """Who answered, connection by connection: the first claim of an order under each lbmethod, with its first row."""
    found: dict[str, tuple[Card, Markup]] = {}
    for one in cards:
        balancer = one.scenario.balancer
        if balancer and one.turns.ordered and len(one.turns) >= SHORTEST and one.scenario.outcome == "passed":
            row = range(min(len(one.turns), 60))
            found.setdefault(balancer.lbmethod, (one, strip(one.turns, [row])))
    return tuple(found.values())[:MOST_MAIN]


def _unheld_first(numbered: tuple[int, SavedScenario]) -> int:
    return {"failed": 0, "errored": 1}.get(numbered[1].outcome, 2)


_TITLES = {
    "scenarios": "Scenarios",
    "sequence": "Sequence",
    "handshake": "Handshake",
    "latency": "Latency",
    "faults": "Faults",
    "log": "Log",
    "compare": "Compare lbmethods",
    "advice": "Advice",
    "trend": "Trend",
    "environment": "Environment",
    "scope": "Not tested",
    "data": "Data",
}
"""Sections in the page's order, and their names in the navigation bar."""


def _shown(document: Document) -> frozenset[str]:
    """Scenarios that have a card: of the many like runs of a comparison the first of a kind, and what did not pass."""
    repeated = {run.scenario for run in (document.comparison.runs if document.comparison else ()) if run.number > 1}
    return frozenset(s.name for s in document.scenarios if s.name not in repeated or s.outcome != "passed")


def _asked_for(document: Document) -> list[tuple[str, int]]:
    """First failing connection of the first failed scenarios."""
    asked: list[tuple[str, int]] = []
    for scenario in document.scenarios:
        if scenario.outcome != "failed" or len(asked) == MOST_ASKED:
            continue
        number = failure_of(scenario).connection
        if number is not None:
            asked.append((scenario.name, number))
    return asked


def _excerpt(first: Card) -> Markup | str:
    """The strip around the first failure, when it is about one connection."""
    number = first.failure.connection if first.failure else None
    if number is None or number not in first.turns.numbers:
        return ""
    return excerpt(first.turns, first.turns.numbers.index(number))


def _environment_line(document: Document) -> list[str]:
    """The run's surroundings in one line."""
    environment = document.environment
    words = [str(environment.get(key) or "") for key in ("proxy", "carrier", "runtime")]
    backends = environment.get("backends")
    if isinstance(backends, dict) and backends:
        words.append(texts.count(len(backends), "backend"))
    words.append(texts.spoken_time(document.started))
    return [word for word in words if word]


def facts(environment: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """Facts as rows, nested ones with their path; backends have a table of their own."""
    rows: list[tuple[str, str]] = []
    for key, value in environment.items():
        label = f"{prefix}{key}".replace("_", " ")
        if key == "backends" and not prefix:
            continue
        if key.endswith("_bytes") and isinstance(value, int):
            rows.append((label.removesuffix(" bytes"), f"{value / 2**30:.1f} GiB"))
        elif isinstance(value, Mapping):
            rows += facts(value, f"{label} ")
        elif isinstance(value, list):
            rows.append((label, ", ".join(str(item) for item in value) or "none"))
        else:
            rows.append((label, _value(value)))
    return rows


def _backends(environment: Facts) -> list[tuple[str, dict[str, str]]]:
    """Backends as rows with the columns of all of them."""
    found = environment.get("backends")
    backends = {name: one for name, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}
    columns = list(dict.fromkeys(key for backend in backends.values() for key in backend))
    return [
        (name, {key.replace("_", " "): _value(backend.get(key)) for key in columns})
        for name, backend in backends.items()
    ]


def _value(value: object) -> str:
    return texts.DASH if value is None or value == "" else str(value)


def _icon(line: Headline) -> str:
    """Shape of the verdict as an SVG for a data URI."""
    image = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        f'<text y="14" font-size="15">{line.shape}</text></svg>'
    )
    return quote(image, safe="")


@cache
def _environment() -> jinja2.Environment:
    return pages.environment("reports/templates")
