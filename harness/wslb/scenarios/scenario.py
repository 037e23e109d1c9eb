"""A scenario: a question, the site it is asked on, what is done, and the checks that judge the evidence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from wslb.errors import ConfigError, meant
from wslb.interfaces import Backends, Capability
from wslb.lab.lab import Lab
from wslb.model.balancer import Balancer, Carrier, LbMethod, Site
from wslb.model.results import Check, Witness
from wslb.model.sites import CLUSTER, balanced

__all__ = ["Act", "Elsewhere", "Family", "Scenario", "of_method", "select"]

Act = Callable[[Lab], Awaitable[None]]
"""What a scenario does with the lab. It never judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What other versions of httpd do, or another product, where the scenario's claim is not theirs.

    A scenario is asked there with the claim of those, or skipped with this as its reason.

    Attributes:
        does: what they do, in one clause.
        source: where that is written, or what was measured.
        proxy: title of the product.
        since, before: which versions: from the first on, and below the second.
        carrier: only where this module carries the tunnels; None: whichever does.
        mpm: only under this one; empty: whichever serves.
        limit: their claim, in words.
        checks: those that judge their claim; None, with `allow_log` None as well: the scenario is not asked there.
        allow_log: AH numbers that belong to the scenario there; None: the same.
    """

    does: str
    source: str
    proxy: str = "httpd"
    since: tuple[int, ...] = ()
    before: tuple[int, ...] = (99,)
    carrier: Carrier | None = None
    mpm: str = ""
    limit: str = ""
    checks: tuple[Check, ...] | None = None
    allow_log: tuple[str, ...] | None = None

    @property
    def asked(self) -> bool:
        """Whether the scenario is asked there."""
        return self.checks is not None or self.allow_log is not None

    @property
    def versions(self) -> str:
        """Such as ``before 2.4.47``, ``MPM prefork`` or ``HAProxy``."""
        words = [
            f"{word} {'.'.join(map(str, version))}"
            for word, version in (("from", self.since), ("before", self.before))
            if version not in {(), (99,)}
        ]
        told = " and ".join([*words, *([f"MPM {self.mpm}"] if self.mpm else [])])
        return told if self.proxy == "httpd" else f"{self.proxy} {told}".strip()

    def covers(self, version: tuple[int, ...], carrier: Carrier, mpm: str, proxy: str) -> bool:
        """Whether it is about this product in this version, with this carrier and this MPM."""
        return (
            self.proxy == proxy
            and self.since <= version < self.before
            and self.carrier in {None, carrier}
            and self.mpm in {"", mpm}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One question to the proxy.

    Attributes:
        name: stable id, ``family-what``.
        question: in plain words, ending in a question mark.
        limit: when the answer is yes, in words with numbers.
        site: what the proxy serves, with backend names as hosts.
        act: what is done.
        checks: all of them judge the one record.
        needs: modules that the site does not name itself but the act does.
        asks: what the proxy must be able to do.
        allow_log: AH numbers of warnings and errors that belong to this scenario.
        explanation: why Apache answers as it does, where that surprises; with the AH number or manual page.
        balancer: whose members the evidence is about; by default the site's first.
        otherwise: how many tunnels end otherwise than by the client's close with 1000; checks of its own say how.
        perhaps: how many more may.
        silent: witnesses that cannot speak of its tunnels, further to the greeting on sites that echo.
        elsewhere: what other versions and products do; the first that covers the proxy's counts.
        alone: it measures time or capacity, so that nothing else may run at the same time.
        every: it holds of any number of members of equal weight, so that all real servers are asked (`before`).
    """

    name: str
    question: str
    limit: str
    site: Site
    act: Act
    checks: tuple[Check, ...]
    needs: tuple[str, ...] = ()
    asks: tuple[Capability, ...] = ()
    allow_log: tuple[str, ...] = ()
    explanation: str = ""
    balancer: Balancer | None = None
    otherwise: int = 0
    perhaps: int = 0
    silent: tuple[Witness, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    alone: bool = False
    every: bool = False

    def __post_init__(self) -> None:
        if not self.checks:
            raise ConfigError(option=f"checks of {self.name}", value=self.checks, allowed="at least one check")

    @property
    def family(self) -> str:
        """Part of the name before the first hyphen."""
        return self.name.partition("-")[0]

    @property
    def witnesses(self) -> tuple[Witness, ...]:
        """Witnesses that must speak of every tunnel; echo endpoints do not greet (backends/README.md)."""
        echoes = all(mount.target_path.endswith("/echo") for mount in self.site.mounts)
        mute = {*self.silent, *((Witness.GREETING,) if echoes else ())}
        return tuple(witness for witness in Witness if witness not in mute)

    @property
    def judged(self) -> Balancer | None:
        """Balancer that the evidence is about."""
        return self.balancer or next(iter(self.site.balancers), None)

    def concerns(self, proxy: str) -> bool:
        """Whether it is a question to this product; most are to all of them."""
        return not self.site.native or proxy in self.site.native

    def before(self, backends: Backends) -> Scenario:
        """The scenario as it is asked of these: on the paths of real servers, and of all of them where its claim holds.

        Where there are more than two, the explanation says how many are asked.
        """
        site, balancer, told = self.site, self.balancer, ""
        if further := backends.further:
            told = f"Asked of all {len(further) + 2} servers." if self.every else "Asked of the first two servers only."
        if self.every:
            site, balancer = site.widened(further), balancer and balancer.widened(further)
        site, balancer = site.with_paths(backends.paths), balancer and balancer.with_paths(backends.paths)
        return replace(self, site=site, balancer=balancer, explanation=f"{self.explanation} {told}".strip())

    def other(self, version: tuple[int, ...], carrier: Carrier, mpm: str, proxy: str = "httpd") -> Elsewhere | None:
        """What this product does instead in this version, over the site's carrier or else this; None: as claimed."""
        carrier = self.site.carrier or carrier
        return next((one for one in self.elsewhere if one.covers(version, carrier, mpm, proxy)), None)

    def claimed(self, version: tuple[int, ...], carrier: Carrier, mpm: str, proxy: str = "httpd") -> Scenario:
        """The scenario with the claim of this product in this version and MPM."""
        other = self.other(version, carrier, mpm, proxy)
        if other is None or not other.asked:
            return self
        return replace(
            self,
            limit=other.limit or self.limit,
            checks=self.checks if other.checks is None else other.checks,
            allow_log=self.allow_log if other.allow_log is None else other.allow_log,
            explanation=f"{'httpd ' * (proxy == 'httpd')}{other.versions}: {other.does} ({other.source}).",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Makes the scenarios of one family, so that each says only what is its own.

    Attributes:
        name: what every scenario's name begins with.
        site, allow_log: of a scenario that names none.
        asks: what all its scenarios ask of the proxy.
        alone: of all its scenarios.
    """

    name: str
    site: Site = field(default_factory=lambda: balanced(CLUSTER))
    asks: tuple[Capability, ...] = ()
    allow_log: tuple[str, ...] = ()
    alone: bool = False

    def __call__(
        self,
        name: str,
        question: str,
        limit: str,
        act: Act,
        checks: tuple[Check, ...],
        *,
        site: Site | None = None,
        asks: tuple[Capability, ...] = (),
        allow_log: tuple[str, ...] | None = None,
        explanation: str = "",
        otherwise: int = 0,
        perhaps: int = 0,
        silent: tuple[Witness, ...] = (),
        elsewhere: tuple[Elsewhere, ...] = (),
        every: bool = False,
    ) -> Scenario:
        """The scenario ``family-name``; `Scenario` says what the arguments are."""
        return Scenario(
            name=f"{self.name}-{name}",
            question=question,
            limit=limit,
            site=self.site if site is None else site,
            act=act,
            checks=checks,
            asks=(*self.asks, *asks),
            allow_log=self.allow_log if allow_log is None else allow_log,
            explanation=explanation,
            otherwise=otherwise,
            perhaps=perhaps,
            silent=silent,
            elsewhere=elsewhere,
            alone=self.alone,
            every=every,
        )


def select(scenarios: tuple[Scenario, ...], names: tuple[str, ...]) -> tuple[Scenario, ...]:
    """Scenarios of these names or families, in their own order; no names select all.

    Raises:
        ConfigError: a name is neither; the error lists what is close.
    """
    if not names:
        return scenarios
    known = {scenario.name for scenario in scenarios} | {scenario.family for scenario in scenarios}
    for name in names:
        prefix = name.removesuffix("*")
        if name not in known and not (name != prefix and any(s.name.startswith(prefix) for s in scenarios)):
            families = sorted({scenario.family for scenario in scenarios})
            raise ConfigError(
                option="scenario",
                value=name,
                allowed=f"a scenario or a family ({', '.join(families)})",
                hint=f"{meant(name, known)} wslb list prints them all.".strip(),
            )
    return tuple(scenario for scenario in scenarios if any(_fits(scenario, name) for name in names))


def of_method(scenarios: tuple[Scenario, ...], lbmethod: LbMethod | None) -> tuple[Scenario, ...]:
    """Those of them that are about this lbmethod; None: all."""
    if lbmethod is None:
        return scenarios
    return tuple(one for one in scenarios if one.judged is not None and one.judged.lbmethod is lbmethod)


def _fits(scenario: Scenario, name: str) -> bool:
    if name.endswith("*"):
        return scenario.name.startswith(name.removesuffix("*"))
    return name in {scenario.name, scenario.family}
