"""Adoption: a resolved configuration in, one that a lab can serve out. Pure: nothing is read, written or started.

What decides about WebSockets stays as it was written: paths, their order, conditions, rules, parameters, headers,
limits. What would reach out of the lab is changed, line by line, and each change is told: where it listens, whom it
connects to, whose certificates it shows, what it writes, what it runs, and modules that are not here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from wslb.interfaces import Installation
from wslb.proxies.apache.adoption.adopted import CHOSEN, Adopted, AdoptionChange, Certified, Door, MemberPlace
from wslb.proxies.apache.adoption.original import Original
from wslb.proxies.apache.conf.directives import Directive, split_words, walk
from wslb.proxies.apache.conf.effect import module_name
from wslb.proxies.apache.conf.vocabulary import USUAL_MODULES

__all__ = ["DEFAULT_PORTS", "adopt", "host_and_port", "refused_line"]

DEFAULT_PORTS = {"https": 443, "wss": 443, "h2": 443, "ajp": 8009, "fcgi": 8000, "scgi": 4000, "uwsgi": 3031}
_TLS_SCHEMES = frozenset({"https", "wss", "h2"})
_SCHEMES = "ws|wss|http|https|h2|h2c|ajp|fcgi|scgi|uwsgi"
_MEMBER_URL = re.compile(
    rf"(?P<before>proxy:|)(?P<socket>unix:[^|]*\||)(?P<scheme>{_SCHEMES})://(?P<user>[^/@\s]*@|)"
    r"(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?)(?::(?P<port>\d+))?(?=[/?#$%]|$)"
    r"|(?P<chosen>[^/\s]*))",
    re.IGNORECASE,
)
_CONNECTING = frozenset({"proxypass", "proxypassmatch", "proxypassreverse", "balancermember", "proxyset"})

_REPLACED = "a stand-in takes the member's place"
_OURS = "the lab has its own"
_LEFT_OUT = {
    **dict.fromkeys(("user", "group", "chrootdir"), "the lab's httpd is an ordinary user"),
    **dict.fromkeys(
        ("pidfile", "lockfile", "scoreboardfile", "coredumpdirectory", "defaultruntimedir", "scriptsock", "mutex"),
        f"{_OURS} folder for it",
    ),
    **dict.fromkeys(
        (
            "errorlog",
            "customlog",
            "transferlog",
            "globallog",
            "forensiclog",
            "errorlogformat",
            "loglevel",
            "scriptlog",
            "secauditlog",
            "secdebuglog",
            "logiotrackttfb",
            "rewritelog",
            "rewriteloglevel",
        ),
        f"{_OURS} log",
    ),
    **dict.fromkeys(
        (
            "sslcertificatechainfile",
            "sslpassphrasedialog",
            "sslcarevocationfile",
            "sslcarevocationpath",
            "sslcarevocationcheck",
            "sslproxycarevocationfile",
            "sslproxycarevocationpath",
            "sslproxycarevocationcheck",
            "sslproxycacertificatepath",
            "sslproxymachinecertificatefile",
            "sslproxymachinecertificatepath",
            "sslproxymachinecertificatechainfile",
        ),
        "certificates are the run's own",
    ),
    **dict.fromkeys(
        (
            "sslusestapling",
            "sslstaplingcache",
            "sslocspenable",
            "sslocspdefaultresponder",
            "mdomain",
            "mdcertificateagreement",
        ),
        "the lab asks no server outside it",
    ),
    **dict.fromkeys(
        ("proxyremote", "proxyremotematch", "proxysourceaddress", "heartbeataddress", "heartbeatlisten"),
        "it would lead out of the lab",
    ),
    **dict.fromkeys(
        ("balancerpersist", "heartbeatstorage", "cacheroot", "davlockdb"), "it would write outside the lab"
    ),
    "loadfile": "the lab loads modules of its httpd only",
}
"""Directives that a lab must not carry out, each with why."""

_IBM_PROTOCOLS = {"sslprotocoldisable": "SSLProtocol", "sslproxyprotocoldisable": "SSLProxyProtocol"}
_IBM_VERIFY = {"0": "none", "1": "optional", "2": "require"}


_RUNS_CODE = frozenset({"wsgi", "perl", "passenger", "python", "php", "mono", "md", "heartmonitor", "heartbeat", "lua"})
"""Modules that run a user's programs or talk to other servers by themselves."""


def adopt(original: Original, *, installation: Installation, as_root: bool, readable: Callable[[str], bool]) -> Adopted:
    """Make a configuration servable.

    Args:
        original: as it was read.
        installation: httpd that will serve it.
        as_root: whether it starts as root, and so must become somebody else.
        readable: whether a path of this machine is there to be read.
    """
    return _Adoption(original, installation, readable).run(as_root=as_root)


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
    lines: list[str] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)
    changes: list[AdoptionChange] = field(default_factory=list)
    stand_ins: dict[tuple[str, int], MemberPlace] = field(default_factory=dict)
    doors: dict[tuple[str, int], Door] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    certificates: dict[str, Certified] = field(default_factory=dict)
    names: tuple[str, ...] = ()
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
        self._all(directives, 0, self._names_in(directives))
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
        )

    # -- modules -----------------------------------------------------------------------------------------------------

    def _supplied(self) -> tuple[str, ...]:
        """Modules that are loaded before the configuration: a fragment's usual ones, and what our own lines need."""
        ours, loaded = self.installation, self.original.effect.loaded
        ibm_i = self.original.ibm_i
        wanted = ["log_config", "logio", "unixd", "authz_core"]
        if not self.original.whole:
            wanted += [n for n in USUAL_MODULES if not ibm_i or not n.startswith(("proxy", "lbmethod"))]
        if ibm_i or {"proxy_balancer"} & loaded.keys():
            wanted.append("slotmem_shm")
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
        elif name in _RUNS_CODE:
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
        for directive in directives:
            if directive.key in {"listen", "virtualhost"}:
                for word in directive.words if directive.key == "virtualhost" else directive.words[:1]:
                    host, _ = host_and_port(word)
                    if host and not host.startswith("127.") and host not in self.addresses:
                        self.addresses[host] = f"127.0.0.{11 + len(self.addresses)}"

    def _door(self, address: str, port: int, told: str) -> Iterator[str]:
        if (address, port) not in self.doors:
            door = self.doors[address, port] = Door(port=port, address=address, told=told)
            yield f"Listen {address}:${{{door.variable}}}"

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
        if words and words[0].lower() == at.key and _same(words[1:], at.words):
            return raw if at.body is None or raw.endswith(">") else f"{raw}>"
        return quoted(at)

    def _all(self, directives: Iterable[Directive], depth: int, names: tuple[str, ...]) -> None:
        for directive in directives:
            if directive.body is not None:
                self._section(directive, depth, names)
                continue
            self.names = names
            for line in self._one(directive):
                self._put(directive, line, depth)

    def _section(self, section: Directive, depth: int, names: tuple[str, ...]) -> None:
        head = self._written(section)
        if section.key == "virtualhost":
            head = self._virtualhost(section)
            names = self._names_in(section.body or ()) or names
        elif section.key in {"proxy"} and section.words and "*" not in section.first:
            words = tuple(self._member(section, word) for word in section.words)
            if words != section.words:
                head = self._changed(section, quoted(replace(section, words=words)), "a stand-in takes its place")
        self._put(section, head, depth)
        self._all(section.body or (), depth + 1, names)
        self._put(section, f"</{section.name}>", depth)

    def _virtualhost(self, section: Directive) -> str:
        words = []
        for word in section.words:
            host, port = host_and_port(word)
            address = self.addresses.get(host, host) if host else "*"
            words.append(f"{address}:${{{Door(port=port, address='', told='').variable}}}" if port else address)
        after = f"<VirtualHost {' '.join(words)}>"
        self._change(section, after, "a free port of loopback in its place")
        return after

    @staticmethod
    def _names_in(directives: Iterable[Directive]) -> tuple[str, ...]:
        names = [w for d in directives if d.key in {"servername", "serveralias"} for w in d.words]
        return tuple(dict.fromkeys(re.sub(r"^\w+://|:\d+$", "", name).lower() for name in names))

    def _one(self, at: Directive) -> Iterator[str]:
        key = at.key
        if key in _LEFT_OUT:
            self._change(at, "", _LEFT_OUT[key])
        elif key in _SPECIAL:
            yield from _SPECIAL[key](self, at)
        elif key in _CONNECTING or key == "sethandler":
            words = tuple(self._member(at, word) for word in at.words)
            yield (
                self._written(at)
                if words == at.words
                else self._changed(at, quoted(replace(at, words=words)), _REPLACED)
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

    # -- directives of their own kind --------------------------------------------------------------------------------

    def _certificate(self, at: Directive) -> Iterator[str]:
        key = at.first if at.key != "sslcertificatekeyfile" else ""
        name = self._certified(key or next(iter(reversed(self.certificates)), at.first))
        suffix = "key" if at.key == "sslcertificatekeyfile" else "pem"
        line = f'{at.name} "${{RUN}}/tls/{name}.{suffix}"'
        yield self._changed(at, line, "a certificate of the run for the same names")
        if at.key == "sslcertificatefile" and not self._has_key(at):
            yield f'SSLCertificateKeyFile "${{RUN}}/tls/{name}.key"'

    def _has_key(self, at: Directive) -> bool:
        texts = self.original.texts.items()
        return any(text.lower().startswith("sslcertificatekeyfile") for (file, _), text in texts if file == at.file)

    def _certified(self, key: str) -> str:
        if key not in self.certificates:
            self.certificates[key] = Certified(name=f"site-{len(self.certificates) + 1}", names=self.names)
        return self.certificates[key].name

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
        yield self._changed(at, "SSLSessionCache none", f"{_OURS} folder for it")

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
                else self._changed(at, quoted(replace(at, words=words)), _REPLACED)
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


def _same(written: Sequence[str], resolved: Sequence[str]) -> bool:
    """Whether words differ by nothing but the variables in them, which httpd fills in itself."""
    return len(written) == len(resolved) and all(map(_filled, written, resolved))


def _filled(written: str, resolved: str) -> bool:
    """Whether a word is another with something in the place of its variables: what is between them comes in order."""
    if "${" not in written or written == resolved:
        return written == resolved
    first, *others = re.split(r"\$\{[^}\s]*\}", written)
    last = others.pop() if others else ""
    at = len(first)
    for part in others:
        at = resolved.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return resolved.startswith(first) and resolved.endswith(last) and at + len(last) <= len(resolved)


def _proxies(rule: Directive) -> bool:
    """Whether a RewriteRule hands the request to mod_proxy."""
    flags = rule.words[2].strip("[]").lower().split(",") if len(rule.words) > 2 else []
    return any(flag.strip() in {"p", "proxy"} for flag in flags)


def host_and_port(text: str) -> tuple[str, int | None]:
    """Address, empty for every one or for a name, and port of ``Listen`` and ``<VirtualHost>``."""
    if text.isdigit():
        return "", int(text)
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d+|\*))?", text)
    if found is None:
        return "", None
    host, port = found[1].strip("[]"), int(found[2]) if found[2] and found[2].isdigit() else None
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "", port
    return "" if address.is_unspecified else host, port


def quoted(at: Directive) -> str:
    """A directive as text that httpd splits into the same words (ap_getword_conf)."""
    inner = " ".join((at.name, *map(_word, at.words)))
    return inner if at.body is None else f"<{inner}>"


def _word(word: str) -> str:
    if word and not re.search(r"\s", word) and word[0] not in "\"'" and not word.endswith("\\"):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
