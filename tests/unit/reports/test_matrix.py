"""Where installations differ, and where they do not: the table is made from their reports, and says each thing once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from tests import runs
from wslb.model.results import Outcome, ScenarioResult
from wslb.reports import json_file, matrix
from wslb.reports.document import Document
from wslb.reports.matrix import MatrixDocument
from wslb.resources import resource

OLD, NEW = "Apache/2.4.46", "Apache/2.4.71"


def made(*reports: Sequence[ScenarioResult], **more: Document) -> MatrixDocument:
    documents = [runs.saved(*results) for results in reports] + list(more.values())
    names = [OLD, NEW, "nginx/1.31.3"]
    columns = [
        matrix.column_of(one, name=name, report=f"{number}/report.html")
        for number, (name, one) in enumerate(zip(names, documents, strict=False), 1)
    ]
    return matrix.matrix_of(columns, documents, command="wslb matrix")


def test_answers_that_are_alike_are_no_difference() -> None:
    document = made([runs.passed()], [runs.passed()])
    assert document.differences == ()
    assert document.sentence == "1 scenario on 2 installations: all answer alike"
    assert matrix.lines(document) == ["", document.sentence]
    assert document.exit_code == 0


def test_what_failed_is_told_with_what_was_seen_and_those_alike_together() -> None:
    red = [replace(runs.broken("lb-byrequests"), name=name) for name in ("lb-byrequests", "lb-held")]
    document = made(red, [runs.passed("lb-byrequests"), runs.passed("lb-held")])
    (group,) = document.differences
    assert group.scenarios == ("lb-byrequests", "lb-held")
    assert [cell.outcome for cell in group.cells] == [Outcome.FAILED, Outcome.PASSED]
    assert group.cells[0].told.startswith(red[0].verdicts[0].observed)
    assert not group.of_claims
    assert document.exit_code == 1


def test_a_claim_by_version_is_a_difference_though_both_hold() -> None:
    there = replace(runs.passed(), limit="0 breaks until a child starts")
    document = made([there], [runs.passed()])
    (group,) = document.differences
    assert group.of_claims
    told = "\n".join(matrix.lines(document))
    assert f"{OLD}  PASS  0 breaks until a child starts\n" in told
    assert f"{NEW}  PASS  {runs.passed().limit}\n" in told


def test_what_was_skipped_comes_after_what_failed_and_says_why() -> None:
    skipped, red = runs.skipped("a-skipped"), runs.broken("b-broken")
    document = made([skipped, red], [runs.passed("a-skipped"), runs.passed("b-broken")])
    assert [group.scenarios for group in document.differences] == [("b-broken",), ("a-skipped",)]
    assert document.differences[1].cells[0].told == skipped.reason


def test_an_installation_that_could_not_be_asked_is_no_agreement() -> None:
    report = runs.run(planned=("lb-byrequests",), error="no httpd there", error_exit_code=3)
    document = made([runs.passed()], broken=json_file.document(report))
    (group,) = document.differences
    assert [cell.word for cell in group.cells] == ["PASS", "NOT ASKED"]
    assert document.columns[1].error == "no httpd there"
    assert document.exit_code == 4


@pytest.mark.parametrize(
    ("codes", "ends"),
    [((0, 0), 0), ((0, 1), 1), ((1, 3), 1), ((0, 3), 4), ((3, 3), 3), ((0, 4), 4), ((0, 5), 0), ((5, 5), 5),
     ((1, 130), 130)],
)  # fmt: skip
def test_the_gravest_exit_code_is_that_of_the_command(codes: tuple[int, int], ends: int) -> None:
    document = runs.saved(runs.passed())
    counts = {"passed": 0, "failed": 0, "skipped": 0, "errored": 0}
    counts = {"passed": 0, "failed": 0, "skipped": 0, "errored": 0}
    columns = [
        matrix.MatrixColumn(name=str(n), report="", verdict=Outcome.PASSED, exit_code=code, error="", **counts)
        for n, code in enumerate(codes)
    ]
    assert matrix.matrix_of(columns, [document, document], command="").exit_code == ends


def test_what_is_saved_is_valid_and_secrets_are_taken_out(tmp_path: Path) -> None:
    document = made([runs.passed(), runs.skipped()], [runs.broken("lb-byrequests")])
    page, data = matrix.save(document, tmp_path)
    saved = json.loads(data.read_text(encoding="utf-8"))
    jsonschema.validate(saved, json.loads(resource("reports/matrix.schema.json")))
    assert [row["scenario"] for row in saved["rows"]] == ["lb-byrequests", "lb-wss"]
    text = page.read_text(encoding="utf-8")
    assert f'<a href="1/report.html">{OLD}</a>' in text
    assert document.sentence in text
    column = matrix.column_of(runs.saved(runs.passed()), name="ws://user:Hu5h@127.0.0.1", report="")
    told = matrix.matrix_of([column], [runs.saved(runs.passed())], command="wslb matrix 'Cookie: Hu5h'")
    assert "Hu5h" not in matrix.encode(told)


def test_the_schema_is_made_from_the_types() -> None:
    assert resource("reports/matrix.schema.json") == matrix.json_schema(), "write json_schema() into the file"
