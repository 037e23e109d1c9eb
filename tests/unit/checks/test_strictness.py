"""Rules of grade SHOULD: each check on a record that keeps it, one that breaks it, and an empty one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wslb.checks import strictness
from wslb.model.handshake import Arrival, Handshake, Headers
from wslb.model.results import Check, Event, Grade, Record

SENT: Headers = (("Host", "proxy"), ("Connection", "Upgrade, X-Hop"), ("X-Hop", "1"), ("TE", "trailers"))
KEPT: Headers = (("Host", "member"), ("Connection", "Upgrade"), ("Upgrade", "websocket"))


def record(received: Headers, *, answered: Headers = (), page: Headers = (), sent: Headers = SENT) -> Record:
    arrival = Arrival(
        conn_id="1",
        backend="node",
        seq=1,
        at=0.0,
        listener="ws",
        method="GET",
        target="/CLRunner",
        http_version="1.1",
        headers=received,
        upgrade=True,
        accepted=True,
        status=101,
        response=(),
    )
    handshake = Handshake(
        conn_id="1",
        seq=1,
        url="ws://proxy/ws",
        request=sent,
        status=101,
        elapsed_seconds=0.0,
        response=answered,
        arrivals=(arrival,),
    )
    data = {"status": 200, "headers": [list(field) for field in page]}
    return Record(handshakes=(handshake,), events=(Event(at=1, kind="request", text="GET /page", data=data),))


COOKIE = ("Set-Cookie", "ROUTEID=.node; path=/")
OTHER = ("set-cookie", "ROUTEID=.liberty; path=/")

CASES: list[tuple[Check, Grade, Record, Record, str]] = [
    (
        strictness.hop_fields_dropped,
        Grade.SHOULD,
        record(KEPT),
        record((*KEPT, ("keep-alive", "timeout=5"))),
        "keep-alive reached the backend",
    ),
    (
        strictness.nominated_fields_dropped,
        Grade.MUST,
        record(KEPT),
        record((*KEPT, ("x-hop", "1"))),
        "x-hop reached the backend",
    ),
    (strictness.host_comes_first, Grade.SHOULD, record(KEPT), record(KEPT[::-1]), "Upgrade came first"),
    (
        strictness.cookies_once,
        Grade.SHOULD,
        record(KEPT, answered=(COOKIE,), page=(COOKIE, ("Set-Cookie", "other=1"))),
        record(KEPT, answered=(COOKIE,), page=(COOKIE, OTHER)),
        "answer to GET /page sets ROUTEID twice",
    ),
]


@pytest.mark.parametrize(
    ("check", "grade", "good", "bad", "said"), CASES, ids=lambda case: getattr(case, "__name__", "")
)
def test_check(check: Check, grade: Grade, good: Record, bad: Record, said: str) -> None:
    assert check(good).holds
    broken = check(bad)
    assert not broken.holds
    assert said in broken.observed
    assert broken.grade is grade
    assert broken.breaks is (grade is Grade.MUST)


@pytest.mark.parametrize("check", [case[0] for case in CASES], ids=lambda check: check.__name__)
def test_without_evidence_no_grade_is_lenient(check: Check) -> None:
    verdict = check(Record())
    assert verdict.breaks
    assert "no evidence" in verdict.observed


def test_connection_that_names_no_field_of_the_request_proves_nothing() -> None:
    verdict = strictness.nominated_fields_dropped(record(KEPT, sent=(("Host", "proxy"), ("Connection", "Upgrade"))))
    assert not verdict.holds
    assert "names no field" in verdict.observed


@pytest.mark.parametrize("check", [case[0] for case in CASES[:3]], ids=lambda check: check.__name__)
def test_what_no_backend_saw_proves_nothing(check: Check) -> None:
    seen = record(KEPT)
    unseen = replace(seen, handshakes=(replace(seen.handshakes[0], arrivals=()),))
    assert "no backend saw it" in check(unseen).observed
