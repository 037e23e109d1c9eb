"""Where the proxy runs: a runtime, the programs that it starts, and the addresses that it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from wslb.model.balancer import Listener

__all__ = ["PRIVATE", "STOPPED", "Completed", "Forwarder", "Front", "Process", "Progress", "Runtime"]


PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Where the other side of a published port may come from (RFC 1918, RFC 4193): a bridge, or an engine's own machine."""


STOPPED = frozenset({"stopped", "tracing-stop"})
"""States of a process that does nothing, by SIGSTOP or under a debugger, in psutil's words."""


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
        named: name that clients ask for in the place of `host`, as in their Host field; empty for `host` itself.
    """

    host: str = "127.0.0.1"
    listen: str = "127.0.0.1"
    plain: int | None = None
    tls: int | None = None
    client: str | None = "127.0.0.1"
    trusted: tuple[str, ...] = ()
    forwarder: Forwarder | None = None
    named: str = ""

    def port(self, listener: Listener) -> int | None:
        """Port of this side."""
        return self.plain if listener is Listener.PLAIN else self.tls

    @property
    def addresses(self) -> dict[str, str]:
        """``host:port`` of every side that there is, by listener."""
        return {listener.value: f"{self.host}:{port}" for listener in Listener if (port := self.port(listener))}

    def url(self, listener: Listener, path: str) -> str:
        """WebSocket URL of a path on this side; the host is one that the proxy's certificate names."""
        return f"{listener.value}://{self.named or self.host}:{self.port(listener)}{path}"


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

    async def ended(self) -> bool:
        """Whether it has ended, and then its exit code is known."""
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

    def ports(self, count: int) -> tuple[int, ...]:
        """Ports for so many listeners of a proxy, each the same for it and for a client; StartError: too many."""
        ...

    def children(self, process: Any) -> frozenset[int]:
        """Process ids of a program's children, where they can be known at little cost; else none."""
        ...

    def state(self, pid: int) -> str:
        """State of a process: ``stopped``, ``zombie`` and others of psutil's words; empty where it cannot be known."""
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
