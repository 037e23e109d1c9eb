"""The types of ``report.json``: the only source of every other report.

What a check or the model says is saved as it is (`wslb.model`); what is defined here are the parts that a run adds.
``report.schema.json`` is made from these types; a test holds it to them.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from wslb.model.balancer import Carrier, LbMethod, Listener
from wslb.model.comparison import ComparedMethods
from wslb.model.handshake import Arrival, Close, Exchange, Headers, WireView
from wslb.model.results import Event, JudgedAdvice, LogLine, MemberStatus, Outcome, ServedConfig, Verdict, Witness

__all__ = [
    "EARLIER",
    "SCHEMA",
    "Document",
    "Facts",
    "SavedBalancer",
    "SavedChange",
    "SavedChanges",
    "SavedConnection",
    "SavedMember",
    "SavedMembers",
    "SavedMount",
    "SavedScenario",
    "SavedWitnesses",
    "plain",
]

SCHEMA = "wslb.report/3"
EARLIER = "wslb.report/2"
"""Had every field of every connection in full; it is still read."""

Scalar = str | int | float | bool | None
Facts = dict[str, Scalar | list[Scalar] | dict[str, Scalar | dict[str, Scalar]]]
"""Facts about the machine, the proxy and the backends, in order of interest."""


class Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the saved document."""


class SavedMember(Saved, frozen=True, kw_only=True):
    """A member as the scenario configures it.

    Attributes:
        state: ``enabled``, ``disabled``, ``stopped``, ``drain``, ``standby``, ``spare`` or ``in_error``.
    """

    route: str
    backend: str
    url: str
    loadfactor: float
    state: str


class SavedBalancer(Saved, frozen=True, kw_only=True):
    """The balancer that the scenario claims to run on."""

    name: str
    lbmethod: LbMethod
    stickysession: str | None
    members: tuple[SavedMember, ...]


class SavedMount(Saved, frozen=True, kw_only=True):
    """A path of the proxy, and where it leads."""

    path: str
    listener: Listener
    target: str


class SavedMembers(Saved, frozen=True, kw_only=True):
    """The members as balancer-manager showed them around the acting."""

    before: tuple[MemberStatus, ...]
    after: tuple[MemberStatus, ...]

    @property
    def shown(self) -> tuple[MemberStatus, ...]:
        """After the acting first: that is when a state has changed."""
        return (*self.after, *self.before)


class SavedWitnesses(Saved, frozen=True, kw_only=True):
    """Who served a connection, by each witness.

    Attributes:
        header: backend by the signature of the answer.
        greeting_shared_by: backends that all greet in the words that came, where these are several.
        journal: backends that accepted it.
    """

    greeting: str | None
    header: str | None
    journal: tuple[str, ...]
    access_log: str | None
    access_log_status: int | None
    greeting_shared_by: tuple[str, ...] = ()


class SavedChange(Saved, frozen=True, kw_only=True):
    """What happened to a header field between two stations (`wslb.model.hops.Change`)."""

    name: str
    what: str


class SavedChanges(Saved, frozen=True, kw_only=True):
    """What the proxy did to the fields of both heads."""

    request: tuple[SavedChange, ...]
    response: tuple[SavedChange, ...]


class SavedConnection(Saved, frozen=True, kw_only=True):
    """One handshake and what became of it (`wslb.model.handshake.Handshake`); secrets are taken out.

    In a scenario that passed its parts may be references to what the document shares (`wslb.reports.folded`).

    Attributes:
        accepted: whether a tunnel opened.
        backend: who served it, in the client's view.
        expected: route that the model elects; None where it cannot predict.
        elapsed_seconds: from the start of the TCP connect to the end of the answer's head.
        opened_at, closed_at: seconds since the scenario began.
        changes: None where no backend saw it.
    """

    seq: int
    conn_id: str
    url: str
    accepted: bool
    status: int | None
    reason: str
    backend: str | None = None
    expected: str | None = None
    elapsed_seconds: float
    error: str | None = None
    opened_at: float
    closed_at: float | None = None
    greeting: str | None = None
    subprotocol: str | None = None
    witnesses: SavedWitnesses
    request: Headers
    response: Headers
    arrivals: tuple[Arrival, ...] = ()
    changes: SavedChanges | None = None
    exchanges: tuple[Exchange, ...] = ()
    closed: Close | None = None
    wire: WireView | None = None

    @property
    def extended_connect(self) -> bool:
        """Whether it was asked for over HTTP/2 (RFC 8441 section 4)."""
        return any(name == ":protocol" for name, _ in self.request)

    @property
    def arrival(self) -> Arrival | None:
        """The arrival that led to the answer: the last accepted one, else the last."""
        accepted = [arrival for arrival in self.arrivals if arrival.accepted]
        return accepted[-1] if accepted else (self.arrivals[-1] if self.arrivals else None)

    @property
    def broken(self) -> bool:
        """Whether its tunnel ended without a Close frame."""
        return self.accepted and self.closed is not None and not self.closed.clean

    @property
    def carried(self) -> int:
        """Bytes of its messages, both ways."""
        return sum(exchange.size for exchange in self.exchanges)


class SavedScenario(Saved, frozen=True, kw_only=True):
    """One scenario, judged (`wslb.model.results.ScenarioResult`).

    Attributes:
        addresses: of every backend's listener, by ``scheme://name``.
        front: of the proxy's own listeners, by scheme.
        served: what the proxy was given, where the claim did not pass.
        proxy: which product was asked, by its name in a setting.
        signature: what of an answer names its backend.
    """

    name: str
    family: str
    question: str
    limit: str
    outcome: Outcome
    seconds: float
    reason: str
    reproduce: str
    explanation: str
    balancer: SavedBalancer | None
    carrier: Carrier
    mounts: tuple[SavedMount, ...]
    verdicts: tuple[Verdict, ...]
    connections: tuple[SavedConnection, ...]
    members: SavedMembers
    events: tuple[Event, ...]
    log: tuple[LogLine, ...]
    addresses: dict[str, str]
    front: dict[str, str]
    served: ServedConfig | None = None
    proxy: str = "apache"
    signature: str = Witness.SIGNATURE.value

    @property
    def breaking(self) -> tuple[Verdict, ...]:
        """Failed verdicts that fail it."""
        return tuple(verdict for verdict in self.verdicts if verdict.breaks)

    @property
    def lenient(self) -> tuple[Verdict, ...]:
        """Failed verdicts of grade SHOULD, which it passes nevertheless."""
        return tuple(verdict for verdict in self.verdicts if not verdict.holds and not verdict.breaks)


class Counts(Saved, frozen=True, kw_only=True):
    """Scenarios by outcome."""

    passed: int
    failed: int
    skipped: int
    errored: int

    @property
    def by_outcome(self) -> dict[str, int]:
        """In the order in which they are told."""
        return {outcome.value: getattr(self, outcome.value) for outcome in Outcome}


class Document(Saved, frozen=True, kw_only=True):
    """One run.

    Attributes:
        started: ISO 8601, local time.
        planned: names of the scenarios that were selected; fewer results mean an interrupted run.
        interrupted, error: sentences when the run did not come to its end; empty otherwise.
        percentiles: of latencies, that pages show; empty for their own choice.
        advice: on the configuration of ``wslb try``, with what its connections make of it.
    """

    schema: Literal["wslb.report/3"] = "wslb.report/3"
    verdict: Outcome
    exit_code: int
    started: str
    seconds: float
    command: str
    interrupted: str
    error: str
    planned: tuple[str, ...]
    counts: Counts
    environment: Facts
    percentiles: tuple[float, ...] = ()
    comparison: ComparedMethods | None = None
    advice: tuple[JudgedAdvice, ...] = ()
    scenarios: tuple[SavedScenario, ...]

    @property
    def product(self) -> str:
        """What the proxy is called: ``Apache`` of ``Apache/2.4.71 (Debian)``; empty if unknown."""
        return str(self.environment.get("proxy") or "").partition("/")[0]

    @property
    def not_run(self) -> tuple[str, ...]:
        """Names of the scenarios that were planned and have no result."""
        done = {scenario.name for scenario in self.scenarios}
        return tuple(name for name in self.planned if name not in done)


def plain(value: object) -> Any:
    """The value as JSON knows it; a library's own kind of str, such as aiohttp's for header names, becomes str."""
    return msgspec.to_builtins(value, enc_hook=_word)


def _word(value: object) -> str:
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be saved")
