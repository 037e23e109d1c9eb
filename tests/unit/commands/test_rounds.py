"""What the rounds draw, and what they make of red and green. No lab."""

from __future__ import annotations

import dataclasses
from typing import cast

import pytest

from wslb.commands import rounds
from wslb.commands.mutations import MUTATIONS, Mutation
from wslb.commands.rounds import UNDONE, Answer, Round, judged, planned
from wslb.commands.setups import TRAITS, setup
from wslb.errors import ConfigError
from wslb.lab.lab import Lab
from wslb.model.balancer import Site
from wslb.model.results import Grade, Outcome, ScenarioResult, Verdict
from wslb.model.sites import CLUSTER, balanced

DRAWN = [planned(seed, number) for seed in range(40) for number in range(1, 101)]
SOUND = Round(seed=1, number=1, scenario=setup(), told="sound: x")


def breakage(name: str, *checks: str, **more: object) -> Mutation:
    return Mutation(name=name, what=name, scenario="lb-byrequests", checks=checks, **more)  # type: ignore[arg-type]


BROKEN = Round(seed=1, number=2, scenario=setup(), mutations=(breakage("m", "a", "b"), breakage("n", "c")), told="m, n")


def result(*red: str, grade: Grade = Grade.MUST, outcome: Outcome | None = None) -> ScenarioResult:
    verdicts = tuple(
        Verdict(check=check, outcome=Outcome.FAILED, expected="x", observed="so", grade=grade) for check in red
    )
    found = outcome or (Outcome.FAILED if red else Outcome.PASSED)
    return ScenarioResult(
        name="s", family="s", question="?", limit="", outcome=found, verdicts=verdicts, reason="that is why"
    )


def test_a_round_is_the_same_whenever_it_is_drawn() -> None:
    one, other = planned(1, 17), planned(1, 17)
    assert (one.told, one.mutations, one.traits, one.mpm) == (other.told, other.mutations, other.traits, other.mpm)
    assert len({drawn.told for drawn in DRAWN}) > len(DRAWN) * 0.6


def test_of_many_rounds_some_are_of_every_sort_and_none_has_two_traits_of_one_kind() -> None:
    assert {len(drawn.mutations) for drawn in DRAWN} == {0, 1, 2}
    assert {m.name for drawn in DRAWN for m in drawn.mutations} == {m.name for m in MUTATIONS}
    assert {t.name for drawn in DRAWN for t in drawn.traits} == {t.name for t in TRAITS}
    for drawn in DRAWN:
        kinds = [trait.of for trait in drawn.traits]
        assert len(kinds) == len(set(kinds))
        assert len({(m.scenario, m.carrier) for m in drawn.mutations}) <= 1
        assert {m.name for m in drawn.mutations} not in UNDONE


def test_traits_have_names_of_their_own() -> None:
    names = [trait.name for trait in TRAITS]
    assert len(set(names)) == len(names)
    assert all(len({m.scenario for m in MUTATIONS if m.name in pair}) == 1 for pair in UNDONE)


def test_there_is_no_round_before_the_first() -> None:
    with pytest.raises(ConfigError, match="--round"):
        planned(1, 0)


@pytest.mark.parametrize(
    ("one", "found", "outcome", "said"),
    [
        (SOUND, result(), Outcome.PASSED, ""),
        (SOUND, result("a"), Outcome.FAILED, "a: so"),
        (SOUND, result("a", grade=Grade.SHOULD, outcome=Outcome.PASSED), Outcome.PASSED, ""),
        (BROKEN, result("a", "b"), Outcome.PASSED, ""),
        (BROKEN, result("c", "d"), Outcome.PASSED, ""),
        (BROKEN, result("a", "d"), Outcome.FAILED, "a, b or c stayed green; red: a, d"),
        (BROKEN, result(), Outcome.FAILED, "a, b or c stayed green; red: nothing"),
        (BROKEN, result(outcome=Outcome.ERRORED), Outcome.ERRORED, "that is why"),
        (SOUND, result(outcome=Outcome.SKIPPED), Outcome.SKIPPED, "that is why"),
    ],
)
def test_the_right_red_and_no_other(one: Round, found: ScenarioResult, outcome: Outcome, said: str) -> None:
    assert judged(one, found) == (outcome, said)


def test_a_counter_example_says_how_to_ask_it_again() -> None:
    missed = Answer(
        round=BROKEN, outcome=Outcome.FAILED, said="a stayed green", replay="wslb selftest --seed 1 --round 2"
    )
    assert str(missed).splitlines() == [
        "✖ round 2    m, n",
        "    MISSED: a stayed green",
        "    again: wslb selftest --seed 1 --round 2",
    ]
    alarm = dataclasses.replace(missed, round=SOUND)
    assert "FALSE ALARM: a stayed green" in str(alarm)
    assert rounds.summary([missed, alarm]) == "2 rounds of seed 1: 1 breakages MISSED, 1 FALSE ALARMS"


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ((Outcome.PASSED, Outcome.SKIPPED), 0),
        ((Outcome.PASSED, Outcome.ERRORED, Outcome.FAILED), 1),
        ((Outcome.PASSED, Outcome.ERRORED), 4),
        ((Outcome.SKIPPED,), 5),
    ],
)
def test_exit_codes(outcomes: tuple[Outcome, ...], code: int) -> None:
    assert rounds.exit_code([Answer(round=SOUND, outcome=outcome) for outcome in outcomes]) == code


async def test_a_pair_breaks_what_both_break() -> None:
    done: list[str] = []

    def configured(name: str) -> Mutation:
        async def before(_: Lab) -> None:
            done.append(name)

        def tamper(site: Site) -> Site:
            return dataclasses.replace(site, directives=(*site.directives, name))

        return breakage(name, "a", tamper=tamper, before=before)

    pair = rounds.both(configured("m"), configured("n"))
    assert pair.tamper is not None
    assert pair.tamper(balanced(CLUSTER)).directives == ("m", "n")
    assert pair.before is not None
    await pair.before(cast("Lab", None))
    assert done == ["m", "n"]
    assert rounds.both(breakage("m", "a"), breakage("n", "a")).wire is None
