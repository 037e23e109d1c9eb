from __future__ import annotations

import random

import msgspec
import pytest
from hdrh.histogram import HdrHistogram

from wslb.load.tally import MOST_NAMES, OTHERS, Course, Histogram, Tally, add_counts


def values(seed: int, count: int) -> list[float]:
    chance = random.Random(seed)  # noqa: S311 - repeatable samples
    return [10 ** chance.uniform(-6, 2) for _ in range(count)]


def test_a_histogram_is_the_one_of_hdrhistogram() -> None:
    ours = Histogram()
    theirs = HdrHistogram(Histogram.LOWEST, Histogram.HIGHEST, Histogram.DIGITS)
    for value in values(1, 5000):
        ours.record(value)
        theirs.record_value(max(int(value * 1e6), 1))
    for percent in (1, 50, 90, 99, 99.9, 100):
        assert ours.percentile(percent) == theirs.get_value_at_percentile(percent) / 1e6
    assert ours.mean == pytest.approx(theirs.get_mean_value() / 1e6, rel=1e-3)
    assert ours.percentiles((50, 99)) == {50: ours.percentile(50), 99: ours.percentile(99)}
    assert ours.count == theirs.get_total_count()
    assert ours.encoded() == theirs.encode().decode()


def test_a_percentile_is_within_a_thousandth() -> None:
    histogram, samples = Histogram(), sorted(values(2, 10_000))
    for sample in samples:
        histogram.record(sample)
    assert histogram.count == len(samples) == 10_000
    for percent in (10, 50, 90, 99):
        exact = samples[round(len(samples) * percent / 100) - 1]
        assert histogram.percentile(percent) == pytest.approx(exact, rel=0.002, abs=2e-6)


def test_a_percentile_with_too_few_samples_is_not_told() -> None:
    histogram = Histogram()
    for _ in range(100):
        histogram.record(0.001)
    assert histogram.told((50, 90, 95)) == {50: pytest.approx(0.001), 90: pytest.approx(0.001), 95: None}


def test_nothing_recorded_is_nothing_told() -> None:
    empty = Histogram()
    assert (empty.count, empty.percentile(99), empty.highest, empty.encoded()) == (0, 0.0, 0.0, "")
    empty.add(Histogram())
    assert Histogram(empty.encoded()).count == 0


def sample_tally(seed: int) -> Tally:
    tally = Tally()
    chance = random.Random(seed)  # noqa: S311 - repeatable samples
    for value in values(seed, 200):
        name = chance.choice(["liberty", "node"])
        served = tally.served(name)
        tally.started += 1
        at = chance.uniform(0, 20)
        if chance.random() < 0.1:
            add_counts(served.errors, {chance.choice(["lost", "refused"]): 1})
            tally.course.count(at, "failed")
        else:
            served.opened += 1
            served.open.record(value)
            served.echo.record(value / 2)
            tally.course.count(at, f"opened {name}")
            tally.opened_span = (min(tally.opened_span[0], at), max(tally.opened_span[1], at))
        tally.lag.record(value / 10)
    tally.start_span = (0.0, 20.0)
    return tally


def test_tallies_add_up_exactly_in_any_order_and_over_the_wire() -> None:
    parts = [sample_tally(seed) for seed in range(5)]
    whole, again = Tally(), Tally()
    for part in parts:
        whole.add(part)
    for part in reversed(parts):
        again.add(Tally.decoded(part.encoded()))
    assert plain(again) == plain(whole)
    assert (again.started, again.opened, again.errors) == (1000, *_expected(parts))
    assert Tally.decoded(Tally().encoded()).start_span == Tally().start_span


def plain(tally: Tally) -> object:
    return msgspec.to_builtins(tally, enc_hook=Histogram.encoded, order="deterministic")


def _expected(parts: list[Tally]) -> tuple[int, dict[str, int]]:
    errors: dict[str, int] = {}
    for part in parts:
        for kind, count in part.errors.items():
            errors[kind] = errors.get(kind, 0) + count
    return sum(part.opened for part in parts), errors


def test_a_long_run_keeps_a_bounded_timeline() -> None:
    line = Course()
    for second in range(10_000):
        line.count(float(second), "opened")
    assert len(line.steps) <= Course.MOST
    assert line.width == 32
    assert sum(counts["opened"] for counts in line.steps.values()) == 10_000


def test_timelines_of_different_width_add_up() -> None:
    long, short = Course(), Course()
    for second in range(2000):
        long.count(float(second), "opened")
    short.count(0.5, "opened")
    short.count(1999.5, "opened")
    for one, other in ((long, short), (short, long)):
        total = Course()
        total.add(one)
        total.add(other)
        assert total.width == 4
        assert sum(counts["opened"] for counts in total.steps.values()) == 2002


def test_a_server_cannot_fill_our_memory_with_names() -> None:
    tally = Tally()
    for number in range(1000):
        tally.served(f"name {number}").opened += 1
    assert len(tally.backends) == MOST_NAMES + 1
    assert tally.backends[OTHERS].opened == 1000 - MOST_NAMES
    assert tally.opened == 1000
