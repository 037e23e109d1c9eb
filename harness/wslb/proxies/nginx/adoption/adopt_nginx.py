"""Makes an nginx configuration servable in a lab: listeners, members, certificates, logs and users; nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from wslb.proxies.adopting import Certified, MemberPlace
from wslb.proxies.emitted import Emitted
from wslb.proxies.nginx.adoption.effective import (
    READ_SECONDS,
    first_line,
    host_in,
    lines_in_force,
    seconds_of,
    upstreams_of,
)
from wslb.proxies.nginx.adoption.grammar import NginxLine, every
from wslb.proxies.nginx.adoption.nginx_listeners import Listening, door_of, listen_place, server_names

__all__ = ["adopt_nginx", "whole"]

_STAND_IN = "a stand-in is in its place"
_OURS = "the lab has its own"
_LOGS = "all requests are logged in one place, with the block that took them"
_LEFT_OUT = {
    **dict.fromkeys(("user", "pid", "daemon", "master_process", "lock_file", "working_directory"), _OURS),
    **dict.fromkeys(("worker_priority", "worker_cpu_affinity", "worker_rlimit_core"), "it is of the machine"),
    **dict.fromkeys(("error_log", "access_log", "open_log_file_cache"), _LOGS),
    **dict.fromkeys(("ssl_dhparam", "ssl_session_ticket_key", "ssl_password_file", "ssl_crl"), "a file of your keys"),
    **dict.fromkeys(("ssl_stapling", "ssl_stapling_verify", "ssl_stapling_file"), "it would ask another server"),
    "resolver": "no server outside is asked",
    "proxy_bind": "members are on loopback",
    **dict.fromkeys(("stream", "mail"), "it carries bytes, not requests: it is not asked"),
}
_TEMPORARY = re.compile(r"(?:client_body|proxy|fastcgi|uwsgi|scgi)_temp_path|proxy_cache_path|fastcgi_cache_path")
_CERTIFICATES = {
    "ssl_certificate": "tls/adopted.pem",
    "ssl_certificate_key": "tls/adopted.key",
    "ssl_client_certificate": "tls/ca.pem",
    "ssl_trusted_certificate": "tls/ca.pem",
    "proxy_ssl_trusted_certificate": "tls/ca.pem",
    "proxy_ssl_certificate": "tls/client.pem",
    "proxy_ssl_certificate_key": "tls/client.key",
}
_FOREIGN = re.compile(r"(?:fastcgi|uwsgi|scgi|grpc|memcached)_pass")
_TABLES = frozenset({"map", "geo", "types", "split_clients", "charset_map", "match"})
"""Blocks whose lines are values, whatever they are called."""

_LISTENING = re.compile(r"ipv6only=|proxy_protocol$|setfib=|fastopen=|accept_filter=")
_MODULES = ("/usr/share/nginx", "/usr/lib/nginx", "/etc/nginx", "/usr/local/nginx")
RUN = "${WSLB_RUN}"


def whole(lines: tuple[NginxLine, ...]) -> tuple[NginxLine, ...]:
    """A complete configuration: of parts, what is around them is supplied.

    ``server`` and ``upstream`` alone stand in ``http``, ``location`` alone in a ``server`` of it.
    """
    names = {line.name for line in lines}
    if "http" in names:
        return lines
    file = lines[0].file if lines else ""
    main = tuple(line for line in lines if line.name in {"events", "worker_processes", "load_module", "user", "pid"})
    rest = tuple(line for line in lines if line not in main and line.name not in {"stream", "mail"})
    if rest and not names & {"server", "upstream"}:
        rest = (NginxLine(name="server", raw=(), file=file, line=0, block=rest),)
    return (*main, NginxLine(name="http", raw=(), file=file, line=0, block=rest)) if rest else lines


class _Adopter:
    def __init__(self, lines: tuple[NginxLine, ...], *, divisor: float, left_out: frozenset[tuple[str, int]]) -> None:
        self.out = Emitted[NginxLine]()
        self.stand_ins: list[MemberPlace] = []
        self._lines = lines
        self._divisor = divisor
        self._dropped = left_out
        self._upstreams = upstreams_of(lines)
        http = [line for line in lines if line.name == "http"]
        self.servers = [server for block in http for server in block.inside("server")]
        self.listening = Listening(self.servers)
        self.names = tuple(dict.fromkeys(name for server in self.servers for name in server_names(server)))
        passes = [line for line in every(lines) if line.name == "proxy_pass"]
        self._tls = {host_in(line.first) for line in passes if line.first.startswith("https:")}
        self._resolves = any(line.name == "resolver" for line in every(lines))
        named = (re.fullmatch(r"(https?)://\$\{?(\w+)\}?(?:[/$].*)?", line.first) for line in passes)
        self._hosts = {f"${match[2]}": match[1] for match in named if match}

    def main(self) -> None:
        if not any(line.name == "events" for line in self._lines):
            self.out.put("events { worker_connections 1024; }", None)
        for line in self._lines:
            self.emit(line, ())

    def member(self, host: str, port: int) -> MemberPlace:
        """Stand-in of a host and port; the same for the same."""
        found = next((one for one in self.stand_ins if (one.host, one.port) == (host, port)), None)
        if found is None:
            found = MemberPlace(number=len(self.stand_ins) + 1, host=host, port=port)
            self.stand_ins.append(found)
        return found

    def address(self, authority: str, *, tls: bool, port: int) -> str:
        """What stands in the place of ``host[:port]``, or of ``unix:path``: a variable of the lab's."""
        if authority.startswith("unix:"):
            return f"${{{self.member(authority, 0).variable(tls=tls)}}}"
        found = re.fullmatch(r"(.*?):(\d+)", authority) if not authority.endswith("]") else None
        host, number = (found[1], int(found[2])) if found else (authority, port)
        own = door_of(self.listening, host, number)
        if own is not None:
            return f"{own.address}:${{{own.variable}}}"
        return f"${{{self.member(host, number).variable(tls=tls)}}}"

    # -- lines -------------------------------------------------------------------------------------------------------

    def emit(self, line: NginxLine, chain: tuple[NginxLine, ...]) -> None:
        """One directive, and what is in it."""
        if chain and chain[-1].name in _TABLES:
            self.out.put(f"{line};", line)
            return
        unknown = (line.file, line.line) in self._dropped
        why = "no module of this nginx knows it" if unknown else _LEFT_OUT.get(line.name)
        if why:
            self.out.change(line, "", why)
        elif line.block is not None:
            self._block(line, chain)
        else:
            text, reason = self._served(line, chain)
            if reason:
                self.out.change(line, text, reason)
            if text:
                self.out.put(f"{text};", line)

    def _served(self, line: NginxLine, chain: tuple[NginxLine, ...]) -> tuple[str, str]:
        """A directive as it is served, with why where that differs."""
        special = {
            "listen": lambda: self._listen(line, chain[-1]),
            "proxy_pass": lambda: self._pass(line),
            "set": lambda: self._set(line),
            "load_module": lambda: self._module(line),
        }
        if line.name in special:
            return special[line.name]()
        if line.name == "server" and chain and chain[-1].name == "upstream":
            tls = chain[-1].first in self._tls
            kept = [word for word in line.raw[1:] if word != "resolve" and not word.startswith("service=")]
            return " ".join(("server", self.address(line.first, tls=tls, port=80), *kept)), _STAND_IN
        return self._line(line, chain)

    def _line(self, line: NginxLine, chain: tuple[NginxLine, ...]) -> tuple[str, str]:
        """A directive of which one value is changed, at the most."""
        name, text, why = line.name, str(line), ""
        if name in _CERTIFICATES and not line.first.startswith(("data:", "$")):
            text, why = f"{name} {RUN}/{_CERTIFICATES[name]}", "certificates are those of the run, for the same names"
        elif _TEMPORARY.fullmatch(name):
            rest = "" if name.endswith("temp_path") else " " + " ".join(line.raw[1:])
            text, why = f"{name} {RUN}/nginx-{len(self.out.changes)}{rest}", "nothing of this machine is written"
        elif name == "proxy_set_header" and "$proxy_host" in text:
            host = next((host_in(at.first) for at in chain[-1].inside("proxy_pass")), "")
            if self._rewritten(host):
                text, why = text.replace("$proxy_host", host), "it is what it would be"
        elif _FOREIGN.fullmatch(name):
            text, why = f"{name} 127.0.0.1:9", "no backend but those of proxy_pass is there"
        elif name == "proxy_ssl_verify" and line.first == "on":
            text, why = f"{name} off", "a stand-in has a certificate of the run, for another name"
        elif name == "proxy_read_timeout" and self._divisor != 1 and (seconds := seconds_of(" ".join(line.words))):
            text, why = f"{name} {round(seconds * 1000 / self._divisor)}ms", "such times are divided by one factor"
        return text, why

    def _listen(self, line: NginxLine, server: NginxLine) -> tuple[str, str]:
        place = listen_place(line.first)
        if place is None or "quic" in line.words:
            return "", "only TCP is asked"
        lines = list(server.inside("listen"))
        if any(listen_place(other.first) == place for other in lines[: lines.index(line)]):
            return "", "the lab's listener of this port is one for both families"
        door = self.listening.door(place)
        kept = [word for word in line.raw[1:] if not _LISTENING.match(word)]
        text = " ".join((f"listen {door.address}:${{{door.variable}}}", *kept))
        lost = "; and it is spoken to without the PROXY protocol" if "proxy_protocol" in line.words else ""
        return text, f"a free port of loopback is in its place{lost}"

    def _pass(self, line: NginxLine) -> tuple[str, str]:
        scheme, _, rest = line.first.partition("://")
        host = host_in(line.first)
        if not rest or not self._rewritten(host) or ("$" in rest and not self._found(host)):
            return str(line), ""
        tls = scheme == "https"
        to = self.address(host, tls=tls, port=443 if tls else 80)
        after = rest[len(host) :].removeprefix(":" if host.startswith("unix:") else "")
        return f'proxy_pass "{scheme}://{to}{after}"', _STAND_IN

    def _set(self, line: NginxLine) -> tuple[str, str]:
        """A variable that a ``proxy_pass`` leads to."""
        if len(line.words) != 2:
            return str(line), ""
        variable, value = line.words
        url = re.fullmatch(r"(https?)://([^/$]+)(.*)", value)
        if not self._found(url[2] if url else value):
            return str(line), ""
        if url and self._rewritten(url[2]):
            to = self.address(url[2], tls=url[1] == "https", port=443 if url[1] == "https" else 80)
            return f'set {variable} "{url[1]}://{to}{url[3]}"', _STAND_IN
        scheme = self._hosts.get(variable)
        if scheme and not url and self._rewritten(value) and re.fullmatch(r"[\w.-]+(:\d+)?", value):
            to = self.address(value, tls=scheme == "https", port=443 if scheme == "https" else 80)
            return f"set {variable} {to}", _STAND_IN
        return str(line), ""

    @staticmethod
    def _module(line: NginxLine) -> tuple[str, str]:
        tried = [Path(line.first)] if line.first.startswith("/") else [Path(root) / line.first for root in _MODULES]
        found = next((path for path in tried if path.is_file()), None)
        if found is None:
            return "", "this module is not here"
        return f"load_module {found}", "" if str(found) == line.first else "as its own nginx finds it"

    # -- blocks ------------------------------------------------------------------------------------------------------

    def _block(self, line: NginxLine, chain: tuple[NginxLine, ...]) -> None:
        self.out.put(f"{line} {{", line)
        inner = (*chain, line)
        if line.name == "http":
            self.out.put("${WSLB_HTTP}", None)
            if self._divisor != 1 and not any(True for _ in line.inside("proxy_read_timeout")):
                self.out.put(f"proxy_read_timeout {round(READ_SECONDS * 1000 / self._divisor)}ms;", None)
        elif line.name == "server" and chain and chain[-1].name == "http":
            self._mark(line)
            if not any(True for _ in line.inside("listen")):
                door = self.listening.door(("*", 80))
                self.out.put(f"listen {door.address}:${{{door.variable}}};", None)
                self.out.change(line, "listen 80", "as nginx takes it for granted, on a free port of loopback")
        elif line.name == "location" or (line.name == "if" and chain and chain[-1].name == "location"):
            self._mark(line)
            self._unchanged_fields(line, inner)
        for one in line.block or ():
            self.emit(one, inner)
        self.out.put("}", None)

    def _mark(self, block: NginxLine) -> None:
        """Let the access log tell that this block took a request."""
        self.out.put(f"access_log {RUN}/access.log wslb_{len(self.out.marks)};", None)
        self.out.marks.append(block)

    def _unchanged_fields(self, location: NginxLine, chain: tuple[NginxLine, ...]) -> None:
        """Let the backend see the Host that it would see: by default the host of ``proxy_pass``, rewritten here."""
        at = next(location.inside("proxy_pass"), None)
        host = host_in(at.first) if at else ""
        if at is None or location.name != "location" or not host:
            return
        if not self._rewritten(host):
            self._as_before(location, chain)
            return
        host = "localhost" if host.startswith("unix:") else host
        fields = lines_in_force(chain, "proxy_set_header")
        own = any(True for _ in location.inside("proxy_set_header"))
        named = any(line.first.lower() == "host" for line in fields)
        if not named or any("$proxy_host" in str(line) for line in fields):
            if not own:
                for line in fields:
                    if line.first.lower() != "host":
                        self.out.put(f"{str(line).replace('$proxy_host', host)};", line)
            if not own or not named:
                self.out.put(f'proxy_set_header Host "{host}";', None)
        if at.first.startswith("https:") and first_line(chain, "proxy_ssl_name") is None:
            self.out.put(f"proxy_ssl_name {re.sub(r':[0-9]+$', '', host)};", None)

    def _rewritten(self, host: str) -> bool:
        """Whether it is somebody's address, no upstream; nginx refuses one with a port, and shall."""
        return bool(host) and "$" not in host and re.sub(r":\d+$", "", host) not in self._upstreams

    def _found(self, host: str) -> bool:
        """Whether nginx finds, while it runs, a host of a URL with variables: an address, or with a resolver."""
        bare = re.sub(r":\d+$", "", host)
        return self._resolves or bool(re.fullmatch(r"[\d.]+|\[.*\]|unix:.*", bare))

    def _as_before(self, location: NginxLine, chain: tuple[NginxLine, ...]) -> None:
        """Do not let a location inherit what was put into one around it."""
        around = [at for block in chain[:-1] if block.name == "location" for at in block.inside("proxy_pass")]
        own = any(True for _ in location.inside("proxy_set_header"))
        if own or not any(self._rewritten(host_in(at.first)) for at in around):
            return
        fields = lines_in_force(chain, "proxy_set_header")
        for line in fields:
            self.out.put(f"{line};", line)
        if not any(line.first.lower() == "host" for line in fields):
            self.out.put("proxy_set_header Host $proxy_host;", None)


def adopt_nginx(
    lines: tuple[NginxLine, ...], *, divisor: float = 1, left_out: frozenset[tuple[str, int]] = frozenset()
) -> tuple[Emitted[NginxLine], tuple[MemberPlace, ...], Listening, tuple[Certified, ...]]:
    """Text, members, listeners and certificates of a complete configuration.

    Args:
        divisor: of the times that end an idle tunnel.
        left_out: places of directives that the program does not know.
    """
    adopter = _Adopter(lines, divisor=divisor, left_out=left_out)
    adopter.main()
    return (
        adopter.out,
        tuple(adopter.stand_ins),
        adopter.listening,
        (Certified(name="adopted", names=adopter.names),),
    )
