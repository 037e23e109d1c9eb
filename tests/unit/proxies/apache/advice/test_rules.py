"""Every trap is named with rule, file and line; sound configurations are not accused."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.unit.proxies.apache.adoption.published import PUBLISHED
from tests.unit.proxies.apache.adoption.written import Written, lines_of
from tests.unit.proxies.apache.advice.cases import BROKEN, SOUND, Broken, marked
from tests.unit.proxies.apache.advice.facts import FACTS, Fact
from wslb.proxies.apache.advice.adviser import advice_for, configuration_of
from wslb.proxies.apache.advice.rule import Advice, Severity
from wslb.proxies.apache.advice.rules import RULES
from wslb.proxies.apache.conf.directives import tree_of
from wslb.proxies.apache.conf.effect import resolve
from wslb.proxies.apache.conf.outside import FilledFiles, outside_of
from wslb.proxies.apache.conf.trace import ends_of, servers_to_ask


class NoFiles(FilledFiles):
    def read(self, path: str) -> str | None:
        return None

    def glob(self, pattern: str) -> list[str]:
        return []


def advice_on(text: str, *, tunnels: int | None = None, version: str = "", name: str = "httpd.conf") -> list[Advice]:
    files = NoFiles(values={})
    folder = outside_of(Path(f"/srv/site/{name}")).folder
    effect = resolve(tree_of(files.kept(text, name), name), name, files, folder=folder)
    effect.flaws += files.open_places
    return advice_for(configuration_of(effect, tunnels=tunnels, version=version, folder=folder))


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())
def test_trap_is_named_with_file_and_line(case: Broken) -> None:
    text, line = marked(case.text)
    found = [
        (advice.rule, advice.file, advice.line)
        for advice in advice_on(text, tunnels=case.tunnels, version=case.version, name=case.name)
    ]
    assert (case.rule, case.name, line) in found


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())
def test_nothing_else_on_the_page_is_an_error(case: Broken) -> None:
    text, line = marked(case.text)
    told = advice_on(text, tunnels=case.tunnels, version=case.version, name=case.name)
    errors = [a for a in told if a.severity is Severity.ERROR]
    assert [str(a) for a in errors if a.rule != case.rule and a.line != line] == []


@pytest.mark.parametrize("case", SOUND.values(), ids=SOUND.keys())
def test_sound_configuration_gets_a_clean_answer(case: Broken) -> None:
    assert [str(advice) for advice in advice_on(case.text.lstrip("\n"), tunnels=case.tunnels)] == []


def test_every_rule_has_a_broken_file() -> None:
    assert {rule.id for rule in RULES} == {case.rule for case in BROKEN.values()}


def test_ids_are_distinct_and_every_rule_says_how_its_fact_is_known() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert all((rule.why, rule.cure)), rule.id
        assert (rule.find.__doc__ or "").startswith(("Seen on 2.4.71", "By the manual", "From the", "Nothing to elect"))


def test_an_empty_configuration_has_nothing_to_advise() -> None:
    assert advice_on("") == []


@pytest.mark.parametrize(("version", "told"), [("", False), ("2.4.61", True), ("2.4.62", False), ("2.4.71", False)])
def test_a_new_child_is_a_trap_below_its_version_only(version: str, told: bool) -> None:
    text, _ = marked(BROKEN["children-come"].text)
    assert ("WSLB-C103" in {advice.rule for advice in advice_on(text, version=version)}) is told


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS.keys())
def test_a_rule_speaks_of_its_facts_and_spares_what_looks_like_them(fact: Fact) -> None:
    found = advice_on(in_a_host(fact))
    assert (fact.rule in {advice.rule for advice in found}) is not fact.spared, "\n".join(map(str, found))


def in_a_host(fact: Fact) -> str:
    text = fact.text
    for letter, port in (("A", "8001"), ("B", "8002")):
        text = text.replace(f"@{letter}@", f"{letter.lower()}.example:{port}").replace(f"@{letter}PORT@", port)
    if fact.carrier == "proxy_wstunnel":
        text = f"ProxyWebsocketFallbackToProxyHttp Off\n{text}"
    return f"<VirtualHost *:8080>\n{text}\n</VirtualHost>"


def cure_of(fact: Fact) -> Advice:
    """What the fact's rule says of it."""
    return next(advice for advice in advice_on(in_a_host(fact)) if advice.rule == fact.rule)


LINES = {
    name: fact
    for name, fact in FACTS.items()
    if not fact.spared and cure_of(fact).cure.startswith(("ProxyPass", "RewriteRule", "BalancerMember"))
}


@pytest.mark.parametrize("fact", LINES.values(), ids=LINES.keys())
def test_a_cure_that_is_a_line_ends_the_accusation(fact: Fact) -> None:
    told = cure_of(fact)
    lines = in_a_host(fact).split("\n")
    line = re.split(r", (?:and|or) |, where | for the path|, above", told.cure)[0]
    lines[told.line - 1] = f"{line} [P]" if line.startswith("RewriteRule") and "[P" not in line else line
    assert told.rule not in {advice.rule for advice in advice_on("\n".join(lines))}, told.cure


TEMPLATE = """
ProxyPass /ws balancer://cluster/ws
<Proxy balancer://cluster>
  BalancerMember ws://{{ host }}:8888 route={{ name }} loadfactor={{ weight }}
  BalancerMember ws://{{ host }}:8888 route={{ name }} loadfactor={{ weight }}
  BalancerMember ws://<your server>:8888 route=@@ROUTE@@ timeout=@@SECONDS@@
  BalancerMember ws://<your server>:8888 route=@@ROUTE@@ timeout=@@SECONDS@@
  BalancerMember ws://__HOST__:8888 route=__ROUTE__ retry=__SECONDS__
  BalancerMember ws://__HOST__:8888 route=__ROUTE__ retry=__SECONDS__
  ProxySet stickysession=ROUTEID
</Proxy>
ProxyPass /chat {{ chat_url }}
"""


def test_a_placeholder_is_neither_a_wrong_value_nor_the_same_as_another() -> None:
    assert {advice.rule for advice in advice_on(TEMPLATE)} == {"WSLB-C142"}


def test_values_beside_those_of_a_template_are_looked_at() -> None:
    text = TEMPLATE.replace("</Proxy>", "  BalancerMember ws://192.0.2.1 timout=5\n</Proxy>")
    assert {advice.rule for advice in advice_on(text)} == {"WSLB-C142", "WSLB-C022", "WSLB-C040"}


@pytest.mark.parametrize("version", ["", "2.4.52", "2.4.71"])
@pytest.mark.parametrize("case", PUBLISHED.values(), ids=PUBLISHED.keys())
def test_what_projects_publish_gets_neither_warning_nor_error(case: Written, version: str) -> None:
    found = advice_on(lines_of(case)[0], version=version)
    assert [
        str(advice) for advice in found if advice.severity is not Severity.NOTE and advice.rule != "WSLB-C103"
    ] == []


@pytest.mark.parametrize("case", PUBLISHED.values(), ids=PUBLISHED.keys())
def test_what_projects_publish_carries_a_websocket_by_the_marked_line(case: Written) -> None:
    text, line = lines_of(case)
    effect = resolve(tree_of(text, "httpd.conf"), "httpd.conf", NoFiles(values={}))
    conf = configuration_of(effect)
    ends = [ends_of(conf, scope, case.paths[0]) for scope in servers_to_ask(conf)]
    carrying = [end for found in ends for end in found if end.carries]
    assert line in [end.at.line for end in carrying if end.at], ends


def test_there_are_enough_of_them_to_show_a_false_alarm() -> None:
    assert len(PUBLISHED) >= 25


@pytest.mark.parametrize(
    "text",
    [
        f"RewriteEngine On\nRewriteRule ^/((a+)+)$ ws://a.example/$1 [P]\nProxyPass / http://b.example/\n"
        f"ProxyPass /{'a' * 60}! ws://a.example/",
        f"<LocationMatch ^/((a+)+){'a' * 60}b?$>\nProxyPassMatch ws://a.example\n</LocationMatch>\n"
        f"<Location /{'a' * 60}!>\nProxyPass ws://b.example/\n</Location>",
        f"RewriteEngine On\nRewriteRule ^/((a+)+){'a' * 60}b?$ ws://a.example/$1 [P]",
    ],
)
def test_a_pattern_whose_search_does_not_end_is_not_searched_for(text: str) -> None:
    begin = time.process_time()
    assert isinstance(advice_on(text), list)
    assert time.process_time() - begin < 5  # milliseconds when measured, hours where it is searched for


NESTED = 10_000


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("<Location /a>\n", "</Location>\n"),
        ("<IfModule mod_proxy.c>\n", "</IfModule>\n"),
        ("<IfDefine !A>\n", "</IfDefine>\n"),
        ("<Location /a>\n", ""),
    ],
    ids=["sections", "modules", "defines", "unclosed"],
)
def test_twice_as_many_sections_take_twice_the_time_and_not_four_times(start: str, end: str) -> None:
    def seconds(count: int) -> float:
        times = []
        text = start * count + "ProxyPass /ws ws://a.example/\n" + end * count
        for _ in range(2):
            begin = time.process_time()
            assert isinstance(advice_on(text), list)
            times.append(time.process_time() - begin)
        return min(times)

    assert seconds(2 * NESTED) < 3 * seconds(NESTED)
