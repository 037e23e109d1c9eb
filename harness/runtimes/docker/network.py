"""How the container is reached, and how it reaches the backends: found out, never guessed.

Host network is used where it is proved to be ours: the same kernel (its boot id) and the same network namespace (its
inode). Docker Desktop, rootless engines, remote ones and podman machines answer with a network of their own; then the
proxy's ports are published on 127.0.0.1, and backends are reached as ``host.docker.internal``.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from harness.config import DockerNetwork
from harness.runtimes.docker.agent import Agent
from harness.runtimes.docker.container import HOST_GATEWAY
from harness.runtimes.docker.engine import EngineFacts

__all__ = ["Network", "expected", "is_ours", "published"]

_NAMESPACE = "/proc/self/ns/net"
_BOOT = "/proc/sys/kernel/random/boot_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How proxy and lab reach each other.

    Attributes:
        mode: host or published.
        why: in words, for the report.
        backends: address of this machine on which backends listen; None leaves each its own loopback address.
        gateway: name or address under which the container reaches that.
        client: address from which the proxy sees us come, None when it is not known.
    """

    mode: DockerNetwork
    why: str
    backends: str | None = None
    gateway: str | None = None
    client: str | None = "127.0.0.1"


def expected(asked: DockerNetwork, facts: EngineFacts) -> tuple[DockerNetwork, str]:
    """Mode to try first, and why, by what was asked and what the engine says of itself."""
    if asked is not DockerNetwork.AUTO:
        return asked, "asked for"
    if facts.product.startswith("Docker Desktop") or facts.system == "Docker Desktop":
        return DockerNetwork.PUBLISHED, "Docker Desktop runs its containers in a virtual machine"
    if facts.rootless:
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


def published(why: str, gateway: str) -> Network:
    """The network behind published ports; `gateway` is the container's own."""
    if gateway and _is_here(gateway):
        # A Linux bridge: its gateway is an address of this machine, reached by containers and by ourselves only.
        return Network(
            mode=DockerNetwork.PUBLISHED,
            why=f"{why}; backends listen on {gateway}, the bridge's own address",
            backends=gateway,
            gateway=gateway,
            client=gateway,
        )
    return Network(
        mode=DockerNetwork.PUBLISHED,
        why=f"{why}; backends listen on 127.0.0.1, which the engine offers as {HOST_GATEWAY}",
        backends="127.0.0.1",
        gateway=HOST_GATEWAY,
        client=None,
    )


def _is_here(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
