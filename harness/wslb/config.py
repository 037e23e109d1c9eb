"""Settings of a run: defaults, then ``WSLB_*`` environment variables, then options."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wslb.errors import ConfigError
from wslb.model import percentiles
from wslb.model.balancer import CARRIERS, Carrier, LbMethod

__all__ = ["DockerNetwork", "Mpm", "PullPolicy", "RuntimeChoice", "Settings", "Timeouts", "read_settings"]


class RuntimeChoice(StrEnum):
    """Where the proxy runs; AUTO takes the first that can be used."""

    AUTO = "auto"
    DOCKER = "docker"
    LOCAL = "local"


class Mpm(StrEnum):
    """How httpd serves connections; each tunnel holds a thread of a child, or the whole child under PREFORK."""

    EVENT = "event"
    WORKER = "worker"
    PREFORK = "prefork"


class PullPolicy(StrEnum):
    """When an image is pulled from its registry."""

    MISSING = "missing"
    ALWAYS = "always"
    NEVER = "never"


class DockerNetwork(StrEnum):
    """How a container is reached: through our own network, or by ports published on loopback; AUTO finds out."""

    AUTO = "auto"
    HOST = "host"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Deadlines in seconds, each the longest that the harness waits for one thing.

    Attributes:
        start: a program from its start until it is ready.
        handshake: an opening handshake.
        message: one expected message.
        settle: counters and logs to reach the state that closed tunnels must lead to.
        stop: a program from the request to stop until it is forced.
    """

    start: float = 15.0
    handshake: float = 10.0
    message: float = 10.0
    settle: float = 10.0
    stop: float = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run was asked for.

    Attributes:
        proxy: which product it is (`wslb.proxies.registry.PROXIES`).
        runtime: where the proxy runs.
        httpd: program of the httpd, where the proxy runs; None searches for one.
        modules: folder of its modules, where the proxy runs; None asks the program and looks where systems keep them.
        mpm: how httpd serves connections; None takes the first of event, worker and prefork that is there.
        image: image of the container; None takes the official one.
        pull: when that image is pulled.
        docker_network: how the container is reached.
        carrier: module that must carry the tunnels.
        lbmethod: only scenarios of this method; method of ``wslb up`` and ``wslb config``.
        connections: length of the long serial scenarios.
        report: folder of the report files.
        percentiles: of latencies, as tables and curves show them; None takes each page's own.
        port, tls_port: of the proxy; 0 chooses free ones.
        fixed_ports: backends listen on the article's ports instead of free ones.
        backend_ports: those of each backend instead, plain and TLS, in the order of the article; 0 is a free one.
        origins: of pages beside the backends' own ones that may run CL commands, such as ``https://example.org``.
        lean: the lean backend plays every part, so that the backends are not what limits a load run.
        idle_seconds: how long backends endure a silent tunnel; None leaves it to them.
        jobs: scenarios that run at the same time, each in a lab of its own; 0 chooses by cores.
        maxfail: scenarios that failed or errored after which nothing further is asked; 0 for no such end.
        deadline: seconds after which nothing further is asked, and what is being asked is errored; None for no end.
        limit: seconds that a scenario may take before it is errored; None leaves it to the run.
        backends: URL of each real server that takes a stand-in's place, by its name, in the order given.
        ca: file with the authority of such servers' certificates.
        identify: what tells who of them answered, beside the recorders (`wslb.wire.naming.NameRule`).
        doors: ports that a container publishes where it has a network of its own, plain and TLS ones together.
    """

    proxy: str = "apache"
    runtime: RuntimeChoice = RuntimeChoice.AUTO
    httpd: str | None = None
    modules: str | None = None
    mpm: Mpm | None = None
    image: str | None = None
    pull: PullPolicy = PullPolicy.MISSING
    docker_network: DockerNetwork = DockerNetwork.AUTO
    carrier: Carrier = Carrier.WSTUNNEL
    lbmethod: LbMethod | None = None
    connections: int = 200
    report: Path = field(default_factory=lambda: Path("reports") / "lb")
    percentiles: tuple[float, ...] | None = None
    port: int = 0
    tls_port: int = 0
    fixed_ports: bool = False
    backend_ports: tuple[tuple[int, int], ...] = ()
    origins: tuple[str, ...] = ()
    lean: bool = False
    idle_seconds: float | None = None
    jobs: int = 0
    maxfail: int = 0
    deadline: float | None = None
    limit: float | None = None
    doors: int = 2
    backends: Mapping[str, str] = field(default_factory=dict)
    ca: str | None = None
    identify: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)

    def __post_init__(self) -> None:
        if not 2 <= self.connections <= 100_000:
            raise ConfigError(option="--connections", value=self.connections, allowed="a number from 2 to 100000")
        if not 0 <= self.jobs <= 16:
            raise ConfigError(
                option="--jobs", value=self.jobs, allowed="a number from 1 to 16, or 0 for as many as fit"
            )
        if self.jobs > 1 and self.fixed:
            raise ConfigError(
                option="--jobs", value=self.jobs, allowed="1 with --port or --tls-port: a port has one lab"
            )
        if self.maxfail < 0:
            raise ConfigError(option="--maxfail", value=self.maxfail, allowed="a number from 1, or 0 for no such end")
        for option, seconds in (("--deadline", self.deadline), ("--limit", self.limit)):
            if seconds is not None and not 0 < seconds < math.inf:
                raise ConfigError(option=option, value=seconds, allowed="a number of seconds above 0")
        for option, port in (("--port", self.port), ("--tls-port", self.tls_port)):
            if not 0 <= port <= 65535:
                raise ConfigError(option=option, value=port, allowed="a port from 1 to 65535, or 0 for a free one")
        if self.port and self.port == self.tls_port:
            raise ConfigError(option="--tls-port", value=self.tls_port, allowed="another port than --port")
        self._check_servers()

    def _check_servers(self) -> None:
        """Refuse what does not go with these real servers, or without any."""
        if self.ca is not None and not any(url.startswith("wss:") for url in self.backends.values()):
            raise ConfigError(option="--ca", value=self.ca, allowed="given with a --backend NAME=wss://… only")
        if self.ca is not None and not Path(self.ca).is_file():
            raise ConfigError(option="--ca", value=self.ca, allowed="a file with certificates in PEM")
        if self.identify is not None and not self.backends:
            raise ConfigError(option="--identify", value=self.identify, allowed="given with --backend NAME=URL only")
        if self.identify == "auto":
            raise ConfigError(
                option="--identify",
                value=self.identify,
                allowed="a rule here, such as header:NAME",
                hint="Leave it out where nothing is known: the recorders tell who answered.",
            )
        if self.lean and self.backends:
            raise ConfigError(option="--lean", value=True, allowed="given without --backend: it is a stand-in's")

    @property
    def fixed(self) -> bool:
        """Whether a port was chosen, so that there can be one lab only."""
        return bool(self.port or self.tls_port or self.fixed_ports)


def _carrier(text: str) -> Carrier:
    if text not in CARRIERS:
        raise ValueError(text)
    return Carrier(text)


_PARSERS: dict[str, Any] = {
    "runtime": RuntimeChoice,
    "httpd": str,
    "modules": str,
    "mpm": Mpm,
    "image": str,
    "pull": PullPolicy,
    "docker_network": DockerNetwork,
    "carrier": _carrier,
    "lbmethod": LbMethod,
    "connections": int,
    "report": Path,
    "percentiles": percentiles.parse,
    "port": int,
    "tls_port": int,
    "jobs": int,
    "maxfail": int,
    "deadline": float,
    "limit": float,
}


def read_settings(options: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Settings from options (None means not given) over ``WSLB_<NAME>`` variables over defaults.

    Raises:
        ConfigError: a value is not allowed; the error names the option or the variable.
    """
    chosen: dict[str, Any] = {}
    names = {item.name for item in fields(Settings)}
    for name, parse in _PARSERS.items():
        variable = f"WSLB_{name.upper()}"
        if options.get(name) is not None:
            chosen[name] = _parsed(f"--{name.replace('_', '-')}", options[name], parse)
        elif environ.get(variable):
            chosen[name] = _parsed(variable, environ[variable], parse)
    if servers := options.get("backend"):
        chosen["backends"] = _servers(servers)
    chosen |= {name: value for name, value in options.items() if name in names - _PARSERS.keys() and value is not None}
    return Settings(**chosen)


def _servers(texts: Sequence[str]) -> Mapping[str, str]:
    """``NAME=URL`` each, as URL by name; the path without a slash at its end."""
    found: dict[str, str] = {}
    for text in texts:
        name, given, url = text.partition("=")
        if not given or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in found:
            raise ConfigError(
                option="--backend", value=text, allowed="NAME=URL, each NAME once and of letters, digits and _"
            )
        try:
            parts = urlsplit(url)
            sound = parts.scheme in {"ws", "wss"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            parts, sound = urlsplit(""), False
        # The path stands in httpd.conf; what no URL has (RFC 3986 appendix A) could be that file's own syntax.
        if not sound or not re.fullmatch(r"\w+://[\[\]\w.~:/!$&'()*+,;=%-]*", url, re.ASCII):
            raise ConfigError(
                option="--backend", value=text, allowed="NAME=ws://HOST[:PORT][/PATH] or NAME=wss://HOST[:PORT][/PATH]"
            )
        found[name] = f"{parts.scheme}:{url.partition(':')[2]}".rstrip("/")
    return found


def _parsed(option: str, value: Any, parse: Any) -> Any:
    try:
        return parse(value)
    except ValueError:
        raise ConfigError(option=option, value=value, allowed=_allowed(parse)) from None


def _allowed(parse: Any) -> str:
    if parse is percentiles.parse:
        return percentiles.ALLOWED
    if parse is _carrier:
        return f"one of {', '.join(CARRIERS)}"
    return f"one of {', '.join(parse)}" if isinstance(parse, type) and issubclass(parse, StrEnum) else "a number"
