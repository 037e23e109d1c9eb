"""Checks of what came back for a handshake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import arrival as good
from wslb.checks.answer import BACKEND, HTTPD, NOBODY, Expected, answered, carries, gives_up_after, redirected
from wslb.model.balancer import Carrier
from wslb.model.handshake import Arrival, Handshake, Headers, WireView
from wslb.model.results import Check, Record


def arrival(status: int | None = 400, response: Headers = ()) -> Arrival:
    return replace(good("node"), status=status, accepted=status == 101, response=response)


BY_BACKEND = Handshake(
    conn_id="t-1",
    seq=1,
    url="ws://127.0.0.1:1/ws",
    request=(),
    status=400,
    response=(("Allow", "GET"),),
    signers=("node",),
    logged_status=200,
    arrivals=(arrival(response=(("Allow", "GET"),)),),
    wire=WireView(received=20, head=True, body="a bad key", ended="closed"),
)
BY_HTTPD = replace(BY_BACKEND, signers=(), response=(("Server", "Apache/2.4"),), arrivals=())
BY_NGINX = replace(BY_HTTPD, response=(("Server", "nginx/1.31.3"),))
BY_HAPROXY = replace(
    BY_HTTPD,
    response=(("Cache-Control", "no-cache"),),
    wire=WireView(received=20, head=True, body="<html><body><h1>400 Bad request</h1>\n", ended="closed"),
)
HEADLESS = replace(
    BY_BACKEND,
    status=None,
    signers=(),
    response=(),
    wire=WireView(received=9, body="<!DOCTYPE HTML><title>502", ended="closed"),
)
BY_NGINX = replace(BY_HTTPD, response=(), wire=WireView(received=9, body="<hr><center>nginx/1.22.1</center>"))
NOTHING = replace(HEADLESS, wire=WireView(), elapsed_seconds=3.0)


def record(*handshakes: Handshake, carrier: Carrier = Carrier.HTTP) -> Record:
    return Record(handshakes=handshakes, carrier=carrier)


@pytest.mark.parametrize(
    ("handshake", "expected"),
    [
        (BY_BACKEND, Expected(status=400, by=BACKEND, says="bad key", logged=200, ends=True)),
        (BY_HTTPD, Expected(status=400, by=HTTPD, arrives=False)),
        (BY_NGINX, Expected(status=400, by=HTTPD, arrives=False)),
        (BY_HAPROXY, Expected(status=400, by=HTTPD, arrives=False)),
        (HEADLESS, Expected(status=None, by=HTTPD, says="502", ends=True)),
        (NOTHING, Expected(status=None, by=NOBODY)),
    ],
)
def test_an_answer_as_expected_passes(handshake: Handshake, expected: Expected) -> None:
    assert answered(http=expected, count=1)(record(handshake)).holds


@pytest.mark.parametrize(
    ("handshake", "expected", "told"),
    [
        (BY_BACKEND, Expected(status=403), "status 400"),
        (BY_BACKEND, Expected(status=400, by=HTTPD), "answered by a backend"),
        (BY_HTTPD, Expected(status=400), "answered by httpd itself"),
        (BY_BACKEND, Expected(status=400, arrives=False), "1 arrivals"),
        (BY_HTTPD, Expected(status=400, by=HTTPD), "0 arrivals"),
        (BY_BACKEND, Expected(status=400, says="something else"), "it says 'a bad key'"),
        (BY_BACKEND, Expected(status=400, logged=400), "the access log has 200"),
        (replace(BY_BACKEND, wire=WireView(received=1)), Expected(status=400, ends=True), "stayed open"),
        (replace(BY_HTTPD, response=()), Expected(status=400, by=HTTPD, arrives=False), "somebody unknown"),
        (replace(BY_HAPROXY, status=502), Expected(status=502, by=HTTPD, arrives=False), "somebody unknown"),
        (replace(BY_BACKEND, wire=None), Expected(status=400, says="x"), "nobody kept"),
    ],
)
def test_every_deviation_is_named(handshake: Handshake, expected: Expected, told: str) -> None:
    verdict = answered(http=expected, count=1)(record(handshake))
    assert not verdict.holds
    assert told in verdict.observed
    assert verdict.evidence == ("t-1",)


def test_the_expectation_of_the_carrier_counts() -> None:
    check = answered(http=Expected(status=502), wstunnel=Expected(status=400), count=1)
    assert check(record(BY_BACKEND, carrier=Carrier.WSTUNNEL)).holds
    assert not check(record(BY_BACKEND, carrier=Carrier.HTTP)).holds


def test_each_handshake_may_have_its_own_expectation() -> None:
    check = answered(http=[Expected(status=400), Expected(status=400, by=HTTPD, arrives=False)])
    assert check(record(BY_BACKEND, BY_HTTPD)).holds
    assert "connection 1" in check(record(BY_HTTPD, BY_BACKEND)).observed
    assert not check(record(BY_BACKEND)).holds


def test_a_field_must_be_the_same_at_both_ends() -> None:
    assert carries("Allow", "GET")(record(BY_BACKEND)).holds
    lost = carries("Allow", "GET")(record(replace(BY_BACKEND, response=())))
    assert "reached the client as nothing" in lost.observed
    assert not carries("Allow", "POST")(record(BY_BACKEND)).holds
    assert not carries("Allow", "GET")(record(BY_HTTPD)).holds


@pytest.mark.parametrize(
    ("handshake", "carrier", "holds"),
    [
        (replace(BY_HTTPD, elapsed_seconds=1.2), Carrier.HTTP, True),
        (replace(BY_HTTPD, elapsed_seconds=0.5), Carrier.HTTP, False),
        (replace(BY_HTTPD, elapsed_seconds=9.5), Carrier.HTTP, False),
        (NOTHING, Carrier.HTTP, False),
        (NOTHING, Carrier.WSTUNNEL, True),
        (replace(NOTHING, elapsed_seconds=1.0), Carrier.WSTUNNEL, False),
        (replace(NOTHING, wire=WireView(ended="closed")), Carrier.WSTUNNEL, False),
        (replace(BY_HTTPD, elapsed_seconds=3.0), Carrier.WSTUNNEL, False),
    ],
)
def test_patience_ends_in_time_or_never(handshake: Handshake, carrier: Carrier, holds: bool) -> None:
    assert gives_up_after(1, within=9, hangs=2)(record(handshake, carrier=carrier)).holds is holds


HERE, FRONT = "http://127.0.0.102:8888/there", "http://127.0.0.1:80/ws/there"


@pytest.mark.parametrize(
    ("sent", "got", "rewritten_by", "holds"),
    [
        (HERE, HERE, None, True),
        (HERE, FRONT, None, False),
        (HERE, FRONT, Carrier.HTTP, True),
        (HERE, HERE, Carrier.HTTP, False),
        (HERE, HERE, Carrier.WSTUNNEL, True),
        (HERE, None, None, False),
        ("http://127.0.0.1:9/", "http://127.0.0.1:9/", None, False),
    ],
)
def test_a_redirect_is_rewritten_or_not(sent: str, got: str | None, rewritten_by: Carrier | None, holds: bool) -> None:
    handshake = replace(
        BY_BACKEND,
        response=(("Location", got),) if got else (),
        arrivals=(arrival(302, (("Location", sent),)),),
    )
    evidence = replace(record(handshake), addresses={"ws://node": "127.0.0.102:8888"}, front={"ws": "127.0.0.1:80"})
    assert redirected(rewritten_by=rewritten_by)(evidence).holds is holds


@pytest.mark.parametrize(
    "check",
    [redirected(), answered(http=Expected(status=400)), carries("Allow", "GET"), gives_up_after(1, within=9, hangs=2)],
)
@pytest.mark.parametrize("carrier", list(Carrier))
def test_an_empty_record_fails(check: Check, carrier: Carrier) -> None:
    assert not check(Record(carrier=carrier)).holds


HTML: Headers = (("Content-Type", "text/html"),)
OF_A_REAL_ONE = replace(
    BY_HTTPD,
    status=403,
    recorded_by="node",
    response=(("Server", "Apache/2.4"), *HTML),
    arrivals=(arrival(403, HTML),),
    wire=WireView(received=20, head=True, body="<!DOCTYPE HTML>mine", ended="closed"),
)


def test_an_answer_that_the_recorder_journalled_is_the_real_servers() -> None:
    assert answered(http=Expected(status=403, by=BACKEND), count=1)(record(OF_A_REAL_ONE)).holds
    bare = replace(OF_A_REAL_ONE, response=(), arrivals=(arrival(403),), wire=WireView(received=9, head=True))
    assert answered(http=Expected(status=403, by=BACKEND), count=1)(record(bare)).holds


@pytest.mark.parametrize(
    "handshake",
    [
        replace(OF_A_REAL_ONE, response=(("Content-Type", "text/html; charset=iso-8859-1"),)),
        replace(OF_A_REAL_ONE, recorded_by=None),
        replace(OF_A_REAL_ONE, recorded_by="liberty"),
        replace(OF_A_REAL_ONE, arrivals=(arrival(502, HTML),)),
    ],
    ids=["a page in its place", "nobody's journal", "another server", "another status"],
)
def test_a_page_of_httpd_is_no_answer_of_a_real_server(handshake: Handshake) -> None:
    verdict = answered(http=Expected(status=403, by=BACKEND), count=1)(record(handshake))
    assert verdict.breaks
    assert "answered by httpd itself" in verdict.observed
