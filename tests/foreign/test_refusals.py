"""Refusals of real proxies, each for a reason that is known: the true cause must stand first.

A row is a reason at one proxy: what stands at its route, in the proxy's own language, and what ``wslb check`` must say.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from tests.foreign import provide
from tests.foreign.fronts import APACHE, apache, folder, free_port, members, running
from tests.foreign.products import PRODUCTS, Route
from wslb.connectors.glance import glance
from wslb.model.handshake import Headers
from wslb.wire.refusals import Refusal, likely

pytestmark = [pytest.mark.live]

ORIGIN: Headers = (("Origin", "https://shop.example.org"),)
LONG: Headers = (("Cookie", "a=" + "x" * 60_000),)


@dataclass(frozen=True)
class Row:
    """One reason at one proxy.

    Attributes:
        status: that comes.
        first: name of the cause that must stand first.
        word: of the remedy of the first cause.
        behind: what stands behind: ``good``, ``dead``, ``mute``, ``hangs up``, ``404`` and other statuses, or nothing.
        again: opens before the one that is looked at.
    """

    product: str
    reason: str
    status: int
    first: str
    word: str
    lines: Any = ""
    behind: str = "good"
    upgrades: bool = True
    headers: Headers = ORIGIN
    again: int = 0

    @property
    def path(self) -> str:
        return f"/{self.reason.replace(' ', '-')}"


def middleware(**what: Any) -> dict[str, Any]:
    return {"middleware": what}


ROWS = (
    Row("nginx", "no upgrade lines", 426, "upgrade lost", "proxy_set_header Upgrade", upgrades=False),
    Row("nginx", "dead member", 502, "members dead", "proxy_pass", behind="dead"),
    Row(
        "nginx", "mute member", 504, "member slow", "proxy_read_timeout", behind="mute", lines="proxy_read_timeout 1s;"
    ),
    Row("nginx", "denied", 403, "forbidden by the proxy", "", lines="deny all;"),
    Row("nginx", "login", 401, "login wanted", "--user", lines='auth_basic "staff"; auth_basic_user_file /dev/null;'),
    Row(
        "nginx",
        "too often",
        429,
        "rate limit",
        "limit_req",
        lines="limit_req zone=slow; limit_req_status 429;",
        again=1,
    ),
    Row("nginx", "moved", 301, "slash", "/moved/", lines="return 301 /moved/;", behind=""),
    Row(
        "nginx",
        "to tls",
        301,
        "redirect to TLS",
        "wss://",
        lines="return 301 https://$http_host$request_uri;",
        behind="",
    ),
    Row(
        "nginx",
        "page",
        200,
        "web page",
        "path",
        lines='default_type text/html; return 200 "<title>Shop</title>";',
        behind="",
    ),
    Row("nginx", "wrong path", 404, "path", "", behind="404"),
    Row("nginx", "long cookie", 400, "too long", "large_client_header_buffers", headers=(*ORIGIN, *LONG)),
    Row("nginx", "origin", 403, "origin", "", behind="403"),
    Row(
        "haproxy",
        "upgrade deleted",
        426,
        "upgrade lost",
        "Let each proxy on the way",
        lines="http-request del-header upgrade",
    ),
    Row("haproxy", "dead member", 503, "members dead", "redispatch", behind="dead"),
    Row("haproxy", "mute member", 504, "member slow", "timeout server", behind="mute"),
    Row("haproxy", "hung up", 502, "member hung up", "wslb check", behind="hangs up"),
    Row("haproxy", "denied", 403, "forbidden by the proxy", "", lines="http-request deny"),
    Row("haproxy", "too often", 429, "rate limit", "sc_http_req_rate", lines="http-request deny deny_status 429"),
    Row("haproxy", "login", 401, "login wanted", "--user", lines="http-request auth realm staff"),
    Row("haproxy", "wrong path", 404, "path", "", behind="404"),
    Row("haproxy", "to tls", 302, "redirect to TLS", "wss://", lines="redirect scheme https"),
    Row(
        "caddy",
        "upgrade deleted",
        426,
        "upgrade lost",
        "header_up -Upgrade",
        lines="header_up -Upgrade\nheader_up -Connection",
    ),
    Row("caddy", "dead member", 502, "members dead", "lb_try_duration", behind="dead"),
    Row("caddy", "denied", 403, "forbidden by the proxy", "", lines="respond 403", behind=""),
    Row("caddy", "wrong path", 404, "path", "", behind="404"),
    Row("caddy", "to tls", 302, "redirect to TLS", "wss://", lines="redir https://{hostport}{uri}", behind=""),
    Row(
        "caddy",
        "page",
        200,
        "web page",
        "path",
        lines='header Content-Type text/html\nrespond "<title>Shop</title>" 200',
        behind="",
    ),
    Row(
        "traefik",
        "upgrade deleted",
        426,
        "upgrade lost",
        "Let each proxy on the way",
        lines=middleware(headers={"customRequestHeaders": {"Upgrade": "", "Connection": ""}}),
    ),
    Row("traefik", "dead member", 502, "members dead", "health check", behind="dead"),
    Row(
        "traefik",
        "too often",
        429,
        "rate limit",
        "rateLimit",
        lines=middleware(rateLimit={"average": 1, "period": "1m", "burst": 1}),
        again=2,
    ),
    Row("traefik", "login", 401, "login wanted", "--user", lines=middleware(basicAuth={"users": ["a:$apr1$x$y"]})),
    Row("traefik", "to tls", 302, "redirect to TLS", "wss://", lines=middleware(redirectScheme={"scheme": "https"})),
    Row("traefik", "wrong path", 404, "path", "", behind="404"),
    Row("envoy", "upgrade off", 403, "upgrade lost", "upgrade_configs", upgrades=False),
    Row("envoy", "dead member", 503, "members dead", "retry_policy", behind="dead"),
    Row("envoy", "hung up", 503, "member hung up", "wslb check", behind="hangs up"),
    Row(
        "envoy",
        "mute member",
        504,
        "member slow",
        "timeout of the route",
        behind="mute",
        lines={"route": {"timeout": "1s"}},
    ),
    Row("envoy", "wrong path", 404, "path", "", behind="404"),
    Row("envoy", "to tls", 301, "redirect to TLS", "wss://", lines={"redirect": {"https_redirect": True}}),
    Row("apache", "no upgrade", 426, "upgrade lost", "upgrade=websocket", upgrades=False),
    Row("apache", "dead member", 503, "members dead", "BalancerMember", behind="dead"),
    Row("apache", "denied", 403, "forbidden by the proxy", "", lines="Require all denied"),
    Row("apache", "hung up", 502, "member hung up", "wslb check", behind="hangs up"),
    Row("apache", "wrong path", 404, "path", "", behind="404"),
    Row(
        "apache",
        "to tls",
        302,
        "redirect to TLS",
        "wss://",
        lines="RewriteEngine On\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=302,L]",
        behind="",
    ),
)


@contextlib.contextmanager
def behinds() -> Iterator[dict[str, int]]:
    """A port for each thing that may stand behind a proxy."""
    with contextlib.ExitStack() as stack:
        dead = stack.enter_context(socket.socket())
        dead.bind(("127.0.0.1", 0))
        mute = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        [good] = stack.enter_context(members("silent", ["alpha"]))
        others = stack.enter_context(members("refusing", ["404", "403", "hangs up"]))
        yield {
            "good": good, "dead": dead.getsockname()[1], "mute": mute.getsockname()[1],
            **dict(zip(("404", "403", "hangs up"), others, strict=True)),
        }  # fmt: skip


@contextlib.contextmanager
def proxy(product: str, ports: dict[str, int]) -> Iterator[int]:
    """The proxy with a route for each of its rows; its port."""
    rows = [one for one in ROWS if one.product == product]
    if product == "apache":
        lines = "\n".join(
            f"<Location {one.path}>\n{one.lines}\n"
            + (
                f"ProxyPass http://127.0.0.1:{ports[one.behind]}/ {'upgrade=websocket' if one.upgrades else ''}\n"
                if one.behind
                else ""
            )
            + "</Location>"
            for one in rows
        )
        with apache([ports["good"]], lines=lines) as port:
            yield port
        return
    routes = [
        Route(path=one.path, ports=[ports[one.behind]] if one.behind else [], lines=one.lines, upgrades=one.upgrades)
        for one in rows
    ]
    routes.append(Route(path="/ready", ports=[ports["good"]]))
    with folder() as run:
        port = free_port()
        written = PRODUCTS[product](provide.program(product), run, port, routes)
        for name, text in written.files.items():
            (run / name).write_text(text)
        with running(written.argv, run, port, path="/ready"):
            yield port


@cache
def refusals(product: str) -> dict[str, Refusal | None] | str:
    """What came for each row of one proxy, or why it cannot be asked here."""
    if product == "apache" and not APACHE:
        return "there is no httpd on this machine's PATH"
    try:
        with behinds() as ports, proxy(product, ports) as port:
            return asyncio.run(all_of(product, port))
    except provide.Missing as exc:
        return str(exc)


async def all_of(product: str, port: int) -> dict[str, Refusal | None]:
    found: dict[str, Refusal | None] = {}
    for row in ROWS:
        if row.product == product:
            for _ in range(row.again + 1):  # the last one counts
                url = f"ws://127.0.0.1:{port}{row.path}"
                found[row.reason] = await glance(url, headers=row.headers, timeout_seconds=5)
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.product}: {row.reason}")
def test_the_true_cause_stands_first(row: Row) -> None:
    found = refusals(row.product)
    if isinstance(found, str):
        pytest.skip(found)
    refusal = found[row.reason]
    assert refusal is not None, "it opened"
    assert refusal.status == row.status, refusal.told()
    causes = likely(refusal)
    assert causes[0].name == row.first, [refusal.told(), *map(str, causes)]
    assert row.word in causes[0].remedy


def test_there_are_forty_of_them() -> None:
    assert len({(row.product, row.status, row.reason) for row in ROWS}) >= 40
