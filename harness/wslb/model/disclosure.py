"""What may be told of what passed through us: secrets are taken out, and text from outside gives no orders.

`redacted` is asked wherever something is written or printed; `clean` wherever a terminal or a CI system reads it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

__all__ = ["REDACTED", "clean", "field_value", "one_line", "redacted", "redacted_all"]

REDACTED = "(redacted)"

_FIELDS = r"(?:proxy-)?authorization|set-cookie|cookie|(?:x-)?(?:api-key|auth-token|access-token|csrf-token)"
_NAMES = (
    r"[\w.-]*(?:token|secret|passw|passphrase|pwd|api_?key|access_?key|signature|credential|session|jwt|auth)[\w.-]*"
)
_SECRET_FIELD = re.compile(_FIELDS, re.IGNORECASE)
_SUBPROTOCOL = re.compile(r"sec-websocket-protocol", re.IGNORECASE)

_START = r"(?:\b|(?<=\\[nrt]))"
"""Begin of a word, also behind a line end that is shown as a backslash and a letter."""

_RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        # A field as a head, a dictionary or a pair shows it; what stands before a colon is the next name of an object,
        # and ``cookie:NAME, `` is how --identify is told.
        (
            rf"{_START}({_FIELDS})(['\"]?\s?[:=]\s*['\"]?|['\"]?, ?['\"](?!\w+['\"]\s?:))"
            r"(?=[^\s'\"])(?!NAME, )[^'\"\r\n]+",
            rf"\1\2{REDACTED}",
        ),
        # The same as mod_headers sets it.
        (
            rf"({_START}(?:Request)?Header\s+(?:always\s+)?\w+\s+['\"]?(?:{_FIELDS})['\"]?\s+)\S[^\r\n]*",
            rf"\1{REDACTED}",
        ),
        (rf"{_START}((?-i:Bearer|Basic|Negotiate)) +(?=\S*[\d=+/_]|\S{{20}})[\w.~+/=-]{{6,}}", rf"\1 {REDACTED}"),
        # User and password of a URL (RFC 3986 section 3.2.1); a signed token wherever it stands (RFC 7519).
        # As a path, the URL has one slash; other programs' errors leave the scheme out, and name host and port.
        (r"(\b[a-z][a-z0-9+.-]{0,30}:/{1,2})[^\s/?#@\"'<>]+@", rf"\1{REDACTED}@"),
        (r"(?<![\w.+/-])[\w.+-]{1,64}:[^\s/?#@\"'<>]{1,256}@(?!sha\d+:)(?=[\w.-]+:\d|\[)", f"{REDACTED}@"),
        (rf"{_START}eyJ[\w-]{{8,}}\.[\w-]+\.[\w-]*", REDACTED),
    )
)
_URL = re.compile(rf"{_START}wss?://[^\s\"'<>]+\?[^\s\"'<>#]+", re.IGNORECASE)
_QUERY = re.compile(r"(?<=[?&;])([^=&;?\s]{1,256})=[^&;\s\"'<>#]*")
_SECRET_QUERY = re.compile(rf"(?<=[?&;])({_NAMES})=[^&;\s\"'<>#…][^&;\s\"'<>#]*", re.IGNORECASE)
_OFFER = re.compile(rf"{_START}(sec-websocket-protocol['\"]?\s?[:=]\s*['\"]?)([^'\"\r\n]+)", re.IGNORECASE)
_TELLING = re.compile(r"token|secret|bearer|auth|key|jwt|passw|session", re.IGNORECASE)
_LONGEST_SUBPROTOCOL = 32


_REPEATED = 200
"""Longest text that is worth remembering: most of a saved document's are names and fields that come again and again."""


def redacted(text: str) -> str:
    """Text without the secrets in it.

    Those are: values of Authorization, Proxy-Authorization, Cookie and Set-Cookie, user and password of a URL, values
    of a WebSocket URL's query, of secret names in other queries, signed tokens, and tokens offered as subprotocols.
    """
    return _repeated(text) if len(text) <= _REPEATED else _redacted(text)


@lru_cache(maxsize=1 << 16)
def _repeated(text: str) -> str:
    return _redacted(text)


def _redacted(text: str) -> str:
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    text = _URL.sub(lambda found: _QUERY.sub(r"\1=…", found[0]), text)
    text = _SECRET_QUERY.sub(r"\1=…", text)
    return _OFFER.sub(lambda found: found[1] + _offered(found[2]), text)


def field_value(name: str, value: str) -> str:
    """Value of a header field as it may be told."""
    if _SECRET_FIELD.fullmatch(name):
        return REDACTED
    return _offered(value) if _SUBPROTOCOL.fullmatch(name) else redacted(value)


def redacted_all(value: Any) -> Any:
    """A document of dicts, lists and texts without the secrets in it; fields as pairs of name and value count."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {name: redacted_all(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and all(isinstance(item, str) for item in value):
            return [value[0], field_value(*value)]
        return [redacted_all(item) for item in value]
    return value


def _offered(value: str) -> str:
    """Names of subprotocols are short and say what is spoken: all else is a token that had no other place."""
    return ", ".join(
        REDACTED if len(name) > _LONGEST_SUBPROTOCOL or _TELLING.search(name) else name
        for name in (part.strip() for part in value.split(","))
    )


_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_COMMAND = re.compile(r"::(?=[A-Za-z][\w-]*(?: [^\n]*?)?::)|##(?=\[)")
"""A workflow command of GitHub Actions, also after spaces, and one of its older form, anywhere in a line."""


def clean(text: str) -> str:
    """Text in which control characters, direction overrides, lone surrogates and workflow commands do nothing.

    A header or log line comes from the network: ESC becomes ``␛``, a right-to-left override its code point.
    """
    text = _UNSAFE.sub(lambda match: _shown(ord(match[0])), text)
    return _COMMAND.sub(lambda match: " ".join(match[0]), text)


def one_line(text: str) -> str:
    """`clean` text that stays in its line."""
    return clean(text).replace("\n", "\u240a")


def _shown(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return "\ufffd" if 0xD800 <= code <= 0xDFFF or code > 0xFFF0 else f"<U+{code:04X}>"
