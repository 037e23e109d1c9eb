"""Under pytest-xdist the report of a session tells what all its workers saw, whatever becomes of them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.project import QUIET, environment, run
from tests.plugin.test_plugin import ASKING, RED, REPEATED
from wslb.waiting import until

pytestmark = pytest.mark.live

NAMES = ["lb-byrequests", "lb-byrequests-held", "lb-byrequests-reversed", "headers-handshake", "headers-query"]

FAMILIES = f"""
import pytest
from wslb.scenarios import SCENARIOS

NAMES = {NAMES}

@pytest.mark.wslb_lb
@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s.name in NAMES], ids=lambda s: s.name)
async def test_one(wslb_ask, scenario):
    await wslb_ask(scenario)
"""

DYING = """
import os, signal

async def test_dies(wslb_ask):
    await wslb_ask("lb-byrequests")
    os.kill(os.getpid(), signal.SIGKILL)

async def test_lives(wslb_ask):
    await wslb_ask("headers-query")
"""

ENDLESS = """
import pathlib, pytest

@pytest.mark.parametrize("number", range(1000))
async def test_one(wslb_ask, number):
    await wslb_ask("headers-query")
    with open("pids", "a") as file:
        file.write(f"{__import__('os').getpid()}\\n")
"""


def reported(folder: Path) -> dict[str, Any]:
    """The session's report.json."""
    return dict(json.loads((folder / "out/report.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("words", ["-n2", "-n2 --dist=loadfile", "-n1 --dist=worksteal"])
def test_results_of_all_workers_stand_in_one_report_in_the_order_of_the_tests(tmp_path: Path, words: str) -> None:
    (tmp_path / "test_ask.py").write_text(FAMILIES, encoding="utf-8")
    ended = run(tmp_path, "--wslb-report=out", PYTEST_ADDOPTS=words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    document = reported(tmp_path)
    assert (document["verdict"], document["exit_code"], document["error"]) == ("passed", 0, "")
    assert [scenario["name"] for scenario in document["scenarios"]] == document["planned"] == NAMES
    assert document["environment"]["proxy"].startswith("Apache/")
    assert (tmp_path / "out/report.html").as_uri() in ended.stdout


def test_a_failure_at_a_worker_is_the_sessions(tmp_path: Path) -> None:
    (tmp_path / "test_ask.py").write_text(ASKING, encoding="utf-8")
    ended = run(tmp_path, "-n2", "--wslb-report=out")
    assert ended.returncode == 1, ended.stdout
    document = reported(tmp_path)
    assert [(s["name"], s["outcome"]) for s in document["scenarios"]] == [
        ("lb-byrequests", "passed"),
        ("mine-red", "failed"),
    ]
    assert document["exit_code"] == 1


def test_a_cause_that_several_workers_met_is_told_once_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "test_ask.py").write_text(REPEATED, encoding="utf-8")
    ended = run(tmp_path, "-q", "-n2")
    assert ended.returncode == 1, ended.stdout
    assert re.findall(r"^cause   .*loadfactor.* \((\d of \d) failures\)$", ended.stdout, re.MULTILINE) == ["3 of 3"]


@pytest.mark.parametrize("text", RED.values(), ids=RED)
def test_red_workers_leave_no_green_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "test_ask.py").write_text(text, encoding="utf-8")
    ended = run(tmp_path, "-n2", "--wslb-report=out")
    assert ended.returncode not in {0, 5}, ended.stdout
    assert (reported(tmp_path)["exit_code"], bool(reported(tmp_path)["error"])) == (4, True)


def test_a_lost_worker_costs_only_what_it_had_not_told(tmp_path: Path) -> None:
    (tmp_path / "test_ask.py").write_text(DYING, encoding="utf-8")
    ended = run(tmp_path, "-n2", "--wslb-report=out")
    assert ended.returncode == 1, ended.stdout
    document = reported(tmp_path)
    assert [scenario["name"] for scenario in document["scenarios"]] == ["headers-query"]
    assert document["exit_code"] == 4
    assert "test_dies failed" in document["error"]


def test_a_lab_that_cannot_start_ends_the_session_with_3(tmp_path: Path) -> None:
    (tmp_path / "test_ask.py").write_text(FAMILIES, encoding="utf-8")
    ended = run(tmp_path, "-n2", "--wslb-report=out", "--wslb-httpd=/nowhere/httpd")
    assert ended.returncode == 3, ended.stdout
    document = reported(tmp_path)
    assert (document["exit_code"], document["interrupted"]) == (3, "")
    assert "/nowhere/httpd is no program" in document["error"]


def test_each_worker_asking_everything_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "test_ask.py").write_text(ASKING, encoding="utf-8")
    ended = run(tmp_path, "--wslb-report=out", PYTEST_ADDOPTS="--dist=each --tx=2*popen")
    assert ended.returncode == 4, ended.stdout
    assert "--wslb-report tells each scenario once" in ended.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_ended_controller_writes_what_it_was_told_and_its_workers_end(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "test_ask.py").write_text(ENDLESS, encoding="utf-8")
    process = subprocess.Popen(  # noqa: ASYNC220 - this loop has nothing else to do
        [sys.executable, "-m", "pytest", *QUIET, "-n2", "--wslb-report=out"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pids = tmp_path / "pids"

    async def asked() -> bool:
        return pids.exists() and len(set(pids.read_text().split())) == 2

    async def gone() -> bool:
        return not any(Path(f"/proc/{pid}").exists() for pid in pids.read_text().split())

    try:
        await until(asked, seconds=60, what="both workers have asked")
        process.send_signal(number)
        assert process.wait(30) != 0
    finally:
        process.kill()
    await until(gone, seconds=15, what="the workers have ended")
    document = reported(tmp_path)
    assert document["interrupted"] == number.name
    assert document["scenarios"]
