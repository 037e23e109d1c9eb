"""The line that is advised where nothing tells who answered: written into each proxy, it reaches the 101 and tells."""

from __future__ import annotations

from typing import Any

import pytest

from tests.foreign import provide
from tests.foreign.fronts import folder, free_port, members, running
from tests.foreign.products import PRODUCTS, Route
from wslb.commands.check import Probe
from wslb.connectors.websocket import WebSocketConnector
from wslb.wire.approach import Approach
from wslb.wire.naming import NameRule
from wslb.wire.opens import Demand, Mark
from wslb.wire.signatures import line_for

pytestmark = [pytest.mark.live]

OPENS = 16
"""Caddy draws lots where a client has no cookie: that sixteen opens come to one of two happens in 1 of 32,768 runs."""

COOKIE = {"sticky": {"cookie": {"name": "served"}}}
FIELD = {"response_headers_to_add": [{"header": {"key": "X-Served-By", "value": "%UPSTREAM_HOST%"}}]}


def written(line: Any) -> str:
    """A line of JSON as people write it: without quotes, where they are not needed."""
    return str(line).replace("'%", '"%').replace("%'", '%"').replace("'", "")


@pytest.mark.parametrize(
    ("product", "lines", "identify"),
    [
        ("nginx", "add_header X-Served-By $upstream_addr always;", "header:X-Served-By"),
        ("haproxy", "http-response set-header X-Served-By %s", "header:X-Served-By"),
        ("caddy", "lb_policy cookie served", "cookie:served"),
        ("traefik", COOKIE, "cookie:served"),
        ("envoy", FIELD, "header:X-Served-By"),
    ],
)
async def test_the_advised_line_tells_who_answered(product: str, lines: Any, identify: str) -> None:
    advice = line_for(product)
    line = lines if isinstance(lines, str) else written(lines)
    assert line.strip("{}") in advice
    assert f"then --identify {identify}" in advice
    try:
        program = provide.program(product)
    except provide.Missing as exc:
        pytest.skip(str(exc))
    with members("same", ["alpha", "beta"]) as ports, folder() as run:
        port = free_port()
        config = PRODUCTS[product](program, run, port, [Route(path="/ws", ports=ports, lines=lines)])
        for name, text in config.files.items():
            (run / name).write_text(text)
        with running(config.argv, run, port, path="/ws"):
            approach = Approach(url=f"ws://127.0.0.1:{port}/ws", identify=NameRule(rule=identify))
            probe = Probe(approach, WebSocketConnector(), wanted=Demand(count=OPENS, backends=2))
            answers = [answer async for answer in probe.answers()]
    [told] = [answer for answer in answers if answer.name == "Backends"]
    assert told.mark == Mark.HOLDS, told.text
    assert f"from {identify.replace(':', ' ')})" in told.text
