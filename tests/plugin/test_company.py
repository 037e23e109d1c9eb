"""The lab in tests that other plugins, other loops and other styles run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.plugin.project import QUIET, run

pytestmark = pytest.mark.live

MINE = """
import asyncio
import unittest

import pytest
import pytest_asyncio

from wslb import Lab

TURNS = ["liberty", "node", "liberty", "node"]

@pytest_asyncio.fixture
async def loop_of_mine():
    return asyncio.get_running_loop()

async def test_no_mark(wslb_lab):
    assert [one.backend for one in await wslb_lab.open_in_turn(4)] == TURNS
    async with await wslb_lab.open() as console:
        assert "System Status Information" in await console.run("WRKSYSSTS")

@pytest.mark.asyncio
async def test_a_mark(wslb_lab, loop_of_mine):
    assert asyncio.get_running_loop() is loop_of_mine
    assert [one.backend for one in await wslb_lab.open_in_turn(4)] == TURNS

@pytest.mark.asyncio(loop_scope="module")
async def test_another_loop(wslb_lab):
    held = await wslb_lab.open_in_turn(4, hold=True)
    await wslb_lab.close(held)
    assert [one.backend for one in held] == TURNS

def test_no_coroutine(wslb_lab):
    assert isinstance(wslb_lab, Lab)
    opened = asyncio.run(wslb_lab.open_in_turn(4, hold=True))
    asyncio.run(wslb_lab.close(opened))
    assert [one.backend for one in opened] == TURNS
    assert opened[0] == opened[0] != opened[1]

async def test_a_time_limit_of_its_own(wslb_lab):
    silent = await wslb_lab.open()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await silent.receive()
    assert (await wslb_lab.open()).backend == "node"

class TestPlain:
    async def test_method(self, wslb_lab):
        assert [one.backend for one in await wslb_lab.open_in_turn(4)] == TURNS

class TestOfUnittest(unittest.IsolatedAsyncioTestCase):
    @pytest.fixture(autouse=True)
    def lab_of_the_test(self, wslb_lab):
        self.lab = wslb_lab

    async def test_method(self):
        assert [one.backend for one in await self.lab.open_in_turn(4)] == TURNS

async def test_ask(wslb_ask):
    result = await wslb_ask("lb-byrequests")
    assert result.record.handshakes
"""
TESTS = len(re.findall(r"def test_", MINE))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "test_mine.py").write_text(MINE, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_every_style_needs_no_setting_of_ours(project: Path, mode: str) -> None:
    ended = run(project, "-q", "-o", f"asyncio_mode={mode}")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{TESTS} passed" in ended.stdout


def test_without_any_plugin_for_coroutines(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("async def test_mine(wslb_lab): await wslb_lab.open()\n", encoding="utf-8")
    ended = run(tmp_path, "-q", "-p", "no:asyncio")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_coroutines_that_do_not_use_the_lab_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("async def test_mine(): ...\n", encoding="utf-8")
    ended = run(tmp_path, "-q", "-p", "no:asyncio")
    assert ended.returncode == 1
    assert "async def functions are not natively supported" in ended.stdout


def test_workers_of_xdist_have_a_lab_each(project: Path) -> None:
    ended = run(project, "-q", "-n", "2")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{TESTS} passed" in ended.stdout


def test_workers_without_a_lab_are_not_green(project: Path) -> None:
    ended = run(project, "-q", "-n", "2", "--wslb-httpd=/nowhere/httpd")
    assert ended.returncode not in {0, 5}, ended.stdout
    assert "passed" not in ended.stdout


def test_tests_in_random_order(project: Path) -> None:
    ended = run(project, quiet=QUIET[:2])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Using --randomly-seed" in ended.stdout
    assert f"{TESTS} passed" in ended.stdout


HANGS = """
import asyncio

async def test_hangs(wslb_lab):
    await wslb_lab.open()
    await asyncio.sleep(60)

async def test_goes_on(wslb_lab):
    assert (await wslb_lab.open()).backend == "liberty"
"""


def test_a_test_that_runs_out_of_time_leaves_the_lab_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(HANGS, encoding="utf-8")
    ended = run(tmp_path, "-q", "--timeout=5", "--timeout-method=signal")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Timeout (>5.0s)" in ended.stdout
    assert "1 failed, 1 passed" in ended.stdout
