"""A real browser: found or named, one for the session, closed with it; what a failed test saw is kept.

`WSLB_BROWSER` names the program. Without any browser these tests are skipped with the reason, and with
`WSLB_REQUIRE_BROWSER=1`, as in CI, they fail instead.

Everything is asynchronous: Playwright's synchronous API leaves its own loop running in this thread, and then no
asynchronous test of the session can start any more.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright, expect

from harness.lab import Lab
from tests.browser.console import Console

KEPT = Path("reports") / "browser"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
ARGUMENTS = (
    "--no-sandbox",  # tests may run as root, where Chromium refuses its sandbox
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 20_000
"""How long an action or an expectation may take; only a failure needs that long, even on a busy machine."""

Axe = Callable[[Page], Awaitable[list[str]]]
_REPORT = pytest.StashKey[pytest.TestReport]()

expect.set_options(timeout=PATIENCE_MS)


class NewPage(Protocol):
    """Opens a page in a context of its own, which takes Playwright's options such as `color_scheme`."""

    def __call__(self, *, allow: str | None = None, **options: Any) -> Awaitable[Page]:
        """Open one; `allow` is a pattern of complaints that the test provokes."""
        ...


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Leave the outcome where the page's fixture finds it."""
    report = yield
    if report.when == "call":
        item.stash[_REPORT] = report
    return report


def program(playwright: Playwright) -> str | None:
    """The browser to use: named, installed, or Playwright's own."""
    if named := os.environ.get("WSLB_BROWSER"):
        return named
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    return found or next((path for path in (MACOS, playwright.chromium.executable_path) if Path(path).exists()), None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    """Playwright's driver, one for the session."""
    async with async_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser_program(playwright: Playwright) -> str:
    """Path of the browser; none is loud where one is required."""
    path = program(playwright)
    if path is None:
        reason = f"no browser: none of {', '.join(PROGRAMS)} is installed; name one in WSLB_BROWSER"
        if os.environ.get("WSLB_REQUIRE_BROWSER") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(playwright: Playwright, browser_program: str) -> AsyncIterator[Browser]:
    """One headless Chromium for the session."""
    launched = await playwright.chromium.launch(executable_path=browser_program, args=list(ARGUMENTS))
    try:
        yield launched
    finally:
        await launched.close()


@dataclass
class _Opened:
    """A page's context and what the page complained of."""

    context: BrowserContext
    allow: str | None
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self._complain(f"uncaught: {error}"))
        page.on("console", lambda message: self._complain(message.text))

    def _complain(self, text: str) -> None:
        # A refused WebSocket is no fault of the page: the browser itself writes that line.
        if not text.startswith("WebSocket connection to") and not (self.allow and re.search(self.allow, text)):
            self.complaints.append(text)


@pytest_asyncio.fixture(loop_scope="session")
async def new_page(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[NewPage]:
    """Opens pages that must end without a complaint in the console: no exception, nothing that their policy forbade.

    A failed test leaves a screenshot and a trace of each page under reports/browser/ (`playwright show-trace`).
    """
    everything: list[_Opened] = []

    async def open_one(*, allow: str | None = None, **options: Any) -> Page:
        settings = {"viewport": {"width": 1280, "height": 800}, "ignore_https_errors": True} | options
        opened = _Opened(await browser.new_context(**settings), allow)
        everything.append(opened)
        opened.context.set_default_timeout(PATIENCE_MS)
        await opened.context.tracing.start(snapshots=True)
        page = await opened.context.new_page()
        opened.watch(page)
        return page

    yield open_one

    complaints = [text for opened in everything for text in opened.complaints]
    report = request.node.stash.get(_REPORT, None)
    name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    for number, opened in enumerate(everything, 1):
        try:
            if complaints or report is None or report.failed:
                KEPT.mkdir(parents=True, exist_ok=True)
                for page in opened.context.pages:
                    await page.screenshot(path=KEPT / f"{name}-{number}.png")
                await opened.context.tracing.stop(path=KEPT / f"{name}-{number}.zip")
        finally:
            await opened.context.close()
    assert not complaints


@pytest_asyncio.fixture(loop_scope="session")
async def page(new_page: NewPage) -> Page:
    """A blank page, 1280 x 800, light."""
    return await new_page()


@pytest.fixture
def console(page: Page, lab: Lab) -> Console:
    """The console page on that blank page, of the lab's site; nothing is loaded yet."""
    return Console(page, lab)


@pytest.fixture(scope="session")
def axe() -> Axe:
    """Runs axe on a page as it is shown now, and returns a line for each violation."""
    source = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")

    async def run(page: Page) -> list[str]:
        # evaluate goes past the page's Content-Security-Policy, where a script element would be blocked.
        await page.evaluate(source)
        found = await page.evaluate("async () => await axe.run(document, { resultTypes: ['violations'] })")
        assert found["passes"], "axe looked at something"
        return [
            f"{violation['id']} ({violation['impact']}): {node['target']} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    return run
