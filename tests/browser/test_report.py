"""The quality bar of report.html, in a real browser."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness.reporters import html
from harness.reporters.json_file import document
from harness.results import LogLine
from tests import runs
from tests.browser.conftest import Opened

pytestmark = pytest.mark.browser

PAGES = {
    "every kind": lambda: html.render(document(runs.everything()), baseline=runs.saved(runs.passed())),
    "passed": lambda: html.render(runs.saved(runs.passed(), runs.concurrent())),
    "failed": lambda: html.render(runs.saved(runs.passed(), runs.broken())),
    "interrupted": lambda: html.render(
        runs.saved(runs.passed(), interrupted="SIGINT", planned=("lb-byrequests", "lb-late"))
    ),
    "lab error": lambda: html.render(runs.saved(error="httpd was not found.", planned=("lb-byrequests",))),
    "empty": lambda: html.render(runs.saved()),
}
JENKINS = "sandbox; default-src 'none'; img-src 'self'; style-src 'self';"
SANDBOX = "sandbox allow-scripts"


@pytest.fixture(params=list(PAGES))
def text(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param]()


def test_opens_offline_asks_for_nothing_and_complains_about_nothing(open_page: Opened, text: str) -> None:
    watched = open_page(text)
    watched.page.wait_for_load_state("networkidle")
    assert [url for url in watched.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in watched.requests if url.startswith("file:")]) == 1
    assert watched.complaints == []


@pytest.mark.parametrize(
    ("scripts", "policy"), [(False, ""), (True, JENKINS), (True, SANDBOX)], ids=["no scripts", "jenkins", "sandbox"]
)
def test_verdict_and_evidence_are_there_without_scripts_styles_or_storage(
    open_page: Opened, scripts: bool, policy: str
) -> None:
    watched = open_page(PAGES["failed"](), scripts=scripts, policy=policy)
    page = watched.page
    expect(page.locator("h1")).to_contain_text("FAIL")
    expect(page.locator("h1")).to_contain_text("the turns broke at connection #7 in lb-broken")
    expect(page.locator("#lb-broken")).to_contain_text("connection 7 expected liberty, got node")
    expect(page.locator(".first svg").first).to_be_visible()
    expect(page.locator(".first")).to_contain_text("wslb test lb-broken")


def test_sandboxed_page_still_folds_filters_and_copies(open_page: Opened) -> None:
    page = open_page(PAGES["failed"](), policy=SANDBOX).page
    page.locator("#filter").fill("broken")
    expect(page.locator("#shown")).to_have_text("1 of 2 shown")
    page.locator(".first .copy").click()
    expect(page.locator(".first .copy")).to_have_text(re.compile("Copied|Selected"))
    page.locator("#keys").uncheck()


LOOKS = [("every kind", 1280, "light"), ("every kind", 1280, "dark"), ("every kind", 390, "light")]
LOOKS += [
    (name, 390, scheme) for name in ("passed", "interrupted", "lab error", "empty") for scheme in ("light", "dark")
]


@pytest.mark.parametrize(("name", "width", "scheme"), LOOKS)
def test_accessible_in_both_colours_and_on_a_phone(open_page: Opened, name: str, width: int, scheme: str) -> None:
    page = open_page(PAGES[name](), width=width, scheme=scheme).page
    unfold(page)
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [
        (violation["id"], [node["target"] for node in violation["nodes"]][:3]) for violation in found["violations"]
    ] == []


def test_page_never_scrolls_sideways_and_cuts_nothing_off(open_page: Opened, text: str) -> None:
    page = open_page(text).page
    unfold(page)
    for width in (1280, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cut = page.evaluate(
            """() => [...document.querySelectorAll('main *, header *')]
                .filter(e => !e.closest('.scroll, svg *, pre') && e.getBoundingClientRect().right > innerWidth + 1)
                .map(e => `${innerWidth}: ${e.tagName}.${e.className}`)"""
        )
        assert cut == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_link_to_a_scenario_opens_its_card(open_page: Opened, scripts: bool) -> None:
    page = open_page(PAGES["every kind"](), hash_="#lb-bytraffic", scripts=scripts).page
    body = page.locator("#lb-bytraffic")
    expect(body).to_be_visible()
    expect(body).to_be_in_viewport()
    expect(page.locator("#lb-byrequests")).not_to_be_visible()


def test_link_inside_the_page_opens_a_card(open_page: Opened) -> None:
    page = open_page(PAGES["every kind"]()).page
    page.locator("#sequence a", has_text="lb-bybusyness").click()
    expect(page.locator("#lb-bybusyness")).to_be_in_viewport()


def test_print_shows_everything_in_black_on_white(open_page: Opened) -> None:
    page = open_page(PAGES["every kind"](), scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("[...document.querySelectorAll('details')].every(d => d.open)")
    expect(page.locator("nav")).not_to_be_visible()
    expect(page.locator(".tools")).not_to_be_visible()
    colours = page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.evaluate("[...document.querySelectorAll('details')].every(d => d.open)")


def test_print_without_scripts_shows_folded_cards(open_page: Opened) -> None:
    page = open_page(PAGES["passed"](), scripts=False).page
    page.emulate_media(media="print")
    box = page.locator("#lb-byrequests .verdicts").bounding_box()
    assert box is not None
    assert box["height"] > 50


EVIL = "</script><img src=x onerror=\"document.title='owned'\">"


def test_what_came_from_the_network_stays_inert(open_page: Opened) -> None:
    odd = runs.opened(2, "node", extra=(("X-Evil", EVIL),), answer=(("X-Back", EVIL),), error=EVIL)
    line = LogLine(at="t", module="m", level="error", code="AH00957", text=f"\x1b[31mred\x1b[0m {EVIL}")
    result = runs.judged(runs.record("LNLN", changed={2: odd}, lines=(line,)), question=EVIL, reproduce=EVIL)
    watched = open_page(html.render(runs.saved(result, environment={"proxy": EVIL}, command=EVIL)))
    unfold(watched.page)
    assert watched.page.title().startswith("FAIL")
    expect(watched.page.locator("img")).to_have_count(0)
    expect(watched.page.locator("#log pre")).to_contain_text("[31mred")
    assert "\x1b" not in watched.page.content()
    assert watched.complaints == []
    data = json.loads(watched.page.locator("#wslb-data").inner_text())
    assert dict(data["scenarios"][0]["connections"][1]["request"])["X-Evil"] == EVIL


def test_single_letter_keys_and_their_off_switch(open_page: Opened) -> None:
    page = open_page(PAGES["every kind"]()).page
    page.keyboard.press("f")
    expect(page.locator("details.card.failed").first.locator("summary").first).to_be_focused()
    page.keyboard.press("f")
    expect(page.locator("details.card:is(.failed,.errored)").nth(1).locator("summary").first).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#filter")).to_be_focused()
    page.keyboard.type("f?")
    expect(page.locator("#filter")).to_have_value("f?")
    page.locator("#filter").fill("")
    page.locator("#keys").uncheck()
    page.locator("h1").click()
    page.keyboard.press("/")
    expect(page.locator("#filter")).not_to_be_focused()


def test_filter_and_fold(open_page: Opened) -> None:
    page = open_page(PAGES["every kind"]()).page
    page.get_by_label("not passed").check()
    shown = page.locator("#scenarios > details.card:visible")
    assert {card.get_attribute("data-outcome") for card in shown.all()} == {"failed", "errored", "skipped"}
    page.get_by_role("button", name="Open all").click()
    assert page.evaluate("[...document.querySelectorAll('#scenarios > details')].every(d => d.open)")
    page.get_by_role("button", name="Fold all").click()
    assert not page.evaluate("[...document.querySelectorAll('#scenarios > details')].some(d => d.open)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_verdict_first_failure_and_command_need_no_scrolling(open_page: Opened, scheme: str) -> None:
    page = open_page(html.render(document(runs.everything())), scheme=scheme).page
    for element in (page.locator("h1"), page.locator(".tally svg"), page.locator(".first .cmd").first):
        expect(element).to_be_in_viewport(ratio=1)


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")


def test_link_to_a_break_opens_the_table_at_its_row(open_page: Opened) -> None:
    page = open_page(PAGES["failed"]()).page
    page.locator("#lb-broken").get_by_role("link", name="#7", exact=True).click()
    expect(page.locator("#at-lb-broken-7")).to_be_in_viewport()
