"""Whom a client believes over TLS."""

from __future__ import annotations

import ssl

from wslb.errors import ConfigError
from wslb.wire.approach import Approach

__all__ = ["trust_of"]


def trust_of(approach: Approach) -> ssl.SSLContext | None:
    """The context for ``wss://``; None for ``ws://``.

    Raises:
        ConfigError: the authority to trust is no certificate.
    """
    if not approach.address.secure:
        return None
    if not approach.trust.isascii():
        raise ConfigError(option="--ca", value="the file", allowed="certificates in PEM, which is ASCII")
    try:
        context = ssl.create_default_context(cadata=approach.trust or None)
    except (ssl.SSLError, ValueError) as exc:
        raise ConfigError(option="--ca", value="the file", allowed=f"certificates in PEM ({exc})") from None
    if approach.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
