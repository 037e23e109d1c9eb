"""The backends of one lab: started on demand, killed, frozen and brought back by scenarios, stopped with the lab.

A name such as ``node-2`` is a further instance of ``node``, on a loopback address of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import aiohttp

from harness.backend import BACKENDS, ManagedBackend, Program, lean, own_address
from harness.balancer import Site
from harness.certificates import Authority
from harness.config import Settings
from harness.errors import ConfigError
from harness.runtimes.local import LocalRuntime

__all__ = ["Fleet"]


class Fleet(Mapping[str, ManagedBackend]):
    """Running backends by name."""

    def __init__(
        self, *, settings: Settings, runtime: LocalRuntime, session: aiohttp.ClientSession, authority: Authority
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._session = session
        self._authority = authority
        self._backends: dict[str, ManagedBackend] = {}
        self._frozen: set[str] = set()

    def __getitem__(self, name: str) -> ManagedBackend:
        return self._backends[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._backends)

    def __len__(self) -> int:
        return len(self._backends)

    @property
    def addresses(self) -> dict[str, str]:
        """``host:port`` of every listener, by ``scheme://name``, as programs in the proxy's runtime reach it."""
        return {
            f"{scheme}://{name}": address
            for name, backend in self._backends.items()
            for scheme in ("ws", "wss")
            if (address := backend.address(scheme))
        }

    async def start(self, names: Sequence[str] = tuple(BACKENDS)) -> None:
        """Start these, all at a time; those that started stay when another fails, and `stop` ends them.

        Raises:
            StartError: one ended early or was not ready in time.
        """
        results = await asyncio.gather(*(self._start(name) for name in names), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _start(self, name: str, *, ports: tuple[int, int] | None = None) -> None:
        program = lean(name, _program(name)) if self._settings.lean else _program(name)
        certificate = self._authority.leaf(own_address(program.address), names=("localhost", "127.0.0.1", "::1"))
        files = (
            await self._runtime.write(f"tls/{name}.pem", certificate.certificate),
            await self._runtime.write(f"tls/{name}.key", certificate.key, secret=True),
        )
        await self._runtime.remove(f"{name}.json")
        if ports is None:
            ports = (program.port, program.tls_port) if self._settings.fixed_ports else (0, 0)
        self._backends[name] = await ManagedBackend.start(
            name,
            program,
            runtime=self._runtime,
            session=self._session,
            certificate=files,
            ports=ports,
            seconds=self._settings.timeouts.start,
        )

    async def prepare(self, site: Site) -> None:
        """Make every backend that a site names run and answer, with an empty journal and no fault."""
        for name in tuple(self._frozen):
            await self.thaw(name)
        wanted = {name for name in site.backends if name.partition("-")[0] in BACKENDS} | set(BACKENDS)
        down = [name for name in wanted if name not in self._backends or not self._backends[name].running]
        await self.start(down)
        await asyncio.gather(*(backend.clear() for backend in self._backends.values()))

    async def kill(self, name: str) -> None:
        """End a backend with SIGKILL: its tunnels get a FIN from the kernel, and no close frame."""
        await self._backends[name].stop(grace_seconds=0)

    async def stop_one(self, name: str) -> None:
        """End a backend as an administrator would, with SIGTERM: it closes its tunnels with 1001."""
        await self._backends[name].stop(grace_seconds=self._settings.timeouts.stop)

    async def revive(self, name: str) -> None:
        """Start a backend again on the ports it had."""
        info = self._backends[name].info
        await self._start(name, ports=(info.ws or 0, info.wss or 0))

    async def freeze(self, name: str) -> None:
        """Stop a backend's execution (SIGSTOP): the kernel still accepts connections, nobody answers."""
        self._frozen.add(name)
        self._backends[name].signal(signal.SIGSTOP)

    async def thaw(self, name: str) -> None:
        """Let a frozen backend go on (SIGCONT)."""
        self._frozen.discard(name)
        with contextlib.suppress(ProcessLookupError):
            self._backends[name].signal(signal.SIGCONT)

    async def stop(self) -> None:
        """End all, at a time; twice is once."""
        for name in tuple(self._frozen):
            await self.thaw(name)
        grace = self._settings.timeouts.stop
        await asyncio.gather(*(backend.stop(grace_seconds=grace) for backend in self._backends.values()))

    @property
    def living(self) -> dict[str, ManagedBackend]:
        """Those that run and are not frozen: they can be asked."""
        return {
            name: backend for name, backend in self._backends.items() if backend.running and name not in self._frozen
        }


def _program(name: str) -> Program:
    """Program of a backend's name; a further instance has the next loopback address and only free ports."""
    base, _, number = name.partition("-")
    if base not in BACKENDS or (number and not number.isdigit()):
        raise ConfigError(option="backend", value=name, allowed=f"one of {', '.join(BACKENDS)}, or one with -2, -3, …")
    program = BACKENDS[base]
    if not number:
        return program
    host = program.address.rpartition(".")
    address = f"{host[0]}.{int(host[2]) + 10 * (int(number) - 1)}"
    return replace(program, address=address, port=0, tls_port=0)
