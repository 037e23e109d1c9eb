"""The command `wslb compare --proxies` around its lab: page, document and exit code, also when something ends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import runs
from tests.unit.reports.test_contrast import HELD
from wslb.caller import Interrupted
from wslb.cli import cli, contrasting
from wslb.cli.running import EndedRun
from wslb.commands.beside.contrasted import AbsentProxy
from wslb.commands.installations import NamedInstallation
from wslb.config import Settings
from wslb.errors import MachineExhausted
from wslb.model.results import Report
from wslb.reports import json_file
from wslb.reports.contrast import HeldTunnels

NAMES = {"apache": "Apache/2.4.71 (Debian)", "nginx": "nginx/1.31.3"}


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two proxies that answer without a lab, and one that is away; what `report` and `held` say can be changed."""
    says: dict[str, Any] = {"report": lambda _: runs.run(runs.passed("weights-3-1")), "held": HELD, "asked": []}

    def contrasted(settings: Settings, _: str) -> Any:
        found = [
            NamedInstallation(name=name, folder=str(number), settings=Settings(proxy=name, report=settings.report))
            for number, name in enumerate(NAMES, 1)
        ]
        return tuple(found), (AbsentProxy(product="haproxy", reason="haproxy was not found"),)

    def ask(*_: object, settings: Settings, **__: object) -> EndedRun:
        says["asked"].append(settings.proxy)
        report: Report = says["report"](settings.proxy)
        report = replace(report, environment={**report.environment, "proxy": NAMES[settings.proxy]})
        return EndedRun(report=report, document=json_file.document(report), paths=(settings.report,), problems=())

    def until_signal(work: Any) -> HeldTunnels:
        work.close()
        if isinstance(says["held"], BaseException):
            raise says["held"]
        held: HeldTunnels = says["held"]
        return held

    monkeypatch.setattr(contrasting, "contrasted", contrasted)
    monkeypatch.setattr(contrasting, "ask", ask)
    monkeypatch.setattr(contrasting, "processes", lambda _: nullcontext())
    monkeypatch.setattr(contrasting, "until_signal", until_signal)
    return says


class Ended(NamedTuple):
    exit_code: object
    stdout: str
    stderr: str


Compared = Callable[..., tuple[Ended, dict[str, Any]]]


@pytest.fixture
def compared(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Compared:
    """Asks them: how it ended, and the saved document."""

    def ask(*words: str) -> tuple[Ended, dict[str, Any]]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["compare", "--proxies", "--report", str(tmp_path), *words], prog_name="wslb")
        told = Ended(ended.value.code, *capsys.readouterr())
        return told, json.loads((tmp_path / "proxies.json").read_text(encoding="utf-8"))

    return ask


def test_the_page_has_those_that_answered_and_who_is_away(
    faked: dict[str, Any], compared: Compared, tmp_path: Path
) -> None:
    ended, saved = compared()
    assert ended.exit_code == 4, ended.stderr
    assert [column["name"] for column in saved["columns"]] == [*NAMES.values(), "HAProxy"]
    assert [len(cell["answers"]) for cell in saved["rows"][0]["cells"]] == [1, 1, 0]
    assert saved["rows"][-1]["cells"][0]["answers"][0]["seen"] == HELD.seen
    assert "nginx/1.31.3: 1,000 tunnels at a time" in ended.stderr
    assert "In which order are members of 3 to 1 elected?" in ended.stdout
    assert f"proxies  {(tmp_path / 'proxies.html').as_uri()}" in ended.stdout
    assert faked["asked"] == ["apache", "nginx"]


def test_json_is_alone_on_stdout_and_quiet_is_quiet(faked: dict[str, Any], compared: Compared) -> None:
    ended, saved = compared("--json")
    assert json.loads(ended.stdout) == saved
    ended, _ = compared("-qq")
    assert ended.stdout + ended.stderr == ""
    assert faked["asked"] == ["apache", "nginx"] * 2


def test_a_signal_while_scenarios_are_asked_ends_it_with_what_there_is(
    faked: dict[str, Any], compared: Compared
) -> None:
    faked["report"] = lambda _: runs.run(runs.passed("weights-3-1"), interrupted="SIGINT")
    ended, saved = compared()
    assert ended.exit_code == 130, ended.stderr
    assert faked["asked"] == ["apache"]
    errors = [column["error"] for column in saved["columns"]]
    assert errors == ["SIGINT stopped it", "the run ended before it", "haproxy was not found"]


def test_a_signal_while_tunnels_are_held_does_too(faked: dict[str, Any], compared: Compared) -> None:
    faked["held"] = Interrupted("SIGTERM")
    ended, saved = compared()
    assert ended.exit_code == 143, ended.stderr
    assert saved["columns"][0]["error"] == "SIGTERM stopped it"
    assert faked["asked"] == ["apache"]


def test_a_machine_without_room_is_told_where_the_numbers_would_stand(
    faked: dict[str, Any], compared: Compared
) -> None:
    faked["held"] = MachineExhausted(what="is no memory", detail="fork failed", hint="Close something.")
    ended, saved = compared()
    assert ended.exit_code == 4, ended.stderr
    (answer,) = saved["rows"][-1]["cells"][0]["answers"]
    assert (answer["outcome"], answer["told"]) == ("errored", "There is no memory left: fork failed. Close something.")
