"""How a page is looked at: on screens and on paper."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.async_api import Page

__all__ = ["LOOKS", "PAPER_WIDTH", "Look", "beyond_the_edge", "put_on_paper"]

PAPER_WIDTH = 718
"""CSS pixels of A4 inside the margins of a browser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A window's width, the system's colours, and whether it is printed."""

    width: int = 1280
    scheme: str = "light"
    paper: bool = False


LOOKS = [
    pytest.param(Look(), id="light"),
    pytest.param(Look(scheme="dark"), id="dark"),
    pytest.param(Look(width=390), id="390px"),
    pytest.param(Look(width=390, scheme="dark"), id="390px dark"),
    pytest.param(Look(width=PAPER_WIDTH, paper=True), id="print"),
    pytest.param(Look(width=PAPER_WIDTH, scheme="dark", paper=True), id="print dark"),
]


async def put_on_paper(page: Page) -> None:
    """Show the page as it is printed."""
    await page.emulate_media(media="print")
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")


async def beyond_the_edge(page: Page) -> list[str]:
    """What can be read only by scrolling sideways; paper cannot."""
    found: list[str] = await page.evaluate(
        """() => [...document.querySelectorAll('html, body :not(svg *)')]
            .filter(e => e.checkVisibility() && e.getBoundingClientRect().width > 1)  // else for screen readers alone
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 1
                && (e === document.documentElement || e.clientWidth && getComputedStyle(e).overflowX !== 'visible'))
            .map(e => `${e.localName}.${e.className}: ${e.textContent.trim().slice(0, 40)}`)"""
    )
    return found
