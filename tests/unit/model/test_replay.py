"""The model's course through failures, states, changes and restarts: hand-made timelines, elections seen on httpd."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wslb.model.balancer import Balancer, LbMethod, Member, MemberState
from wslb.model.lbmethods import Counters, contest, pin, reset, set_factor, set_state, start
from wslb.model.replay import Step, StepKind, replay, retry_seconds

A = Member(route="a", url="ws://a")
B = Member(route="b", url="ws://b")
C = Member(route="c", url="ws://c")

OPEN, CLOSE, DOWN, UP, CHANGE, RESTART, TURN = (
    StepKind.OPEN,
    StepKind.CLOSE,
    StepKind.DOWN,
    StepKind.UP,
    StepKind.CHANGE,
    StepKind.RESTART,
    StepKind.TURN,
)


def balancer(*members: Member, **parameters: str) -> Balancer:
    return Balancer(name="x", members=members, parameters=tuple(parameters.items()))


def opens(count: int, *, at: float = 0.0, asked: str | None = None) -> list[Step]:
    return [
        Step(kind=OPEN, conn_id=f"{at}-{i}", at=at + i / 100, until=at + i / 100, asked=asked) for i in range(count)
    ]


def down(*routes: str) -> list[Step]:
    return [Step(kind=DOWN, route=route) for route in routes]


def expected(balancer_: Balancer, *steps: Step) -> str:
    return "".join(p.expected or "-" for p in replay(balancer_, (), steps))


def tried(balancer_: Balancer, *steps: Step) -> list[str]:
    return ["".join(p.tried) for p in replay(balancer_, (), steps)]


def test_a_dead_member_is_elected_once_and_then_left_alone() -> None:
    assert tried(balancer(A, B), *down("b"), *opens(4)) == ["a", "ba", "a", "a"]


def test_two_of_three_take_turns_around_a_dead_member() -> None:
    assert expected(balancer(A, B, C), *down("c"), *opens(6)) == "ababab"


def test_with_everybody_dead_nobody_serves_and_everybody_is_tried_each_time() -> None:
    assert tried(balancer(A, B), *down("a", "b"), *opens(3)) == ["ab", "ba", "ab"]
    assert expected(balancer(A, B), *down("a", "b"), *opens(3)) == "---"


def test_without_forced_recovery_nobody_is_tried_again() -> None:
    dead = balancer(A, B, forcerecovery="Off")
    assert tried(dead, *down("a", "b"), *opens(2)) == ["ab", ""]


def test_maxattempts_of_zero_gives_the_client_the_failure() -> None:
    assert expected(balancer(A, B, maxattempts="0"), *down("b"), *opens(4)) == "a-aa"


def test_a_member_is_back_after_its_retry_and_not_before() -> None:
    quick = replace(B, parameters=(("retry", "1"),))
    back = Step(kind=UP, route="b")
    assert expected(balancer(A, quick), *down("b"), *opens(2), back, *opens(2, at=0.5)) == "aaaa"
    assert expected(balancer(A, quick), *down("b"), *opens(2), back, *opens(4, at=2.0)) == "aaabab"


def test_a_connection_at_the_very_end_of_retry_cannot_be_predicted() -> None:
    quick = replace(B, parameters=(("retry", "1"),))
    late = Step(kind=OPEN, conn_id="late", at=0.9, until=1.2)
    with pytest.raises(ValueError, match="too close to the end of retry=1"):
        replay(balancer(A, quick), (), [*down("b"), *opens(2), late])


@pytest.mark.parametrize(("text", "seconds"), [("2", 2.0), ("1500ms", 1.5), ("3s", 3.0)])
def test_retry_is_read_with_its_unit(text: str, seconds: float) -> None:
    assert retry_seconds(replace(B, parameters=(("retry", text),))) == seconds
    assert retry_seconds(B) == 60


def test_a_tunnel_that_failed_over_counts_on_the_dead_member_until_it_ends() -> None:
    quick = replace(B, parameters=(("retry", "1"),))
    busy = replace(balancer(A, quick), lbmethod=LbMethod.BYBUSYNESS)
    three = [replace(step, route="a") for step in opens(3)]
    back = [*down("b"), *three, Step(kind=UP, route="b")]
    after = [replace(step, route="b") for step in opens(2, at=5)]
    assert tried(busy, *back)[:2] == ["a", "ba"]
    other = Step(kind=CLOSE, conn_id=three[2].conn_id, route="a")
    assert expected(busy, *back, other, *after)[3:] == "ba"
    failed_over = Step(kind=CLOSE, conn_id=three[1].conn_id, route="a")
    assert expected(busy, *back, failed_over, *after)[3:] == "bb"


def test_sticky_requests_go_to_their_member_and_pay_for_it() -> None:
    assert expected(balancer(A, B), *opens(3, asked="b"), *opens(4, at=1)) == "bbbaaaa"


@pytest.mark.parametrize(
    ("weights", "sent", "served"),
    [
        ((1, 1), "aa.b....ab.b....ba.b...b", "aabbaabaababababbaababab"),
        ((3, 1), "...b....b.....a.b..bbab.", "aabbaaaabaaaaaabbaabbaba"),
        ((3, 1), "..a.abab.a.a.aaaa.bbab..", "aaabababaaaaaaaaaabbabaa"),
        ((1, 2, 3), "abbb.ccaabab.aaba.b..cb.", "abbbcccaababcaabacbcccbc"),
        ((1, 1, 1), "..b.acbbaa..a.ccaccc.a.c", "abbcacbbaacbacccacccbabc"),
        ((4, 3, 2), "c.c..c.bcabbcbc..ab.c..a", "cacbacbbcabbcbcaaabacbaa"),
        ((4, 3, 2), "b.aba..c.b..bc.a.b...aa.", "baabacccababbcaabbaacaab"),
    ],
)
def test_sticky_requests_pay_nginx_once_from_even(weights: tuple[int, ...], sent: str, served: str) -> None:
    """As nginx 1.31.3 served them; a letter is a route that was asked for, a dot none."""
    of = tuple(replace(member, loadfactor=weight) for member, weight in zip((A, B, C), weights, strict=False))
    nginx = replace(balancer(*of), lbmethod=LbMethod.ROUND_ROBIN)
    asked = [None if route == "." else route for route in sent]
    steps = [replace(step, asked=route) for step, route in zip(opens(len(sent)), asked, strict=True)]
    assert expected(nginx, *steps) == served


def test_nginx_asks_no_backup_for_a_sticky_request() -> None:
    backup = replace(B, state=MemberState.STANDBY)
    nginx = replace(balancer(A, backup), lbmethod=LbMethod.ROUND_ROBIN)
    assert expected(nginx, *opens(3, asked="b")) == "aaa"
    assert expected(replace(nginx, lbmethod=LbMethod.BYREQUESTS), *opens(3, asked="b")) == "bbb"


def test_sticky_requests_move_no_turn_of_haproxy_and_are_no_elections_there() -> None:
    haproxy = replace(balancer(A, B), lbmethod=LbMethod.ROUNDROBIN)
    assert expected(haproxy, *opens(3, asked="b"), *opens(4, at=1)) == "bbbabab"
    assert tried(haproxy, *opens(3, asked="b"), *opens(4, at=1)) == ["", "", "", "a", "b", "a", "b"]


@pytest.mark.parametrize("method", [LbMethod.LEAST_CONN, LbMethod.LEASTCONN])
def test_what_nobody_has_measured_of_sticky_requests_is_not_predicted(method: LbMethod) -> None:
    with pytest.raises(ValueError, match="nobody has measured"):
        expected(replace(balancer(A, B), lbmethod=method), *opens(1, asked="b"))


def test_an_unknown_route_is_balanced() -> None:
    assert expected(balancer(A, B), *opens(4, asked="gone")) == "abab"


def test_a_dead_route_fails_over_unless_nofailover() -> None:
    assert expected(balancer(A, B), *down("b"), *opens(2, asked="b")) == "aa"
    strict = balancer(A, B, nofailover="On")
    assert expected(strict, *down("b"), *opens(2, asked="b"), *opens(2, at=1)) == "--aa"


def test_changes_at_run_time_move_the_turns() -> None:
    raised = Step(kind=CHANGE, route="a", factor=300)
    assert expected(balancer(A, B), *opens(3), raised, *opens(8, at=1)) == "abaaaabaaab"
    off = Step(kind=CHANGE, route="b", state=MemberState.DISABLED)
    on = Step(kind=CHANGE, route="b", state=MemberState.ENABLED)
    assert expected(balancer(A, B), *opens(3), off, *opens(2, at=1), on, *opens(2, at=2)) == "abaaaba"


def test_bybusyness_forgets_open_tunnels_when_it_takes_over() -> None:
    steps = [replace(step, route=route) for step, route in zip(opens(3), "aba", strict=True)]
    switched = Step(kind=CHANGE, lbmethod=LbMethod.BYBUSYNESS)
    assert expected(balancer(A, B), *steps, switched, Step(kind=OPEN, conn_id="n", route="a", at=9)) == "abaa"


def test_a_restart_begins_anew() -> None:
    assert expected(balancer(A, B), *opens(1), Step(kind=RESTART), *opens(2, at=1)) == "aab"


def test_a_plain_request_takes_a_turn_but_is_no_connection() -> None:
    assert expected(balancer(A, B), Step(kind=TURN), *opens(2)) == "ba"
    with pytest.raises(ValueError, match="in no journal"):
        replay(replace(balancer(A, B), lbmethod=LbMethod.BYTRAFFIC), (), [Step(kind=TURN)])


def test_a_method_without_a_model_is_not_guessed() -> None:
    with pytest.raises(KeyError):
        replay(replace(balancer(A), lbmethod=LbMethod.HEARTBEAT), (), opens(1))


def counters(**states: MemberState) -> tuple[Counters, ...]:
    return tuple(Counters(route=route, state=state) for route, state in states.items())


ON, OFF, DRAIN, STANDBY, SPARE = (
    MemberState.ENABLED,
    MemberState.DISABLED,
    MemberState.DRAIN,
    MemberState.STANDBY,
    MemberState.SPARE,
)


@pytest.mark.parametrize(
    ("states", "taking_part"),
    [
        ((ON, ON), (0, 1)),
        ((ON, OFF), (0,)),
        ((ON, DRAIN), (0,)),
        ((OFF, OFF), ()),
        ((ON, STANDBY), (0,)),
        ((OFF, STANDBY), (1,)),
        ((ON, SPARE), (0,)),
        ((ON, OFF, SPARE), (0, 2)),
        ((DRAIN, ON, SPARE), (1, 2)),
        ((OFF, SPARE, SPARE), (1,)),
        ((OFF, SPARE, STANDBY), (1,)),
    ],
)
def test_who_takes_part(states: tuple[MemberState, ...], taking_part: tuple[int, ...]) -> None:
    members = counters(**dict(zip("abc", states, strict=False)))
    assert contest(members) == taking_part


def test_a_higher_lbset_is_asked_when_the_lower_has_nobody() -> None:
    low, high = Counters(route="a"), Counters(route="b", lbset=1)
    assert contest((low, high)) == (0,)
    assert contest((replace(low, in_error=True), high)) == (1,)


def test_lbset_and_state_come_from_the_claim() -> None:
    (member,) = start(balancer(replace(A, parameters=(("lbset", "1"),), state=STANDBY)))
    assert (member.lbset, member.state) == (1, STANDBY)


def test_what_each_change_does_to_the_counters() -> None:
    worked = (Counters(route="a", lbstatus=-100, busy=2, transferred=9), Counters(route="b", lbstatus=100, busy=1))
    assert [m.lbstatus for m in set_factor(worked, "a", 300)] == [300, 100]
    assert [m.lbstatus for m in set_state(worked, "b", OFF)] == [-100, 100]
    assert [m.lbstatus for m in pin(LbMethod.BYREQUESTS, worked, "b")] == [0, 0]
    assert [(m.lbstatus, m.busy) for m in reset(LbMethod.BYREQUESTS, worked)] == [(0, 2), (0, 1)]
    assert [(m.lbstatus, m.busy) for m in reset(LbMethod.BYBUSYNESS, worked)] == [(0, 0), (0, 0)]
    assert [(m.lbstatus, m.transferred) for m in reset(LbMethod.BYTRAFFIC, worked)] == [(-100, 0), (100, 0)]
