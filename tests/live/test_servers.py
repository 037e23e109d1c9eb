"""``wslb test --backend``: servers that the run did not start, seen through recorders.

The servers are programs of ours, told to be others: they know nothing of the run, and their journals are not asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from websockets.asyncio.server import ServerConnection, serve

from tests.live.backends.program import Backend, running
from tests.live.command import Ended, Place, place
from tests.plugin.project import QUIET as PLAIN
from tests.plugin.project import run
from wslb.load.saved import read
from wslb.model.results import Outcome

pytestmark = pytest.mark.live

QUICK = ("--jobs", "1", "--json")


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as one:
        yield one
        assert one.leftovers() == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def greeting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backend]:
    async with running("lean-liberty", tmp_path_factory.mktemp("a"), "--name", "app", "--anywhere", "cl") as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def other(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backend]:
    async with running("lean-node", tmp_path_factory.mktemp("c"), "--name", "other", "--anywhere", "cl") as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def third(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backend]:
    async with running("node", tmp_path_factory.mktemp("d"), "--name", "third", "--host", "127.0.0.9") as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mute(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backend]:
    async with running("lean-node", tmp_path_factory.mktemp("b"), "--name", "mute", "--anywhere") as server:
        yield server


def url(server: Backend, path: str = "") -> str:
    return f"ws://{server.health['address']}:{server.health['ws']}{path}"


def outcomes(ended: Ended) -> dict[str, tuple[str, str]]:
    return {one["name"]: (one["outcome"], one["reason"]) for one in json.loads(ended.out)["scenarios"]}


ASKED = (
    "lb-byrequests", "lb-bybusyness-held", "lb-wss-byrequests", "headers-handshake", "thieves-refused",
    "timeouts-silent-handshake-http", "failover-kill",
)  # fmt: skip


async def test_two_servers_are_balanced_and_the_recorders_journal_it(
    here: Place, greeting: Backend, other: Backend
) -> None:
    one, two = f"one={url(greeting, '/WSConsole/')}", f"node={url(other)}"
    ended = await in_thread(here, "test", *ASKED, "--backend", one, "--backend", two, *QUICK)
    told = outcomes(ended)
    assert ended.code == 0, told
    assert {name: outcome for name, (outcome, _) in told.items()} == dict.fromkeys(ASKED, Outcome.PASSED)


async def test_servers_that_say_nothing_are_told_apart_by_their_recorders(here: Place, mute: Backend) -> None:
    names = ("lb-byrequests", "lb-bytraffic", "headers-query", "timeouts-idle-http")
    servers = ("--backend", f"one={url(mute, '/WSConsole')}", "--backend", f"two={url(mute)}")
    why = {
        "lb-bybusyness-held": "It needs greetings, or an --identify, that tell the backends apart, and the backends "
        "are real servers.",
        "timeouts-idle-wstunnel": "",
    }
    ended = await in_thread(here, "test", *names, *why, *servers, *QUICK)
    assert ended.code == 0
    passed, skipped = (Outcome.PASSED, ""), {name: (Outcome.SKIPPED, reason) for name, reason in why.items() if reason}
    assert outcomes(ended) == dict.fromkeys((*names, "timeouts-idle-wstunnel"), passed) | skipped


async def test_what_only_stand_ins_have_is_skipped_with_the_reason(here: Place, greeting: Backend) -> None:
    why = {
        "article-listing5-node": "It needs CL commands with the listings of the article's figures",
        "headers-subprotocol": "It needs a subprotocol that both servers choose",
        "payload-text": "It needs an echo endpoint",
        "failover-stop": "It needs a backend that the run may stop in good order",
        "timeouts-backend-idle": "It needs an idle limit of a second",
    }
    servers = ("--backend", f"liberty={url(greeting, '/WSConsole')}", "--backend", f"node={url(greeting)}")
    ended = await in_thread(here, "test", *why, *servers, *QUICK)
    assert ended.code == 5, "nothing ran"
    assert outcomes(ended) == {
        name: (Outcome.SKIPPED, f"{reason}, and the backends are real servers.") for name, reason in why.items()
    }


async def test_one_server_is_enough_for_a_site_of_one(here: Place, greeting: Backend) -> None:
    server = ("--backend", f"node={url(greeting)}")
    ended = await in_thread(here, "test", "lb-byrequests", "article-listing5-node", *server, *QUICK)
    reasons = {name: reason for name, (_, reason) in outcomes(ended).items()}
    assert reasons["lb-byrequests"] == (
        "It needs two servers (with one, only what is about a single member can be asked), and the backends are real "
        "servers."
    )


@contextlib.asynccontextmanager
async def saying(*greetings: str) -> AsyncIterator[list[str]]:
    """Servers that greet in these words, or not at all, and answer; yields their URLs."""
    async with contextlib.AsyncExitStack() as stack:
        urls = []
        for words in greetings:

            async def talk(tunnel: ServerConnection, words: str = words) -> None:
                if words:
                    await tunnel.send(words)
                async for _ in tunnel:
                    await tunnel.send("ok")

            server = await stack.enter_async_context(serve(talk, "127.0.0.1", 0))
            urls.append(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        yield urls


@pytest.mark.parametrize("carrier", ["wstunnel", "http"])
@pytest.mark.parametrize("greetings", [("this is a", "this is b"), ("", "")], ids=["greeting", "mute"])
async def test_handshakes_are_answered_by_servers_in_their_own_words_and_without(
    here: Place, carrier: str, greetings: tuple[str, str]
) -> None:
    names = ("handshake-smallest", "handshake-field-size", "handshake-http10", "handshake-backend-403",
             "handshake-backend-302-ws", "handshake-no-key")  # fmt: skip
    async with saying(*greetings) as (one, two):
        servers = ("--backend", f"a={one}", "--backend", f"b={two}", "--carrier", carrier)
        told = outcomes(await in_thread(here, "test", *names, *servers, *QUICK))
    lacking = {"handshake-no-key": "a known answer to a handshake that is not as it should be"}
    if carrier == "http" and not greetings[0]:
        lacking["handshake-http10"] = "a greeting, the only thing that comes where no status line does"
    skipped = {n: (Outcome.SKIPPED, f"It needs {w}, and the backends are real servers.") for n, w in lacking.items()}
    assert told == dict.fromkeys(names, (Outcome.PASSED, "")) | skipped


async def test_listing_seven_is_asked_of_a_server_that_answers_so_itself(here: Place, other: Backend) -> None:
    """Of any other, the proxy would be blamed for what the server has written."""
    async with saying("this is a", "this is b") as (one, two):
        told = outcomes(
            await in_thread(here, "test", "headers-listing7", "--backend", f"a={one}", "--backend", f"b={two}", *QUICK)
        )
    needs = "the article's Node.js server, whose answer has Listing 7's four fields"
    assert told == {"headers-listing7": (Outcome.SKIPPED, f"It needs {needs}, and the backends are real servers.")}
    servers = ("--backend", f"a={url(other)}", "--backend", f"node={url(other)}")
    told = outcomes(await in_thread(here, "test", "headers-listing7", *servers, *QUICK))
    assert told == {"headers-listing7": (Outcome.PASSED, "")}


@pytest.mark.parametrize("carrier", ["wstunnel", "http"])
async def test_three_servers_of_any_names_take_turns(
    here: Place, greeting: Backend, other: Backend, mute: Backend, carrier: str
) -> None:
    every = (
        "lb-byrequests", "lb-byrequests-held", "lb-byrequests-reversed", "lb-bybusyness", "lb-bytraffic",
        "lb-wss-byrequests",
    )  # fmt: skip
    two = ("lb-byrequests-at-once", "headers-handshake", "thieves-refused")
    servers = [f"{name}={url(at)}" for name, at in (("Refused", greeting), ("b_2", other), ("blackhole", mute))]
    words = [word for server in servers for word in ("--backend", server)]
    ended = await in_thread(here, "test", *every, *two, "--carrier", carrier, *words, *QUICK)
    told = {one["name"]: one for one in json.loads(ended.out)["scenarios"]}
    assert ended.code == 0, outcomes(ended)
    assert {one["outcome"] for one in told.values()} == {Outcome.PASSED}
    asked = {name: {made["backend"] for made in one["connections"]} for name, one in told.items()}
    assert {name: len(who) for name, who in asked.items()} == dict.fromkeys(every, 3) | dict.fromkeys(two, 2)
    assert all(told[name]["explanation"].endswith("Asked of all 3 servers.") for name in every)
    assert all(told[name]["explanation"].endswith("Asked of the first two servers only.") for name in two)


def closed_port() -> str:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"ws://127.0.0.1:{closed.getsockname()[1]}/x"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--backend", "x"), 2, "--backend is 'x', but must be NAME=URL"),
        (("--backend", "a-b=ws://host"), 2, "--backend is 'a-b=ws://host', but must be NAME=URL"),
        (("--backend", "a=http://host"), 2, "but must be NAME=ws://HOST[:PORT][/PATH]"),
        *(
            (("--backend", f"a={url}"), 2, "but must be NAME=ws://HOST[:PORT][/PATH]")
            for url in (
                *("", "host:80", "ws://", "ws:///x", "ws://:80", "ws://[::1", "ws://host:x", "ws://host:0"),
                *("ws://host:70000", "ws://host/#x", "ws://host/#", "ws://host?x=1", "ws://host/?", "ws://me@host"),
                *("ws://ho st/", 'ws://ho"st', 'ws://host/a"b', "ws://host/a\\b", "ws://host/${X}", "ws://host/<x>"),
                *("ws://host/é", "ws://host/a|b", "ws://host/a\nb"),
            )
        ),
        *(
            (("--backend", f"{name}=ws://host"), 2, "but must be NAME=URL, each NAME once and of letters, digits and _")
            for name in ("", "a b", 'a"b', "a'b", "a.b", "1a", "é", "a\nb")
        ),
        (("--backend", "a=ws://h", "--backend", "a=ws://g"), 2, "--backend is 'a=ws://g', but must be NAME=URL, each"),
        (("--backend", "a=ws://host", "--ca", "/x"), 2, "but must be given with a --backend NAME=wss://… only"),
        (("--backend", "a=wss://host", "--ca", "/x"), 2, "--ca is '/x', but must be a file with certificates in PEM"),
        (("--backend", f"a={closed_port()}"), 3, "cannot be asked: Connection refused."),
        (("--backend", "a=ws://nowhere.invalid"), 3, "The server a at ws://nowhere.invalid cannot be asked:"),
    ],
)
def test_a_server_that_cannot_be_asked_is_one_sentence(
    here: Place, words: tuple[str, ...], code: int, sentence: str
) -> None:
    ended = here.run("test", "lb-byrequests", *words)
    assert (ended.code, sentence in ended.err) == (code, True), ended.err
    assert "Traceback" not in ended.err


async def test_a_path_that_takes_no_websocket_is_told_with_its_status(here: Place, tmp_path: Path) -> None:
    async with running("node", tmp_path) as server:
        ended = await in_thread(here, "test", "lb-byrequests", "--backend", f"a={url(server, '/nothing')}")
    assert ended.code == 3
    assert "it answers 404 to an opening handshake on /nothing/CLRunner" in ended.err


async def test_each_server_is_asked_on_its_own_path(here: Place, tmp_path: Path) -> None:
    """The programs of the two parts, each in the other's: they accept no other path, and sign with the other's name."""
    names = ("lb-byrequests", "lb-wss-byrequests", "headers-query", "headers-handshake")
    async with running("node", tmp_path) as node, running("liberty", tmp_path) as liberty:
        servers = ("--backend", f"liberty={url(node)}", "--backend", f"node={url(liberty, '/WSConsole')}")
        ended = await in_thread(here, "test", *names, *servers, *QUICK)
    assert outcomes(ended) == dict.fromkeys(names, (Outcome.PASSED, ""))


async def in_thread(here: Place, *words: str) -> Ended:
    """Run a command while the servers of this loop go on."""

    return await asyncio.to_thread(here.run, *words)


@pytest.mark.parametrize("servers", [1, 2, 3])
async def test_up_stands_before_servers_until_it_is_told_to_end(
    here: Place, greeting: Backend, mute: Backend, other: Backend, servers: int
) -> None:
    urls = {"node": url(mute), "app": url(greeting, "/WSConsole"), "third": url(other)}
    words = [word for name in list(urls)[:servers] for word in ("--backend", f"{name}={urls[name]}")]
    running = here.start("up", *words, "--port", "18091", "--tls-port", "18454")
    await asyncio.to_thread(running.wait_until_printed, "Ctrl+C")
    checked = await in_thread(here, "check", "ws://127.0.0.1:18091/ws", "--count", "2")
    running.process.send_signal(signal.SIGINT)
    ended = await asyncio.to_thread(running.end)
    assert ended.code == 0, ended.err
    assert f"node      records what passes to {urls['node']}" in ended.out
    assert (f"{max(2, servers)} opens, one on each backend" in ended.out) == (servers > 1)
    assert (f"member3   records what passes to {urls['third']}" in ended.out) == (servers == 3)
    assert "101" in checked.out


@pytest.mark.parametrize("servers", [1, 2, 3])
async def test_load_passes_the_labs_httpd_to_servers(
    here: Place, greeting: Backend, other: Backend, third: Backend, servers: int
) -> None:
    urls = {"node": url(other), "app": url(greeting, "/WSConsole"), "last": url(third)}
    words = [word for name in list(urls)[:servers] for word in ("--backend", f"{name}={urls[name]}")]
    asked = ["--connections", "42", "--rate", "80", "--lag-limit", "60s"]
    asked += ["--expect-shares", ":".join("1" * servers)] if servers > 1 else []
    ended = await in_thread(here, "load", *words, *asked)
    assert ended.code == 0, ended
    made = read(here.folder / "reports" / "load" / "load.json")
    names = [["node"], ["liberty", "node"], ["liberty", "node", "member3"]][servers - 1]
    assert (made.opened, made.errors, made.target.kind) == (42, 0, "lab")
    assert {one.name: one.opened for one in made.backends} == dict.fromkeys(names, 42 // servers)
    assert [member.elected for member in made.members.after] == [42 // servers] * servers
    assert {one.program for one in made.target.backends.values()} == {"recorder"}
    assert {f"recorder {name}" for name in names} <= made.usage.keys()
    assert "of the recorders in the path" in ended.out


async def test_load_of_servers_that_nothing_tells_apart_claims_no_shares(here: Place, tmp_path: Path) -> None:
    silent = running("lean-node", tmp_path, "--name", "mute", "--anywhere", "--plain-headers")
    async with silent as one:
        words = ("--backend", f"a={url(one, '/WSConsole')}", "--backend", f"b={url(one)}", "--lag-limit", "60s")
        plain = await in_thread(here, "load", *words)
        asked = await in_thread(here, "load", *words, "--expect-shares", "1:1")
    assert (plain.code, "50.00%" in plain.out) == (0, False), plain.out
    assert asked.code == 1, asked.out
    assert "unknown" in asked.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("ws://host/", "--backend", "a=ws://h"), "--backend is 'a=ws://h', but must be left out with a URL"),
        (("--backend", "a=ws://h/#x"), "but must be NAME=ws://HOST[:PORT][/PATH]"),
        (("--backend", "a=ws://h", "--messages", "1"), "--messages is 1, but must be left out with --backend"),
        (("--backend", "a=ws://h", "--insecure"), "--insecure is True, but must be left out with --backend"),
        (("--backend", "a=ws://h", "--http2"), "--http2 is True, but must be left out with --backend"),
        (("--backend", "a=ws://h", "--connections", "5000"), "This opens 5000 connections at ws://h."),
        (("--backend", "a=ws://h", "--ca", "/x"), "but must be given with a --backend NAME=wss://… only"),
    ],
)
def test_load_before_servers_is_refused_in_one_sentence(here: Place, words: tuple[str, ...], sentence: str) -> None:
    ended = here.run("load", *words)
    assert (ended.code, sentence in ended.err) == (2, True), ended.err


def test_load_of_a_server_that_is_away_is_not_begun(here: Place) -> None:
    ended = here.run("load", "--backend", f"a={closed_port()}")
    assert (ended.code, "cannot be asked: Connection refused." in ended.err) == (3, True), ended.err


SESSION = """
from wslb import Lab

async def test_turns(wslb_lab: Lab) -> None:
    opened = [await wslb_lab.open() for _ in range(4)]
    record = await wslb_lab.collect()
    assert [one.accepted for one in opened] == [True] * 4
    assert list(record.elections) == ["liberty", "node", "member3", "liberty"]

async def test_ask(wslb_ask) -> None:
    result = await wslb_ask("lb-bytraffic")
    assert result.outcome == "passed", result
"""


async def test_pytest_asks_servers_too(tmp_path: Path, greeting: Backend, other: Backend, third: Backend) -> None:
    (tmp_path / "test_servers.py").write_text(SESSION)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    urls = {"app": url(greeting, "/WSConsole"), "node": url(other), "third": url(third)}
    servers = [f"--wslb-backend={name}={at}" for name, at in urls.items()]
    ended = await asyncio.to_thread(run, tmp_path, "-q", *servers, "--wslb-runtime=local", quiet=PLAIN)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    wrong = await asyncio.to_thread(run, tmp_path, "-q", "--wslb-backend=x")
    assert wrong.returncode == 4
    assert "--backend is 'x', but must be NAME=URL" in wrong.stderr
