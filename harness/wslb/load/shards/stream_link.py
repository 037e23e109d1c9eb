"""One connection of a load run over HTTP/2: a tunnel on a stream (RFC 8441), with the life of a `Link`."""

from __future__ import annotations

import asyncio
from typing import Any

from wslb.interfaces import Connector, Tunnel
from wslb.load.shards.link import Link, Phase
from wslb.model.handshake import Handshake
from wslb.wire.http1 import AnswerHead

__all__ = ["StreamLink"]

LONGEST_SILENCE = 86_400.0


class StreamLink(Link):
    """A connection whose frames a connector carries; it asks as often as HTTP/1.1 does, at more cost."""

    __slots__ = ("cookies", "tasks", "tunnel")

    def __init__(self, *args: Any, cookies: str, **named: Any) -> None:
        super().__init__(*args, **named)
        self.cookies = cookies
        self.tasks: set[asyncio.Task[None]] = set()
        self.tunnel: Tunnel | None = None

    async def run(self, connector: Connector, **how: Any) -> None:
        """Open, as `Connector.open` is asked, and hear until it ends."""
        handshake, tunnel = await connector.open(self.owner.plan.url, **how)
        self.tunnel = tunnel
        if tunnel is None:
            self._unopened(handshake)
            return
        if self.phase is Phase.DONE:  # it came too late
            await tunnel.close()
            return
        self._opened(_head(handshake))
        try:
            while self.phase < Phase.CLOSING:
                self._message(await tunnel.receive(timeout_seconds=LONGEST_SILENCE))
        except (ConnectionError, TimeoutError):
            if self.phase < Phase.CLOSING:
                code, _, by = tunnel.ended or (1006, "", "lost")
                self.fail(f"closed with {code}" if by == "server" else "lost")

    def _unopened(self, handshake: Handshake) -> None:
        if handshake.status is None:
            self.fail((handshake.error or "no answer")[:60])
            return
        kind = f"status {handshake.status}"
        self.owner.refused(kind, _head(handshake))
        self.fail(kind)

    def _write(self, message: str | bytes) -> None:
        if self.tunnel is not None:
            self._do(self.tunnel.send(message))

    def send(self) -> None:
        """Send the next message."""
        if self.phase is Phase.OPEN:
            payload = self.owner.payload(self.number, self.sent)
            self.sent += 1
            self._write(payload)

    def close(self) -> None:
        """Begin the closing handshake."""
        if self.phase is Phase.OPEN and self.tunnel is not None:
            self.phase = Phase.CLOSING
            self._do(self._closed(self.tunnel))

    async def _closed(self, tunnel: Tunnel) -> None:
        await tunnel.close()
        if self.phase is Phase.DONE:
            return
        if tunnel.ended is None or tunnel.ended[2] == "lost":
            self.fail("no close frame in answer")
        else:
            self.phase = Phase.DONE
            self.owner.closed(self)

    def fail(self, kind: str) -> None:
        """End it as a failure of this kind; once."""
        if self.phase is not Phase.DONE and self.phase is not Phase.CLOSING and self.tunnel is not None:
            self._do(self.tunnel.close())
        super().fail(kind)

    def _do(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def _quietly(work: Any) -> None:
    """What a connection that has ended does not take is told by its end."""
    try:
        await work
    except (ConnectionError, TimeoutError):
        return


def _head(handshake: Handshake) -> AnswerHead:
    fields = tuple(field for field in handshake.response if not field[0].startswith(":"))
    return AnswerHead(version="2", status=handshake.status or 0, reason="", headers=fields, size=0)
