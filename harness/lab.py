"""The lab: backends, a proxy in front, a client, and the evidence of everything the client opened.

A scenario's act talks to this class and to nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import bisect
import contextlib
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.balancer import Balancer, Carrier, Listener, MemberState, Mount, Site
from harness.config import Settings
from harness.conversation import Conversation, whose
from harness.frames import Frame
from harness.handshake import Arrival, Handshake, Headers, one_header
from harness.http1 import OPENING, Request
from harness.interfaces import BalancerChange, Connector, Fault, MemberChange, RawConnector
from harness.raw import RawConversation
from harness.results import AccessLine, Event, MemberStatus, Record
from harness.waiting import until

if TYPE_CHECKING:
    from harness.fleet import Fleet
    from harness.proxy import ManagedProxy

__all__ = ["Lab"]

CORRELATION = "X-Wslb-Conn"
_LINES_A_SECOND = 200
"""Access log lines that even a busy machine writes in a second: more tunnels get more time to be logged."""
_CLOSING_AT_ONCE = 500
"""Closing handshakes under way at a time: thousands at once would run into each one's own deadline."""


class Lab:
    """Two backends and a proxy, ready to be tried. Use `launch.open_lab` to get one."""

    def __init__(
        self,
        *,
        settings: Settings,
        proxy: ManagedProxy,
        fleet: Fleet,
        connectors: Mapping[str, Connector],
        raw_connector: RawConnector,
        trust: ssl.SSLContext | None,
        environment: Mapping[str, object],
        open_files: int = 1024,
    ) -> None:
        self.settings = settings
        self.proxy = proxy
        self.fleet = fleet
        self.environment = environment
        self.open_files = open_files
        self.site: Site | None = None
        self._connectors = connectors
        self._raw_connector = raw_connector
        self._trust = trust
        self._conversations: list[Conversation | RawConversation] = []
        self._events: list[Event] = []
        self._before: tuple[MemberStatus, ...] = ()
        self._balancer: Balancer | None = None
        self._began = time.monotonic()
        self._scenario = ""
        self._seq = 0

    # -- what a runner does around a scenario ------------------------------------------------------------------------

    async def begin(self, name: str, site: Site, *, balancer: Balancer | None, served: Site | None = None) -> None:
        """Serve a site afresh, with empty journals and no faults, and start the evidence of a scenario.

        Args:
            name: of the scenario; part of every correlation id.
            site: as the scenario claims it, with backend names.
            balancer: whose members the evidence is about.
            served: what the proxy really gets, when a test wants it to differ from the claim.
        """
        await self.close_all()
        self._conversations.clear()
        self._events.clear()
        self._scenario, self._seq = name, 0
        self.site, self._balancer = site, balancer
        await self.fleet.prepare(served or site)
        await self.proxy.apply((served or site).resolved(self.addresses))
        self._before = await self._status()
        self._began = time.monotonic()
        for decoy in sorted(self.fleet.decoys & (served or site).backends):
            self.note("backend", f"{decoy}: no program serves this address", backend=decoy, up=False)

    async def collect(self) -> Record:
        """End every tunnel, wait until proxy and backends have noticed, and join what all of them saw."""
        await self.close_all()
        arrivals = await self._arrivals()
        proxied = tuple(self.proxy.front.url(listener, "/") for listener in Listener)
        made = [conversation.handshake for conversation in self._conversations]
        ids = {h.conn_id for h in made if h.url.startswith(proxied) and (h.accepted or h.conn_id in arrivals)}
        access = await self._access(ids)
        after = await self._status()
        logged = {line.conn_id: line for line in access}
        return Record(
            balancer=self._balancer,
            carrier=self.carrier,
            handshakes=tuple(
                self._joined(conversation.handshake, arrivals, logged) for conversation in self._conversations
            ),
            before=self._before,
            after=after,
            log=await self.proxy.log(),
            access=access,
            events=tuple(self._events),
            addresses=self.addresses,
            front={
                listener.value: f"{self.proxy.front.host}:{port}"
                for listener in Listener
                if (port := self.proxy.front.port(listener))
            },
            client=self.proxy.front.client,
        )

    async def _arrivals(self) -> dict[str, list[Arrival]]:
        """Journals by connection id, once they tell how every tunnel ended; what is missing then is evidence too."""
        with contextlib.suppress(TimeoutError):
            seconds = self.settings.timeouts.settle
            await until(self.fleet.all_ended, seconds=seconds, what="the end of every tunnel in the journals")
        arrivals: dict[str, list[Arrival]] = {}
        for entry in await self.fleet.journal():
            arrivals.setdefault(entry.conn_id or "", []).append(entry)
        return arrivals

    def _joined(
        self, handshake: Handshake, arrivals: Mapping[str, list[Arrival]], logged: Mapping[str, AccessLine]
    ) -> Handshake:
        line = logged.get(handshake.conn_id)
        return replace(
            handshake,
            arrivals=tuple(arrivals.get(handshake.conn_id, ())),
            logged_by=self._backend_at(line.member_url) if line else None,
            logged_status=line.status if line else None,
        )

    def _backend_at(self, member_url: str) -> str | None:
        """Backend that a member URL of the access log leads to."""
        for key, address in self.addresses.items():
            scheme, _, name = key.partition("://")
            spellings = {"ws": ("ws", "http"), "wss": ("wss", "https")}[scheme]
            if any(f"{member_url}/".startswith(f"{spelling}://{address}/") for spelling in spellings):
                return name
        return None

    async def _access(self, ids: set[str]) -> tuple[AccessLine, ...]:
        """Access log, once it has a line for every tunnel; what is still missing at the deadline is evidence too."""

        async def complete() -> bool:
            return ids <= {line.conn_id for line in await self.proxy.access()}

        if self.proxy.running:
            with contextlib.suppress(TimeoutError):
                seconds = self.settings.timeouts.settle + len(ids) / _LINES_A_SECOND
                await until(complete, seconds=seconds, what="access log lines of every tunnel")
        return await self.proxy.access()

    async def _status(self) -> tuple[MemberStatus, ...]:
        if self._balancer is None or not self.proxy.running:
            return ()
        return await self.proxy.status(self._balancer)

    # -- what a scenario does ----------------------------------------------------------------------------------------

    @property
    def addresses(self) -> Mapping[str, str]:
        """``host:port`` of every backend's listener, by ``scheme://name``."""
        return self.fleet.addresses

    @property
    def carrier(self) -> Carrier:
        """Module that was asked to carry the tunnels of this site."""
        return (self.site.carrier if self.site else None) or self.settings.carrier

    async def get(
        self, path: str, *, method: str = "GET", headers: Headers = (), listener: Listener = Listener.PLAIN
    ) -> tuple[int, str]:
        """An ordinary HTTP request to the proxy: status and body; a fact on the scenario's time axis."""
        begin = self.clock()
        status, fields, body = await self.proxy.fetch(path, method=method, headers=headers, listener=listener)
        mounted = self._mounted(path)
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
        _, writer = await asyncio.open_connection(self.proxy.front.host, self.proxy.front.plain)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self.note("knock", "TCP connect and close")

    def clock(self) -> float:
        """Seconds since the scenario began."""
        return time.monotonic() - self._began

    async def open(
        self,
        path: str | None = None,
        *,
        listener: Listener | None = None,
        headers: Headers = (),
        subprotocols: Sequence[str] = (),
        greeting: bool = True,
        compress: bool = False,
        via: str = "websockets",
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
            via: connector that opens it (`harness.connectors.CONNECTORS`).
            timeout_seconds: how long to wait for the answer; None takes the run's setting.
        """
        path, listener = self._target(path, listener)
        return await self._open(
            self.proxy.front.url(listener, path),
            headers,
            subprotocols,
            greeting=greeting,
            compress=compress,
            via=via,
            timeout_seconds=timeout_seconds,
        )

    async def raw(
        self,
        request: Request = OPENING,
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
            request: as it is written; see `harness.http1.Request` for what is filled in.
            path: of the proxy, where the request names no target of its own.
            listener: side of the proxy; None takes the mount's.
            tls: speak TLS or not; None does what the listener wants.
            behind: frames that follow the request in the same piece.
            piece_bytes: send in pieces of this size, each on its own; None sends all in one.
            frames: wait for this many frames after a 101.
            seconds: longest wait for the answer; no answer in that time is evidence.
        """
        path, listener = self._target(path, listener)
        url = self.proxy.front.url(listener, path)
        conversation = await self._connect_raw(request, url, path, tls=listener is Listener.TLS if tls is None else tls)
        await conversation.begin(behind, piece_bytes=piece_bytes)
        if await conversation.answer(seconds=seconds) and frames:
            await conversation.receive(frames, seconds=seconds)
        return conversation

    async def open_url(
        self, url: str, *, headers: Headers = (), subprotocols: Sequence[str] = (), greeting: bool = True
    ) -> Conversation:
        """Open one WebSocket at a URL, such as a backend's own."""
        return await self._open(url, headers, subprotocols, greeting=greeting)

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
                    await self.proxy.settled(self._balancer, busy=0, seconds=self.settings.timeouts.settle)
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

    async def settled(self) -> None:
        """Wait until the proxy counts exactly the open tunnels: it counts a request out after it has answered it.

        Raises:
            TimeoutError: the counters did not get there.
        """
        still_open = sum(c.accepted and c.handshake.closed_at is None for c in self._conversations)
        await self.proxy.settled(self._balancer, busy=still_open, seconds=self.settings.timeouts.settle)

    async def close_all(self) -> None:
        """Close whatever is open, so many at a time."""
        gate = asyncio.Semaphore(_CLOSING_AT_ONCE)

        async def one(conversation: Conversation | RawConversation) -> None:
            async with gate:
                await conversation.close()

        await asyncio.gather(*(one(conversation) for conversation in self._conversations))

    async def fault(self, backend: str, fault: Fault) -> None:
        """Let a backend misbehave, and note when."""
        await self.fleet[backend].fault(fault)
        self.note("fault", f"{backend}: {fault.kind}", **dict(fault.parameters))

    async def change(self, change: MemberChange | BalancerChange) -> None:
        """Change a member or the balancer at run time, and note when."""
        after = {status.route: status for status in await self.proxy.change(self.judged, change)}
        if isinstance(change, BalancerChange):
            self.note("balancer", f"lbmethod={change.lbmethod}", lbmethod=change.lbmethod)
            return
        status = after[change.route]
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
        self, change: MemberChange | BalancerChange, *, nonce: str | None = None, referer: str | None = "own"
    ) -> None:
        """Send balancer-manager a form that it should ignore, and note its answer and whether anything changed.

        Args:
            nonce: None sends the balancer's own.
            referer: ``own`` sends the one of a browser on the page, None sends none.
        """
        before = await self._status()
        status, after = await self.proxy.attempt(self.judged, change, nonce=nonce, referer=referer)
        self.note("attempt", f"{change}: {status}", status=status, changed=after != before)

    async def status(self) -> tuple[MemberStatus, ...]:
        """Members as balancer-manager shows them now."""
        return await self._status()

    def note(self, kind: str, text: str, **data: object) -> None:
        """Put an event on the scenario's time axis."""
        self._events.append(Event(at=self.clock(), kind=kind, text=text, data=data))

    @contextlib.asynccontextmanager
    async def held(self, count: int, path: str | None = None) -> AsyncIterator[list[Conversation]]:
        """`open_in_turn` with hold, closed at the end of the block."""
        conversations = await self.open_in_turn(count, path, hold=True)
        try:
            yield conversations
        finally:
            await self.close(conversations)

    def greeters(self, text: str) -> tuple[str, ...]:
        """Backends whose greeting this is (`whose`)."""
        return whose(text, {name: backend.info.greeting for name, backend in self.fleet.items()})

    def _target(self, path: str | None, listener: Listener | None) -> tuple[str, Listener]:
        if self.site is None:
            raise RuntimeError("the lab serves no site yet")
        if path is None:
            mount = self.site.mounts[0]
            return mount.path, listener or mount.listener
        mounted = self._mounted(path)
        return path, listener or (mounted.listener if mounted else Listener.PLAIN)

    def _mounted(self, path: str) -> Mount | None:
        """First mount that a path falls under, as ProxyPass matches: whole segments, first fit wins."""
        target = f"{path.partition('?')[0]}/"
        mounts = self.site.mounts if self.site else ()
        return next((mount for mount in mounts if target.startswith(f"{mount.path.rstrip('/')}/")), None)

    def _number(self) -> tuple[int, str]:
        self._seq += 1
        return self._seq, f"{self._scenario}-{self._seq}" if self._scenario else str(self._seq)

    def _keep(self, conversation: Conversation | RawConversation) -> None:
        bisect.insort(self._conversations, conversation, key=lambda item: item.seq)

    async def _open(
        self,
        url: str,
        headers: Headers,
        subprotocols: Sequence[str],
        *,
        greeting: bool,
        compress: bool = False,
        via: str = "websockets",
        timeout_seconds: float | None = None,
    ) -> Conversation:
        seq, conn_id = self._number()
        at = self.clock()
        opened = await self._connectors[via].open(
            url,
            headers=(*headers, (CORRELATION, conn_id)),
            subprotocols=subprotocols,
            tls=self._trust if url.startswith("wss") else None,
            timeout_seconds=self.settings.timeouts.handshake if timeout_seconds is None else timeout_seconds,
            compress=compress,
        )
        signed = one_header(opened.response, "X-Backend")
        conversation = Conversation(
            Handshake(
                conn_id=conn_id,
                seq=seq,
                url=url,
                request=opened.request,
                status=opened.status,
                reason=opened.reason,
                response=opened.response,
                elapsed_seconds=opened.elapsed_seconds,
                error=opened.error,
                opened_at=at,
                signed_by=signed if signed in self.fleet else None,
                subprotocol=opened.subprotocol,
            ),
            opened,
            clock=self.clock,
            whose_greeting=self.greeters,
            message_seconds=self.settings.timeouts.message,
        )
        self._keep(conversation)
        if greeting and opened.tunnel is not None:
            await conversation.greet()
        return conversation

    async def _connect_raw(self, request: Request, url: str, path: str, *, tls: bool) -> RawConversation:
        """Connect for a request; the conversation is kept, whatever becomes of it."""
        seq, conn_id = self._number()
        authority = url.partition("://")[2].partition("/")[0]
        sent = replace(request, target=request.target or path).filled(
            {
                "host": authority,
                "origin": f"{'https' if tls else 'http'}://{authority}",
                "key": base64.b64encode(secrets.token_bytes(16)).decode(),
            }
        )
        sent = sent.adding((CORRELATION, conn_id))
        handshake = Handshake(conn_id=conn_id, seq=seq, url=url, request=sent.headers, opened_at=self.clock())
        connection = None
        try:
            connection = await self._raw_connector.connect(
                url, tls=self._trust if tls else None, timeout_seconds=self.settings.timeouts.handshake
            )
        except ConnectionError as exc:
            handshake = replace(handshake, error=str(exc))
        conversation = RawConversation(
            handshake,
            connection,
            request=sent,
            clock=self.clock,
            whose_greeting=self.greeters,
            backends=lambda: frozenset(self.fleet),
            seconds=self.settings.timeouts.handshake,
        )
        self._keep(conversation)
        return conversation
