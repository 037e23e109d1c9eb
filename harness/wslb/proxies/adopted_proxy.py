"""A proxy that serves a user's own configuration, adopted: started anew for every question, with a log that traces."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wslb.errors import ProxyConfigRejected, StartError
from wslb.interfaces import Front
from wslb.model.balancer import Balancer, Listener, Site
from wslb.model.handshake import Headers
from wslb.model.results import LogLine, MemberStatus, ServedConfig
from wslb.proxies.adopting import Door
from wslb.proxies.apache.adoption.adopt import refused_line
from wslb.proxies.apache.adoption.adopted import Adopted
from wslb.proxies.apache.conf.directives import without_comment
from wslb.proxies.apache.conf.vocabulary import DIRECTIVES, OTHER_DIRECTIVES, meant
from wslb.proxies.apache.httpd import Httpd
from wslb.proxies.fetching import fetched
from wslb.proxies.managed_proxy import ManagedProxy

__all__ = ["AdoptedProxy"]

_RESUMED = re.compile(r"\bAH(?:00489|00292|00163):")
_BEGUN = re.compile(r"\bAH0093[01]: initialized [a-z ]+ in child (\d+) for \(\*")
_CHILDREN_SECONDS = 2.0
_TRACED = re.compile(r"AH0346[134]:|AH1012[23]:|applying pattern|rewrite '|forcing |go-ahead with|explicitly")
_WANTING = (
    (
        re.compile(r"Unknown Authn provider|Unknown Authz provider|Can't load driver file"),
        "this httpd has no such provider",
    ),
    (
        re.compile(
            r"does not exist or is empty|file for map \S+ not found|No such file or directory|Permission denied|"
            r"(?i:directory '[^']*' does not exist)"
        ),
        "the file is not here or cannot be read",
    ),
)
"""What httpd says of a line that wants something which the machine of the user has, and this place has not."""

_MOST_TRACED = 400
_TRIES = 40
_CORRECT = "httpd itself does not accept this configuration: correct the line."
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
    """An httpd whose configuration has no path for us: it is ready when its log says so.

    Before 2.4.62 each child that starts resets the turns, so all of them must have started as well. Each tells at level
    debug when it has made its last worker, after its balancers. A child that is none of httpd's own (mod_cgid's) never
    does, so it is waited for `_CHILDREN_SECONDS` at the most.
    """

    _resumed_at = 0.0

    async def _ready(self) -> bool:
        await self._still_starting()
        log = (await self._runtime.read(self._dialect.error_log)).decode(errors="replace")
        if not _RESUMED.search(log) or self._process is None:
            return False
        if self._installation.at_least(2, 4, 62):
            return True
        self._resumed_at = self._resumed_at or time.monotonic()
        begun = len(set(_BEGUN.findall(log)))
        all_there = begun >= max(1, len(self._runtime.children(self._process)))
        return all_there or time.monotonic() - self._resumed_at > _CHILDREN_SECONDS

    async def start(self, config: str, *, front: Front, generation: str, threads: int = 0) -> None:
        """As `Httpd.start`; its children come and go as the configuration says, so none is missed."""
        self._resumed_at = 0.0
        await super().start(config, front=front, generation=generation, threads=threads)
        self._children = frozenset()


class AdoptedProxy(ManagedProxy):
    """One httpd with one adopted configuration.

    Attributes:
        adopted: with what its syntax check has shown to be left out.
        members: value of each variable of a stand-in.
        ports: port in the place of each configured one.
        network: how httpd is reached; its ports mean nothing.
    """

    def __init__(self, *, adopted: Adopted, root: str, tolerant: bool, **rest: Any) -> None:
        super().__init__(**rest, program=AdoptedHttpd)
        self.adopted = adopted
        self.members: Mapping[str, str] = {}
        self.ports: dict[int, int] = {}
        self.network = Front()
        self._faced: tuple[Door | None, Door | None, str] = (None, None, "")
        self._root = root
        self._tolerant = tolerant
        self._skip = 0

    @property
    def variables(self) -> dict[str, str]:
        """What the lab has chosen, by the names that stand in the adopted text."""
        ports = {f"WSLB_PORT_{configured}": str(port) for configured, port in self.ports.items()}
        return {"WSLB_ROOT": self._root or self.runtime.folder, **ports, **self.members}

    def served(self, claimed: Site) -> ServedConfig | None:
        """None: it is the user's, and no site gives it."""

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
            self.ports = dict(zip(configured, self.runtime.ports(len(configured)), strict=True))
            self.config = self.adopted.text(self.variables, _LAST)
            try:
                await self._program.start(self.config, front=Front(), generation="")
            except ProxyConfigRejected as exc:
                if attempt == _TRIES or not self._left_out(exc):
                    raise self._in_the_users_words(exc) from None
            except StartError as exc:
                if attempt == _TRIES or not any(self._program.PORT_TAKEN in line for line in exc.log_tail):
                    raise
            else:
                log = await self.runtime.read(self.dialect.error_log)
                self._skip = len(log)
                self._turn()
                return

    async def serve(self, other: Adopted) -> None:
        """Serve another adoption of the configuration, with the same members and listeners, until the next `apply`.

        Raises:
            LabError: as `apply`.
        """
        own, self.adopted = self.adopted, other
        try:
            await self.apply(self.site or Site(mounts=()))
        finally:
            self.adopted = own

    async def generations(self) -> int:
        """How often httpd has begun to serve since it was started: once, and once more after each restart."""
        log = await self.runtime.read(self.dialect.error_log)
        return len(_RESUMED.findall(log.decode(errors="replace")))

    def _left_out(self, refused: ProxyConfigRejected) -> bool:
        """Leave out the line that wants what is not here: a module that may know it, a provider, or a file."""
        if refused.line is None or not self._tolerant:
            return False
        for pattern, why in _WANTING:
            if pattern.search(refused.text) and self.adopted.place(refused.line, self.variables) is not None:
                self.adopted = refused_line(self.adopted, refused.line, self.variables, why)
                return True
        unknown = re.search(r"Invalid command '([^']+)'", refused.text)
        if unknown is None:
            return False
        name = unknown[1].strip("<>").lower()
        why = f"no module of this httpd knows {unknown[1]}"
        lacks_tls = name.startswith("ssl") and not self.installation.has("ssl")
        if lacks_tls:
            why = "this httpd has no mod_ssl, so neither clients nor members are spoken to over TLS"
        misspelt = not lacks_tls and name not in OTHER_DIRECTIVES and meant(name, frozenset(DIRECTIVES))
        if misspelt or self.adopted.place(refused.line, self.variables) is None:
            return False
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
            hint=self._cure(refused.line) if place and refused.line else _CORRECT,
        )

    def _cure(self, line: int) -> str:
        comment = without_comment(self.adopted.lines[line - 1 - len(self.adopted.prelude(self.variables))].strip())[1]
        return (
            f"{comment} is no comment for httpd, but arguments: put it on a line of its own." if comment else _CORRECT
        )

    def face(self, plain: Door | None, tls: Door | None, *, server_name: str | None) -> None:
        """Let clients come to listeners of the configuration, under one of its names, now and after each new start."""
        self._faced = (plain, tls, server_name or "")
        self._turn()

    def _turn(self) -> None:
        plain, tls, named = self._faced
        door = plain or tls
        if door is not None:
            self.front = replace(
                self.network,
                host=door.address,
                listen=door.address if self.network.listen == self.network.host else self.network.listen,
                plain=self.ports[plain.port] if plain else None,
                tls=self.ports[tls.port] if tls else None,
                named=named,
            )

    async def status(self, balancer: Balancer | None = None, *, fresh: bool = False) -> tuple[MemberStatus, ...]:  # noqa: ARG002 - as every proxy
        """Nothing: the configuration of a user need not have a balancer-manager, and none is put into it."""
        return ()

    async def settled(self, balancer: Balancer | None, *, busy: int, seconds: float) -> None:
        """Nothing to wait for: nobody counts (`status`)."""

    async def fetch(
        self, path: str, *, method: str = "GET", headers: Headers = (), listener: Listener = Listener.PLAIN
    ) -> tuple[int, Headers, str]:
        """As `ProgramProxy.fetch`, under the name of the virtual host."""
        return await fetched(
            self._session,
            self.front,
            path,
            method=method,
            headers=headers,
            listener=listener,
            trust=self._trust,
            server_name=self.front.named or None,
        )

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
