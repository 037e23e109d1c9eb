"""A lab that serves a user's own configuration: adopted, a stand-in for each member, nothing outside loopback."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import aiohttp

from wslb.certificates import Authority
from wslb.config import RuntimeChoice, Settings
from wslb.connectors import CONNECTORS, StreamConnector, WebSocketConnector
from wslb.errors import ConfigError, EvidenceError, HarnessError, LabError, RuntimeUnavailable
from wslb.fleet.fleet import Fleet
from wslb.fleet.managed import Program, own_address, unprivileged
from wslb.interfaces import Progress, Runtime
from wslb.lab.lab import Lab
from wslb.lab.launch import environment_of, refuse_without_way
from wslb.lab.placement import Placement, enter, silent
from wslb.lab.real_members import RealMembers
from wslb.model.balancer import Balancer, Listener, Mount, Site
from wslb.proxies.adopted_proxy import AdoptedProxy
from wslb.proxies.adopting import Door, MemberPlace
from wslb.proxies.apache.adoption.adopt import adopt
from wslb.proxies.apache.adoption.adopted import Adopted
from wslb.proxies.apache.adoption.original import Original, read_original
from wslb.proxies.apache.adoption.questions import Question, balancer_model, questions
from wslb.proxies.apache.conf.balancers import BalancerLines
from wslb.proxies.apache.conf.textfiles import text_of
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.resources import console_page
from wslb.runtimes.local.local_runtime import LocalRuntime, ports_to_listen
from wslb.runtimes.local.openfiles import raise_limit
from wslb.runtimes.runfolder import RunFolder, sweep
from wslb.waiting import disconnect

__all__ = ["MOST_STAND_INS", "Trial", "close_quietly", "open_trial", "speaks_tls", "stand_in_program"]

MOST_STAND_INS = 32
MOST_PUBLISHED = 8
"""Ports of a container that has a network of its own: it is made before the configuration is read."""

_TLS_SECONDS = 3.0

_PAGE = "console-page"
_CONSOLE = Program(
    module="backends.lean",
    title="console page",
    address="127.0.0.102",
    port=0,
    tls_port=0,
    cl_path="/",
    arguments=("--play", "node"),
)
"""A backend that no member leads to, for its page alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A lab with the user's configuration at work.

    Attributes:
        connectors: those whose connections go to a listener's address, whatever name they ask for.
        tls: listeners that answered a TLS handshake.
        adopting: makes a form of the configuration servable as the first one was.
        page: address of the console page; None where none was asked for.
    """

    lab: Lab
    proxy: AdoptedProxy
    original: Original
    connectors: Sequence[StreamConnector | WebSocketConnector]
    tls: frozenset[Door]
    adopting: Callable[[Original], Adopted]
    page: str | None = None

    @property
    def adopted(self) -> Adopted:
        """What is served."""
        return self.proxy.adopted

    def model(self, lines: BalancerLines) -> Balancer | str:
        """A balancer as this httpd elects, or why nobody can tell, in one clause."""
        installation = self.proxy.installation
        deaf = installation.at_least(2, 4, 62) and not installation.at_least(2, 4, 64)
        return balancer_model(lines, self.adopted.stand_ins, hears_query=not deaf)

    def url(self, question: Question) -> str:
        """Where a client asks it."""
        scheme = "wss" if question.door in self.tls else "ws"
        return f"{scheme}://{question.door.address}:{self.proxy.ports[question.door.port]}{question.path}"

    def face(self, door: Door, server_name: str | None) -> None:
        """Let the lab's client come to this listener, under this name."""
        secure = door in self.tls
        self._face(None if secure else door, door if secure else None, server_name)

    def stand_before(self, server_name: str | None = None) -> Site:
        """Let the lab's client come to the listeners of a server: its paths, by the listener that serves each.

        Args:
            server_name: of a virtual host; None takes that of the first path.

        Raises:
            ConfigError: no server of that name has a path that is proxied.
        """
        every = questions(self.original.conf, self.adopted)
        name = every[0].server_name if server_name is None else server_name
        asked = [question for question in every if question.server_name == name]
        if not asked:
            names = sorted({question.server_name or "none" for question in every})
            raise ConfigError(option="server", value=name, allowed=f"one of {', '.join(names)}")
        plain = next((question.door for question in asked if question.door not in self.tls), None)
        secure = (question.door for question in asked if question.door in self.tls)
        tls = next((door for door in secure if plain is None or door.address == plain.address), None)
        self._face(plain, tls, name)
        return Site(
            mounts=tuple(
                Mount(path=q.path, target="", listener=Listener.TLS if q.door == tls else Listener.PLAIN)
                for q in asked
                if q.door in {plain, tls}
            )
        )

    def _face(self, plain: Door | None, tls: Door | None, server_name: str | None) -> None:
        self.proxy.face(plain, tls, server_name=server_name)
        for connector in self.connectors:
            connector.address = self.proxy.front.host

    async def serve(self, other: Original) -> None:
        """Serve another form of the configuration, with the same members and listeners, until the scenario ends.

        Raises:
            LabError: it could not be served.
        """
        await self.proxy.serve(self.adopting(other))


@contextlib.asynccontextmanager
async def open_trial(
    settings: Settings,
    file: Path,
    *,
    defines: Sequence[str] = (),
    values: Mapping[str, str] | None = None,
    commands: bool = False,
    page: bool = False,
    real: RealMembers | None = None,
    progress: Progress = silent,
    say: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Trial]:
    """Serve a configuration of the user's; everything has ended when the block is left, whichever way.

    Args:
        settings: which httpd: that of this machine, which has the files, unless a container is asked for.
        file: the configuration.
        defines: names as after httpd's ``-D``.
        values: of placeholders and variables.
        commands: the backends greet and run CL commands, on every path; otherwise they echo.
        page: serve a console page beside it, for which they run commands.
        real: leave the members as they are, with a recorder before each; None puts stand-ins in their places.
        progress: told of what takes long.
        say: told who does not answer any more.

    Raises:
        EvidenceError: there is nothing that could be read.
        ConfigError: a placeholder has no value, or there are too many members.
        LabError: it could not be served; a line that httpd refuses is named as the user's. Or a real member is away.
    """
    begin = time.monotonic()
    settings = replace(settings, doors=MOST_PUBLISHED)
    open_files = raise_limit()
    leftovers = tuple(map(str, sweep()))
    async with contextlib.AsyncExitStack() as stack:
        folder = RunFolder()
        stack.callback(folder.remove)
        place = await _enter(stack, settings, folder.path, progress)
        runtime, installation = place.runtime, place.installation
        leftovers += tuple(map(str, runtime.leftovers))
        local = runtime if isinstance(runtime, LocalRuntime) else LocalRuntime(folder.path)
        here = runtime is local
        network = await runtime.front(tls=False, plain_port=0, tls_port=0)
        original = read_original(file, installation=installation, defines=defines, values=values)
        adopting = partial(
            adopt,
            installation=installation,
            as_root=runtime.as_root,
            readable=_readable if here else lambda _: False,
            taking="a recorder before it" if real else "a stand-in",
            everywhere="" if network.listen == network.host else network.listen,
            apart=not here,
        )
        adopted = adopting(original)
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
        await local.write("tls/ca.pem", authority.pem)
        await _write_files(runtime, authority, adopted)
        trust = authority.client_context()
        client = authority.leaf("wslb client")  # for servers that want one, and trust the run's authority then
        trust.load_cert_chain(
            await local.write("tls/client.pem", client.certificate),
            await local.write("tls/client.key", client.key, secret=True),
        )
        proxy = AdoptedProxy(
            adopted=adopted,
            root=_root(original) if here else "",
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
        proxy.network = network
        stack.push_async_callback(proxy.stop)
        if real is not None:
            programs = await real.recorders(adopted)
        else:
            programs = {one.name: stand_in_program(one, cl=commands or page) for one in adopted.stand_ins}
        address = ""
        if page:
            (port,) = ports_to_listen(0)
            programs[_PAGE] = replace(_CONSOLE, port=port)
            address = f"http://{runtime.backend_address(own_address(_CONSOLE.address))}:{port}"
            settings = replace(settings, fixed_ports=True, origins=(address, *settings.origins))
        fleet = Fleet(
            settings=settings,
            runtime=local,
            proxy_runtime=runtime,
            session=session,
            authority=authority,
            programs=programs,
            recorded=real is not None,
        )
        stack.push_async_callback(fleet.stop)
        await fleet.start()
        await refuse_without_way(runtime, fleet)
        proxy.members = {
            stand_in.variable(tls=tls): fleet.addresses[f"{'wss' if tls else 'ws'}://{stand_in.name}"]
            for stand_in in adopted.stand_ins
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
        yield Trial(
            lab=lab,
            proxy=proxy,
            original=original,
            connectors=(raw, usual),
            tls=tls,
            adopting=adopting,
            page=f"{address}/WSConsole.html" if page else None,
        )


async def _enter(stack: contextlib.AsyncExitStack, settings: Settings, folder: Path, progress: Progress) -> Placement:
    """The httpd of this machine, which is the user's own, unless a container is asked for; else a container.

    Raises:
        LabError: there is none.
    """
    if settings.runtime is not RuntimeChoice.AUTO or settings.image:
        return await enter(stack, settings, folder, progress=progress)
    try:
        place = await enter(stack, replace(settings, runtime=RuntimeChoice.LOCAL), folder, progress=progress)
        return replace(place, why="auto: this machine has the files")
    except RuntimeUnavailable as exc:
        if settings.httpd:
            raise
        try:
            return await enter(stack, replace(settings, runtime=RuntimeChoice.DOCKER), folder, progress=progress)
        except LabError:
            raise exc from None


def stand_in_program(stand_in: MemberPlace, *, cl: bool) -> Program:
    """One that answers on every path: what it is sent, or CL commands, under a name that tells which member it is."""
    spoken = ("--play", "liberty", "--host-name", stand_in.name) if cl else ("--play", "node")
    return replace(
        _CONSOLE,
        title=f"stand-in of {stand_in.authority}",
        address="127.0.0.101",
        options=("--anywhere", "cl" if cl else "echo"),
        arguments=spoken,
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


async def _write_files(runtime: Runtime, authority: Authority, adopted: Adopted) -> None:
    """What httpd reads beside its configuration."""
    for brought in adopted.files:
        with contextlib.suppress(OSError, EvidenceError):
            await runtime.write(brought.name, text_of(Path(brought.path)).encode(), secret=True)
    await runtime.write("tls/ca.pem", authority.pem)
    await runtime.write("htdocs/WSConsole.html", console_page())
    for certified in adopted.certificates:
        leaf = authority.leaf("127.0.0.1", names=(*certified.names, "localhost"))
        await runtime.write(f"tls/{certified.name}.pem", leaf.certificate)
        await runtime.write(f"tls/{certified.name}.key", leaf.key, secret=True)


async def speaks_tls(port: int, door: Door) -> bool:
    """Whether a listener answers a TLS handshake."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
        async with asyncio.timeout(_TLS_SECONDS):
            _, writer = await asyncio.open_connection(door.address, port, ssl=context)
        await disconnect(writer)
        return True
    return False


async def close_quietly(lab: Lab) -> None:
    """Close what is open, whatever becomes of it."""
    with contextlib.suppress(HarnessError, OSError):
        await lab.close_all()
