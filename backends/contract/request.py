"""HTTP requests: how a head is read, and which is no opening handshake (RFC 6455 section 4.2.1)."""

import base64
import binascii
import http.client
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate

Fields = list[tuple[str, str]]

HEAD_LIMIT = 64 * 1024
"""Longest request head that is read, in bytes."""

_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/(\d\.\d)")
_FIELD = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")
"""A header field (RFC 9112 section 5): a token, a colon at once, and a value without control characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHead:
    """The head of an HTTP request as it came; `malformed` when a library's own parser would refuse a line of it."""

    method: str
    target: str
    http_version: str
    headers: tuple[tuple[bytes, bytes], ...]
    malformed: bool = False
    _table: dict[str, list[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.headers:
            self._table.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def values(self, name: str) -> list[str]:
        """Return all values of the header field of that name, without regard to case."""
        return self._table.get(name.lower(), [])

    def first(self, name: str) -> str:
        """Return the first value of that name; empty where there is none."""
        return next(iter(self.values(name)), "")

    def joined(self, name: str) -> str:
        """Return all values of that name as one (RFC 9110 section 5.3); empty where there is none."""
        return ", ".join(self.values(name))


def read_head(octets: bytes) -> RequestHead | None:
    """Return the head at the start of some bytes, or None when they are no HTTP/1 request with a complete head."""
    first, *others = octets.partition(b"\r\n\r\n")[0].split(b"\r\n")
    line = _LINE.fullmatch(first)
    if line is None or b"\r\n\r\n" not in octets:
        return None
    headers = tuple((name, value.strip(b" \t")) for name, _, value in (other.partition(b":") for other in others))
    method, target, version = (group.decode("latin-1") for group in line.groups())
    return RequestHead(
        method=method,
        target=target,
        http_version=version,
        headers=headers,
        malformed=not all(map(_FIELD.fullmatch, others)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainResponse:
    """An answer other than 101: status, body, reason phrase (None: the usual one), and extra header fields.

    An original's has its `own` fields, which are all of them, and may leave the connection to the next request.
    """

    status: int
    body: bytes = b""
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "text/plain; charset=utf-8"
    own: tuple[tuple[str, str], ...] | None = None
    http_version: str = "1.1"
    keeps: bool = False

    def fields(self, signature: Sequence[tuple[str, str]]) -> Fields:
        """Return all header fields; the last are those that sign it."""
        if self.own is not None:
            return [*self.own, *signature]
        content = [("Content-Type", self.content_type), ("Content-Length", str(len(self.body)))]
        if self.status in (204, 304):  # they have no content (RFC 9110 section 15)
            content = []
        return [*self.headers, *content, ("Date", formatdate(usegmt=True)), ("Connection", "close"), *signature]

    def phrase(self) -> str:
        """Return the reason phrase."""
        return http.client.responses.get(self.status, "") if self.reason is None else self.reason


def serialise_head(status: int, phrase: str, fields: Sequence[tuple[str, str]], *, version: str = "1.1") -> bytes:
    """Return status line and header fields as bytes, with the empty line that ends them."""
    lines = [f"HTTP/{version} {status} {phrase}", *[f"{name}: {value}" for name, value in fields]]
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1", "replace")


def path_of(target: str) -> str:
    """Return the path of a request target, undecoded and without the query.

    The absolute form counts too: "a server MUST accept the absolute-form in requests" (RFC 9112 section 3.2.2).
    """
    path = target.partition("?")[0]
    if not path.startswith("/") and "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path


def tokens(values: list[str]) -> list[str]:
    """Return the lower-case members of a comma-separated field (RFC 9110 section 5.6.1)."""
    return [token.strip().lower() for value in values for token in value.split(",") if token.strip()]


def asks_upgrade(head: RequestHead) -> bool:
    """Tell whether the request asks for the websocket protocol."""
    return tokens(head.values("Upgrade")) == ["websocket"]


def bad(sentence: str, *headers: tuple[str, str]) -> PlainResponse:
    """Return the answer 400 with its reason."""
    return PlainResponse(status=400, body=f"400 Bad Request: {sentence}\n".encode(), headers=headers)


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def refusal(head: RequestHead) -> PlainResponse | None:  # noqa: PLR0911  (one line per rule)
    """Return the answer of a server that keeps RFC 6455 to a request that is no opening handshake, or None.

    The originals do not: `backends.contract.answers`.
    """
    if head.malformed:
        return bad("a header line is malformed")
    if head.method != "GET":
        return PlainResponse(
            status=405, body=b"405 Method Not Allowed: a handshake is a GET request\n", headers=(("Allow", "GET"),)
        )
    if not asks_upgrade(head):
        # RFC 9110 section 15.5.22: the answer 426 must name the protocol to upgrade to.
        return PlainResponse(
            status=426,
            body=b"426 Upgrade Required: this is a WebSocket endpoint\n",
            headers=(("Upgrade", "websocket"),),
        )
    if head.http_version != "1.1":
        return bad("the handshake needs HTTP/1.1 (RFC 6455 section 4.2.1)")
    if len(head.values("Host")) != 1:
        return bad("there must be one Host field (RFC 9112 section 3.2)")
    if "upgrade" not in tokens(head.values("Connection")):
        return bad("Connection does not name Upgrade (RFC 6455 section 4.2.1)")
    versions = head.values("Sec-WebSocket-Version")
    if versions != ["13"]:
        # RFC 6455 section 4.4: a server that does not speak the version names those it does.
        return bad("Sec-WebSocket-Version is not 13", ("Sec-WebSocket-Version", "13"))
    keys = head.values("Sec-WebSocket-Key")
    if len(keys) != 1 or not _is_key(keys[0]):
        return bad("Sec-WebSocket-Key is not one base64 value of 16 bytes (RFC 6455 section 4.2.1)")
    return None


def body_size(head: RequestHead) -> int | None:
    """Return how many bytes of a body stand behind a head; None where that is not told, or they are too many."""
    told = head.values("Content-Length")
    if head.values("Transfer-Encoding"):
        return None
    if not told:
        return 0
    if len(told) != 1 or re.fullmatch("[0-9]{1,6}", told[0]) is None:
        return None
    size = int(told[0])
    return size if size <= HEAD_LIMIT else None


def choose_subprotocol(offered: list[str], *, known: tuple[str, ...]) -> str | None:
    """Return the first offered subprotocol that the server knows (RFC 6455 section 4.2.2)."""
    names = (name.strip() for value in offered for name in value.split(","))
    return next((name for name in names if name in known), None)
