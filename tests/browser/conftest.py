"""A real browser: found or named, one for the session, closed with it; what a failed test saw is kept.

`WSLB_BROWSER` names the program. Without any browser these tests are skipped with the reason, and with
`WSLB_REQUIRE_BROWSER=1`, as in CI, they fail instead.

Everything is asynchronous: Playwright's synchronous API leaves its own loop running in this thread, and then no
asynchronous test of the session can start any more.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright, expect

from tests.browser import provide
from tests.browser.console import Console
from wslb.lab.lab import Lab

KEPT = Path("reports") / "browser"
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
Opened = Callable[..., Awaitable["Watched"]]
_REPORT = pytest.StashKey[pytest.TestReport]()

expect.set_options(timeout=PATIENCE_MS)


class NewPage(Protocol):
    """Opens a page in a context of its own, which takes Playwright's options such as `color_scheme`."""

    def __call__(self, *, allow: str | None = None, **options: Any) -> Awaitable[Page]:
        """Open one; `allow` is a pattern of complaints that the test provokes."""
        ...


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave the outcome where the page's fixture finds it."""
    report = yield
    if report.when == "call":
        item.stash[_REPORT] = report
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    """Playwright's driver, one for the session; without what it needs the tests are skipped, or fail where required."""
    if why := provide.missing():
        if os.environ.get("WSLB_REQUIRE_BROWSER") == "1":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    async with async_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser_program() -> str:
    """Path of the browser."""
    path = provide.program()
    assert path is not None, "provide.missing() found one"
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
        settings: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "ignore_https_errors": True} | options
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
            else:
                await opened.context.tracing.stop()  # what it had written goes
        finally:
            await opened.context.close()
    assert not complaints


@pytest_asyncio.fixture(loop_scope="session")
async def page(new_page: NewPage) -> Page:
    """A blank page, 1280 x 800, light."""
    return await new_page()


class Watched:
    """A page and everything that it asked for or complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(new_page: NewPage, tmp_path: Path) -> Opened:
    """Opens a text as a file, in a window of its own: ``open_page(text, width=390, scheme="dark", hash_="#x")``."""

    async def opened(
        text: str,
        *,
        width: int = 1280,
        height: int = 800,
        scheme: str = "light",
        scripts: bool = True,
        hash_: str = "",
        policy: str = "",
    ) -> Watched:
        watched = Watched(
            await new_page(
                allow="." if policy else None,  # what a foreign policy forbids, the browser says
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                java_script_enabled=scripts,
                offline=not policy,
            )
        )
        if policy:
            # A policy travels in a response header, so a page under one is answered from here; no server is asked.
            await watched.page.route(
                "http://report.example/**",
                lambda route: route.fulfill(
                    body=text, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": policy}
                ),
            )
            await watched.page.goto(f"http://report.example/report.html{hash_}")
        else:
            path = tmp_path / "report.html"
            path.write_text(text, encoding="utf-8")
            await watched.page.goto(f"{path.as_uri()}{hash_}")
        return watched

    return opened


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
