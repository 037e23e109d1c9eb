"""The opening handshake of a client: where a URL leads, what is asked there, and whether the answer opens a tunnel."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from wslb.errors import ConfigError
from wslb.model.handshake import Headers, header_values, tokens
from wslb.wire.clients import arranged
from wslb.wire.http1 import OPENING, AnswerHead, WireError

__all__ = ["Address", "Known", "address_of", "key_of", "refusal", "request_bytes"]

_URL = re.compile(r"(?i)(wss?)://(\[[0-9a-f:.]+\]|[^/?#:@\s]+)(?::(\d{1,5}))?([/?][^#\s]*)?")


LONGEST_URL = 8000
"""Longest URL that is asked, in characters: RFC 9110 section 4.1 recommends that servers take as many bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a WebSocket URL leads (RFC 6455 section 3)."""

    secure: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Value of the Host field: the port is left out when it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def address_of(url: str) -> Address:
    """Take a ``ws://`` or ``wss://`` URL apart.

    Raises:
        ConfigError: it is no WebSocket URL, names a user, or has a fragment, which RFC 6455 section 3 forbids; its host
            or its port cannot be.
    """
    if wrong := next(_wrongs(url), ""):
        shown = url if len(url) <= 200 else f"{url[:200]}…"
        allowed = "ws://host[:port]/path or wss://host[:port]/path"
        raise ConfigError(option="URL", value=shown, allowed=allowed, hint=wrong)
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("a URL in which nothing is wrong has every part")
    scheme, host, port, target = match.groups()
    secure = scheme.lower() == "wss"
    target = target or "/"
    return Address(
        secure=secure,
        host=host.strip("[]"),
        port=int(port) if port else (443 if secure else 80),
        target=target if target.startswith("/") else f"/{target}",
    )


def _wrongs(url: str) -> Iterator[str]:
    """Why this is no URL that can be opened, and what to do: the first thing that is wrong comes first."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in {"ws", "wss"}:
        better = {"http": "ws", "https": "wss"}.get(scheme.lower())
        yield (
            f"Write {better}:// for {scheme.lower()}://."
            if separator and better
            else "It must begin with ws:// or wss://."
        )
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host, _, port = re.fullmatch(r"(\[.*\]|[^:]*)(:?)(.*)", authority, re.DOTALL).groups()  # type: ignore[union-attr]  # fits all
    if len(url) > LONGEST_URL:
        yield f"It has {len(url):,} characters; servers take {LONGEST_URL:,} (RFC 9110 section 4.1)."
    if "@" in authority:
        yield "It names a user: leave that out, and give --user NAME:PASSWORD."
    if "#" in url:
        yield (
            "It has a fragment, and the URL of a WebSocket has none (RFC 6455 section 3): leave out # and what follows."
        )
    if any(letter <= " " or letter == "\x7f" for letter in url):
        yield "It has a space or a control character in it: write %20 for a space."
    if not host:
        yield "It has no host between :// and the path."
    if not _is_host(host):
        yield f"{host[:80]!r} cannot be the name or the address of a host."
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        yield "Its port is none: give a number from 1 to 65535."
    if any("\ud800" <= letter <= "\udfff" for letter in url):
        yield "It has a character in it that is none (half of a pair)."
    if not _URL.fullmatch(url):
        yield f"{host[:80]!r} cannot be the name or the address of a host."


def _is_host(host: str) -> bool:
    try:
        if host.startswith("["):
            return ipaddress.ip_address(host[1:-1]).version == 6
        host.encode("idna")
    except ValueError:  # UnicodeError is one
        return False
    return not host.startswith(".") and not set(host) & set("\\<>\"'{}|^`%[]")


def key_of(random: bytes) -> str:
    """``Sec-WebSocket-Key`` of 16 random bytes (RFC 6455 section 4.1, item 7)."""
    return base64.b64encode(random).decode()


def request_bytes(address: Address, *, key: str, headers: Headers = (), shape: str | None = None) -> bytes:
    """The opening handshake on the wire, with further fields at its end, or all in the order of a shape.

    Raises:
        ValueError: a field would end its line, and so write fields of its own.
    """
    if any("\r" in text or "\n" in text for field in headers for text in field):
        raise ValueError("a header field of the request has a line end in it")
    opening = OPENING.filled({"host": address.authority, "key": key}).adding(*headers)
    if shape is not None:
        opening = replace(opening, headers=arranged(opening.headers, shape))
    return replace(opening, target=address.target).encoded()


class Known:
    """Answers that were read and checked in full before, for one server and one request.

    An answer that is, byte for byte, such an answer with the Accept of another key in its place has nothing new to
    check: comparing it costs a tenth of reading it. The head given back is that of the first one, Accept included.
    """

    MOST = 8
    """Answers kept; a server whose answers differ, by a date for instance, is read in full each time."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: list[tuple[bytes, bytes, AnswerHead]] = []

    def match(self, data: bytes, accept: str) -> tuple[AnswerHead, bytes] | None:
        """The head and the bytes behind it, when the data begins with a known answer to this key."""
        given = accept.encode()
        for before, after, head in self._answers:
            at = len(before)
            end = at + len(given)
            if data.startswith(before) and data[at:end] == given and data.startswith(after, end):
                return head, data[end + len(after) :]
        return None

    def learn(self, octets: bytes, accept: str, head: AnswerHead) -> None:
        """Keep a whole answer that was accepted, its empty line included."""
        before, given, after = octets.partition(accept.encode())
        if given and len(self._answers) < self.MOST and accept.encode() not in after:
            self._answers.append((before, after, head))


def refusal(head: AnswerHead, *, accept: str, offered: Sequence[str] = ()) -> WireError | None:
    """Why a client must not take this answer for an open connection (RFC 6455 section 4.1), or None.

    Args:
        head: the answer.
        accept: the ``Sec-WebSocket-Accept`` that belongs to our key. Extensions were not offered.
        offered: subprotocols, of which the server may choose one or none.
    """
    headers = head.headers
    problem: WireError | None = None
    given = header_values(headers, "Sec-WebSocket-Accept")
    chosen = header_values(headers, "Sec-WebSocket-Protocol")
    if head.status != 101:
        problem = WireError(f"status {head.status}", f"the answer is {head.status} {head.reason}".rstrip())
    elif tokens(headers, "Upgrade") != ("websocket",):
        problem = WireError("wrong Upgrade", f"Upgrade is {header_values(headers, 'Upgrade')}, not websocket")
    elif "upgrade" not in tokens(headers, "Connection"):
        problem = WireError("wrong Connection", f"Connection is {header_values(headers, 'Connection')}, not Upgrade")
    elif len(given) != 1 or given[0].strip() != accept:
        problem = WireError("wrong Accept", f"Sec-WebSocket-Accept is {given}, not {accept}")
    elif header_values(headers, "Sec-WebSocket-Extensions"):
        problem = WireError("wrong extension", "the server chose an extension that was not offered")
    elif len(chosen) > 1 or (chosen and chosen[0].strip() not in offered):
        were = f"{', '.join(offered)} offered" if offered else "none was offered"
        problem = WireError("wrong subprotocol", f"the server chose {', '.join(chosen)}, {were}")
    return problem
