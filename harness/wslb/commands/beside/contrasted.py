"""Which proxies ``wslb compare --proxies`` asks, and why not the others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from wslb.commands.installations import NamedInstallation
from wslb.config import RuntimeChoice, Settings
from wslb.errors import ConfigError, LabError, StartError, meant
from wslb.lab.launch import discover
from wslb.proxies.registry import PROXIES, product_of

__all__ = ["ALL_PROXIES", "AbsentProxy", "contrasted"]

ALL_PROXIES = ",".join(PROXIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentProxy:
    """One that cannot be asked here.

    Attributes:
        product: its name in a setting.
        reason: why, and what to do about it.
    """

    product: str
    reason: str


def contrasted(settings: Settings, text: str) -> tuple[tuple[NamedInstallation, ...], tuple[AbsentProxy, ...]]:
    """Those that are here and those that are not, both in the order in which they were named.

    Args:
        settings: of the command; of httpd alone what only httpd has.
        text: products with commas between them, each NAME or NAME=PROGRAM.

    Raises:
        ConfigError: a product that there is not, one named twice, or fewer than two.
        StartError: fewer than two can be asked.
    """
    found: list[NamedInstallation] = []
    absent: list[AbsentProxy] = []
    for name, program in _named(text).items():
        there = replace(settings, proxy=name, runtime=RuntimeChoice.LOCAL)
        if name != Settings().proxy:
            there = replace(there, httpd=None, modules=None, mpm=None, carrier=Settings().carrier)
        there = replace(there, httpd=program or there.httpd)
        try:
            asyncio.run(discover(there))
        except LabError as exc:
            absent.append(AbsentProxy(product=name, reason=_why(name, exc)))
            continue
        folder = str(len(found) + 1)
        mine = replace(there, report=settings.report / folder)
        found.append(NamedInstallation(name=PROXIES[name].title, folder=folder, settings=mine))
    if len(found) < 2:
        only = f"only {found[0].name} is here" if found else "none of them is here"
        told = "; ".join(f"{PROXIES[one.product].title}: {one.reason}" for one in absent)
        raise StartError(name="The comparison of proxies", reason=f"{only}, and it takes two", hint=told)
    return tuple(found), tuple(absent)


def _named(text: str) -> dict[str, str]:
    """Program by product; empty where it is searched for."""
    found: dict[str, str] = {}
    for part in text.split(","):
        name, _, program = part.strip().partition("=")
        if name not in PROXIES:
            allowed = f"two or more of {', '.join(PROXIES)}, each NAME or NAME=PROGRAM, with commas between them"
            raise ConfigError(option="--proxies", value=text, allowed=allowed, hint=meant(name, PROXIES))
        if name in found:
            raise ConfigError(option="--proxies", value=text, allowed=f"a list that names {name} once")
        found[name] = program
    if len(found) < 2:
        hint = f"wslb test --proxy {text} asks one."
        raise ConfigError(option="--proxies", value=text, allowed="two proxies at least", hint=hint)
    return found


def _why(product: str, problem: LabError) -> str:
    """Why it cannot be asked, and how a person gets it."""
    way, _ = product_of(product).way()
    reason = getattr(problem, "reason", "") or str(problem)
    get = f"; get it: {way.partition('; then')[0]}" if way else ""
    return f"{reason}{get}; or name its program: --proxies {ALL_PROXIES.replace(product, f'{product}=FILE')}"
