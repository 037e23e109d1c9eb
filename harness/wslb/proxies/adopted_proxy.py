"""A proxy that serves a user's own configuration, adopted: started anew for every question, with a log that traces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from wslb.errors import ProxyConfigRejected, StartError, exhausted, plain
from wslb.interfaces import Front
from wslb.model.balancer import Balancer, Listener, Site
from wslb.model.handshake import Headers
from wslb.model.results import LogLine, MemberStatus
from wslb.proxies.apache.adoption.adopt import refused_line
from wslb.proxies.apache.adoption.adopted import Adopted, Door
from wslb.proxies.apache.conf.vocabulary import DIRECTIVES, OTHER_DIRECTIVES, meant
from wslb.proxies.apache.httpd import Httpd
from wslb.proxies.managed_proxy import ManagedProxy
from wslb.runtimes.local.local_runtime import ports_to_listen

__all__ = ["AdoptedProxy"]

_RESUMED = re.compile(r"\bAH(?:00489|00292|00163):")
_TRACED = re.compile(r"AH0346[134]:|AH1012[23]:|applying pattern|rewrite '|forcing |go-ahead with|explicitly")
_MOST_TRACED = 400
_TRIES = 40
_LAST = (
    "LogLevel warn",
    "<IfModule mod_proxy.c>",
    "LogLevel proxy:trace2",
    "</IfModule>",
    "<IfModule mod_rewrite.c>",
    "LogLevel rewrite:trace3",
    "</IfModule>",
)
"""httpd tells which line takes a request: mod_proxy at trace2, mod_rewrite at trace3."""


class AdoptedHttpd(Httpd):
    """An httpd whose configuration has no path for us: it is ready when its log says so."""

    async def _ready(self) -> bool:
        await self._still_starting()
        log = await self._runtime.read(self._dialect.error_log)
        return _RESUMED.search(log.decode(errors="replace")) is not None

    async def start(self, config: str, *, front: Front, generation: str, threads: int = 0) -> None:
        """As `Httpd.start`; its children come and go as the configuration says, so none is missed."""
        await super().start(config, front=front, generation=generation, threads=threads)
        self._children = frozenset()


class AdoptedProxy(ManagedProxy):
    """One httpd with one adopted configuration.

    Attributes:
        adopted: with what its syntax check has shown to be left out.
        members: value of each variable of a stand-in.
        ports: port in the place of each configured one.
        server_name: name that clients ask for over TLS; None for the address.
    """

    def __init__(self, *, adopted: Adopted, root: str, tolerant: bool, **rest: Any) -> None:
        super().__init__(**rest)
        self.adopted = adopted
        self.members: Mapping[str, str] = {}
        self.ports: dict[int, int] = {}
        self.server_name: str | None = None
        self._root = root
        self._tolerant = tolerant
        self._skip = 0
        self._httpd: Httpd = AdoptedHttpd(
            dialect=self.dialect,
            runtime=self.runtime,
            installation=self.installation,
            session=self._session,
            start_seconds=rest["start_seconds"],
            stop_seconds=rest["stop_seconds"],
        )

    @property
    def variables(self) -> dict[str, str]:
        """What the lab has chosen, by the names that stand in the adopted text."""
        ports = {f"WSLB_PORT_{configured}": str(port) for configured, port in self.ports.items()}
        return {"WSLB_ROOT": self._root or self.runtime.folder, **ports, **self.members}

    async def apply(self, site: Site) -> None:
        """Serve the adopted configuration, whatever site is asked about, on a freshly started httpd.

        Raises:
            ProxyConfigRejected: ``httpd -t`` said no; file and line are the user's.
            StartError: it ended early, or was not ready in time.
        """
        await self.stop()
        self.site = site
        for attempt in range(1, _TRIES + 1):
            configured = sorted({door.port for door in self.adopted.doors})
            self.ports = dict(zip(configured, ports_to_listen(*[0] * len(configured)), strict=True))
            self.config = self.adopted.text(self.variables, _LAST)
            try:
                await self._httpd.start(self.config, front=Front(), generation="")
            except ProxyConfigRejected as exc:
                if attempt == _TRIES or not self._left_out(exc):
                    raise self._in_the_users_words(exc) from None
            except StartError as exc:
                if attempt == _TRIES or not any("AH00072" in line for line in exc.log_tail):
                    raise
            else:
                log = await self.runtime.read(self.dialect.error_log)
                self._skip = len(log)
                return

    def _left_out(self, refused: ProxyConfigRejected) -> bool:
        """Leave out the line that httpd does not know, where a module that is not here may know it."""
        unknown = re.search(r"Invalid command '([^']+)'", refused.text)
        if unknown is None or refused.line is None or not self._tolerant:
            return False
        name = unknown[1].strip("<>").lower()
        misspelt = name not in OTHER_DIRECTIVES and meant(name, frozenset(DIRECTIVES))
        if misspelt or self.adopted.place(refused.line, self.variables) is None:
            return False
        why = f"no module of this httpd knows {unknown[1]}"
        self.adopted = refused_line(self.adopted, refused.line, self.variables, why)
        return True

    def _in_the_users_words(self, refused: ProxyConfigRejected) -> ProxyConfigRejected:
        place = self.adopted.place(refused.line, self.variables) if refused.line else None
        text = re.sub(r"^.*?Syntax error on line \d+ of [^:]+: ", "", refused.text)
        for name, value in self.variables.items():
            text = text.replace(value, f"${{{name}}}") if len(value) > 4 else text
        return ProxyConfigRejected(
            file=Path(place[0]) if place else None,
            line=None,
            text=f"{place[0]}:{place[1]}: {text}" if place else text,
            hint="httpd itself does not accept this configuration: correct the line.",
        )

    def face(self, door: Door, *, tls: bool, server_name: str | None) -> None:
        """Let clients come to one listener of the configuration, under one of its names."""
        port = self.ports[door.port]
        self.server_name = server_name
        self.front = replace(
            Front(host=door.address, listen=door.address), plain=None if tls else port, tls=port if tls else None
        )

    async def status(self, balancer: Balancer | None = None, *, fresh: bool = False) -> tuple[MemberStatus, ...]:  # noqa: ARG002 - as every proxy
        """Nothing: the configuration of a user need not have a balancer-manager, and none is put into it."""
        return ()

    async def settled(self, balancer: Balancer | None, *, busy: int, seconds: float) -> None:
        """Nothing to wait for: nobody counts (`status`)."""

    async def fetch(
        self, path: str, *, method: str = "GET", headers: Headers = (), listener: Listener = Listener.PLAIN
    ) -> tuple[int, Headers, str]:
        """As `ManagedProxy.fetch`, under the name of the virtual host."""
        scheme = "https" if listener is Listener.TLS else "http"
        url = f"{scheme}://{self.front.host}:{self.front.port(listener)}{path}"
        try:
            async with self._session.request(
                method,
                url,
                headers=list(headers),
                ssl=self._trust,
                allow_redirects=False,
                server_hostname=self.server_name if listener is Listener.TLS else None,
            ) as response:
                return response.status, tuple(response.headers.items()), await response.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as exc:
            if lacking := exhausted(exc):
                raise lacking from exc
            raise ConnectionError(f"{method} {path}: {plain(exc)}") from exc

    async def log(self) -> tuple[LogLine, ...]:
        """Error log since httpd began to serve: what is alarming, and the first lines that tell who took a request."""
        text = (await self.runtime.read(self.dialect.error_log))[self._skip :].decode(errors="replace")
        kept: list[LogLine] = []
        traced = 0
        for line in self.dialect.parse_log(text):
            if line.alarming:
                kept.append(line)
            elif traced < _MOST_TRACED and _TRACED.search(line.text):
                traced += 1
                kept.append(line)
        return tuple(kept)
