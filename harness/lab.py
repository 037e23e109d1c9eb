"""The lab: backends, a proxy in front, a client, and the evidence of everything the client opened.

A scenario's act talks to this class and to nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.balancer import Balancer, Listener, Site
from harness.config import Settings
from harness.conversation import Conversation
from harness.handshake import Arrival, Handshake, Headers, one_header
from harness.interfaces import Connector, Fault, MemberChange
from harness.results import AccessLine, Event, MemberStatus, Record
from harness.waiting import until

if TYPE_CHECKING:
    from harness.fleet import Fleet
    from harness.proxy import ManagedProxy

__all__ = ["Lab"]

CORRELATION = "X-Wslb-Conn"


class Lab:
    """Two backends and a proxy, ready to be tried. Use `launch.open_lab` to get one."""

    def __init__(
        self,
        *,
        settings: Settings,
        proxy: ManagedProxy,
        fleet: Fleet,
        connector: Connector,
        trust: ssl.SSLContext | None,
        environment: Mapping[str, object],
    ) -> None:
        self.settings = settings
        self.proxy = proxy
        self.fleet = fleet
        self.environment = environment
        self.site: Site | None = None
        self._connector = connector
        self._trust = trust
        self._conversations: list[Conversation] = []
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

    async def collect(self) -> Record:
        """End every tunnel, wait until proxy and backends have noticed, and join what all of them saw."""
        await self.close_all()
        ids = {conversation.handshake.conn_id for conversation in self._conversations if conversation.accepted}
        access = await self._access(ids)
        after = await self._status()
        journals = await asyncio.gather(*(backend.journal() for backend in self.fleet.living.values()))
        arrivals: dict[str, list[Arrival]] = {}
        for entry in sorted((entry for journal in journals for entry in journal), key=lambda entry: entry.at):
            arrivals.setdefault(entry.conn_id or "", []).append(entry)
        logged = {line.conn_id: line for line in access}
        return Record(
            balancer=self._balancer,
            carrier=(self.site.carrier if self.site else None) or self.settings.carrier,
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
            if member_url.startswith(f"{scheme}://{address}"):
                return name
        return None

    async def _access(self, ids: set[str]) -> tuple[AccessLine, ...]:
        """Access log, once it has a line for every tunnel; what is still missing at the deadline is evidence too."""

        async def complete() -> bool:
            return ids <= {line.conn_id for line in await self.proxy.access()}

        if self.proxy.running:
            with contextlib.suppress(TimeoutError):
                await until(complete, seconds=self.settings.timeouts.settle, what="access log lines of every tunnel")
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

    async def get(self, path: str, *, headers: Headers = (), listener: Listener = Listener.PLAIN) -> tuple[int, str]:
        """An ordinary HTTP request to the proxy: status and body; a fact on the scenario's time axis."""
        status, body = await self.proxy.get(path, headers=headers, listener=listener)
        self.note("request", f"GET {path}: {status}", status=status)
        return status, body

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
    ) -> Conversation:
        """Open one WebSocket through the proxy.

        Args:
            path: of the proxy; None takes the site's first mount.
            listener: side of the proxy; None takes the mount's.
            headers: further fields of the request, such as ``(("Cookie", "ROUTEID=.node"),)``.
            subprotocols: offered ones.
            greeting: wait for the greeting; False for the echo endpoints, which send none.
        """
        path, listener = self._target(path, listener)
        return await self._open(self.proxy.front.url(listener, path), headers, subprotocols, greeting=greeting)

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

    async def open_many(self, count: int, path: str | None = None, *, at_once: int) -> list[Conversation]:
        """Open WebSockets, at most `at_once` handshakes at a time, and keep them all open."""
        gate = asyncio.Semaphore(at_once)
        opened: list[Conversation] = []

        async def one() -> None:
            async with gate:
                opened.append(await self.open(path))

        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(one())
        return opened

    async def close(self, conversations: Sequence[Conversation]) -> None:
        """Close these, all at a time, and wait until the proxy has counted them out."""
        await asyncio.gather(*(conversation.close() for conversation in conversations))
        still_open = sum(c.accepted and c.handshake.closed_at is None for c in self._conversations)
        await self.proxy.settled(self._balancer, busy=still_open, seconds=self.settings.timeouts.settle)

    async def close_all(self) -> None:
        """Close whatever is open."""
        await asyncio.gather(*(conversation.close() for conversation in self._conversations))

    async def fault(self, backend: str, fault: Fault) -> None:
        """Let a backend misbehave, and note when."""
        await self.fleet[backend].fault(fault)
        self.note("fault", f"{backend}: {fault.kind}", **dict(fault.parameters))

    async def change(self, change: MemberChange) -> MemberStatus:
        """Change a member at run time, and note when."""
        if self._balancer is None:
            raise RuntimeError("the scenario has no balancer whose member could change")
        status = await self.proxy.change(self._balancer, change)
        self.note("member", f"{change.route}: {status.status}", loadfactor=status.loadfactor)
        return status

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

    def backend_of_greeting(self, text: str) -> str | None:
        """Backend whose greeting this is, exactly; None for nobody's and for one that two backends share."""
        named = [name for name, backend in self.fleet.items() if backend.info.greeting == text]
        return named[0] if len(named) == 1 else None

    def _target(self, path: str | None, listener: Listener | None) -> tuple[str, Listener]:
        if self.site is None:
            raise RuntimeError("the lab serves no site yet")
        if path is None:
            mount = self.site.mounts[0]
            return mount.path, listener or mount.listener
        target = f"{path.partition('?')[0]}/"
        mounted = next((mount for mount in self.site.mounts if target.startswith(f"{mount.path.rstrip('/')}/")), None)
        return path, listener or (mounted.listener if mounted else Listener.PLAIN)

    async def _open(self, url: str, headers: Headers, subprotocols: Sequence[str], *, greeting: bool) -> Conversation:
        self._seq += 1
        seq = self._seq
        conn_id = f"{self._scenario}-{seq}" if self._scenario else str(seq)
        at = self.clock()
        opened = await self._connector.open(
            url,
            headers=(*headers, (CORRELATION, conn_id)),
            subprotocols=subprotocols,
            tls=self._trust if url.startswith("wss") else None,
            timeout_seconds=self.settings.timeouts.handshake,
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
            whose_greeting=self.backend_of_greeting,
            message_seconds=self.settings.timeouts.message,
        )
        self._conversations.append(conversation)
        self._conversations.sort(key=lambda item: item.handshake.seq)
        if greeting and opened.tunnel is not None:
            await conversation.greet()
        return conversation
