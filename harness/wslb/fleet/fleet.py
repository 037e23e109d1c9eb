"""The backends of one lab: started on demand, killed, frozen and brought back by scenarios, stopped with the lab.

A name such as ``node-2`` is a further instance of ``node``, on a loopback address of its own; ``node-idle`` is one with
other options (`VARIANTS`). ``refused`` and ``blackhole`` are no backends, but addresses that behave as dead ones do.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import aiohttp

from wslb.certificates import Authority
from wslb.config import Settings
from wslb.errors import ConfigError, NotAskable, ProcessLost
from wslb.fleet.decoys import DECOYS, Blackhole, Decoy
from wslb.fleet.managed import BACKENDS, ManagedBackend, Program, lean, own_address
from wslb.fleet.servers import Acquaintance, acquainted, parts, recorders, tell_apart
from wslb.identity import Identity
from wslb.interfaces import STOPPED, Backends, Runtime
from wslb.model.balancer import Site
from wslb.model.handshake import Arrival, Handshake
from wslb.model.results import Witness
from wslb.runtimes.local.local_runtime import LocalRuntime
from wslb.wire.naming import NameRule, Showing

__all__ = ["VARIANTS", "Fleet", "program_of"]

VARIANTS: dict[str, tuple[int, tuple[str, ...]]] = {
    "idle": (10, ("--idle-seconds", "1")),
}
"""Further instances with options of their own: how many instance numbers on, so that the address is free, and which."""

_DECOY_HOST = "127.0.0.103"


class Fleet(Backends):
    """Running backends by name."""

    def __init__(
        self,
        *,
        settings: Settings,
        runtime: LocalRuntime,
        proxy_runtime: Runtime,
        session: aiohttp.ClientSession,
        authority: Authority,
        programs: Mapping[str, Program] | None = None,
        recorded: bool = False,
        one_path: bool = False,
    ) -> None:
        """Backends that are not started yet.

        Args:
            programs: by name; None: those of `BACKENDS` and their further instances.
            recorded: these are recorders before real servers, which play no part of the catalogue.
            one_path: the proxy asks all members of a balancer on the same path, so those whose CL endpoint lies in a
                folder take every path (``--anywhere cl``).
        """
        self._settings = settings
        self._programs = programs
        self._recorded = recorded
        self._base = recorders(settings.backends, ca=settings.ca) if settings.backends else BACKENDS
        self._known: dict[str, Acquaintance] = {}
        self._rule = NameRule(rule=settings.identify) if settings.identify else None
        self._one_path = one_path
        self._runtime = runtime
        self._proxy_runtime = proxy_runtime
        self._session = session
        self._authority = authority
        self._backends: dict[str, ManagedBackend] = {}
        self._decoys: dict[str, Decoy] = {}
        self._frozen: set[str] = set()
        self._buried: dict[str, list[Blackhole]] = {}
        self._ended: set[str] = set()
        self._identities: dict[str, Identity] = {}
        self._unknown_authority: Authority | None = None
        self._kept: list[Arrival] = []

    def __getitem__(self, name: str) -> ManagedBackend:
        return self._backends[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._backends)

    def __len__(self) -> int:
        return len(self._backends)

    @property
    def addresses(self) -> dict[str, str]:
        """``host:port`` of every listener, by ``scheme://name``, as programs in the proxy's runtime reach it."""
        backends = {
            f"{scheme}://{name}": address
            for name, backend in self._backends.items()
            for scheme in ("ws", "wss")
            if (address := self._seen(backend, scheme))
        }
        host = self._proxy_runtime.reach(self._proxy_runtime.backend_address(own_address(_DECOY_HOST)))
        return backends | {f"ws://{name}": f"{host}:{decoy.port}" for name, decoy in self._decoys.items()}

    @property
    def decoys(self) -> frozenset[str]:
        """Names that lead to no backend."""
        return frozenset(self._decoys)

    def _seen(self, backend: ManagedBackend, scheme: str) -> str | None:
        host, _, port = (backend.address(scheme) or "").rpartition(":")
        return f"{self._proxy_runtime.reach(host)}:{port}" if port else None

    @property
    def real(self) -> Mapping[str, str]:
        """URL of the real server behind each part, or each of the programs."""
        if self._recorded:
            return {name: program.title for name, program in (self._programs or {}).items()}
        return {part: self._settings.backends[name] for part, name in parts(self._settings.backends).items()}

    @property
    def further(self) -> tuple[str, ...]:
        """Real servers beside the two that play the parts."""
        return tuple(part for part in self.real if part not in BACKENDS) if self.plays_parts else ()

    @property
    def plays_parts(self) -> bool:
        """Whether real servers play the parts of the catalogue's scenarios."""
        return bool(self._settings.backends) and not self._recorded

    @property
    def silent(self) -> frozenset[Witness]:
        """Witnesses that cannot tell who answered."""
        if not self.real:
            return frozenset()
        told = {self._names_by} if self._rule else set()
        if not self._recorded and all(known.greeting for known in self._known.values()):
            told.add(Witness.GREETING)
        return frozenset({Witness.SIGNATURE, Witness.GREETING}) - told

    @property
    def _names_by(self) -> Witness:
        """Witness that the rule of ``--identify`` reads."""
        return Witness.GREETING if self._rule and self._rule.listens else Witness.SIGNATURE

    @property
    def signature(self) -> str:
        """What of an answer names its backend, in a report's words."""
        return self._rule.source if self._rule and not self._rule.listens else super().signature

    def signers(self, handshake: Handshake, near: Collection[str]) -> tuple[str, ...]:
        """Backends among those near whose signature this answer has.

        A real server's was learnt of its 101, and is read there alone; what it calls X-Backend is no name of ours.
        """
        if not self.real:
            return super().signers(handshake, near)
        if self._rule is None or self._rule.listens or not handshake.accepted:
            return ()
        return self._identified(self._rule, Showing(response=handshake.response), near)

    def greeters(self, text: str, near: Collection[str]) -> tuple[str, ...]:
        """Backends among those near whose greeting this is: in all its words, or by what identifies a real server."""
        if self._rule is None or not self._rule.listens:
            return super().greeters(text, near)
        return self._identified(self._rule, Showing(messages=(text,)), near)

    def _identified(self, rule: NameRule, showing: Showing, near: Collection[str]) -> tuple[str, ...]:
        """Backends before the server of this value; several where a site has further instances of one server."""
        value = rule.of(showing)
        servers = {part for part, known in self._known.items() if known.value == value}
        return tuple(name for name in self if name in near and name.partition("-")[0] in servers)

    @property
    def answers(self) -> bool:
        """Whether every backend answers a text message."""
        return all(known.answers for known in self._known.values())

    @property
    def folder(self) -> str:
        """Folder of this machine that holds the backends' files and the authority's certificate."""
        return self._runtime.folder

    async def start(self, names: Sequence[str] | None = None) -> None:
        """Start these, or all, at a time; those that started stay when another fails, and `stop` ends them.

        Raises:
            StartError: one ended early or was not ready in time.
        """
        wanted = (self._base if self._programs is None else self._programs) if names is None else names
        results = await asyncio.gather(*(self._start(name) for name in wanted), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        if self._rule:
            tell_apart(self._known, self._settings.backends, self._rule)

    async def _start(self, name: str, *, ports: tuple[int, int] | None = None) -> None:
        if self._programs is not None:
            program = self._programs[name]
        else:
            program = program_of(name, self._base)
            program = lean(name, program) if self._settings.lean else program
        if self._settings.idle_seconds is not None:
            idle = ("--idle-seconds", f"{self._settings.idle_seconds:g}")
            program = replace(program, arguments=(*program.arguments, *idle))
        if self._one_path and program.cl_path.count("/") > 1:
            program = replace(program, arguments=(*program.arguments, "--at-root"))
        pages = tuple(word for origin in self._settings.origins for word in ("--origin", origin))
        program = replace(program, arguments=(*program.arguments, *pages))
        identity = self._identities.setdefault(name, Identity())
        address = self._proxy_runtime.backend_address(own_address(program.address))
        certificate = self._signer(identity).certify(identity, address=self._proxy_runtime.reach(address))
        files = (
            await self._runtime.write(f"tls/{name}.pem", certificate.certificate),
            await self._runtime.write(f"tls/{name}.key", certificate.key, secret=True),
        )
        await self._runtime.remove(f"{name}.json")
        if ports is None:
            ports = self._ports(name, program)
        self._backends[name] = await ManagedBackend.start(
            name,
            program,
            runtime=self._runtime,
            session=self._session,
            certificate=files,
            address=address,
            ports=ports,
            seconds=self._settings.timeouts.start,
        )
        if self.plays_parts:
            await self._meet(name)
        self._ended.discard(name)

    def _ports(self, name: str, program: Program) -> tuple[int, int]:
        """Where it listens, as the settings have it; 0 is a free port."""
        if not self._settings.fixed_ports:
            return (0, 0)
        chosen = dict(zip(BACKENDS, self._settings.backend_ports, strict=False))
        return chosen.get(name, (program.port, program.tls_port))

    async def _meet(self, name: str) -> None:
        """Let a recorder tell what its server was found to greet with; a server is asked once."""
        part = name.partition("-")[0]
        backend = self._backends[name]
        if part not in self._known:
            server = parts(self._settings.backends)[part]
            seconds = self._settings.timeouts.handshake
            self._known[part] = await acquainted(
                backend, name=server, url=self.real[part], seconds=seconds, rule=self._rule
            )
        backend.info = replace(backend.info, greeting=self._known[part].greeting)

    def _signer(self, identity: Identity) -> Authority:
        if identity.trusted:
            return self._authority
        self._unknown_authority = self._unknown_authority or Authority()
        return self._unknown_authority

    async def prepare(self, site: Site) -> None:
        """Make every backend that a site names run and answer, with its certificate, an empty journal and no fault."""
        for name in tuple(self._frozen):
            await self.thaw(name)
        self._unbury()
        self._kept.clear()
        await self._identify(site)
        wanted = {name for name in site.backends if name.partition("-")[0] in BACKENDS} | set(self._base)
        if self._programs is not None:
            wanted = set(self._programs)
        for _, pid in self.stopped():
            await self.discard(pid)
        down = [name for name in wanted if name not in self._backends or not self._backends[name].running]
        self._ended.update(down)  # what happened before a scenario spoils nothing of it
        await self.start(down)
        for name in DECOYS.keys() & site.backends - self._decoys.keys():
            self._decoys[name] = DECOYS[name](self._proxy_runtime.backend_address(own_address(_DECOY_HOST)))
        await self.forget()

    async def forget(self) -> None:
        """Empty every journal, and end every fault."""
        await asyncio.gather(*(backend.clear() for backend in self.living.values()))

    async def _identify(self, site: Site) -> None:
        """End those backends of a site that show another certificate than it wants: they read it at their start."""
        for name in sorted(site.backends):
            wanted = site.identities.get(name, Identity())
            if self._identities.get(name, wanted) != wanted:
                await self.stop_one(name)
            self._identities[name] = wanted

    async def kill(self, name: str) -> None:
        """End a backend with SIGKILL: its tunnels get a FIN from the kernel, and no close frame."""
        await self._keep_journal(name)
        self._ended.add(name)
        await self._backends[name].stop(grace_seconds=0)

    async def stop_one(self, name: str) -> None:
        """End a backend as an administrator would, with SIGTERM: its tunnels get a FIN, and no close frame."""
        await self._keep_journal(name)
        self._ended.add(name)
        await self._backends[name].stop(grace_seconds=self._settings.timeouts.stop)

    async def lost(self) -> ProcessLost | None:
        """How a backend ended that nobody of us ended since `prepare`; None: all others run."""
        for name in self._backends.keys() - self._ended:
            if accident := await self._backends[name].lost():
                return accident
        return None

    def stopped(self) -> tuple[tuple[str, int], ...]:
        """Title and process id of every backend that is stopped and that nobody of us froze."""
        return tuple((b.title, b.pid) for b in self.living.values() if self._runtime.state(b.pid) in STOPPED)

    async def discard(self, pid: int) -> None:
        """End the backend of this process id at once, if there is one; `prepare` starts another."""
        for name in [name for name, backend in self._backends.items() if backend.pid == pid]:
            self._ended.add(name)
            await self._backends[name].stop(grace_seconds=0)

    async def _keep_journal(self, name: str) -> None:
        """Read a journal that is about to die with its program."""
        if name in self.living:
            self._kept += await self._backends[name].journal()

    async def journal(self) -> tuple[Arrival, ...]:
        """Every request that reached a backend since `prepare`, those that were ended meanwhile included, in order."""
        return tuple(sorted([*self._kept, *await self._living_journals()], key=lambda entry: entry.at))

    async def all_ended(self, *, but: int = 0) -> bool:
        """Whether every tunnel, but so many, has ended for the backend that served it, as far as it can be asked."""
        return sum(entry.accepted and not entry.closed for entry in await self._living_journals()) <= but

    async def _living_journals(self) -> list[Arrival]:
        journals = await asyncio.gather(*(backend.journal() for backend in self.living.values()))
        return [entry for journal in journals for entry in journal]

    async def revive(self, name: str) -> None:
        """Start a backend again on the ports it had."""
        for decoy in self._buried.pop(name, ()):
            decoy.close()
        info = self._backends[name].info
        await self._start(name, ports=(info.ws or 0, info.wss or 0))

    async def bury(self, name: str) -> None:
        """End a backend, and let its ports answer no connect any more, as a dead host or a firewall does.

        Raises:
            StartError: this system completes every connect.
        """
        await self.kill(name)
        ends = [self._backends[name].address(scheme) or "" for scheme in ("ws", "wss")]
        for host, _, port in (end.rpartition(":") for end in ends if end):
            self._buried.setdefault(name, []).append(Blackhole(host, int(port)))

    async def freeze(self, name: str) -> None:
        """Stop a backend's execution (SIGSTOP): the kernel still accepts connections, nobody answers."""
        self._frozen.add(name)
        self._backends[name].signal(signal.SIGSTOP)

    def _unbury(self) -> None:
        for decoy in (one for decoys in self._buried.values() for one in decoys):
            decoy.close()
        self._buried.clear()

    async def thaw(self, name: str) -> None:
        """Let a frozen backend go on (SIGCONT)."""
        self._frozen.discard(name)
        with contextlib.suppress(ProcessLookupError):
            self._backends[name].signal(signal.SIGCONT)

    async def stop(self) -> None:
        """End all, at a time; twice is once."""
        for name in tuple(self._frozen):
            await self.thaw(name)
        self._unbury()
        for decoy in self._decoys.values():
            decoy.close()
        self._decoys.clear()
        grace = self._settings.timeouts.stop
        await asyncio.gather(*(backend.stop(grace_seconds=grace) for backend in self._backends.values()))

    @property
    def living(self) -> dict[str, ManagedBackend]:
        """Those that run and are not frozen: they can be asked."""
        return {
            name: backend for name, backend in self._backends.items() if backend.running and name not in self._frozen
        }


def program_of(name: str, base: Mapping[str, Program] = BACKENDS) -> Program:
    """Program of a backend's name; a further instance has the next loopback address and only free ports.

    Args:
        base: programs of the parts: the stand-ins, or the recorders before real servers.
    """
    part, _, which = name.partition("-")
    if part not in {*BACKENDS, *base} or (which and not which.isdigit() and which not in VARIANTS):
        allowed = f"one of {', '.join(BACKENDS)}, or one with -2, -3, …"
        raise ConfigError(option="backend", value=name, allowed=allowed)
    if part not in base:
        raise NotAskable(needs="two servers (with one, only what is about a single member can be asked)")
    if base is not BACKENDS and which in VARIANTS:
        raise NotAskable(needs="an idle limit of a second")
    program = base[part]
    if not which:
        return program
    number, options = VARIANTS[which] if which in VARIANTS else (int(which), ())
    host = program.address.rpartition(".")
    address = f"{host[0]}.{int(host[2]) + 10 * (number - 1)}"
    return replace(program, address=address, port=0, tls_port=0, options=options)
