"""No claim without a check: every clause of every scenario's question and limit, and docs/claims.md, made from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.askable import FOUND, asked_there, checks_of, mutations_there
from wslb.commands.mutations import MUTATIONS, Mutation
from wslb.commands.mutations.explained import UNBROKEN
from wslb.errors import ConfigError
from wslb.proxies.registry import PROXIES
from wslb.scenarios import FAMILIES, SCENARIOS
from wslb.scenarios.clauses import ALWAYS, GENERAL, asked_of, clauses
from wslb.scenarios.scenario import Scenario

PAGE = Path(__file__).parents[3] / "docs" / "claims.md"

HEAD = """# What is claimed, and what looks at it

Every clause of the question and of the limit of every scenario, the checks that look at it, and mutations of
`wslb selftest` that turn such a check red, those of the same family first. *Given* is what a scenario sets up itself.
At the end: the same for each other product.
Made from the data that the tests hold: no word is left over, every check named is asked, every check asked is named.

## Asked beside

Checks that scenarios ask beside what they claim by name; the last three are asked of every scenario.

| Check | What it says | Broken by |
|---|---|---|
"""


def told(scenario: Scenario) -> list[Scenario]:
    """The scenario as it stands, and with each claim of other versions that has words and checks of its own."""
    others = [one for one in scenario.elsewhere if one.limit and one.checks]
    return [scenario, *(replace(scenario, limit=one.limit, checks=one.checks or ()) for one in others)]


ALL = [pytest.param(one, id=f"{one.name}-{n}" if n else one.name) for s in SCENARIOS for n, one in enumerate(told(s))]


@pytest.mark.parametrize("scenario", ALL)
def test_every_word_is_looked_at_by_a_check_that_is_asked(scenario: Scenario) -> None:
    asked, found = asked_of(scenario), clauses(scenario)
    for clause in found:
        lacking = {*clause.checks} - asked
        assert not lacking, f"{scenario.name} does not ask {lacking}, which should look at {clause.text!r}"
    for text in (scenario.question, scenario.limit):
        assert any(clause.checks for clause in found if clause.text in text), f"nothing of {text!r} is claimed"
    unnamed = asked - {name for clause in found for name in clause.checks} - {*GENERAL}
    assert not unnamed, f"{scenario.name} asks {unnamed}, but none of its words needs it: a claim that is not told"


@pytest.mark.parametrize("scenario", ALL)
def test_the_clauses_are_the_text(scenario: Scenario) -> None:
    assert scenario.question.startswith(clauses(scenario)[0].text)
    rest = scenario.limit
    for clause in clauses(scenario)[1:]:
        joint, found, rest = rest.partition(clause.text)
        assert found
        assert joint.strip(" ,;:.") in {"", "and", "but", "then", "until"}, joint
    assert not rest


def test_words_that_no_table_knows_are_told() -> None:
    scenario = SCENARIOS[0]
    more = replace(scenario, limit=f"{scenario.limit}, and the moon is full")
    with pytest.raises(ConfigError, match="the moon is full"):
        clauses(more)
    with pytest.raises(ConfigError, match="land on the two backends"):
        clauses(replace(scenario, name="lb-unheard-of"))


def test_a_check_that_is_left_out_is_missed() -> None:
    scenario = next(one for one in SCENARIOS if one.name == "lb-byrequests-held")
    fewer = replace(scenario, checks=scenario.checks[:-1])
    assert "open_together" in {name for clause in clauses(fewer) for name in clause.checks} - asked_of(fewer)


def test_general_checks_are_asked_somewhere() -> None:
    assert {*GENERAL} <= {name for scenario in SCENARIOS for name in asked_of(scenario)}
    assert {*ALWAYS} <= {*GENERAL}


def test_the_page_of_claims_says_what_the_data_say(pytestconfig: pytest.Config) -> None:
    text = page()
    if pytestconfig.getoption("--update-golden"):
        PAGE.write_text(text)
    again = "pytest tests/unit/scenarios/test_clauses.py --update-golden"
    assert PAGE.read_text() == text, f"docs/claims.md is made from scenarios and mutations: {again}"


def page() -> str:
    rows = [f"| `{check}` | {says} | {broken((check,))} |" for check, says in GENERAL.items()]
    rows += [line for family in FAMILIES for line in section(family)]
    return HEAD + "\n".join([*rows, *(line for name in FOUND for line in product(name))]) + "\n"


def product(name: str) -> list[str]:
    """Each check that judges a product beside httpd, and what of `wslb selftest --proxy` turns it red there."""
    title, version, own = PROXIES[name].title, FOUND[name].version, PROXIES[name].mutations
    askers: dict[str, list[str]] = {}
    for scenario in asked_there(name):
        for check in checks_of(scenario):
            askers.setdefault(check, []).append(scenario.name)
    lines = [
        "",
        f"## On {title}",
        "",
        f"{title} ({version}) is asked {len(asked_there(name))} of the scenarios, and `wslb selftest --proxy {name}` "
        f"breaks it in {len(mutations_there(name))} ways: {len(own.edits)} in its own language, the others as above.",
        "",
        "| Check | Asked in | Broken by |",
        "|---|---|---|",
    ]
    for check, names in sorted(askers.items()):
        told = broken((check,), mutations=mutations_there(name)[::-1])
        why = {**UNBROKEN, **own.unbroken}.get(check, "")
        lines.append(f"| `{check}` | {several(names)} | {told or f'nothing: {why}'} |")
    return lines


def section(family: str) -> list[str]:
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for scenario in FAMILIES[family]:
        for one in told(scenario):
            for clause in clauses(one):
                names = found.setdefault((clause.text, clause.checks), [])
                names.append(scenario.name.partition("-")[2])
    lines = ["", f"## {family}", "", "| Clause | Asked in | Checks | Broken by |", "|---|---|---|---|"]
    for (text, checks), names in found.items():
        shown = ", ".join(f"`{name}`" for name in checks) or "given"
        lines.append(f"| {cell(text)} | {several(list(dict.fromkeys(names)))} | {shown} | {broken(checks, family)} |")
    return lines


def broken(checks: tuple[str, ...], family: str = "", *, mutations: Sequence[Mutation] = MUTATIONS) -> str:
    """Up to three mutations that one of these checks must notice."""
    fitting = [one for one in mutations if {*one.checks} & {*checks}]
    fitting.sort(key=lambda one: one.scenario.partition("-")[0] != family)
    return ", ".join([*(f"`{one.name}`" for one in fitting[:3]), *["…"][: len(fitting) > 3]])


def several(names: list[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
