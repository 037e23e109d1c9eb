"""A page of somebody else drives nothing, whether it asks across origins or its name was led here (DNS rebinding)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Playwright

from tests.browser.conftest import ARGUMENTS, PATIENCE_MS
from wslb.lab.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.live]

FOREIGN = "foreign.example"
SOCKET = """(uri) => new Promise((ended) => {
    const socket = new WebSocket(uri);
    socket.onmessage = () => { socket.close(); ended('opened'); };
    socket.onerror = () => ended('refused');
})"""

FORM = """([method, url]) => {
    const form = Object.assign(document.createElement('form'), { method, action: url, enctype: 'text/plain' });
    form.append(Object.assign(document.createElement('input'), { name: '{"kind": "mute", "x": "', value: '"}' }));
    document.body.append(form);
    form.submit();
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def led_here(playwright: Playwright, browser_program: str) -> AsyncIterator[Browser]:
    """A browser that resolves the foreign name to this machine, as after the owner of the name changed its address."""
    rules = f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1"
    launched = await playwright.chromium.launch(executable_path=browser_program, args=[*ARGUMENTS, rules])
    try:
        yield launched
    finally:
        await launched.close()


async def statuses(page: Page, requests: list[tuple[str, dict[str, Any]]]) -> list[int]:
    """Send requests out of a page; the status of each answer, also where the page itself may not read it."""
    found = []
    for url, how in requests:
        async with page.expect_response(url, timeout=PATIENCE_MS) as answer:
            await page.evaluate("([url, how]) => fetch(url, how).catch(() => null)", [url, how])
        found.append((await answer.value).status)
    return found


async def test_page_of_a_rebound_name_is_refused(led_here: Browser, lab: Lab) -> None:
    info, front = lab.fleet["node"].info, lab.proxy.front
    page = await led_here.new_page()
    control = f"http://{FOREIGN}:{info.control}"
    await page.goto(f"{control}/healthz")
    json = {"Content-Type": "application/json"}
    mute: dict[str, Any] = {"method": "POST", "body": '{"kind": "mute"}', "headers": json}
    asked: list[tuple[str, dict[str, Any]]] = [
        (f"{control}/healthz", {}),
        (f"{control}/journal", {}),
        (f"{control}/journal", {"method": "DELETE"}),
        (f"{control}/fault", mute),
        (f"{control}/fault", {"method": "POST", "body": '{"kind": "mute"}'}),
    ]
    assert await statuses(page, asked) == [403] * len(asked)

    site = f"http://{FOREIGN}:{front.plain}"
    await page.goto(f"{site}/nothing")  # a page without a policy of its own, unlike the console
    manager = f"{site}{lab.proxy.dialect.manager_path}"
    assert await statuses(page, [(manager, {}), (manager, {"method": "POST", "body": "b=mycluster"})]) == [403, 403]
    assert await page.evaluate(SOCKET, f"ws://{FOREIGN}:{front.plain}/ws") == "refused"

    journal = await lab.fleet.journal()
    assert [entry.status for entry in journal] == [403], "the proxy passed the handshake on, and the backend refused it"


async def test_page_that_asks_across_origins_is_refused(led_here: Browser, lab: Lab) -> None:
    info, front = lab.fleet["node"].info, lab.proxy.front
    control, own = f"http://127.0.0.1:{info.control}", f"http://127.0.0.1:{front.plain}"
    manager = f"{own}{lab.proxy.dialect.manager_path}"
    # A page under a foreign name; what it asks is named by this machine's address.
    foreign = f"http://{FOREIGN}:{front.plain}/nothing"
    # A form may be sent anywhere, and its answer is shown: so the browser tells the status. GET has no Origin.
    for method, url, status in (
        ("GET", f"{control}/journal", 401),
        ("POST", f"{control}/fault", 403),
        ("GET", manager, 403),
        ("POST", manager, 403),
    ):
        page = await led_here.new_page()
        await page.goto(foreign)
        async with page.expect_response(re.compile(re.escape(url))) as answered:
            await page.evaluate(FORM, [method, url])
        assert (await answered.value).status == status, (method, url)

    page = await led_here.new_page()
    await page.goto(foreign)
    for uri in (f"ws://127.0.0.1:{front.plain}/ws", f"ws://{lab.addresses['ws://node']}{info.cl_path}"):
        assert await page.evaluate(SOCKET, uri) == "refused"
    assert [entry.status for entry in await lab.fleet.journal()] == [403, 403]


async def test_own_page_is_let_in(led_here: Browser, lab: Lab) -> None:
    front = lab.proxy.front
    page = await led_here.new_page()
    own = f"http://127.0.0.1:{front.plain}"
    await page.goto(f"{own}/nothing")
    assert await statuses(page, [(f"{own}{lab.proxy.dialect.manager_path}", {})]) == [200]
    assert await page.evaluate(SOCKET, f"ws://127.0.0.1:{front.plain}/ws") == "opened"
