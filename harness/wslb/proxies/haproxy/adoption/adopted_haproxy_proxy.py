"""A HAProxy that serves a user's own configuration, adopted: started anew for every question."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from wslb.model.balancer import Site
from wslb.model.results import AccessLine, LogLine
from wslb.proxies.adopted_service import AdoptedService
from wslb.proxies.haproxy.adoption.adopted_haproxy import AdoptedHaproxy
from wslb.proxies.haproxy.adoption.haproxy_words import TOOK
from wslb.proxies.haproxy.haproxy_dialect import HaproxyDialect
from wslb.proxies.haproxy.haproxy_program import HaproxyProgram
from wslb.proxies.haproxy.haproxy_proxy import HaproxyProxy

__all__ = ["AdoptedHaproxyProxy"]

_MARKED = re.compile(r"^(?P<line>wslb .*) marks (?P<took>\S+) (?P<end>\S+) (?P<state>\S+)$")
_OF_THE_TEXT = re.compile(r"^(?:config|parsing|Proxy '|Removing|Loading|haproxy version|path to executable)")
"""What HAProxy remarks of a configuration when it starts: its author may want it so."""


class AdoptedHaproxyProxy(AdoptedService[HaproxyDialect, HaproxyProgram, AdoptedHaproxy], HaproxyProxy):
    """One HAProxy with one adopted configuration."""

    HINT = "HAProxy itself does not accept this configuration: correct the line."

    def _head(self) -> tuple[str, ...]:
        ready = self.dialect.ready_text(self.generation)
        user = (f"  user {self._user[0]}", f"  group {self._user[1]}") if self._user else ()
        return (
            "global",
            "  log stdout format raw local0 info",
            "  nbthread 1",
            "  noreuseport",
            *user,
            "frontend wslb-ready",
            "  mode http",
            "  timeout client 5s",
            f"  bind 127.0.0.1:{self._ready_port}",
            f'  http-request return status 200 content-type text/plain string "{ready}"',
        )

    def _rendered(self, site: Site) -> str:  # noqa: ARG002 - whatever is asked about
        variables = {"WSLB_RUN": self.runtime.folder, **self.members}
        variables |= {f"WSLB_PORT_{configured}": str(port) for configured, port in self.ports.items()}
        return self._adopted.text(self._head(), variables)

    async def _begin(self, site: Site) -> None:
        pair = await self.runtime.read("tls/adopted.pem") + await self.runtime.read("tls/adopted.key")
        await self.runtime.write("tls/adopted-pair.pem", pair, secret=True)
        await super()._begin(site)

    async def _marked(self) -> Iterator[re.Match[str]]:
        """Each access line as the dialect reads it, with the numbers of the lines that took and ended the request."""
        text = (await self.runtime.read(self.dialect.access_log)).decode(errors="replace")
        return filter(None, map(_MARKED.match, text.splitlines()))

    async def access(self) -> tuple[AccessLine, ...]:
        """Access log since HAProxy was started; a tunnel is in it once it has ended."""
        tls = {address for name, address in self.members.items() if name.endswith("_TLS")}
        found = self.dialect.parse_access("\n".join(one["line"] for one in await self._marked()))
        return tuple(replace(line, member_url=_url(line.member_url, tls)) for line in found)

    async def log(self) -> tuple[LogLine, ...]:
        """What is alarming in the log, and which line took each request, from the access log."""
        took: list[LogLine] = []
        for one in await self._marked():
            for access in self.dialect.parse_access(one["line"]):
                text = f"{TOOK} {access.conn_id}: took {one['took']} end {one['end']} {one['state']}"
                took.append(LogLine(at="", module="haproxy", level="info", code="", text=text))
        raw = (_MARKED.sub(r"\g<line>", line) for line in (await self._program.log()).splitlines())
        lines = [line for line in self.dialect.parse_log("\n".join(raw)) if line.alarming]
        alarming = [line for line in lines if not _OF_THE_TEXT.match(line.text)]
        return (*took, *(replace(line, text=self.in_users_words(line.text)) for line in alarming))


def _url(url: str, tls: set[str]) -> str:
    scheme, _, address = url.partition("://")
    return f"{'wss' if address in tls else scheme.replace('wss', 'ws')}://{address}" if address else url
