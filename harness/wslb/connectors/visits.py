"""Openings of a server that is not ours, one after another, each talked to as its `Approach` says."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

from wslb.connectors.glance import glance
from wslb.connectors.trust import trust_of
from wslb.interfaces import Connector, Tunnel
from wslb.model.cookies import cookies_given
from wslb.model.handshake import Handshake
from wslb.wire.approach import Approach
from wslb.wire.naming import Showing
from wslb.wire.opens import Seen
from wslb.wire.refusals import Refusal

__all__ = ["CLOSING_SECONDS", "GREETING_SECONDS", "MOST_DEAD", "Visitor", "closing", "outcome", "shown"]

GREETING_SECONDS = 0.5
"""How long a server that speaks first may think."""

TURN_SECONDS = 1.0
"""Seconds that each opening of a row may take on average."""

CLOSING_SECONDS = 10.0
"""Seconds for a close and the end of the TCP connection; the client itself gives up sooner."""

MOST_DEAD = 3
"""Opens that may fail before a question is given up: a dead member refuses its turns alone."""

MOST_MESSAGES = 100


class Visitor:
    """Opens one server as often as asked.

    Attributes:
        tls: whom to believe; None for ``ws://``.
        listens: whether a server that speaks first is waited for.
    """

    def __init__(self, approach: Approach, connector: Connector, *, patience_seconds: float) -> None:
        """Prepare to open.

        Raises:
            ConfigError: the authority to trust is no certificate.
        """
        self._approach = approach
        self._connector = connector
        self._patience = patience_seconds
        self.tls: ssl.SSLContext | None = trust_of(approach)
        self.listens = approach.listens

    async def open(self, approach: Approach | None = None, *, cookies: str = "") -> tuple[Handshake, Tunnel | None]:
        """Open once, as this approach says, with further cookies."""
        asked = approach or self._approach
        kept = (("Cookie", cookies),) if cookies else ()
        return await self._connector.open(
            asked.url,
            headers=(*asked.fields(), *kept),
            subprotocols=asked.subprotocols,
            tls=self.tls,
            timeout_seconds=self._patience,
        )

    async def greeted(self, tunnel: Tunnel, *, always: bool = False) -> list[str | bytes]:
        """The first message, where the server speaks first."""
        if not (always or self.listens) or (self._approach.speech.says and not always):
            return []
        try:
            return [await tunnel.receive(timeout_seconds=GREETING_SECONDS)]
        except (TimeoutError, ConnectionError):
            return []

    async def talk(self, tunnel: Tunnel, messages: list[str | bytes]) -> str:
        """Say what is to be said and take in what comes, until the answer that is expected; empty, or what failed."""
        speech = self._approach.speech
        if not speech.says and not speech.expects:
            return ""
        try:
            if speech.says:
                await tunnel.send(speech.message)
            async with asyncio.timeout(self._patience if speech.expects else GREETING_SECONDS):
                while not (speech.expects and any(map(speech.satisfied, messages))) and len(messages) <= MOST_MESSAGES:
                    messages.append(await tunnel.receive(timeout_seconds=self._patience))
                    if not speech.expects:
                        return ""
        except (TimeoutError, ConnectionError):
            if not speech.expects and tunnel.ended is None:
                return ""
        if speech.expects and any(map(speech.satisfied, messages)):
            return ""
        if tunnel.ended is not None:
            code, why, _ = tunnel.ended
            return f"the server ended the tunnel instead of the answer ({code}{f' {why}' if why else ''})"
        last = f", the last was {shown(messages[-1])}" if messages else ""
        return f"no message fits {speech.expects} within {self._patience:g} s{last}"

    def row_seconds(self, count: int) -> float:
        """How long a row of so many opens may take in all."""
        return CLOSING_SECONDS + count * max(TURN_SECONDS, self._approach.timeout_seconds or 0)

    async def row(self, count: int, *, keep: bool = False) -> list[Seen]:
        """Open one after another; with `keep`, each sends the cookies that those before it were given.

        Returns:
            What each showed, in order; fewer when `row_seconds` were over.
        """
        row: list[Seen] = []
        jar: dict[str, str] = {}

        async def whole() -> None:
            for _ in range(count):
                sent = "; ".join(f"{name}={value}" for name, value in jar.items())
                handshake, tunnel = await self.open(cookies=sent)
                if keep:
                    jar.update(cookies_given(handshake.response))
                if tunnel is None:
                    row.append(Seen(failure=outcome(handshake)))
                    continue
                async with closing(tunnel):
                    messages = await self.greeted(tunnel)
                    failure = await self.talk(tunnel, messages)
                seen = Showing(response=handshake.response, messages=tuple(messages))
                row.append(Seen(failure=failure) if failure else Seen(showing=seen))

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.row_seconds(count)):
                await whole()
        return row

    async def refused(self) -> Refusal | None:
        """What a refused opening looks like in full; None where each of a few opened, or over HTTP/2."""
        asked = self._approach
        for _ in range(0 if asked.http2 else MOST_DEAD):  # what HTTP/1.1 would get is another question
            refusal = await glance(
                asked.url,
                headers=asked.fields(),
                subprotocols=asked.subprotocols,
                tls=self.tls,
                timeout_seconds=self._patience,
            )
            if refusal is not None:
                return refusal
        return None


@contextlib.asynccontextmanager
async def closing(tunnel: Tunnel) -> AsyncIterator[None]:
    """Close it in the end, also where time is up."""
    try:
        yield
    finally:
        await tunnel.close()


def outcome(handshake: Handshake) -> str:
    """Why this opening led to no tunnel, in a word or a sentence."""
    return str(handshake.status) if handshake.status not in {None, 101, 200} else handshake.error or "no answer"


def shown(message: str | bytes) -> str:
    """Begin of a message, quoted."""
    text = message if isinstance(message, str) else message.decode("latin-1")
    return repr(text if len(text) <= 80 else f"{text[:80]}…")
