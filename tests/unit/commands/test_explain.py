"""Every name that a report, the doctor or Apache's log says can be explained, from where it is told already."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from click.testing import CliRunner

from wslb.cli import cli
from wslb.commands import compare, selftest
from wslb.commands.explain import meaning, words
from wslb.commands.mutations import MUTATIONS
from wslb.commands.mutations.explained import CAUSES
from wslb.errors import ConfigError
from wslb.proxies.apache.advice.rules import RULES
from wslb.scenarios import FAMILIES, SCENARIOS
from wslb.scenarios.scenario import select

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "names",
    [
        [rule.id for rule in RULES],
        [scenario.name for scenario in SCENARIOS],
        FAMILIES,
        CAUSES,
        {check for mutation in MUTATIONS for check in mutation.checks},
    ],
    ids=["advice", "scenarios", "families", "causes", "checks"],
)
def test_whatever_has_a_name_has_a_meaning(names: Collection[str]) -> None:
    assert len(names) > 10
    told = {name: meaning(name) for name in names}
    assert [found.word for found in told.values()] == list(names)
    assert [name for name, found in told.items() if sum(1 for _, text in found.lines if text) < 2] == []


def test_every_word_can_be_told() -> None:
    assert len(words()) > 1000
    assert [word for word in words() if not any(text for _, text in meaning(word).lines)] == []


@pytest.mark.parametrize(
    ("word", "kind", "says"),
    [
        ("WSLB-C050", "advice, error", "The first ProxyPass whose path fits takes the request"),
        ("wslb-c050", "advice, error", "wslb doctor --conf FILE"),
        ("lb-byrequests", "scenario", "0 breaks over 20 connections"),
        ("lb", "family of scenarios", "lb-byrequests-held: Do the turns stay strict"),
        ("AH00957", "line of Apache's error log, debug or error, proxy_util", "attempt to connect to"),
        ("ah957", "line of Apache's error log, debug or error, proxy_util", "Apache could not open TCP"),
        ("957", "line of Apache's error log, debug or error, proxy_util", "failover-refused"),
        ("witnesses-agree", "check", "the witnesses disagree"),
        ("log_is_clean", "check", "broken by"),
        ("served_by", "check", "Exactly this sequence of members"),
        ("loadfactor", "likely cause", "wslb selftest weight-doubled"),
    ],
)
def test_a_word_is_explained(word: str, kind: str, says: str) -> None:
    ran = CliRunner().invoke(cli, ["explain", word])
    assert ran.exit_code == 0, ran.output
    assert ran.output.splitlines()[0].endswith(f"  {kind}")
    assert says in " ".join(ran.output.split())


@pytest.mark.parametrize(
    ("ask", "hint"),
    [
        (lambda: meaning("lb-byrequest"), "Did you mean lb-byrequests or "),
        (lambda: meaning("loadfaktor"), "Did you mean loadfactor or "),
        (lambda: meaning("WSLB-C999"), "Did you mean WSLB-C0"),
        (lambda: meaning("quite something else"), "wslb list prints the scenarios"),
        (lambda: select(SCENARIOS, ("stiky",)), "Did you mean sticky or "),
        (lambda: select(SCENARIOS, ("LB-ByRequests",)), "Did you mean lb-byrequests or "),
        (lambda: selftest.chosen(["weight-dubled"]), "Did you mean weight-doubled"),
        (lambda: compare.workloads(["unevn"]), "Did you mean uneven?"),
    ],
)
def test_a_name_that_is_mistyped_gets_those_that_are_close(ask: object, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ask()  # type: ignore[operator]  # a row of the table
    assert hint in caught.value.hint


def test_a_command_that_is_mistyped_too() -> None:
    ran = CliRunner().invoke(cli, ["tets"])
    assert (ran.exit_code, "No such command 'tets'. Did you mean test?" in ran.output) == (2, True), ran.output


@pytest.mark.parametrize(
    ("line", "some", "none"),
    [
        ("wslb test ", "lb", "lb-byrequests"),
        ("wslb test lb-by", "lb-byrequests-held", "headers-handshake"),
        ("wslb list stic", "sticky-set-cookie", "lb"),
        ("wslb config article-listing8", "article-listing8", "lb"),
        ("wslb explain WSLB-C05", "WSLB-C050", "lb"),
        ("wslb explain AH0095", "AH00957", "lb"),
        ("wslb selftest weight-", "weight-doubled", "lb"),
        ("wslb compare ", "uneven", "lb"),
    ],
)
def test_a_tab_offers_the_names(line: str, some: str, none: str) -> None:
    more = {"_WSLB_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    ran = subprocess.run(
        [sys.executable, "-m", "wslb"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "harness"), **more},
    )
    offered = [offer.partition(",")[2] for offer in ran.stdout.splitlines()]
    assert some in offered
    assert none not in offered
