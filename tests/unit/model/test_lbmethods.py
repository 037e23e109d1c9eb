from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.evidence import CLUSTER, method, status
from wslb.model.balancer import Balancer, LbMethod, Member, MemberState
from wslb.model.lbmethods import Counters, elect, start
from wslb.model.replay import Step, StepKind, replay


def balancer(*factors: float, lbmethod: LbMethod = LbMethod.BYREQUESTS) -> Balancer:
    members = tuple(Member(route=chr(97 + i), url="ws://x", loadfactor=f) for i, f in enumerate(factors))
    return Balancer(name="b", members=members, lbmethod=lbmethod)


def order(target: Balancer, count: int, *, held: bool = False) -> str:
    members = start(target)
    seen = ""
    for _ in range(count):
        route, members = elect(target.lbmethod, members)
        members = members if held else tuple(replace(m, busy=0) for m in members)
        seen += route.upper()
    return seen


@pytest.mark.parametrize(
    ("factors", "seen"),
    [
        ((1, 1), "ABABABABABAB"),
        ((3, 1), "AABAAABAAABA"),
        ((1, 3), "BABBBABBBABB"),
        ((1, 1, 1), "ABCABCABCABC"),
        ((2, 1, 1), "ABCAABCAABCA"),
        ((1.5, 1), "ABABAABABA"),
        ((7,), "AAAA"),
    ],
    ids=str,
)
def test_byrequests_elects_as_measured_on_apache(factors: tuple[float, ...], seen: str) -> None:
    assert order(balancer(*factors), len(seen)) == seen


@pytest.mark.parametrize(
    ("factors", "seen"),
    [
        ((1, 1), "ABABAB"),
        ((1, 1, 1), "ABCABC"),
        ((3, 1), "AAABAAAB"),
        ((1, 3), "BBBABBBA"),
        ((5, 1), "AAAAAB"),
        ((2, 3), "BBABABBABA"),
        ((5, 1, 1), "AAABAAC"),
        ((2, 1, 1), "ABACABAC"),
        ((1, 2, 4), "CCBCACB"),
        ((4, 3, 2), "ABACBAABC"),
        ((70, 30), "AAABAABAAB"),
        ((7,), "AAAA"),
    ],
    ids=str,
)
def test_roundrobin_elects_as_measured_on_haproxy(factors: tuple[float, ...], seen: str) -> None:
    target = balancer(*factors, lbmethod=LbMethod.ROUNDROBIN)
    assert order(target, len(seen)) == seen
    assert order(target, len(seen), held=True) == seen


@pytest.mark.parametrize(
    ("factors", "seen"),
    [
        ((1, 1), "ABBAABBAABBA"),
        ((1, 1, 1), "ABCCBAABCCBAABCC"),
        ((3, 1), "ABAAABAABAAAABAA"),
        ((1, 3), "BABBABBBBABBBABB"),
    ],
    ids=str,
)
def test_least_conn_elects_as_measured_on_nginx(factors: tuple[float, ...], seen: str) -> None:
    assert order(balancer(*factors, lbmethod=LbMethod.LEAST_CONN), len(seen), held=True) == seen


@pytest.mark.parametrize(("factors", "seen"), [((1, 1), "ABABABAB"), ((3, 1), "ABAAAABAAABAAABA")], ids=str)
def test_leastconn_elects_as_measured_on_haproxy(factors: tuple[float, ...], seen: str) -> None:
    assert order(balancer(*factors, lbmethod=LbMethod.LEASTCONN), len(seen), held=True) == seen


def test_closed_one_by_one_both_rules_of_least_connections_take_turns() -> None:
    assert order(balancer(1, 1, lbmethod=LbMethod.LEAST_CONN), 6) == "ABABAB"
    steps = [
        Step(kind=kind, conn_id=str(n), route="ab"[n % 2]) for n in range(4) for kind in (StepKind.OPEN, StepKind.CLOSE)
    ]
    predictions = replay(balancer(1, 1, lbmethod=LbMethod.LEASTCONN), (), steps)
    assert [p.expected for p in predictions] == ["a", "b", "a", "b"]


def test_byrequests_spends_what_all_members_earn() -> None:
    _, members = elect(LbMethod.BYREQUESTS, start(balancer(3, 1)))
    assert [m.lbstatus for m in members] == [-100, 100]


def test_a_member_that_is_not_enabled_neither_earns_nor_is_elected() -> None:
    target = balancer(1, 1).with_member(Member(route="a", url="ws://x", state=MemberState.DISABLED))
    route, members = elect(LbMethod.BYREQUESTS, start(target))
    assert route == "b"
    assert [m.lbstatus for m in members] == [0, 0]


def test_nobody_to_elect_is_an_error() -> None:
    target = balancer(1).with_member(Member(route="a", url="ws://x", state=MemberState.STOPPED))
    with pytest.raises(ValueError, match="no usable member"):
        elect(LbMethod.BYREQUESTS, start(target))


def test_heartbeat_has_no_model() -> None:
    with pytest.raises(KeyError):
        elect(LbMethod.HEARTBEAT, start(balancer(1, 1)))


@pytest.mark.parametrize(
    ("busy", "elected"), [((0, 0), "a"), ((1, 0), "b"), ((0, 1), "a"), ((3, 2), "b"), ((2, 2), "a")], ids=str
)
def test_bybusyness_elects_the_least_busy_and_ties_like_byrequests(busy: tuple[int, int], elected: str) -> None:
    members = tuple(Counters(route=name, busy=n) for name, n in zip("ab", busy, strict=True))
    assert elect(LbMethod.BYBUSYNESS, members)[0] == elected


def test_bybusyness_credit_settles_a_tie() -> None:
    members = (Counters(route="a", lbstatus=-100), Counters(route="b", lbstatus=100))
    assert elect(LbMethod.BYBUSYNESS, members)[0] == "b"


@pytest.mark.parametrize(
    ("bytes_a", "bytes_b", "elected"),
    [(0, 0, "a"), (307, 0, "b"), (307, 296, "b"), (299, 250, "a"), (100, 200, "a")],
)
def test_bytraffic_divides_in_whole_hundredths(bytes_a: int, bytes_b: int, elected: str) -> None:
    members = (Counters(route="a", transferred=bytes_a), Counters(route="b", transferred=bytes_b))
    assert elect(LbMethod.BYTRAFFIC, members)[0] == elected


def test_bytraffic_weighs_by_loadfactor() -> None:
    members = (Counters(route="a", factor=300, transferred=700), Counters(route="b", transferred=300))
    assert elect(LbMethod.BYTRAFFIC, members)[0] == "a"


def test_start_takes_loadfactors_from_the_claim_and_counters_from_the_server() -> None:
    shown = replace(status("liberty", busy=2, transferred=9), lbstatus=50, loadfactor=7.0)
    liberty, node = start(CLUSTER, [shown])
    assert (liberty.factor, liberty.lbstatus, liberty.busy, liberty.transferred) == (100, 50, 2, 9)
    assert (node.factor, node.lbstatus) == (100, 0)


def opening(number: int, route: str | None, **more: Any) -> Step:
    return Step(kind=StepKind.OPEN, conn_id=str(number), route=route, **more)


def test_replay_names_who_deviates_and_keeps_the_models_own_phase() -> None:
    steps = [opening(i, route) for i, route in enumerate(["liberty", "node", "node", "node", "liberty"])]
    predictions = replay(CLUSTER, (), steps)
    assert [p.expected for p in predictions] == ["liberty", "node", "liberty", "node", "liberty"]
    assert [p.holds for p in predictions] == [True, True, False, True, True]


def test_replay_starts_from_the_servers_credit() -> None:
    before = [replace(status("liberty"), lbstatus=-100), replace(status("node"), lbstatus=100)]
    assert replay(CLUSTER, before, [opening(1, "node")])[0].expected == "node"


def test_replay_of_bybusyness_knows_who_closed() -> None:
    steps = [opening(i, route) for i, route in enumerate(["liberty", "node"] * 3)]
    steps += [Step(kind=StepKind.CLOSE, conn_id=str(i), route="liberty") for i in (0, 2, 4)]
    steps += [opening(i, "liberty") for i in (6, 7, 8)] + [opening(9, "node")]
    predictions = replay(method(LbMethod.BYBUSYNESS), (), steps)
    assert [p.expected for p in predictions[6:]] == ["liberty", "liberty", "liberty", "node"]


def test_replay_of_bytraffic_is_fed_with_what_members_really_received() -> None:
    steps = [opening(i, route, sent_bytes=307) for i, route in enumerate(["liberty", "node", "liberty"])]
    assert [p.expected for p in replay(method(LbMethod.BYTRAFFIC), (), steps)] == ["liberty", "node", "liberty"]


def test_a_connection_that_nobody_served_is_a_deviation() -> None:
    assert not replay(CLUSTER, (), [opening(1, None)])[0].holds
