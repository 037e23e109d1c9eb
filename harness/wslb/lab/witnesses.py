"""Joins what the three witnesses saw of every connection: the client, the backends' journals, the access log."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from wslb.interfaces import Backends, Front, Proxy
from wslb.lab.conversation import Conversation
from wslb.lab.raw_conversation import RawConversation
from wslb.model.balancer import Listener
from wslb.model.handshake import Arrival, Handshake
from wslb.model.results import AccessLine, Witness
from wslb.waiting import until

__all__ = ["Witnesses"]

_LINES_A_SECOND = 200
"""Access log lines that even a busy machine writes in a second: more tunnels get more time to be logged."""


class Witnesses:
    """Asked once every tunnel of a scenario was closed."""

    def __init__(
        self,
        *,
        proxy: Proxy,
        fleet: Backends,
        front: Callable[[], Front],
        addresses: Callable[[], Mapping[str, str]],
        seconds: float,
    ) -> None:
        self._proxy = proxy
        self._fleet = fleet
        self._front = front
        self._addresses = addresses
        self._seconds = seconds

    async def hear(
        self, conversations: Sequence[Conversation | RawConversation]
    ) -> tuple[tuple[Handshake, ...], tuple[AccessLine, ...]]:
        """Wait until proxy and backends have noticed that the tunnels ended: the joined handshakes, the access log."""
        arrivals = await self._arrivals()
        proxied = tuple(self._front().url(listener, "/") for listener in Listener)
        made = [conversation.handshake for conversation in conversations]
        ids = {h.conn_id for h in made if h.url.startswith(proxied) and (h.accepted or h.conn_id in arrivals)}
        access = await self._access(ids)
        logged = {line.conn_id: line for line in access}
        return tuple(self._joined(c.handshake, arrivals, logged) for c in conversations), access

    async def _arrivals(self) -> dict[str, list[Arrival]]:
        """Journals by connection id, once they tell how every tunnel ended; what is missing then is evidence too."""
        with contextlib.suppress(TimeoutError):
            await until(self._fleet.all_ended, seconds=self._seconds, what="the end of every tunnel in the journals")
        arrivals: dict[str, list[Arrival]] = {}
        for entry in await self._fleet.journal():
            arrivals.setdefault(entry.conn_id or "", []).append(entry)
        return arrivals

    def _joined(
        self, handshake: Handshake, arrivals: Mapping[str, list[Arrival]], logged: Mapping[str, AccessLine]
    ) -> Handshake:
        line = logged.get(handshake.conn_id)
        own = tuple(arrivals.get(handshake.conn_id, ()))
        return replace(
            handshake,
            arrivals=own,
            recorded_by=self._recorded(handshake, own),
            logged_by=self._backend_at(line.member_url) if line else None,
            logged_status=line.status if line else None,
        )

    def _recorded(self, handshake: Handshake, arrivals: Sequence[Arrival]) -> str | None:
        """Real server whose answer this is by its journal, where the answer itself cannot say that."""
        answered = [arrival.backend for arrival in arrivals if arrival.status == handshake.status is not None]
        silent = self._fleet.silent
        greets = Witness.GREETING not in silent and len(handshake.greeters) < 2
        signs = Witness.SIGNATURE not in silent and len(handshake.signers) < 2
        due = handshake.accepted and (greets or signs)
        return answered[-1] if self._fleet.real and answered and not due else None

    def _backend_at(self, member_url: str) -> str | None:
        """Backend that a member URL of the access log leads to."""
        for key, address in self._addresses().items():
            scheme, _, name = key.partition("://")
            spellings = {"ws": ("ws", "http"), "wss": ("wss", "https")}[scheme]
            if any(f"{member_url}/".startswith(f"{spelling}://{address}/") for spelling in spellings):
                return name
        return None

    async def _access(self, ids: set[str]) -> tuple[AccessLine, ...]:
        """Access log, once it has a line for every tunnel; what is still missing at the deadline is evidence too."""

        async def complete() -> bool:
            return ids <= {line.conn_id for line in await self._proxy.access()}

        if self._proxy.running:
            with contextlib.suppress(TimeoutError):
                seconds = self._seconds + len(ids) / _LINES_A_SECOND
                await until(complete, seconds=seconds, what="access log lines of every tunnel")
        return await self._proxy.access()
