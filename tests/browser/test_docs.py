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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["index.html", "reference/backends.html"])
async def test_accessible_in_both_colours_and_on_a_phone(
    shown: Shown, axe: Axe, name: str, width: int, scheme: str
) -> None:
    page, _ = await shown(name, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_no_page_asks_for_anything_beyond_the_site(shown: Shown, site: Path) -> None:
    page, beyond = await shown("index.html")
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 10
    for one in pages:
        await page.goto(f"{HOST}/{one.relative_to(site)}")
    assert beyond == []
