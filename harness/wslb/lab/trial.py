"""A lab that serves a user's own configuration: adopted, a stand-in for each member, nothing outside loopback."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from wslb.certificates import Authority
from wslb.config import RuntimeChoice, Settings
from wslb.connectors import CONNECTORS, StreamConnector
from wslb.errors import ConfigError, HarnessError
from wslb.fleet.fleet import Fleet
from wslb.fleet.managed import Program, unprivileged
from wslb.interfaces import Progress
from wslb.lab.lab import Lab
from wslb.lab.launch import environment_of
from wslb.lab.placement import enter, silent
from wslb.model.balancer import Site
from wslb.proxies.adopted_proxy import AdoptedProxy
from wslb.proxies.apache.adoption.adopt import adopt
from wslb.proxies.apache.adoption.adopted import Adopted, Door
from wslb.proxies.apache.adoption.original import Original, read_original
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.resources import console_page
from wslb.runtimes.local.local_runtime import LocalRuntime
from wslb.runtimes.local.openfiles import raise_limit
from wslb.runtimes.runfolder import RunFolder, sweep
from wslb.waiting import disconnect

__all__ = ["Trial", "open_trial"]

MOST_STAND_INS = 32
_TLS_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A lab with the user's configuration at work.

    Attributes:
        connector: of raw requests, which asks for the server's name over TLS.
        tls: listeners that answered a TLS handshake.
    """

    lab: Lab
    proxy: AdoptedProxy
    original: Original
    connector: StreamConnector
    tls: frozenset[Door]

    @property
    def adopted(self) -> Adopted:
        """What is served."""
        return self.proxy.adopted

    def face(self, door: Door, server_name: str | None) -> None:
        """Let the lab's client come to this listener, under this name."""
        secure = door in self.tls
        self.connector.server_name = server_name if secure else None
        self.proxy.face(door, tls=secure, server_name=self.connector.server_name)


@contextlib.asynccontextmanager
async def open_trial(
    settings: Settings,
    file: Path,
    *,
    defines: Sequence[str] = (),
    values: Mapping[str, str] | None = None,
    progress: Progress = silent,
    say: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Trial]:
    """Serve a configuration of the user's; everything has ended when the block is left, whichever way.

    Args:
        settings: which httpd; it runs on this machine, which has the files.
        file: the configuration.
        defines: names as after httpd's ``-D``.
        values: of placeholders and variables.
        progress: told of what takes long.
        say: told who does not answer any more.

    Raises:
        EvidenceError: there is nothing that could be read.
        ConfigError: a placeholder has no value, or there are too many members.
        LabError: it could not be served; a line that httpd refuses is named as the user's.
    """
    begin = time.monotonic()
    settings = replace(settings, runtime=RuntimeChoice.LOCAL)
    open_files = raise_limit()
    leftovers = tuple(map(str, sweep()))
    async with contextlib.AsyncExitStack() as stack:
        folder = RunFolder()
        stack.callback(folder.remove)
        place = await enter(stack, settings, folder.path, progress=progress)
        runtime, installation = LocalRuntime(folder.path), place.installation
        original = read_original(file, installation=installation, defines=defines, values=values)
        adopted = adopt(original, installation=installation, as_root=runtime.as_root, readable=_readable)
        if len(adopted.stand_ins) > MOST_STAND_INS:
            raise ConfigError(
                option="the number of members",
                value=len(adopted.stand_ins),
                allowed=f"at most {MOST_STAND_INS}, for each becomes a program",
                hint="Name the file of one site instead.",
            )
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30), trust_env=False)
        )
        authority = Authority()
        await _write_files(runtime, authority, adopted)
        trust = authority.client_context()
        proxy = AdoptedProxy(
            adopted=adopted,
            root=_root(original),
            tolerant=True,
            dialect=ApacheDialect(),
            runtime=runtime,
            installation=installation,
            session=session,
            carrier=settings.carrier,
            user=unprivileged(),
            trust=trust,
            ports=(0, 0),
            start_seconds=settings.timeouts.start,
            stop_seconds=settings.timeouts.stop,
        )
        stack.push_async_callback(proxy.stop)
        fleet = Fleet(
            settings=settings,
            runtime=runtime,
            proxy_runtime=runtime,
            session=session,
            authority=authority,
            programs={stand_in.name: _program(stand_in.authority) for stand_in in adopted.stand_ins},
        )
        stack.push_async_callback(fleet.stop)
        await fleet.start()
        proxy.members = {
            stand_in.variable(tls=tls): fleet.addresses[f"{'wss' if tls else 'ws'}://{stand_in.name}"]
            for stand_in in adopted.stand_ins
            for tls in (False, True)
        }
        await proxy.apply(Site(mounts=()))
        tls = frozenset([door for door in adopted.doors if await _speaks_tls(proxy, door)])
        connector = StreamConnector()
        lab = Lab(
            settings=settings,
            proxy=proxy,
            fleet=fleet,
            connectors={name: connector() for name, connector in CONNECTORS.items()},
            raw_connector=connector,
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
        stack.push_async_callback(_close_quietly, lab)
        yield Trial(lab=lab, proxy=proxy, original=original, connector=connector, tls=tls)


def _program(told: str) -> Program:
    return Program(
        module="backends.lean",
        title=f"stand-in of {told}",
        address="127.0.0.101",
        port=0,
        tls_port=0,
        cl_path="/",
        options=("--anywhere",),
        arguments=("--play", "node"),
    )


def _root(original: Original) -> str:
    """The user's ServerRoot, where it is there; relative paths of what is kept count from it."""
    named = next((d.first for d in original.effect.directives if d.key == "serverroot"), "")
    root = named or str(original.file.absolute().parent)
    return root if Path(root).is_dir() and '"' not in root else ""


def _readable(path: str) -> bool:
    with contextlib.suppress(OSError):
        return Path(path).is_dir()
    return False


async def _write_files(runtime: LocalRuntime, authority: Authority, adopted: Adopted) -> None:
    await runtime.write("tls/ca.pem", authority.pem)
    await runtime.write("htdocs/WSConsole.html", console_page())
    for certified in adopted.certificates:
        leaf = authority.leaf("127.0.0.1", names=(*certified.names, "localhost"))
        await runtime.write(f"tls/{certified.name}.pem", leaf.certificate)
        await runtime.write(f"tls/{certified.name}.key", leaf.key, secret=True)


async def _speaks_tls(proxy: AdoptedProxy, door: Door) -> bool:
    """Whether a listener answers a TLS handshake."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
        async with asyncio.timeout(_TLS_SECONDS):
            _, writer = await asyncio.open_connection(door.address, proxy.ports[door.port], ssl=context)
        await disconnect(writer)
        return True
    return False


async def _close_quietly(lab: Lab) -> None:
    with contextlib.suppress(HarnessError, OSError):
        await lab.close_all()
