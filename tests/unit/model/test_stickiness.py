"""Which route a request asks for: values as sent to httpd 2.4.71, answers as it understood them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wslb.model.balancer import Balancer, Member, Stickiness
from wslb.model.handshake import Handshake
from wslb.model.stickiness import route_asked, route_in_url

BALANCER = Balancer(name="x", members=(Member(route="node", url="ws://node"),), stickysession="ROUTEID|routeid")


@pytest.mark.parametrize(
    ("path", "cookie", "route"),
    [
        ("/ws", None, None),
        ("/ws", "ROUTEID=.node", "node"),
        ("/ws", "a=1; ROUTEID=sess123.node; b=2", "node"),
        ("/ws", "ROUTEID=sess.1.node", "1.node"),
        ("/ws", "ROUTEID=node", None),
        ("/ws", "routeid=.node", None),
        ("/ws", "XROUTEID=.node", None),
        ("/ws", 'ROUTEID=".node"', 'node"'),
        ("/ws?routeid=.node", None, "node"),
        ("/ws?a=1&routeid=.node&b=2", None, "node"),
        ("/ws?ROUTEID=.node", None, None),
        ("/ws/;routeid=.node", None, "node"),
        ("/ws?routeid=.node", "ROUTEID=.other", "node"),
    ],
)
def test_route_asked(path: str, cookie: str | None, route: str | None) -> None:
    request = (("Cookie", cookie),) if cookie else ()
    handshake = Handshake(conn_id="1", seq=1, url=f"ws://localhost{path}", request=request)
    assert route_asked(BALANCER, handshake) == route


@pytest.mark.parametrize(
    ("path", "cookie", "route"),
    [
        ("/ws", "a=1; ROUTEID=.node", "node"),
        ("/ws", "ROUTEID=sess123.node", None),
        ("/ws", "ROUTEID=node", None),
        ("/ws", None, None),
        ("/ws?routeid=.node", None, None),
        ("/ws?routeid=.node", "ROUTEID=.other", "other"),
    ],
)
def test_haproxy_hears_the_whole_value_of_a_cookie_and_no_url(path: str, cookie: str | None, route: str | None) -> None:
    haproxy = replace(BALANCER, stickiness=Stickiness.COOKIE)
    request = (("Cookie", cookie),) if cookie else ()
    assert route_asked(haproxy, Handshake(conn_id="1", seq=1, url=f"ws://localhost{path}", request=request)) == route
    assert route_in_url(haproxy, path) is None


def test_without_stickysession_nobody_asks() -> None:
    handshake = Handshake(conn_id="1", seq=1, url="ws://localhost/ws?routeid=.node", request=())
    assert route_asked(Balancer(name="x", members=BALANCER.members), handshake) is None


@pytest.mark.parametrize(("cookie", "route"), [("ID=0000abc:node", "node"), ("ID=0000abc.node", None), ("ID=a:", None)])
def test_the_separator_is_the_balancers(cookie: str, route: str | None) -> None:
    liberty = Balancer(name="x", members=BALANCER.members, stickysession="ID", parameters=(("stickysessionsep", ":"),))
    handshake = Handshake(conn_id="1", seq=1, url="ws://localhost/ws", request=(("Cookie", cookie),))
    assert route_asked(liberty, handshake) == route


@pytest.mark.parametrize(
    ("path", "route"), [("/ws?routeid=.node", "other"), ("/ws/;routeid=.node", "node"), ("/ws", "other")]
)
def test_httpd_2_4_62_hears_no_query(path: str, route: str) -> None:
    """CHANGES 2.4.64, PR 69443; asked of 2.4.62 by tests/live/test_versions.py."""
    deaf = replace(BALANCER, hears_query=False)
    cookie = (("Cookie", "ROUTEID=.other"),)
    assert route_asked(deaf, Handshake(conn_id="1", seq=1, url=f"ws://localhost{path}", request=cookie)) == route


def test_the_route_of_a_url_is_no_cookie_s() -> None:
    assert route_in_url(BALANCER, "/ws?routeid=.node") == "node"
    assert route_in_url(BALANCER, "/ws?other=.node") is None
    assert route_in_url(Balancer(name="x", members=BALANCER.members), "/ws?routeid=.node") is None
