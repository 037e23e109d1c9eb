"""An nginx that serves a user's own configuration, adopted: started anew for every question."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wslb.errors import ProxyConfigRejected, StartError
from wslb.interfaces import Front
from wslb.model.balancer import Balancer, Listener, Site
from wslb.model.handshake import Headers
from wslb.model.results import AccessLine, LogLine, MemberStatus, ServedConfig
from wslb.proxies.adopting import AdoptedConfiguration, Door
from wslb.proxies.fetching import fetched
from wslb.proxies.nginx.adoption.adopted_nginx import AdoptedNginx
from wslb.proxies.nginx.adoption.nginx_words import TOOK
from wslb.proxies.nginx.nginx_proxy import NginxProxy

__all__ = ["AdoptedNginxProxy"]

_FORMAT = (
    '$status $request_length $bytes_sent $request_time "$upstream_addr" "$http_x_wslb_conn" "$uri" '
    '"$upstream_bytes_sent" "$upstream_bytes_received" $scheme "$proxy_host"'
)
_MARKED = re.compile(r'^(?P<line>.*) "(?P<to>[^"]*)" block (?P<block>\d+)$')
_TRIES = 20
_FOREIGN = re.compile(
    r"brotli|zstd|lua|_by_|more_(?:set|clear)|echo|modsecurity|geoip|js_|perl|vhost_traffic|pagespeed|image_filter|xslt|"
    r"upload|auth_jwt|health_check|status_zone|api$|http[23]|quic|ssl_|sub_filter|dav_|fancyindex|headers_|opentelemetry|otel"
)
"""Directives of modules that not every nginx has; any other that it does not know is the user's mistake."""

_HINT = "nginx itself does not accept this configuration: correct the line."


class AdoptedNginxProxy(NginxProxy):
    """One nginx with one adopted configuration.

    Attributes:
        members: address of each stand-in, by its variable.
        ports: port in the place of each configured one.
    """

    def __init__(self, *, adopted: AdoptedNginx, **rest: Any) -> None:
        super().__init__(**rest)
        self._adopted = adopted
        self.members: Mapping[str, str] = {}
        self.ports: Mapping[int, int] = {}
        self._faced: tuple[Door, bool, str] | None = None
        self._ready_port = 0

    @property
    def adopted(self) -> AdoptedConfiguration:
        """What is served."""
        return self._adopted

    def served(self, claimed: Site) -> ServedConfig | None:
        """None: it is the user's, and no site gives it."""

    async def apply(self, site: Site) -> None:
        """Serve the adopted configuration, whatever site is asked about, on a freshly started nginx.

        Raises:
            ProxyConfigRejected: ``nginx -T`` said no; file and line are the user's.
            StartError: it ended early, or was not ready in time.
        """
        await self.stop()
        self.site = site
        for attempt in range(1, _TRIES + 1):
            configured = sorted({door.port for door in self._adopted.doors})
            self._ready_port, *ports = self.runtime.ports(len(configured) + 1)
            self.ports = dict(zip(configured, ports, strict=True))
            self._count += 1
            self.generation = f"{Path(self.runtime.folder).name}-{self._count}"
            self.front = Front(plain=self._ready_port)
            self.config = self._rendered(site)
            try:
                await self._begin(site)
            except ProxyConfigRejected as exc:
                if attempt == _TRIES or not self._left_out(exc):
                    raise self._in_the_users_words(exc) from None
            except StartError as exc:
                if attempt == _TRIES or not any(self._program.PORT_TAKEN in line for line in exc.log_tail):
                    raise
            else:
                self._turn()
                return

    async def serve(self, other: AdoptedConfiguration) -> None:
        """Serve another form of the configuration until the next `apply`.

        Raises:
            LabError: as `apply`.
        """
        if not isinstance(other, AdoptedNginx):
            raise TypeError(other)
        own, self._adopted = self._adopted, other
        try:
            await self.apply(self.site or Site(mounts=()))
        finally:
            self._adopted = own

    def _head(self) -> tuple[str, ...]:
        folder = self.runtime.folder
        user = f"user {self._user};" if self._user else ""
        return (f"daemon off; pid {folder}/nginx.pid; error_log {folder}/{self.dialect.error_log} notice; {user}",)

    def _rendered(self, site: Site) -> str:  # noqa: ARG002 - whatever is asked about
        folder = self.runtime.folder
        ready = self.dialect.ready_text(self.generation)
        http = [f"log_format wslb_{n} '{_FORMAT} block {n}';" for n in range(len(self._adopted.marks))]
        http += [f"log_format wslb '{_FORMAT} block {len(http)}'; access_log {folder}/{self.dialect.access_log} wslb;"]
        temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        written = " ".join("\n".join(self._adopted.body).split())
        http += [f"{n}_temp_path {folder}/nginx-{n};" for n in temporary if f" {n}_temp_path " not in written]
        http.append(
            f"server {{ listen 127.0.0.1:{self._ready_port}; access_log off; "
            f'location = {self.dialect.ready_path} {{ return 200 "{ready}"; }} }}'
        )
        variables = {"WSLB_RUN": folder, **self.members}
        variables |= {f"WSLB_PORT_{configured}": str(port) for configured, port in self.ports.items()}
        return self._adopted.text(self._head(), variables, http)

    def _place(self, line: int | None) -> tuple[str, int] | None:
        at = (line or 0) - 1 - len(self._head())
        places = self._adopted.places
        return places[at] if 0 <= at < len(places) and places[at][0] else None

    def _left_out(self, refused: ProxyConfigRejected) -> bool:
        """Leave out a directive of a module that this nginx has not."""
        unknown = re.search(r'unknown directive "([^"]+)"', refused.text)
        place = self._place(refused.line)
        if unknown is None or place is None or not _FOREIGN.search(unknown[1]):
            return False
        self._adopted = self._adopted.without(place)
        return True

    def _in_the_users_words(self, refused: ProxyConfigRejected) -> ProxyConfigRejected:
        place = self._place(refused.line)
        text = re.sub(r"^\[emerg\] (?:\d+#\d+: )?", "", self.in_users_words(refused.text))
        text = re.sub(r" in \S+:\d+$", "", text)
        return ProxyConfigRejected(
            file=Path(place[0]) if place else None,
            line=None,
            text=f"{place[0]}:{place[1]}: {text}" if place else text,
            hint=_HINT,
            program="nginx",
        )

    def in_users_words(self, text: str) -> str:
        """A text with the stand-ins' addresses as the configuration has them."""
        for stand_in in self._adopted.stand_ins:
            for tls in (True, False):
                if address := self.members.get(stand_in.variable(tls=tls)):
                    text = text.replace(address, stand_in.authority)
        return text

    def face(self, door: Door, *, tls: bool, server_name: str | None) -> None:
        """Let clients come to a listener of the configuration, under a name, now and after each new start."""
        self._faced = (door, tls, server_name or "")
        self._turn()

    def _turn(self) -> None:
        if self._faced is not None:
            door, tls, named = self._faced
            port = self.ports[door.port]
            front = Front(plain=None, tls=port) if tls else Front(plain=port)
            self.front = replace(front, host=door.address, listen=door.address, named=named)

    async def status(self, balancer: Balancer | None = None, *, fresh: bool = False) -> tuple[MemberStatus, ...]:  # noqa: ARG002 - as every proxy
        """Nothing: nginx tells no counters."""
        return ()

    async def settled(self, balancer: Balancer | None, *, busy: int, seconds: float) -> None:
        """Nothing to wait for: nobody counts (`status`)."""

    async def fetch(
        self, path: str, *, method: str = "GET", headers: Headers = (), listener: Listener = Listener.PLAIN
    ) -> tuple[int, Headers, str]:
        """As `ProgramProxy.fetch`, under the name of the server."""
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

    async def _marked(self) -> Iterator[tuple[str, str]]:
        """Each access line as the dialect reads it, with the number of the block that took the request."""
        text = (await self.runtime.read(self.dialect.access_log)).decode(errors="replace")
        found = filter(None, map(_MARKED.match, text.splitlines()))
        return ((f"{one['line']} {one['to'] or '-'}", one["block"]) for one in found)

    async def access(self) -> tuple[AccessLine, ...]:
        """Access log since nginx was started; a tunnel is in it once it has ended."""
        return self.dialect.parse_access("\n".join(line for line, _ in await self._marked()))

    async def log(self) -> tuple[LogLine, ...]:
        """What is alarming in the error log, and which block took each request, from the access log."""
        alarming = [line for line in await super().log() if line.alarming]
        took: list[LogLine] = []
        for line, block in await self._marked():
            for access in self.dialect.parse_access(line):
                text = f"{TOOK} {access.conn_id}: block {block}"
                took.append(LogLine(at="", module="nginx", level="info", code="", text=text))
        return (*took, *(replace(line, text=self.in_users_words(line.text)) for line in alarming))
