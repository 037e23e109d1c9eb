"""A load that would end the port forwarder in front of the lab is not begun."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wslb.cli.loading import _refuse_what_breaks
from wslb.errors import RuntimeUnavailable
from wslb.interfaces import Forwarder

FORWARDER = Forwarder(name="docker-proxy", most=3300, why="docker-proxy may open 20,000 files")


@pytest.mark.parametrize(
    ("at_once", "forwarder"),
    [(10_000, None), (3300, FORWARDER), (10_000, replace(FORWARDER, certain=False))],
    ids=["none", "as many as it carries", "not known for certain"],
)
def test_what_the_way_carries_is_begun(at_once: int, forwarder: Forwarder | None) -> None:
    try:
        _refuse_what_breaks(at_once, forwarder)
    except RuntimeUnavailable as exc:
        pytest.fail(f"refused: {exc}")


def test_more_than_the_forwarder_carries_is_refused_with_its_limit_and_a_way_out() -> None:
    with pytest.raises(RuntimeUnavailable, match=r"3,301 connections .* at most 3,300 .* 20,000 files") as caught:
        _refuse_what_breaks(3301, FORWARDER)
    assert "WSLB_DOCKER_NETWORK=host" in caught.value.hint
