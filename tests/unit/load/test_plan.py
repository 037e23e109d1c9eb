from __future__ import annotations

import msgspec
import pytest

from wslb.errors import ConfigError
from wslb.load.plan import LoadPlan, Shard

URL = "ws://127.0.0.1/ws"


def plan(**values: object) -> LoadPlan:
    return LoadPlan(url=URL, **{"connections": 10, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 16])
def test_shards_take_every_open_once(count: int) -> None:
    shards = plan().shards(count)
    numbers = sorted(shard.number(nth) for shard in shards for nth in range(shard.connections))
    assert numbers == list(range(10))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shards_share_the_concurrency(count: int) -> None:
    shards = plan(concurrency=5).shards(count)
    assert sum(shard.concurrency for shard in shards) == 5
    assert min(shard.concurrency for shard in shards) >= 1


def test_no_more_shards_than_opens_at_a_time() -> None:
    assert len(plan(concurrency=2).shards(8)) == 2


def test_the_open_model_has_evenly_spaced_times() -> None:
    steady = plan(connections=0, rate=200.0, duration_seconds=60.0)
    assert (steady.open_model, steady.total) == (True, 12_000)
    assert [steady.due(index) for index in (0, 1, 200)] == [0.0, 0.005, 1.0]


def test_the_rate_grows_over_the_ramp_and_then_stays() -> None:
    ramp = plan(connections=0, rate=100.0, ramp_seconds=2.0, duration_seconds=3.0)
    assert ramp.total == 200
    assert ramp.due(100) == pytest.approx(2.0)
    assert ramp.due(25) == pytest.approx(1.0)
    assert ramp.due(199) - ramp.due(198) == pytest.approx(0.01)
    gaps = [ramp.due(index + 1) - ramp.due(index) for index in range(99)]
    assert gaps == sorted(gaps, reverse=True)


def test_a_ramp_without_a_rate_spreads_all_opens() -> None:
    spread = plan(ramp_seconds=5.0)
    assert spread.open_model
    assert [spread.due(index) for index in (0, 5)] == [0.0, 2.5]


def test_shards_keep_the_times_of_the_whole() -> None:
    whole = plan(rate=10.0, connections=30)
    times = sorted(shard.due(nth) for shard in whole.shards(3) for nth in range(shard.connections))
    assert times == [whole.due(index) for index in range(30)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"connections": 0},
        {"connections": -1},
        {"rate": 0.0},
        {"rate": 10.0, "concurrency": 3},
        {"concurrency": 0},
        {"size": 0},
        {"identify": "ip"},
        {"messages": -1},
        {"hold_seconds": -1.0},
        {"duration_seconds": 0.0},
        {"connections": 0, "duration_seconds": 5.0, "hold_seconds": 1.0},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as refused:
        plan(**wrong)
    assert refused.value.option.startswith("--")


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="URL"):
        LoadPlan(url="http://h/", connections=1)


@pytest.mark.parametrize("text", ["", "header", "cookie:", "greeting:x", "ip"])
def test_another_identify_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="identify"):
        plan(identify=text)


def test_a_shard_survives_the_wire() -> None:
    shard = plan(greetings=(("hello", "a"),), headers=(("X", "y"),), identify="cookie:C").shards(3)[1]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(shard), type=Shard) == shard


@pytest.mark.parametrize(
    ("values", "room"),
    [
        ({"connections": 10_000, "hold_seconds": 1.0}, 10_000),
        ({"connections": 0, "rate": 200.0, "duration_seconds": 60.0}, 400),
        ({"connections": 0, "rate": 1000.0, "duration_seconds": 60.0}, 2000),
        ({"connections": 50, "rate": 200.0}, 50),
        ({"connections": 1000}, 128),
        ({"connections": 0, "duration_seconds": 5.0, "concurrency": 100}, 200),
    ],
)
def test_room_for_what_is_open_at_once(values: dict[str, object], room: int) -> None:
    assert plan(**values).most_at_once == room


def test_server_endures_what_is_held_and_then_some() -> None:
    assert plan().patience_seconds == 300
    assert plan(hold_seconds=600.0, ramp_seconds=50.0).patience_seconds == 950
