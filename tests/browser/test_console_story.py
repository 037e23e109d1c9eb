"""The article's story in a real browser, against real backends behind a real Apache (Figures 5-7, 11, 17, 18, 20)."""

from __future__ import annotations

import re
from dataclasses import replace

import psutil
import pytest
from playwright.async_api import Playwright, expect
from websockets.asyncio.server import ServerConnection, serve

from tests.browser.conftest import ARGUMENTS, NewPage
from tests.browser.console import Console
from wslb.interfaces import Fault
from wslb.lab.lab import Lab
from wslb.model.balancer import Listener
from wslb.model.handshake import one_header
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster

pytestmark = [pytest.mark.browser, pytest.mark.live]

END = "* * * * *  E N D  O F  L I S T I N G  * * * * *"


@pytest.mark.parametrize("listener", list(Listener))
async def test_connect_run_disconnect_and_the_other_backend_answers(console: Console, listener: Listener) -> None:
    await console.load(listener)
    uri = console.lab.proxy.front.url(listener, f"/{listener.value}")
    await expect(console.page.locator("h1")).to_have_text("Realtime Console based on WebSocket")
    await expect(console.uri).to_have_value(uri)
    await expect(console.status).to_have_text("Closed")

    answered = []
    for title in ("Work with Subsystems", "System Status Information"):
        await console.clear.click()
        await console.open()
        answered.append(await console.answered())
        await expect(console.command).to_be_focused()
        await console.send({"Work with Subsystems": "WRKSBS"}.get(title, "WRKSYSSTS"))
        await expect(console.line(END, "received")).to_have_count(1)
        await console.end()
        await expect(console.connect).to_be_focused()
        greeting, output = await console.texts("received")
        assert greeting == console.greetings[answered[-1]]
        assert title in output
        await expect(console.line("Disconnected. 1000", "event")).to_have_count(1)
        events = [text for kind in ("event", "bad") for text in await console.texts(kind)]
        assert events[:2] == [f"Connecting to {uri}", "Connected."]
        assert events[-1] == "Disconnected. 1000 normal closure, begun by this page, clean. Both sides were done."
    assert set(answered) == {"liberty", "node"}
    await expect(console.line("the time before by A", "event")).to_have_count(1)

    for name in answered:
        [arrival] = await console.lab.fleet[name].journal()
        assert arrival.accepted
        assert arrival.listener == listener.value
        origin = console.address(listener).removesuffix("/WSConsole.html")
        assert one_header(arrival.headers, "Origin") == origin, "the page's own origin reached the backend"


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("backend", ["liberty", "node"])
async def test_page_of_a_backend_connects_to_that_backend(console: Console, backend: str, scheme: str) -> None:
    await console.load_from(backend, scheme)
    await expect(console.uri).to_have_value(
        f"{scheme}://{console.at(backend, scheme)}{console.lab.fleet[backend].info.cl_path}"
    )
    await console.open()
    assert await console.answered() == backend
    await console.page.get_by_role("button", name="WRKSBS").click()
    await expect(console.line("Work with Subsystems", "received")).to_have_count(1)


async def test_four_connections_by_hand_take_turns(console: Console) -> None:
    await console.load()
    answered = []
    for _ in range(4):
        await console.open()
        answered.append(await console.answered())
        await console.end()
    assert answered in (["liberty", "node"] * 2, ["node", "liberty"] * 2)


async def test_who_answered_and_the_headers_as_they_arrived(console: Console) -> None:
    await console.load()
    await console.open()
    name = await console.answered()
    await console.page.get_by_role("button", name="Who answered").click()
    await expect(console.status).to_have_text(re.compile(rf" · {name} #\d+$"))
    await console.page.get_by_role("button", name="Headers as received").click()
    await expect(console.line("command DSPWSHDR tells how the request arrived there", "event")).to_have_count(1)
    listing = console.line("Display WebSocket Request Headers", "received")
    await expect(listing).to_have_count(1)
    shown = await listing.inner_text()
    [arrival] = await console.lab.fleet[name].journal()
    for field, value in arrival.headers:
        assert re.search(rf"^{re.escape(field)} +{re.escape(value)}", shown, re.MULTILINE), field
    assert "X-Forwarded-For" in shown, "what Apache added is seen"


# -- connect n times -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listener", list(Listener))
async def test_connect_20_times_draws_the_turns(console: Console, listener: Listener) -> None:
    await console.load(listener)
    await console.rounds.click()
    await expect(console.tally).to_have_text("Nobody answered twice in a row.")
    assert await console.strip() in ("AB" * 10, "BA" * 10)
    await expect(console.count).to_have_text(re.compile(r"A 10 \(.+\) · B 10 \(.+\) · 0 breaks"))
    await expect(console.line("Connected 20 times", "event")).to_have_count(1)
    await expect(console.rounds).to_have_text("Connect 20 times")
    journals = [await backend.journal() for backend in console.lab.fleet.living.values()]
    assert [len(journal) for journal in journals if journal] == [10, 10], "the backends agree"


async def test_breaks_are_counted_and_marked(console: Console) -> None:
    weighted = cluster(replace(LIBERTY, loadfactor=3), NODE)
    await console.lab.begin("weighted", balanced(weighted), balancer=weighted)
    await console.load()
    await console.times.fill("12")
    await console.rounds.click()
    await expect(console.tally).to_contain_text("First break at #")
    turns = await console.strip()
    assert len(turns) == 12
    marked = [index for index, cell in enumerate(await console.strip_cells()) if "break" in cell]
    assert marked
    assert marked == [at for at in range(1, 12) if turns[at] == turns[at - 1]]
    await expect(console.count).to_contain_text(f"{len(marked)} breaks")
    await expect(console.tally).to_contain_text(f"First break at #{marked[0] + 1}.")


async def test_one_backend_alone_is_called_that(console: Console) -> None:
    await console.load_from("node")
    await console.times.fill("4")
    await console.rounds.click()
    await expect(console.tally).to_contain_text("One backend answered all")
    assert await console.strip() == "AAAA"


async def test_refused_ones_are_neither_turns_nor_breaks(console: Console) -> None:
    await console.lab.fault("node", Fault(kind="status", parameters={"status": 503}))
    await console.load()
    await console.times.fill("6")
    await console.rounds.click()
    await expect(console.tally).to_contain_text("tell why it was refused (×)")
    assert await console.strip() in ("A×" * 3, "×A" * 3)
    await expect(console.count).to_have_text(re.compile(r"A 3 \(.+\) · 0 breaks · 3 refused"))


async def test_server_without_a_greeting_is_not_guessed(console: Console) -> None:
    async def hello(connection: ServerConnection) -> None:
        await connection.send("hello")
        await connection.wait_closed()

    async with serve(hello, "127.0.0.1", 0) as foreign:
        await console.load()
        await console.uri.fill(f"ws://127.0.0.1:{foreign.sockets[0].getsockname()[1]}/")
        await console.rounds.click()
        await expect(console.tally).to_have_text(
            "Without a greeting (?) a client cannot learn who answered. Not tried further."
        )
        assert await console.strip() == "???"
        await console.open()
        await expect(console.line("hello", "received")).to_have_count(1)
        await expect(console.status).to_have_text("Open")


async def test_connecting_many_times_can_be_stopped(console: Console) -> None:
    await console.load()
    await console.times.fill("500")
    await console.rounds.click()
    await expect(console.page.locator("#strip li").nth(3)).to_be_attached()
    await console.rounds.click()
    await expect(console.tally).to_contain_text("Stopped after")
    await expect(console.rounds).to_have_text("Connect 500 times")


# -- what goes wrong -------------------------------------------------------------------------------------------------


BAD_URIS = {
    "http://127.0.0.1/ws": "begins with ws:// or wss://",
    "": "begins with ws:// or wss://",
    "/ws": "begins with ws:// or wss://",
    "ws://": "begins with ws:// or wss://",
    "javascript:alert(1)": "begins with ws:// or wss://",
    "ws://127.0.0.1/ws#part": "no # part",
    "ws://127.0.0.1:99999/ws": "is invalid",
}


async def test_bad_uri_is_said_beside_the_field(console: Console) -> None:
    await console.load()
    for uri, why in BAD_URIS.items():
        await console.uri.fill(uri)
        await console.connect.click()
        await expect(console.urierror).to_contain_text(why)
        await expect(console.uri).to_be_focused()
        await expect(console.uri).to_have_attribute("aria-invalid", "true")
        await expect(console.uri).to_have_accessible_description(re.compile(re.escape(why)))
        await expect(console.status).to_have_text("Closed")
    await expect(console.lines()).to_have_count(0)
    await console.open(console.lab.proxy.front.url(Listener.PLAIN, "/ws"))
    await expect(console.urierror).to_have_text("")


async def test_plain_address_from_a_secure_page_is_explained(new_page: NewPage, lab: Lab) -> None:
    console = Console(await new_page(allow="Mixed Content"), lab)
    await console.load(Listener.TLS)
    # TEST-NET (RFC 5737): browsers let a secure page open ws: to loopback. Nothing is sent anywhere.
    await console.uri.fill("ws://192.0.2.1/ws")
    await console.connect.click()
    await expect(console.urierror).to_contain_text("blocks ws: from a page that came by https")
    await expect(console.urierror).to_contain_text("Use wss://")


@pytest.mark.parametrize("listener", list(Listener))
async def test_killed_backend_is_explained_and_the_other_takes_over(console: Console, listener: Listener) -> None:
    await console.load(listener)
    await console.open()
    killed = await console.answered()
    await console.lab.fleet.kill(killed)
    await expect(console.status).to_have_text("Closed")
    said = console.line("Disconnected. 1006 abnormal, lost, not clean.", "bad")
    await expect(said).to_contain_text("ended without a close frame")
    await expect(said).to_contain_text("The browser itself made up this code.")
    await expect(said).to_contain_text(re.compile(r"error_log near \d\d:\d\d:\d\d"))
    await expect(console.connect).to_be_focused()
    await console.open()
    assert {killed, await console.answered()} == {"liberty", "node"}


async def test_refused_handshake_points_to_where_the_reason_is(console: Console) -> None:
    await console.load()
    await console.uri.fill(console.lab.proxy.front.url(Listener.PLAIN, "/nowhere"))
    await console.connect.click()
    said = console.line("The opening handshake failed", "bad")
    await expect(said).to_contain_text("1006 abnormal")
    await expect(said).to_contain_text("developer tools (F12)")
    await expect(console.connect).to_be_focused()


CLOSES = {
    (1000, ""): "1000 normal closure, begun by the server, clean.",
    (1001, "over and out"): '1001 going away, "over and out", begun by the server, clean.',
    (1003, ""): "1003 unsupported data, begun by the server, clean.",
    (1008, ""): "1008 policy violation, begun by the server, clean.",
    (1011, ""): "1011 internal error, begun by the server, clean.",
    (1012, ""): "1012 service restart, begun by the server, clean.",
    (1013, ""): "1013 try again later, begun by the server, clean.",
    (4321, "own"): '4321 of the application, "own", begun by the server, clean.',
}


async def test_close_codes_in_words(console: Console) -> None:
    await console.load_from("node")
    for (code, reason), said in CLOSES.items():
        await console.lab.fault("node", Fault(kind="close", parameters={"code": code, "reason": reason}))
        await console.connect.click()
        await expect(console.line(f"Disconnected. {said}")).to_have_count(1)
        await expect(console.status).to_have_text("Closed")


async def test_reconnects_only_when_asked_to_and_stops_when_told(console: Console) -> None:
    await console.load()
    await console.page.locator("summary").click()
    await console.reconnect.check()
    await console.open()
    lost = await console.answered()
    await console.lab.fleet.kill(lost)
    await expect(console.status).to_contain_text("Closed, attempt 1 in 1 s")
    await console.filter.focus()
    assert await console.answered() != lost
    await expect(console.filter).to_be_focused()
    for name in tuple(console.lab.fleet.living):
        await console.lab.fleet.kill(name)
    await expect(console.status).to_have_text("Closed, attempt 2 in 2 s")
    await expect(console.line("The opening handshake failed", "bad")).to_have_count(1)
    await console.disconnect.click()
    await expect(console.status).to_have_text("Closed")
    await expect(console.disconnect).to_be_disabled()
    await console.lab.begin("revived", balanced(CLUSTER), balancer=CLUSTER)


# -- subprotocols, links, storage ------------------------------------------------------------------------------------


async def test_subprotocol_is_offered_and_shown(console: Console) -> None:
    await console.load_from("liberty")
    await console.page.locator("summary").click()
    await console.subprotocol.fill("other, wsconsole")
    await console.open()
    await expect(console.line("Connected, subprotocol wsconsole.", "event")).to_have_count(1)
    [arrival] = await console.lab.fleet["liberty"].journal()
    assert arrival.subprotocol == "wsconsole"
    assert one_header(arrival.headers, "Sec-WebSocket-Protocol") == "other, wsconsole"
    await console.end()
    # A browser refuses a server that chooses none of those it offered.
    await console.subprotocol.fill("unknown")
    await console.connect.click()
    await expect(console.line("Is the path right, the subprotocol known", "bad")).to_have_count(1)
    await console.subprotocol.fill("no(token")
    await console.connect.click()
    await expect(console.urierror).to_contain_text("no(token")


async def test_link_fills_the_field_and_opens_nothing(console: Console) -> None:
    uri = console.lab.proxy.front.url(Listener.PLAIN, "/ws")
    await console.load(query=f"?uri={uri}?a=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E")
    await expect(console.uri).to_have_value(f'{uri}?a="><img src=x onerror=alert(1)>')
    await expect(console.status).to_have_text("Closed")
    await expect(console.page.locator("img")).to_have_count(0)
    await expect(console.lines()).to_have_count(0)
    assert [await backend.journal() for backend in console.lab.fleet.living.values()] == [(), ()]


async def test_secrets_of_the_address_are_neither_logged_nor_stored(console: Console) -> None:
    await console.load()
    address = console.lab.proxy.front.url(Listener.PLAIN, "/ws")
    await console.open(address.replace("ws://", "ws://me:hush@") + "?token=hush")
    await expect(console.line(f"Connecting to {address}", "event")).to_have_count(1)
    stored = await console.page.evaluate("JSON.stringify({ ...localStorage })")
    assert address in stored
    assert "hush" not in stored
    assert "hush" not in await console.log.inner_text()
    await console.page.reload()
    await expect(console.page.locator("#recent option")).to_have_text([address])


async def test_works_where_storage_is_blocked(console: Console) -> None:
    await console.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })"
    )
    await console.load()
    await console.open()
    await console.send("WRKSBS")
    await expect(console.line(END, "received")).to_have_count(1)
    await console.end()


async def test_policy_lets_nothing_in_and_nothing_out(new_page: NewPage, lab: Lab) -> None:
    console = Console(await new_page(allow="Content Security Policy"), lab)
    answered: list[str] = []
    console.page.on("requestfinished", lambda request: answered.append(request.url))
    await console.load()
    done = await console.page.evaluate(
        """async () => {
            const script = document.createElement('script');
            script.textContent = 'window.injected = true';
            document.body.append(script);
            const image = document.createElement('img');
            image.src = '/x.png';
            document.body.append(image);
            const fetched = await fetch('/').then(() => true, () => false);
            return [Boolean(window.injected), fetched];
        }"""
    )
    assert done == [False, False]
    assert answered == [console.address()]


async def test_browser_leaves_no_process_behind(playwright: Playwright, browser_program: str) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    launched = await playwright.chromium.launch(executable_path=browser_program, args=list(ARGUMENTS))
    started = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    assert started
    await launched.close()
    _, alive = psutil.wait_procs(started, timeout=15)
    assert not alive
