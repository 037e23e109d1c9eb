"""Whether clients that keep their cookies stay where they were: counted exactly, and never without evidence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wslb.load.shards.homes import Homes
from wslb.load.shards.link import UNKNOWN
from wslb.load.tally import Tally
from wslb.wire.naming import ABSENT, NameRule

OPENS = 24


def counted(serve: Callable[[int, str], str], *, clients: int, rule: str = "header:X", cookies: bool = True) -> Tally:
    """What so many opens one after another come to; the server says by number and cookie who answers."""
    tally = Tally()
    homes = Homes(clients, NameRule(rule=rule), tally)
    for number in range(OPENS):
        name = serve(number, homes.sent(number))
        homes.given(number, (("Set-Cookie", f"R={name}; Path=/"),) if cookies and name != ABSENT else ())
        homes.came(number, name)
    return tally


@pytest.mark.parametrize("clients", [1, 2, 3, 4])
def test_clients_that_are_led_by_their_cookie_stay(clients: int) -> None:
    tally = counted(lambda number, sent: sent.removeprefix("R=") or "ab"[number % 2], clients=clients)
    assert (tally.kept, tally.moved) == (OPENS - clients, 0)


@pytest.mark.parametrize("members", [2, 3, 4, 5])
@pytest.mark.parametrize("clients", [1, 2, 3, 4, 5, 6])
def test_turns_alone_keep_nobody(members: int, clients: int) -> None:
    """However many clients and members there are: no rhythm of theirs looks like stickiness."""
    assert counted(lambda number, _: "abcde"[number % members], clients=clients).moved > 0


def test_where_nothing_tells_nobody_is_kept() -> None:
    tally = counted(lambda _number, _sent: UNKNOWN, clients=2)
    assert (tally.kept, tally.moved) == (0, 0)


def test_a_cookie_that_is_sent_once_moves_nobody() -> None:
    tally = counted(lambda _, sent: ABSENT if sent else "a", clients=2, rule="cookie:R")
    assert (tally.kept, tally.moved) == (OPENS - 2, 0)


def test_an_open_that_began_before_its_client_had_a_home_proves_nothing() -> None:
    tally = Tally()
    homes = Homes(1, NameRule(rule="header:X"), tally)
    assert [homes.sent(number) for number in (0, 1)] == ["", ""]
    for number, name in ((1, "b"), (0, "a")):
        homes.given(number, (("Set-Cookie", f"R={name}"),))
        homes.came(number, name)
    assert homes.sent(2) == "R=b", "the cookie and the home are those of the same open"
    homes.came(2, "b")
    assert (tally.kept, tally.moved) == (1, 0)
