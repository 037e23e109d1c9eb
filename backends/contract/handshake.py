"""The opening handshake as rules: which requests a server must refuse, and why (RFC 6455 section 4.2.1).

Both programs ask these rules first and let their library check again, so that they answer alike.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

Values = Callable[[str], list[str]]
"""Returns all values of the header field of that name, without regard to case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer other than 101: status, reason phrase (None: the usual one), text, and extra header fields."""

    status: int
    text: str
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


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


def asks_upgrade(values: Values) -> bool:
    """Tell whether the request asks for the websocket protocol."""
    return tokens(values("Upgrade")) == ["websocket"]


def _bad(sentence: str, *headers: tuple[str, str]) -> Refusal:
    return Refusal(status=400, text=f"400 Bad Request: {sentence}\n", headers=headers)


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def refusal(*, method: str, http_version: str, values: Values) -> Refusal | None:  # noqa: PLR0911  (one line per rule)
    """Return the answer to a request that is no valid opening handshake, or None when it is one."""
    if method != "GET":
        return Refusal(
            status=405, text="405 Method Not Allowed: a handshake is a GET request\n", headers=(("Allow", "GET"),)
        )
    if not asks_upgrade(values):
        # RFC 9110 section 15.5.22: the answer 426 must name the protocol to upgrade to.
        return Refusal(
            status=426,
            text="426 Upgrade Required: this is a WebSocket endpoint\n",
            headers=(("Upgrade", "websocket"),),
        )
    if http_version != "1.1":
        return _bad("the handshake needs HTTP/1.1 (RFC 6455 section 4.2.1)")
    if len(values("Host")) != 1:
        return _bad("there must be one Host field (RFC 9112 section 3.2)")
    if "upgrade" not in tokens(values("Connection")):
        return _bad("Connection does not name Upgrade (RFC 6455 section 4.2.1)")
    versions = values("Sec-WebSocket-Version")
    if versions != ["13"]:
        # RFC 6455 section 4.4: a server that does not speak the version names those it does.
        return _bad("Sec-WebSocket-Version is not 13", ("Sec-WebSocket-Version", "13"))
    keys = values("Sec-WebSocket-Key")
    if len(keys) != 1 or not _is_key(keys[0]):
        return _bad("Sec-WebSocket-Key is not one base64 value of 16 bytes (RFC 6455 section 4.2.1)")
    return None


def choose_subprotocol(offered: list[str], *, known: tuple[str, ...]) -> str | None:
    """Return the first offered subprotocol that the server knows (RFC 6455 section 4.2.2)."""
    names = (name.strip() for value in offered for name in value.split(","))
    return next((name for name in names if name in known), None)
