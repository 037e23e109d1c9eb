"""The documentation as a site: built by ``make docs``, readable for all, and nothing is asked of the network."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Route

from tests.browser.conftest import Axe, NewPage
from tests.browser.looks import LOOKS, PAPER_WIDTH, Look, beyond_the_edge, put_on_paper

ROOT = Path(__file__).parents[2]
SITE = ROOT / "reports" / "docs"
HOST = "http://docs.example"

Shown = Callable[..., Awaitable[tuple[Page, list[str]]]]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def site() -> Path:
    """The folder of the site; a warning of Sphinx, such as a link that leads nowhere, ends this with its words."""
    environ = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    built = subprocess.run(
        [shutil.which("make") or "make", "docs"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return SITE


@pytest.fixture
def shown(new_page: NewPage, site: Path) -> Shown:
    """Shows a page of the site as a server would, and keeps what was asked of anybody else."""

    async def show(name: str, **options: Any) -> tuple[Page, list[str]]:
        page = await new_page(**options)
        beyond: list[str] = []

        async def answer(route: Route) -> None:
            path = site / urlsplit(route.request.url).path.lstrip("/")
            if route.request.url.startswith(HOST) and path.is_file():
                await route.fulfill(path=path)
            else:
                beyond.append(route.request.url)
                await route.abort()

        await page.route("**/*", answer)
        await page.goto(f"{HOST}/{name}")
        return page, beyond

    return show


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["index.html", "reference/backends.html"])
async def test_accessible_on_every_screen_and_on_paper(shown: Shown, axe: Axe, name: str, look: Look) -> None:
    page, _ = await shown(name, viewport={"width": look.width, "height": 800}, color_scheme=look.scheme)
    if look.paper:
        await put_on_paper(page)
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= look.width


async def test_every_page_is_accessible_and_whole_on_paper(shown: Shown, axe: Axe, site: Path) -> None:
    page, _ = await shown("index.html", viewport={"width": PAPER_WIDTH, "height": 800})
    await put_on_paper(page)
    wrong: dict[str, list[str]] = {}
    for one in sorted(site.rglob("*.html")):
        name = str(one.relative_to(site))
        await page.goto(f"{HOST}/{name}")
        wrong[name] = await axe(page) + await beyond_the_edge(page)
    assert wrong == {name: [] for name in wrong}


async def test_no_page_asks_for_anything_beyond_the_site(shown: Shown, site: Path) -> None:
    page, beyond = await shown("index.html")
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 10
    for one in pages:
        await page.goto(f"{HOST}/{one.relative_to(site)}")
    assert beyond == []
