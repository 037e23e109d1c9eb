from __future__ import annotations

from typing import Any

import pytest

from wslb.errors import ConfigError
from wslb.load.document import latency
from wslb.load.tally import Histogram
from wslb.load.thresholds import judge, needed, parse_limit


def facts(**values: Any) -> dict[str, Any]:
    histogram = values.pop("open", Histogram())
    empty = latency(Histogram())
    return {
        "planned": 1000, "opened": 990, "errors": 10, "lost": 3, "echoed": 500, "messages_due": 1000, "rate": 250.0,
        "imbalance": 0.004, "latency": {"open": latency(histogram), "echo": empty, "lag": empty}, **values,
    }  # fmt: skip


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
    [judged] = judge([parse_limit(text)], facts())
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
    [judged] = judge([parse_limit(text)], facts(open=milliseconds((1.5, 950), (5, 41), (20, 9))))
    assert judged.holds is holds
    assert ("n = 1000" in judged.observed) is text.startswith("p")


def test_a_percentile_with_too_few_samples_is_withheld_and_does_not_hold() -> None:
    [judged] = judge([parse_limit("p99<10s")], facts(open=milliseconds((1, 499))))
    assert not judged.holds
    assert "p99 needs 500" in judged.observed
    assert judge([parse_limit("p99<10s")], facts(open=milliseconds((1, 500))))[0].holds


@pytest.mark.parametrize(("percent", "samples"), [(50, 10), (90, 50), (99, 500), (99.9, 5000)])
def test_samples_that_a_percentile_needs(percent: float, samples: int) -> None:
    assert needed(percent) == samples


@pytest.mark.parametrize("text", ["p99<1s", "echo.p99<1s", "lag.p99<1s", "mean<1s", "max<1s", "echo.max<1s"])
def test_no_evidence_does_not_hold(text: str) -> None:
    assert not judge([parse_limit(text)], facts())[0].holds


def test_nothing_planned_does_not_hold() -> None:
    assert not judge([parse_limit("errors<1%")], facts(planned=0))[0].holds
    assert not judge([parse_limit("imbalance<1%")], facts(imbalance=None))[0].holds


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
