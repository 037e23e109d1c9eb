"""Who accepts on a published port, and how many connections that program carries: tried, and read from it.

A forwarder keeps open files for every connection. When it may open no more, docker-proxy ends ("Stopping proxy …
accept4: too many open files") and rootlesskit closes the port, both for good, so the limit has to be known before that.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Sequence
from pathlib import Path

import psutil

from wslb.interfaces import Forwarder

__all__ = ["UNKNOWN_MOST", "accepts", "of_port"]

FILES_EACH = {"docker-proxy": 6, "rootlesskit": 7, "rootlessport": 7, "slirp4netns": 1}
"""Open files that each connection takes, measured: two sockets and, for splice(2), a pipe each way; one more for the
socket into the rootless engine's namespace. slirp4netns carries the proxy's own connections to the backends."""
_ROOTLESS = frozenset({"rootlesskit", "rootlessport", "slirp4netns"})
UNKNOWN_MOST = 1000
"""Granted to a forwarder that is not a process of this machine, and so cannot be asked."""
_SPARE = 200
"""Files for its own use, and connections for readiness and balancer-manager."""


def accepts(port: int) -> bool:
    """Whether somebody accepts connections on this port of ours; asked while nothing listens in the container."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True


def of_port(port: int, *, rootless: bool) -> Forwarder:
    """The program of this machine that forwards this port, the tightest where two in a row do.

    Args:
        port: published port.
        rootless: the engine is; then programs of every rootless engine here count.
    """
    found = [_carried(name, files) for pid, name in _forwarders(port, rootless) if (files := _limit(pid)) is not None]
    if not found:
        why = "a forwarder outside this machine's processes cannot be asked how many files it may open"
        return Forwarder(name="the engine's port forwarder", most=UNKNOWN_MOST, why=why, certain=False)
    return min(found, key=lambda forwarder: forwarder.most)


def _carried(name: str, files: int) -> Forwarder:
    each = FILES_EACH[name]
    why = f"{name} may open {files:,} files and takes {each} for each connection"
    return Forwarder(name=name, most=max(0, (files - _SPARE) // each), why=why)


def _forwarders(port: int, rootless: bool) -> Sequence[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or []
        name = Path(words[0]).name if words else ""
        if (name in _ROOTLESS and rootless) or (name == "docker-proxy" and str(port) in words):
            found.append((process.info["pid"], name))
    return found


def _limit(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/limits").read_text(encoding="utf-8")
        soft = re.search(r"^Max open files\s+(\d+)", text, re.MULTILINE)
        return int(soft[1]) if soft else None
    return None
