"""An nginx that serves a user's own configuration, adopted: started anew for every question."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from wslb.errors import ProxyConfigRejected
from wslb.model.balancer import Site
from wslb.model.results import AccessLine, LogLine
from wslb.proxies.adopted_service import AdoptedService
from wslb.proxies.nginx.adoption.adopted_nginx import AdoptedNginx
from wslb.proxies.nginx.adoption.nginx_words import TOOK
from wslb.proxies.nginx.nginx_dialect import NginxDialect
from wslb.proxies.nginx.nginx_program import NginxProgram
from wslb.proxies.nginx.nginx_proxy import NginxProxy

__all__ = ["AdoptedNginxProxy"]

_FORMAT = (
    '$status $request_length $bytes_sent $request_time "$upstream_addr" "$http_x_wslb_conn" "$uri" '
    '"$upstream_bytes_sent" "$upstream_bytes_received" $scheme "$proxy_host"'
)
_MARKED = re.compile(r'^(?P<line>.*) "(?P<to>[^"]*)" block (?P<block>\d+)$')
_FOREIGN = re.compile(
    r"brotli|zstd|lua|_by_|more_(?:set|clear)|echo|modsecurity|geoip|js_|perl|vhost_traffic|pagespeed|image_filter|xslt|"
    r"upload|auth_jwt|health_check|status_zone|api$|http[23]|quic|ssl_|sub_filter|dav_|fancyindex|headers_|opentelemetry|otel"
)
"""Directives of modules that not every nginx has; any other that it does not know is the user's mistake."""


class AdoptedNginxProxy(AdoptedService[NginxDialect, NginxProgram, AdoptedNginx], NginxProxy):
    """One nginx with one adopted configuration."""

    HINT = "nginx itself does not accept this configuration: correct the line."

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

    def _left_out(self, refused: ProxyConfigRejected) -> bool:
        """Leave out a directive of a module that this nginx has not."""
        unknown = re.search(r'unknown directive "([^"]+)"', refused.text)
        place = self._place(refused.line)
        if unknown is None or place is None or not _FOREIGN.search(unknown[1]):
            return False
        self._adopted = self._adopted.without(place)
        return True

    def _said(self, text: str) -> str:
        return re.sub(r" in \S+:\d+$", "", re.sub(r"^\[emerg\] (?:\d+#\d+: )?", "", text))

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
