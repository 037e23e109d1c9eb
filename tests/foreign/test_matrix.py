"""Each foreign proxy before each kind of server, in each state: what ``check`` and ``load`` say, sentence by sentence.

No false accusation: what is balanced is never told as broken. No false green: where a member is dead, or nothing tells
who answered, what was asked for does not hold. All cells of one proxy are asked at once, each on a path of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import msgspec
import pytest

from tests.foreign import provide
from tests.foreign.fronts import folder, free_port, members, running
from tests.foreign.manners import KINDS, LIBRARIES
from tests.foreign.products import PRODUCTS, Route
from wslb.cli.check import command
from wslb.cli.load import command as load_command
from wslb.cli.loading import _plan
from wslb.cli.reaching import approach_of
from wslb.commands.check import Probe
from wslb.connectors.websocket import WebSocketConnector
from wslb.load.inquiry import Inquiry
from wslb.load.shards.shard import RunningShard
from wslb.wire.opens import Demand, Mark, ProbeAnswer

pytestmark = [pytest.mark.live]

SERVERS = {**KINDS, **LIBRARIES}
LAYOUTS = {
    "two": ("alpha", "beta"),
    "three": ("alpha", "beta", "gamma"),
    "dead": ("alpha", None),
    "anonymous": ("alpha", ""),
}
"""Names of the members of each layout: None is one where nobody listens, an empty one sends no name."""

COUNTS = {"two": 8, "three": 9, "dead": 6, "anonymous": 8}
LINES = {
    "nginx": "for nginx add add_header X-Served-By $upstream_addr always;, then --identify header:X-Served-By",
    "caddy": "for caddy add lb_policy cookie served, then --identify cookie:served",
    "envoy": "for envoy add response_headers_to_add: ",
}
"""What is advised where nothing tells, for proxies that say who they are."""

UNTOLD = "let the proxy or the server say it"
DEAD = {"haproxy": "503", "caddy": "502", "traefik": "502", "envoy": "503"}
"""What those that do not pass a dead member over answer in its turns."""

AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What was said of one."""

    checked: list[ProbeAnswer]
    loaded: dict[str, int]
    errors: dict[str, int]

    def of(self, name: str) -> ProbeAnswer:
        return next(one for one in self.checked if one.name == name)


@contextlib.contextmanager
def refusing() -> Iterator[int]:
    """A port where every connect is refused, and which nobody else can take meanwhile."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield int(one.getsockname()[1])


async def ask(url: str, kind: str, layout: str) -> Cell:
    """Ask both commands, as they would be on the command line."""
    words = SERVERS[kind].options
    approach = approach_of(url, command.make_context("check", [url, *words]).params)
    wanted = Demand(count=COUNTS[layout], backends=len(LAYOUTS[layout]))
    probe = Probe(approach, WebSocketConnector(limit=2**22, shape=approach.shape), wanted=wanted)
    checked = [answer async for answer in probe.answers()]
    asked = [url, *words, "--connections", "6", "--concurrency", "1", "--lag-limit", "60s"]
    plan = _plan(approach, load_command.make_context("load", asked).params)
    if plan.identify == "auto":
        rule = await Inquiry(approach).rule(6)
        plan = msgspec.structs.replace(plan, identify=rule.rule if rule else "auto")
    shard = RunningShard(plan.shards(1)[0], loop=asyncio.get_running_loop(), beat=lambda _: True)
    tally = await shard.until_over(time.time())
    return Cell(
        checked=checked,
        loaded={name: one.opened for name, one in tally.backends.items() if one.opened},
        errors=tally.errors,
    )


@cache
def cells(product: str) -> dict[tuple[str, str], Cell] | str:
    """Every cell of one proxy, or why it cannot be asked here."""
    try:
        program = provide.program(product)
    except provide.Missing as exc:
        return str(exc)
    with contextlib.ExitStack() as stack:
        dead = stack.enter_context(refusing())
        routes = {}
        for kind in SERVERS:
            names = ("alpha", "beta", "gamma", "")
            ports = dict(zip(names, stack.enter_context(members(kind, names)), strict=True))
            for layout, wanted in LAYOUTS.items():
                reached = [dead if name is None else ports[name] for name in wanted]
                routes[kind, layout] = Route(path=f"/{kind}-{layout}", ports=reached)
        run, port = stack.enter_context(folder()), free_port()
        written = PRODUCTS[product](program, run, port, list(routes.values()))
        for name, text in written.files.items():
            (run / name).write_text(text)
        stack.enter_context(running(written.argv, run, port, path="/echo-two"))
        return asyncio.run(all_of({key: f"ws://127.0.0.1:{port}{route.path}" for key, route in routes.items()}))


async def all_of(urls: dict[tuple[str, str], str]) -> dict[tuple[str, str], Cell]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(key: tuple[str, str], url: str) -> tuple[tuple[str, str], Cell]:
        async with room:
            return key, await ask(url, *key)

    return dict(await asyncio.gather(*(one(key, url) for key, url in urls.items())))


def cell(product: str, kind: str, layout: str) -> Cell:
    found = cells(product)
    if isinstance(found, str):
        pytest.skip(found)
    return found[kind, layout]


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("product", PRODUCTS)
def test_turns_are_told_as_turns(product: str, kind: str) -> None:
    told = SERVERS[kind].told
    for layout, counts in (("two", "4/4, 0 breaks"), ("three", "3/3/3, 0 breaks")):
        asked = cell(product, kind, layout)
        answer = asked.of("Backends")
        broken = [str(one) for one in asked.checked if one.mark == Mark.BROKEN and one.name != "Backends"]
        assert broken == [], f"{layout}: what is right is accused of nothing"
        assert asked.errors == {}, layout
        if not told:
            assert answer.mark == Mark.BROKEN
            assert f"nothing tells which backend answered; {LINES.get(product, UNTOLD)}" in answer.text
            assert asked.loaded == {"unknown": 6}
            continue
        assert answer.mark == Mark.HOLDS, answer.text
        assert f"from {told})".lower() in answer.text.lower(), "HAProxy writes names of fields in lower case"
        if (product, layout) != ("traefik", "three"):  # its turns are no rotation of three
            assert counts in answer.text
            assert set(asked.loaded.values()) == {3 if layout == "two" else 2}


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_dead_member_is_never_green(product: str, kind: str) -> None:
    asked = cell(product, kind, "dead")
    answer = asked.of("Backends")
    assert answer.mark == Mark.BROKEN
    if product not in DEAD:  # nginx asks another member, and leaves the dead one out
        assert "1 backend answered, not 2: A A A A A A" in answer.text or "nothing tells which" in answer.text
        assert asked.errors == {}
        return
    assert f"3 of 6 failed, all {DEAD[product]}" in answer.text
    assert "reaches no member: this one is down" in asked.of("Cause").text
    assert asked.errors == {f"status {DEAD[product]}": 3}


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("product", PRODUCTS)
def test_an_anonymous_member_is_a_name_in_a_field_and_none_in_a_message(product: str, kind: str) -> None:
    asked = cell(product, kind, "anonymous")
    answer = asked.of("Backends")
    assert asked.errors == {}
    if SERVERS[kind].told.startswith(("header", "the route")):
        assert answer.mark == Mark.HOLDS, answer.text
        assert "4/4, 0 breaks" in answer.text
        assert "= (none)" in answer.text
        assert set(asked.loaded) == {"alpha", "(none)"}
    else:
        assert answer.mark == Mark.BROKEN
        assert "nothing tells which backend answered" in answer.text
