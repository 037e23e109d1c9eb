"""One hardened container: what the engine is asked for, its start, its state in words, its end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker.errors
import docker.types

from wslb.errors import StartError
from wslb.runtimes.docker.agent import PROGRAM, Agent, AgentLost, close_attached
from wslb.runtimes.docker.engine import ERRORS, Engine
from wslb.runtimes.docker.image import Image
from wslb.waiting import until

__all__ = ["HOST_GATEWAY", "Container", "PortTaken", "Wanted"]

HOST_GATEWAY = "host.docker.internal"
MEMORY_BYTES = 2 * 1024**3
PIDS = 16_384
"""Threads count too: ten thousand tunnels are ten thousand threads of httpd."""
TMPFS_BYTES = 256 * 1024**2
_REMOVE_SECONDS = 10


class PortTaken(Exception):
    """A port that should have been published is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A container to be.

    Attributes:
        folder: writable folder inside it, in memory.
        uid, gid: who its programs run as.
        ports: published on 127.0.0.1 under the same number; None shares the engine's network instead.
    """

    name: str
    image: Image
    folder: str
    uid: int
    gid: int
    labels: Mapping[str, str]
    ports: Sequence[int] | None = None

    def request(self, engine: Engine) -> dict[str, Any]:
        """Arguments of the engine's create call. Hardened: see each line."""
        published = self.ports is not None
        host = engine.api.create_host_config(
            init=True,  # reaps the children of a killed httpd, and passes signals on
            network_mode="bridge" if published else "host",
            port_bindings={f"{port}/tcp": ("127.0.0.1", port) for port in self.ports or ()},
            extra_hosts={HOST_GATEWAY: "host-gateway"} if published else None,
            read_only=True,
            tmpfs={self.folder: f"size={TMPFS_BYTES},{self._owned(engine)},nosuid,nodev,noexec"},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            pids_limit=PIDS,
            mem_limit=MEMORY_BYTES,
            restart_policy={"Name": "no"},
            log_config=docker.types.LogConfig(type="json-file", config={"max-size": "1m", "max-file": "1"}),
        )
        return {
            "image": self.image.name,
            "command": list(PROGRAM),
            "entrypoint": [],
            "name": self.name,
            "user": f"{self.uid}:{self.gid}",
            "working_dir": "/",
            "labels": dict(self.labels),
            "stdin_open": True,
            "stop_signal": "SIGKILL",  # the image's SIGWINCH means nothing to a shell: a stop would take all its time
            "healthcheck": {"test": ["NONE"]},
            "ports": [(port, "tcp") for port in self.ports or ()],
            "host_config": host,
        }

    def _owned(self, engine: Engine) -> str:
        """The folder is our user's alone; podman knows no owner of a tmpfs, but lets no other user in."""
        return "mode=1777" if engine.facts.podman else f"uid={self.uid},gid={self.gid},mode=0700"


class Container:
    """A container that we started, and the shell in it."""

    def __init__(self, engine: Engine, wanted: Wanted) -> None:
        self.engine = engine
        self.wanted = wanted
        self.id = ""
        self.pid = 0
        self.gateway = ""
        self._agent: Agent | None = None
        self._attached: Any = None

    @property
    def agent(self) -> Agent:
        """The shell inside; only after `start`."""
        if self._agent is None:
            raise AgentLost
        return self._agent

    async def start(self, *, seconds: float) -> None:
        """Create and start it, and wait until its shell answers. `remove` is the caller's, also after an error.

        Raises:
            StartError: it did not start, with its log and its state.
            PortTaken: a port to be published is taken.
        """
        try:
            await self.engine.call(self._begin)
        except ERRORS as exc:
            words = str(getattr(exc, "explanation", None) or exc).strip().rstrip(".")
            if "address already in use" in words or "port is already allocated" in words:
                raise PortTaken from exc
            raise await self._failed(words) from exc
        self._agent, self._attached = Agent(self._attached), None
        try:
            # As many open files as the engine allows: an engine may not be allowed to ask for more itself.
            await self._agent.ask('ulimit -S -n "$(ulimit -H -n)"', seconds=seconds)
        except (AgentLost, TimeoutError) as exc:
            raise await self._failed("its shell does not answer") from exc
        found = await self.engine.call(self.engine.api.inspect_container, self.id)
        self.pid = found["State"]["Pid"]
        networks = (found["NetworkSettings"].get("Networks") or {}).values()
        self.gateway = next((network["Gateway"] for network in networks if network.get("Gateway")), "")

    def _begin(self) -> None:
        """In a thread. Attached before the start, so that not a word of it is lost."""
        api = self.engine.api
        self.id = api.create_container(**self.wanted.request(self.engine))["Id"]
        self._attached = api.attach_socket(self.id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        api.start(self.id)

    async def _failed(self, reason: str) -> StartError:
        state = await self.state(said=reason)
        log = await self.log()
        ours, theirs = self.engine.facts.architecture, self.wanted.image.architecture
        words = " ".join((reason, state, *log)).lower()
        if "exec format error" in words or (ours != theirs and self.id):
            hint = f"The image is not for the engine's architecture: docker pull --platform linux/{ours} IMAGE"
        elif "container-init binary not found" in words:
            hint = "podman needs an init program for containers: install catatonit (Debian: apt-get install catatonit)."
        elif "setrlimit" in words:
            hint = "podman asks for more open files than it may: set default_ulimits in containers.conf (nofile=N:N)."
        elif "no such file" in words or "not found" in words:
            hint = f"{self.wanted.image.name} must be an image with a shell (/bin/sh), as httpd:2.4 is."
        else:
            hint = f"docker run --rm {self.wanted.image.name} true shows whether the image works at all."
        return StartError(
            name=f"The container of {self.wanted.image.name}",
            reason=f"{reason} ({state})" if state else reason,
            log_tail=log,
            hint=hint,
        )

    async def state(self, *, said: str = "") -> str:
        """Its state in words, from the engine, without what was `said`; empty when the engine does not know it."""
        if not self.id:
            return ""
        try:
            state = (await self.engine.call(self.engine.api.inspect_container, self.id))["State"]
        except ERRORS:
            return ""
        words = [f"container {self.id[:12]} is {state['Status']}"]
        if state["Status"] == "exited" or state.get("ExitCode"):
            words.append(f"exit code {state.get('ExitCode')}")
        if state.get("OOMKilled"):
            words.append("killed for want of memory")
        error = str(state.get("Error") or "").strip().rstrip(".")
        if error and error not in said:
            words.append(error)
        return ", ".join(words)

    async def log(self, lines: int = 12) -> tuple[str, ...]:
        """Last lines of what its main program wrote."""
        if not self.id:
            return ()
        try:
            text: bytes = await self.engine.call(self.engine.api.logs, self.id, tail=lines)
        except ERRORS:
            return ()
        return tuple(line for line in text.decode(errors="replace").splitlines() if line.strip())[-lines:]

    async def remove(self) -> None:
        """End it at once and remove it; twice is once. Without its engine, it is ended by process id at least."""
        if self._agent:
            self._agent.close()
        elif self._attached:
            close_attached(self._attached)
        self._attached = None
        if not self.id:
            return
        try:
            await until(self._removed, seconds=_REMOVE_SECONDS, what="the removal of the container")
        except ERRORS:  # a deadline is one of them
            self._end_without_engine()
        self.id = ""

    async def _removed(self) -> bool:
        """Ask for the removal; podman refuses it while the container is ending by itself."""
        try:
            await self.engine.call(self.engine.api.remove_container, self.id, v=True, force=True)
        except docker.errors.NotFound:
            return True
        except docker.errors.APIError:
            return False
        return True

    def _end_without_engine(self) -> None:
        """Containers outlive a killed engine, and keep their ports. Ours is a process tree under one process."""
        with contextlib.suppress(OSError):
            if self.pid and self.id in Path(f"/proc/{self.pid}/cgroup").read_text(encoding="utf-8"):
                os.kill(self.pid, signal.SIGKILL)
