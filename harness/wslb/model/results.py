"""What a scenario leaves behind: evidence, verdicts, and the document that is saved and reported.

What is saved is described by `wslb.reports.document`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from wslb.caller import code_of
from wslb.model.balancer import Balancer, Carrier, Site
from wslb.model.comparison import ComparedMethods
from wslb.model.handshake import Handshake, Headers

__all__ = [
    "AccessLine",
    "Check",
    "Claim",
    "Event",
    "Grade",
    "JudgedAdvice",
    "LogLine",
    "MemberStatus",
    "Outcome",
    "Record",
    "Report",
    "ScenarioResult",
    "ServedConfig",
    "Standing",
    "Verdict",
    "Witness",
]


class Outcome(StrEnum):
    """The four ends of a check or scenario. ``errored`` means that we could not look."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERRORED = "errored"


class Grade(StrEnum):
    """How binding the rule behind a check is, in RFC 2119's words: a broken SHOULD is told, but fails no claim."""

    MUST = "must"
    SHOULD = "should"


class Claim(StrEnum):
    """What a check makes a claim about: the pictures and the likely causes that belong to its verdict.

    ``turns`` claims that no member serves twice in a row, ``order`` whom the model elects each time, ``share`` how
    many each member gets; ``end`` how a scenario ends its tunnels, ``living`` that none ended before.
    """

    TURNS = "turns"
    ORDER = "order"
    SHARE = "share"
    OPENING = "opening"
    FIELDS = "fields"
    FORWARDED = "forwarded"
    GREETING = "greeting"
    MESSAGES = "messages"
    IDENTITY = "identity"
    END = "end"
    LIVING = "living"
    WITNESSES = "witnesses"
    ELECTED = "elected"
    OPEN = "open"
    LOG = "log"
    NONE = "none"

    @property
    def orders(self) -> bool:
        """Whether it says who serves each connection."""
        return self in {Claim.TURNS, Claim.ORDER}

    @property
    def shares(self) -> bool:
        """Whether it says, or implies, how many connections each member gets."""
        return self.orders or self is Claim.SHARE


class Witness(StrEnum):
    """Who can tell which backend served a connection, in a report's words."""

    GREETING = "greeting"
    SIGNATURE = "X-Backend"
    JOURNAL = "journal"
    ACCESS_LOG = "access log"
    MANAGER = "balancer-manager"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one check says about one record.

    Attributes:
        check: stable name of the check.
        expected: the limit, in words that a reader can compare with `observed`.
        observed: what was seen.
        evidence: connection ids, log lines or counters that show it; first deviation first.
        grade: what a failure means for the claim.
        phrase: what its failure means, in at most eight words.
        claims: what it is about.
        tolerance: largest allowed distance of a member's share, in connections; None where none is claimed.
    """

    check: str
    outcome: Outcome
    expected: str
    observed: str
    evidence: tuple[str, ...] = ()
    grade: Grade = Grade.MUST
    phrase: str = ""
    claims: Claim = Claim.NONE
    tolerance: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the check held."""
        return self.outcome is Outcome.PASSED

    @property
    def breaks(self) -> bool:
        """Whether it fails the claim."""
        return not self.holds and self.grade is Grade.MUST


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatus:
    """One member as balancer-manager shows it.

    Attributes:
        status: words such as ``Init Ok``, ``Init Dis``, ``Init Err``.
        lbstatus: credit, in hundredths of a turn.
        transferred, read: bytes.
        settings: further ones that the page shows, as name and value (`wslb.model.settings`).
    """

    balancer: str
    route: str
    url: str
    status: str
    elected: int
    busy: int
    lbstatus: int
    transferred: int
    read: int
    loadfactor: float
    lbmethod: str = ""
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of the proxy's error log.

    Attributes:
        code: its AH number such as ``AH00957``, empty without one.
        level: ``emerg`` to ``trace8``; empty where neither the line nor its number tells one.
        at: local time of day as logged.
    """

    at: str
    module: str
    level: str
    code: str
    text: str

    @property
    def told(self) -> str:
        """The line with where it comes from."""
        return f"[{self.module}:{self.level}] {self.text}"

    @property
    def alarming(self) -> bool:
        """Whether it is of level warn or worse."""
        return self.level in {"emerg", "alert", "crit", "error", "warn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLine:
    """One line of the proxy's access log, written when the request (and its tunnel) ended."""

    conn_id: str
    status: int
    member_url: str
    path: str
    bytes_in: int
    bytes_out: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that the scenario did or saw besides opening connections, on its own time axis.

    Attributes:
        at: seconds since the scenario began.
        kind: one word, such as ``fault``, ``member``, ``request``, ``note``.
    """

    at: float
    kind: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedConfig:
    """The configuration that a proxy was given.

    Attributes:
        name: of its file.
        text: all of it.
        differs: lines of a unified diff from the one that the claim gives; empty where it is that one.
    """

    name: str
    text: str
    differs: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, text: str, *, claimed: str) -> ServedConfig:
        """A configuration beside that of the claim."""
        lines = difflib.unified_diff(claimed.splitlines(), text.splitlines(), "claimed", "served", n=1, lineterm="")
        return cls(name=name, text=text, differs=tuple(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All evidence of one scenario, the only input of a check.

    Attributes:
        balancer: the balancer that the scenario claims to run on, with backend names in its URLs; None without one.
        carrier: module that was asked to carry the tunnels.
        handshakes: in order of opening.
        before, after: that balancer's members around the acting.
        log: lines of the error log since the proxy was given this site.
        access: lines of the access log.
        addresses: address of every backend's listener, by ``scheme://name``.
        front: address of the proxy's own listeners, by scheme.
        client: address from which the proxy saw the client come; None where it cannot be known.
        ahead: what a box that stands in front by arrangement makes of the request: fields with their values instead
            of the client's.
        threads: of a process of the proxy; None where it cannot be known.
        silent: witnesses that cannot tell who answered, because the backends are servers that know nothing of us.
        signature: what of an answer names its backend, in a report's words.
        served: what the proxy was given; None where that is not of the lab's making.
    """

    balancer: Balancer | None = None
    carrier: Carrier = Carrier.WSTUNNEL
    handshakes: tuple[Handshake, ...] = ()
    before: tuple[MemberStatus, ...] = ()
    after: tuple[MemberStatus, ...] = ()
    log: tuple[LogLine, ...] = ()
    access: tuple[AccessLine, ...] = ()
    events: tuple[Event, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)
    front: Mapping[str, str] = field(default_factory=dict)
    client: str | None = "127.0.0.1"
    ahead: Headers = ()
    threads: int | None = None
    silent: frozenset[Witness] = frozenset()
    signature: str = Witness.SIGNATURE.value
    served: ServedConfig | None = None

    @property
    def accepted(self) -> tuple[Handshake, ...]:
        """Handshakes that the client saw succeed."""
        return tuple(handshake for handshake in self.handshakes if handshake.accepted)

    @property
    def elections(self) -> tuple[str | None, ...]:
        """Route that served each handshake, in order; None where nobody did."""
        return tuple(self.route_of(handshake) for handshake in self.handshakes)

    def asked(self, handshake: Handshake) -> Headers:
        """The request as it reaches the proxy: the client's own, with what is `ahead` in place."""
        changed = {name.lower() for name, _ in self.ahead}
        return (*(field for field in handshake.request if field[0].lower() not in changed), *self.ahead)

    def route_of(self, handshake: Handshake) -> str | None:
        """Route of the member that served this handshake, in the client's view."""
        if self.balancer is None:
            return handshake.backend
        return self.balancer.route_of(handshake.backend)

    def thinned(self, keep: int, ids: frozenset[str] = frozenset()) -> Record:
        """Copy for the report with no more than so many handshakes: the first ones, and those of these ids.

        Thousands of handshakes fill a report without telling more; checks have judged all of them before.
        """
        if len(self.handshakes) <= keep:
            return self
        kept = tuple(h for number, h in enumerate(self.handshakes) if number < keep or h.conn_id in ids)
        names = {handshake.conn_id for handshake in kept}
        left_out = Event(
            at=self.handshakes[-1].opened_at,
            kind="note",
            text=f"{len(self.handshakes) - len(kept)} of {len(self.handshakes)} connections are left out here",
            data={"connections": len(self.handshakes), "shown": len(kept)},
        )
        return replace(
            self,
            handshakes=kept,
            access=tuple(line for line in self.access if line.conn_id in names),
            events=(*self.events, left_out),
        )


Check = Callable[[Record], Verdict]
"""Pure function from evidence to verdict. With no evidence it fails: a check that cannot fail proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """One scenario, judged.

    Attributes:
        limit: the claim's limit in words.
        seconds: how long it took, apply and collect included.
        reason: why it was skipped or errored; empty otherwise.
        reproduce: command that runs it alone, with the settings that matter.
        explanation: why the proxy answers as it does, where that surprises.
        lab_failed: errored because a part of the lab failed, and not the harness.
        unstarted: errored because the lab could not serve its site.
        proxy: which product was asked, by its name in a setting.
    """

    name: str
    family: str
    question: str
    limit: str
    outcome: Outcome
    seconds: float = 0.0
    reason: str = ""
    reproduce: str = ""
    explanation: str = ""
    lab_failed: bool = False
    unstarted: bool = False
    proxy: str = "apache"
    site: Site | None = None
    record: Record = field(default_factory=Record)
    verdicts: tuple[Verdict, ...] = ()

    @property
    def first_failure(self) -> Verdict | None:
        """The first verdict that fails the claim."""
        return next((verdict for verdict in self.verdicts if verdict.breaks), None)

    @property
    def strict(self) -> bool:
        """Whether every check held, those of grade SHOULD included."""
        return all(verdict.holds for verdict in self.verdicts)


class Standing(StrEnum):
    """What the lab makes of an advice."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAdvice:
    """One advice of the doctor, asked of the lab.

    Attributes:
        rule: stable id; `severity`: ``error``, ``warning`` or ``note``.
        what: what stands there; `why`: what it leads to; `cure`: what to write instead.
        because: what was seen, or why nothing was asked, as a clause.
        scenario: that shows it; empty where it was not tried.
        connection: number of the handshake in that scenario, from 1; 0 where it was not tried.
    """

    rule: str
    severity: str
    file: str
    line: int
    what: str
    why: str
    cure: str
    standing: Standing
    because: str
    scenario: str = ""
    connection: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run: what was looked at, in which environment, and what came out.

    Attributes:
        environment: facts about the machine, the proxy and the backends, in order of interest.
        planned: names of the scenarios that were selected; fewer results mean an interrupted run.
        interrupted: name of a signal, or the limit such as ``--maxfail 1``, when the run did not come to its end.
        error: sentence when the lab itself failed.
        percentiles: of latencies, that its pages show; empty for their own choice.
        comparison: which results are runs of which workload under which lbmethod; None when none was asked for.
        advice: on a configuration of the user's, with what the results make of it.
    """

    results: tuple[ScenarioResult, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    planned: tuple[str, ...] = ()
    started: str = ""
    seconds: float = 0.0
    interrupted: str = ""
    error: str = ""
    error_exit_code: int = 3
    command: str = ""
    percentiles: tuple[float, ...] = ()
    comparison: ComparedMethods | None = None
    advice: tuple[JudgedAdvice, ...] = ()

    def count(self, outcome: Outcome) -> int:
        """Number of scenarios with this outcome."""
        return sum(result.outcome is outcome for result in self.results)

    @property
    def exit_code(self) -> int:
        """0 all held, 1 a claim failed, 3 no lab, 4 could not look, 5 nothing ran, 128 and more ended by a signal.

        A lab that failed when something had passed was there: that is 4. So is a run that a limit of its own ended.
        """
        if self.interrupted.startswith("SIG"):
            return code_of(self.interrupted)
        if self.count(Outcome.FAILED):
            return 1
        no_lab = 4 if self.count(Outcome.PASSED) else 3
        if self.error:
            return no_lab if self.error_exit_code == 3 else self.error_exit_code
        errored = [result for result in self.results if result.outcome is Outcome.ERRORED]
        if errored:
            return no_lab if all(result.lab_failed for result in errored) else 4
        if self.interrupted:
            return 4
        return 0 if self.count(Outcome.PASSED) else 5

    @property
    def outcome(self) -> Outcome:
        """Outcome of the whole run; a run that proved nothing is errored."""
        if self.count(Outcome.FAILED):
            return Outcome.FAILED
        return Outcome.PASSED if self.exit_code == 0 else Outcome.ERRORED
