"""The pytest plugin in a project of somebody else: the README's own test, options, the report, and no quiet skip."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.plugin.project import QUIET, ROOT, environment, run
from wslb.caller import ENDING

pytestmark = pytest.mark.live

EXAMPLES: list[str] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
"""What the README tells a reader to paste."""


@pytest.mark.parametrize("example", EXAMPLES, ids=["lab", "scenario"])
def test_the_tests_of_the_readme_run_as_they_stand(example: str, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(example, encoding="utf-8")
    ended = run(tmp_path, "-q")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout


ASKING = """
import pytest

@pytest.mark.wslb_lb
async def test_one(wslb_ask):
    await wslb_ask("lb-byrequests")

@pytest.mark.wslb_lb
async def test_red(wslb_ask):
    from dataclasses import replace
    from wslb import served_by
    from wslb.scenarios.lb import SCENARIOS
    await wslb_ask(replace(SCENARIOS[0], name="mine-red", checks=(served_by("node", "node"),)))
"""


def test_a_scenario_that_fails_tells_what_it_expected(tmp_path: Path) -> None:
    (tmp_path / "test_ask.py").write_text(ASKING, encoding="utf-8")
    ended = run(tmp_path, "--wslb-report=out", "--wslb-carrier=http")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "wslb: runtime auto, carrier mod_proxy_http" in ended.stdout
    assert "connection 1 expected node, got liberty" in ended.stdout
    assert "again     wslb test mine-red --carrier http" in ended.stdout
    assert f"report  {(tmp_path / 'out/report.html').as_uri()}" in ended.stdout
    document = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert [s["outcome"] for s in document["scenarios"]] == ["passed", "failed"]
    assert document["exit_code"] == 1


def test_without_httpd_the_session_ends_with_3_and_not_with_a_skip(tmp_path: Path) -> None:
    (tmp_path / "test_ask.py").write_text(ASKING, encoding="utf-8")
    ended = run(tmp_path, "--wslb-httpd=/nowhere/httpd", "--wslb-report=out")
    assert ended.returncode == 3, ended.stdout
    assert "/nowhere/httpd is no program" in ended.stdout + ended.stderr
    assert json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))["exit_code"] == 3


def test_a_wrong_option_is_a_usage_error(tmp_path: Path) -> None:
    ended = run(tmp_path, "--wslb-carrier=tcp")
    assert ended.returncode == 4
    assert "must be one of wstunnel, http" in ended.stderr


SLOW = (
    ASKING
    + """
@pytest.mark.wslb_lb
@pytest.mark.parametrize("number", range(500))
async def test_many(wslb_ask, number):
    print("asking", flush=True)
    await wslb_ask("lb-byrequests")
"""
)


@pytest.mark.parametrize("number", ENDING)
def test_an_interrupted_session_writes_its_report_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "test_slow.py").write_text(SLOW, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *QUIET, "-s", "--wslb-report=out"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "asking" in line:
            break
    process.send_signal(number)
    begin = time.monotonic()
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert time.monotonic() - begin < 15, out
    document = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert document["interrupted"] == number.name, out
    assert document["scenarios"]


BREAKING = ["| head -1", ">/dev/full", ">&-", "2>&-", ">&- 2>&- <&-"]


@pytest.mark.parametrize("redirection", BREAKING)
def test_streams_that_break_cost_neither_report_nor_exit_code(tmp_path: Path, redirection: str) -> None:
    (tmp_path / "test_ask.py").write_text(ASKING, encoding="utf-8")
    words = [sys.executable, "-m", "pytest", *QUIET, "--wslb-report=out"]
    ended = subprocess.run(
        ["/bin/bash", "-c", f'"$@" {redirection}; exit ${{PIPESTATUS[0]}}', "-", *words],
        cwd=tmp_path,
        env=environment(PYTHONIOENCODING="ascii"),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1, ended
    document = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert [s["outcome"] for s in document["scenarios"]] == ["passed", "failed"]


RED = {
    "a test asks more than its scenario": """
async def test_one(wslb_ask):
    await wslb_ask("lb-byrequests")
    assert False
""",
    "a fixture beside the lab fails": """
import pytest

@pytest.fixture
def broken():
    raise RuntimeError("broken")

async def test_one(wslb_ask, broken):
    await wslb_ask("lb-byrequests")
""",
    "a file cannot be read": "raise RuntimeError",
}


@pytest.mark.parametrize("text", RED.values(), ids=RED)
def test_a_red_session_leaves_no_green_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "test_ask.py").write_text("async def test_one(wslb_ask):\n    await wslb_ask('lb-byrequests')\n")
    assert run(tmp_path, "--wslb-report=out").returncode == 0
    assert json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))["exit_code"] == 0
    (tmp_path / "test_ask.py").write_text(text, encoding="utf-8")
    ended = run(tmp_path, "--wslb-report=out")
    assert ended.returncode in {1, 2}, ended.stdout
    document = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert document["exit_code"] == 4
    assert document["error"]


@pytest.mark.parametrize("words", ["-n2", "--dist=each --tx=2*popen", "-n2 --dist=loadfile"])
def test_workers_that_each_have_a_lab_leave_no_report(tmp_path: Path, words: str) -> None:
    (tmp_path / "test_ask.py").write_text(ASKING, encoding="utf-8")
    ended = run(tmp_path, "--wslb-report=out", PYTEST_ADDOPTS=words)
    assert ended.returncode == 4, ended.stdout
    assert "--wslb-report needs all tests in one process" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_a_report_folder_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    ended = run(tmp_path, "--wslb-report=out/lb")
    assert ended.returncode == 4
    assert "--wslb-report is 'out/lb', but must be a folder that can be written (not a directory)" in ended.stderr
