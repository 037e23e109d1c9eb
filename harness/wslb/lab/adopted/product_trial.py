"""A lab that serves a user's own configuration of any product that can adopt one (`wslb.proxies.adopting`)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from wslb.certificates import Authority
from wslb.config import RuntimeChoice, Settings
from wslb.connectors import CONNECTORS, StreamConnector, WebSocketConnector
from wslb.errors import ConfigError, RuntimeUnavailable
from wslb.fleet.fleet import Fleet
from wslb.fleet.managed import unprivileged
from wslb.interfaces import Progress
from wslb.lab.lab import Lab
from wslb.lab.launch import environment_of
from wslb.lab.placement import enter, silent
from wslb.lab.trial import MOST_STAND_INS, close_quietly, speaks_tls, stand_in_program
from wslb.model.balancer import Site
from wslb.proxies.adopting import AdoptedConfiguration, AdoptedProgram, Adoption, Door, TriedPath
from wslb.runtimes.local.local_runtime import LocalRuntime
from wslb.runtimes.local.openfiles import raise_limit
from wslb.runtimes.runfolder import RunFolder, sweep

__all__ = ["ProductTrial", "open_product_trial"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductTrial:
    """A lab with the user's configuration at work.

    Attributes:
        connectors: those whose connections go to a listener's address, whatever name they ask for.
        tls: listeners that answered a TLS handshake.
    """

    lab: Lab
    proxy: AdoptedProgram
    file: Path
    connectors: Sequence[StreamConnector | WebSocketConnector]
    tls: frozenset[Door]

    @property
    def adopted(self) -> AdoptedConfiguration:
        """What is served."""
        return self.proxy.adopted

    def face(self, asked: TriedPath) -> None:
        """Let the lab's client come to the listener of a path, under its server's name."""
        self.proxy.face(asked.door, tls=asked.door in self.tls, server_name=asked.server_name)
        for connector in self.connectors:
            connector.address = self.proxy.front.host


@contextlib.asynccontextmanager
async def open_product_trial(
    settings: Settings,
    file: Path,
    adoption: Adoption,
    *,
    progress: Progress = silent,
    say: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[ProductTrial]:
    """Serve a configuration of the user's; everything has ended when the block is left, whichever way.

    Args:
        settings: of the lab; the program is that of this machine.
        file: the configuration.
        adoption: of the product that it is for.
        progress: told of what takes long.
        say: told who does not answer any more.

    Raises:
        EvidenceError: there is nothing that could be read.
        ConfigError: there are too many members.
        LabError: it could not be served; a line that the program refuses is named as the user's.
    """
    begin = time.monotonic()
    settings = replace(settings, proxy=adoption.proxy, runtime=RuntimeChoice.LOCAL)
    open_files = raise_limit()
    leftovers = tuple(map(str, sweep()))
    async with contextlib.AsyncExitStack() as stack:
        adopted = adoption.read(file)
        if len(adopted.stand_ins) > MOST_STAND_INS:
            raise ConfigError(
                option="the number of members",
                value=len(adopted.stand_ins),
                allowed=f"at most {MOST_STAND_INS}, for each becomes a program",
                hint="Name the file of one site instead.",
            )
        folder = RunFolder()
        stack.callback(folder.remove)
        place = await enter(stack, settings, folder.path, progress=progress)
        place = replace(place, why="this machine has the files")
        runtime = place.runtime
        if not isinstance(runtime, LocalRuntime):
            raise RuntimeUnavailable(
                runtime=runtime.name, reason="only this machine has the files", hint="--runtime local"
            )
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30), trust_env=False)
        )
        authority = Authority()
        trust = authority.client_context()
        leaves = {"client": authority.leaf("wslb client")}
        leaves |= {
            one.name: authority.leaf("127.0.0.1", names=(*one.names, "localhost")) for one in adopted.certificates
        }
        await runtime.write("tls/ca.pem", authority.pem)
        for name, leaf in leaves.items():
            await runtime.write(f"tls/{name}.pem", leaf.certificate)
            await runtime.write(f"tls/{name}.key", leaf.key, secret=True)
        trust.load_cert_chain(f"{runtime.folder}/tls/client.pem", f"{runtime.folder}/tls/client.key")
        proxy = adoption.program(
            adopted,
            runtime=runtime,
            installation=place.installation,
            session=session,
            settings=settings,
            user=unprivileged(),
            trust=trust,
        )
        stack.push_async_callback(proxy.stop)
        fleet = Fleet(
            settings=settings,
            runtime=runtime,
            proxy_runtime=runtime,
            session=session,
            authority=authority,
            programs={one.name: stand_in_program(one, cl=False) for one in adopted.stand_ins},
        )
        stack.push_async_callback(fleet.stop)
        await fleet.start()
        proxy.members = {
            one.variable(tls=tls): fleet.addresses[f"{'wss' if tls else 'ws'}://{one.name}"]
            for one in adopted.stand_ins
            for tls in (False, True)
        }
        await proxy.apply(Site(mounts=()))
        tls = frozenset([door for door in adopted.doors if await speaks_tls(proxy.ports[door.port], door)])
        raw, usual = StreamConnector(), WebSocketConnector()
        lab = Lab(
            settings=settings,
            proxy=proxy,
            fleet=fleet,
            connectors={name: connector() for name, connector in CONNECTORS.items()} | {usual.name: usual},
            raw_connector=raw,
            trust=trust,
            environment={
                **environment_of(settings, place, fleet, leftovers, time.monotonic() - begin),
                "carrier": f"as in {file.name}",
                "configuration": str(file),
                "changed_lines": [change.told for change in proxy.adopted.changes],
                "open_files": open_files,
            },
            open_files=open_files,
            tell=say,
        )
        stack.push_async_callback(close_quietly, lab)
        yield ProductTrial(lab=lab, proxy=proxy, file=file, connectors=(raw, usual), tls=tls)
