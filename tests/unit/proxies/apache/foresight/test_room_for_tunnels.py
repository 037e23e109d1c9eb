"""How many tunnels a configuration has room for, by its text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.proxies.apache.adoption.test_adopt import INSTALLATION
from tests.unit.proxies.apache.foresight.test_times import read
from wslb.proxies.apache.foresight.destinations import destinations_of
from wslb.proxies.apache.foresight.room_for_tunnels import room_of, slots_of

EVENT, PREFORK = frozenset({"mpm_event"}), frozenset({"mpm_prefork"})
WITH_PREFORK = replace(INSTALLATION, loadable=INSTALLATION.loadable | {"mpm_prefork"})
TO_A = "ProxyPass /ws ws://a/"
ROOMS = {
    "the default": (TO_A, EVENT, (400, None, 16, 16)),
    "the default of prefork": (TO_A, PREFORK, (256, None, 256, 0)),
    "MaxRequestWorkers": (f"MaxRequestWorkers 100\n{TO_A}", EVENT, (100, 1, 4, 4)),
    "one process": (f"ServerLimit 1\nThreadsPerChild 8\nMaxRequestWorkers 8\n{TO_A}", EVENT, (8, 3, 1, 0)),
    "prefork": (f"MaxRequestWorkers 8\n{TO_A}", PREFORK, (8, 1, 8, 0)),
    "max=": (f"ServerLimit 2\nThreadsPerChild 8\n{TO_A} max=3", EVENT, (6, 3, 2, 2)),
    "max= that is no limit": (f"ServerLimit 1\nThreadsPerChild 8\n{TO_A} max=8", EVENT, (8, 1, 1, 0)),
    "max= under prefork": (f"MaxRequestWorkers 8\n{TO_A} max=1", PREFORK, (8, 1, 8, 0)),
    "max= of two members": (
        "ServerLimit 1\nThreadsPerChild 8\n<Proxy balancer://b>\nBalancerMember ws://a max=2\n"
        "BalancerMember ws://c max=1\n</Proxy>\nProxyPass /ws balancer://b",
        EVENT,
        (3, 4, 1, 0),
    ),
}


@pytest.mark.parametrize(("text", "modules", "wanted"), ROOMS.values(), ids=ROOMS)
def test_room(text: str, modules: frozenset[str], wanted: tuple[int, int | None, int, int]) -> None:
    conf = read(text, modules=modules)
    room = room_of(conf, WITH_PREFORK, destinations_of(conf, conf.mountings[0], conf.main))
    assert (room.tunnels, room.at.line if room.at else None, room.children, room.astray) == wanted
    assert room.prefork is (modules is PREFORK)


def test_the_mpm_of_this_httpd_serves_where_the_text_names_none_that_it_has() -> None:
    conf = read(TO_A, modules=PREFORK)
    assert room_of(conf, INSTALLATION, ()).tunnels == 400
    assert [slots_of(c, WITH_PREFORK)[0] for c in (conf, read(f"ServerLimit 3\n{TO_A}"), read(TO_A))] == [256, 3, 16]
