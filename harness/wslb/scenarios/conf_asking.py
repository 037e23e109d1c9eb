"""What the questions to a user's own configuration share: a scenario with its words, and the path it is aimed at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from wslb.lab.lab import Lab
from wslb.lab.raw_conversation import RawConversation
from wslb.lab.trial import Trial
from wslb.model.balancer import Balancer, Listener, Mount, Site
from wslb.model.results import ScenarioResult, Witness
from wslb.proxies.apache.adoption.addresses import DEFAULT_PORTS
from wslb.proxies.apache.adoption.questions import Question, carrier_in
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import Mounting
from wslb.proxies.apache.conf.scope import Scope
from wslb.proxies.apache.conf.urls import host_of
from wslb.proxies.apache.foresight.destinations import Destination, destinations_of
from wslb.proxies.apache.foresight.hastened import hastened
from wslb.proxies.apache.foresight.times import Foreseen
from wslb.scenarios.scenario import Scenario
from wslb.wire.http1 import OPENING, RawRequest

__all__ = [
    "CROWDED",
    "LATE_SECONDS",
    "SILENT",
    "SLACK_SECONDS",
    "Aim",
    "Asking",
    "Pace",
    "aims",
    "asked_url",
    "seen",
    "site_of",
]

SILENT = (Witness.GREETING, Witness.MANAGER)
"""A stand-in that echoes does not greet, and no balancer-manager is put into a user's configuration."""

SLACK_SECONDS = 2.5
"""How much later than it must something may come on a busy machine; that it never comes sooner is exact."""

LATE_SECONDS = 1.5
"""How much later than its limit something may end on a busy machine."""

CROWDED = tuple(
    f"AH{number}"
    for number in [
        "00161",
        "00286",
        "00288",
        "00484",
        "00485",
        "00506",
        "00507",
        "00508",
        "00513",
        "00515",
        "00516",
        "00518",
        "03490",
        "10159",
    ]
)
"""What httpd says when every place is taken, or of numbers of its configuration that it brings down to others."""

PACES = (3.0, 6.0, 10.0)
"""Seconds that the longest time is brought down to: the first that keeps apart what the configuration keeps apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A question in the words of a scenario, with where it comes from.

    Attributes:
        tunnel: whether it can be asked only where an upgrade of the path opens a tunnel.
        tells: what was foreseen and what came of it, in lines.
    """

    scenario: Scenario
    question: Question
    tunnel: bool = True
    tells: Callable[[ScenarioResult], Iterable[str]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A configuration with its times divided by a factor, as it is served, and as it is understood."""

    factor: float
    conf: Configuration
    scope: Scope
    destinations: tuple[Destination, ...]

    @property
    def told(self) -> str:
        """What was done to the times; empty where nothing was."""
        return "" if self.factor == 1 else f"; here all times are divided by {self.factor:.3g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A path that leads to a balancer or to one backend, for the questions about what stands behind.

    Attributes:
        number: of the path.
        mounting: line that takes the path.
        balancer: its model; None for one backend.
        destinations: URLs with their parameters.
        backends: stand-in of each.
        opened: backend that answered the path's upgrade, by identity of the question; filled when that was asked.
        wait_seconds: longest time that is waited for.
    """

    trial: Trial
    question: Question
    number: int
    mounting: Mounting
    balancer: Balancer | None
    destinations: tuple[Destination, ...]
    backends: tuple[str, ...]
    opened: Mapping[int, str | None]
    wait_seconds: float

    @property
    def ready(self) -> bool:
        """Whether an upgrade of the path has opened a tunnel, and to one of these backends, as far as they say so."""
        known = not self.trial.lab.fleet.real
        return id(self.question) in self.opened and (not known or self.opened[id(self.question)] in self.backends)

    @property
    def name(self) -> str:
        """For sentences."""
        whom = f"balancer://{self.balancer.name}" if self.balancer else self.destinations[0].url
        return f"{whom} behind {asked_url(self.trial, self.question)}"

    @property
    def site(self) -> Site:
        """What is claimed to be served."""
        return site_of(self.trial, self.question, self.balancer)

    def place(self, at: Directive) -> str:
        """File and line in the user's words."""
        return f"{self.trial.original.named(at.file)}:{at.line}"

    def told(self, time: Foreseen) -> str:
        """A time with the line that sets it."""
        between = " " if time.name[0].isupper() else "="
        long = f"{time.seconds:g}" if time.seconds >= 1 else f"{time.seconds * 1000:g}ms"
        return f"{time.name}{between}{long} ({self.place(time.at) if time.at else 'what httpd takes for granted'})"

    def pace(self, factor: float) -> Pace:
        """The configuration with its times divided."""
        own, conf = self.trial.original.conf, hastened(self.trial.original, factor).conf
        scope = conf.scopes[[id(one) for one in own.scopes].index(id(self.question.scope))]
        home = conf.scopes[[id(one) for one in own.scopes].index(id(self.mounting.scope))]
        twin = conf.mountings_in(home)[[id(m) for m in own.mountings_in(self.mounting.scope)].index(id(self.mounting))]
        return Pace(factor=factor, conf=conf, scope=scope, destinations=destinations_of(conf, twin, scope))

    def paces(self, longest: float) -> Iterator[Pace]:
        """Paces at which this time can be waited for, the slowest last: as it is where that is short enough."""
        if longest <= self.wait_seconds:
            yield self.pace(1)
            return
        for seconds in sorted({min(pace, self.wait_seconds) for pace in PACES}):
            yield self.pace(longest / seconds)

    async def begin(self, pace: Pace | None = None) -> None:
        """Serve the configuration at this pace, and come to it as a client of the path."""
        if pace is not None and pace.factor != 1:
            await self.trial.serve(hastened(self.trial.original, pace.factor))
        self.trial.face(self.question.door, self.question.server_name)

    async def open(self, lab: Lab, *, seconds: float, request: RawRequest = OPENING) -> RawConversation:
        """Ask for the path."""
        host = self.question.host(tls=self.question.door in self.trial.tls)
        return await lab.raw(request.having("Host", host), path=self.question.path, seconds=seconds)


def aims(
    trial: Trial, questions: Iterable[Question], *, opened: Mapping[int, str | None], wait_seconds: float
) -> Iterator[Aim]:
    """Each balancer and each single backend that a path leads to, once a server."""
    places = {(one.host, one.port): one.name for one in trial.adopted.stand_ins}
    conf = trial.original.conf
    aimed: set[tuple[int, str]] = set()
    for number, question in enumerate(questions, 1):
        mounting = _taking(trial.original.conf, question)
        if mounting is None:
            continue
        model = trial.model(question.balancer) if question.balancer else None
        destinations = destinations_of(conf, mounting, question.scope)
        backends = [places.get(_address(destination)) for destination in destinations]
        whom = question.balancer.name if question.balancer else destinations[0].url if destinations else ""
        key = (id(question.scope), whom)
        if isinstance(model, str) or not backends or None in backends or key in aimed:
            continue
        aimed.add(key)
        yield Aim(
            trial=trial,
            question=question,
            number=number,
            mounting=mounting,
            balancer=model,
            destinations=destinations,
            backends=tuple(name for name in backends if name),
            opened=opened,
            wait_seconds=wait_seconds,
        )


def _taking(conf: Configuration, question: Question) -> Mounting | None:
    """The line that takes a path by the text, else the one that it was derived from."""
    at = question.ends[0].at if len(question.ends) == 1 else None
    lines = [m for m in conf.mountings if at is not None and m.directive is at]
    return lines[0] if lines and "://" in lines[0].url else question.mounting


def _address(destination: Destination) -> tuple[str, int]:
    host, _, port = host_of(destination.url).rpartition("@")[2].partition(":")
    return host, int(port) if port.isdigit() else DEFAULT_PORTS.get(destination.scheme, 80)


def site_of(trial: Trial, question: Question, balancer: Balancer | None) -> Site:
    """The path of a question, as the only one of a site."""
    listener = Listener.TLS if question.door in trial.tls else Listener.PLAIN
    url = question.mounting.url if question.mounting else ""
    target = balancer or ("" if set("[]%$") & set(url) else url)
    return Site(
        mounts=(Mount(path=question.path.partition("?")[0], target=target, listener=listener),),
        carrier=carrier_in(trial.original.conf, question.scope),
    )


def asked_url(trial: Trial, question: Question) -> str:
    """URL that a client of the configuration would ask for."""
    scheme = "wss" if question.door in trial.tls else "ws"
    return f"{scheme}://{question.host(tls=scheme == 'wss')}{question.path}"


def seen(result: ScenarioResult, *names: str) -> Iterable[str]:
    """What these checks saw, in lines that tell which of them contradict."""
    for verdict in result.verdicts:
        if verdict.check in names:
            yield f"{'seen' if verdict.holds else 'but seen'}: {verdict.observed}"
