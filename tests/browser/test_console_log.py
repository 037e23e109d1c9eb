"""Sending and reading: the log under load, filter, save, history, repeat, binary, long and hostile messages."""

from __future__ import annotations

import base64
import json
import re

import pytest
from playwright.async_api import expect

from tests.browser.console import Console
from wslb.interfaces import Fault

pytestmark = [pytest.mark.browser, pytest.mark.live]

FLOOD = 5000


@pytest.fixture
async def echo(console: Console) -> Console:
    """The page, connected to an echo endpoint."""
    await console.load()
    await console.open(console.echo())
    return console


async def pushed(console: Console, messages: int) -> Console:
    """The page of the Node.js stand-in, connected; the backend then sends ``push 1``, ``push 2``, …"""
    await console.lab.fault(
        "node", Fault(kind="push", parameters={"messages": messages, "interval_seconds": 0}, times=1)
    )
    await console.load_from("node")
    await console.open()
    return console


# -- the log under load ----------------------------------------------------------------------------------------------


async def test_5000_messages_keep_the_page_alive_and_the_log_short(console: Console) -> None:
    await pushed(console, FLOOD)
    await console.command.press_sequentially("WRKSBS")
    await expect(console.command).to_have_value("WRKSBS")
    await expect(console.line(re.compile(f"^push {FLOOD}$"))).to_have_count(1)
    await console.send("WRKSBS")
    await expect(console.line("Work with Subsystems")).to_have_count(1)
    # Connecting, Connected, the greeting, who answered, the command and its answer.
    await expect(console.shown).to_have_text(f"{FLOOD + 6 - 1000:,} older lines dropped")
    assert await console.page.locator("#log .entry").count() == 1000
    texts = [text for text in await console.texts("received") if text.startswith("push")]
    assert texts == [f"push {number}" for number in range(FLOOD - len(texts) + 1, FLOOD + 1)], "in order, none lost"
    await expect(console.lines().last).to_be_in_viewport()


async def test_pause_holds_the_screen_and_loses_nothing(console: Console) -> None:
    await console.load_from("node")
    await console.pause.click()
    await console.lab.fault("node", Fault(kind="push", parameters={"messages": 40, "interval_seconds": 0}, times=1))
    await console.open()
    await expect(console.pause).to_have_text("Resume (44 new)")
    await expect(console.lines()).to_have_count(0)
    await console.pause.click()
    await expect(console.lines()).to_have_count(44)
    await expect(console.pause).to_have_text("Pause")


async def test_reader_who_scrolled_up_stays_there_and_is_told_of_new_lines(console: Console) -> None:
    await pushed(console, 200)
    await expect(console.line(re.compile("^push 200$"))).to_be_in_viewport()
    await expect(console.fresh).to_be_hidden()
    await console.log.evaluate("log => { log.scrollTop = 0; }")
    first = console.line("Connecting to")
    await expect(first).to_be_in_viewport()
    await console.send("WRKSBS")
    await expect(console.fresh).to_have_text("↓ 2 new")
    await expect(first).to_be_in_viewport()
    await console.fresh.click()
    await expect(console.fresh).to_be_hidden()
    await expect(console.log).to_be_focused()
    assert await console.log.evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight") < 9


async def test_each_line_tells_time_lag_direction_size(echo: Console) -> None:
    await echo.clear.click()
    await echo.send("grüß dich")
    await expect(echo.lines()).to_have_count(2)
    sent, received = await echo.lines().all_text_contents()
    time = r"\d\d:\d\d:\d\d\.\d{3}"
    assert re.fullmatch(rf"{time} \+\d+ ms → sent 11 B grüß dich", sent)
    assert re.fullmatch(rf"{time} rtt \d+ ms ← received 11 B grüß dich", received)


async def test_filter_by_text_by_expression_and_by_kind(console: Console) -> None:
    await pushed(console, 12)
    await expect(console.lines()).to_have_count(16)
    await console.filter.fill("PUSH 1")
    await expect(console.lines()).to_have_count(4)
    await expect(console.shown).to_have_text("4 of 16 lines shown")
    await console.filter.fill("/push [23]$/")
    await expect(console.bodies()).to_have_text(["push 2", "push 3"])
    await console.filter.fill("/(/")
    await expect(console.shown).to_contain_text("Invalid regular expression")
    await expect(console.filter).to_have_attribute("aria-invalid", "true")
    await console.filter.fill("")
    await console.received.uncheck()
    await expect(console.lines("received")).to_have_count(0)
    await expect(console.lines("event")).to_have_count(3)
    await console.events.uncheck()
    await console.send("WRKSBS")
    await expect(console.bodies()).to_have_text(["WRKSBS"])
    await console.sent.uncheck()
    await expect(console.lines()).to_have_count(0)


async def test_clear_by_button_and_by_key(echo: Console) -> None:
    await expect(echo.lines()).to_have_count(2)
    await echo.clear.click()
    await expect(echo.lines()).to_have_count(0)
    await echo.send("again")
    await expect(echo.lines()).to_have_count(2)
    await echo.page.keyboard.press("Alt+l")
    await expect(echo.lines()).to_have_count(0)


async def test_reading_aloud_can_be_turned_off(console: Console) -> None:
    await console.load()
    await expect(console.log).to_have_attribute("aria-live", "polite")
    await console.aloud.uncheck()
    await expect(console.log).to_have_attribute("aria-live", "off")


# -- save ------------------------------------------------------------------------------------------------------------


async def test_log_saves_as_text_and_as_json_lines(echo: Console) -> None:
    await echo.send("a <b>c</b>")
    await expect(echo.lines()).to_have_count(4)
    await echo.page.locator("summary").click()
    await echo.format.select_option("hex")
    await echo.send("00 ff 41")
    await expect(echo.lines()).to_have_count(6)

    async with echo.page.expect_download() as text:
        await echo.savetext.click()
    assert re.fullmatch(r"wsconsole-\d{14}\.txt", (await text.value).suggested_filename)
    saved = (await (await text.value).path()).read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} +\+\d+ ms → sent text 10 B a <b>c</b>", saved[2])
    assert saved[-1].startswith("00000000  00 ff 41 ")
    assert saved[-1].endswith("|..A|")

    async with echo.page.expect_download() as lines:
        await echo.savejson.click()
    assert (await lines.value).suggested_filename.endswith(".jsonl")
    read = (await (await lines.value).path()).read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in read]
    assert [entry["kind"] for entry in entries] == ["event", "event", "sent", "received", "sent", "received"]
    assert entries[3].items() >= {"type": "text", "bytes": 10, "text": "a <b>c</b>"}.items()
    assert base64.b64decode(entries[5]["base64"]) == b"\x00\xffA"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entries[0]["at"])


# -- commands --------------------------------------------------------------------------------------------------------


async def test_history_walks_with_the_arrows(echo: Console) -> None:
    for number in range(25):
        await echo.send(f"WRK{number}")
    await expect(echo.command).to_have_value("WRK24")
    await echo.command.press("Escape")
    await expect(echo.command).to_have_value("")
    for number in range(24, 4, -1):
        await echo.command.press("ArrowUp")
        await expect(echo.command).to_have_value(f"WRK{number}")
    await echo.command.press("ArrowUp")
    await expect(echo.command).to_have_value("WRK5")
    await echo.command.press("ArrowDown")
    await expect(echo.command).to_have_value("WRK6")


async def test_shift_enter_adds_a_line_and_enter_sends_both(echo: Console) -> None:
    await echo.clear.click()
    await echo.command.fill("one")
    await echo.command.press("Shift+Enter")
    await echo.command.press_sequentially("two")
    await expect(echo.size).to_have_text("7 B")
    await echo.command.press("Enter")
    await expect(echo.line(re.compile("^one\ntwo$"), "received")).to_have_count(1)


async def test_nothing_is_sent_while_closed_or_empty(console: Console) -> None:
    await console.load()
    await console.send("WRKSBS")
    await expect(console.commanderror).to_have_text("Not connected: choose Connect first.")
    await expect(console.command).to_be_focused()
    await console.open()
    await console.answered()
    await console.send("")
    await expect(console.commanderror).to_have_text("There is nothing to send.")
    await expect(console.lines("sent")).to_have_count(0)


async def test_repeats_and_stops(echo: Console) -> None:
    await echo.page.locator("summary").click()
    await echo.repeat.fill("3")
    await echo.every.fill("0")
    await echo.send("ping")
    await expect(echo.line("ping", "received")).to_have_count(3)
    await expect(echo.run).to_have_text("Run")
    await echo.repeat.fill("1000")
    await echo.every.fill("3600")
    await echo.send("once")
    await expect(echo.run).to_have_text("Stop (999)")
    await echo.run.click()
    await expect(echo.run).to_have_text("Run")
    await expect(echo.line("once", "sent")).to_have_count(1)
    await echo.repeat.fill("1000")
    await echo.every.fill("0")
    await echo.send("until closed")
    await echo.end()
    await expect(echo.run).to_have_text("Run")


async def test_what_is_not_sent_yet_is_shown(echo: Console) -> None:
    await echo.lab.fleet.freeze("node")
    try:
        # Text that permessage-deflate cannot shrink: a block of random letters, longer than its window of 32 KiB.
        await echo.command.evaluate(
            "field => { const letters = () => Math.random().toString(36).slice(2);"
            " field.value = Array.from({ length: 1 << 16 }, letters).join('').repeat(6); }"
        )
        for _ in range(12):  # more than the buffers of every socket on the way can take
            await echo.run.click()
        await expect(echo.timer).to_have_text(re.compile(r"^00:00:\d\d · \d+\.\d MB not sent yet$"))
    finally:
        await echo.lab.fleet.thaw("node")


# -- binary, long, hostile -------------------------------------------------------------------------------------------


async def test_binary_goes_as_hex_or_base64_and_comes_as_a_dump(echo: Console) -> None:
    await echo.clear.click()
    await echo.page.locator("summary").click()
    await echo.format.select_option("hex")
    await echo.command.fill("4")
    await expect(echo.size).to_have_text("not valid yet")
    await echo.command.press("Enter")
    await expect(echo.commanderror).to_have_text("Hex has two of 0-9 and a-f for each byte.")
    await echo.send("48 65 6c6C 6f 00")
    dump = "binary\n00000000  48 65 6c 6c 6f 00                                |Hello.|"
    await expect(echo.lines("received")).to_have_count(1)
    await expect(echo.bodies()).to_have_text([dump, dump])
    await echo.format.select_option("base64")
    await echo.send("*")
    await expect(echo.commanderror).to_have_text("This is no base64.")
    await echo.send("SGVsbG8A")
    await expect(echo.lines("received")).to_have_count(2)
    await expect(echo.bodies().last).to_have_text(dump)
    await expect(echo.lines("received").last).to_contain_text("6 B")


async def test_binary_to_a_server_that_takes_text_only_is_explained(console: Console) -> None:
    await console.load_from("liberty")
    await console.open()
    await console.page.locator("summary").click()
    await console.format.select_option("base64")
    await console.send("AAAA")
    await expect(
        console.line('Disconnected. 1003 unsupported data, "commands are text", begun by the server, clean.', "bad")
    ).to_have_count(1)


async def test_long_message_is_cut_until_asked_for(echo: Console) -> None:
    long = "0123456789" * 1000
    await echo.command.fill(long)
    await echo.command.press("Enter")
    received = echo.lines("received").first
    await expect(received).to_contain_text("9.8 KB")
    assert await received.locator(".body").text_content() == long[:4096]
    await received.get_by_role("button", name="Show all 9.8 KB").click()
    assert await received.locator(".body").text_content() == long
    await received.get_by_role("button", name="Show less").click()
    assert await received.locator(".body").text_content() == long[:4096]


async def test_json_is_formatted_on_request(echo: Console) -> None:
    await echo.send('{"a":[1,2]}')
    received = echo.lines("received").first
    await received.get_by_role("button", name="Format JSON").click()
    assert await received.locator(".body").text_content() == '{\n  "a": [\n    1,\n    2\n  ]\n}'
    await received.get_by_role("button", name="As received").click()
    assert await received.locator(".body").text_content() == '{"a":[1,2]}'
    await echo.send("{no json}")
    await expect(echo.lines("received")).to_have_count(2)
    await expect(echo.lines("received").last.get_by_role("button")).to_have_count(0)


async def test_hostile_text_stays_text(echo: Console) -> None:
    evil = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    await echo.send(evil)
    await echo.send("bell\x07 escape\x1b[31m delete\x7f turned\u202eback zero\u200bwidth")
    await expect(echo.lines("received")).to_have_count(2)
    assert await echo.texts("received") == [
        evil,
        "bell␇ escape␛[31m delete␡ turned<U+202e>back zero<U+200b>width",
    ]
    await expect(echo.page.locator("img")).to_have_count(0)
    await expect(echo.page).to_have_title("Realtime Console based on WebSocket")
