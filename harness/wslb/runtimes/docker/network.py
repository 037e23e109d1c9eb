"""How the container is reached, and how it reaches the backends: found out, never guessed.

Host network is used where it is proved to be ours: the same kernel (its boot id) and the same network namespace (its
inode). Docker Desktop, rootless Docker, remote engines and podman machines answer with a network of their own; then the
proxy's ports are published on 127.0.0.1, and backends are reached by the first address that leads back to us. Rootless
podman shares this machine's network with its containers when asked to, so it is compared like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wslb.config import DockerNetwork
from wslb.interfaces import Forwarder
from wslb.runtimes.docker.agent import Agent
from wslb.runtimes.docker.container import HOST_GATEWAY
from wslb.runtimes.docker.engine import EngineFacts
from wslb.runtimes.docker.forwarder import accepts, of_port

__all__ = ["Network", "connects", "expected", "is_ours", "published"]

_NAMESPACE = "/proc/self/ns/net"
_BOOT = "/proc/sys/kernel/random/boot_id"
_SLIRP_GATEWAY = "10.0.2.2"
"""Our loopback as slirp4netns shows it to a rootless engine, unless it is told not to (--disable-host-loopback)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How proxy and lab reach each other.

    Attributes:
        mode: host or published.
        why: in words, for the report.
        backends: address of this machine on which backends listen; None leaves each its own loopback address.
        gateway: name or address under which the container reaches that.
        client: address from which the proxy sees us come, None when it is not known.
        forwarder: program that accepts on the published ports; None where the proxy itself does.
    """

    mode: DockerNetwork
    why: str
    backends: str | None = None
    gateway: str | None = None
    client: str | None = "127.0.0.1"
    forwarder: Forwarder | None = None


def expected(asked: DockerNetwork, facts: EngineFacts) -> tuple[DockerNetwork, str]:
    """Mode to try first, and why, by what was asked and what the engine says of itself."""
    if asked is not DockerNetwork.AUTO:
        return asked, "asked for"
    if facts.product.startswith("Docker Desktop") or facts.system == "Docker Desktop":
        return DockerNetwork.PUBLISHED, "Docker Desktop runs its containers in a virtual machine"
    if facts.rootless and not facts.podman:
        return DockerNetwork.PUBLISHED, "a rootless engine has a network of its own"
    if facts.transport != "unix":
        return DockerNetwork.PUBLISHED, f"the engine is reached by {facts.transport}, so it may be another machine"
    return DockerNetwork.HOST, "the engine runs on this kernel, in this network namespace (compared)"


async def is_ours(agent: Agent, *, seconds: float) -> bool:
    """Whether the container of this shell shares our network."""
    _, output = await agent.ask(f"readlink {_NAMESPACE}; cat {_BOOT}", seconds=seconds)
    try:
        ours = [str(Path(_NAMESPACE).readlink()), Path(_BOOT).read_text(encoding="utf-8").strip()]
    except OSError:
        return False
    return output.decode(errors="replace").split() == ours


async def connects(agent: Agent, host: str, port: int, *, seconds: float) -> bool:
    """Whether the container can open a connection there; by bash, or by busybox where the image is Alpine."""
    where = shlex.quote(f"</dev/tcp/{host}/{port}")
    code, _ = await agent.ask(
        f"if command -v bash >/dev/null; then timeout 4 bash -c {where}; "
        f"else timeout 4 nc -z {shlex.quote(host)} {port}; fi 2>/dev/null",
        seconds=seconds,
    )
    return code == 0


async def published(
    agent: Agent, why: str, *, gateway: str, ports: Sequence[int], rootless: bool, seconds: float
) -> Network | None:
    """The network behind published ports, with the first way back to us that the container really gets through.

    Args:
        gateway: the container's own, empty for none.
        ports: that are published.
        rootless: the engine is.

    Returns:
        None when no way leads from the container to a port of ours on loopback or on the bridge.
    """
    forwarder = of_port(ports[0], rootless=rootless) if await asyncio.to_thread(accepts, ports[0]) else None
    for backends, name, words in _ways(gateway):
        with _listening(backends) as port:
            if port and await connects(agent, name, port, seconds=seconds):
                return Network(
                    mode=DockerNetwork.PUBLISHED,
                    why=f"{why}; backends listen on {backends}, {words}",
                    backends=backends,
                    gateway=name,
                    client=gateway if name == gateway else None,
                    forwarder=forwarder,
                )
    return None


def _ways(gateway: str) -> Iterator[tuple[str, str, str]]:
    """Address of ours to listen on, its name in the container, and that in words."""
    if gateway:
        # A Linux bridge: its gateway is an address of this machine, reached by containers and by ourselves only.
        yield gateway, gateway, "the bridge's own address"
    yield "127.0.0.1", HOST_GATEWAY, f"which the engine offers as {HOST_GATEWAY}"
    yield "127.0.0.1", _SLIRP_GATEWAY, f"which slirp4netns offers as {_SLIRP_GATEWAY}"


@contextlib.contextmanager
def _listening(address: str) -> Iterator[int]:
    """A port on this address of ours that accepts while the block runs; 0 where the address is not ours."""
    with socket.socket() as listener:
        try:
            listener.bind((address, 0))
            listener.listen()
        except OSError:
            yield 0
            return
        yield listener.getsockname()[1]
