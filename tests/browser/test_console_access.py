"""The console for everybody: keyboard alone, screen readers, small and enlarged screens, dark, less motion."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Axe, NewPage
from tests.browser.console import Console
from tests.browser.looks import PAPER_WIDTH, beyond_the_edge, put_on_paper
from wslb.interfaces import Fault
from wslb.lab.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.live]

LIGHT, DARK = {"color_scheme": "light"}, {"color_scheme": "dark"}
WIDE = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
PAPER = {"viewport": {"width": PAPER_WIDTH, "height": 1047}}
SMALL = {"viewport": {"width": 320, "height": 640}}
ENLARGED = {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2}
LOOKS = [
    pytest.param(LIGHT | WIDE, id="light"),
    pytest.param(DARK | WIDE, id="dark"),
    pytest.param(LIGHT | PHONE, id="390px"),
    pytest.param(DARK | SMALL, id="320px dark"),
    pytest.param(LIGHT | ENLARGED, id="200 percent"),
    pytest.param(LIGHT | PAPER, id="print"),
    pytest.param(DARK | PAPER, id="print dark"),
    pytest.param(LIGHT | WIDE | {"forced_colors": "active", "reduced_motion": "reduce"}, id="forced colours"),
]


@pytest.mark.parametrize("look", LOOKS)
async def test_every_state_is_accessible_and_fits(new_page: NewPage, lab: Lab, axe: Axe, look: dict[str, Any]) -> None:
    console, paper = Console(await new_page(**look), lab), look["viewport"] == PAPER["viewport"]
    await console.load()
    states = {"closed": await problems(console, axe, paper=paper)}

    await console.page.locator("summary").click()
    await console.open()
    name = await console.answered()
    await console.page.get_by_role("button", name="Headers as received").click()
    await console.send('{"a": "' + "long " * 900 + '"}')
    await expect(console.page.get_by_role("button", name="Show all")).to_have_count(1)
    states["open"] = await problems(console, axe, paper=paper)

    await lab.fault("node" if name == "liberty" else "liberty", Fault(kind="status", parameters={"status": 503}))
    await console.times.fill("4")
    await console.rounds.click()
    await expect(console.tally).to_contain_text("tell why it was refused (×)")
    states["turns"] = await problems(console, axe, paper=paper)

    await console.log.evaluate("log => { log.scrollTop = 0; }")
    await lab.fleet.kill(name)
    await expect(console.fresh).to_be_visible()
    await console.send("not connected")
    await console.filter.fill("/(/")
    await console.uri.fill("http://example")
    await console.connect.click()
    await expect(console.urierror).to_contain_text("begins with")
    states["errors"] = await problems(console, axe, paper=paper)

    assert states == {state: [] for state in states}


async def test_axe_finds_what_is_wrong(page: Page, axe: Axe) -> None:
    await page.set_content("<p style='color: #999; background: #fff'>pale</p><input>")
    assert {line.partition(" ")[0] for line in await axe(page)} >= {"color-contrast", "label", "html-has-lang"}


async def problems(console: Console, axe: Axe, *, paper: bool) -> list[str]:
    """What axe finds, sideways scrolling, and targets under 44 CSS pixels or, on paper, a log that is cut off."""
    if paper:
        await put_on_paper(console.page)
        found = await axe(console.page) + await beyond_the_edge(console.page)
        if await console.log.evaluate("log => log.scrollHeight > log.clientHeight"):
            found.append("lines of the log are cut off")
        await console.page.emulate_media(media="screen")
        return found
    found = await axe(console.page)
    if await console.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("the page scrolls sideways")
    small: list[str] = await console.page.evaluate(
        """() => [...document.querySelectorAll('button, input, textarea, select, summary, label:has(input)')]
            .filter((e) => e.type !== 'checkbox')  // its label is the target
            .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 43.9)
            .map((e) => 'too small a target: ' + (e.id || e.textContent) + ' ' + e.getBoundingClientRect().height)"""
    )
    return found + small


async def test_story_by_keyboard_alone(console: Console) -> None:
    await console.load()
    keyboard = console.page.keyboard
    await keyboard.press("Tab")
    await expect(console.uri).to_be_focused()
    await keyboard.press("Enter")
    await console.answered()
    await expect(console.command).to_be_focused()
    await keyboard.type("WRKSBS")
    await keyboard.press("Enter")
    await expect(console.line("Work with Subsystems", "received")).to_have_count(1)
    await keyboard.press("Shift+Tab")
    await expect(console.disconnect).to_be_focused()
    await keyboard.press("Space")
    await expect(console.connect).to_be_focused()
    await keyboard.press("Enter")
    await console.answered()
    await expect(console.command).to_be_focused()


FOCUSED = "(e => e.id || e.value || e.localName)(document.activeElement)"


async def test_tab_goes_through_everything_in_reading_order(console: Console) -> None:
    await console.load()
    await console.open()
    await console.answered()
    await console.page.locator("summary").click()
    await console.page.locator("h1").click()
    order = []
    for _ in range(40):
        await console.page.keyboard.press("Tab")
        order.append(await console.page.evaluate(FOCUSED))
        if order[-1] == "times":
            break
        outline = await console.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert outline != "0px", f"{order[-1]} shows its focus"
    assert " ".join(order) == (
        "disconnect command run WRKSBS WRKSYSSTS DSPWSCNN DSPWSHDR summary subprotocol format repeat every reconnect "
        "filter sent received events wrap aloud pause clear savetext savejson log rounds times"
    )


async def test_names_roles_and_live_regions(console: Console) -> None:
    await console.load()
    page = console.page
    for role, name, id_ in (
        ("combobox", "URI", "uri"),
        ("textbox", "Command", "command"),
        ("button", "Connect", "connect"),
        ("button", "Disconnect", "disconnect"),
        ("button", "Run", "run"),
        ("log", "Log", "log"),
    ):
        await expect(page.get_by_role(role, name=name, exact=True)).to_have_id(id_)  # type: ignore[arg-type]
    await expect(console.status).to_have_role("status")
    await expect(console.mark).to_have_attribute("aria-hidden", "true")
    assert await page.locator("html").get_attribute("lang") == "en"


async def test_nothing_moves_when_the_state_changes(console: Console) -> None:
    await console.load()

    async def places() -> list[Any]:
        return [await console.page.locator(f"#{name}").bounding_box() for name in PLACES]

    before = await places()
    await console.open()
    await console.answered()
    assert await places() == before
    await expect(console.connect).to_be_disabled()
    await expect(console.disconnect).to_be_enabled()
    await console.end()
    assert await places() == before


PLACES = ("uri", "connect", "disconnect", "command", "run", "filter", "log", "rounds")


async def test_motion_is_for_nobody(console: Console) -> None:
    await console.load()
    await console.open()
    assert await console.page.evaluate("document.getAnimations().length") == 0
