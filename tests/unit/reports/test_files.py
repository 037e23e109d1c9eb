"""Writing a run's files: the saved document first, never half a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from tests import runs
from wslb.reports import REPORTERS, files, history, json_file


def test_every_report_is_written_and_the_document_first(tmp_path: Path) -> None:
    written = files.write(runs.run(runs.passed()), tmp_path / "reports" / "lb")
    assert [path.name for path in written] == ["report.json", *REPORTERS]
    names = {path.name for path in (tmp_path / "reports" / "lb").iterdir()}
    assert names == {"report.json", "history.jsonl", *REPORTERS}


def test_redrawing_a_saved_document_gives_the_same_files(tmp_path: Path) -> None:
    first = files.write(runs.run(runs.passed(), runs.broken()), tmp_path / "a")
    again = files.write(json_file.load(first[0]), tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_saved_document_is_valid(tmp_path: Path) -> None:
    document = json.loads(files.write(runs.run(runs.passed(), runs.skipped()), tmp_path)[0].read_text())
    assert json_file.validate(document) == ""


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
    assert [line["verdict"] for line in history.read(tmp_path / "history.jsonl")] == ["passed", "failed"]


def test_redrawing_gives_the_same_bytes_and_adds_nothing_to_the_history(tmp_path: Path) -> None:
    files.write(runs.run(runs.passed()), tmp_path)
    document = files.write(runs.run(runs.broken("lb-byrequests")), tmp_path)[0]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    files.redraw(json_file.load(document), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
