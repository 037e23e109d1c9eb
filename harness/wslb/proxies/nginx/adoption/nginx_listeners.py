"""Listeners of an nginx configuration: which address of loopback and which free port stand in the place of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from wslb.proxies.adopting import EVERYWHERE, Door, chosen_doors
from wslb.proxies.nginx.adoption.grammar import NginxLine

__all__ = ["Listening", "door_of", "listen_place", "server_names"]

_NAME = re.compile(r"(?:\*\.|\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)


def listen_place(word: str) -> tuple[str, int] | None:
    """Address and port of ``listen``, `EVERYWHERE` for any address of either family; None for a socket with a path.

    Source: ngx_http_core_module, ``listen``: an address alone is port 80.
    """
    if word.startswith("unix:"):
        return None
    if word.isdigit():
        return EVERYWHERE, int(word)
    host, _, port = word.rpartition(":") if re.search(r":\d+$", word) else (word, "", "80")
    host = host.strip("[]").lower()
    return EVERYWHERE if host in {"*", "0.0.0.0", "::", ""} else host, int(port)  # noqa: S104 - read, not bound


class Listening:
    """Listeners by their places (`chosen_doors`)."""

    def __init__(self, servers: Iterable[NginxLine]) -> None:
        places: list[tuple[str, int]] = []
        for server in servers:
            own = [place for at in server.inside("listen") if (place := listen_place(at.first))]
            places += own or ([] if any(True for _ in server.inside("listen")) else [(EVERYWHERE, 80)])
        self._chosen = chosen_doors(places)

    @property
    def doors(self) -> tuple[Door, ...]:
        """All of them."""
        return tuple(self._chosen.values())

    def door(self, place: tuple[str, int]) -> Door:
        """The one in this place."""
        return self._chosen[place]

    def of(self, server: NginxLine) -> tuple[Door, ...]:
        """Those of a server."""
        lines = list(server.inside("listen"))
        places = [place for at in lines if (place := listen_place(at.first))] if lines else [(EVERYWHERE, 80)]
        spoken = [place for place in places if place in self._chosen]
        return tuple(self._chosen[place] for place in dict.fromkeys(spoken))


def door_of(listening: Listening, host: str, port: int) -> Door | None:
    """The listener of the configuration itself that an address leads to; None where that is somebody else's."""
    if not host.startswith("127.") and host not in {"localhost", "[::1]"}:
        return None
    return next(
        (door for door in listening.doors if door.port == port and door.told.startswith((EVERYWHERE, host))), None
    )


def server_names(server: NginxLine) -> Iterator[str]:
    """Names of a server that a client could ask for, the surest first; ``_`` and patterns are none."""
    written = [word for at in server.inside("server_name") for word in at.words]
    good = [name.lower() for name in written if _NAME.fullmatch(name)]
    yield from (name for name in good if name[0] not in "*.")
    yield from (f"wslb{name[1:]}" if name[0] == "*" else name[1:] for name in good if name[0] in "*.")
