"""What a word of a report means: a scenario, check, cause, advice or AH number.

There is no text here: each is told where the thing itself is.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from wslb.commands.mutations import MUTATIONS
from wslb.commands.mutations.explained import CAUSES
from wslb.errors import ConfigError, meant
from wslb.model.results import Check, Record
from wslb.proxies.apache import ah_numbers
from wslb.proxies.apache.advice.rules import RULES as ADVICE
from wslb.reports.causes import RULES
from wslb.scenarios import FAMILIES, SCENARIOS
from wslb.scenarios.runner import always
from wslb.scenarios.scenario import Scenario

__all__ = ["Meaning", "meaning", "words"]

_SHOWN = 6
"""Names in a list; of more, the first, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a word means.

    Attributes:
        kind: such as ``scenario``.
        lines: heading and text of each paragraph, in reading order; empty texts are left out.
    """

    word: str
    kind: str
    lines: tuple[tuple[str, str], ...]


def meaning(word: str) -> Meaning:
    """What a word means; case does not matter, a check may be written with hyphens, an AH number without ``AH``.

    Raises:
        ConfigError: nothing of ours has this name; the hint tells what is close.
    """
    known = {name.lower(): name for name in words()}
    number = f"ah{word.lower().removeprefix('ah'):0>5}"
    name = known.get(word.lower()) or known.get(word.lower().replace("-", "_")) or known.get(number)
    if name is None:
        raise ConfigError(
            option="word",
            value=word,
            allowed="a scenario or family, a check, a cause, an advice (WSLB-C050) or an AH number (AH00957)",
            hint=meant(word, words()) or "wslb list prints the scenarios; a report names the others.",
        )
    return words()[name](name)


@cache
def words() -> dict[str, Callable[[str], Meaning]]:
    """Every word that can be explained, and what explains it."""
    found: dict[str, Callable[[str], Meaning]] = {}
    found |= dict.fromkeys(ah_numbers.known(), _number)
    found |= dict.fromkeys(_causes(), _cause)
    found |= {rule.id: _advice for rule in ADVICE}
    found |= dict.fromkeys(_checks(), _check)
    found |= dict.fromkeys(FAMILIES, _family)
    return found | {scenario.name: _scenario for scenario in SCENARIOS}


def _scenario(name: str) -> Meaning:
    scenario = next(one for one in SCENARIOS if one.name == name)
    elsewhere = "; ".join(
        f"{one.versions}: {one.does} ({one.source}){f'; claimed there: {one.limit}' if one.limit else ''}"
        for one in scenario.elsewhere
    )
    asked = dict.fromkeys(check for check, (_, askers) in _checks().items() if scenario in askers)
    return Meaning(
        word=name,
        kind="scenario",
        lines=(
            ("asks", scenario.question),
            ("limit", scenario.limit),
            ("because", scenario.explanation),
            ("elsewhere", elsewhere),
            ("checks", ", ".join(asked)),
            ("log", _told(scenario.allow_log, "may come")),
            ("broken by", _told([one.name for one in MUTATIONS if one.scenario == name])),
            ("ask it", f"wslb test {name}"),
            ("its conf", f"wslb config {name}"),
        ),
    )


def _family(name: str) -> Meaning:
    asked = [f"{one.name}: {one.question}" for one in FAMILIES[name]]
    about = import_module(f"wslb.scenarios.{name}").__doc__
    return Meaning(
        word=name,
        kind="family of scenarios",
        lines=(("about", _first(about)), *(("asks", one) for one in asked), ("ask it", f"wslb test {name}")),
    )


def _check(name: str) -> Meaning:
    check, askers = _checks()[name]
    verdict = check(Record(balancer=askers[0].judged))
    breakers = [mutation.name for mutation in MUTATIONS if name in mutation.checks]
    return Meaning(
        word=name,
        kind="check",
        lines=(
            ("says", _first(inspect.getdoc(_home(check)))),
            ("expects", verdict.expected),
            ("red means", verdict.phrase),
            ("claims", verdict.claims.value),
            ("asked by", _told([scenario.name for scenario in askers])),
            ("broken by", _told(breakers)),
        ),
    )


def _cause(name: str) -> Meaning:
    rules = _causes()[name]
    broken = CAUSES.get(name, "").split()
    return Meaning(
        word=name,
        kind="likely cause",
        lines=(
            *(("says", " ".join((inspect.getdoc(rule) or "").split())) for rule in rules),
            ("named for", _told(broken)),
            ("see it", f"wslb selftest {broken[0]}" if broken else ""),
        ),
    )


def _advice(name: str) -> Meaning:
    rule = next(one for one in ADVICE if one.id == name)
    older = f"before httpd {'.'.join(map(str, rule.older.before))}: {rule.older.cure}" if rule.older else ""
    return Meaning(
        word=name,
        kind=f"advice, {rule.severity.value}",
        lines=(
            ("why", rule.why),
            ("cure", rule.cure),
            ("older", older),
            ("source", " ".join((inspect.getdoc(rule.find) or "").split())),
            ("ask", "wslb doctor --conf FILE"),
        ),
    )


def _number(name: str) -> Meaning:
    number = ah_numbers.look_up(name)
    if number is None:  # pragma: no cover - it is one of those that are known
        raise ConfigError(option="word", value=name, allowed="an AH number that httpd has")
    return Meaning(
        word=name,
        kind=f"line of Apache's error log, {number.level or 'level unknown'}, {number.module}",
        lines=(
            ("reads", number.message),
            ("means", number.means),
            ("do", number.do),
            ("belongs to", _told([scenario.name for scenario in SCENARIOS if name in scenario.allow_log])),
        ),
    )


@cache
def _checks() -> dict[str, tuple[Check, list[Scenario]]]:
    """Each check that a shipped scenario asks, or that all are asked, and who does."""
    found: dict[str, tuple[Check, list[Scenario]]] = {}
    for scenario in SCENARIOS:
        for check in (*scenario.checks, *always(scenario)):
            name = check(Record(balancer=scenario.judged)).check
            askers = found.setdefault(name, (check, []))[1]
            if scenario not in askers:
                askers.append(scenario)
    return found


@cache
def _causes() -> dict[str, list[Callable[..., object]]]:
    """Each cause by the name that its rules give it."""
    found: dict[str, list[Callable[..., object]]] = {}
    for rule in RULES:
        for name in dict.fromkeys(re.findall(r'rule="([\w-]+)"', inspect.getsource(rule))):
            found.setdefault(name, []).append(rule)
    return found


def _home(check: Check) -> object:
    """The function of a module that is the check, or that makes it."""
    return getattr(inspect.getmodule(check), check.__qualname__.partition(".")[0], check)


def _first(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].split())


def _told(names: Sequence[str], what: str = "") -> str:
    more = len(names) - _SHOWN
    told = ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"{told} {what}".strip() if names else ""
