"""nginx: renders its configuration, reads its dump and logs. No I/O but the template.

Sources: ngx_http_upstream_module, ngx_http_proxy_module and ngx_http_log_module in nginx's documentation; measured on
1.22.1 and 1.31.3.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from urllib.parse import urlsplit

import jinja2

from wslb.errors import ConfigError, EvidenceError
from wslb.interfaces import Capabilities, Front, Installation
from wslb.model.balancer import Balancer, Carrier, LbMethod, Listener, Member, MemberState, Mount, Native, Site
from wslb.model.results import AccessLine, LogLine, MemberStatus
from wslb.proxies.nginx.nginx_claims import MEASURED
from wslb.proxies.nginx.nginx_vocabulary import EVENTS, METHODS_TOLD, WORDS_OF_HTTPD, WRITES
from wslb.resources import resource

__all__ = ["NginxDialect"]

_LINE = re.compile(r"^(?P<at>\S+ \S+) \[(?P<level>[a-z]+)\] \d+#\d+: (?P<text>.*)$")
_ACCESS = re.compile(
    r'^(?P<status>\d{3}) (?P<in>\d+) (?P<out>\d+) (?P<seconds>[\d.]+) "(?P<member>[^"]*)" "(?P<conn>[^"]*)" '
    r'"(?P<path>.*)" "(?P<sent>[^"]*)" "(?P<read>[^"]*)" (?P<scheme>https?) (?P<upstream>\S+)$'
)
_SERVER = re.compile(r"^\s*server (\S+:\d+)([^;{]*);", re.MULTILINE)
_UPSTREAM = re.compile(r"^\s*upstream (\S+) \{\n(.*?)^\s*\}", re.MULTILINE | re.DOTALL)

_METHODS = {LbMethod.BYREQUESTS: LbMethod.ROUND_ROBIN, LbMethod.BYBUSYNESS: LbMethod.LEAST_CONN}

_SPARE = 64
"""Connections beside the tunnels, each of which takes two: one from the client and one to the member."""

_EVENTS_LINE = "worker_connections "
"""Begins the one line of the process that stands in a block of its own."""

_HTTP2 = "http2 on;"
_HTTP2_APART = (1, 25, 1)
"""First version that has this line; before, it is a word of ``listen``, and a plain port with it hears nothing else."""

_STICKY = (1, 29, 6)
"""First version whose free build has ``sticky``."""

_BACKLOG = re.compile(r"ListenBackLog (\d+)$")
_SCHEMES = {"http": "ws", "https": "wss"}

_VERIFIED = ("verify on", "server_name on", "name localhost")
"""How members are asked over TLS. nginx compares a certificate with names alone, never with an address, so that all of
them are asked under one.
"""

_ESTABLISHED = "01"
"""State of a connection in proc_net_tcp(5)."""

_FLAGS = {MemberState.ENABLED: "", MemberState.DISABLED: "down", MemberState.STANDBY: "backup"}
_WORDS = {"down": "Init Dis", "backup": "Init Stby Ok"}
"""Status of a member by the flag of its ``server`` line, in the words that `MemberStatus` has for httpd's."""


class NginxDialect:
    """nginx: text in, text out."""

    title = "nginx"
    capabilities = Capabilities(
        can=frozenset(),
        measured=MEASURED,
        words=WORDS_OF_HTTPD,
        writes=WRITES,
        lbmethods=_METHODS,
        signals={"USR1": "HUP", "WINCH": "QUIT"},
        yields="gracefully shutting down",
    )
    binaries = ("nginx", "/usr/sbin/nginx", "/usr/local/nginx/sbin/nginx", "/opt/homebrew/bin/nginx")
    ready_path = "/wslb-ready"
    manager_path = ""
    children_path = ""
    error_log = "error.log"
    access_log = "access.log"

    def parse_threads(self, text: str) -> int:  # noqa: ARG002
        """nginx tells of no threads."""
        return 0

    def parse_children(self, text: str) -> frozenset[int]:  # noqa: ARG002
        """nginx tells of no processes."""
        return frozenset()

    def missing(self, site: Site, installation: Installation) -> tuple[str, ...]:
        """What of the site has no counterpart in the template, each as a noun."""
        lacking = [f"mod_{name}" for name in site.modules]
        lacking += ["modules to leave out"] if site.without else []
        others = [line for line in site.directives if not _BACKLOG.match(line)]
        lacking += ["directives of httpd"] if others or site.tls_directives else []
        lacking += ["Timeout"] if site.timeout_seconds is not None else []
        lacking += [site.carrier.module] if site.carrier else []
        lacking += ["threads that come and go"] if site.process_model.changes else []
        http2 = _HTTP2 in site.native.get(self.title, Native()).common
        lacking += ["mod_http2"] if http2 and not installation.has("http2") else []
        for mount in site.mounts:
            secure = {mount.listener is Listener.TLS} | _over_tls(mount)
            lacking += ["mod_ssl"] if True in secure and not installation.has("ssl") else []
            lacking += ["TLS to some of a balancer's members alone"] if len(_over_tls(mount)) > 1 else []
            lacking += ["RewriteRule"] if mount.rewrite else []
        for balancer in site.balancers:
            lacking += [] if balancer.lbmethod in _METHODS else [f"lbmethod {balancer.lbmethod.value}"]
            lacking += [f"parameter {name} of a balancer" for name, _ in balancer.parameters]
            for member in balancer.members:
                lacking += [f"parameter {name} of a member" for name, _ in member.parameters]
                lacking += [] if float(member.loadfactor).is_integer() else ["fractional weight"]
                lacking += [] if member.state in _FLAGS else [f"state {member.state.name.lower()}"]
        return tuple(dict.fromkeys(lacking))

    def too_old_for(
        self,
        site: Site,
        carrier: Carrier,  # noqa: ARG002
        installation: Installation,
    ) -> tuple[str, ...]:
        """The directive ``sticky``; all else of the template every version knows since 1.9.0 (``zone``)."""
        native = site.native.get(self.title, Native()).balancer
        sticky = any(balancer.stickysession for balancer in site.balancers)
        sticky = sticky or any(line.startswith("sticky ") for line in native)
        return ("directive sticky",) if sticky and installation.numbers < _STICKY else ()

    def parse_version(self, text: str) -> tuple[str, dict[str, str]]:
        """Version and facts from ``nginx -V``.

        Raises:
            EvidenceError: the text names no version of nginx.
        """
        match = re.search(r"^nginx version: nginx/(\d\S*)", text, re.MULTILINE)
        if not match:
            first = next((line.strip() for line in text.splitlines() if line.strip()), "")
            raise EvidenceError(path="the output of nginx -V", detail=f"it answers {first[:60]!r}, no version of nginx")
        built = re.search(r"^built (?:by|with) (\S.*)$", text, re.MULTILINE)
        facts = {"version": match[1], "built": built[0] if built else ""}
        built_in = {"tls": "http_ssl", "http2": "http_v2"}
        return match[1], facts | {fact: "yes" for fact, name in built_in.items() if f"--with-{name}_module" in text}

    def ready_text(self, generation: str) -> str:
        """Body that the ready path answers with once this generation serves."""
        return f"wslb generation {generation} is serving"

    def arguments(self, installation: Installation, *, folder: str, config: str) -> tuple[str, ...]:
        """Argument vector common to checking and running; ``-e`` keeps it from the log path it was compiled with."""
        return (installation.binary, "-p", folder, "-e", f"{folder}/{self.error_log}", "-c", config)

    def render(
        self,
        site: Site,
        *,
        front: Front,
        generation: str,
        folder: str,
        user: str,
        version: tuple[int, ...] = _HTTP2_APART,
    ) -> str:
        """Configuration text of a site whose URLs are resolved and whose members have no paths.

        Args:
            folder: writable one of the run.
            user: name and group that workers become, blank between; empty for an ordinary user.
            version: of the nginx that shall read it; where nobody knows, one that has every directive.

        Raises:
            ConfigError: a value cannot be written into a configuration file.
        """
        native = site.native.get(self.title, Native())
        listens = _HTTP2 in native.common and version < _HTTP2_APART
        return _template().render(
            title=f"nginx for wslb, {generation}",
            user=user,
            folder=_value(folder),
            error_log=self.error_log,
            access_log=self.access_log,
            process=[line for line in native.process if not line.startswith(_EVENTS_LINE)],
            events=[line for line in native.process if line.startswith(_EVENTS_LINE)]
            or [f"{_EVENTS_LINE}{max(1024, 2 * site.process_model.workers + _SPARE)};"],
            common=(
                *(line for balancer in site.balancers for line in _routes(balancer)),
                *_verified(site, folder, native.common),
                *(line for line in native.common if not (listens and line == _HTTP2)),
            ),
            secure=[urlsplit(target).netloc for target in _targets(site) if _secure(target)],
            upstreams=[
                {
                    "name": _upstream(balancer),
                    "method": _method(balancer),
                    "lines": (*_sticky(balancer), *native.balancer),
                    "servers": [
                        f"{_server(member, balancer)} {native.members.get(member.route, '')}".rstrip()
                        for member in balancer.members
                    ],
                }
                for balancer in {_upstream(balancer): balancer for balancer in site.balancers}.values()
            ],
            listen=f"{front.listen}:{front.plain}",
            listen_tls=f"{front.listen}:{front.tls} ssl{' http2' * listens}" if front.tls else "",
            backlog=next((match[1] for line in site.directives if (match := _BACKLOG.match(line))), ""),
            ready_path=self.ready_path,
            ready_text=self.ready_text(generation),
            locations=[one for mount in site.mounts if mount.listener is Listener.PLAIN for one in _locations(mount)],
            tls_locations=[one for mount in site.mounts if mount.listener is Listener.TLS for one in _locations(mount)],
        )

    def parse_members(self, dump: str) -> dict[str, tuple[tuple[str, float, str], ...]]:
        """Members by upstream, each with address, weight and status, from what ``nginx -T`` read."""
        return {
            name: tuple(
                (address, float(weight[1]) if (weight := re.search(r"\bweight=(\d+)", words)) else 1.0, _status(words))
                for address, words in _SERVER.findall(block)
            )
            for name, block in _UPSTREAM.findall(dump)
        }

    def status(self, balancer: Balancer, dump: str, *, access: str, connections: str) -> tuple[MemberStatus, ...]:
        """A balancer's members, each with what it was elected for and what is open.

        Args:
            balancer: as it is served, for the routes.
            dump: what ``nginx -T`` read.
            access: text of the access log: each address in ``$upstream_addr`` is one election, told at the end.
            connections: ``/proc/net/tcp``: nginx counts no member's connections, the kernel does.
        """
        elected, sent, read = _tally(access, _upstream(balancer))
        busy = open_to(connections)
        block = dict(_UPSTREAM.findall(dump)).get(_upstream(balancer), "")
        told = METHODS_TOLD.search(block)
        method = told[1] if told else LbMethod.ROUND_ROBIN.value
        routes = {urlsplit(member.url).netloc: member.route for member in balancer.members}
        return tuple(
            MemberStatus(
                balancer=balancer.name,
                route=routes.get(address, address),
                url=f"{balancer.scheme}://{address}",
                status=status,
                elected=elected[address],
                busy=busy[address],
                lbstatus=0,
                transferred=sent[address],
                read=read[address],
                loadfactor=weight,
                lbmethod=method,
            )
            for address, weight, status in self.parse_members(dump).get(_upstream(balancer), ())
        )

    def parse_log(self, text: str) -> tuple[LogLine, ...]:
        """Lines of the error log; nginx numbers none, so a line's code is that of the same event in the catalogue."""
        lines: list[LogLine] = []
        for raw in filter(str.strip, text.splitlines()):
            match = _LINE.match(raw)
            at, level, words = (match["at"], match["level"], match["text"]) if match else ("", "", raw)
            lines.append(
                LogLine(
                    at=at,
                    module="nginx",
                    level=level,
                    code=next((code for said, code in EVENTS if said in words), ""),
                    text=words,
                )
            )
        return tuple(lines)

    def parse_access(self, text: str) -> tuple[AccessLine, ...]:
        """Lines of the access log that carry a correlation id; the member is the last one that was tried."""
        return tuple(
            AccessLine(
                conn_id=match["conn"],
                status=int(match["status"]),
                member_url=f"{_SCHEMES[match['scheme']]}://{tried[-1]}"
                if (tried := _addresses(match["member"]))
                else "",
                path=match["path"],
                bytes_in=int(match["in"]),
                bytes_out=int(match["out"]),
                seconds=float(match["seconds"]),
            )
            for match in _accesses(text)
            if match["conn"] != "-"
        )


def open_to(connections: str) -> Counter[str]:
    """Established connections by remote ``address:port``, from ``/proc/net/tcp`` (proc_net_tcp(5))."""
    found: Counter[str] = Counter()
    for line in connections.splitlines()[1:]:
        words = line.split()
        if len(words) > 3 and words[3] == _ESTABLISHED:
            host, _, port = words[2].partition(":")
            octets = [str(int(host[at : at + 2], 16)) for at in (6, 4, 2, 0)]
            found[f"{'.'.join(octets)}:{int(port, 16)}"] += 1
    return found


def _accesses(text: str) -> Iterable[re.Match[str]]:
    return filter(None, map(_ACCESS.match, text.splitlines()))


def _addresses(text: str) -> list[str]:
    """Members that were tried, in order; the name of the upstream alone, where none was alive, is none."""
    return [word for word in re.split(r"\s*[,:]\s+", text) if ":" in word]


def _tally(access: str, upstream: str) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Elections, bytes sent and bytes read of each address in one upstream."""
    elected, sent, read = Counter[str](), Counter[str](), Counter[str]()
    for match in _accesses(access):
        if match["upstream"] != upstream:
            continue
        tried = _addresses(match["member"])
        elected.update(tried)
        for counted, words in ((sent, match["sent"]), (read, match["read"])):
            for address, number in zip(tried, re.split(r"[,:]\s+", words), strict=False):
                counted[address] += int(number) if number.isdecimal() else 0
    return elected, sent, read


def _status(words: str) -> str:
    return next((said for flag, said in _WORDS.items() if flag in words.split()), "Init Ok")


def _server(member: Member, balancer: Balancer) -> str:
    weight = "" if member.loadfactor == 1 else f"weight={member.loadfactor:g}"
    route = f"route={_value(member.route)}" if balancer.stickysession else ""
    return " ".join(filter(None, [_value(urlsplit(member.url).netloc), weight, route, _FLAGS[member.state]]))


def _variables(balancer: Balancer) -> tuple[str, str]:
    """Variables that hold the route of a request's URL and of its cookie."""
    name = re.sub(r"\W", "_", _upstream(balancer))
    return f"${name}_url", f"${name}_cookie"


def _sticky(balancer: Balancer) -> tuple[str, ...]:
    return (f"sticky route {' '.join(_variables(balancer))};",) if balancer.stickysession else ()


def _routes(balancer: Balancer) -> tuple[str, ...]:
    """The route is what follows the first dot of a value, as httpd has it (``sticky route`` in the manual)."""
    if not balancer.stickysession:
        return ()
    cookie, _, parameter = balancer.stickysession.partition("|")
    in_url, in_cookie = _variables(balancer)
    return (
        f"map $request_uri {in_url} {{ '~[?&;]{_value(parameter or cookie)}=[^.&;]*\\.([^&;]*)' $1; }}",
        f"map $cookie_{_value(cookie)} {in_cookie} {{ '~^[^.]*\\.(.*)$' $1; }}",
    )


def _secure(url: str) -> bool:
    return urlsplit(url).scheme in {"wss", "https"}


def _method(balancer: Balancer) -> str:
    """The directive that chooses its method; empty for round robin, which has none."""
    own = _METHODS.get(balancer.lbmethod, balancer.lbmethod)
    return "" if own is LbMethod.ROUND_ROBIN else own.value


def _upstream(balancer: Balancer) -> str:
    """Name of its upstream: one over TLS has members of its own, though httpd calls both by one name."""
    return _value(balancer.name) + ("-tls" if balancer.scheme == "wss" else "")


def _over_tls(mount: Mount) -> frozenset[bool]:
    """Whether a mount's members are spoken to over TLS; both, where some are."""
    urls = [mount.target] if isinstance(mount.target, str) else [member.url for member in mount.target.members]
    return frozenset(map(_secure, urls))


def _targets(site: Site) -> list[str]:
    """What ``proxy_pass`` leads to, without doubles."""
    return list(dict.fromkeys(_target(mount) for mount in site.mounts))


def _target(mount: Mount) -> str:
    if isinstance(mount.target, str):
        parts = urlsplit(mount.target)
        place, path = _value(parts.netloc), parts.path
    else:
        place, path = _upstream(mount.target), mount.target_path
    return f"{'https' if True in _over_tls(mount) else 'http'}://{place}{_value(path)}"


def _verified(site: Site, folder: str, own: tuple[str, ...]) -> tuple[str, ...]:
    """What makes nginx verify members, where there are some over TLS; lines of the site's own stand in place of it."""
    if not any(map(_secure, _targets(site))):
        return ()
    lines = (f"trusted_certificate {folder}/tls/ca.pem", *_VERIFIED)
    names = {line.split()[0] for line in own}
    return tuple(f"proxy_ssl_{line};" for line in lines if f"proxy_ssl_{line.split()[0]}" not in names)


def _locations(mount: Mount) -> list[dict[str, str]]:
    """The path itself and what is below it: ``location /ws`` alone would take ``/wsx`` too."""
    target = _target(mount)
    path = _value(mount.path.rstrip("/"))
    return [{"match": f"= {path}", "target": target}, {"match": f"{path}/", "target": f"{target}/"}]


def _value(text: str) -> str:
    if re.search(r"[\s\"'{};$\\\0#]", text):
        raise ConfigError(option="configuration value", value=text, allowed="text without blanks, quotes or brackets")
    return text


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(resource),
        autoescape=False,  # noqa: S701 - the output is an nginx.conf, where HTML entities would be errors
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("proxies/nginx/nginx.conf.j2")
