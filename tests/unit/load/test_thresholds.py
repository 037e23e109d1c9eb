from __future__ import annotations

from typing import Any

import msgspec
import pytest

from wslb.errors import ConfigError
from wslb.load.saved import LoadCounts
from wslb.load.tally import Histogram
from wslb.load.thresholds import judge, parse_limit
from wslb.load.totals import Totals

COUNTS = LoadCounts(
    planned=1000, started=1000, not_started=0, opened=990, closed=987, errors=10, errors_by_kind={"lost": 3}, lost=3,
    interrupted=0, echoed=500, messages_due=1000, rate=250.0, sent_rate=None, imbalance=0.004,
)  # fmt: skip


def totals(opens: Histogram | None = None, **counts: Any) -> Totals:
    latency = {"open": opens or Histogram(), "echo": Histogram(), "lag": Histogram()}
    return Totals(counts=msgspec.structs.replace(COUNTS, **counts), latency=latency)  # type: ignore[arg-type]


def milliseconds(*pairs: tuple[float, int]) -> Histogram:
    histogram = Histogram()
    for value, count in pairs:
        for _ in range(count):
            histogram.record(value / 1e3)
    return histogram


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("errors=10", True), ("errors=0", False), ("errors<=1%", True), ("errors<1%", False), ("lost<=3", True),
        ("opened>=990", True), ("opened>99.5%", False), ("imbalance<1%", True), ("imbalance<0.1%", False),
        ("rate>200", True), ("rate>=300/s", False), ("echoed=500", True), ("echoed==50%", True), (" lost < 4 ", True),
    ],
)  # fmt: skip
def test_counts_and_shares(text: str, holds: bool) -> None:
    [judged] = judge([parse_limit(text)], totals())
    assert judged.holds is holds
    assert judged.observed


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("p50<2ms", True), ("p99<10ms", True), ("p99<4ms", False), ("p99<0.01s", True), ("p50<1000us", False),
        ("max<21ms", True), ("max<19ms", False), ("mean<2ms", True),
    ],
)  # fmt: skip
def test_times(text: str, holds: bool) -> None:
    [judged] = judge([parse_limit(text)], totals(milliseconds((1.5, 950), (5, 41), (20, 9))))
    assert judged.holds is holds
    assert ("n = 1000" in judged.observed) is text.startswith("p")


def test_a_percentile_with_too_few_samples_is_withheld_and_does_not_hold() -> None:
    [judged] = judge([parse_limit("p99<10s")], totals(milliseconds((1, 999))))
    assert not judged.holds
    assert "p99 needs 1000" in judged.observed
    assert judge([parse_limit("p99<10s")], totals(milliseconds((1, 1000))))[0].holds


@pytest.mark.parametrize("text", ["p99<1s", "echo.p99<1s", "lag.p99<1s", "mean<1s", "max<1s", "echo.max<1s"])
def test_no_evidence_does_not_hold(text: str) -> None:
    assert not judge([parse_limit(text)], totals())[0].holds


def test_nothing_planned_does_not_hold() -> None:
    assert not judge([parse_limit("errors<1%")], totals(planned=0))[0].holds
    assert not judge([parse_limit("imbalance<1%")], totals(imbalance=None))[0].holds


@pytest.mark.parametrize(
    "text",
    ["p9x<1ms", "eror=0", "p99", "p99<10", "p99<10%", "errors<10ms", "imbalance<5ms", "p100<1ms", "", "p99<-1ms", "<1"],
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_limit(text)
    assert refused.value.option == "--limit"


def test_a_mistyped_name_gets_a_hint() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_limit("imbalence<1%")
    assert "imbalance" in refused.value.hint
