"""Whoever reads the first lines of a red run reads its true cause, whichever face of it they look at."""

from __future__ import annotations

import re
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from playwright.async_api import Page

from tests.browser.breaks import BREAKS
from tests.browser.conftest import NewPage
from tests.plugin.project import ROOT, run

pytestmark = [pytest.mark.browser, pytest.mark.live]

LAST = 15
"""Lines at the end of a log that a terminal or a CI system still shows."""

HOPELESS_SECONDS = 30

SHOWN = """() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), shown = [];
    while (texts.nextNode()) {
        const range = document.createRange();
        range.selectNodeContents(texts.currentNode);
        const box = range.getBoundingClientRect();
        const within = box.height && box.top >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
        if (within && texts.currentNode.parentElement.checkVisibility()) shown.push(texts.currentNode.textContent);
    }
    return shown.join(' ').replace(/\\s+/g, ' ');
}"""
"""Text that stands wholly within the first screen."""


def first_trouble(junit: Path) -> str:
    """What the first failed or errored test case says."""
    root = ET.fromstring(junit.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    return next(one.get("message", "") for one in root.iter() if one.tag in {"failure", "error"})


async def first_screen(page: Page, report: Path) -> str:
    await page.goto(report.as_uri())
    shown: str = await page.evaluate(SHOWN)
    return shown


@pytest.mark.parametrize("name", BREAKS)
async def test_every_face_names_the_cause(new_page: NewPage, tmp_path: Path, name: str) -> None:
    how, out, told = BREAKS[name], tmp_path / "out", tmp_path / "summary.md"
    tests = [f"tests/live/test_scenarios.py::test_main_job[{asked}]" for asked in how.asked]
    words = (*tests, "-q", "--no-header", "-p", "tests.browser.breaks", f"--wslb-report={out}")
    begin = time.monotonic()
    ended = run(ROOT, *words, WSLB_TEST_BREAK=name, GITHUB_STEP_SUMMARY=str(told))
    took = time.monotonic() - begin
    assert ended.returncode == how.exit_code, ended.stdout + ended.stderr
    page = await new_page(viewport={"width": 1366, "height": 900}, offline=True)
    faces = {
        "pytest's last lines": "\n".join(ended.stdout.splitlines()[-LAST:]),
        "junit's first failure": first_trouble(out / "junit.xml"),
        "GitHub summary's first line": told.read_text(encoding="utf-8").partition("\n")[0].replace("\\", ""),
        "report's first screen": await first_screen(page, out / "report.html"),
    }
    silent = {face: said for face, said in faces.items() if not re.search(how.cause, said)}
    assert not silent, ended.stdout
    assert how.exit_code != 3 or took < HOPELESS_SECONDS
