"""The quality bar of report.html, in a real browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from tests import runs
from tests.browser.conftest import Axe, Opened
from wslb.model.results import LogLine
from wslb.reports import html
from wslb.reports.json_file import document

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
    "compared": lambda: html.render(runs.compared()),
}
JENKINS = "sandbox; default-src 'none'; img-src 'self'; style-src 'self';"
SANDBOX = "sandbox allow-scripts"


@pytest.fixture(params=list(PAGES))
def text(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param]()


async def test_opens_offline_asks_for_nothing_and_complains_about_nothing(open_page: Opened, text: str) -> None:
    watched = await open_page(text)
    await watched.page.wait_for_load_state("networkidle")
    assert [url for url in watched.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in watched.requests if url.startswith("file:")]) == 1
    assert watched.complaints == []


@pytest.mark.parametrize(
    ("scripts", "policy"), [(False, ""), (True, JENKINS), (True, SANDBOX)], ids=["no scripts", "jenkins", "sandbox"]
)
async def test_verdict_and_evidence_are_there_without_scripts_styles_or_storage(
    open_page: Opened, scripts: bool, policy: str
) -> None:
    watched = await open_page(PAGES["failed"](), scripts=scripts, policy=policy)
    page = watched.page
    await expect(page.locator("h1")).to_contain_text("FAIL")
    await expect(page.locator("h1")).to_contain_text("the turns broke at connection #7 in lb-broken")
    await expect(page.locator("#lb-broken")).to_contain_text("connection 7 expected liberty, got node")
    await expect(page.locator(".first svg").first).to_be_visible()
    await expect(page.locator(".first")).to_contain_text("wslb test lb-broken")


async def test_sandboxed_page_still_folds_filters_and_copies(open_page: Opened) -> None:
    page = (await open_page(PAGES["failed"](), policy=SANDBOX)).page
    await page.locator("#filter").fill("broken")
    await expect(page.locator("#shown")).to_have_text("1 of 2 shown")
    await page.locator(".first .copy").click()
    await expect(page.locator(".first .copy")).to_have_text(re.compile("Copied|Selected"))
    await page.locator("#keys").uncheck()


LOOKS = [("every kind", 1280, "light"), ("every kind", 1280, "dark"), ("every kind", 390, "light")]
LOOKS += [
    (name, 390, scheme)
    for name in ("passed", "interrupted", "lab error", "empty", "compared")
    for scheme in ("light", "dark")
]


@pytest.mark.parametrize(("name", "width", "scheme"), LOOKS)
async def test_accessible_in_both_colours_and_on_a_phone(
    open_page: Opened, axe: Axe, name: str, width: int, scheme: str
) -> None:
    page = (await open_page(PAGES[name](), width=width, scheme=scheme)).page
    await unfold(page)
    assert await axe(page) == []


@pytest.mark.parametrize("name", PAGES)
async def test_accessible_on_paper(open_page: Opened, axe: Axe, name: str) -> None:
    page = (await open_page(PAGES[name](), scheme="dark")).page
    await page.emulate_media(media="print")
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert await axe(page) == []


async def test_page_never_scrolls_sideways_and_cuts_nothing_off(open_page: Opened, text: str) -> None:
    page = (await open_page(text)).page
    await unfold(page)
    for width in (1280, 768, 390, 320):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        cut = await page.evaluate(
            """() => [...document.querySelectorAll('main *, header *')]
                .filter(e => !e.closest('.scroll, svg *, pre') && e.getBoundingClientRect().right > innerWidth + 1)
                .map(e => `${innerWidth}: ${e.tagName}.${e.className}`)"""
        )
        assert cut == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_link_to_a_scenario_opens_its_card(open_page: Opened, scripts: bool) -> None:
    page = (await open_page(PAGES["every kind"](), hash_="#lb-bytraffic", scripts=scripts)).page
    body = page.locator("#lb-bytraffic")
    await expect(body).to_be_visible()
    await expect(body).to_be_in_viewport()
    await expect(page.locator("#lb-byrequests")).not_to_be_visible()


async def test_link_inside_the_page_opens_a_card(open_page: Opened) -> None:
    page = (await open_page(PAGES["every kind"]())).page
    await page.locator("#sequence a", has_text="lb-bybusyness").click()
    await expect(page.locator("#lb-bybusyness")).to_be_in_viewport()


async def test_print_shows_everything_in_black_on_white(open_page: Opened) -> None:
    page = (await open_page(PAGES["every kind"](), scheme="dark")).page
    await page.emulate_media(media="print", color_scheme="dark")
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert await page.evaluate("[...document.querySelectorAll('details')].every(d => d.open)")
    await expect(page.locator("nav")).not_to_be_visible()
    await expect(page.locator(".tools").first).not_to_be_visible()
    colours = await page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    await page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not await page.evaluate("[...document.querySelectorAll('details')].every(d => d.open)")


def many(*, red: bool) -> str:
    """A page of thirty scenarios: all hold, or twenty of them fail by one cause."""
    results = [runs.passed(name=f"lb-{i}", letters="LN" * 10) for i in range(10 if red else 30)]
    for i in range(20 if red else 0):
        result = runs.broken(name=f"lb-red-{i}")
        shown = tuple(replace(member, loadfactor=3.0) for member in result.record.before)
        results.append(replace(result, record=replace(result.record, before=shown, after=shown)))
    return html.render(runs.saved(*results))


BROKEN_NAMES = """() => [...document.querySelectorAll('.verdicts td:nth-child(2), dl.six dt')].filter(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > cell.textContent.split(' ').length;
}).map(cell => cell.textContent)"""


@pytest.mark.parametrize("red", [True, False], ids=["red", "green"])
async def test_a_run_of_thirty_scenarios_is_two_to_five_pages_on_paper(open_page: Opened, red: bool) -> None:
    page = (await open_page(many(red=red))).page
    paper = await page.pdf(format="A4")
    assert 2 <= len(re.findall(rb"/Type /Page\b", paper)) <= 5
    await page.set_viewport_size({"width": 718, "height": 1047})  # A4 inside the margins of a browser
    await page.emulate_media(media="print")
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert await page.evaluate(BROKEN_NAMES) == []
    await expect(page.locator("#scenarios")).to_contain_text("lb-3")


async def test_print_without_scripts_shows_folded_cards(open_page: Opened) -> None:
    page = (await open_page(PAGES["passed"](), scripts=False)).page
    await page.emulate_media(media="print")
    box = await page.locator("#lb-byrequests .verdicts").bounding_box()
    assert box is not None
    assert box["height"] > 50


async def test_comparison_is_on_the_first_screen_on_paper_and_without_scripts(open_page: Opened) -> None:
    page = (await open_page(PAGES["compared"](), scripts=False)).page
    await expect(page.locator("#compare .advice dd").first).to_be_in_viewport(ratio=1)
    await expect(page.locator("#compare .advice dd").nth(1)).to_contain_text("bybusyness; largest deviation")
    await page.emulate_media(media="print")
    for table in await page.locator("table.contest").all():
        await expect(table).to_be_visible()
    await expect(page.locator("#compare-fault + p + .scroll")).to_contain_text("Recovery")


async def test_tables_of_the_comparison_fit_a_wide_screen(open_page: Opened) -> None:
    page = (await open_page(PAGES["compared"]())).page
    for region in await page.locator("#compare .scroll").all():
        assert await region.evaluate("e => e.scrollWidth <= e.clientWidth")


EVIL = "</script><img src=x onerror=\"document.title='owned'\">"


async def test_what_came_from_the_network_stays_inert(open_page: Opened) -> None:
    odd = runs.opened(2, "node", extra=(("X-Evil", EVIL),), answer=(("X-Back", EVIL),), error=EVIL)
    line = LogLine(at="t", module="m", level="error", code="AH00957", text=f"\x1b[31mred\x1b[0m {EVIL}")
    result = runs.judged(runs.record("LNLN", changed={2: odd}, lines=(line,)), question=EVIL, reproduce=EVIL)
    watched = await open_page(html.render(runs.saved(result, environment={"proxy": EVIL}, command=EVIL)))
    await unfold(watched.page)
    assert (await watched.page.title()).startswith("FAIL")
    await expect(watched.page.locator("img")).to_have_count(0)
    await expect(watched.page.locator("#log pre")).to_contain_text("[31mred")
    assert "\x1b" not in await watched.page.content()
    assert watched.complaints == []
    data = json.loads(await watched.page.locator("#wslb-data").inner_text())
    assert dict(data["scenarios"][0]["connections"][1]["request"])["X-Evil"] == EVIL


async def test_single_letter_keys_and_their_off_switch(open_page: Opened) -> None:
    page = (await open_page(PAGES["every kind"]())).page
    await page.keyboard.press("f")
    await expect(page.locator("details.card.failed").first.locator("summary").first).to_be_focused()
    await page.keyboard.press("f")
    await expect(page.locator("details.card:is(.failed,.errored)").nth(1).locator("summary").first).to_be_focused()
    await page.keyboard.press("/")
    await expect(page.locator("#filter")).to_be_focused()
    await page.keyboard.type("f?")
    await expect(page.locator("#filter")).to_have_value("f?")
    await page.locator("#filter").fill("")
    await page.locator("#keys").uncheck()
    await page.locator("h1").click()
    await page.keyboard.press("/")
    await expect(page.locator("#filter")).not_to_be_focused()


async def test_filter_and_fold(open_page: Opened) -> None:
    page = (await open_page(PAGES["every kind"]())).page
    await page.get_by_label("not passed").check()
    shown = page.locator("#scenarios > details.card:visible")
    assert {await card.get_attribute("data-outcome") for card in await shown.all()} == {"failed", "errored", "skipped"}
    await page.get_by_role("button", name="Open all").click()
    assert await page.evaluate("[...document.querySelectorAll('#scenarios > details')].every(d => d.open)")
    await page.get_by_role("button", name="Fold all").click()
    assert not await page.evaluate("[...document.querySelectorAll('#scenarios > details')].some(d => d.open)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_verdict_first_failure_and_command_need_no_scrolling(open_page: Opened, scheme: str) -> None:
    page = (await open_page(html.render(document(runs.everything())), scheme=scheme)).page
    for element in (page.locator("h1"), page.locator(".tally svg"), page.locator(".first .cmd").first):
        await expect(element).to_be_in_viewport(ratio=1)


async def unfold(page: Page) -> None:
    await page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")


def with_a_broken_rule_that_nothing_changed() -> str:
    """A page whose backend answered with a wrong Sec-WebSocket-Accept, which the proxy passed on as it was."""
    good = runs.opened(2, "node")
    wrong = tuple((name, "bm90IHJpZ2h0" if "Accept" in name else value) for name, value in good.response)
    odd = replace(good, response=wrong, arrivals=(replace(good.arrivals[0], response=wrong),))
    return html.render(runs.saved(runs.judged(runs.record("LNLN", changed={2: odd}))))


async def visible(page: Page, style: str) -> int:
    """Rows of this kind that are shown in the inspector."""
    return sum([await row.is_visible() for row in await page.locator(f"#handshake tr.{style}").all()])


async def test_inspector_shows_all_rows_or_what_changed_and_always_what_breaks_a_rule(
    open_page: Opened, axe: Axe
) -> None:
    page = (await open_page(with_a_broken_rule_that_nothing_changed())).page
    await unfold(page)
    total = {style: await page.locator(f"#handshake tr.{style}").count() for style in ("same", "changed", "broken")}
    assert min(total.values()) > 0
    await expect(page.locator("#handshake").get_by_label("all", exact=True)).to_be_checked()
    assert {style: await visible(page, style) for style in total} == total
    await expect(page.locator("#handshake .fewer").first).not_to_be_visible()

    await page.locator("#handshake").get_by_label("all", exact=True).focus()
    await page.keyboard.press("ArrowLeft")  # by keyboard alone
    await expect(page.locator("#handshake").get_by_label("changed", exact=True)).to_be_checked()
    assert {style: await visible(page, style) for style in total} == total | {"same": 0}
    told = [await note.inner_text() for note in await page.locator("#handshake .fewer:visible").all()]
    assert sum(int(text.split()[0]) for text in told) == total["same"]
    broken = page.locator("#handshake tr.broken", has_text="bm90IHJpZ2h0").first
    await expect(broken).to_contain_text("unchanged")
    await expect(broken).to_be_visible()
    assert await axe(page) == []

    await page.emulate_media(media="print")
    assert {style: await visible(page, style) for style in total} == total
    await expect(page.locator("#handshake .rows")).not_to_be_visible()
    await expect(page.locator("#handshake .fewer").first).not_to_be_visible()


async def test_inspector_without_scripts_shows_every_row_and_no_switch(open_page: Opened) -> None:
    page = (await open_page(with_a_broken_rule_that_nothing_changed(), scripts=False)).page
    await expect(page.locator("#handshake .rows")).not_to_be_visible()
    opened = page.locator("#handshake details.card[open]").first
    assert await opened.locator("tr.same").count() > 0
    for row in await opened.locator("tr.same, tr.changed, tr.broken").all():
        await expect(row).to_be_visible()
    await expect(opened.locator(".fewer").first).not_to_be_visible()


async def test_link_to_a_break_opens_the_table_at_its_row(open_page: Opened) -> None:
    page = (await open_page(PAGES["failed"]())).page
    await page.locator("#lb-broken").get_by_role("link", name="#7", exact=True).click()
    await expect(page.locator("#at-lb-broken-7")).to_be_in_viewport()
