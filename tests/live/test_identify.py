"""``--identify`` of `wslb test`, `wslb up` and the pytest plugin: a witness beside the recorders, and the lies found.

The servers run in this process; what names each is in the 101, in a cookie or in the first message, beside a clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from tests.live.command import Ended, Place, place
from tests.plugin.project import QUIET as PLAIN
from tests.plugin.project import run
from wslb.model.results import Outcome

pytestmark = pytest.mark.live

QUICK = ("--jobs", "1", "--json")
ASKED_DIRECTLY = 2
"""Openings from which a lab learns what identifies a server."""

Names = Callable[[int], str]


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a server names itself.

    Attributes:
        field: of its 101, and the value, with ``{name}`` in it.
        says: its first message.
    """

    field: tuple[str, str] | None = None
    says: str = ""


HEADER = Manner(field=("X-Node", "{name}"))
COOKIE = Manner(field=("Set-Cookie", "SRV={name}; Path=/"))
ROUTE = Manner(field=("Set-Cookie", "JSESSIONID={clock}:{name}; Path=/"))
JSON = Manner(says='{{"at": {clock}, "from": {{"node": "{name}"}}}}')
MESSAGE = Manner(says="{clock}: I am {name}")
WORDS = Manner(says="I am {name}")
BOTH = Manner(field=("X-Node", "{name}"), says="I am {name}")

MANNERS = {
    "header:X-Node": HEADER, "cookie:SRV": COOKIE, "route:JSESSIONID": ROUTE, "json:from.node": JSON,
    r"message:I am (\w+)": MESSAGE, "greeting": WORDS,
}  # fmt: skip


@contextlib.asynccontextmanager
async def serving(manner: Manner, *names: Names) -> AsyncIterator[list[str]]:
    """One server for each of these, which tell the name by the number of the opening; yields the options for them."""
    async with contextlib.AsyncExitStack() as stack:
        words = []
        for letter, name in zip("abc", names, strict=False):
            counter = itertools.count(1)
            said: dict[ServerConnection, str] = {}

            def filled(text: str, name: str) -> str:
                return text.format(name=name, clock=time.time_ns())

            def answered(
                tunnel: ServerConnection, _: Request, response: Response, name: Names = name,
                counter: Iterator[int] = counter, said: dict[ServerConnection, str] = said,
            ) -> None:  # fmt: skip
                said[tunnel] = name(next(counter))
                if manner.field and said[tunnel]:
                    response.headers[manner.field[0]] = filled(manner.field[1], said[tunnel])

            async def talk(tunnel: ServerConnection, said: dict[ServerConnection, str] = said) -> None:
                if manner.says:
                    await tunnel.send(filled(manner.says, said.pop(tunnel)))
                async for _ in tunnel:
                    await tunnel.send("ok")

            server = await stack.enter_async_context(serve(talk, "127.0.0.1", 0, process_response=answered))
            words += ["--backend", f"{letter}=ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"]
        yield words


def always(name: str) -> Names:
    return lambda _: name


def later(first: str, then: str) -> Names:
    """One name while the lab learns it, and another through the proxy."""
    return lambda number: first if number <= ASKED_DIRECTLY else then


def each_time(number: int) -> str:
    return f"session{number}"


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as one:
        yield one
        assert one.leftovers() == []


async def in_thread(here: Place, *words: str) -> Ended:
    """Run a command while the servers of this loop go on."""
    return await asyncio.to_thread(here.run, *words)


def scenarios(ended: Ended) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(ended.out)["scenarios"]}


def named(scenario: dict[str, Any], witness: str) -> set[bool]:
    """Whether this witness names the backend of each tunnel, and the same one as its journal."""
    told = [one["witnesses"] for one in scenario["connections"] if one["accepted"]]
    return {[who[witness]] == who["journal"] for who in told}


@pytest.mark.parametrize("rule", MANNERS)
async def test_a_rule_is_one_more_witness_of_every_tunnel(here: Place, rule: str) -> None:
    carrier = "http" if rule in {"cookie:SRV", "greeting"} else "wstunnel"
    async with serving(MANNERS[rule], always("alpha"), always("beta")) as servers:
        words = (*servers, "--identify", rule, "--carrier", carrier, *QUICK)
        ended = await in_thread(here, "test", "lb", "headers", "article", *words)
    told = scenarios(ended)
    assert ended.code == 0, {name: (one["outcome"], one["reason"]) for name, one in told.items()}
    passed = {name for name, one in told.items() if one["outcome"] == Outcome.PASSED}
    assert {"lb-byrequests", "lb-bybusyness-held", "headers-handshake"} <= passed
    witness = "header" if MANNERS[rule].field else "greeting"
    assert named(told["lb-byrequests"], witness) == {True}
    assert named(told["headers-handshake"], witness) == {True}


async def test_further_instances_of_one_server_share_its_name(here: Place) -> None:
    """Which of them it was is told by the recorders, and the name must be that of their server."""
    names = ("failover-standby", "weights-three-members", "failover-kill")
    async with serving(BOTH, always("alpha"), always("beta")) as servers:
        for rule in ("header:X-Node", r"message:I am (\w+)"):
            ended = await in_thread(here, "test", *names, *servers, "--identify", rule, *QUICK)
            told = {name: (one["outcome"], one["reason"]) for name, one in scenarios(ended).items()}
            assert told == dict.fromkeys(names, (Outcome.PASSED, ""))


LIES = {
    "header:X-Node": (
        HEADER,
        "header X-Node",
        "header X-Node says node, everything else says liberty: something on the",
    ),
    "cookie:SRV": (COOKIE, "cookie SRV", "cookie SRV says node, everything else says liberty: something on the way"),
    "json:from.node": (JSON, "the greeting", "liberty greets as node"),
}


@pytest.mark.parametrize("rule", LIES)
async def test_a_server_that_names_the_other_is_red(here: Place, rule: str) -> None:
    manner, witness, cause = LIES[rule]
    async with serving(manner, later("alpha", "beta"), always("beta")) as servers:
        ended = await in_thread(here, "test", "headers-handshake", *servers, "--identify", rule, "--jobs", "1")
    (one,) = json.loads((here.folder / "reports" / "lb" / "report.json").read_text())["scenarios"]
    assert (ended.code, one["outcome"]) == (1, Outcome.FAILED)
    observed = {verdict["check"]: verdict["observed"] for verdict in one["verdicts"]}
    told = f"{witness} says node, the journals says liberty, the access log says liberty"
    assert told in observed["witnesses_agree"]
    assert cause in " ".join(ended.out.split())


@pytest.mark.parametrize(
    ("rule", "manner", "sentence"),
    [
        ("header:X-Node", HEADER, "header X-Node is silent"),
        (r"message:I am (\w+)", MESSAGE, "the greeting is nobody's"),
    ],
)
async def test_a_server_that_names_nobody_later_is_red(here: Place, rule: str, manner: Manner, sentence: str) -> None:
    async with serving(manner, later("alpha", "gamma"), always("beta")) as servers:
        ended = await in_thread(here, "test", "headers-handshake", *servers, "--identify", rule, *QUICK)
    (one,) = scenarios(ended).values()
    assert (ended.code, one["outcome"]) == (1, Outcome.FAILED)
    assert sentence in json.dumps(one["verdicts"])


LEFT_OUT = "or leave --identify out: the recorders tell."


@pytest.mark.parametrize(
    ("rule", "manner", "one", "other", "sentence"),
    [
        ("header:X-Node", HEADER, always(""), always("b"), "The server a at ws://127.0.0.1:{a} cannot be asked: "
         "--identify looks for header X-Node and finds nothing in its 101."),
        ("json:node", JSON, always("a"), always("b"), "--identify looks for field node of a message and finds nothing "
         "in the first text that it sends unasked."),
        ("cookie:SRV", HEADER, always("a"), always("b"), "looks for cookie SRV and finds nothing in its 101."),
        ("cookie:SRV", COOKIE, always("a"), each_time, "The server b at ws://127.0.0.1:{b} cannot be asked: --identify "
         "looks for cookie SRV and finds something else each time, which names the connection and not the server."),
        (r"message:I am (\w+)", MESSAGE, each_time, always("b"), "finds something else each time"),
        ("header:X-Node", HEADER, always("same"), always("same"), "The server b at ws://127.0.0.1:{b} cannot be asked: "
         "--identify looks for header X-Node and finds the same as of a at ws://127.0.0.1:{a}."),
        ("greeting", WORDS, always("same"), always("same"), "finds the same as of a at ws://127.0.0.1:{a}."),
    ],
)  # fmt: skip
async def test_a_rule_that_tells_nobody_is_one_sentence_before_the_first_scenario(
    here: Place, rule: str, manner: Manner, one: Names, other: Names, sentence: str
) -> None:
    async with serving(manner, one, other) as servers:
        ended = await in_thread(here, "test", "lb-byrequests", *servers, "--identify", rule, "--jobs", "1")
    ports = {word.partition("=")[0]: word.rpartition(":")[2] for word in servers[1::2]}
    assert (ended.code, sentence.format(**ports) in ended.err) == (3, True), ended.err
    assert LEFT_OUT in ended.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("test", "--identify", "header:X"), "--identify is 'header:X', but must be given with --backend NAME=URL"),
        (("up", "--identify", "header:X"), "--identify is 'header:X', but must be given with --backend NAME=URL"),
        (("test", "--identify", "auto", "--backend", "a=ws://h"), "--identify is 'auto', but must be a rule here"),
        (("test", "--identify", "ip", "--backend", "a=ws://h"), "--identify is 'ip', but must be greeting, header:"),
        (("test", "--identify", "message:(", "--backend", "a=ws://h"), "but must be an expression ("),
        (("up", "--identify", "json:", "--backend", "a=ws://h"), "--identify is 'json:', but must be greeting"),
        (("up", "--conf", "x.conf", "--identify", "json:a"), "--identify does not go with --conf"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_wrong_usage(here: Place, words: tuple[str, ...], sentence: str) -> None:
    ended = here.run(*words)
    assert (ended.code, sentence in ended.err) == (2, True), ended.err
    assert "Traceback" not in ended.err


async def test_up_asks_who_answers_before_it_is_ready(here: Place) -> None:
    ports = ("--port", "18093", "--tls-port", "18456", "--identify", "header:X-Node")
    async with serving(HEADER, always("alpha"), always("beta")) as servers:
        up = here.start("up", *servers, *ports)
        await asyncio.to_thread(up.wait_until_printed, "Ctrl+C")
        up.process.send_signal(signal.SIGINT)
        ended = await asyncio.to_thread(up.end)
        assert ended.code == 0, ended.err
    async with serving(HEADER, later("alpha", "beta"), always("beta")) as servers:
        ended = await in_thread(here, "up", *servers, *ports)
    assert ended.code == 3
    assert "connection 1 was passed to liberty, but --identify finds node in the answer" in ended.err


async def test_load_reads_a_rule_of_its_own(here: Place) -> None:
    """What identifies the servers is asked of each connection by the load, not of the servers at the start."""
    async with serving(HEADER, always("alpha"), always("beta")) as servers:
        asked = ("--connections", "8", "--expect-shares", "1:1", "--lag-limit", "60s", "--identify", "header:X-Node")
        ended = await in_thread(here, "load", *servers, *asked)
    assert ended.code == 0, ended


SESSION = """
from wslb import Lab

async def test_turns(wslb_lab: Lab) -> None:
    opened = [await wslb_lab.open() for _ in range(4)]
    record = await wslb_lab.collect()
    assert [one.handshake.signed_by for one in opened] == ["liberty", "node"] * 2
    assert record.signature == "header X-Node"

async def test_ask(wslb_ask) -> None:
    assert (await wslb_ask("lb-bybusyness-held")).outcome == "passed"
"""


async def test_pytest_asks_so_too(tmp_path: Path) -> None:
    (tmp_path / "test_servers.py").write_text(SESSION)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    async with serving(HEADER, always("alpha"), always("beta")) as servers:
        words = [f"--wslb-backend={word}" for word in servers[1::2]]
        rule = "--wslb-identify=header:X-Node"
        ended = await asyncio.to_thread(run, tmp_path, "-q", *words, rule, "--wslb-runtime=local", quiet=PLAIN)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        wrong = await asyncio.to_thread(run, tmp_path, "-q", *words, "--wslb-identify=ip")
    assert wrong.returncode == 4
    assert "--identify is 'ip', but must be greeting, header:NAME" in wrong.stderr
