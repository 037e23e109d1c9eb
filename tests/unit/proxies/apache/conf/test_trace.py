"""Which line takes an upgrade of a path, and what a backend would see of it."""

from __future__ import annotations

import pytest

from tests.unit.proxies.apache.advice.cases import MARK
from tests.unit.proxies.apache.advice.test_rules import NoFiles
from tests.unit.proxies.apache.conf.traces import TRACES, Traced
from wslb.proxies.apache.advice.adviser import configuration_of
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import tree_of
from wslb.proxies.apache.conf.effect import resolve
from wslb.proxies.apache.conf.trace import How, PathEnd, ends_of, servers_to_ask

PLACES = {"A": "192.0.2.1:8001", "B": "192.0.2.2:8002"}


def conf_of(text: str, *, version: str = "") -> Configuration:
    for letter, place in PLACES.items():
        text = text.replace(f"@{letter}@", place)
    effect = resolve(tree_of(text, "httpd.conf"), "httpd.conf", NoFiles(values={}))
    return configuration_of(effect, version=version)


def traced(text: str, path: str, *, version: str = "") -> tuple[PathEnd, ...]:
    """Ends in the last server that leads anything, which is the virtual host where there is one."""
    conf = conf_of(text, version=version)
    return ends_of(conf, servers_to_ask(conf)[-1], path)


@pytest.mark.parametrize("case", TRACES.values(), ids=TRACES.keys())
def test_line_member_and_target_are_told(case: Traced) -> None:
    lines = case.text.split("\n")
    marked = [number for number, line in enumerate(lines, 1) if line.startswith(MARK)]
    (end,) = traced(case.text.replace(MARK, ""), case.path)
    assert [end.at.line] * bool(marked) == marked if end.at else not marked
    letters = {place: letter for letter, place in PLACES.items()}
    seen = tuple(
        (next(letters[place] for place in letters if place in sight.member), sight.target, sight.upgrade)
        for sight in end.sights
    )
    assert seen == case.seen
    if not case.seen:
        told = {404: {How.SERVED, How.EXCLUDED}, 302: {How.REDIRECTED}, 403: {How.REFUSED}, 500: {How.PROXIED}}
        assert end.how in told[case.status]
    if case.host:
        assert {sight.host or "www.example.org" for sight in end.sights} == {case.host.replace("@A@", PLACES["A"])}


def test_what_the_text_does_not_decide_is_one_end_with_its_condition() -> None:
    text = (
        "RewriteEngine On\nRewriteCond /srv/maintenance -f\nRewriteRule ^ http://@B@/sorry [P]\nProxyPass / ws://@A@/\n"
    )
    first, last = traced(text, "/ws")
    assert first.provided == ("httpd.conf:2: RewriteCond /srv/maintenance -f holds",)
    assert [sight.upgrade for sight in first.sights] == [False]
    assert (last.provided, last.carries, last.at.line if last.at else 0) == ((), True, 4)


def test_upgrade_on_a_plain_member_counts_from_its_version_on() -> None:
    text = "ProxyPass /ws http://@A@/ws upgrade=websocket"
    assert [traced(text, "/ws", version=v)[-1].carries for v in ("2.4.46", "2.4.47", "2.4.71")] == [False, True, True]


def test_an_end_is_told_in_words() -> None:
    (end,) = traced("ProxyPass / http://@A@/", "/ws")
    assert str(end).split("\n") == [
        "  taken by httpd.conf:1: ProxyPass / http://192.0.2.1:8001/",
        "  http://192.0.2.1:8001/ws sees GET /ws, Host 192.0.2.1:8001, without Upgrade",
        "  to change: ws:// for http://, wss:// for https://; or upgrade=websocket (httpd 2.4.47)",
    ]
