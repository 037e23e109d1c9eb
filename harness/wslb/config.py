"""Settings of a run: defaults, then ``WSLB_*`` environment variables, then options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from wslb.errors import ConfigError
from wslb.model import percentiles
from wslb.model.balancer import Carrier, LbMethod

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
    settle: float = 5.0
    stop: float = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run was asked for.

    Attributes:
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
        origins: of pages beside the backends' own ones that may run CL commands, such as ``https://example.org``.
        lean: the lean backend plays every part, so that the backends are not what limits a load run.
        idle_seconds: how long backends endure a silent tunnel; None leaves it to them.
    """

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
    origins: tuple[str, ...] = ()
    lean: bool = False
    idle_seconds: float | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)

    def __post_init__(self) -> None:
        if not 2 <= self.connections <= 100_000:
            raise ConfigError(option="--connections", value=self.connections, allowed="a number from 2 to 100000")
        for option, port in (("--port", self.port), ("--tls-port", self.tls_port)):
            if not 0 <= port <= 65535:
                raise ConfigError(option=option, value=port, allowed="a port from 1 to 65535, or 0 for a free one")
        if self.port and self.port == self.tls_port:
            raise ConfigError(option="--tls-port", value=self.tls_port, allowed="another port than --port")


_PARSERS: dict[str, Any] = {
    "runtime": RuntimeChoice,
    "httpd": str,
    "modules": str,
    "mpm": Mpm,
    "image": str,
    "pull": PullPolicy,
    "docker_network": DockerNetwork,
    "carrier": Carrier,
    "lbmethod": LbMethod,
    "connections": int,
    "report": Path,
    "percentiles": percentiles.parse,
    "port": int,
    "tls_port": int,
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
    chosen |= {name: value for name, value in options.items() if name in names - _PARSERS.keys() and value is not None}
    return Settings(**chosen)


def _parsed(option: str, value: Any, parse: Any) -> Any:
    try:
        return parse(value)
    except ValueError:
        raise ConfigError(option=option, value=value, allowed=_allowed(parse)) from None


def _allowed(parse: Any) -> str:
    if parse is percentiles.parse:
        return percentiles.ALLOWED
    return f"one of {', '.join(parse)}" if isinstance(parse, type) and issubclass(parse, StrEnum) else "a number"
