from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wslb.errors import EvidenceError
from wslb.load.document import Evidence, document_of, read_document, timeline
from wslb.load.engines import Lost, Result
from wslb.load.page import render, write
from wslb.load.plan import LoadPlan
from wslb.load.speech import progress_line, summary
from wslb.load.tally import NOBODY, Tally
from wslb.load.thresholds import parse_limit

EVIDENCE = Evidence(
    target={"kind": "url", "url": "ws://127.0.0.1/ws"},
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
        made.timeline.count(number / 100, f"opened {'liberty' if number % 2 else 'node'}")
        made.timeline.count(number / 100 + 1, f"ended {'liberty' if number % 2 else 'node'}")
    return made


def made(
    *limits: str, result: Result | None = None, plan: LoadPlan | None = None, evidence: Evidence = EVIDENCE
) -> dict[str, Any]:
    plan = plan or LoadPlan(url="ws://127.0.0.1/ws", connections=600, rate=100.0)
    result = result or Result(tally=tally(), places=[{"name": "process 1", "shard": 0, "host": "h", "pid": 1}])
    return document_of(plan, result, [parse_limit(text) for text in limits], evidence)


def test_limits_that_hold_pass() -> None:
    found = made("errors=0", "p99<10ms", "imbalance<1%", "opened=100%")
    assert found["outcome"] == {"word": "passed", "exit_code": 0, "reasons": []}
    assert found["imbalance"] == 0
    assert found["sent_rate"] == pytest.approx(100)
    assert found["latency"]["open"]["percentiles"]["99"] == pytest.approx(0.003, rel=0.001)
    assert found["latency"]["open"]["percentiles"]["99.9"] is None


def test_percentiles_that_were_asked_for_are_told_everywhere() -> None:
    found = made(evidence=replace(EVIDENCE, percentiles=(25.0, 99.95)))
    assert list(found["latency"]["open"]["percentiles"]) == ["25", "99.95"]
    assert list(found["backends"][0]["echo"]["percentiles"]) == ["25", "99.95"]
    assert found["latency"]["open"]["percentiles"]["25"] == pytest.approx(0.003, rel=0.001)
    assert found["latency"]["open"]["percentiles"]["99.95"] is None
    page = render(found)
    assert "<th>p25</th><th>p99.95</th><th>max</th>" in page
    assert ">p25</text>" in page
    assert "p50" not in page
    assert "p25 3" in " ".join(summary(found))


def test_a_run_too_short_for_a_curve_says_so_instead_of_an_empty_one() -> None:
    whole = made()
    short = {**whole, "timeline": {"width_seconds": 1.0, "steps": whole["timeline"]["steps"][:1]}}
    long_page, short_page = render(whole), render(short)
    assert long_page.count("<svg") - short_page.count("<svg") == 2
    assert short_page.count("No curve: the run was too short") - long_page.count("No curve: the run was too short") == 2


def test_a_limit_that_does_not_hold_fails_with_its_value() -> None:
    found = made("p99<1ms", "errors=0")
    assert (found["outcome"]["word"], found["outcome"]["exit_code"]) == ("failed", 1)
    assert found["outcome"]["reasons"] == ["limit p99<1ms: 3.001ms (n = 600)"]


def test_a_lost_process_fails_and_counts_with_its_connections() -> None:
    lost = Lost(place="worker 2", shard=1, connections=300, reason="its process ended")
    result = Result(tally=tally(300, span=(0.0, 5.99)), lost=[lost], places=[{"name": "worker 1", "shard": 0}])
    found = made(result=result)
    assert (found["planned"], found["opened"], found["lost"], found["errors"]) == (600, 300, 300, 300)
    assert found["outcome"]["exit_code"] == 1
    assert "worker 2" in found["outcome"]["reasons"][0]
    assert "worker 2" in render({**found, "places": []})


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
    found = made("errors=0", result=Result(tally=counted, places=[{}]))
    assert (found["outcome"]["word"], found["outcome"]["exit_code"]) == ("invalid", 4)
    assert any(word in reason for reason in found["outcome"]["reasons"])
    assert not any(line.strip().startswith("time to open") for line in summary(found))


def test_the_closed_model_has_no_rate_to_miss() -> None:
    plan = LoadPlan(url="ws://127.0.0.1/ws", connections=600)
    found = made(plan=plan, result=Result(tally=tally(span=(0.0, 60.0)), places=[{}]))
    assert (found["model"], found["sent_rate"], found["outcome"]["exit_code"]) == ("closed", None, 0)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interrupted_run_says_so_before_all_else(name: str, code: int) -> None:
    evidence = Evidence(target=EVIDENCE.target, environment=EVIDENCE.environment, interrupted=name)
    assert made("p99<1us", evidence=evidence)["outcome"]["exit_code"] == code


def test_nothing_at_all_fails_a_limit() -> None:
    found = made("imbalance<1%", "p50<1s", result=Result(tally=Tally()))
    assert [limit["holds"] for limit in found["limits"]] == [False, False]
    assert found["outcome"]["exit_code"] == 1
    assert render(found)


def test_the_timeline_tells_live_tunnels() -> None:
    steps = timeline(tally().timeline)["steps"]
    assert [sum(step["live"].values()) for step in steps] == [100, 100, 100, 100, 100, 100, 0]


def test_the_document_is_saved_and_read_again(tmp_path: Path) -> None:
    found = made("errors=0")
    drawn, data = write(found, tmp_path / "new")
    assert read_document(data) == json.loads(json.dumps(found))
    assert drawn.read_text() == render(read_document(data))
    data.write_text('{"schema": "other"}')
    with pytest.raises(EvidenceError):
        read_document(data)


def test_the_page_escapes_what_came_from_the_network() -> None:
    counted = tally()
    counted.served("<script>alert(1)</script>").opened += 1
    counted.served(NOBODY).errors["<b>"] += 1
    page = render(made(result=Result(tally=counted, places=[{"name": "<i>", "host": "<i>", "pid": 1}])))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<b>&" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_words() -> None:
    assert "PASSED  600 of 600 opened" in summary(made("errors=0"))[0]
    line = progress_line(
        {"at": 1.0, "planned": 10, "started": 5, "live": 1, "echoed": 2, "opened": {"a": 3, "b": 1}, "errors": {}}
    )
    assert " ".join(line.split()) == "1.0 s opened 4 of 10 live 1 a 3 b 1 echoed 2 none failed"
