"""Cookies as they travel: what a request sends, what an answer sets (RFC 6265 sections 5.2 and 5.4).

Not ``http.cookies``, which is for a server's own cookies: one pair that it does not like, such as ``a={"x":1}``,
empties the whole header for it, and it takes quotes off a value, which neither a browser nor Apache does.
"""

from __future__ import annotations

from wslb.model.handshake import Headers, header_values

__all__ = ["cookie_sent", "cookie_set", "cookies_given"]


def cookie_sent(headers: Headers, name: str) -> str | None:
    """Value of the first cookie of this name that a request carries, or None; names compare with case."""
    return _first(name, [pair for value in header_values(headers, "Cookie") for pair in value.split(";")])


def cookie_set(headers: Headers, name: str) -> str | None:
    """Value of the first cookie of this name that an answer sets, or None; names compare with case."""
    return _first(name, [value.partition(";")[0] for value in header_values(headers, "Set-Cookie")])


def cookies_given(headers: Headers) -> dict[str, str]:
    """Cookies that an answer sets, by name; of one name the last."""
    pairs = [value.partition(";")[0].partition("=") for value in header_values(headers, "Set-Cookie")]
    return {name.strip(): value.strip() for name, equals, value in pairs if equals and name.strip()}


def _first(name: str, pairs: list[str]) -> str | None:
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if equals and key.strip() == name:
            return value.strip()
    return None
