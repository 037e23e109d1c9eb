"""Which check looks at which words: every clause of a scenario's question and limit, bound to the names of checks.

The text stays in the scenario. Here stands, by family, which checks look at it: a question is one clause, a limit is
cut into those that its family's table knows. `tests/unit/scenarios/test_clauses.py` holds that no word is left over,
that every check named is one that the scenario asks, and that every check it asks is named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from wslb.errors import ConfigError
from wslb.model.results import Record
from wslb.scenarios.clauses_life import LIFE
from wslb.scenarios.clauses_opening import OPENING
from wslb.scenarios.clauses_turns import TURNS
from wslb.scenarios.scenario import Scenario

__all__ = ["ALWAYS", "GENERAL", "Clause", "asked_of", "clauses"]

GIVEN = "given"
"""Instead of checks: the scenario itself sets it up, by its site or by what it does; the proxy is not claimed to."""

GENERAL = {
    "answered_101": "every handshake is answered 101, in due form",
    "accept_is_right": "with the Sec-WebSocket-Accept that belongs to the key",
    "greeted": "the backend's own greeting comes first",
    "members_as_claimed": "balancer-manager shows the members, and their settings, that the scenario claims",
    "follows_model": "the member that the model of the lbmethod elects serves",
    "elected_as_modelled": "elected rises by the model's elections",
    "elected_counted": "elected rises by one for every connection",
    "witnesses_agree": "client, journals and access log name the same backend",
    "carried_as_asked": "the module that was asked for carries the tunnels",
    "nothing_left_open": "no member counts a tunnel that has ended",
    "witnesses_speak": "every witness speaks of every tunnel, once and in due form",
    "ended_orderly": "every tunnel lives until the client closes it, with a Close frame each way",
    "log_is_clean": "the error log has no warning that the scenario does not announce",
}
"""Checks that scenarios ask beside their own claim, and what each of them says; clauses may name them too."""

ALWAYS = ("witnesses_speak", "ended_orderly", "log_is_clean")
"""Asked of every record, without being named (`wslb.scenarios.runner`)."""

_TABLES = {**TURNS, **OPENING, **LIFE}

_BETWEEN = r"[,;:.?]? ?(?:and |but |then |until )?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """Some words of a question or limit, as they stand there.

    Attributes:
        text: the words.
        checks: those that look at it, all of which the scenario asks; empty where it is given.
    """

    text: str
    checks: tuple[str, ...]


def asked_of(scenario: Scenario) -> frozenset[str]:
    """Names of all checks that judge a scenario, as its verdicts bear them, without the part of the record."""
    return frozenset(check(Record()).check.partition(" ")[0] for check in scenario.checks) | {*ALWAYS}


def clauses(scenario: Scenario) -> tuple[Clause, ...]:
    """The clauses of question and limit, in their order.

    Raises:
        ConfigError: no table covers the question, or some words of the limit.
    """
    asked = asked_of(scenario)
    questions, limits = _TABLES[scenario.family]
    name = scenario.name.partition("-")[2]
    known = next((checks for pattern, checks in questions.items() if fnmatchcase(name, pattern)), None)
    tiles = _tiles(scenario.limit, limits, asked)
    if known is None or tiles is None:
        text = scenario.limit if known else scenario.question
        raise ConfigError(
            option=f"clauses of {scenario.name}", value=text, allowed="words that its family's table knows"
        )
    found = [(scenario.question, _chosen(known, asked)), *tiles]
    return tuple(Clause(text=text, checks=checks) for text, checks in found)


def _chosen(table: str, asked: frozenset[str]) -> tuple[str, ...]:
    """The first alternative that the scenario asks; the first one where it asks none."""
    ways = [tuple(way.split()) for way in table.split("|")]
    way = next((way for way in ways if {*way} <= asked), ways[0])
    return () if way == (GIVEN,) else way


def _tiles(rest: str, table: dict[str, str], asked: frozenset[str]) -> list[tuple[str, tuple[str, ...]]] | None:
    """The text cut into clauses of the table, the longest first; None where some words are left over."""
    if not rest:
        return []
    found = [(match[0], checks) for pattern, checks in table.items() if (match := _expression(pattern).match(rest))]
    for text, checks in sorted(found, key=lambda one: -len(one[0])):
        behind = re.match(_BETWEEN, rest[len(text) :])
        tiles = _tiles(rest[len(text) + (behind.end() if behind else 0) :], table, asked)
        if tiles is not None:
            return [(text, _chosen(checks, asked)), *tiles]
    return None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """``#`` stands for a number, ``*`` for any words up to what follows."""
    words = re.escape(pattern).replace(r"\#", r"\d+(?:[,.]\d+)*").replace(r"\*", r".+?")
    return re.compile(rf"{words}(?![\w/])")
