"""Cookies of foreign servers and browsers, well formed or not."""

from __future__ import annotations

import pytest

from wslb.model.cookies import cookie_sent, cookie_set


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("ROUTEID=.node", ".node"),
        ("a=1; ROUTEID=.node; b=2", ".node"),
        ('a={"x":1}; ROUTEID=.node', ".node"),
        ("ROUTEID = .node ", ".node"),
        ('ROUTEID=".node"', '".node"'),
        ("ROUTEID=a=b", "a=b"),
        ("ROUTEID=", ""),
        ("routeid=.node", None),
        ("XROUTEID=.node", None),
        ("ROUTEID", None),
        ("", None),
    ],
)
def test_a_cookie_is_found_among_others(header: str, value: str | None) -> None:
    assert cookie_sent((("Cookie", header),), "ROUTEID") == value


def test_the_first_of_several_counts() -> None:
    assert cookie_sent((("cookie", "a=1"), ("Cookie", "b=2; b=3")), "b") == "2"
    assert cookie_set((("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("Set-Cookie", "b=3")), "b") == "2"


@pytest.mark.parametrize(
    ("header", "value"), [("a=1; Path=/; HttpOnly", "1"), ("b=1; a=2", None), ("a", None), ("a=;", "")]
)
def test_attributes_of_a_cookie_are_not_cookies(header: str, value: str | None) -> None:
    assert cookie_set((("Set-Cookie", header),), "a") == value
