"""``wslb try`` on configurations of nginx, asked of the real one: verdict, line and cause of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest

from tests.foreign.provide import installed
from tests.live.command import Place, place
from tests.unit.proxies.nginx.adoption.configurations import CONFIGURATIONS, PAIR, WEBSOCKET, location, server

NGINX = installed("nginx")
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not NGINX, reason="nginx is not here: make test-foreign fetches it"),
]


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as found:
        yield found
        assert found.leftovers() == []


def outcomes(here: Place) -> dict[str, str]:
    report = json.loads((here.folder / "reports/try/report.json").read_text(encoding="utf-8"))
    return {one["name"]: one["outcome"] for one in report["scenarios"]}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_has_its_verdict_with_line_and_cause(here: Place, name: str) -> None:
    case = CONFIGURATIONS[name]
    (here.folder / "site.conf").write_text(case.text)
    before = hashlib.sha256((here.folder / "site.conf").read_bytes()).hexdigest()
    ended = here.run("try", "site.conf", "--httpd", NGINX, "-v")
    told = " ".join((ended.out + ended.err).split())
    found = outcomes(here)
    assert ended.code == (0 if case.green and "upgrade" not in case.skipped else ended.code or 1), told
    assert ("failed" not in found.values()) is case.green, told
    assert found["conf-1-upgrade"] == ("skipped" if "upgrade" in case.skipped else "passed" if case.green else "failed")
    assert {one.split("-", 2)[2] for one, outcome in found.items() if outcome == "skipped"} == set(case.skipped), told
    assert set(found.values()) <= {"passed", "failed", "skipped"}, told
    for words in (case.taken, *case.words):
        assert words in told, f"{words!r} is not in {told}"
    assert hashlib.sha256((here.folder / "site.conf").read_bytes()).hexdigest() == before


def test_failure_and_idle_time_are_as_the_text_says(here: Place) -> None:
    pair = "upstream app { server 10.0.3.1:8080 fail_timeout=2s; server 10.0.3.2:8080; }"
    lines = f"{WEBSOCKET}\n        proxy_read_timeout 2s;"
    (here.folder / "site.conf").write_text(server(location("/ws", "http://app", lines), before=pair))
    ended = here.run("try", "site.conf", "--httpd", NGINX, "--ask", "failure,time")
    assert ended.code == 0, ended.out + ended.err
    assert outcomes(here)["conf-1-refuses"] == "passed"
    assert outcomes(here)["conf-1-idle"] == "passed"
    assert "it is left alone for fail_timeout=2s (site.conf:1) after one failure" in ended.out
    assert "foreseen: after 2 s: proxy_read_timeout 2s (site.conf:10)" in ended.out


def test_without_failover_the_client_whose_turn_it_is_gets_502(here: Place) -> None:
    pair = "upstream app { server 10.0.3.1:8080 fail_timeout=2s; server 10.0.3.2:8080; }"
    lines = f"{WEBSOCKET}\n        proxy_next_upstream off;"
    (here.folder / "site.conf").write_text(server(location("/ws", "http://app", lines), before=pair))
    ended = here.run("try", "site.conf", "--httpd", NGINX, "--ask", "failure")
    assert ended.code == 0, ended.out + ended.err
    assert "once 502" in ended.out or "1 times 502" in ended.out


def test_a_limit_longer_than_may_be_waited_for_is_divided_and_told_so(here: Place) -> None:
    (here.folder / "site.conf").write_text(server(location("/ws", "http://app"), before=PAIR))
    ended = here.run("try", "site.conf", "--httpd", NGINX, "--ask", "time", "--wait", "2")
    assert ended.code == 0, ended.out + ended.err
    assert "here divided by 30" in ended.out


def test_a_mistake_is_refused_in_the_words_of_nginx_with_the_users_line(here: Place) -> None:
    (here.folder / "site.conf").write_text(server(location("/ws", "http://app").replace("proxy_pass", "proxy_pas")))
    ended = here.run("try", "site.conf", "--httpd", NGINX)
    assert ended.code not in {0, 1}, ended.out
    (here.folder / "site.conf").write_text(
        server(location("/ws", "http://app") + "\n    proxy_bufering off;", before=PAIR)
    )
    ended = here.run("try", "site.conf", "--httpd", NGINX)
    assert ended.code == 3, ended.out + ended.err
    assert "nginx refused its configuration: " in ended.err
    assert 'site.conf:11: unknown directive "proxy_bufering"' in " ".join((ended.out + ended.err).split())


def test_a_directive_of_a_module_that_is_not_here_is_left_out_and_told(here: Place) -> None:
    text = server(location("/ws", "http://app") + "\n    vhost_traffic_status_display;", before=PAIR)
    (here.folder / "site.conf").write_text(text)
    ended = here.run("try", "site.conf", "--httpd", NGINX, "-v")
    assert ended.code == 0, ended.out + ended.err
    assert "site.conf:11: vhost_traffic_status_display -> left out (no module of this nginx knows it)" in ended.out


def test_what_is_about_httpd_alone_is_refused_with_a_sentence(here: Place) -> None:
    (here.folder / "site.conf").write_text(CONFIGURATIONS["balanced"].text)
    for words in (("-D", "X"), ("--image", "httpd:2.4"), ("--backends", "real"), ("--ask", "room")):
        ended = here.run("try", "site.conf", "--httpd", NGINX, *words)
        assert ended.code == 2, ended.out
        assert "nginx" in ended.err
