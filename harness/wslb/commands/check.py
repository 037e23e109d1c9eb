"""``wslb check URL``: what any WebSocket server, or balancer in front of several, does with one client.

From the outside only: no journal, no configuration. Who answered is told by a header, a cookie or the first message.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from wslb.connectors.visits import CLOSING_SECONDS, GREETING_SECONDS, MOST_DEAD, Visitor, closing, outcome, shown
from wslb.errors import plain
from wslb.interfaces import Connector, Tunnel
from wslb.model.handshake import Handshake, accept_for, header_values, one_header, tokens
from wslb.waiting import disconnect
from wslb.wire.approach import Approach
from wslb.wire.naming import found
from wslb.wire.opens import Demand, Mark, ProbeAnswer, Seen, failures, judged, stuck
from wslb.wire.refusals import likely
from wslb.wire.signatures import proxy_of

__all__ = ["MESSAGE_LIMIT", "Probe"]

PATIENCE = 5.0
"""Seconds that each single question may take."""

PONG_SECONDS = 2.0
ECHO_SECONDS = 2.0
MEBIBYTE = 1024 * 1024

MESSAGE_LIMIT = 4 * MEBIBYTE
"""Longest message that a server may send, in bytes; what we send it is a quarter of that."""

AFTER_REFUSAL = 6
"""Opens that follow a refused one, to see whether each is refused."""

STICKY = 10
"""Opens with the cookies of those before them."""

_OPENING = frozenset({"TCP", "TLS", "Upgrade", "Accept", "Opening"})
"""Questions whose answer is no when an opening leads to no tunnel."""


class Probe:
    """Asks one server, question by question; an unanswered one ends the asking where nothing can follow."""

    def __init__(
        self,
        approach: Approach,
        connector: Connector,
        *,
        wanted: Demand | None = None,
    ) -> None:
        """Prepare to ask.

        Raises:
            ConfigError: the authority to trust is no certificate.
        """
        self._approach = approach
        self._address = approach.address
        self._wanted = wanted or Demand()
        self._patience = approach.timeout_seconds or PATIENCE
        self._visitor = Visitor(approach, connector, patience_seconds=self._patience)
        self._server = ""

    async def answers(self) -> AsyncIterator[ProbeAnswer]:
        """Each answer as it comes; the first opening that led to no tunnel is explained behind its own."""
        explained = False
        async for answer in self._asked():
            yield answer
            unopened = answer.name in _OPENING or (answer.name == "Backends" and "failed" in answer.text)
            if answer.mark == Mark.BROKEN and unopened and not explained:
                explained = True
                async for cause in self._causes():
                    yield cause

    async def _causes(self) -> AsyncIterator[ProbeAnswer]:
        """What such a refusal looks like in full, and its likely causes; a dead member refuses its turns alone."""
        refused = await self._visitor.refused()
        if refused is not None:
            yield ProbeAnswer(mark=Mark.NOTE, name="Answer", text=refused.told())
            for number, one in enumerate(likely(refused)):
                yield ProbeAnswer(mark=Mark.NOTE, name="or" if number else "Cause", text=str(one))

    async def _asked(self) -> AsyncIterator[ProbeAnswer]:
        reachable = False
        async for answer in self._network():
            reachable = answer.mark == Mark.HOLDS
            yield answer
        if not reachable:
            return
        handshake, tunnel = await self._visitor.open()
        yield _upgrade(handshake)
        if handshake.accepted and not handshake.extended_connect:
            yield _accept(handshake)
        if tunnel is None:
            if handshake.accepted:
                why = handshake.error or "the client took no part in it"
                yield ProbeAnswer(mark=Mark.BROKEN, name="Opening", text=f"refused: {why}", rule="RFC 6455 §4.1")
                return
            async for answer in self._after_refusal():
                yield answer
            return
        self._server = proxy_of(handshake.response)
        if self._approach.subprotocols:
            yield _subprotocol(handshake)
        async with closing(tunnel):
            messages = await self._visitor.greeted(tunnel, always=True)
            self._visitor.listens = self._visitor.listens or bool(messages)
            if self._approach.speech.says or self._approach.speech.expects:
                yield await _within(2 * self._patience, "Speech", self._spoken(tunnel, messages))
        if self._approach.origin is not None:
            yield await _within(2 * self._patience, "Origin", self._without_origin())
        yield await _within(PATIENCE, "Ping", self._fresh("Ping", _ping))
        yield await _within(CLOSING_SECONDS, "Close", self._fresh("Close", _close))
        if self._wanted.echo:
            yield await _within(2 * PATIENCE, "Echo", self._fresh("Echo", _echo))
        if self._server:
            yield ProbeAnswer(mark=Mark.NOTE, name="Server", text=self._server)
        async for answer in self._balance():
            yield answer

    async def _after_refusal(self) -> AsyncIterator[ProbeAnswer]:
        """Whether it is refused without an Origin too, and each time: a dead member refuses its turns alone."""
        if self._approach.origin is not None:
            yield await _within(2 * self._patience, "Origin", self._without_origin(refused=True))
        row = await self._row(min(self._wanted.count, AFTER_REFUSAL), what="Opens")
        if isinstance(row, ProbeAnswer):
            yield row
        elif all(one.failure for one in row):
            yield ProbeAnswer(mark=Mark.BROKEN, name="Opens", text=failures(row))
        else:
            async for answer in self._balance():
                yield answer

    async def _network(self) -> AsyncIterator[ProbeAnswer]:
        loop = asyncio.get_running_loop()
        begin = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                found = await loop.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            yield ProbeAnswer(mark=Mark.BROKEN, name="DNS", text=f"{self._address.host} has no address ({_told(exc)})")
            return
        addresses = ", ".join(dict.fromkeys(str(info[4][0]) for info in found))
        yield ProbeAnswer(mark=Mark.HOLDS, name="DNS", text=addresses, seconds=time.monotonic() - begin)
        begin = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                _, writer = await asyncio.open_connection(self._address.host, self._address.port)
        except OSError as exc:
            yield ProbeAnswer(mark=Mark.BROKEN, name="TCP", text=f"port {self._address.port}: {_told(exc)}")
            return
        connected = time.monotonic() - begin
        await disconnect(writer)
        yield ProbeAnswer(mark=Mark.HOLDS, name="TCP", text="connected", seconds=connected)
        if self._visitor.tls is not None:
            yield await self._secure(self._visitor.tls)

    async def _secure(self, context: ssl.SSLContext) -> ProbeAnswer:
        begin = time.monotonic()
        host, port = self._address.host, self._address.port
        try:
            async with asyncio.timeout(PATIENCE):
                _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
        except ssl.SSLCertVerificationError as exc:
            return ProbeAnswer(mark=Mark.BROKEN, name="TLS", text=f"certificate refused: {exc.verify_message}")
        except OSError as exc:
            return ProbeAnswer(mark=Mark.BROKEN, name="TLS", text=_told(exc).removeprefix("TLS: "))
        tls = writer.get_extra_info("ssl_object")
        took = time.monotonic() - begin
        told = tls.version()
        await disconnect(writer)
        trust = "certificate verified" if context.verify_mode is ssl.CERT_REQUIRED else "certificate not verified"
        return ProbeAnswer(mark=Mark.HOLDS, name="TLS", text=f"{told}, {trust}", seconds=took)

    async def _spoken(self, tunnel: Tunnel, messages: list[str | bytes]) -> ProbeAnswer:
        begin = time.monotonic()
        failure = await self._visitor.talk(tunnel, messages)
        seconds = time.monotonic() - begin
        if failure:
            return ProbeAnswer(mark=Mark.BROKEN, name="Speech", text=failure)
        if not self._approach.speech.expects:
            text = f"answered {shown(messages[-1])}" if messages else "nothing came in answer to the first message"
            return ProbeAnswer(mark=Mark.NOTE, name="Speech", text=text)
        return ProbeAnswer(mark=Mark.HOLDS, name="Speech", text=f"answered {shown(messages[-1])}", seconds=seconds)

    async def _without_origin(self, *, refused: bool = False) -> ProbeAnswer:
        """What the same handshake gets without an Origin, as a program sends it."""
        handshake, tunnel = await self._visitor.open(self._approach.having(origin=None))
        if tunnel is not None:
            await tunnel.close()
        origin = self._approach.origin or self._approach.own_origin
        got = outcome(handshake)
        if refused and tunnel is not None:
            text = f"it opens without an Origin, and is refused with {origin}: let the server allow that one"
        elif refused:
            text = f"refused without an Origin too ({got})"
        elif tunnel is not None:
            text = f"opens with {origin}, and without one"
        else:
            text = f"opens with {origin}, refused without one ({got})"
        return ProbeAnswer(mark=Mark.NOTE, name="Origin", text=text)

    async def _fresh(self, name: str, ask: Callable[[Tunnel], Awaitable[ProbeAnswer]]) -> ProbeAnswer:
        """Ask on a tunnel of its own, on which nothing was sent; a dead member may cost a turn or two."""
        failure = ""
        for _ in range(MOST_DEAD):
            handshake, tunnel = await self._visitor.open()
            if tunnel is not None:
                async with closing(tunnel):
                    return await ask(tunnel)
            failure = outcome(handshake)
        return ProbeAnswer(mark=Mark.BROKEN, name=name, text=f"not asked, {MOST_DEAD} opens failed: {failure}")

    async def _row(self, count: int, *, what: str, keep: bool = False) -> list[Seen] | ProbeAnswer:
        """Openings one after another, or that they were not done in time."""
        row = await self._visitor.row(count, keep=keep)
        if len(row) == count:
            return row
        seconds = self._visitor.row_seconds(count)
        text = f"not done within {seconds:g} s: {len(row)} of {count} opens"
        return ProbeAnswer(mark=Mark.BROKEN, name=what, text=text)

    async def _balance(self) -> AsyncIterator[ProbeAnswer]:
        """Who answers, one open after another; and whether a client that keeps its cookies stays with one."""
        wanted = self._wanted
        row = await self._row(wanted.count, what="Backends")
        if isinstance(row, ProbeAnswer):
            yield row
            return
        showings = [one.showing for one in row if one.showing is not None]
        rule = self._approach.identify if self._approach.identify.kind != "auto" else found(showings)
        yield judged(row, rule, wanted, server=self._server)
        if wanted.keep_cookies:
            kept = await self._row(min(wanted.count, STICKY), what="Sticky", keep=True)
            yield kept if isinstance(kept, ProbeAnswer) else stuck(kept, rule)


async def _within(seconds: float, name: str, question: Awaitable[ProbeAnswer]) -> ProbeAnswer:
    """The answer to a question, or that it did not end in time: a server may read nothing, or send without end."""
    try:
        async with asyncio.timeout(seconds):
            return await question
    except TimeoutError:
        return ProbeAnswer(mark=Mark.BROKEN, name=name, text=f"not done within {seconds:g} s")


def _upgrade(handshake: Handshake) -> ProbeAnswer:
    if handshake.status is None:
        return ProbeAnswer(
            mark=Mark.BROKEN, name="Upgrade", text=handshake.error or "no answer", rule="RFC 6455 §4.2.2"
        )
    if handshake.extended_connect:
        return ProbeAnswer(
            mark=Mark.HOLDS if handshake.accepted else Mark.BROKEN,
            name="Upgrade",
            text=f"HTTP/2 {handshake.status} to an extended CONNECT",
            seconds=handshake.elapsed_seconds,
            rule="" if handshake.accepted else "RFC 8441 §5",
        )
    text = f"HTTP/1.1 {handshake.status} {handshake.reason}"
    wrong = ""
    if tokens(handshake.response, "Upgrade") != ("websocket",):
        wrong = "Upgrade is wrong"
    elif "upgrade" not in tokens(handshake.response, "Connection"):
        wrong = "Connection is wrong"
    elif any(
        value != "0"
        for name in ("Content-Length", "Transfer-Encoding")
        for value in header_values(handshake.response, name)
    ):
        # Liberty writes a length of 0, against the same section; it announces nothing, and every client takes it.
        wrong = "it announces a body (RFC 9110 §8.6)"
    if handshake.status == 101 and wrong:
        text += f", but {wrong}"
    holds = handshake.status == 101 and not wrong
    return ProbeAnswer(
        mark=Mark.HOLDS if holds else Mark.BROKEN,
        name="Upgrade",
        text=text,
        seconds=handshake.elapsed_seconds,
        rule="" if holds else "RFC 6455 §4.2.2",
    )


def _accept(handshake: Handshake) -> ProbeAnswer:
    want = accept_for(one_header(handshake.request, "Sec-WebSocket-Key") or "")
    got = header_values(handshake.response, "Sec-WebSocket-Accept")
    holds = got == (want,)
    text = f"{want} matches the key" if holds else f"the key wants {want}, but {', '.join(got) or 'nothing'} came"
    return ProbeAnswer(mark=Mark.HOLDS if holds else Mark.BROKEN, name="Accept", text=text, rule="RFC 6455 §4.2.2")


async def _echo(tunnel: Tunnel) -> ProbeAnswer:
    """What an echo endpoint must send back; a greeting in front of it is none of it."""
    begin = time.monotonic()
    with contextlib.suppress(TimeoutError, ConnectionError):
        await tunnel.receive(timeout_seconds=GREETING_SECONDS)
    waited = time.monotonic() - begin
    for sent, what in (("wslb?", "text 5 B"), (b"wslb?", "binary 5 B"), (b"\x00" * MEBIBYTE, "binary 1 MiB")):
        try:
            await tunnel.send(sent)
            got = await tunnel.receive(timeout_seconds=ECHO_SECONDS)
        except (TimeoutError, ConnectionError) as exc:
            text = f"{what} did not come back ({str(exc) or 'no answer'})"
            return ProbeAnswer(mark=Mark.BROKEN, name="Echo", text=text)
        if got != sent:
            text = f"{what} came back changed: {shown(got)}"
            return ProbeAnswer(mark=Mark.BROKEN, name="Echo", text=text, rule="RFC 6455 §5")
    seconds = time.monotonic() - begin - waited
    return ProbeAnswer(mark=Mark.HOLDS, name="Echo", text="text 5 B, binary 5 B, binary 1 MiB", seconds=seconds)


def _told(error: Exception) -> str:
    return plain(error) if str(error) else f"no answer in {PATIENCE:g} s"


async def _ping(tunnel: Tunnel) -> ProbeAnswer:
    begin = time.monotonic()
    try:
        await tunnel.ping(timeout_seconds=PONG_SECONDS)
    except TimeoutError:
        text = f"no pong in {PONG_SECONDS:g} s"
        return ProbeAnswer(mark=Mark.BROKEN, name="Ping", text=text, rule="RFC 6455 §5.5.2 MUST")
    except ConnectionError:
        return ProbeAnswer(mark=Mark.NOTE, name="Ping", text="the connection had ended")
    return ProbeAnswer(mark=Mark.HOLDS, name="Ping", text="pong", seconds=time.monotonic() - begin)


async def _close(tunnel: Tunnel) -> ProbeAnswer:
    begin = time.monotonic()
    before = tunnel.ended
    await tunnel.close()
    code, why, by = tunnel.ended or (1006, "", "lost")
    if by == "lost":
        return ProbeAnswer(
            mark=Mark.BROKEN, name="Close", text="no close frame came back (1006)", rule="RFC 6455 §5.5.1"
        )
    if before and by == "client":  # our client ended it for what came (RFC 6455 section 7.1.7)
        return ProbeAnswer(mark=Mark.BROKEN, name="Close", text=f"{code}: {why}", rule="RFC 6455 §7.1.7")
    if before or by == "server":
        return ProbeAnswer(mark=Mark.NOTE, name="Close", text=f"the server closed first, with {code}")
    text = f"1000 sent, {'a Close without a code' if code == 1005 else code} received, clean"
    return ProbeAnswer(mark=Mark.HOLDS, name="Close", text=text, seconds=time.monotonic() - begin)


def _subprotocol(handshake: Handshake) -> ProbeAnswer:
    offered = one_header(handshake.request, "Sec-WebSocket-Protocol") or ""
    if handshake.subprotocol:
        return ProbeAnswer(mark=Mark.HOLDS, name="Protocol", text=f"{handshake.subprotocol} was chosen")
    text = f"none of {offered} was chosen: browsers take that, but the server may speak another"
    return ProbeAnswer(mark=Mark.NOTE, name="Protocol", text=text)
