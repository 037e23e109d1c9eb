"""What stands outside, as protocols. Lower layers and scenarios know these, never a concrete class."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.balancer import Carrier, Listener, MemberState, Site
from harness.handshake import Arrival, Headers
from harness.results import AccessLine, LogLine, MemberStatus

__all__ = [
    "PRIVATE",
    "Backend",
    "BackendInfo",
    "BalancerChange",
    "Completed",
    "Connector",
    "Dialect",
    "Fault",
    "Forwarder",
    "Front",
    "Installation",
    "MemberChange",
    "Opened",
    "Process",
    "Progress",
    "RawConnector",
    "Reporter",
    "Runtime",
    "Tunnel",
    "Wire",
]


PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Where the other side of a published port may come from (RFC 1918, RFC 4193): a bridge, or an engine's own machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarder:
    """What takes connections in the proxy's place and hands them on: a container engine's port forwarder.

    Attributes:
        name: program, or what is known of it.
        most: connections that it carries at a time.
        why: where that number comes from, as a clause.
        certain: the number was read from the program, not granted for want of knowledge.
    """

    name: str
    most: int
    why: str
    certain: bool = True

    @property
    def text(self) -> str:
        """For people, and for the report."""
        return f"{self.name}, at most {self.most:,} connections at a time: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Where the proxy listens.

    Attributes:
        host: what a client connects to.
        listen: address that the proxy binds, the same unless it runs in a network of its own.
        plain, tls: ports; None offers no such listener.
        client: address from which the proxy sees the lab's client come; None where it cannot be known.
        trusted: networks besides loopback that may ask the proxy's manager.
        forwarder: what stands between client and proxy; None when the proxy itself accepts.
    """

    host: str = "127.0.0.1"
    listen: str = "127.0.0.1"
    plain: int | None = None
    tls: int | None = None
    client: str | None = "127.0.0.1"
    trusted: tuple[str, ...] = ()
    forwarder: Forwarder | None = None

    def port(self, listener: Listener) -> int | None:
        """Port of this side."""
        return self.plain if listener is Listener.PLAIN else self.tls

    def url(self, listener: Listener, path: str) -> str:
        """WebSocket URL of a path on this side; the host is one that the proxy's certificate names."""
        return f"{listener.value}://{self.host}:{self.port(listener)}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A proxy as it was found.

    Attributes:
        binary: its program, as the runtime starts it.
        modules_folder: where loadable modules lie.
        version: such as ``2.4.71``.
        built_in, loadable: module names without ``mod_``.
        facts: more for the report, such as the build date and the MPM.
    """

    binary: str
    modules_folder: str
    version: str
    built_in: frozenset[str]
    loadable: frozenset[str]
    facts: Mapping[str, str] = field(default_factory=dict)

    def has(self, module: str) -> bool:
        """Whether this module can be used."""
        return module in self.built_in or module in self.loadable

    def at_least(self, *version: int) -> bool:
        """Whether the version is this one or later."""
        return tuple(int(part) for part in self.version.split(".") if part.isdigit()) >= version


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A command that ended."""

    returncode: int
    output: str


class Process(Protocol):
    """A program that a runtime started."""

    @property
    def pid(self) -> int:
        """Process id on the runtime's own system."""
        ...

    @property
    def returncode(self) -> int | None:
        """Exit code, None while it runs."""
        ...

    async def stop(self, *, grace_seconds: float) -> None:
        """End it and everything it started: asked first, forced after the grace. Twice is once."""
        ...

    def signal(self, number: int) -> None:
        """Send a signal to it alone; nothing when it has ended."""
        ...


class Progress(Protocol):
    """Told what takes long, such as the pull of an image."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """So far `done` of `total` bytes; a total of 0 is not known."""
        ...


class Runtime(Protocol):
    """A place where the proxy runs: local processes, or a container."""

    name: str
    folder: str
    """Writable folder as programs in the runtime see it."""
    as_root: bool
    """Whether programs start as root there, so that a server must be told to become somebody else."""
    leftovers: Sequence[object]
    """What dead runs had left there, removed when this one came up; ``str()`` makes the sentence."""

    async def find(self, names: Sequence[str]) -> str | None:
        """First of these programs that exists, as a path; a name with a slash is taken as a path."""
        ...

    async def listing(self, folder: str) -> frozenset[str]:
        """File names in a folder; empty when there is none."""
        ...

    async def run(self, argv: Sequence[str], *, timeout_seconds: float = 20) -> Completed:
        """Run a command to its end; output is both streams."""
        ...

    async def start(self, argv: Sequence[str], *, name: str) -> Process:
        """Start a program in its own process group; its standard streams go to ``<name>.out`` in the folder."""
        ...

    async def started(self, process: Any) -> None:
        """Called once a program serves: note what it would leave behind if it were killed."""
        ...

    async def write(self, name: str, content: bytes, *, secret: bool = False) -> str:
        """Put a file into the folder and return its path there; a secret one is readable by its owner only."""
        ...

    async def read(self, name: str) -> bytes:
        """Content of a file in the folder; empty when there is none."""
        ...

    async def remove(self, name: str) -> None:
        """Remove a file in the folder; none is fine."""
        ...

    async def front(self, *, tls: bool, plain_port: int, tls_port: int) -> Front:
        """Addresses for the proxy's listeners; port 0 chooses a free one."""
        ...

    def backend_address(self, preferred: str) -> str:
        """Address of this machine where a backend must listen to be reached; the preferred one where that will do."""
        ...

    def reach(self, address: str) -> str:
        """Host name under which programs in this runtime reach a backend's listening address."""
        ...

    async def connects(self, host: str, port: int) -> bool:
        """Whether programs in this runtime can open a connection there."""
        ...

    def where(self, name: str) -> str:
        """How a person gets at a file of the folder."""
        ...

    def facts(self) -> Mapping[str, str]:
        """What the report says of this runtime."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """A change of one member at run time, through the proxy's own manager.

    Attributes:
        state, on: set (or clear) this state.
        loadfactor: new loadfactor.
    """

    route: str
    state: MemberState | None = None
    on: bool = True
    loadfactor: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerChange:
    """A change of the balancer itself at run time; the method is a name as typed, so that a wrong one can be tried."""

    lbmethod: str


class Dialect(Protocol):
    """A proxy's language: pure functions from values to text and from text to values."""

    name: str
    binaries: tuple[str, ...]
    ready_path: str
    manager_path: str
    error_log: str
    access_log: str

    def render(
        self,
        site: Site,
        *,
        front: Front,
        generation: str,
        carrier: Carrier,
        installation: Installation,
        user: tuple[str, str] | None,
    ) -> str:
        """Configuration text of a site whose URLs are resolved."""
        ...

    def arguments(self, installation: Installation, *, folder: str, config: str) -> tuple[str, ...]:
        """Argument vector common to checking and running."""
        ...

    def missing(self, site: Site, installation: Installation) -> tuple[str, ...]:
        """Modules that the site needs and the installation lacks."""
        ...

    def parse_status(self, text: str) -> tuple[MemberStatus, ...]:
        """Members from the manager's status page."""
        ...

    def parse_log(self, text: str) -> tuple[LogLine, ...]:
        """Lines of the error log."""
        ...

    def parse_access(self, text: str) -> tuple[AccessLine, ...]:
        """Lines of the access log."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendInfo:
    """What a backend says of itself (``GET /healthz``, backends/README.md)."""

    name: str
    program: str
    pid: int
    host_name: str
    address: str
    ws: int | None
    wss: int | None
    control: int
    greeting: str
    cl_path: str
    echo_path: str
    page_path: str
    live: int
    accepted: int
    uid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A misbehaviour asked of a backend: its kind and parameters (backends/README.md, Faults)."""

    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    times: int | None = None


class Backend(Protocol):
    """A running backend, seen through its control port."""

    name: str
    info: BackendInfo

    async def journal(self) -> tuple[Arrival, ...]:
        """Every request that reached it since the journal was cleared."""
        ...

    async def clear(self) -> None:
        """Empty the journal and end every fault."""
        ...

    async def fault(self, fault: Fault) -> None:
        """Misbehave from the next handshake on."""
        ...

    async def health(self) -> BackendInfo:
        """What it says of itself now."""
        ...


class Tunnel(Protocol):
    """An open WebSocket, seen from the client."""

    async def send(self, message: str | bytes) -> None:
        """Send one message."""
        ...

    async def receive(self, *, timeout_seconds: float) -> str | bytes:
        """Next message.

        Raises:
            TimeoutError: none came in time.
            ConnectionError: the connection ended.
        """
        ...

    async def ping(self, *, timeout_seconds: float) -> None:
        """Send a ping and wait for its pong; TimeoutError and ConnectionError as in `receive`."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it and wait for the other side; twice is once."""
        ...

    async def wait_closed(self, *, timeout_seconds: float) -> None:
        """Wait until the connection has ended; TimeoutError when it does not."""
        ...

    @property
    def ended(self) -> tuple[int, str, str] | None:
        """Close code, reason and who began (client, server, lost); None while open."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What one opening handshake came to, as the connector saw it."""

    request: Headers
    status: int | None = None
    reason: str = ""
    response: Headers = ()
    elapsed_seconds: float = 0.0
    error: str | None = None
    subprotocol: str | None = None
    tunnel: Tunnel | None = None


@runtime_checkable
class Connector(Protocol):
    """A client that opens WebSockets and reports the handshake; a refused one is a result, not an exception."""

    name: str

    async def open(
        self,
        url: str,
        *,
        headers: Headers = (),
        subprotocols: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = 10,
        compress: bool = False,
    ) -> Opened:
        """Open one WebSocket; with `compress`, permessage-deflate is offered (RFC 7692)."""
        ...


class Wire(Protocol):
    """A TCP or TLS connection to the proxy, byte by byte."""

    received: bytearray
    """Everything that came back so far."""
    ended: str
    """How it ended: empty while open, ``closed`` by a FIN, ``reset``, or ``here`` when we closed it."""

    async def send(self, data: bytes) -> None:
        """Send these bytes; ConnectionError when the other side has gone."""
        ...

    async def half_close(self) -> None:
        """Send FIN and go on reading; ConnectionError where that cannot be done."""
        ...

    async def until(self, condition: Callable[[bytearray], bool], *, seconds: float) -> bool:
        """Read until the bytes so far fulfil a condition; False when the connection ends or the time is up before."""
        ...

    async def close(self) -> None:
        """Close it; twice is once."""
        ...

    async def reset(self) -> None:
        """End it with a TCP reset."""
        ...


class RawConnector(Protocol):
    """A client that sends exactly the bytes it is told."""

    name: str

    async def connect(self, url: str, *, tls: ssl.SSLContext | None, timeout_seconds: float) -> Wire:
        """Connect to the host and port of a URL.

        Raises:
            ConnectionError: no connection, or no TLS, within the time.
        """
        ...


class Reporter(Protocol):
    """Writes one file from the saved document of a run."""

    file_name: str

    def render(self, document: Mapping[str, Any]) -> str:
        """Text of the file; the same document gives the same bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file that a reporter wrote."""

    path: Path
    size: int
