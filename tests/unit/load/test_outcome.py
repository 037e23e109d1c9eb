from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from wslb.errors import EvidenceError
from wslb.load.drawing import draw, save
from wslb.load.engines.running import Result
from wslb.load.outcome import Surroundings, document_of, steps_of
from wslb.load.plan import LoadPlan
from wslb.load.progress import RunProgress
from wslb.load.saved import (
    LoadDocument,
    LoadOutcome,
    LoadTarget,
    LostShard,
    StartedShard,
    TimeSteps,
    encode,
    json_schema,
    read,
)
from wslb.load.speech import progress_line, summary
from wslb.load.tally import NOBODY, Tally
from wslb.load.thresholds import parse_limit
from wslb.resources import resource

PLACE = StartedShard(name="process 1", shard=0, host="h", pid=1)

AROUND = Surroundings(
    target=LoadTarget(kind="url", url="ws://127.0.0.1/ws"),
    environment={"platform": "here", "cpus": 2},
    started="2026-01-01T00:00:00+00:00",
    command="wslb load",
)


def tally(opened: int = 600, *, lag: float = 0.001, span: tuple[float, float] = (0.0, 5.99)) -> Tally:
    made = Tally()
    made.started = made.ended = opened
    made.start_span = made.opened_span = span
    for number in range(opened):
        served = made.served("liberty" if number % 2 else "node")
        served.opened += 1
        served.closed += 1
        served.open.record(0.003)
        made.lag.record(lag)
        made.course.count(number / 100, f"opened {'liberty' if number % 2 else 'node'}")
        made.course.count(number / 100 + 1, f"ended {'liberty' if number % 2 else 'node'}")
    return made


def made(
    *limits: str, result: Result | None = None, plan: LoadPlan | None = None, around: Surroundings = AROUND
) -> LoadDocument:
    plan = plan or LoadPlan(url="ws://127.0.0.1/ws", connections=600, rate=100.0)
    result = result or Result(tally=tally(), places=[PLACE])
    return document_of(plan, result, [parse_limit(text) for text in limits], around)


def test_limits_that_hold_pass() -> None:
    found = made("errors=0", "p95<10ms", "imbalance<1%", "opened=100%")
    assert found.outcome == LoadOutcome(word="passed", exit_code=0)
    assert found.imbalance == 0
    assert found.sent_rate == pytest.approx(100)
    assert found.latency["open"].percentiles["95"] == pytest.approx(0.003, rel=0.001)
    assert found.latency["open"].percentiles["99"] is None


def test_percentiles_that_were_asked_for_are_told_everywhere() -> None:
    found = made(around=replace(AROUND, percentiles=(25.0, 99.95)))
    assert list(found.latency["open"].percentiles) == ["25", "99.95"]
    assert list(found.backends[0].echo.percentiles) == ["25", "99.95"]
    assert found.latency["open"].percentiles["25"] == pytest.approx(0.003, rel=0.001)
    assert found.latency["open"].percentiles["99.95"] is None
    page = draw(found)
    assert "<th>p25</th><th>p99.95</th><th>max</th>" in page
    assert ">p25</text>" in page
    assert "p50" not in page
    assert "p25 3" in " ".join(summary(found))


def test_a_run_too_short_for_a_curve_says_so_instead_of_an_empty_one() -> None:
    whole = made()
    short = msgspec.structs.replace(whole, timeline=TimeSteps(width_seconds=1.0, steps=whole.timeline.steps[:1]))
    long_page, short_page = draw(whole), draw(short)
    assert long_page.count("<svg") - short_page.count("<svg") == 2
    assert short_page.count("No curve: the run was too short") - long_page.count("No curve: the run was too short") == 2


def test_a_limit_that_does_not_hold_fails_with_its_value() -> None:
    found = made("p95<1ms", "errors=0")
    assert (found.outcome.word, found.outcome.exit_code) == ("failed", 1)
    assert found.outcome.reasons == ("limit p95<1ms: 3.001ms (n = 600)",)


def test_a_lost_process_fails_and_counts_with_its_connections() -> None:
    lost = LostShard(place="worker 2", shard=1, connections=300, reason="its process ended")
    result = Result(tally=tally(300, span=(0.0, 5.99)), lost=[lost], places=[PLACE])
    found = made(result=result)
    assert (found.planned, found.opened, found.lost, found.errors) == (600, 300, 300, 300)
    assert found.outcome.exit_code == 1
    assert "worker 2" in found.outcome.reasons[0]
    assert "worker 2" in draw(found)


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        ({"lag": 0.5}, "late"),
        ({"span": (0.0, 7.0)}, "late"),
        ({"opened": 400}, "cannot keep"),
    ],
)
def test_a_client_that_could_not_keep_the_rate_is_invalid(broken: dict[str, Any], word: str) -> None:
    counted = tally(**broken)
    counted.not_started = 600 - counted.started
    found = made("errors=0", result=Result(tally=counted, places=[PLACE]))
    assert (found.outcome.word, found.outcome.exit_code) == ("invalid", 4)
    assert any(word in reason for reason in found.outcome.reasons)
    assert not any(line.strip().startswith("time to open") for line in summary(found))


def test_the_closed_model_has_no_rate_to_miss() -> None:
    plan = LoadPlan(url="ws://127.0.0.1/ws", connections=600)
    found = made(plan=plan, result=Result(tally=tally(span=(0.0, 60.0)), places=[PLACE]))
    assert (found.model, found.sent_rate, found.outcome.exit_code) == ("closed", None, 0)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interrupted_run_says_so_before_all_else(name: str, code: int) -> None:
    assert made("p99<1us", around=replace(AROUND, interrupted=name)).outcome.exit_code == code


def test_nothing_at_all_fails_a_limit() -> None:
    found = made("imbalance<1%", "p50<1s", result=Result(tally=Tally()))
    assert [limit.holds for limit in found.limits] == [False, False]
    assert found.outcome.exit_code == 1
    assert draw(found)


def test_the_timeline_tells_live_tunnels() -> None:
    steps = steps_of(tally().course).steps
    assert [sum(step.live.values()) for step in steps] == [100, 100, 100, 100, 100, 100, 0]


def test_the_document_is_saved_and_read_again(tmp_path: Path) -> None:
    found = made("errors=0")
    drawn, data = save(found, tmp_path / "new")
    assert read(data) == found
    assert drawn.read_text() == draw(read(data))
    jsonschema.validate(json.loads(data.read_text()), json.loads(json_schema()))


@pytest.mark.parametrize(
    "wrong", [{"schema": "other"}, {"further": 1}, {"opened": "many"}, {"places": [{}]}, {"plan": {"url": "http://h/"}}]
)
def test_what_is_no_load_document_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    file = tmp_path / "load.json"
    file.write_text(json.dumps({**json.loads(encode(made())), **wrong}))
    with pytest.raises(EvidenceError):
        read(file)
    with pytest.raises(EvidenceError):
        read(tmp_path / "missing.json")


def test_the_schema_is_made_from_the_types() -> None:
    assert resource("load/load.schema.json") == json_schema(), "write json_schema() into load.schema.json"


def test_certificates_are_not_saved() -> None:
    assert "PEM" not in encode(made(plan=LoadPlan(url="wss://h/", connections=600, trust="PEM")))


def test_the_page_escapes_what_came_from_the_network() -> None:
    counted = tally()
    counted.served("<script>alert(1)</script>").opened += 1
    counted.served(NOBODY).errors["<b>"] = 1
    page = draw(made(result=Result(tally=counted, places=[StartedShard(name="<i>", shard=0, host="<i>", pid=1)])))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt;" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_words() -> None:
    whole = made("errors=0")
    assert summary(whole)[0] == f"PASSED  600 of 600 opened ({whole.rate:.0f} a second), 600 closed in order, 0 failed"
    parted = msgspec.structs.replace(whole, opened=500, closed=480, errors=120, lost=20)
    assert summary(parted)[0].endswith("480 closed in order, 120 failed (20 of them open tunnels)")
    nothing = msgspec.structs.replace(whole, opened=0, closed=0, errors=600, lost=0)
    assert summary(nothing)[0] == "PASSED  0 of 600 opened, 600 failed"
    line = progress_line(
        RunProgress(at=1.0, planned=10, started=5, live=1, echoed=2, opened={"a": 3, "b": 1}, errors={})
    )
    assert " ".join(line.split()) == "1.0 s opened 4 of 10 live 1 a 3 b 1 echoed 2 none failed"
