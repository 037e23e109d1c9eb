"""``wslb try`` on configurations of HAProxy, asked of the real one: verdict, line and cause of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest

from tests.foreign.provide import installed
from tests.live.command import Ended, Place, place
from tests.unit.proxies.haproxy.adoption.configurations import DEFAULT, HAPROXY_CONFIGURATIONS, site

HAPROXY = installed("haproxy")
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not HAPROXY, reason="HAProxy is not here: make test-foreign fetches it"),
]


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as found:
        yield found
        assert found.leftovers() == []


def tried(here: Place, text: str, *words: str) -> tuple[Ended, str, dict[str, str]]:
    """The end of the command, all that it told, and the outcome of each question."""
    (here.folder / "site.cfg").write_text(text)
    before = hashlib.sha256((here.folder / "site.cfg").read_bytes()).hexdigest()
    ended = here.run("try", "site.cfg", "-v", "--httpd", HAPROXY, *words)
    assert hashlib.sha256((here.folder / "site.cfg").read_bytes()).hexdigest() == before
    found = here.folder / "reports/try/report.json"
    report = json.loads(found.read_text(encoding="utf-8")) if found.exists() else {"scenarios": []}
    told = " ".join((ended.out + ended.err).split())
    return ended, told, {one["name"]: one["outcome"] for one in report["scenarios"]}


@pytest.mark.parametrize("name", HAPROXY_CONFIGURATIONS)
def test_a_configuration_has_its_verdict_with_line_and_cause(here: Place, name: str) -> None:
    case = HAPROXY_CONFIGURATIONS[name]
    ended, told, found = tried(here, case.text)
    assert ended.code == (0 if case.green and "upgrade" not in case.skipped else ended.code or 1), told
    assert ("failed" not in found.values()) is case.green, told
    assert found["conf-1-upgrade"] == ("skipped" if "upgrade" in case.skipped else "passed" if case.green else "failed")
    assert {one.split("-", 2)[2] for one, outcome in found.items() if outcome == "skipped"} == set(case.skipped), told
    assert set(found.values()) <= {"passed", "failed", "skipped"}, told
    for words in (case.taken, *case.words):
        assert words in told, f"{words!r} is not in {told}"
    assert "horsebattery" not in told


def test_a_dead_server_costs_a_client_503_at_each_of_its_turns_without_redispatch(here: Place) -> None:
    ended, told, found = tried(here, site(DEFAULT), "--ask", "failure,time", "--wait", "2")
    assert ended.code == 0, told
    assert found["conf-1-refuses"] == "passed"
    assert "503 for each client whose turn it is, 101 for the others; without option redispatch in backend ws" in told
    assert found["conf-1-idle"] == "passed"
    assert "foreseen: after 3600 s: timeout tunnel 1h (site.cfg:6); here divided by" in told


def test_with_redispatch_no_client_feels_it(here: Place) -> None:
    text = site(f"    option http-keep-alive\n{DEFAULT}").replace("backend ws\n", "backend ws\n option redispatch\n", 2)
    text = text.replace("default_backend ws\n option redispatch", "default_backend ws")
    ended, told, found = tried(here, text, "--ask", "failure")
    assert ended.code == 0, told
    assert found["conf-1-refuses"] == "passed"
    assert "101 for the client whose turn it is" in told


def test_without_timeout_tunnel_the_smaller_of_both_sides_ends_it(here: Place) -> None:
    text = site(DEFAULT).replace("    timeout tunnel 1h\n", "").replace("timeout client 30s", "timeout client 2s")
    ended, told, found = tried(here, text, "--ask", "time")
    assert ended.code == 0, told
    assert found["conf-1-idle"] == "passed"
    assert "foreseen: after 2 s: timeout client 2s (site.cfg:4), the smaller of timeout client and server" in told


def test_a_mistake_is_refused_in_the_words_of_haproxy_with_the_users_line(here: Place) -> None:
    ended, told, _ = tried(here, site(f"    bogus on\n{DEFAULT}"))
    assert ended.code == 3, told
    assert "HAProxy refused its configuration: site.cfg:9: unknown keyword 'bogus' in 'frontend' section" in told
    ended, told, _ = tried(here, site(f"    acl x path '/ws\n{DEFAULT}"))
    assert ended.code not in {0, 1}, told
    assert "site.cfg:9: a quote is not closed" in told


def test_what_is_about_httpd_alone_is_refused_with_a_sentence(here: Place) -> None:
    ended, told, _ = tried(here, site(DEFAULT), "-D", "X")
    assert ended.code == 2, told
    assert "haproxy" in told
