"""What the self-test makes of red, green, and of scenarios that are red by themselves. No lab."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from wslb.commands.mutations import MUTATIONS, Mutation, Touch
from wslb.commands.mutations.explained import CAUSES, UNBROKEN, UNEXPLAINED, why_not
from wslb.commands.mutations.proof import Proof, exit_code, matrix, summary
from wslb.commands.selftest import chosen, judged, prove
from wslb.errors import ConfigError
from wslb.lab.lab import Lab
from wslb.model.results import Outcome, Record, ScenarioResult, Verdict
from wslb.scenarios import FAMILIES, SCENARIOS

MUTATION = Mutation(name="m", what="it", scenario="lb-byrequests", checks=("a", "b"))


def result(**checks: bool) -> ScenarioResult:
    verdicts = tuple(
        Verdict(
            check=check, outcome=Outcome.PASSED if green else Outcome.FAILED, expected="x", observed=f"{check} says so"
        )
        for check, green in checks.items()
    )
    outcome = Outcome.PASSED if all(checks.values()) else Outcome.FAILED
    return ScenarioResult(name="s", family="s", question="?", limit="", outcome=outcome, verdicts=verdicts)


def test_every_named_check_must_go_red() -> None:
    proof = judged(MUTATION, result(a=False, b=False, c=False), 0.1)
    assert proof.outcome is Outcome.PASSED
    assert proof.sentences == (("a", "a says so"), ("b", "b says so"))
    assert proof.others == ("c",)


@pytest.mark.parametrize("checks", [{"a": False, "b": True}, {"a": True, "b": True, "c": False}, {"a": False}, {}])
def test_a_check_that_stays_green_or_is_not_asked_fails(checks: dict[str, bool]) -> None:
    proof = judged(MUTATION, result(**checks), 0.1)
    assert proof.outcome is Outcome.FAILED
    assert "STAYED GREEN" in str(proof)
    assert "noticed only by" in str(proof) or not any(not green for name, green in checks.items() if name == "c")


async def test_a_scenario_that_is_red_with_nothing_broken_proves_nothing() -> None:
    proof = await prove(MUTATION, cast("Lab", _NoLab()), sound=result(a=False, b=True))
    assert proof.outcome is Outcome.ERRORED
    assert proof.reason == "lb-byrequests is failed with nothing broken: a says so"


class _NoLab:
    """Nothing of it is needed."""


def test_exit_codes() -> None:
    def proofs(*outcomes: Outcome) -> list[Proof]:
        return [Proof(mutation=MUTATION, outcome=outcome) for outcome in outcomes]

    assert exit_code(proofs(Outcome.PASSED, Outcome.SKIPPED)) == 0
    assert exit_code(proofs(Outcome.PASSED, Outcome.FAILED, Outcome.ERRORED)) == 1
    assert exit_code(proofs(Outcome.PASSED, Outcome.ERRORED)) == 4
    assert exit_code(proofs(Outcome.SKIPPED)) == exit_code([]) == 5
    assert summary(proofs(Outcome.PASSED, Outcome.FAILED)) == (
        "2 mutations (2 of a server or another client): 1 caught by the check that should, 1 NOT caught"
    )


def test_mutations_have_names_of_their_own_shipped_scenarios_and_something_to_break() -> None:
    assert len(MUTATIONS) >= 120
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
    assert {mutation.scenario for mutation in MUTATIONS} <= {scenario.name for scenario in SCENARIOS}
    for mutation in MUTATIONS:
        assert mutation.checks, mutation.name
        assert mutation.tamper or mutation.before or mutation.beside or mutation.wire, mutation.name


def test_every_check_of_the_catalogue_has_a_mutation_that_it_must_notice() -> None:
    """Claims about nginx or HAProxy alone have theirs there (test_product_mutations)."""
    nothing = Record()
    of_httpd = [scenario for scenario in SCENARIOS if not scenario.site.native]
    asked = {check(nothing).check for scenario in of_httpd for check in scenario.checks}
    asked |= {
        check(nothing).check
        for s in of_httpd
        for other in s.elsewhere
        if not other.proxy
        for check in other.checks or ()
    }
    assert asked - {check for mutation in MUTATIONS for check in mutation.checks} == set(UNBROKEN)


def test_every_family_is_broken() -> None:
    broken = {mutation.scenario for mutation in MUTATIONS}
    assert {scenario.family for scenario in SCENARIOS if scenario.name in broken} == set(FAMILIES)


def test_each_mutation_has_a_rule_that_names_it_or_a_reason_why_none_may() -> None:
    listed = " ".join([*CAUSES.values(), *UNEXPLAINED.values()]).split()
    assert sorted(listed) == sorted(mutation.name for mutation in MUTATIONS)
    assert len(" ".join(CAUSES.values()).split()) >= 100


def test_a_proof_tells_why_no_cause_is_named() -> None:
    lost = next(mutation for mutation in MUTATIONS if mutation.name == "pong-lost")
    proof = judged(replace(lost, checks=("a",)), result(a=False), 0)
    assert str(proof).splitlines()[-1] == f"    {'no likely cause':<22} {why_not('pong-lost')}"


def test_matrix_tells_who_noticed_what_and_who_alone() -> None:
    both, alone = judged(MUTATION, result(a=False, b=False), 0), judged(MUTATION, result(a=False, b=True), 0)
    assert matrix([both, alone]).splitlines() == [f"{'a':<24}   2  m m*", f"{'b':<24}   1  m"]


def test_configuration_wire_and_servers_are_broken() -> None:
    assert {mutation.touches for mutation in MUTATIONS} == set(Touch)


def test_mutations_are_chosen_by_name() -> None:
    assert chosen(()) == MUTATIONS
    assert [mutation.name for mutation in chosen(("text-lost", "weight-doubled"))] == ["text-lost", "weight-doubled"]
    with pytest.raises(ConfigError, match="nonsense"):
        chosen(("nonsense",))
