"""Every trap is named with rule, file and line; sound configurations are not accused."""

from __future__ import annotations

import pytest

from tests.unit.proxies.apache.advice.cases import BROKEN, SOUND, Broken, marked
from wslb.proxies.apache.advice.adviser import advice_for, configuration_of
from wslb.proxies.apache.advice.rule import Advice, Severity
from wslb.proxies.apache.advice.rules import RULES
from wslb.proxies.apache.conf.directives import tree_of
from wslb.proxies.apache.conf.effect import resolve


class NoFiles:
    def read(self, path: str) -> str | None:
        return None

    def glob(self, pattern: str) -> list[str]:
        return []


def advice_on(text: str, *, tunnels: int | None = None, version: str = "") -> list[Advice]:
    effect = resolve(tree_of(text, "httpd.conf"), "httpd.conf", NoFiles())
    return advice_for(configuration_of(effect, tunnels=tunnels, version=version))


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())
def test_trap_is_named_with_file_and_line(case: Broken) -> None:
    text, line = marked(case.text)
    found = [
        (advice.rule, advice.file, advice.line)
        for advice in advice_on(text, tunnels=case.tunnels, version=case.version)
    ]
    assert (case.rule, "httpd.conf", line) in found


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())
def test_nothing_else_on_the_page_is_an_error(case: Broken) -> None:
    text, line = marked(case.text)
    errors = [a for a in advice_on(text, tunnels=case.tunnels, version=case.version) if a.severity is Severity.ERROR]
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
