"""Addresses and ports as ``Listen``, ``<VirtualHost>`` and the URL of a member name them."""

from __future__ import annotations

import ipaddress
import re

__all__ = ["DEFAULT_PORTS", "host_and_port"]

DEFAULT_PORTS = {"https": 443, "wss": 443, "h2": 443, "ajp": 8009, "fcgi": 8000, "scgi": 4000, "uwsgi": 3031}


def host_and_port(text: str) -> tuple[str, int | None]:
    """Address, empty for every one or for a name, and port of ``Listen`` and ``<VirtualHost>``."""
    if text.isdigit():
        return "", int(text)
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d+|\*))?", text)
    if found is None:
        return "", None
    host, port = found[1].strip("[]"), int(found[2]) if found[2] and found[2].isdigit() else None
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "", port
    return "" if address.is_unspecified else host, port
