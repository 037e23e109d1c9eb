"""Adoption: a resolved configuration in, one that a lab can serve out. Pure: nothing is read, written or started.

What decides about WebSockets stays as it was written: paths, their order, conditions, rules, parameters, headers,
limits. What would reach out of the lab is changed, line by line, and each change is told: where it listens, whom it
connects to, whose certificates it shows, what it writes, what it runs, and modules that are not here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from wslb.errors import ConfigError
from wslb.interfaces import Installation
from wslb.proxies.adopting import CHOSEN, AdoptionChange, Certified, Door, MemberPlace
from wslb.proxies.apache.adoption.addresses import DEFAULT_PORTS, host_and_port
from wslb.proxies.apache.adoption.adopted import Adopted, Brought
from wslb.proxies.apache.adoption.host_names import names_asked_for, names_in
from wslb.proxies.apache.adoption.left_out import LEFT_OUT, OURS, RUNS_CODE
from wslb.proxies.apache.adoption.original import Original
from wslb.proxies.apache.adoption.written import quoted, same
from wslb.proxies.apache.conf.directives import Directive, split_words, walk
from wslb.proxies.apache.conf.effect import module_name
from wslb.proxies.apache.conf.vocabulary import USUAL_MODULES

__all__ = ["adopt", "refused_line"]

_TLS_SCHEMES = frozenset({"https", "wss", "h2"})
_SCHEMES = "ws|wss|http|https|h2|h2c|ajp|fcgi|scgi|uwsgi"
_MEMBER_URL = re.compile(
    rf"(?P<before>proxy:|)(?P<socket>unix:[^|]*\||)(?P<scheme>{_SCHEMES})://(?P<user>[^/@\s]*@|)"
    r"(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?)(?::(?P<port>\d+))?(?=[/?#$%]|$)"
    r"|(?P<chosen>[^/\s]*))",
    re.IGNORECASE,
)
_CONNECTING = frozenset({"proxypass", "proxypassmatch", "proxypassreverse", "balancermember", "proxyset"})

_CLIENTS = "127.0.0.1"
"""Where a client finds a listener whose port is published."""

_READ = {
    "authuserfile": 0,
    "authgroupfile": 0,
    "authdigestfile": 0,
    "mimemagicfile": 0,
    "rewritemap": 1,
    "sslopensslconfcmd": 1,
}
"""Directives that name a file which httpd reads, and which of their words it is."""

_IBM_PROTOCOLS = {"sslprotocoldisable": "SSLProtocol", "sslproxyprotocoldisable": "SSLProxyProtocol"}
_IBM_VERIFY = {"0": "none", "1": "optional", "2": "require"}


def adopt(
    original: Original,
    *,
    installation: Installation,
    as_root: bool,
    readable: Callable[[str], bool],
    everywhere: str = "",
    apart: bool = False,
    taking: str = "a stand-in",
) -> Adopted:
    """Make a configuration servable.

    Args:
        original: as it was read.
        installation: httpd that will serve it.
        as_root: whether it starts as root, and so must become somebody else.
        readable: whether a path of this machine is there to be read.
        everywhere: address that httpd listens on where its network is not ours; empty for loopback addresses.
        apart: whether it has other files than this machine, so that those it reads must be brought.
        taking: what takes the place of a member, in the words that tell of the change.

    Raises:
        ConfigError: it would listen everywhere, and two virtual hosts differ in nothing but their addresses.
    """
    return _Adoption(original, installation, readable, everywhere, apart, taking).run(as_root=as_root)


def refused_line(adopted: Adopted, line: int, variables: Mapping[str, str], why: str) -> Adopted:
    """Copy without the line, or the whole section, that this httpd does not know; told as a change."""
    at = line - 1 - len(adopted.prelude(variables))
    text = adopted.lines[at].strip()
    last = at
    if text.startswith("<"):
        depth = 0
        for last in range(at, len(adopted.lines)):
            inner = adopted.lines[last].strip()
            depth += -1 if inner.startswith("</") else 1 if inner.startswith("<") else 0
            if depth == 0:
                break
    file, number = adopted.places[at]
    change = AdoptionChange(file=file, line=number, before=text, after="", why=why)
    return replace(
        adopted,
        lines=(*adopted.lines[:at], *adopted.lines[last + 1 :]),
        places=(*adopted.places[:at], *adopted.places[last + 1 :]),
        changes=(*adopted.changes, change),
    )


@dataclass(slots=True)
class _Adoption:
    original: Original
    installation: Installation
    readable: Callable[[str], bool]
    everywhere: str = ""
    apart: bool = False
    taking: str = "a stand-in"
    lines: list[str] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)
    changes: list[AdoptionChange] = field(default_factory=list)
    stand_ins: dict[tuple[str, int], MemberPlace] = field(default_factory=dict)
    doors: dict[tuple[str, int], Door] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    certificates: dict[str, Certified] = field(default_factory=dict)
    files: dict[str, Brought] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    siblings: tuple[Directive, ...] = ()
    told: frozenset[str] = frozenset()

    def run(self, *, as_root: bool) -> Adopted:
        directives = self.original.effect.directives
        supplied = self._supplied()
        self._find_addresses(directives)
        self._own('ServerRoot "${WSLB_ROOT}"', 'PidFile "${RUN}/httpd.pid"', 'DefaultRuntimeDir "${RUN}"')
        for name in supplied:
            self._own(f'LoadModule {name}_module "{self.installation.modules_folder}/mod_{name}.so"')
        self._own(*(("User nobody", "Group #65534") if as_root else ()))
        if not any(d.key == "servername" for d in directives):
            self._own("ServerName localhost")
        if not any(d.key == "listen" for d in directives):
            self._listen_for_a_fragment(directives)
        # Where nobody says AllowOverride, httpd reads the .htaccess of every folder on its way, and answers 500.
        self._own('<Directory "/">', "AllowOverride None", "</Directory>")
        if self.original.conf.folder:
            self._own('DocumentRoot "${RUN}/htdocs"')
        self._all(directives, 0, (*names_in(directives), *names_asked_for(directives)))
        if not any(at.key == "typesconfig" for at in walk(directives)):
            self._own("<IfModule mod_mime.c>", 'TypesConfig "/dev/null"', "</IfModule>")
        self._own(
            'ErrorLog "${RUN}/error.log"',
            r'LogFormat "%>s %I %O %D \"%{BALANCER_WORKER_NAME}e\" \"%{X-Wslb-Conn}i\" \"%U\"" wslb',
            'CustomLog "${RUN}/access.log" wslb',
        )
        return Adopted(
            lines=tuple(self.lines),
            places=tuple(self.places),
            changes=tuple(self.changes),
            stand_ins=tuple(self.stand_ins.values()),
            doors=tuple(self.doors.values()),
            certificates=tuple(self.certificates.values()),
            modules=supplied,
            addresses=dict(self.addresses),
            files=tuple(self.files.values()),
        )

    # -- modules -----------------------------------------------------------------------------------------------------

    def _supplied(self) -> tuple[str, ...]:
        """Modules that are loaded before the configuration: a fragment's usual ones, and what our own lines need.

        A whole configuration has to load the others itself: what it lacks is what makes it fail.
        """
        ours, loaded = self.installation, self.original.effect.loaded
        ibm_i = self.original.ibm_i
        wanted = ["log_config", "logio", "unixd"]
        if ibm_i or not self.original.whole:
            wanted.append("authz_core")
        if not self.original.whole:
            wanted += [n for n in USUAL_MODULES if not ibm_i or not n.startswith(("proxy", "lbmethod"))]
        if ibm_i or ({"proxy_balancer"} & loaded.keys() and not self.original.whole):
            wanted.append("slotmem_shm")
        if {"proxy_hcheck", "heartmonitor"} & {*wanted, *loaded}:
            wanted.insert(0, "watchdog")  # built into some, Debian's among them, so that its files do not load it
        if not any(name.startswith("mpm_") and ours.has(name) for name in loaded) and ours.mpm not in ours.built_in:
            wanted.insert(0, f"mpm_{ours.mpm}")
        usual = [n for n in dict.fromkeys(wanted) if not n.startswith("mpm_") or n == f"mpm_{ours.mpm}"]
        if any(name.startswith("mpm_") and ours.has(name) for name in loaded):
            usual = [name for name in usual if not name.startswith("mpm_")]
        return tuple(n for n in usual if n in ours.loadable and n not in loaded and n not in ours.built_in)

    def _loadmodule(self, at: Directive) -> Iterator[str]:
        name = module_name(at.first).replace("ibm_ssl", "ssl")
        ours = self.installation
        static = name in ours.built_in or name.removeprefix("mpm_") in ours.built_in
        foreign = name.startswith("mpm_") and any(mpm in ours.built_in for mpm in ("event", "worker", "prefork"))
        if static:
            self._change(at, "", f"mod_{name} is built into this httpd")
        elif name in self._supplied() or any(
            line.strip().startswith(f"LoadModule {name}_module ") for line in self.lines
        ):
            self._change(at, "", f"mod_{name} is loaded already")
        elif name in RUNS_CODE:
            self._change(at, "", f"mod_{name} would run programs, or talk to servers, outside the lab")
        elif not ours.has(name) or foreign:
            self._change(at, "", f"this httpd has no {ours.absence(name)}, so its directives are left out too")
        else:
            line = f'LoadModule {name}_module "{ours.modules_folder}/mod_{name}.so"'
            if not at.words[-1].endswith(f"/mod_{name}.so"):
                self._change(at, line, "this httpd's own module of that name")
            yield line

    # -- where it listens --------------------------------------------------------------------------------------------

    def _find_addresses(self, directives: Iterable[Directive]) -> None:
        """Each configured address gets a loopback address of its own, so that IP-based hosts stay apart."""
        hosts: dict[int | None, set[str]] = {}
        for directive in directives:
            if directive.key in {"listen", "virtualhost"}:
                for word in directive.words if directive.key == "virtualhost" else directive.words[:1]:
                    host, port = host_and_port(word)
                    if directive.key == "virtualhost":
                        hosts.setdefault(port, set()).add(host)
                    if self.everywhere and host:
                        self.addresses[host] = _CLIENTS
                    elif host and not host.startswith("127.") and host not in self.addresses:
                        self.addresses[host] = f"127.0.0.{11 + len(self.addresses)}"
        mixed = next((sorted(found) for found in hosts.values() if len(found) > 1), [])
        if self.everywhere and mixed:
            raise ConfigError(
                option="the addresses of its virtual hosts",
                value=" and ".join(host or "*" for host in mixed),
                allowed="one and the same on each port, since published ports cannot tell them apart",
                hint="Use --docker-network host, or --runtime local.",
            )

    def _door(self, address: str, port: int, told: str) -> Iterator[str]:
        if (address, port) not in self.doors:
            door = self.doors[address, port] = Door(port=port, address=address, told=told)
            yield f"Listen {self.everywhere or address}:${{{door.variable}}}"

    def _listen(self, at: Directive) -> Iterator[str]:
        host, port = host_and_port(at.first)
        # What httpd takes for granted on 443 and nowhere else.
        protocol = f" {at.words[1]}" if len(at.words) > 1 else " https" if port == 443 else ""
        wanted = [self.addresses.get(host, host)] if host else ["127.0.0.1", *self._hosts_on(port or 80)]
        lines = [line for address in wanted for line in self._door(address, port or 80, f"{host or '*'}:{port or 80}")]
        self._change(at, "; ".join(lines), "a free port of loopback in its place")
        yield from (line + protocol for line in lines)

    def _hosts_on(self, port: int) -> list[str]:
        """Loopback addresses of the virtual hosts that are for one address of this port."""
        found = []
        for host in (d for d in self.original.effect.directives if d.key == "virtualhost"):
            for word in host.words:
                address, own = host_and_port(word)
                if address in self.addresses and own in {None, port}:
                    found.append(self.addresses[address])
        return list(dict.fromkeys(found))

    def _listen_for_a_fragment(self, directives: Sequence[Directive]) -> None:
        """A fragment listens where its virtual hosts are, and on 80 for what stands outside them."""
        hosts = [d for d in directives if d.key == "virtualhost"]
        ports = [port for host in hosts for word in host.words if (port := host_and_port(word)[1])]
        outside = any(d.key in _CONNECTING | {"rewriterule", "location", "locationmatch"} for d in directives)
        if outside or not ports:
            ports.append(80)
        for port in dict.fromkeys(ports):
            for address in ("127.0.0.1", *self._hosts_on(port)):
                self._own(*self._door(address, port, f"*:{port}"))

    # -- lines -------------------------------------------------------------------------------------------------------

    def _own(self, *lines: str) -> None:
        self.lines += lines
        self.places += [("", 0)] * len(lines)

    def _put(self, at: Directive, text: str, depth: int) -> None:
        self.lines.append("  " * depth + text)
        self.places.append((at.file, at.line))

    def _change(self, at: Directive, after: str, why: str) -> None:
        self.changes.append(AdoptionChange(file=at.file, line=at.line, before=self._written(at), after=after, why=why))

    def _changed(self, at: Directive, after: str, why: str) -> str:
        self._change(at, after, why)
        return after

    def _written(self, at: Directive) -> str:
        """The line as it stands, where variables alone were filled in; else as it was resolved."""
        raw = self.original.texts.get((at.file, at.line), "")
        words = split_words(raw.strip().removeprefix("<").removesuffix(">") if at.body is not None else raw)
        if words and words[0].lower() == at.key and same(words[1:], at.words):
            return raw if at.body is None or raw.endswith(">") else f"{raw}>"
        return quoted(at)

    def _all(self, directives: Iterable[Directive], depth: int, names: tuple[str, ...]) -> None:
        directives = tuple(directives)
        for directive in directives:
            if directive.body is not None:
                self._section(directive, depth, names)
                continue
            self.names, self.siblings = names, directives
            lines = list(self._one(directive))
            if directive.comment:  # httpd reads it as arguments, and mostly refuses the line
                lines = [f"{line} {directive.comment}" for line in lines or [quoted(directive)]]
            for line in lines:
                self._put(directive, line, depth)

    def _section(self, section: Directive, depth: int, names: tuple[str, ...]) -> None:
        head = self._written(section)
        if section.key == "virtualhost":
            head = self._virtualhost(section)
            body = section.body or ()
            names = (*(names_in(body) or names), *names_asked_for(body))
        elif section.key == "directory" and not section.line:
            head = self._changed(section, '<Directory "${RUN}/htdocs">', "a .htaccess is read as within its folder")
        elif section.key in {"proxy"} and section.words and "*" not in section.first:
            words = tuple(self._member(section, word) for word in section.words)
            if words != section.words:
                head = self._changed(section, quoted(replace(section, words=words)), f"{self.taking} takes its place")
        self._put(section, head, depth)
        self._all(section.body or (), depth + 1, names)
        self._put(section, f"</{section.name}>", depth)

    def _virtualhost(self, section: Directive) -> str:
        words = []
        for word in section.words:
            host, port = host_and_port(word)
            address = "*" if self.everywhere or not host else self.addresses.get(host, host)
            words.append(f"{address}:${{{Door(port=port, address='', told='').variable}}}" if port else address)
        after = f"<VirtualHost {' '.join(words)}>"
        self._change(section, after, "a free port of loopback in its place")
        return after

    def _one(self, at: Directive) -> Iterator[str]:
        key = at.key
        if key in LEFT_OUT:
            self._change(at, "", LEFT_OUT[key])
        elif self.apart and key in _READ and (found := self._brought(at)) is not None:
            yield found
        elif key in _SPECIAL:
            yield from _SPECIAL[key](self, at)
        elif key in _CONNECTING or key == "sethandler":
            words = tuple(self._member(at, word) for word in at.words)
            yield (
                self._written(at)
                if words == at.words
                else self._changed(at, quoted(replace(at, words=words)), f"{self.taking} takes the member's place")
            )
        else:
            yield self._written(at)

    def _member(self, at: Directive, word: str) -> str:
        """A word in which the address of a member is a stand-in's."""
        found = _MEMBER_URL.match(word)
        if found is None or (at.key == "proxyset" and "=" in word.partition("://")[0]):
            return word
        scheme = found["scheme"].lower()
        host = (found["host"] or CHOSEN).lower()
        port = int(found["port"] or DEFAULT_PORTS.get(scheme, 80))
        if found["socket"]:
            host = "unix" + re.sub(r"[^a-z0-9]+", "-", found["socket"][5:-1].lower())
        if (host, port) not in self.stand_ins:
            self.stand_ins[host, port] = MemberPlace(number=len(self.stand_ins) + 1, host=host, port=port)
        variable = self.stand_ins[host, port].variable(tls=scheme in _TLS_SCHEMES)
        return f"{found['before']}{found['scheme']}://${{{variable}}}{word[found.end() :]}"

    def _brought(self, at: Directive) -> str | None:
        """The line with the file that it names brought into the run's folder; None where it names none of its own."""
        number = _READ[at.key]
        word = at.words[number] if number < len(at.words) else ""
        kind, _, path = word.rpartition(":")
        if not path or (at.key == "rewritemap") is not (kind in {"txt", "rnd"}):
            return None
        if at.key == "sslopensslconfcmd" and at.first.lower() != "dhparameters":
            return None
        whole = str(PurePosixPath(self._root) / path)
        if whole not in self.files:
            self.files[whole] = Brought(name=f"files/{len(self.files) + 1}", path=whole)
        words = (*at.words[:number], f"{kind}{kind and ':'}${{RUN}}/{self.files[whole].name}", *at.words[number + 1 :])
        return self._changed(at, quoted(replace(at, words=words)), "the file is brought to where this httpd runs")

    # -- directives of their own kind --------------------------------------------------------------------------------

    def _certificate(self, at: Directive) -> Iterator[str]:
        key = at.first if at.key != "sslcertificatekeyfile" else ""
        name = self._certified(key or next(iter(reversed(self.certificates)), at.first))
        suffix = "key" if at.key == "sslcertificatekeyfile" else "pem"
        line = f'{at.name} "${{RUN}}/tls/{name}.{suffix}"'
        yield self._changed(at, line, "a certificate of the run for the same names")
        if at.key == "sslcertificatefile" and not self._has_key(at):
            yield f'SSLCertificateKeyFile "${{RUN}}/tls/{name}.key"'

    def _engine(self, at: Directive) -> Iterator[str]:
        """TLS for which mod_md would fetch a certificate gets one of the run."""
        fetched = any(d.key in {"mdomain", "<mdomain", "mdomainset"} for d in walk(self.original.effect.directives))
        given = any(
            d.key in {"sslcertificatefile", "sslappname"} for d in (*self.siblings, *self.original.effect.directives)
        )
        yield self._written(at)
        if fetched and not given and at.first.lower() == "on":
            name = self._certified(f"managed {at.file}:{at.line}")
            lines = (
                f'SSLCertificateFile "${{RUN}}/tls/{name}.pem"',
                f'SSLCertificateKeyFile "${{RUN}}/tls/{name}.key"',
            )
            self._change(at, "; ".join((at.name + " on", *lines)), "mod_md would fetch a certificate from outside")
            yield from lines

    def _has_key(self, at: Directive) -> bool:
        texts = self.original.texts.items()
        return any(text.lower().startswith("sslcertificatekeyfile") for (file, _), text in texts if file == at.file)

    def _certified(self, key: str) -> str:
        """Name of the certificate in the place of one of the configuration's, which several servers may show."""
        known = self.certificates.get(key) or Certified(name=f"site-{len(self.certificates) + 1}", names=())
        self.certificates[key] = replace(known, names=tuple(dict.fromkeys((*known.names, *self.names))))
        return known.name

    def _application(self, at: Directive) -> Iterator[str]:
        name = self._certified(f"application {at.first} {self.names}")
        yield self._changed(
            at,
            f'SSLCertificateFile "${{RUN}}/tls/{name}.pem"',
            "IBM i names a certificate by application; mod_ssl takes files",
        )
        yield f'SSLCertificateKeyFile "${{RUN}}/tls/{name}.key"'

    def _trust(self, at: Directive) -> Iterator[str]:
        line = 'SSLProxyCACertificateFile "${RUN}/tls/ca.pem"'
        yield self._changed(at, line, "stand-ins are certified by the run's authority")

    def _client_trust(self, at: Directive) -> Iterator[str]:
        yield self._changed(at, 'SSLCACertificateFile "${RUN}/tls/ca.pem"', "certificates are the run's own")

    def _disabled_protocols(self, at: Directive) -> Iterator[str]:
        off = [f"-{word}" for word in at.words if word.lower() != "sslv2"]
        line = " ".join((_IBM_PROTOCOLS[at.key], "all", *off))
        yield self._changed(at, line, "mod_ssl's word for it; it has no SSLv2")

    def _proxy_verify(self, at: Directive) -> Iterator[str]:
        if at.first in _IBM_VERIFY:
            yield self._changed(at, f"SSLProxyVerify {_IBM_VERIFY[at.first]}", "mod_ssl's word for the number of IBM i")
        else:
            yield self._written(at)

    def _session_cache(self, at: Directive) -> Iterator[str]:
        yield self._changed(at, "SSLSessionCache none", f"{OURS} folder for it")

    def _document_root(self, at: Directive) -> Iterator[str]:
        if self.readable(str(PurePosixPath(self._root) / at.first)):
            yield self._written(at)
        else:
            yield self._changed(at, 'DocumentRoot "${RUN}/htdocs"', "the folder is not here or cannot be read")

    @property
    def _root(self) -> str:
        root = next((d.first for d in self.original.effect.directives if d.key == "serverroot"), "")
        return root or str(PurePosixPath(str(self.original.file)).parent)

    def _server_root(self, at: Directive) -> Iterator[str]:
        self._change(at, "", "it is named once, at the beginning")
        return iter(())

    def _types(self, at: Directive) -> Iterator[str]:
        yield self._changed(at, 'TypesConfig "/dev/null"', "types of files say nothing about WebSockets")

    def _override(self, at: Directive) -> Iterator[str]:
        if [word.lower() for word in at.words] == ["none"]:
            yield self._written(at)
        else:
            yield self._changed(at, "AllowOverride None", "a .htaccess could lead out of the lab, so none is read")

    def _random(self, at: Directive) -> Iterator[str]:
        self._change(at, "", "the lab runs no program of yours")
        return iter(())

    def _rule(self, at: Directive) -> Iterator[str]:
        if _proxies(at) and len(at.words) > 1 and "://" not in at.words[1] and re.search(r"[$%]\{|\$\d", at.words[1]):
            self._change(at, "", "a map or the request would choose a server outside the lab")
        else:
            words = tuple(self._member(at, word) for word in at.words) if _proxies(at) else at.words
            yield (
                self._written(at)
                if words == at.words
                else self._changed(at, quoted(replace(at, words=words)), f"{self.taking} takes the member's place")
            )

    def _map(self, at: Directive) -> Iterator[str]:
        if any(re.match(r"(prg|dbd|fastdbd):", word) for word in at.words[1:2]):
            self._change(at, "", "the lab runs no program and asks no database of yours: its keys find nothing")
        else:
            yield self._written(at)


_SPECIAL: Mapping[str, Callable[[_Adoption, Directive], Iterator[str]]] = {
    "loadmodule": _Adoption._loadmodule,
    "listen": _Adoption._listen,
    "serverroot": _Adoption._server_root,
    "sslcertificatefile": _Adoption._certificate,
    "sslcertificatekeyfile": _Adoption._certificate,
    "sslappname": _Adoption._application,
    "sslproxyappname": _Adoption._trust,
    "sslproxycacertificatefile": _Adoption._trust,
    "sslcacertificatefile": _Adoption._client_trust,
    "sslcacertificatepath": _Adoption._client_trust,
    "sslproxycacertificatepath": _Adoption._trust,
    "sslengine": _Adoption._engine,
    "sslprotocoldisable": _Adoption._disabled_protocols,
    "sslproxyprotocoldisable": _Adoption._disabled_protocols,
    "sslproxyverify": _Adoption._proxy_verify,
    "sslsessioncache": _Adoption._session_cache,
    "documentroot": _Adoption._document_root,
    "rewritemap": _Adoption._map,
    "typesconfig": _Adoption._types,
    "rewriterule": _Adoption._rule,
    "allowoverride": _Adoption._override,
    "sslrandomseed": _Adoption._random,
}


def _proxies(rule: Directive) -> bool:
    """Whether a RewriteRule hands the request to mod_proxy."""
    flags = rule.words[2].strip("[]").lower().split(",") if len(rule.words) > 2 else []
    return any(flag.strip() in {"p", "proxy"} for flag in flags)
