"""Writing a run's files: the saved document first, never half a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import cast

import jsonschema
import pytest

from tests import runs
from wslb import reports
from wslb.errors import ConfigError, EvidenceError
from wslb.reports import REPORTERS, files, history, json_file
from wslb.resources import resource


def test_every_report_is_written_and_the_document_first(tmp_path: Path) -> None:
    written = files.write(runs.run(runs.passed()), tmp_path / "reports" / "lb")
    assert [path.name for path in written] == ["report.json", *REPORTERS]
    names = {path.name for path in (tmp_path / "reports" / "lb").iterdir()}
    assert names == {"report.json", "history.jsonl", *REPORTERS}


def test_redrawing_a_saved_document_gives_the_same_files(tmp_path: Path) -> None:
    first = files.write(runs.run(runs.passed(), runs.broken()), tmp_path / "a")
    again = files.write(json_file.load(first[0]), tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_saved_document_is_valid_by_its_schema(tmp_path: Path) -> None:
    document = json.loads(files.write(runs.everything(), tmp_path)[0].read_text())
    jsonschema.validate(document, json.loads(resource("reports/report.schema.json")))
    assert json_file.decode(json.dumps(document)) == json_file.document(runs.everything())


def test_schema_is_made_from_the_types() -> None:
    assert resource("reports/report.schema.json") == json_file.json_schema(), "write json_schema() into the file"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "it is not JSON"),
        ("[]", "it is no report.json"),
        ('{"schema": "wslb.load/1"}', "it is no report.json"),
        ('{"schema": "wslb.report/1"}', "it is a document of schema wslb.report/1, written by another version of wslb"),
        ('{"schema": "wslb.report/2"}', "Object missing required field"),
    ],
)
def test_what_is_no_report_is_refused_in_a_sentence(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    with pytest.raises(EvidenceError, match=re.escape(told)):
        json_file.load(tmp_path / "report.json")


def test_unknown_field_is_refused() -> None:
    document = json.loads(json_file.text(runs.saved(runs.passed())))
    document["scenarios"][0]["connections"][0]["odd"] = 1
    with pytest.raises(ValueError, match=r"unknown field `odd` - at `\$.scenarios\[0\].connections\[0\]`"):
        json_file.decode(json.dumps(document))


def test_signatures_of_reports_are_typed() -> None:
    untyped = re.compile(r"(Mapping|dict)\[str, Any\]")
    found = [path.name for path in Path(reports.__file__).parent.rglob("*.py") if untyped.search(path.read_text())]
    assert found == []


def test_report_that_cannot_be_drawn_leaves_the_document_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: object, **__: object) -> str:
        raise RuntimeError("no ink")

    monkeypatch.setitem(cast("dict[str, object]", REPORTERS), "report.html", fails)
    with pytest.raises(RuntimeError, match="no ink"):
        files.write(runs.run(runs.passed()), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_history_tells_earlier_runs_and_remembers_this_one(tmp_path: Path) -> None:
    files.write(runs.run(runs.passed()), tmp_path)
    page = files.write(runs.run(runs.broken("lb-byrequests")), tmp_path)[1].read_text()
    assert "Since the run before of 2026-11-22 17:55:57 +00:00: 1 new failure" in page
    assert [line.verdict for line in history.read(tmp_path / "history.jsonl")] == ["passed", "failed"]


def test_redrawing_gives_the_same_bytes_and_adds_nothing_to_the_history(tmp_path: Path) -> None:
    files.write(runs.run(runs.passed()), tmp_path)
    document = files.write(runs.run(runs.broken("lb-byrequests")), tmp_path)[0]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    files.redraw(json_file.load(document), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "report.json").write_text("kept")
    for folder in (tmp_path / "there", tmp_path / "made" / "for" / "it"):
        files.try_folder(folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["there", "report.json"]


@pytest.mark.parametrize("folder", ["file", "file/in/it", "/proc/1/lb", "/dev/null"])
def test_a_folder_that_cannot_be_written_is_named_before_the_run(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"--report is '.*', but must be a folder that can be written \("):
        files.try_folder(tmp_path / folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_a_file_that_cannot_be_written_has_a_sentence_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(EvidenceError, match=r"Cannot write .*report.json: is a directory"):
        files.write(runs.run(runs.passed()), tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["report.json"]
