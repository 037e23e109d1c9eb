"""``wslb check URL``: what any WebSocket server, or balancer in front of several, does with one client.

From the outside only: no journal, no configuration. Who answered is told by a header, a cookie or the first message.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlsplit

from wslb.errors import ConfigError
from wslb.interfaces import Connector, Tunnel
from wslb.model.cookies import cookie_set
from wslb.model.handshake import Handshake, accept_for, header_values, one_header, tokens
from wslb.waiting import disconnect

__all__ = ["MESSAGE_LIMIT", "Mark", "NameRule", "Probe", "ProbeAnswer", "ServerUrl"]

PATIENCE = 5.0
"""Seconds that each single question may take."""

TURN_SECONDS = 1.0
"""Seconds that each open after the first may take on average, when it is asked who answers."""

CLOSING_SECONDS = 10.0
"""Seconds for a close and the end of the TCP connection; the client itself gives up sooner."""

PONG_SECONDS = 2.0
ECHO_SECONDS = 2.0
MEBIBYTE = 1024 * 1024

MESSAGE_LIMIT = 4 * MEBIBYTE
"""Longest message that a server may send, in bytes; what we send it is a quarter of that."""

LONGEST_URL = 8000
"""Longest URL that is asked, in characters: RFC 9110 section 4.1 recommends that servers take as many bytes."""


class Mark:
    """What an answer is worth: a claim that holds, one that does not, or a fact to know."""

    HOLDS = "✔"
    BROKEN = "✖"
    NOTE = "!"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """One line of the result.

    Attributes:
        mark: one of `Mark`.
        rule: the RFC section that the claim comes from, if any.
        seconds: how long the question took; None where time says nothing.
    """

    mark: str
    name: str
    text: str
    rule: str = ""
    seconds: float | None = None

    def __str__(self) -> str:
        took = "" if self.seconds is None else f"  {self.seconds * 1000:.1f} ms"
        return f"{self.mark} {self.name:<9} {self.text}{took}{f'  {self.rule}' if self.rule else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRule:
    """How a backend is told from another: ``greeting``, ``header:NAME`` or ``cookie:NAME``; auto tries all.

    Raises:
        ConfigError: of another form.
    """

    rule: str = "auto"

    def __post_init__(self) -> None:
        kind, _, name = self.rule.partition(":")
        if self.rule not in {"auto", "greeting"} and not (kind in {"header", "cookie"} and name):
            raise ConfigError(option="--identify", value=self.rule, allowed="greeting, header:NAME or cookie:NAME")

    def of(self, handshake: Handshake, greeting: str | None) -> tuple[str, str] | None:
        """Where the name came from, and the name; None when nothing tells."""
        kind, _, name = self.rule.partition(":")
        if kind == "header" or self.rule == "auto":
            found = one_header(handshake.response, name or "X-Backend")
            if found:
                return f"header {name or 'X-Backend'}", found
        if kind == "cookie":
            value = cookie_set(handshake.response, name)
            if value is not None:
                return f"cookie {name}", value
        if self.rule in {"greeting", "auto"} and greeting:
            return "the first message", greeting
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUrl:
    """The server to ask.

    Raises:
        ConfigError: not a ws:// or wss:// URL (RFC 6455 section 3), or one of a host or port that cannot be.
    """

    url: str

    def __post_init__(self) -> None:
        if not _can_be_opened(self.url):
            shown = self.url if len(self.url) <= 200 else f"{self.url[:200]}…"
            raise ConfigError(option="URL", value=shown, allowed="ws://host[:port]/path or wss://host[:port]/path")

    @property
    def host(self) -> str:
        """Host name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Port, also where the URL leaves it to its scheme."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "wss" else 80)


def _can_be_opened(url: str) -> bool:
    """Whether it is a WebSocket URL without a fragment, whose host is a name or an address and whose port exists."""
    if len(url) > LONGEST_URL or "#" in url or any(letter <= " " or letter == "\x7f" for letter in url):
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        url.encode()
        if ":" not in host:  # the brackets of an IPv6 address have gone
            host.encode("idna")
    except ValueError:  # UnicodeError is one
        return False
    named = bool(host) and not host.startswith(".") and not set(host) & set("\\<>\"'{}|^`%")
    user = parts.username is None or bool(parts.username and parts.password is not None)
    return parts.scheme in {"ws", "wss"} and named and user and port != 0


class Probe:
    """Asks one server, question by question; an unanswered one ends the asking where nothing can follow."""

    def __init__(
        self,
        server: ServerUrl,
        connector: Connector,
        *,
        count: int = 20,
        rule: NameRule | None = None,
        tls: ssl.SSLContext | None = None,
        backends: int | None = None,
    ) -> None:
        self.server = server
        self._connector = connector
        self._count = count
        self._rule = rule or NameRule()
        self._tls = tls
        self._backends = backends

    async def answers(self) -> AsyncIterator[ProbeAnswer]:
        """Each answer as it comes."""
        reachable = False
        async for answer in self._network():
            reachable = answer.mark == Mark.HOLDS
            yield answer
        if not reachable:
            return
        handshake, tunnel = await self._open()
        yield _upgrade(handshake)
        if handshake.status != 101:
            return
        yield _accept(handshake)
        if tunnel is None:
            why = handshake.error or "the client took no part in it"
            yield ProbeAnswer(mark=Mark.BROKEN, name="Opening", text=f"refused: {why}", rule="RFC 6455 §4.1")
            return
        greeting = await _greeting(tunnel)
        yield await _within(2 * PATIENCE, "Echo", _echo(tunnel))
        yield await _within(PATIENCE, "Ping", _ping(tunnel))
        yield await _within(CLOSING_SECONDS, "Close", _close(tunnel))
        server = one_header(handshake.response, "Server")
        if server:
            yield ProbeAnswer(mark=Mark.NOTE, name="Server", text=server)
        seconds = CLOSING_SECONDS + self._count * TURN_SECONDS
        yield await _within(seconds, "Backends", self._turns(expect_greeting=greeting is not None))

    async def _network(self) -> AsyncIterator[ProbeAnswer]:
        loop = asyncio.get_running_loop()
        begin = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                found = await loop.getaddrinfo(self.server.host, self.server.port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError) as exc:
            why = str(exc) or f"no answer in {PATIENCE:g} s"
            yield ProbeAnswer(mark=Mark.BROKEN, name="DNS", text=f"{self.server.host} has no address ({why})")
            return
        addresses = ", ".join(dict.fromkeys(str(info[4][0]) for info in found))
        yield ProbeAnswer(mark=Mark.HOLDS, name="DNS", text=addresses, seconds=time.monotonic() - begin)
        begin = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                _, writer = await asyncio.open_connection(self.server.host, self.server.port)
        except (OSError, TimeoutError) as exc:
            why = str(exc) or f"no answer in {PATIENCE:g} s"
            yield ProbeAnswer(mark=Mark.BROKEN, name="TCP", text=f"port {self.server.port}: {why}")
            return
        connected = time.monotonic() - begin
        await disconnect(writer)
        yield ProbeAnswer(mark=Mark.HOLDS, name="TCP", text="connected", seconds=connected)
        if self._tls is not None:
            yield await self._secure(self._tls)

    async def _secure(self, context: ssl.SSLContext) -> ProbeAnswer:
        begin = time.monotonic()
        host, port = self.server.host, self.server.port
        try:
            async with asyncio.timeout(PATIENCE):
                _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
        except ssl.SSLCertVerificationError as exc:
            return ProbeAnswer(mark=Mark.BROKEN, name="TLS", text=f"certificate refused: {exc.verify_message}")
        except (OSError, TimeoutError) as exc:
            return ProbeAnswer(mark=Mark.BROKEN, name="TLS", text=str(exc) or f"no answer in {PATIENCE:g} s")
        tls = writer.get_extra_info("ssl_object")
        took = time.monotonic() - begin
        told = tls.version()
        await disconnect(writer)
        trust = "certificate verified" if context.verify_mode is ssl.CERT_REQUIRED else "certificate not verified"
        return ProbeAnswer(mark=Mark.HOLDS, name="TLS", text=f"{told}, {trust}", seconds=took)

    async def _open(self) -> tuple[Handshake, Tunnel | None]:
        return await self._connector.open(self.server.url, tls=self._tls, timeout_seconds=PATIENCE)

    async def _turns(self, *, expect_greeting: bool) -> ProbeAnswer:
        """Open one after another and say who answered."""
        seen: list[str] = []
        source = ""
        for number in range(1, self._count + 1):
            handshake, tunnel = await self._open()
            if tunnel is None:
                text = f"open {number} of {self._count} failed: {handshake.error or handshake.status}"
                return ProbeAnswer(mark=Mark.BROKEN, name="Backends", text=text)
            greeting = await _greeting(tunnel) if expect_greeting else None
            await tunnel.close()
            told = self._rule.of(handshake, greeting)
            if told is None:
                return ProbeAnswer(
                    mark=Mark.NOTE,
                    name="Backends",
                    text="nothing tells which backend answered; name what does: --identify header:NAME",
                )
            source, name = told
            seen.append(name)
        return self._judged(seen, source)

    def _judged(self, seen: list[str], source: str) -> ProbeAnswer:
        letters = {name: chr(65 + i) if i < 26 else f"[{i}]" for i, name in enumerate(dict.fromkeys(seen))}
        breaks = sum(a == b for a, b in pairwise(seen))
        shares = "/".join(str(count) for count in Counter(seen).values())
        line = " ".join(letters[name] for name in seen[:20]) + (" …" if len(seen) > 20 else "")
        who = ", ".join(f"{letter} = {name}" for name, letter in letters.items())
        text = f"{line}  {shares}, {breaks} break{'' if breaks == 1 else 's'} ({who}, from {source})"
        if self._backends is not None:
            holds = len(letters) == self._backends
            return ProbeAnswer(mark=Mark.HOLDS if holds else Mark.BROKEN, name="Backends", text=text)
        if len(letters) < 2:
            return ProbeAnswer(
                mark=Mark.NOTE, name="Backends", text=f"one backend answered every time: {who}, from {source}"
            )
        return ProbeAnswer(mark=Mark.HOLDS if breaks == 0 else Mark.NOTE, name="Backends", text=text)


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
    text = f"HTTP/1.1 {handshake.status} {handshake.reason}"
    wrong = ""
    if tokens(handshake.response, "Upgrade") != ("websocket",):
        wrong = "Upgrade is wrong"
    elif "upgrade" not in tokens(handshake.response, "Connection"):
        wrong = "Connection is wrong"
    elif any(header_values(handshake.response, name) for name in ("Content-Length", "Transfer-Encoding")):
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


async def _greeting(tunnel: Tunnel) -> str | None:
    """First message, where the server speaks first."""
    try:
        message = await tunnel.receive(timeout_seconds=0.5)
    except (TimeoutError, ConnectionError):
        return None
    return message if isinstance(message, str) else None


async def _echo(tunnel: Tunnel) -> ProbeAnswer:
    begin = time.monotonic()
    for sent, what in (("wslb?", "text 5 B"), (b"wslb?", "binary 5 B"), (b"\x00" * MEBIBYTE, "binary 1 MiB")):
        try:
            await tunnel.send(sent)
            got = await tunnel.receive(timeout_seconds=ECHO_SECONDS)
        except (TimeoutError, ConnectionError) as exc:
            if isinstance(sent, str):
                return ProbeAnswer(mark=Mark.NOTE, name="Echo", text="no answer to a text: not an echo endpoint")
            return ProbeAnswer(
                mark=Mark.NOTE, name="Echo", text=f"{what} did not come back ({str(exc) or 'no answer'})"
            )
        if got != sent:
            if isinstance(sent, str):
                return ProbeAnswer(
                    mark=Mark.NOTE, name="Echo", text="it answers, but not with the same: not an echo endpoint"
                )
            return ProbeAnswer(mark=Mark.BROKEN, name="Echo", text=f"{what} came back changed", rule="RFC 6455 §5")
    seconds = time.monotonic() - begin
    return ProbeAnswer(mark=Mark.HOLDS, name="Echo", text="text 5 B, binary 5 B, binary 1 MiB", seconds=seconds)


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
    text = f"1000 sent, {code} received, clean"
    return ProbeAnswer(mark=Mark.HOLDS, name="Close", text=text, seconds=time.monotonic() - begin)
