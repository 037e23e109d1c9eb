"""The table of likely causes: every rule speaks only with its evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness import causes
from harness.balancer import Carrier
from harness.checks import accounting, carrier, distribution, handshake, log
from harness.reporters.json_file import document
from harness.results import LogLine, MemberStatus, ScenarioResult
from tests import runs

LINE = LogLine(at="x", module="proxy_balancer", level="error", code="AH01170", text="AH01170: All workers are in error")
WARNED = LogLine(
    at="x", module="core", level="warn", code="AH00558", text="AH00558: could not determine the server's name"
)


def saved(result: ScenarioResult) -> dict[str, Any]:
    found: dict[str, Any] = document(runs.run(result))["scenarios"][0]
    return found


def changed(result: ScenarioResult, *, route: str, **fields: Any) -> ScenarioResult:
    """The result with one member shown differently, before and after."""

    def shown(statuses: tuple[MemberStatus, ...]) -> tuple[MemberStatus, ...]:
        return tuple(replace(s, **fields) if s.route == route else s for s in statuses)

    evidence = replace(result.record, before=shown(result.record.before), after=shown(result.record.after))
    return replace(result, record=evidence)


def answered(seq: int, status: int | None, **more: Any) -> ScenarioResult:
    """A scenario in which one connection was answered otherwise than 101."""
    odd = runs.opened(seq, "node" if more.pop("seen", True) else None, status=status, error="no 101")
    return runs.judged(runs.record("LNLN", changed={seq: odd}, **more))


def impostor() -> ScenarioResult:
    odd = replace(runs.opened(2, "node"), greeters=("liberty",), greeting="[From Server] Connected to liberty")
    return runs.judged(runs.record("LNLN", changed={2: odd}), checks=(accounting.witnesses_agree,))


def wrong_accept() -> ScenarioResult:
    odd = runs.opened(2, "node")
    response = tuple((name, "d3Jvbmc=" if "Accept" in name else value) for name, value in odd.response)
    return runs.judged(
        runs.record("LNLN", changed={2: replace(odd, response=response)}), checks=(handshake.accept_is_right,)
    )


def other_carrier() -> ScenarioResult:
    odd = runs.opened(1, "liberty", carrier=Carrier.HTTP)
    return runs.judged(runs.record("LNLN", changed={1: odd}), checks=(carrier.carried_as_asked,))


def at_once() -> ScenarioResult:
    evidence = runs.record("LLNNLLNN")
    together = tuple(replace(h, opened_at=0.001 * i, elapsed_seconds=0.05) for i, h in enumerate(evidence.handshakes))
    return runs.judged(replace(evidence, handshakes=together), checks=(distribution.alternates,))


def sticky() -> ScenarioResult:
    balancer = replace(runs.CLUSTER, stickysession="ROUTEID")
    return runs.judged(runs.record("LLLL", balancer=balancer))


def stalled() -> ScenarioResult:
    tls = replace(
        runs.CLUSTER, members=tuple(replace(m, url=m.url.replace("ws:", "wss:")) for m in runs.CLUSTER.members)
    )
    return answered(2, None, seen=False, balancer=tls)


@pytest.mark.parametrize(
    ("rule", "result", "words"),
    [
        ("failover", runs.failed_over(), "liberty refused a connect at connection #7; Apache failed over to node"),
        (
            "lbmethod",
            changed(runs.broken(), route="node", lbmethod="bytraffic"),
            "elects by bytraffic, not by byrequests",
        ),
        ("loadfactor", changed(runs.broken(), route="node", loadfactor=3.0), "node runs with loadfactor 3"),
        ("member-out", changed(runs.broken(letters="LLLL"), route="node", status="Init Err"), "node was Init Err"),
        ("nobody-left", answered(2, 503, lines=(LINE,)), "Apache answered 503"),
        ("impostor", impostor(), "node greets as liberty"),
        ("sticky", sticky(), "every connection went to liberty"),
        ("accept", wrong_accept(), "it changed between backend and client"),
        ("carrier", other_carrier(), "mod_proxy_http carried the tunnels"),
        ("not-upgraded", answered(2, 404), "404 instead of 101"),
        ("not-upgraded", answered(2, 426), "without a usable Upgrade"),
        ("tls-stall", stalled(), "can stall on TLS 1.3"),
        ("interleaved", at_once(), "handshakes overlapped"),
        ("logged", runs.judged(runs.record("LNLN", lines=(WARNED,))), "No ServerName is set"),
    ],
)
def test_rule_matches_its_evidence(rule: str, result: ScenarioResult, words: str) -> None:
    cause = causes.likely(saved(result))
    assert cause is not None
    assert cause.rule == rule
    assert words in cause.sentence
    assert all(cause.evidence)


def test_dropped_upgrade_shows_both_sides() -> None:
    odd = replace(runs.opened(2, "node"), status=502, greeters=(), signed_by=None)
    cause = causes.likely(saved(runs.judged(runs.record("LNLN", changed={2: odd}))))
    assert cause is not None
    assert cause.evidence == ("connection #2: node answered 101, the client got 502",)


def test_break_without_further_evidence_has_no_cause() -> None:
    assert causes.likely(saved(runs.broken())) is None


def test_refusal_at_another_time_is_not_the_cause() -> None:
    result = runs.failed_over()
    line = runs.refused_at(result.record.handshakes[6].arrivals[0].at + 0.5)
    cause = causes.likely(saved(replace(result, record=replace(result.record, log=(line,)))))
    assert cause is None or cause.rule != "failover"


@pytest.mark.parametrize("result", [runs.passed(), runs.skipped(), runs.errored()])
def test_nothing_failed_has_no_cause(result: ScenarioResult) -> None:
    assert causes.likely(saved(result)) is None


def test_what_the_evidence_speaks_against() -> None:
    assert causes.ruled_out(saved(runs.broken())) == (
        "loadfactors equal (1:1)",
        "no sticky route",
        "all members Init Ok at the start",
        "handshakes did not overlap",
        "no line in Apache's log",
    )
    assert (
        causes.ruled_out(saved(runs.judged(runs.record("LNLN", lines=(WARNED,)), checks=(log.only_announced(),)))) == ()
    )


def test_every_rule_is_silent_on_a_scenario_without_evidence() -> None:
    empty = saved(replace(runs.broken(), record=runs.Record()))
    assert causes.likely(empty) is None
    assert causes.look_at(empty) == "the evidence of the verdicts"
