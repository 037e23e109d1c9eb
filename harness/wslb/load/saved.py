"""The types of ``load.json``: the only source of the page and of the words at the end.

``load.schema.json`` is made from these types; a test holds it to them.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, Literal

import msgspec

from wslb.errors import ConfigError, EvidenceError
from wslb.load.plan import LoadPlan
from wslb.resources import document_bytes

__all__ = [
    "ClientUse",
    "Clock",
    "GroupUse",
    "JudgedLimit",
    "LatencyTable",
    "LoadCounts",
    "LoadDocument",
    "LoadEvent",
    "LoadFinding",
    "LoadMember",
    "LoadMembers",
    "LoadOutcome",
    "LoadProgram",
    "LoadTarget",
    "LostShard",
    "MemberLook",
    "ServedTable",
    "StartedShard",
    "TimeStep",
    "TimeSteps",
    "encode",
    "json_schema",
    "read",
]


Clock = Literal["open", "echo", "lag"]
"""What is timed: opens, echoes of messages, and how late the client itself began what was due."""


class LoadSaved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the saved document."""


class LoadOutcome(LoadSaved, frozen=True, kw_only=True):
    """How a load run ended: a word, the exit code, and why.

    ``invalid`` means that the client did not do what was asked: then latencies are about the client, and not told.
    """

    word: Literal["passed", "failed", "invalid", "interrupted"]
    exit_code: int
    reasons: tuple[str, ...] = ()


class JudgedLimit(LoadSaved, frozen=True, kw_only=True):
    """A limit as it was written, and what became of it."""

    text: str
    holds: bool
    observed: str


class LoadFinding(LoadSaved, frozen=True, kw_only=True):
    """Something that was seen of a foreign server, as ``wslb check`` tells it.

    Attributes:
        mark: ``✔``, ``✖`` or ``!``: a claim that holds, one that does not, a fact.
        name: ``Backends``: who took which open; ``Answer``: what a refusal looked like; ``Cause``, ``or``: why.
    """

    mark: str
    name: str
    text: str


class LoadProgram(LoadSaved, frozen=True, kw_only=True):
    """A backend of the lab."""

    program: str
    title: str


class LoadTarget(LoadSaved, frozen=True, kw_only=True):
    """What was loaded: the lab, whose parts are known, or a URL, of which nothing is."""

    kind: Literal["lab", "url"]
    url: str
    proxy: str = ""
    carrier: str = ""
    backends: dict[str, LoadProgram] = {}
    children: int = 0
    threads: int = 0


class LoadCounts(LoadSaved, frozen=True, kw_only=True):
    """The numbers that limits are about.

    Attributes:
        planned: opens in all; where only time limited them, those that were begun.
        opened: handshakes that were accepted, checked and, where one is due, greeted.
        closed: tunnels that ended with close frames on both sides.
        errors: connections that failed; those of a lost process are among them.
        lost: connections that ended without a close frame, or with their process.
        interrupted: connections that an interrupted run cut.
        rate: opens per second.
        sent_rate: opens per second that were begun; None in the closed model.
        imbalance: largest distance from the equal share, relative to it; None with fewer than two backends.
    """

    planned: int
    started: int
    not_started: int
    opened: int
    closed: int
    errors: int
    errors_by_kind: dict[str, int]
    lost: int
    interrupted: int
    echoed: int
    messages_due: int
    rate: float
    sent_rate: float | None
    imbalance: float | None


class LatencyTable(LoadSaved, frozen=True, kw_only=True):
    """Latencies of one kind.

    Attributes:
        percentiles: seconds by percentile, such as ``99.9``; None where there are too few samples.
        histogram: all of them, in HdrHistogram's compressed form.
    """

    count: int
    mean_seconds: float | None
    max_seconds: float | None
    percentiles: dict[str, float | None]
    histogram: str


class ServedTable(LoadSaved, frozen=True, kw_only=True):
    """What one backend did; the empty name stands for connections that failed before anybody answered."""

    name: str
    opened: int
    share: float
    closed: int
    echoed: int
    errors: dict[str, int]
    open: LatencyTable
    echo: LatencyTable


class TimeStep(LoadSaved, frozen=True, kw_only=True):
    """Counts of one step of time, by backend where they are several; `live` at its end, `at` at its begin."""

    at: float
    started: int
    opened: dict[str, int]
    live: dict[str, int]
    failed: int
    echoed: int


class TimeSteps(LoadSaved, frozen=True, kw_only=True):
    """TimeSteps of one width, in order and without gaps."""

    width_seconds: float
    steps: tuple[TimeStep, ...]


class GroupUse(LoadSaved, frozen=True, kw_only=True):
    """CPU seconds and memory of some processes.

    Attributes:
        series: seconds from the start, CPU seconds so far, and bytes of memory.
    """

    cpu_seconds: float
    memory_first: int
    memory_highest: int
    memory_last: int
    series: tuple[tuple[float, float, int], ...]


class LoadMember(LoadSaved, frozen=True, kw_only=True):
    """A member as balancer-manager shows it."""

    route: str
    status: str
    elected: int
    busy: int
    loadfactor: float


class MemberLook(LoadSaved, frozen=True, kw_only=True):
    """The members at a time, in seconds from the start."""

    at: float
    members: tuple[LoadMember, ...]

    @property
    def busy(self) -> int:
        """Tunnels of all members."""
        return sum(member.busy for member in self.members)


class LoadMembers(LoadSaved, frozen=True, kw_only=True):
    """The members before, meanwhile, and once the proxy has counted every tunnel out."""

    before: tuple[LoadMember, ...] = ()
    during: tuple[MemberLook, ...] = ()
    after: tuple[LoadMember, ...] = ()

    @property
    def busiest(self) -> MemberLook | None:
        """The first look at the most tunnels."""
        return max((look for look in self.during if look.members), key=lambda look: look.busy, default=None)


class LoadEvent(LoadSaved, frozen=True, kw_only=True):
    """Something that was done or noticed, at seconds from the start."""

    at: float
    text: str


class StartedShard(LoadSaved, frozen=True, kw_only=True):
    """Where a shard was started."""

    name: str
    shard: int
    host: str
    pid: int


class LostShard(LoadSaved, frozen=True, kw_only=True):
    """A shard whose process was lost: all its connections count as lost."""

    place: str
    shard: int
    connections: int
    reason: str


class ClientUse(LoadSaved, frozen=True, kw_only=True):
    """What one shard took of its machine.

    Attributes:
        loop: library of its event loop.
        memory: resident set in bytes at the moments ``start``, ``opened``, ``held`` and ``end``.
        highest_live: most connections at a time.
    """

    shard: int
    pid: int
    host: str
    loop: str
    cpu_seconds: float
    memory: dict[str, int]
    highest_live: int


class LoadDocument(LoadCounts, frozen=True, kw_only=True):
    """One load run.

    Attributes:
        started_at: ISO 8601, local time.
        plan: what was asked for; certificates to trust are left out.
        environment: what the lab tells of itself, and the machine of the command.
    """

    schema: Literal["wslb.load/1"] = "wslb.load/1"
    started_at: str
    seconds: float
    command: str
    outcome: LoadOutcome
    limits: tuple[JudgedLimit, ...]
    target: LoadTarget
    plan: LoadPlan
    model: Literal["open", "closed"]
    environment: dict[str, Any]
    latency: dict[Clock, LatencyTable]
    backends: tuple[ServedTable, ...]
    timeline: TimeSteps
    usage: dict[str, GroupUse]
    members: LoadMembers
    events: tuple[LoadEvent, ...]
    findings: tuple[LoadFinding, ...] = ()
    places: tuple[StartedShard, ...]
    lost_places: tuple[LostShard, ...]
    clients: tuple[ClientUse, ...]

    @property
    def valid(self) -> bool:
        """Whether latencies are about the server."""
        return self.outcome.word != "invalid"

    @property
    def percents(self) -> tuple[str, ...]:
        """Percentiles that it tells."""
        return tuple(self.latency["open"].percentiles)


def encode(document: LoadDocument) -> str:
    """Text of ``load.json``."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"


def read(path: Path) -> LoadDocument:
    """Read a saved document.

    Raises:
        EvidenceError: it cannot be read, or is no load document.
    """
    try:
        return msgspec.json.decode(document_bytes(path), type=LoadDocument)
    except RecursionError as exc:
        raise EvidenceError(path=path, detail="it is nested too deeply") from exc
    except (OSError, ValueError, ConfigError) as exc:  # msgspec's own errors are ValueErrors
        raise EvidenceError(path=path, detail=str(exc)) from exc


def json_schema() -> str:
    """Text of ``load.schema.json``, made from the types, each on a line of its own."""
    schema = msgspec.json.schema(LoadDocument)
    for one in schema["$defs"].values():
        one["description"] = inspect.cleandoc(one["description"])  # Python 3.13 and later have done it
    types = ",\n".join(f'"{name}": {json.dumps(one)}' for name, one in sorted(schema["$defs"].items()))
    return f'{{"$ref": "{schema["$ref"]}", "$defs": {{\n{types}\n}}}}\n'
