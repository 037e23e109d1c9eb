"""How likely a count is: false alarms of a bound, and what the bound would let pass. Standard library only."""

from __future__ import annotations

import math

__all__ = ["bound_for", "coin_passes", "race_alarm"]


def race_alarm(elections: int, rate: float, bound: int) -> float:
    """Probability that races alone move a share by more than a bound.

    The model: an election collides with another one with probability `rate`, independently, and each collision moves
    the share by one, up or down with equal chance. The number of collisions is then binomial, for small rates Poisson,
    and the share a random walk of so many steps.

    Args:
        elections: how many there were.
        rate: collisions per election.
        bound: largest distance that is no alarm.
    """
    mean = elections * rate
    if mean <= 0:
        return 0.0
    steps = range(bound + 1, bound + 2 + math.ceil(mean + 20 * math.sqrt(mean) + 50))
    return min(1.0, math.fsum(_poisson(mean, m) * _walk_beyond(m, bound) for m in steps))


def bound_for(elections: int, rate: float, alarm: float) -> int:
    """Smallest bound that races alone break with at most this probability."""
    bound = 0
    while race_alarm(elections, rate, bound) > alarm:
        bound += 1
    return bound


def coin_passes(elections: int, bound: float) -> float:
    """Probability that a proxy that tosses a coin for each of two members stays within the bound all the same."""
    low, high = elections / 2 - bound, elections / 2 + bound
    inside = (k for k in range(elections + 1) if low <= k <= high)
    return min(1.0, math.fsum(math.exp(_log_choose(elections, k) - elections * math.log(2)) for k in inside))


def _poisson(mean: float, count: int) -> float:
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))


def _walk_beyond(steps: int, bound: int) -> float:
    """Probability that a walk of so many steps of plus or minus one ends farther than the bound from its start."""
    ends = (up for up in range(steps + 1) if abs(2 * up - steps) > bound)
    return math.fsum(math.exp(_log_choose(steps, up) - steps * math.log(2)) for up in ends)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
