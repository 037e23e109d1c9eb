"""A real browser for the pages: Chromium as the system has it, else the one that Playwright brings."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Opened = Callable[..., "Watched"]


class Watched:
    """A page and everything that it asked for or complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = next(
            (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
        )
        started = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    """Opens a text as a file, in a window of its own: ``open_page(text, width=390, scheme="dark", hash="x")``."""
    contexts = []

    def opened(
        text: str,
        *,
        width: int = 1280,
        height: int = 800,
        scheme: str = "light",
        scripts: bool = True,
        hash_: str = "",
        policy: str = "",
    ) -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=scripts,
            offline=not policy,
        )
        contexts.append(context)
        watched = Watched(context.new_page())
        if policy:
            # A policy travels in a response header, so a page under one is answered from here; no server is asked.
            watched.page.route(
                "http://report.example/**",
                lambda route: route.fulfill(
                    body=text, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": policy}
                ),
            )
            watched.page.goto(f"http://report.example/report.html{hash_}")
        else:
            path = tmp_path / "report.html"
            path.write_text(text, encoding="utf-8")
            watched.page.goto(f"{path.as_uri()}{hash_}")
        return watched

    yield opened
    for context in contexts:
        context.close()
