"""Forms and nonces of balancer-manager, without a server."""

from __future__ import annotations

import ssl
from typing import cast

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from wslb.interfaces import BalancerChange, MemberChange
from wslb.model.balancer import MemberState
from wslb.proxies.apache.balancer_manager import BalancerManager, form_of, nonce_of, nonces_of

URL = "ws://127.0.0.1:1"


@pytest.mark.parametrize(
    ("change", "form"),
    [
        (MemberChange(route="a", state=MemberState.DRAIN), {"w": URL, "w_status_N": "1"}),
        (MemberChange(route="a", state=MemberState.DISABLED, on=False), {"w": URL, "w_status_D": "0"}),
        (MemberChange(route="a", loadfactor=1.5), {"w": URL, "w_lf": "1.5"}),
        (BalancerChange(lbmethod="bybusyness"), {"b_lbm": "bybusyness"}),
    ],
)
def test_form_of(change: MemberChange | BalancerChange, form: dict[str, str]) -> None:
    assert form_of(change, member_url=URL) == form


def test_nonce_of_the_named_balancer() -> None:
    page = (
        "<httpd:name>balancer://other</httpd:name>\n<httpd:nonce>no</httpd:nonce>"
        "<httpd:name>balancer://mine</httpd:name>\n<httpd:nonce>yes</httpd:nonce>"
    )
    assert nonce_of(page, "mine") == "yes"
    assert not nonce_of(page, "absent")


def test_the_links_of_the_page_hold_every_nonce() -> None:
    """As httpd 2.4.46 and 2.4.54 write them; their XML has no nonce."""
    page = (
        '<a href="/balancer-manager?b=mine&amp;nonce=0a-1">balancer://mine</a>'
        '<a href="/balancer-manager?b=mine&amp;w=ws://127.0.0.101:10000/WSConsole&amp;nonce=0a-1">ws://…</a>'
        '<a href="/balancer-manager?b=other&amp;w=ws://127.0.0.102:8888&amp;nonce=0b-2">ws://…</a>'
    )
    assert nonces_of(page) == {"mine": "0a-1", "other": "0b-2"}
    assert nonces_of("<html></html>") == {}


@pytest.mark.parametrize(
    "link",
    [
        '<a href="/balancer-manager?b=mine&nonce=0a-1">',
        "<a href='/balancer-manager?b=mine&amp;nonce=0a-1'>",
        '<a href="/balancer-manager?b=mine&amp;nonce=0a-1">',
        '<a href="/balancer-manager?b=mine&w=ws://127.0.0.1:1/a&nonce=0a-1">',
        "<a href='/balancer-manager?b=mine&amp;w=ws%3a%2f%2f127.0.0.1%3a1%2fa&amp;nonce=0a-1'>",
    ],
)
def test_links_are_read_as_every_version_writes_them(link: str) -> None:
    """In order: 2.4.12, 2.4.23 to 2.4.39, since; and the links of members."""
    assert nonces_of(link) == {"mine": "0a-1"}


@pytest.mark.parametrize(("named", "referer"), [("", "https://127.0.0.1:8443/"), ("localhost", "https://localhost/")])
def test_the_referer_is_of_the_host_that_the_server_takes_for_its_own(named: str, referer: str) -> None:
    page = BalancerManager(
        session=cast("ClientSession", object()),
        base="https://127.0.0.1:8443",
        path="/bm",
        trust=ssl.create_default_context(),
        named=named,
    )
    assert page.own_referer == referer


@pytest.mark.parametrize("generations", [1, 2, 3])
async def test_a_nonce_of_another_generation_is_asked_for_again(generations: int) -> None:
    """While a graceful restart ends, old and new children answer in turn, each with a nonce of its own."""
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        own, asked = f"n{min(asked, generations - 1)}", asked + 1
        if request.query.get("nonce") == own:
            return web.Response(text="<?xml version='1.0'?><httpd:manager/>")
        return web.Response(text=f'<a href="/bm?b=mine&amp;nonce={own}">')

    app = web.Application()
    app.router.add_get("/bm", answer)
    async with TestServer(app) as server, ClientSession() as session:
        manager = BalancerManager(
            session=session, base=str(server.make_url("")), path="/bm", trust=ssl.create_default_context()
        )
        assert (await manager.page()).startswith("<?xml")
