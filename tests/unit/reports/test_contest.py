"""The comparison that ``wslb compare`` makes: its numbers from the connections, its marks, its recommendations."""

from __future__ import annotations

import json
import math
import re
import statistics
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace as changed

from tests import runs
from tests.unit.reports.test_numbers import Drawn, cells, plain, restored
from wslb.model.balancer import LbMethod
from wslb.model.comparison import MethodNumbers, SkippedMethod, Stat
from wslb.model.results import Outcome
from wslb.reports import html, json_file
from wslb.reports.document import Document
from wslb.reports.measured import measured
from wslb.reports.recommended import NOISE, Contest, answer, contests, lines, to_set

COMPARED = runs.compared()
assert COMPARED.comparison
COMPARISON = COMPARED.comparison
METHODS = dict(zip("abc", runs.METHODS, strict=True))
PAGE = html.render(COMPARED)
HEADS = {"Breaks": "breaks", "p50": "p50", "p99": "p99", "Errors in fault": "errors", "Recovery": "recovery"}


def failing(number: int) -> Document:
    """The comparison with one run that failed."""
    one = changed(COMPARED.scenarios[number], outcome=Outcome.FAILED)
    return changed(COMPARED, scenarios=(*COMPARED.scenarios[:number], one, *COMPARED.scenarios[number + 1 :]))


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn(COMPARED)


def again(scenario: dict[str, Any], kind: str) -> dict[str, float | None]:
    """Every number of one run, from the columns inside the page."""
    rows = list(restored(scenario))
    counts = {"liberty": 0.0, "node": 0.0}
    end = max(row["opened_at"] for row in rows)
    for row in rows:
        if row["backend"]:
            still_open = row["accepted"] and row["closed_at"] > end
            counts[row["backend"]] += {"connections": 1, "tunnels": still_open, "bytes": row["carried"]}[kind]
    times = sorted(row["elapsed_seconds"] for row in rows if row["accepted"])
    deaths = [event for event in scenario["events"] if event["text"].endswith("killed")]
    errors = recovery = None
    if deaths:
        begin = deaths[0]["at"]
        back = next(event["at"] for event in scenario["events"] if event["text"].endswith("back"))
        errors = sum(row["backend"] is None and begin <= row["opened_at"] < back for row in rows)
        errors += sum(row["broken"] and begin <= row["closed_at"] <= back for row in rows)
        recovery = min(r["opened_at"] for r in rows if r["opened_at"] >= back and r["backend"] == "node") - begin
    return {
        "breaks": sum(a["backend"] == b["backend"] is not None for a, b in pairwise(rows)),
        "deviation": max(abs(number - sum(counts.values()) / 2) for number in counts.values()),
        "p50": times[math.ceil(len(times) / 2) - 1] if len(times) >= 20 else None,
        "errors": errors,
        "recovery": recovery,
    }


def told(text: str) -> float:
    """A printed number in seconds or its own unit."""
    value, _, unit = text.partition(" ")
    return float(value.replace("\u202f", "")) / (1000 if unit.startswith("ms") else 1)


def test_every_printed_number_is_that_of_the_connections(drawn: Drawn) -> None:
    section = drawn.section("compare")
    tables = re.findall(r'<table class="contest">.*?</table>', section, re.S)
    checked = 0
    for workload, table in zip(drawn.data["comparison"]["workloads"], tables, strict=True):
        heads = [plain(head) for head in re.split(r"<th [^>]*>", table.partition("</thead>")[0])[1:]]
        scale = 1000 if workload["deviation"] == "bytes" else 1
        for row in cells(table):
            method = row[0].removesuffix(" recommended")
            names = [
                run["scenario"]
                for run in drawn.data["comparison"]["runs"]
                if (run["workload"], run["lbmethod"]) == (workload["name"], method)
            ]
            mine = [again(drawn.scenarios[name], workload["deviation"]) for name in names]
            assert row[1] == str(len(mine))
            for head, cell in zip(heads[2:], row[2:], strict=True):
                column = HEADS.get(head, "deviation")
                if column == "p99":
                    rows = [row for name in names for row in restored(drawn.scenarios[name])]
                    times = sorted(row["elapsed_seconds"] for row in rows if row["accepted"])
                    want = times[math.ceil(len(times) * 0.99) - 1] if len(times) >= 1000 else None
                    assert cell == "n too small" if want is None else told(cell) == pytest.approx(want, rel=0.006)
                    continue
                values = [value for one in mine if (value := one[column]) is not None]
                assert len(values) == len(mine), "the page tells what it cannot know"
                found = re.fullmatch(r"(\S+(?: m?s)?)(?: \((\S+(?: m?s)?) to (\S+(?: m?s)?)\))?( [^\d(]+)?", cell)
                assert found, cell
                unit = " ms" if column == "p50" else ""
                by = scale if column == "deviation" else 1
                near: dict[str, Any] = {
                    "rel": 0.006,
                    "abs": 0.0051 if by == 1000 or column == "recovery" else 0.00051,
                }  # as many digits as are printed
                want_all = [statistics.median(values) / by, min(values) / by, max(values) / by]
                assert told(found[1]) == pytest.approx(want_all[0], **near)
                for text, number in zip(found.groups()[1:3], want_all[1:], strict=True):
                    seen = told(text + unit) if text else told(found[1])
                    assert seen == pytest.approx(number, **near)
                checked += 1
    assert checked == 3 * (3 + 3 + 3 + 5)


def test_saved_numbers_are_made_from_the_connections_and_fit_the_schema() -> None:
    bare = replace(COMPARISON, workloads=tuple(replace(one, methods=()) for one in COMPARISON.workloads))
    assert measured(bare, COMPARED.scenarios) == COMPARISON
    assert json_file.decode(json_file.text(COMPARED)) == COMPARED
    with pytest.raises(ValueError, match="comparison"):
        json_file.decode(json.dumps({**json.loads(json_file.text(COMPARED)), "comparison": {"repeats": 5}}))


def stat(median: float, low: float | None = None, high: float | None = None) -> Stat:
    return Stat(median=median, low=median if low is None else low, high=median if high is None else high)


def verdict(**numbers: Any) -> Contest:
    """The verdict on the first workload when its deviations are these; None for a run that could not tell."""
    methods = tuple(
        MethodNumbers(
            lbmethod=METHODS[method], runs=5, connections=100, timed=100, breaks=stat(0), deviation=deviation,
            p50=None, p99=None, errors=None, recovery=None,
        )
        for method, deviation in numbers.items()
    )  # fmt: skip
    workload = replace(COMPARISON.workloads[0], criteria=("deviation",), methods=methods)
    (one,) = contests(replace(COMPARISON, workloads=(workload,)))
    return one


@pytest.mark.parametrize(
    ("numbers", "marks", "best"),
    [
        pytest.param({"a": stat(1), "b": stat(2), "c": stat(3)}, ["best", "", ""], ("a",), id="one"),
        pytest.param({"a": stat(1), "b": stat(1), "c": stat(3)}, ["equal best"] * 2 + [""], ("a", "b"), id="two"),
        pytest.param({"a": stat(1), "b": stat(1), "c": stat(1)}, ["equal"] * 3, (), id="all equal"),
        pytest.param(
            {"a": stat(2, 1, 3), "b": stat(4, 3, 5), "c": stat(6, 5.5, 7)}, [NOISE, NOISE, ""], ("a", "b"), id="overlap"
        ),
        pytest.param({"a": stat(2, 1, 9), "b": stat(4, 3, 5), "c": stat(6)}, [NOISE] * 3, (), id="noise"),
        pytest.param({"a": stat(3), "b": stat(2, 1, 2.9), "c": None}, [""] * 3, (), id="one could not tell"),
    ],
)
def test_a_method_is_best_only_outside_the_noise(
    numbers: dict[str, Any], marks: list[str], best: tuple[str, ...]
) -> None:
    found = verdict(**numbers)
    assert [row.cells[1].mark for row in found.rows] == marks
    assert found.best == tuple(METHODS[method] for method in best)
    assert (not best) == found.advice.startswith(("none stands out", "no recommendation"))


def test_too_few_runs_recommend_nothing() -> None:
    found = measured(COMPARISON, COMPARED.scenarios[:-1])
    *_, fault = contests(found)
    assert [row.runs for row in fault.rows] == [5, 5, 4]
    assert not [cell.mark for row in fault.rows for cell in row.cells if cell.mark]
    assert fault.best == ()
    assert fault.advice == (
        "no recommendation: it takes 5 runs that passed of every method (byrequests 5, bybusyness 5, bytraffic 4)."
    )


def test_a_run_whose_claim_failed_counts_for_nothing() -> None:
    spoilt = failing(3).scenarios
    (_, uneven, *_) = contests(measured(COMPARISON, spoilt))
    assert [row.runs for row in uneven.rows] == [4, 5, 5]
    assert uneven.best == ()


def test_one_recommendation_for_every_workload_with_the_number_that_says_so() -> None:
    found = {one.workload.name: one for one in contests(COMPARISON)}
    assert list(found) == ["short", "uneven", "traffic", "fault"]
    assert found["short"].best == ("byrequests", "bybusyness")
    assert found["short"].advice.endswith("breaks: byrequests 0, bybusyness 0, against bytraffic 6 (2 to 10).")
    assert found["uneven"].best == ("bybusyness",)
    page = PAGE
    for one in found.values():
        assert f"<dd>{one.advice}</dd>" in page


def test_comparison_comes_first_and_like_runs_have_one_card() -> None:
    page = PAGE
    assert page.index('<section id="compare"') < page.index('<section id="scenarios"')
    assert page.count('data-outcome="passed"') == 4 * 3
    assert "48 more runs passed" in page
    assert 'data-outcome="failed"' in html.render(failing(20))


def test_links_lead_somewhere_with_a_past_too() -> None:
    page = html.render(COMPARED, baseline=failing(20))
    assert "fixed" in page
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'\bid="([^"]+)"', page))


def test_page_of_five_repeats_keeps_its_size_and_its_bytes() -> None:
    page = PAGE
    assert len(page.encode()) < 1_000_000
    assert page == html.render(json_file.decode(json_file.text(COMPARED)))


def test_runs_that_are_missing_are_not_counted() -> None:
    found = measured(COMPARISON, COMPARED.scenarios[:13])
    assert [[method.runs for method in workload.methods] for workload in found.workloads] == [
        [2, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
    ]
    nothing = measured(COMPARISON, [])
    assert contests(nothing) == ()
    assert "Compare" not in html.render(changed(COMPARED, comparison=nothing, scenarios=()))


def test_terminal_shows_the_same_cells_and_sentences() -> None:
    text = "\n".join(lines(COMPARISON))
    told = contests(COMPARISON)
    assert len(told) == 4
    for one in told:
        assert f"→ {one.advice}" in text
        assert [len(row.cells) for row in one.rows] == [len(one.rows[0].cells)] * 3
        for row in one.rows:
            for cell in row.cells:
                assert str(cell) in text


def test_skipped_method_is_told_with_its_reason() -> None:
    reason = "this httpd (2.4.71) has no mod_lbmethod_bytraffic"
    comparison = replace(COMPARISON, skipped=(SkippedMethod(lbmethod=LbMethod.BYTRAFFIC, reason=reason),))
    assert "bytraffic was skipped:</b> this httpd (2.4.71)" in html.render(changed(COMPARED, comparison=comparison))
    assert lines(comparison)[-1].startswith("skipped: bytraffic: this httpd")


def whole(*workloads: dict[str, Any]) -> str:
    """The answer to a comparison of workloads with these deviations."""
    made = [replace(verdict(**one).workload, name=f"kind-{number}") for number, one in enumerate(workloads, 1)]
    return answer(replace(COMPARISON, workloads=tuple(made)))


A, B, LEVEL, NOTHING = (
    {"a": stat(1), "b": stat(2), "c": stat(3)},
    {"a": stat(2), "b": stat(1), "c": stat(3)},
    {"a": stat(1), "b": stat(1), "c": stat(1)},
    {"a": stat(3), "b": stat(2), "c": None},
)
AB = {"a": stat(1), "b": stat(1), "c": stat(3)}


@pytest.mark.parametrize(
    ("workloads", "says"),
    [
        ((A,), "byrequests was best for kind-1."),
        ((A, A), "byrequests was best in both workloads."),
        ((A, LEVEL), "byrequests was best or equal in both workloads; bybusyness is as good for kind-2; "
         "bytraffic is as good for kind-2."),
        ((AB, A, A), "byrequests was best or equal in all 3 workloads; bybusyness is as good for kind-1."),
        ((AB, AB), "byrequests and bybusyness were best or equal in both workloads."),
        ((A, B), "No lbmethod is best in both workloads: byrequests for kind-1; bybusyness for kind-2."),
        ((A, NOTHING), "byrequests was best for kind-1; nothing can be said of kind-2."),
        ((LEVEL, LEVEL), "No lbmethod stands out in both workloads: keep the one that you have."),
        ((NOTHING,), "No workload has enough runs that passed to say which lbmethod suits it."),
    ],
    ids=str,
)  # fmt: skip
def test_the_answer_is_one_sentence(workloads: tuple[dict[str, Any], ...], says: str) -> None:
    assert whole(*workloads) == says


def test_the_answer_comes_first_with_the_lines_to_write() -> None:
    says, conf = answer(COMPARISON), to_set(COMPARISON)
    assert says.startswith("bybusyness was best or equal in all 4 workloads; byrequests is as good for ")
    assert "    ProxySet lbmethod=bybusyness" in conf
    assert lines(COMPARISON)[:2] == ["", says]
    assert lines(COMPARISON)[2:8] == [f"    {line}" for line in conf]
    section = PAGE[PAGE.index('<section id="compare"') :]
    assert section.index(says) < section.index("ProxySet lbmethod=bybusyness") < section.index('class="advice"')


def test_where_no_method_suits_all_the_lines_of_each_say_what_for() -> None:
    made = [replace(verdict(**one).workload, name=f"kind-{number}") for number, one in enumerate((A, B), 1)]
    conf = to_set(replace(COMPARISON, workloads=tuple(made)))
    assert [line for line in conf if line.startswith("#")] == [
        text
        for number in (1, 2)
        for text in (f"# for kind-{number}", "# within your own balancer, beside its BalancerMember lines")
    ]
    assert [line.strip() for line in conf if "ProxySet" in line] == [
        "ProxySet lbmethod=byrequests",
        "ProxySet lbmethod=bybusyness",
    ]
    assert to_set(replace(COMPARISON, workloads=(verdict(**LEVEL).workload,))) == ()
