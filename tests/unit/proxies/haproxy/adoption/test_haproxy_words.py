"""What is said of an upgrade behind HAProxy, from the text of the file and from what was seen."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.unit.proxies.haproxy.adoption.configurations import DEFAULT, PAIR, site
from wslb.model.handshake import Arrival, Handshake, Headers
from wslb.model.results import LogLine
from wslb.proxies.haproxy.adoption.haproxy_adoption import HaproxyAdoption
from wslb.proxies.haproxy.adoption.haproxy_words import TOOK

OPENING: Headers = (("Host", "localhost"), ("Upgrade", "websocket"), ("Connection", "Upgrade"))
RULES = f"    http-request deny if {{ path /no }}\n    http-request redirect location /in if {{ path /old }}\n{DEFAULT}"


def arrival(headers: Headers = OPENING, *, status: int = 101) -> Arrival:
    return Arrival(
        backend="10.0.3.1-8080",
        seq=1,
        at=0,
        listener="ws",
        method="GET",
        target="/ws",
        http_version="1.1",
        upgrade=True,
        headers=headers,
        accepted=status == 101,
        status=status,
        response=(),
    )


def words(
    folder: Path,
    *arrivals: Arrival,
    status: int | None,
    took: str = "-",
    end: str = "-",
    state: str = "--",
    rules: str = RULES,
) -> str:
    """All that is said of one upgrade of ``/ws``: marks 0 and 1 are deny and redirect, 2 is the default backend."""
    (folder / "site.cfg").write_text(site(rules, f"backend ws\n    http-request set-header Connection close\n{PAIR}"))
    with contextlib.chdir(folder):
        conf = HaproxyAdoption().read(Path("site.cfg"))
    (asked, *_) = conf.asked_paths(("/ws",))
    took_line = f"{TOOK} c1: took {took} end {end} {state}"
    log = [LogLine(at="", module="haproxy", level="info", code="", text=took_line)]
    log.append(LogLine(at="", module="haproxy", level="alert", code="", text="backend ws has no server available!"))
    handshake = Handshake(
        conn_id="c1",
        seq=1,
        url="ws://127.0.0.1/ws",
        request=OPENING,
        status=status,
        arrivals=arrivals,
        error="no answer came",
    )
    return "\n".join(conf.explained(asked, handshake, log))


def test_an_accepted_one_has_its_line_its_backend_and_what_that_saw(tmp_path: Path) -> None:
    said = words(tmp_path, arrival(), status=101, took="2")
    assert "site.cfg:11: default_backend ws took it; site.cfg:12: backend ws" in said
    assert "10.0.3.1:8080 saw GET /ws HTTP/1.1; Host: localhost; Upgrade: websocket; Connection: Upgrade" in said
    assert "log" not in said


@pytest.mark.parametrize(
    ("status", "end", "expected"),
    [
        (403, "0", ("site.cfg:9: http-request deny if { path /no } ends it with 403", "without a name or password")),
        (302, "1", ("site.cfg:10: http-request redirect location /in", "a WebSocket client follows no redirect")),
    ],
)
def test_a_rule_that_ended_it_is_named(tmp_path: Path, status: int, end: str, expected: tuple[str, ...]) -> None:
    said = words(tmp_path, status=status, end=end)
    for one in (*expected, "meant for it: site.cfg:11: default_backend ws"):
        assert one in said


@pytest.mark.parametrize(
    ("state", "why"),
    [("SC", "no server of it could be reached"), ("sH", "the server gave no answer within timeout server"), ("zz", "")],
)
def test_the_state_of_the_log_is_told_in_words(tmp_path: Path, state: str, why: str) -> None:
    said = words(tmp_path, status=503, took="2", state=state)
    assert "site.cfg:11: default_backend ws takes it, and 503 comes back; site.cfg:12: backend ws" in said
    assert (f"backend ws: {why}\n" in said) is bool(why)
    assert "HAProxy's log: backend ws has no server available!" in said


def test_a_field_that_was_lost_is_told_with_the_rule_that_took_it(tmp_path: Path) -> None:
    said = words(
        tmp_path, arrival((("Upgrade", "websocket"), ("Connection", "close")), status=426), status=426, took="2"
    )
    assert "takes it as plain HTTP: Connection: upgrade does not reach the backend" in said
    assert "site.cfg:13: http-request set-header Connection close takes it away" in said
    assert "the Upgrade field does not reach" in words(tmp_path, arrival((), status=426), status=426, took="2")


def test_what_the_backend_answered_is_its_own(tmp_path: Path) -> None:
    said = words(tmp_path, arrival(status=403), status=403, took="2")
    assert "site.cfg:11: default_backend ws takes it, and the backend itself answers 403 to GET /ws" in said


def test_no_line_and_no_answer_are_told_as_such(tmp_path: Path) -> None:
    assert "no answer: no answer came" in words(tmp_path, status=None)
    assert "no use_backend counts for it and there is no default_backend" in words(tmp_path, status=503)
