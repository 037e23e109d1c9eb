"""The lab: backends, a proxy in front, a client, and the evidence of everything the client opened.

A scenario's act talks to this class and to nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from wslb.config import Mpm, Settings
from wslb.errors import ContractError, EvidenceError, HarnessError, NotAskable, exhausted, plain
from wslb.fleet.servers import RELAYED
from wslb.interfaces import (
    Backends,
    BalancerChange,
    Connector,
    ConnectorName,
    Fault,
    Front,
    MemberChange,
    Proxy,
    RawConnector,
)
from wslb.lab.conversation import Conversation
from wslb.lab.ledger import Ledger
from wslb.lab.opener import Opener
from wslb.lab.raw_conversation import RawConversation
from wslb.lab.watch import Watch
from wslb.lab.witnesses import Witnesses
from wslb.model.balancer import Balancer, Carrier, Listener, MemberState, Site
from wslb.model.handshake import Headers
from wslb.model.results import MemberStatus, Record, Witness
from wslb.waiting import disconnect, until
from wslb.wire.frames import Frame
from wslb.wire.http1 import OPENING, RawRequest

__all__ = ["Lab"]


class Lab:
    """Two backends and a proxy, ready to be tried. Use `launch.open_lab` to get one.

    Attributes:
        watch: tells accidents of the lab from failures of the proxy.
        detours: ``host:port`` to be used instead of the proxy's (``ws``) or of a backend's (``ws://liberty``).
    """

    def __init__(
        self,
        *,
        settings: Settings,
        proxy: Proxy,
        fleet: Backends,
        connectors: Mapping[str, Connector],
        raw_connector: RawConnector,
        trust: ssl.SSLContext | None,
        environment: Mapping[str, object],
        open_files: int = 1024,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.settings = settings
        self.proxy = proxy
        self.fleet = fleet
        self.environment = environment
        self.open_files = open_files
        self.site: Site | None = None
        self.detours: dict[str, str] = {}
        self.ahead: Headers = ()
        self.watch = Watch(proxy=proxy, fleet=fleet, tell=tell)
        self._ledger = Ledger()
        self._opener = Opener(
            connectors=connectors,
            raw_connector=raw_connector,
            trust=trust,
            timeouts=settings.timeouts,
            backends=fleet,
            ledger=self._ledger,
            near=self._near,
        )
        self._witnesses = Witnesses(
            proxy=proxy,
            fleet=fleet,
            front=lambda: self.front,
            addresses=lambda: self.addresses,
            seconds=settings.timeouts.settle,
        )
        self._before: tuple[MemberStatus, ...] = ()
        self._balancer: Balancer | None = None
        self._claimed: Site | None = None

    # -- what a runner does around a scenario ------------------------------------------------------------------------

    async def begin(self, name: str, site: Site, *, balancer: Balancer | None, served: Site | None = None) -> None:
        """Serve a site afresh, with empty journals and no faults, and start the evidence of a scenario.

        Args:
            name: of the scenario; part of every correlation id.
            site: as the scenario claims it, with backend names.
            balancer: whose members the evidence is about.
            served: what the proxy really gets, when a test wants it to differ from the claim.
        """
        if self.fleet.plays_parts and any(mount.target_path.endswith("/echo") for mount in site.mounts):
            raise NotAskable(needs="an echo endpoint")
        if self.fleet.plays_parts and any(
            "hcuri" in dict(member.parameters) for one in site.balancers for member in one.members
        ):
            raise NotAskable(needs="a known answer to the GET of a health probe")
        paths = self.fleet.paths
        site, served = site.with_paths(paths), served and served.with_paths(paths)
        balancer = balancer and balancer.with_paths(paths)
        await self.close_all()
        self._ledger.begin(name)
        self.site, self._balancer = site, balancer
        await self.fleet.prepare(served or site)
        await self.proxy.stop()
        await self.fleet.forget()  # a health probe of the proxy that served until now may have come since
        self._claimed = site.resolved(self.addresses)
        await self.proxy.apply(served.resolved(self.addresses) if served else self._claimed)
        self._before = await self.status()
        self._ledger.start_clock()
        for decoy in sorted(self.fleet.decoys & (served or site).backends):
            self.note("backend", f"{decoy}: no program serves this address", backend=decoy, up=False)

    async def collect(self) -> Record:
        """End every tunnel, wait until proxy and backends have noticed, and join what all of them saw."""
        await self.close_all()
        handshakes, access = await self._witnesses.hear(self._ledger.conversations)
        after = await self.status()
        return Record(
            balancer=self._balancer,
            carrier=self.carrier,
            handshakes=handshakes,
            before=self._before,
            after=after,
            log=await self.proxy.log(),
            access=access,
            events=tuple(self._ledger.events),
            addresses=self.addresses,
            front=self.front.addresses,
            client=self.proxy.front.client,
            ahead=self.ahead,
            threads=self._threads,
            silent=self.fleet.silent,
            signature=self.fleet.signature,
            served=self.proxy.served(self._claimed) if self._claimed else None,
        )

    def _near(self) -> Collection[str]:
        """Backends that an answer may be of: instances of one real server are alike, also those of no use here."""
        return self.site.backends if self.site and self.fleet.real else self.fleet.keys()

    @property
    def _threads(self) -> int | None:
        """Threads of a process of httpd."""
        if self.proxy.installation.mpm == Mpm.PREFORK:
            return 1
        return self.site.process_model.threads if self.site else None

    # -- what a scenario does ----------------------------------------------------------------------------------------

    @property
    def addresses(self) -> Mapping[str, str]:
        """``host:port`` of every backend's listener, by ``scheme://name``."""
        return {**self.fleet.addresses, **{key: at for key, at in self.detours.items() if "://" in key}}

    @property
    def front(self) -> Front:
        """Where clients find the proxy."""
        at = self.detours.get("ws")
        return replace(self.proxy.front, plain=int(at.rpartition(":")[2])) if at else self.proxy.front

    @property
    def carrier(self) -> Carrier:
        """Module that was asked to carry the tunnels of this site."""
        asked = (self.site.carrier if self.site else None) or self.settings.carrier
        return self.proxy.dialect.capabilities.carrier(asked)

    async def get(
        self, path: str, *, method: str = "GET", headers: Headers = (), listener: Listener = Listener.PLAIN
    ) -> tuple[int, str]:
        """An ordinary HTTP request to the proxy: status and body; a fact on the scenario's time axis.

        No answer has status 0.
        """
        begin = self.clock()
        status, body = 0, ""
        fields: Headers = ()
        with self._noting("unanswered"):
            status, fields, body = await self.proxy.fetch(path, method=method, headers=headers, listener=listener)
        mounted = self.site.mount_of(path) if self.site else None
        balanced = mounted is not None and mounted.target == self._balancer and not mounted.conditions
        self.note(
            "request",
            f"{method} {path}: {status}",
            status=status,
            path=path,
            balanced=balanced,
            seconds=self.clock() - begin,
            headers=[list(field) for field in fields],
        )
        return status, body

    async def knock(self) -> None:
        """Connect to the proxy's plain port and hang up without a word, as a TCP health check does."""
        with self._noting("unanswered"):
            _, writer = await asyncio.open_connection(self.proxy.front.host, self.proxy.front.plain)
            await disconnect(writer)
            self.note("knock", "TCP connect and close")

    def clock(self) -> float:
        """Seconds since the scenario began."""
        return self._ledger.clock()

    async def open(
        self,
        path: str | None = None,
        *,
        listener: Listener | None = None,
        headers: Headers = (),
        subprotocols: Sequence[str] = (),
        greeting: bool = True,
        compress: bool = False,
        via: ConnectorName = "websockets",
        timeout_seconds: float | None = None,
    ) -> Conversation:
        """Open one WebSocket through the proxy.

        Args:
            path: of the proxy; None takes the site's first mount.
            listener: side of the proxy; None takes the mount's.
            headers: further fields of the request, such as ``(("Cookie", "ROUTEID=.node"),)``.
            subprotocols: offered ones.
            greeting: wait for the greeting; False for the echo endpoints, which send none.
            compress: offer permessage-deflate.
            via: connector that opens it (`wslb.connectors.CONNECTORS`).
            timeout_seconds: how long to wait for the answer; None takes the run's setting.
        """
        if self.fleet.real and subprotocols:
            raise NotAskable(needs="a subprotocol that both servers choose")
        path, listener = self._target(path, listener)
        return await self._opener.open(
            self.front.url(listener, path),
            headers,
            subprotocols,
            greeting=greeting and Witness.GREETING not in self.fleet.silent,
            compress=compress,
            via=via,
            timeout_seconds=timeout_seconds,
        )

    async def raw(
        self,
        request: RawRequest = OPENING,
        *,
        path: str | None = None,
        listener: Listener | None = None,
        tls: bool | None = None,
        behind: Sequence[Frame] = (),
        piece_bytes: int | None = None,
        frames: int = 0,
        seconds: float | None = None,
    ) -> RawConversation:
        """Send a request byte by byte, with the correlation id as its last field, and wait for the answer.

        Args:
            request: as it is written; see `wslb.wire.http1.RawRequest` for what is filled in.
            path: of the proxy, where the request names no target of its own.
            listener: side of the proxy; None takes the mount's.
            tls: speak TLS or not; None does what the listener wants.
            behind: frames that follow the request in the same piece.
            piece_bytes: send in pieces of this size, each on its own; None sends all in one.
            frames: wait for this many frames after a 101.
            seconds: longest wait for the answer; no answer in that time is evidence.
        """
        path, listener = self._target(path, listener)
        url = self.front.url(listener, path)
        conversation = await self._opener.connect(
            request, url, path, tls=listener is Listener.TLS if tls is None else tls
        )
        await conversation.begin(behind, piece_bytes=piece_bytes)
        frames -= bool(frames) and Witness.GREETING in self.fleet.silent  # nobody knows that a first one comes
        if await conversation.answer(seconds=seconds) and frames:
            await conversation.receive(frames, seconds=seconds)
        return conversation

    async def open_in_turn(
        self, count: int, path: str | None = None, *, hold: bool = False, settle: bool = False, headers: Headers = ()
    ) -> list[Conversation]:
        """Open WebSockets one after another, each after the handshake and greeting of the one before.

        Args:
            count: how many.
            path: of the proxy; None takes the site's first mount.
            hold: keep them open; otherwise each is closed before the next.
            settle: after each close, wait until the proxy counts no open tunnel, for methods that look at that.
            headers: further fields of every request.
        """
        opened: list[Conversation] = []
        for _ in range(count):
            conversation = await self.open(path, headers=headers)
            opened.append(conversation)
            if not hold:
                await conversation.close()
                if settle:
                    await self.settled(busy=0)
        return opened

    async def open_many(
        self, count: int, path: str | None = None, *, at_once: int, timeout_seconds: float | None = None
    ) -> list[Conversation]:
        """Open WebSockets, at most `at_once` handshakes at a time, and keep them all open."""
        gate = asyncio.Semaphore(at_once)
        opened: list[Conversation] = []

        async def one() -> None:
            async with gate:
                opened.append(await self.open(path, timeout_seconds=timeout_seconds))

        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(one())
        return opened

    async def close(self, conversations: Sequence[Conversation]) -> None:
        """Close these, all at a time, and wait until the proxy has counted them out."""
        await asyncio.gather(*(conversation.close() for conversation in conversations))
        await self.settled()

    async def settled(self, *, busy: int | None = None, balancer: Balancer | None = None) -> None:
        """Wait until the proxy counts exactly the open tunnels: it counts a request out after it has answered it.

        Counters that do not get there in time are evidence, and put on the time axis.

        Args:
            busy: how many tunnels are open; None takes those of this client.
            balancer: whose members are asked; None takes the one that the evidence is about.
        """
        wanted = self._ledger.still_open if busy is None else busy
        with self._noting("unsettled"):
            await self.proxy.settled(balancer or self._balancer, busy=wanted, seconds=self.settings.timeouts.settle)

    async def journaled(self) -> None:
        """Wait until the backends have noticed each end that this client has seen: a journal dies with its program."""

        async def noticed() -> bool:
            return await self.fleet.all_ended(but=self._ledger.still_open)

        with contextlib.suppress(TimeoutError):
            await until(noticed, seconds=self.settings.timeouts.settle, what="the ends in the journals")

    @contextlib.contextmanager
    def _noting(self, kind: str) -> Iterator[None]:
        """What the proxy does not do or does not answer is evidence: it is put on the time axis."""
        try:
            yield
        except (TimeoutError, OSError, ContractError, EvidenceError) as exc:
            if lacking := exhausted(exc):
                raise lacking from exc
            self.note(kind, str(exc) if isinstance(exc, HarnessError) else plain(exc))

    async def close_all(self) -> None:
        """Close whatever is open, so many at a time."""
        await self._ledger.close_all()

    async def fault(self, backend: str, fault: Fault) -> None:
        """Let a backend misbehave, and note when."""
        if self.fleet.real and fault.kind not in RELAYED:
            raise NotAskable(needs=f"a backend that can be told to misbehave ({fault.kind})")
        await self.fleet[backend].fault(fault)
        self.note("fault", f"{backend}: {fault.kind}", **dict(fault.parameters))

    async def change(self, change: MemberChange | BalancerChange) -> None:
        """Change a member or the balancer at run time, and note when."""
        after: dict[str, MemberStatus] = {}
        with self._noting("unchanged"):
            after = {status.route: status for status in await self.proxy.change(self.judged, change)}
        if not after:
            return
        if isinstance(change, BalancerChange):
            self.note("balancer", f"lbmethod={change.lbmethod}", lbmethod=change.lbmethod)
            return
        status = after.get(change.route)
        if status is None:
            self.note("unchanged", f"balancer-manager does not show {change.route}")
            return
        set_state = None if change.state is None else (change.state if change.on else MemberState.ENABLED).value
        self.note(
            "member",
            f"{change.route}: {status.status}, loadfactor {status.loadfactor:g}",
            route=change.route,
            loadfactor=change.loadfactor,
            state=set_state,
        )

    @property
    def judged(self) -> Balancer:
        """Balancer that the scenario's evidence is about."""
        if self._balancer is None:
            raise RuntimeError("the scenario has no balancer whose member could change")
        return self._balancer

    async def attempt(
        self,
        change: MemberChange | BalancerChange,
        *,
        nonce: str | None = None,
        referer: str | None = "own",
        control: bool = False,
    ) -> None:
        """Send balancer-manager a form that it should ignore, and note its answer and whether anything changed.

        Args:
            nonce: None sends the balancer's own.
            referer: ``own`` sends the one of a browser on the page, None sends none.
            control: the form is the one that it must obey, without which the others are no evidence.
        """
        before = await self.status()
        with self._noting("unanswered"):
            status, after = await self.proxy.attempt(self.judged, change, nonce=nonce, referer=referer)
            self.note("attempt", f"{change}: {status}", status=status, changed=after != before, control=control)

    async def status(self) -> tuple[MemberStatus, ...]:
        """Members of the judged balancer as balancer-manager shows them now.

        None while httpd does not run; none, and a note, where it shows no such page.
        """
        if self._balancer is not None and self.proxy.running:
            with self._noting("unread"):
                return await self.proxy.status(self._balancer)
        return ()

    def note(self, kind: str, text: str, **data: object) -> None:
        """Put an event on the scenario's time axis."""
        self._ledger.note(kind, text, **data)

    def _target(self, path: str | None, listener: Listener | None) -> tuple[str, Listener]:
        if self.site is None:
            raise RuntimeError("the lab serves no site yet")
        if path is None:
            mount = self.site.mounts[0]
            return mount.path, listener or mount.listener
        mounted = self.site.mount_of(path)
        return path, listener or (mounted.listener if mounted else Listener.PLAIN)
