"""Who may ask: which pages run commands, and who reaches the control port.

A browser lets any page open a WebSocket to any address, and names that page in Origin: "servers that are not intended
to process input from any web page but only for certain sites SHOULD verify the Origin field" (RFC 6455 section 10.2),
with 403 for one that is not wanted (section 4.2.2). Host names the server that the page meant (RFC 9110 section 7.2).
A page whose own name was made to lead here afterwards (DNS rebinding) has an Origin that equals its Host: so a Host
counts only where no stranger can own it, as an address, as localhost, or as this machine's name.
"""

import hmac
import ipaddress
import re
from collections.abc import Collection, Iterable

from backends.contract.request import PlainResponse, RequestHead

CONTROL_TOKEN = "WSLB_CONTROL_TOKEN"  # noqa: S105 - the name of a variable
"""Environment variable with the token of the control port; a program takes it out of its environment at once."""

_ORIGIN = re.compile(r"(https?)://([^/?#@\s\\]+)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:]+)(?::(\d{1,5}))?", re.IGNORECASE)
_PORTS = {"http": "80", "https": "443"}


def origin(text: str) -> tuple[str, str] | None:
    """Return scheme and `host:port` of an origin, the usual port written out; None when it is none, such as `null`."""
    found = _ORIGIN.fullmatch(text.strip())
    if found is None:
        return None
    scheme = found[1].lower()
    authority = _authority(found[2], scheme=scheme)
    return None if authority is None else (scheme, ":".join(authority))


def _authority(text: str, *, scheme: str) -> tuple[str, str] | None:
    found = _AUTHORITY.fullmatch(text.strip())
    return None if found is None else (found[1].lower(), found[2] or _PORTS[scheme])


def _own(host: str, names: Collection[str]) -> bool:
    """Tell whether no stranger can own this host of a URL: an address, localhost, or one of our names (lower case)."""
    if host == "localhost" or host in names:
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def foreign_page(
    head: RequestHead, *, names: Collection[str], allowed: Collection[tuple[str, str] | None], required: bool
) -> PlainResponse | None:
    """Return the answer to a request that a page made which is not ours, or None.

    Our pages have the origin that the request is for: Host, or behind a proxy X-Forwarded-Host, which no page can set.
    Another port of that host is ours too, such as the other side of a proxy, but where an Origin is `required`. A
    request without Origin comes from no browser (RFC 6455 section 10.2): it passes unless one is `required`.
    """
    given = head.values("Origin")
    if not given:
        return _forbidden("real commands run here: name an allowed Origin") if required else None
    page = origin(given[0]) if len(given) == 1 else None
    if page is None:
        return _forbidden("Origin names no page of ours")
    if page in allowed:
        return None
    forwarded = (part for value in head.values("X-Forwarded-Host") for part in value.split(","))
    for value in (*head.values("Host"), *forwarded):
        asked = _authority(value, scheme=page[0])
        if asked is None or not _own(asked[0], names):
            continue
        if page[1] == ":".join(asked) or (not required and page[1].rpartition(":")[0] == asked[0]):
            return None
    return _forbidden("Origin names no page of ours; --origin allows others")


def _forbidden(sentence: str) -> PlainResponse:
    return PlainResponse(status=403, body=f"403 Forbidden: {sentence} (RFC 6455 section 10.2)\n".encode())


def control_refusal(
    *,
    host: str | None,
    origins: Iterable[str],
    authorization: str,
    token: str | None,
    open_to_all: bool,
    names: Collection[str],
) -> tuple[int, str] | None:
    """Return status and sentence for a request that may not reach the control port, or None.

    No page is meant to come here, so every Origin is refused. `token` is None where the program was given none; then
    only what is `open_to_all` is answered. A token is sent as RFC 6750 section 2.1 says, `Authorization: Bearer TOKEN`.
    """
    asked = _authority(host or "", scheme="http")
    if asked is None or not _own(asked[0], names):
        return 403, "Host names neither an address nor this machine."
    if any(True for _ in origins):
        return 403, "The control port is for no web page."
    if open_to_all:
        return None
    if token is None:
        return 403, f"This program was started without {CONTROL_TOKEN}, so only /healthz is answered."
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        return 401, f"The token of {CONTROL_TOKEN} is wanted as Authorization: Bearer."
    return None
