"""A project that asks nothing of the plugin does not notice it."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from tests.plugin.project import cpu, run

OTHER = """
import sys

OURS = {name for name in sys.modules if name.partition(".")[0] == "wslb"}
LIBRARIES = {"aiohttp", "websockets", "docker", "jinja2", "rich", "h2", "cryptography", "psutil"} & set(sys.modules)

def test_other():
    assert OURS <= {"wslb", "wslb.plugin"}
    assert not LIBRARIES
"""


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    (tmp_path / "test_other.py").write_text(OTHER, encoding="utf-8")
    return tmp_path


def test_it_imports_nothing_but_itself_and_prints_nothing(stranger: Path) -> None:
    told = {}
    for name, words in {"with": (), "without": ("-p", "no:wslb")}.items():
        ended = run(stranger, "-v", *words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        told[name] = [line for line in ended.stdout.splitlines() if not line.startswith(("plugins:", "====="))]
    assert told["with"] == told["without"]
    assert not list(stranger.glob("reports"))


def test_it_reads_no_environment(stranger: Path) -> None:
    ended = run(stranger, "-q", WSLB_CARRIER="no such carrier")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_variable_that_is_wrong_is_told_to_those_who_use_the_lab(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("async def test_mine(wslb_lab): ...\n", encoding="utf-8")
    ended = run(tmp_path, "-q", WSLB_CARRIER="no such carrier")
    assert ended.returncode == 4, ended.stdout + ended.stderr
    assert "WSLB_CARRIER" in ended.stderr


def test_collecting_an_empty_project_takes_no_noticeable_time_more(tmp_path: Path) -> None:
    """CPU of whole processes, in turns, as a share of the run without the plugin: both meet the same machine."""
    own, alone = [], []
    for _ in range(5):
        alone.append(cpu(tmp_path, "--co", "-q", "-p", "no:wslb"))
        own.append(cpu(tmp_path, "--co", "-q"))
    more = statistics.median(own) - statistics.median(alone)
    assert more <= 0.15 * statistics.median(alone), (own, alone)


def test_every_name_that_it_adds_is_its_own(stranger: Path) -> None:
    for what in ("--fixtures", "--markers", "--help"):
        own, alone = (run(stranger, what, *words).stdout.splitlines() for words in ((), ("-p", "no:wslb")))
        added = [line.strip() for line in own if line not in alone and not line.startswith(("plugins:", "=", "---"))]
        names = [line for line in added if line.startswith(("-", "@", "wslb")) or " -- " in line]
        assert names
        assert not [name for name in names if not name.startswith(("--wslb-", "@pytest.mark.wslb_", "wslb"))]
