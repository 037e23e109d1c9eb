"""Forms and nonces of balancer-manager, without a server."""

from __future__ import annotations

import pytest

from wslb.interfaces import BalancerChange, MemberChange
from wslb.model.balancer import MemberState
from wslb.proxies.apache.balancer_manager import form_of, nonce_of

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
