"""Every number that the page prints, computed a second time from the data inside the page."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests import runs
from wslb.reports import html
from wslb.reports.document import Document
from wslb.reports.embedded import COLUMNS, NAMED
from wslb.reports.json_file import document

DOCUMENTS = {
    "every kind": document(runs.everything()),
    "long": runs.long("LN" * 1100 + "N" + "LN" * 100, percentiles=(12.5, 75, 99.5)),
}


def cells(table: str) -> list[list[str]]:
    """Text of the cells of a table's body, row by row."""
    body = table.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [row for row in re.split(r"<tr[^>]*>", body) if row.strip()]
    return [[plain(cell) for cell in re.split(r"<t[dh][^>]*>", row)[1:]] for row in rows]


def plain(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", text).split())


def integer(text: str) -> int:
    return int(text.replace("\u202f", ""))


def milliseconds(text: str) -> float:
    return float(text.removesuffix(" ms"))


def near(value: float) -> Any:
    """The printed number of milliseconds, which has three significant digits."""
    return pytest.approx(value * 1000, rel=0.006)


def restored(scenario: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Connections of an embedded scenario with the fields of `COLUMNS`: what the page's numbers are made of."""
    columns = scenario["columns"]
    for i in range(columns["count"]):
        row = {key: columns[key][i] if isinstance(columns[key], list) else columns[key] for key in COLUMNS}
        yield row | {key: columns["names"][row[key]] for key in NAMED}


class Drawn:
    """A page, and what its own data says."""

    def __init__(self, run: Document) -> None:
        self.page = html.render(run)
        found = re.search(r'id="wslb-data">(.*?)</script>', self.page, re.S)
        assert found
        self.data: dict[str, Any] = json.loads(found[1])
        self.scenarios: dict[str, dict[str, Any]] = {s["name"]: s for s in self.data["scenarios"]}

    def section(self, name: str) -> str:
        return self.page.partition(f'<section id="{name}"')[2].partition("</section>")[0]

    def card(self, name: str) -> str:
        return self.page.partition(f'<div class="body" id="{name}">')[2].partition("<dt>Reproduce</dt>")[0]

    def seen(self, scenario: dict[str, Any]) -> list[str | None]:
        return [row["backend"] for row in restored(scenario)]

    def breaks(self, scenario: dict[str, Any]) -> int:
        if any(verdict["claims"] == "turns" for verdict in scenario["verdicts"]):
            return sum(a == b for a, b in pairwise(self.seen(scenario)))
        wrong = [row["expected"] is not None and row["backend"] != row["expected"] for row in restored(scenario)]
        return sum(now and not before for before, now in pairwise([False, *wrong]))

    @staticmethod
    def longest(seen: list[str | None]) -> int:
        best = length = 0
        before: object = object()
        for name in seen:
            length = 0 if name is None else length + 1 if name == before else 1
            before, best = name, max(best, length)
        return best


@pytest.fixture(scope="module", params=list(DOCUMENTS))
def drawn(request: pytest.FixtureRequest) -> Drawn:
    return Drawn(DOCUMENTS[request.param])


def test_counts_of_the_header(drawn: Drawn) -> None:
    told = re.search(r'class="tally">.*?<span>(.*?)</span>', drawn.page, re.S)
    assert told
    outcomes = Counter(scenario["outcome"] for scenario in drawn.scenarios.values())
    for number, outcome in re.findall(r"(\d+) (passed|failed|skipped|errored)", told[1]):
        assert int(number) == outcomes[outcome]
        assert drawn.data["counts"][outcome] == outcomes[outcome]


def test_numbers_at_a_glance(drawn: Drawn) -> None:
    rows = cells(drawn.section("sequence"))
    assert {row[0] for row in rows} == {name for name, s in drawn.scenarios.items() if s["columns"]["count"]}
    for name, _, connections, order, longest, _, shares in rows:
        scenario = drawn.scenarios[name]
        seen = drawn.seen(scenario)
        assert integer(connections) == len(seen)
        breaks = drawn.breaks(scenario)
        told = re.match(r"(\d+) breaks? of ", order)
        assert integer(told[1]) == breaks if told else order in {"no claim", "no prediction"} or breaks == 0
        assert integer(longest) == drawn.longest(seen)
        for lane, got in re.findall(r"(\w+) (\d+)", shares):
            assert int(got) == seen.count(lane)


def test_shares_of_every_card(drawn: Drawn) -> None:
    checked = 0
    for name, scenario in drawn.scenarios.items():
        table = re.search(r'<table class="share">.*?</table>', drawn.card(name), re.S)
        if not table:
            continue
        wanted = Counter(row["expected"] for row in restored(scenario))
        for lane, seen, expected, difference, _ in cells(table[0]):
            assert integer(seen) == drawn.seen(scenario).count(lane)
            if not any(verdict["claims"] == "share" for verdict in scenario["verdicts"]):
                assert integer(expected) == wanted[lane]
            signed = difference.replace("±", "").replace("\N{MINUS SIGN}", "-")
            assert float(signed) == integer(seen) - float(expected)
            checked += 1
    assert checked


def test_strip_draws_every_connection_it_names(drawn: Drawn) -> None:
    checked = 0
    for name, scenario in drawn.scenarios.items():
        picture = re.search(r'<svg class="strip".*?</svg>', drawn.card(name), re.S)
        if not picture:
            continue
        checked += 1
        if scenario["columns"]["count"] > 2000:  # drawn as shares, not one by one
            assert len(picture[0]) < 100_000
            continue
        drawn_lanes = sum(d.count("h") for d in re.findall(r'<path class="l\d" [^>]*d="([^"]*)"', picture[0]))
        crosses = sum(d.count("M") for d in re.findall(r'class="nope"[^>]*d="([^"]*)"', picture[0]))
        marks = len(re.findall(r"M", "".join(re.findall(r'class="brk"[^>]*d="([^"]*)"', picture[0]))))
        seen = drawn.seen(scenario)
        assert drawn_lanes == sum(lane is not None for lane in seen)
        assert crosses == seen.count(None)
        assert marks >= drawn.breaks(scenario) * ("No order is claimed" not in drawn.card(name))
    assert checked


def test_connection_tables(drawn: Drawn) -> None:
    checked = 0
    for name, scenario in drawn.scenarios.items():
        table = re.search(r'<table class="conns">.*?</table>', drawn.card(name), re.S)
        if not table:
            continue
        rows = {row["seq"]: row for row in restored(scenario)}
        for number, expected, landed, took, *_ in cells(table[0]):
            row = rows[integer(number)]
            assert expected == (row["expected"] or "\N{EN DASH}")
            assert landed == (row["backend"] or "nobody")
            assert abs(float(took) - row["elapsed_seconds"] * 1000) < 0.51
            checked += 1
    assert checked


def test_latency_percentiles(drawn: Drawn) -> None:
    values = sorted(row["elapsed_seconds"] for s in drawn.scenarios.values() for row in restored(s) if row["accepted"])
    (kind, n, fastest, *middle, slowest) = cells(drawn.section("latency"))[0]
    assert kind == "ws, one at a time"
    assert integer(n) == len(values)
    assert (milliseconds(fastest), milliseconds(slowest)) == (near(values[0]), near(values[-1]))
    for percent, told in zip(drawn.data["percentiles"] or (50, 90, 99, 99.9), middle, strict=True):
        above = len(values) * (1 - percent / 100)
        if above < 10 - 1e-9:
            assert told == "n too small"
        else:
            assert milliseconds(told) == near(values[math.ceil(round(len(values) * percent / 100, 6)) - 1])


def test_members_rise_by_what_was_counted(drawn: Drawn) -> None:
    checked = 0
    for name, scenario in drawn.scenarios.items():
        table = re.search(r'<table class="members">.*?</table>', drawn.card(name), re.S)
        if not table:
            continue
        after = {member["route"]: member for member in scenario["members"]["after"]}
        before = {member["route"]: member for member in scenario["members"]["before"]}
        for route, _, _, _, _, elected, _, _ in cells(table[0]):
            assert int(elected.replace("±", "")) == after[route]["elected"] - before[route]["elected"]
            checked += 1
    assert checked
