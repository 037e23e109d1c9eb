"""Options of how a server is opened and talked to -> one value (`wslb.wire.approach.Approach`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wslb.errors import ConfigError, plain
from wslb.model.handshake import Headers
from wslb.resources import document_bytes
from wslb.wire.approach import Approach, Speech, basic
from wslb.wire.naming import NameRule

__all__ = ["OF_A_URL", "approach_of", "fields_of"]

OF_A_URL = ("origin", "subprotocols", "user", "first_message", "expect", "speak", "ca", "insecure", "http2", "timeout",
            "shape")  # fmt: skip
"""Options that say how to reach a server that is not ours."""


def approach_of(url: str, options: Mapping[str, Any]) -> Approach:
    """What the options of `wslb.cli.options.server_options` say.

    Raises:
        ConfigError: an option makes no sense, or its file cannot be read.
    """
    origin = options["origin"]
    if options["http2"] and options["sources"]:
        raise ConfigError(option="--source", value=options["sources"][0], allowed="left out with --http2")
    if options["http2"] and options["shape"]:
        raise ConfigError(option="--shape", value=options["shape"], allowed="left out with --http2")
    approach = Approach(
        url=url,
        headers=fields_of(options),
        origin=None if origin == "none" else origin or "",
        subprotocols=tuple(options["subprotocols"]),
        speech=_speech(options["first_message"] or "", options["expect"] or ""),
        shape=options["shape"] or "",
        trust=_file("--ca", options["ca"]) if options["ca"] else "",
        insecure=options["insecure"],
        http2=options["http2"],
        sources=tuple(options["sources"]),
        timeout_seconds=options["timeout"],
        identify=NameRule(rule=options["identify"] or "auto"),
    )
    return approach.speaking(options["speak"]) if options["speak"] else approach


def fields_of(options: Mapping[str, Any]) -> Headers:
    """Fields that ``--header``, ``--cookie`` and ``--user`` add.

    Raises:
        ConfigError: one of them is of another form.
    """
    cookies = options["cookies"]
    for cookie in cookies:
        if "=" not in cookie or not cookie.partition("=")[0].strip():
            raise ConfigError(option="--cookie", value=cookie, allowed="NAME=VALUE")
    user = options["user"]
    if user is not None and ":" not in user:
        raise ConfigError(option="--user", value=user, allowed="NAME:PASSWORD")
    return (
        *((("Authorization", basic(user)),) if user is not None else ()),
        *((("Cookie", "; ".join(cookies)),) if cookies else ()),
        *(_field(text) for text in options["headers"]),
    )


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ConfigError(option="--header", value=text, allowed="'NAME: VALUE'")
    return name.strip(), value.strip()


def _speech(first: str, expect: str) -> Speech:
    if not first.startswith("@"):
        return Speech(says=first, expects=expect)
    try:
        data = document_bytes(Path(first[1:]))
    except OSError as exc:
        raise ConfigError(
            option="--first-message", value=first, allowed=f"@ and a readable file ({plain(exc)})"
        ) from exc
    try:
        return Speech(says=data.decode(), expects=expect)
    except UnicodeDecodeError:
        return Speech(says=data.decode("latin-1"), binary=True, expects=expect)


def _file(option: str, path: Path) -> str:
    try:
        return document_bytes(path).decode("latin-1")  # OpenSSL itself would wait for the writer of a pipe
    except OSError as exc:
        raise ConfigError(option=option, value=str(path), allowed=f"a readable PEM file ({plain(exc)})") from exc
