"""Writing a run's files: the saved document first, never half a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import cast

import jsonschema
import pytest
from msgspec.structs import replace as changed

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
        ('{"schema": "wslb.report/3"}', "Object missing required field"),
        (
            '{"schema": "wslb.report/3", "shared": [1], "scenarios": [{"connections": [[7]]}]}',
            "it refers to entry 7 of 1 shared ones",
        ),
        ('{"schema": "wslb.report/3", "shared": [[0]], "scenarios": []}', "it refers to entry 0 of 0 shared ones"),
        ('{"schema": "wslb.report/3", "shared": 5, "scenarios": []}', "its shared values or its scenarios are no list"),
    ],
)
def test_what_is_no_report_is_refused_in_a_sentence(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    with pytest.raises(EvidenceError, match=re.escape(told)):
        json_file.load(tmp_path / "report.json")


def test_document_of_the_schema_before_is_still_read(tmp_path: Path) -> None:
    document = json_file.document(runs.everything())
    before = {**json.loads(json_file.line(document)), "schema": "wslb.report/2"}
    (tmp_path / "report.json").write_text(json.dumps(before, indent=1))
    assert json_file.load(tmp_path / "report.json") == document


def test_connections_of_a_failed_scenario_are_in_full_and_equal_parts_of_passed_ones_are_shared() -> None:
    document = runs.saved(runs.passed(), runs.broken())
    passed, failed = json.loads(json_file.text(document))["scenarios"]
    assert failed["connections"] == json.loads(json_file.line(document))["scenarios"][1]["connections"]
    assert len(json.dumps(passed["connections"])) * 2 < len(json.dumps(failed["connections"]))


def test_who_served_a_connection_can_be_read_without_the_table() -> None:
    document = runs.saved(runs.passed())
    (scenario,) = document.scenarios
    far = "192.168.0.101-10443.example"
    named = tuple(changed(one, backend=far, expected=far) for one in scenario.connections)
    text = json_file.text(changed(document, scenarios=(changed(scenario, connections=named),)))
    rows = json.loads(text)["scenarios"][0]["connections"]
    assert [(row["backend"], row["expected"]) for row in rows] == [(far, far)] * len(named)
    assert json_file.decode(text).scenarios[0].connections == named


def test_thousands_of_connections_take_less_than_a_kilobyte_each() -> None:
    sizes = [len(json_file.text(runs.saved(runs.passed(letters="LN" * n)))) for n in (100, 1100)]
    assert (sizes[1] - sizes[0]) / 2000 < 800


def test_unknown_field_is_refused() -> None:
    document = json.loads(json_file.line(runs.saved(runs.passed())))
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


@pytest.mark.parametrize("name", ["report.json", "report.html", "junit.xml", "history.jsonl"])
def test_what_lies_in_the_way_is_named_before_the_run(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigError, match=rf"a folder that can be written \(its {name} is a folder\)") as caught:
        files.try_folder(tmp_path)
    assert caught.value.hint == f"Remove {tmp_path / name}, or name another folder: --report DIR"


def test_a_history_that_is_read_only_is_named_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "history.jsonl").touch()
    files.try_folder(tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write whatever the mode says
    with pytest.raises(ConfigError, match=r"\(its history\.jsonl is read-only\)"):
        files.try_folder(tmp_path)


def test_a_file_that_cannot_be_written_has_a_sentence_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(EvidenceError, match=r"Cannot write .*report.json: is a directory"):
        files.write(runs.run(runs.passed()), tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["report.json"]


@pytest.mark.parametrize("schema", [None, [], {}, 3, "", "wslb.load/1"])
def test_what_is_of_another_schema_is_no_report(schema: object) -> None:
    found = json.loads(json_file.text(runs.saved(runs.passed())))
    with pytest.raises(ValueError, match=r"it is no report.json"):
        json_file.decode(json.dumps({**found, "schema": schema}))
