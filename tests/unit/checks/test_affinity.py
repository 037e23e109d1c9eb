from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import record
from wslb.checks.affinity import all_on_one, cookie_given, free_alternate, one_member_each
from wslb.model.results import Check, Record

L, N = "liberty", "node"


def with_cookies(backends: list[str], *values: str) -> Record:
    """Connections that send these cookies; an empty one sends none."""
    found = record(backends)
    sent = zip(found.handshakes, values, strict=True)
    shakes = (replace(h, request=(*h.request, ("Cookie", v))) if v else h for h, v in sent)
    return replace(found, handshakes=tuple(shakes))


def given(*seqs: int) -> Record:
    """Three connections, of which these are given a cookie."""
    found = record([L, N, L])
    cookie = ("Set-Cookie", "SRV=x; path=/")
    shakes = (replace(h, response=(*h.response, cookie)) if h.seq in seqs else h for h in found.handshakes)
    return replace(found, handshakes=tuple(shakes))


EACH = one_member_each("Cookie", values=2, members=2)


@pytest.mark.parametrize("check", [EACH, free_alternate("Cookie", count=2), all_on_one(2), cookie_given("SRV", 1)])
def test_without_evidence_it_fails(check: Check) -> None:
    assert not check(Record()).holds


@pytest.mark.parametrize(
    ("backends", "cookies", "holds"),
    [
        ([L, N, L, N], ["a", "b", "a", "b"], True),
        ([L, N, L, N, L], ["a", "b", "a", "b", ""], True),
        ([L, N, N, N], ["a", "b", "a", "b"], False),
        ([L, L, L, L], ["a", "b", "a", "b"], False),
        ([L, N, L], ["a", "b", "a"], False),
        ([L, L], ["a", "a"], False),
    ],
    ids=["kept", "others are free", "one strays", "one member for all", "one came once", "one value only"],
)
def test_one_member_for_each_value(backends: list[str], cookies: list[str], holds: bool) -> None:
    assert EACH(with_cookies(backends, *cookies)).holds is holds


@pytest.mark.parametrize(("backends", "holds"), [([L, L, N], True), ([L, N, N], False), ([L, L], False)])
def test_who_sends_nothing_takes_turns(backends: list[str], holds: bool) -> None:
    cookies = ["a", "", ""][: len(backends)]
    assert free_alternate("Cookie", count=2)(with_cookies(backends, *cookies)).holds is holds


def test_who_always_sends_something_is_no_evidence_of_the_others() -> None:
    assert "every connection had Cookie" in free_alternate("Cookie", count=1)(with_cookies([L], "a")).observed


@pytest.mark.parametrize(("backends", "holds"), [([L, L, L], True), ([L, L, N], False), ([L, L], False)])
def test_all_on_one(backends: list[str], holds: bool) -> None:
    assert all_on_one(3)(record(backends)).holds is holds


@pytest.mark.parametrize(("seqs", "holds"), [((1, 3), True), ((1,), False), ((1, 2, 3), False), ((), False)])
def test_exactly_these_are_given_the_cookie(seqs: tuple[int, ...], holds: bool) -> None:
    assert cookie_given("SRV", 1, 3)(given(*seqs)).holds is holds
    assert not cookie_given("OTHER", 1, 3)(given(*seqs)).holds
