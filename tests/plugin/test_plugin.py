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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
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
    out, _ = process.communicate(timeout=60)
    assert time.monotonic() - begin < 15, out
    document = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert document["interrupted"] == number.name, out
    assert document["scenarios"]
