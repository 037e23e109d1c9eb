"""What a product brings to the self-test, and that each check which judges it there has something to notice."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.askable import FOUND, asked_there, checks_of, mutations_there
from wslb.commands.explain import words
from wslb.commands.mutations import MUTATIONS, Touch, mutations_of
from wslb.commands.mutations.explained import UNBROKEN
from wslb.commands.mutations.proof import Proof, skips
from wslb.commands.selftest import chosen, unfit
from wslb.config import Settings
from wslb.errors import ConfigError
from wslb.model.balancer import Site
from wslb.model.results import Outcome
from wslb.model.sites import CLUSTER, balanced
from wslb.proxies.own_mutations import OwnMutations
from wslb.proxies.registry import PROXIES

OTHERS = sorted(set(PROXIES) - {"apache"})


def test_every_product_is_known_in_a_version() -> None:
    assert sorted(FOUND) == OTHERS
    assert PROXIES["apache"].mutations == OwnMutations()
    assert mutations_of(PROXIES["apache"].mutations) == MUTATIONS


@pytest.mark.parametrize("name", OTHERS)
def test_every_check_that_judges_a_product_has_a_mutation_there(name: str) -> None:
    asked = {check for scenario in asked_there(name) for check in checks_of(scenario)}
    broken = {check for mutation in mutations_there(name) for check in mutation.checks}
    assert len(asked_there(name)) >= 100
    assert asked - broken == (UNBROKEN.keys() & asked) | PROXIES[name].mutations.unbroken.keys()


@pytest.mark.parametrize("name", OTHERS)
def test_a_mutation_must_turn_red_what_its_scenario_asks_there(name: str) -> None:
    asked = {scenario.name: checks_of(scenario) for scenario in asked_there(name)}
    strange = {one.name: set(one.checks) - asked[one.scenario] for one in mutations_there(name)}
    assert not {name: checks for name, checks in strange.items() if checks}
    assert {one.touches for one in mutations_there(name)} == set(Touch)


@pytest.mark.parametrize("name", OTHERS)
def test_a_product_brings_names_of_its_own_and_says_why_no_cause_is_named(name: str) -> None:
    own, catalogue = PROXIES[name].mutations, {mutation.name for mutation in MUTATIONS}
    names = [edit.name for edit in own.edits]
    assert len(set(names)) == len(names) >= 15
    assert not catalogue & set(names)
    assert set(own.otherwise) <= catalogue
    causes = {edit.cause for edit in own.edits} | {other.cause for other in own.otherwise.values()}
    assert causes - {""} <= words().keys()
    assert not [edit.name for edit in own.edits if bool(edit.cause) is bool(edit.unnamed)]
    assert not [other for other in own.otherwise.values() if not other.why]


@pytest.mark.parametrize("name", OTHERS)
def test_what_shows_otherwise_is_of_mutations_that_would_be_asked(name: str) -> None:
    bare = {one.name: one for one in MUTATIONS}
    dialect, found, carrier = PROXIES[name].dialect, FOUND[name], Settings().carrier
    own = PROXIES[name].mutations
    assert not [one for one in own.otherwise if unfit(bare[one], dialect, found, carrier)]
    assert not [one.name for one in mutations_of(own)[len(MUTATIONS) :] if unfit(one, dialect, found, carrier)]


def test_an_edit_is_made_in_every_place_that_fits_with_the_addresses_of_backends() -> None:
    site = Site(mounts=balanced(CLUSTER).mounts, edits=((r"^a <ws://node>$", "b <wss://node>"),))
    resolved = site.resolved({"ws://liberty": "[::1]:1", "ws://node": "[::2]:1", "wss://node": "[::2]:2"})
    assert resolved.edited("a [::2]:1\na [::2]:1 c\na [::2]:1\n") == "b [::2]:2\na [::2]:1 c\nb [::2]:2\n"


def test_an_edit_that_fits_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=re.escape("an edit is '^nowhere$'")):
        Site(mounts=(), edits=((r"^nowhere$", "x"),)).edited("a\nb\n")


def test_mutations_are_chosen_by_name_and_product() -> None:
    assert [one.name for one in chosen(("mirrored",), proxy="nginx")] == ["mirrored"]
    with pytest.raises(ConfigError) as caught:
        chosen(("mirrored",), proxy="haproxy")
    assert "wslb selftest --proxy haproxy --list" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        chosen(("mirrored",))
    assert "wslb selftest --list" in caught.value.hint
    with pytest.raises(ConfigError, match="--proxy is 'squid'"):
        chosen((), proxy="squid")


def test_what_shows_otherwise_has_the_checks_and_the_cause_of_there() -> None:
    (there,) = chosen(("backend-hangs-up",), proxy="nginx")
    (here,) = chosen(("backend-hangs-up",))
    assert (here.checks, here.rule, here.silent) == (("answered_101",), "hung-up", "")
    assert (there.checks, there.rule) == (("alternates", "log_is_clean"), "")
    assert there.silent.startswith("nginx asks the next server")
    (idle,) = chosen(("tunnel-outlives-httpd",), proxy="nginx")
    told = unfit(idle, PROXIES["nginx"].dialect, FOUND["nginx"], Settings().carrier)
    assert told == "TERM ends nginx at once, whatever is open"


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_asked_elsewhere_could_not_be_asked_where_it_is(name: str) -> None:
    bare = {one.name: one for one in MUTATIONS}
    dialect, found, carrier = PROXIES[name].dialect, FOUND[name], Settings().carrier
    there = {one.name: one.scenario for one in mutations_there(name)}
    moved = PROXIES[name].mutations.asked_in
    assert moved
    assert {mutation for mutation in moved if unfit(bare[mutation], dialect, found, carrier)} == set(moved)
    assert {mutation: there[mutation] for mutation in moved} == dict(moved)


def test_a_version_that_does_not_know_the_words_of_an_edit_is_not_asked() -> None:
    (mutation,) = chosen(("program-outlives",), proxy="haproxy")
    dialect, found, carrier = PROXIES["haproxy"].dialect, FOUND["haproxy"], Settings().carrier
    assert not unfit(mutation, dialect, found, carrier)
    told = unfit(mutation, dialect, replace(found, version="3.1.0"), carrier)
    assert told == "this HAProxy is 3.1.0; 3.1 and later do not know what it would be given"


def test_skips_are_told_by_reason() -> None:
    def proof(name: str, reason: str, outcome: Outcome = Outcome.SKIPPED) -> Proof:
        (mutation,) = chosen((name,))
        return Proof(mutation=mutation, outcome=outcome, reason=reason)

    told = skips([proof("text-lost", "r"), proof("text-twice", "s"), proof("pong-lost", "r")])
    assert told.splitlines() == ["– 2 skipped: r: text-lost, pong-lost", "– 1 skipped: s: text-twice"]
    assert skips([proof("text-lost", "", Outcome.PASSED)]) == ""
