"""Apache httpd in one container that lives as long as the run (`wslb.interfaces.Runtime`).

Every file goes in through the shell inside (see `agent`) into a folder in memory, the same way on every engine: nothing
of this machine is mounted, no key is ever written to a disk, and an engine on another file system is no special case.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shlex
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from wslb.config import DockerNetwork, Settings
from wslb.errors import LabError, RuntimeUnavailable, StartError
from wslb.interfaces import PRIVATE, Completed, Front, Progress
from wslb.runtimes.docker.agent import AgentLost
from wslb.runtimes.docker.container import Container, PortTaken, Wanted
from wslb.runtimes.docker.engine import ERRORS, Engine, EngineFacts, explained
from wslb.runtimes.docker.image import Image, obtain
from wslb.runtimes.docker.leftovers import ContainerLeftover, labels, sweep_containers
from wslb.runtimes.docker.network import Network, connects, expected, is_ours, published
from wslb.runtimes.local.local_runtime import ports_to_listen
from wslb.waiting import until

__all__ = ["DockerProcess", "DockerRuntime", "open_docker"]

_ASK_SECONDS = 20.0
_NOBODY = 65534
_TRIES = 4


class DockerProcess:
    """A program in the container (`wslb.interfaces.Process`)."""

    def __init__(self, runtime: DockerRuntime, *, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid
        self._runtime = runtime
        self._ended = runtime.container.agent.ended(name)

    @property
    def returncode(self) -> int | None:
        """Exit code, the negative number of the signal that ended it, None while it runs."""
        if not self._ended.done():
            return None
        if self._ended.exception():
            return -signal.SIGKILL  # its container or its engine are gone, and it with them
        code = self._ended.result()
        return 128 - code if code > 128 else code

    async def ended(self) -> bool:
        """Whether it has ended."""
        return self.returncode is not None

    def signal(self, number: int) -> None:
        """Send a signal to it alone; by name, since numbers differ between our system and the container's."""
        if self.returncode is None:
            name = signal.Signals(number).name.removeprefix("SIG")
            with contextlib.suppress(AgentLost):
                self._runtime.container.agent.tell(f"kill -s {name} {self.pid} 2>/dev/null")

    async def stop(self, *, grace_seconds: float) -> None:
        """TERM, then after the grace KILL for its whole group; twice is once. A lost container has ended already."""
        with contextlib.suppress(AgentLost, RuntimeUnavailable):
            if self.returncode is None and grace_seconds > 0:
                self.signal(signal.SIGTERM)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(self._ended), grace_seconds)
            agent = self._runtime.container.agent

            async def gone() -> bool:
                code, _ = await agent.ask(
                    f"kill -s KILL -- -{self.pid} 2>/dev/null; ! kill -s 0 -- -{self.pid} 2>/dev/null",
                    seconds=_ASK_SECONDS,
                )
                return code == 0

            with contextlib.suppress(TimeoutError):
                await until(gone, seconds=5, what=f"the end of every process of {self.name}")
                await asyncio.wait_for(asyncio.shield(self._ended), 5)


class DockerRuntime:
    """A container of a Docker engine."""

    name = "docker"
    as_root = False

    def __init__(
        self,
        engine: Engine,
        container: Container,
        image: Image,
        network: Network,
        leftovers: Sequence[ContainerLeftover] = (),
    ) -> None:
        self.engine = engine
        self.container = container
        self.image = image
        self.network = network
        self.leftovers: Sequence[object] = leftovers
        self.folder = container.wanted.folder
        self._loss: RuntimeUnavailable | None = None
        self._starts = 0

    async def find(self, names: Sequence[str]) -> str | None:
        """First program that exists in the image."""
        tries = shlex.join(names)
        _, output = await self._ask(f'for n in {tries}; do command -v -- "$n" && break; done')
        return output.decode().strip() or None

    async def listing(self, folder: str) -> frozenset[str]:
        """File names in a folder of the container; empty when there is none."""
        _, output = await self._ask(f"ls -1A -- {shlex.quote(folder)} 2>/dev/null")
        return frozenset(output.decode(errors="replace").splitlines())

    async def run(self, argv: Sequence[str], *, timeout_seconds: float = 20) -> Completed:
        """Run a command to its end.

        Raises:
            TimeoutError: it did not end in time; it is killed.
            RuntimeUnavailable: the container, or the engine, is gone.
        """
        limit = f"timeout -k 1 {timeout_seconds:g} " if timeout_seconds else ""
        code, output = await self._ask(f"{limit}{shlex.join(argv)} 2>&1", seconds=timeout_seconds + _ASK_SECONDS)
        if code in {124, 137} and limit:
            raise TimeoutError(f"{argv[0]} did not end within {timeout_seconds:g} s")
        return Completed(returncode=code, output=output.decode(errors="replace"))

    async def start(self, argv: Sequence[str], *, name: str) -> DockerProcess:
        """Start a program in a session of its own."""
        self._starts += 1
        label = f"{name}-{self._starts}"
        try:
            pid = await self.container.agent.start(
                argv, name=label, output=self._path(f"{name}.out"), seconds=_ASK_SECONDS
            )
        except AgentLost:
            raise await self._lost() from None
        return DockerProcess(self, name=label, pid=pid)

    async def write(self, name: str, content: bytes, *, secret: bool = False) -> str:
        """Write a file, readable only; a new one takes the place of the old one, so neither is ever half there."""
        path = self._path(name)
        parent, there, new = (shlex.quote(text) for text in (str(PurePosixPath(path).parent), path, f"{path}.new"))
        mode = "400" if secret else "444"
        text = base64.b64encode(content).decode()
        code, output = await self._ask(
            f"mkdir -p -- {parent} && rm -f -- {new} && (umask 077; printf %s {text} | base64 -d >{new}) "
            f"&& chmod {mode} -- {new} && mv -f -- {new} {there} 2>&1"
        )
        if code != 0:
            raise StartError(name="The container", reason=f"{name} cannot be written: {output.decode().strip()}")
        return path

    async def read(self, name: str) -> bytes:
        """Content of a file; empty when there is none."""
        _, output = await self._ask(f"cat -- {shlex.quote(self._path(name))} 2>/dev/null")
        return output

    async def remove(self, name: str) -> None:
        """Remove a file; none is fine."""
        await self._ask(f"rm -f -- {shlex.quote(self._path(name))}")

    async def front(self, *, tls: bool, plain_port: int, tls_port: int) -> Front:
        """Our loopback by free ports where the network is shared, else the ports that are published."""
        ports = self.container.wanted.ports
        if ports is None:
            plain, secure = ports_to_listen(plain_port, tls_port)
            return Front(plain=plain, tls=secure if tls else None)
        return Front(
            listen="0.0.0.0",  # noqa: S104 - of the container's own network; published on 127.0.0.1 only
            plain=ports[0],
            tls=ports[1] if tls else None,
            client=self.network.client,
            trusted=(self.network.client,) if self.network.client else PRIVATE,
            forwarder=self.network.forwarder,
        )

    def ports(self, count: int) -> tuple[int, ...]:
        """Free ones where the network is shared, else those that are published."""
        ports = self.container.wanted.ports
        if ports is None:
            return ports_to_listen(*[0] * count)
        if count > len(ports):
            raise StartError(
                name=f"The container of {self.image.name}",
                reason=f"the configuration listens on {count} ports, and {len(ports)} are published",
                hint="Use --docker-network host, or --runtime local.",
            )
        return tuple(ports[:count])

    def children(self, process: object) -> frozenset[int]:  # noqa: ARG002 - none of any
        """Not known: they run in the container's own process namespace."""
        return frozenset()

    def state(self, pid: int) -> str:  # noqa: ARG002 - of none
        """Not known, as with `children`."""
        return ""

    def backend_address(self, preferred: str) -> str:
        """Where a backend must listen."""
        return self.network.backends or preferred

    def reach(self, address: str) -> str:
        """Name of a backend's address as the container knows it."""
        return self.network.gateway or address

    async def connects(self, host: str, port: int) -> bool:
        """Whether the container can open a connection there; see `network.connects`."""
        try:
            return await connects(self.container.agent, host, port, seconds=_ASK_SECONDS)
        except AgentLost:
            raise await self._lost() from None

    def where(self, name: str) -> str:
        """Command that shows a file."""
        return f"docker exec {self.container.wanted.name} cat {self._path(name)}"

    def facts(self) -> Mapping[str, str]:
        """What the report says of this runtime."""
        return {
            "runtime": self.name,
            "image": self.image.name,
            "image_digest": self.image.digest,
            "network": self.network.mode.value,
            "network_reason": self.network.why,
            **({"forwarder": self.network.forwarder.text} if self.network.forwarder else {}),
            "engine": self.engine.facts.text,
        }

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    async def _ask(self, script: str, *, seconds: float = _ASK_SECONDS) -> tuple[int, bytes]:
        try:
            return await self.container.agent.ask(script, seconds=seconds)
        except AgentLost:
            raise await self._lost() from None

    async def _lost(self) -> RuntimeUnavailable:
        """Why the shell's connection ended: asked of the engine once, since only it can tell one end from another."""
        if self._loss is None:
            state = await self.container.state()
            if state:
                reason = f"its container ended in mid-run: {state}"
                hint = "Something stopped it from outside, or it had too little memory: docker events tells."
            else:
                reason = "the Docker engine stopped answering in mid-run"
                hint = "Start the engine again; the next run removes what this one had to leave in it."
            self._loss = RuntimeUnavailable(runtime="docker", reason=reason, hint=hint)
        return self._loss


@contextlib.asynccontextmanager
async def open_docker(settings: Settings, *, folder: Path, progress: Progress) -> AsyncIterator[DockerRuntime]:
    """A running container, removed when the block is left, whichever way.

    Raises:
        RuntimeUnavailable: no engine, no image, or no network between the two sides.
        StartError: the container did not start.
    """
    engine = await Engine.connect()
    try:
        leftovers = await sweep_containers(engine)
        image = await obtain(engine, settings.image or "", pull=settings.pull, progress=progress)
        mode, why = expected(settings.docker_network, engine.facts)
        container, network = await _container(engine, image, settings, folder=folder, mode=mode, why=why)
        try:
            yield DockerRuntime(engine, container, image, network, leftovers)
        finally:
            await container.remove()
    except ERRORS as exc:
        if isinstance(exc, LabError):
            raise
        raise explained(exc) from exc
    finally:
        engine.close()


def _no_way_back(facts: EngineFacts) -> RuntimeUnavailable:
    """No container of this engine can reach us; rootless ones are kept from loopback unless that is allowed."""
    if facts.rootless and facts.podman:
        hint = (
            "Leave the choice to wslb (--docker-network auto), since rootless podman shares this machine's network, or "
            'put network_cmd_options = ["allow_host_loopback=true"] under [engine] in containers.conf.'
        )
    elif facts.rootless:
        hint = (
            "Rootless Docker keeps this machine's loopback from its containers unless it is told otherwise: start it "
            "with DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS=--disable-host-loopback=false, or use --runtime local."
        )
    else:
        hint = "A firewall may stand between, or the engine is another machine. Use --runtime local."
    return RuntimeUnavailable(
        runtime="docker",
        reason="its containers cannot reach a program that listens on this machine's loopback",
        hint=hint,
    )


async def _container(
    engine: Engine, image: Image, settings: Settings, *, folder: Path, mode: DockerNetwork, why: str
) -> tuple[Container, Network]:
    """A started container in the mode to try, or in the other one when that proves wrong."""
    user = (_NOBODY, _NOBODY) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    for attempt in range(1, _TRIES + 1):
        ports = None
        if mode is DockerNetwork.PUBLISHED:
            ports = ports_to_listen(settings.port, settings.tls_port, *[0] * (settings.doors - 2))
        wanted = Wanted(
            name=folder.name,
            image=image,
            folder=f"/run/{folder.name}",
            uid=user[0],
            gid=user[1],
            labels=labels(folder),
            ports=ports,
        )
        container = Container(engine, wanted)
        try:
            await container.start(seconds=settings.timeouts.start)
            if ports is not None:
                network = await published(
                    container.agent,
                    why,
                    gateway=container.gateway,
                    ports=ports,
                    rootless=engine.facts.rootless,
                    seconds=settings.timeouts.start,
                )
                if network is None:
                    raise _no_way_back(engine.facts)
                return container, network
            if await is_ours(container.agent, seconds=settings.timeouts.start):
                return container, Network(mode=DockerNetwork.HOST, why=why)
        except PortTaken:
            await container.remove()
            if attempt == _TRIES or settings.port or settings.tls_port:
                raise StartError(
                    name="The container of Apache httpd",
                    reason=f"port {' or '.join(map(str, ports or ()))} is taken",
                    hint="Stop the other program, or choose ports: --port N --tls-port N",
                ) from None
            continue
        except BaseException:
            await container.remove()
            raise
        await container.remove()
        if settings.docker_network is DockerNetwork.HOST:
            raise RuntimeUnavailable(
                runtime="docker",
                reason="the engine's host network is not this machine's",
                hint="Leave the choice to wslb: --docker-network auto",
            )
        mode, why = DockerNetwork.PUBLISHED, "the engine's host network is not this machine's (compared)"
    raise StartError(name="The container of Apache httpd", reason=f"no free ports in {_TRIES} tries")
