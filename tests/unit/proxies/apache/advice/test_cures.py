"""A cure names nothing that the httpd of the file does not have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.proxies.apache.advice.cases import BROKEN, marked
from tests.unit.proxies.apache.advice.cures import WORDS, words_in
from tests.unit.proxies.apache.advice.test_rules import NoFiles, advice_on
from wslb.proxies.apache.advice.adviser import advice_for, configuration_of
from wslb.proxies.apache.advice.rule import Advice, Rule, Spot
from wslb.proxies.apache.advice.rules import RULES
from wslb.proxies.apache.conf.configuration import Configuration, Modules
from wslb.proxies.apache.conf.directives import Directive, tree_of
from wslb.proxies.apache.conf.effect import resolve
from wslb.proxies.apache.since import DIRECTIVES, FLAGS, PARAMETERS

VERSIONS = (
    "2.4.12",
    "2.4.20",
    "2.4.21",
    "2.4.26",
    "2.4.27",
    "2.4.37",
    "2.4.46",
    "2.4.47",
    "2.4.48",
    "2.4.52",
    "2.4.54",
    "2.4.55",
    "2.4.60",
)
FOR_PLAIN_HTTP = {"WSLB-C012"}
"""Rules whose cure loads mod_proxy_http for members of http://, which every version serves."""
ON_THE_LINE = {"WSLB-C020", "WSLB-C022"}
"""Rules that move or spell what the file has already: its syntax counts."""

ONLY_KNOWN = {"WSLB-C037": "hcmethod"}
"""Rules on a parameter that only speak where httpd knows it."""

ODD = {
    "upgrade misspelt": "<Proxy balancer://c>\nBalancerMember http://a.example upgrad=websocket\n</Proxy>",
    "check misspelt": "<Proxy balancer://c>\nBalancerMember http://a.example hcmethd=TCP\n</Proxy>",
    "check on a balancer": "<Proxy balancer://c>\nBalancerMember ws://a.example\nProxySet hcinterval=5\n</Proxy>",
    "fallback misspelt": "ProxyWebsocketFalbackToProxyHttp Off",
    "wrong method": "<Proxy balancer://c>\nBalancerMember ws://a.example hcmethod=POST\n</Proxy>",
}

TEXTS = [*((marked(case.text)[0], case.tunnels) for case in BROKEN.values()), *((text, None) for text in ODD.values())]


def advice_for_version(text: str, version: str, tunnels: int | None) -> list[Advice]:
    effect = resolve(tree_of(text, "httpd.conf"), "httpd.conf", NoFiles(values={}))
    return advice_for(configuration_of(effect, tunnels=tunnels, version=version))


def too_new(rule: str, cure: str, version: str) -> list[str]:
    """Words of a cure that this version does not have."""
    known = tuple(int(part) for part in version.split("."))
    found = []
    for word in words_in(cure):
        if word == "module proxy_http" and rule in FOR_PLAIN_HTTP:
            continue
        fact = WORDS[word]
        if known < (fact.since if rule in ON_THE_LINE else fact.useful):
            found.append(f"{rule} for {version}: {word} is there from {fact.useful}: {cure}")
    return found


def test_every_word_of_a_cure_stands_in_the_table_with_a_source() -> None:
    cures = [cure for rule in RULES for cure in (rule.cure, rule.older.cure if rule.older else "")]
    cures += [advice.cure for text, tunnels in TEXTS for advice in advice_on(text, tunnels=tunnels)]
    used = frozenset[str]().union(*map(words_in, cures))
    assert used - WORDS.keys() == set()
    assert len(used) > 40
    assert all(word.source for word in WORDS.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_no_cure_names_what_its_httpd_does_not_have(version: str) -> None:
    bad = []
    for text, tunnels in TEXTS:
        for advice in advice_for_version(text, version, tunnels):
            bad += too_new(advice.rule, advice.cure, version)
    nothing = Configuration(directives=(), modules=Modules(), whole=False, version=version)
    for rule in RULES:
        if rule.id in ONLY_KNOWN and not nothing.knows(ONLY_KNOWN[rule.id]):
            continue
        old = rule.older is not None and nothing.older_than(*rule.older.before)
        bad += too_new(rule.id, rule.older.cure if rule.older and old else rule.cure, version)
    assert sorted(set(bad)) == []


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.older], ids=lambda rule: rule.id)
def test_an_older_cure_is_given_below_its_version_and_only_there(rule: Rule) -> None:
    assert rule.older is not None
    assert rule.older.cure != rule.cure
    *line, patch = rule.older.before
    at = Directive("Listen", ("80",), "httpd.conf", 1, 1, None)
    always = replace(rule, find=lambda _: [Spot(at, "what stands there")])
    told = {}
    for version in ("", ".".join(map(str, (*line, patch - 1))), ".".join(map(str, (*line, patch)))):
        conf = Configuration(directives=(), modules=Modules(), whole=False, version=version)
        told[version] = [advice.cure for advice in always.apply(conf)]
    assert list(told.values()) == [[rule.cure], [rule.older.cure], [rule.cure]]


FALLBACK = """
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_http_module modules/mod_proxy_http.so
LoadModule proxy_wstunnel_module modules/mod_proxy_wstunnel.so
{}
ProxyPass /ws ws://a.example/x
"""


@pytest.mark.parametrize(
    ("line", "version", "rules"),
    [
        ("ProxyWebsocketFallbackToProxyHttp Off", "2.4.46", {"WSLB-C095"}),
        ("ProxyWebsocketFallbackToProxyHttp Off", "2.4.47", {"WSLB-C095"}),
        ("ProxyWebsocketFallbackToProxyHttp Off", "2.4.48", set()),
        ("ProxyWebsocketFallbackToProxyHttp Off", "", set()),
        ("ProxyTimeout 5", "2.4.46", {"WSLB-C091", "WSLB-C096"}),
        ("ProxyTimeout 5", "2.4.47", {"WSLB-C093", "WSLB-C096"}),
        ("ProxyTimeout 5", "2.4.52", {"WSLB-C093", "WSLB-C096"}),
        ("Timeout 90\nProxyTimeout 40", "2.4.52", {"WSLB-C096"}),
        ("ProxyTimeout 5", "2.4.53", {"WSLB-C090", "WSLB-C096"}),
        ("ProxyTimeout 5", "", {"WSLB-C090", "WSLB-C096"}),
    ],
)
def test_who_carries_and_what_is_known_follow_the_version(line: str, version: str, rules: set[str]) -> None:
    asked = {"WSLB-C090", "WSLB-C091", "WSLB-C093", "WSLB-C095", "WSLB-C096"}
    found = {advice.rule for advice in advice_for_version(FALLBACK.format(line), version, None)}
    assert found & asked == rules


@pytest.mark.parametrize("name", sorted(PARAMETERS.keys() - {"mapping"}))
def test_a_parameter_that_httpd_does_not_know_yet_is_told(name: str) -> None:
    patch = PARAMETERS[name].version[2]
    text = f"<Proxy balancer://c>\nBalancerMember ws://a.example {name}=5\n</Proxy>"
    told = {
        version: [a.what for a in advice_for_version(text, version, None) if a.rule == "WSLB-C022"]
        for version in ("", f"2.4.{patch - 1}", f"2.4.{patch}")
    }
    assert list(told.values()) == [[], [f"{name}= is no parameter before httpd 2.4.{patch}"], []]


def test_the_harness_and_the_table_agree_on_versions() -> None:
    for name, since in {**DIRECTIVES, **PARAMETERS}.items():
        word = next((w for w in WORDS if w.lower().rstrip("=") == name), None)
        if word:
            assert WORDS[word].since == since.version, name


@pytest.mark.parametrize("name", sorted(FLAGS))
def test_a_flag_that_httpd_does_not_know_yet_is_told(name: str) -> None:
    patch = FLAGS[name].version[2]
    text = f"RewriteEngine On\nRewriteRule ^/ws/(.*) ws://a.example/$1 [P,{name}]"
    told = {
        version: [a.what for a in advice_for_version(text, version, None) if a.rule == "WSLB-C130"]
        for version in ("", f"2.4.{patch - 1}", f"2.4.{patch}")
    }
    assert list(told.values()) == [[], [f"[{name}] of RewriteRule is no flag before httpd 2.4.{patch}"], []]


@pytest.mark.parametrize(("version", "refused"), [("", True), ("2.4.54", False), ("2.4.59", False), ("2.4.60", True)])
def test_what_becomes_of_a_question_mark_in_a_path_follows_the_version(version: str, refused: bool) -> None:
    text = "RewriteEngine On\nRewriteRule ^(/ws\\?.*) ws://a.example$1 [P]"
    (told,) = (a.what for a in advice_for_version(text, version, None) if a.rule == "WSLB-C067")
    assert ("403" in told) is refused


@pytest.mark.parametrize(("version", "rules"), [("2.4.46", {"WSLB-C027"}), ("2.4.47", set()), ("", set())])
def test_upgrade_of_a_member_that_speaks_http_follows_the_version(version: str, rules: set[str]) -> None:
    text = "ProxyPass /live http://a.example/live upgrade=websocket"
    assert {a.rule for a in advice_for_version(text, version, None)} == rules


@pytest.mark.parametrize(("version", "rules"), [("2.4.46", set()), ("2.4.47", {"WSLB-C027"}), ("", {"WSLB-C027"})])
def test_upgrade_none_behind_ws_follows_the_version(version: str, rules: set[str]) -> None:
    text = "ProxyPass /live ws://a.example/live upgrade=NONE"
    assert {a.rule for a in advice_for_version(text, version, None)} == rules
