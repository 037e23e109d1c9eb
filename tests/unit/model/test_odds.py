from __future__ import annotations

import math

import pytest

from wslb.model.odds import bound_for, coin_passes, race_alarm


def test_without_races_there_is_no_alarm_and_the_bound_is_exact() -> None:
    assert race_alarm(5000, 0, 0) == 0
    assert bound_for(5000, 0, 1e-6) == 0


def test_one_collision_in_the_mean_moves_the_share_with_the_chance_that_there_is_an_odd_number_or_more() -> None:
    # bound 0: every walk that does not end where it began; for a Poisson number m of steps that is known in closed form
    mean = 0.5
    stay = sum(math.exp(-mean) * mean**m / math.factorial(m) * math.comb(m, m // 2) / 2**m for m in range(0, 40, 2))
    assert race_alarm(500, 0.001, 0) == pytest.approx(1 - stay, rel=1e-9)


@pytest.mark.parametrize("elections", [50, 500, 5000])
def test_the_bound_is_the_smallest_that_keeps_the_promise(elections: int) -> None:
    bound = bound_for(elections, 0.001, 1e-6)
    assert race_alarm(elections, 0.001, bound) <= 1e-6 < race_alarm(elections, 0.001, bound - 1)


def test_a_coin_is_told_by_the_binomial() -> None:
    assert coin_passes(50, 0) == pytest.approx(math.comb(50, 25) / 2**50)
    assert coin_passes(3, 0.5) == pytest.approx(6 / 8)
    assert coin_passes(5000, 12) == pytest.approx(0.276, abs=0.001)
    assert coin_passes(4, 2) == pytest.approx(1)
