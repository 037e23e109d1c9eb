"""What a load run shall do, and how it is cut into shards that add up to exactly the whole."""

from __future__ import annotations

import math

import msgspec

from wslb.errors import ConfigError
from wslb.wire.approach import SILENT, Speech
from wslb.wire.naming import NameRule
from wslb.wire.upgrade import address_of

__all__ = ["LoadPlan", "Shard"]

DEFAULT_CONCURRENCY = 64
DEFAULT_ROOM = 400
DEFAULT_CLIENTS = 4
MOST_CONNECTIONS = 10_000_000


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A load run, for any number of processes.

    Attributes:
        url: of the WebSocket.
        connections: how many to open in all; 0 opens until the duration is over (closed model only).
        rate: opens per second, started at their times whatever the answers do (open model).
        concurrency: opens under way at a time, each started when another has ended (closed model).
        ramp_seconds: the rate grows from zero for so long; without a rate, all opens are spread over it.
        duration_seconds: how long to open.
        hold_seconds: keep every tunnel open until so long after the last open; None closes each when it is done.
        messages, size: echoed messages on each tunnel, and their length in bytes.
        identify: what tells who answered (`NameRule`); of a foreign server, ``auto`` says that nothing does.
        greetings: text of a greeting and the name it stands for; others stand for themselves.
        greeting: whether the server speaks first, so that a tunnel counts as open once it did.
        foreign: nothing is known of the server: it may be silent, speak unasked, and answer a Close as it likes.
        headers: further header fields of each handshake.
        subprotocols: offered, the best first.
        shape: whose order the fields of the handshake have (`wslb.wire.clients.SHAPES`); None: in ours.
        speech: what is said on a fresh tunnel, and what must be answered before it counts as open.
        commands: CL commands that are sent instead of the echoed messages, in turn; each answer must be its list.
        shares: parts of the opens that backends must get, in any order; empty asks nothing.
        keep_cookies: each of `clients` sends the cookies that it was given, and must stay where it was.
        sources: local addresses to connect from, in turn.
        trust: PEM certificates to trust for ``wss://``; empty takes the system's.
        insecure: take any certificate.
        http2: open by extended CONNECT (RFC 8441).
        handshake_seconds, message_seconds, close_seconds: longest wait for each.
        lag_seconds: the run is invalid when the 99th percentile of the client's own lag is longer.
    """

    url: str
    connections: int = 0
    rate: float | None = None
    concurrency: int | None = None
    ramp_seconds: float = 0.0
    duration_seconds: float | None = None
    hold_seconds: float | None = None
    messages: int = 0
    size: int = 64
    identify: str = "greeting"
    greetings: tuple[tuple[str, str], ...] = ()
    greeting: bool = True
    foreign: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()
    shape: str | None = None
    speech: Speech = SILENT
    commands: tuple[str, ...] = ()
    shares: tuple[int, ...] = ()
    keep_cookies: bool = False
    sources: tuple[str, ...] = ()
    trust: str = ""
    insecure: bool = False
    http2: bool = False
    handshake_seconds: float = 10.0
    message_seconds: float = 10.0
    close_seconds: float = 5.0
    lag_seconds: float = 0.25

    def __post_init__(self) -> None:
        address_of(self.url)
        NameRule(rule=self.identify)
        checks = (
            ("--connections", self.connections, 0 <= self.connections <= MOST_CONNECTIONS, "a number from 1"),
            ("--rate", self.rate, self.rate is None or 0 < self.rate <= 1e6, "a number above 0, at most a million"),
            ("--concurrency", self.concurrency, self.concurrency is None or self.concurrency > 0, "a number from 1"),
            ("--ramp", self.ramp_seconds, 0 <= self.ramp_seconds <= 86400, "seconds from 0 to 86400"),
            ("--duration", self.duration_seconds, _seconds(self.duration_seconds), "seconds above 0, at most 86400"),
            (
                "--hold",
                self.hold_seconds,
                self.hold_seconds is None or 0 <= self.hold_seconds <= 86400,
                "seconds from 0",
            ),
            ("--messages", self.messages, 0 <= self.messages <= 1_000_000, "a number from 0 to 1000000"),
            ("--size", self.size, 1 <= self.size <= 16 * 2**20, "bytes from 1 to 16 MiB"),
        )
        for option, value, fine, allowed in checks:
            if not fine:
                raise ConfigError(option=option, value=value, allowed=allowed)
        if self.rate is not None and self.concurrency is not None:
            raise ConfigError(
                option="--concurrency",
                value=self.concurrency,
                allowed="left out when --rate is given",
                hint="--rate starts opens at their times (open model), --concurrency when others have ended (closed).",
            )
        if self.connections == 0 and (self.duration_seconds is None):
            raise ConfigError(option="--connections", value=0, allowed="a number from 1, or --duration must be given")
        if self.connections == 0 and self.hold_seconds is not None and self.rate is None:
            raise ConfigError(option="--hold", value=self.hold_seconds, allowed="given with --connections or --rate")
        if not self.total and self.open_model:
            raise ConfigError(option="--duration", value=self.duration_seconds, allowed="long enough for one open")

    @property
    def open_model(self) -> bool:
        """Whether opens have times of their own."""
        return self.rate is not None or (self.ramp_seconds > 0 and self.concurrency is None)

    @property
    def total(self) -> int:
        """Opens in all; 0 when only time limits them."""
        if not self.open_model or self.duration_seconds is None:
            return self.connections
        fit = self.started_by(self.duration_seconds)
        return min(fit, self.connections) if self.connections else fit

    @property
    def most_at_once(self) -> int:
        """Tunnels at a time that the server should have room for: all that are held, or what two seconds bring."""
        if self.hold_seconds is not None:
            return self.total
        if self.open_model:
            return min(self.total, max(DEFAULT_ROOM, math.ceil(2 * self.top_rate)))
        return min(2 * (self.concurrency or DEFAULT_CONCURRENCY), self.connections or MOST_CONNECTIONS)

    @property
    def patience_seconds(self) -> float:
        """How long the server must endure a silent tunnel, with a margin: the first one opened waits longest."""
        held = (self.hold_seconds or 0.0) + (self.ramp_seconds or 0.0) + (self.duration_seconds or 0.0)
        return 300.0 + held

    @property
    def clients(self) -> int:
        """Clients that keep their cookies, each of which opens again and again: as many as open at a time."""
        return self.concurrency or (DEFAULT_CLIENTS if self.open_model else DEFAULT_CONCURRENCY)

    @property
    def top_rate(self) -> float:
        """Opens per second once the ramp is over; open model only."""
        return self.rate if self.rate is not None else max(self.connections, 1) / self.ramp_seconds

    @property
    def growing_seconds(self) -> float:
        """How long the rate grows."""
        return self.ramp_seconds if self.rate is not None else 0.0

    def due(self, index: int) -> float:
        """Seconds from the start at which open number `index`, from 0, is due: the rate grows linearly, then stays."""
        rate, ramp = self.top_rate, self.growing_seconds
        within = rate * ramp / 2
        if index < within:
            return math.sqrt(2 * ramp * index / rate)
        return ramp + (index - within) / rate

    def started_by(self, seconds: float) -> int:
        """Opens that are due before this time."""
        rate, ramp = self.top_rate, self.growing_seconds
        count = rate * seconds**2 / (2 * ramp) if seconds < ramp else rate * (seconds - ramp / 2)
        return math.ceil(round(count, 6))

    def shards(self, count: int) -> tuple[Shard, ...]:
        """Cut into so many parts, fewer when there is less to do: part k takes the opens k, k + count, and so on."""
        if count < 1:
            raise ConfigError(option="--processes", value=count, allowed="a number from 1")
        count = min(count, self.total or count)
        if self.concurrency is not None:
            count = min(count, self.concurrency)
        return tuple(Shard(plan=self, index=index, count=count) for index in range(count))


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """What one process does of a plan."""

    plan: LoadPlan
    index: int
    count: int

    @property
    def connections(self) -> int:
        """Opens of this part; 0 when only time limits them."""
        total = self.plan.total
        return total // self.count + (self.index < total % self.count)

    @property
    def concurrency(self) -> int:
        """Opens of this part under way at a time; closed model only."""
        whole = self.plan.concurrency or max(DEFAULT_CONCURRENCY, self.count)
        return whole // self.count + (self.index < whole % self.count)

    def number(self, nth: int) -> int:
        """Number within the whole plan of the nth open of this part."""
        return self.index + nth * self.count

    def due(self, nth: int) -> float:
        """Seconds from the start at which the nth open of this part is due; open model only."""
        return self.plan.due(self.number(nth))


def _seconds(value: float | None) -> bool:
    return value is None or 0 < value <= 86400
