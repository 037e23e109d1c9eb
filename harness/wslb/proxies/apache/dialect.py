"""Apache httpd 2.4: renders its configuration, reads its status page and logs. No I/O but the template.

Sources: mod_proxy, mod_proxy_balancer, mod_proxy_wstunnel and mod_ssl in the reference manual of httpd 2.4; log line
formats from the ErrorLogFormat default and the LogFormat of our own template.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element

import jinja2
from defusedxml import DefusedXmlException, ElementTree

from wslb.errors import ConfigError, EvidenceError
from wslb.interfaces import Capabilities, Capability, Front, Installation
from wslb.model.balancer import OF_HTTPD, Balancer, Carrier, LbMethod, Listener, Member, Mount, ProcessModel, Site
from wslb.model.results import AccessLine, LogLine, MemberStatus
from wslb.model.settings import OF_BALANCER, OF_MEMBER, SIZES
from wslb.proxies.apache.ah_numbers import look_up
from wslb.proxies.apache.since import too_old_for
from wslb.resources import template

__all__ = ["MPMS", "ApacheDialect", "Paths"]

MPMS = ("event", "worker", "prefork")
"""Multi-processing modules, the one to take first at first: only the first two serve tunnels by threads."""

_PREFIXES = ("/usr", "/usr/local/apache2", "/usr/local", "/opt/homebrew", "/opt/local")
_LAYOUTS = (
    "modules",  # httpd's own, and the official image
    "lib/apache2/modules",  # Debian, Ubuntu
    "lib64/httpd/modules",  # Fedora, RHEL
    "lib/httpd/modules",  # Arch, Homebrew
    "lib64/apache2-{mpm}",  # openSUSE, a folder for each MPM
    "lib64/apache2",
    "lib64/apache2/modules",  # Gentoo
    "lib/apache2",  # Alpine
    "libexec/apache2",  # macOS
    "libexec/apache24",  # FreeBSD
)
"""Where modules lie below the folder that holds the program's own."""

_OTHERS = ("ssl", "rewrite", "headers", "reqtimeout", "watchdog", "proxy_hcheck", "http2", "status")
"""Modules that only some sites need."""

_ALWAYS = ("authz_core", "authz_host", "unixd", "log_config", "logio", "proxy", "slotmem_shm", "proxy_balancer")
_LEVELS = r"emerg|alert|crit|error|warn|notice|info|debug|trace[1-8]"
_LINE = re.compile(
    rf"^\[(?P<at>[^\]]+)\] \[(?P<module>[^:\]]*):(?P<level>{_LEVELS})\] "
    r"(?:\[(?:pid|client|remote)[^\]]*\] )*(?P<text>.*)$"
)
_CODE = re.compile(r"\bAH\d{5}\b")
_ACCESS = re.compile(
    r"^(?P<status>\d{3}|-) (?P<in>\d{1,20}) (?P<out>\d{1,20}) (?P<micros>\d{1,20}) "
    r'"(?P<member>[^"]*)" "(?P<conn>[^"]*)" "(?P<path>.*)"$'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where httpd finds and writes its files; ``${RUN}`` is the writable folder, defined on the command line."""

    tls: str = "${RUN}/tls"
    document_root: str = "${RUN}/htdocs"
    error_log: str = "${RUN}/error.log"
    access_log: str = "${RUN}/access.log"


class ApacheDialect:
    """Apache httpd 2.4: text in, text out, without I/O."""

    name = "apache"
    title = "httpd"
    capabilities = Capabilities(can=frozenset(Capability))
    binaries = (
        "httpd",
        "apache2",
        "/usr/sbin/httpd",
        "/usr/sbin/apache2",
        "/usr/local/apache2/bin/httpd",
        "/opt/homebrew/bin/httpd",
        "/usr/local/bin/httpd",
        *(f"httpd-{mpm}" for mpm in MPMS),
    )
    ready_path = "/wslb-ready"
    manager_path = "/balancer-manager"
    children_path = "/wslb-children"
    server_name = "localhost"
    error_log = "error.log"
    access_log = "access.log"

    def modules(self, site: Site) -> tuple[str, ...]:
        """Modules that the site needs, in loading order, without ``mod_``."""
        names: list[str] = list(_ALWAYS)
        for balancer in site.balancers:
            names.append(f"lbmethod_{balancer.lbmethod.value}")
        names += [f"lbmethod_{LbMethod.BYREQUESTS.value}", "proxy_wstunnel", "proxy_http"]
        if any(mount.listener is Listener.TLS for mount in site.mounts):
            names.append("ssl")
        if any(mount.rewrite for mount in site.mounts):
            names.append("rewrite")
        names += site.modules
        return tuple(name for name in dict.fromkeys(names) if name not in site.without)

    def missing(self, site: Site, installation: Installation) -> tuple[str, ...]:
        """What the site needs and the installation lacks: modules as ``mod_name``, with why where the file is there."""
        mpm = installation.mpm
        lacking = [installation.absence(name) for name in self.modules(site) if not installation.has(name)]
        if mpm not in installation.built_in and not installation.has(f"mpm_{mpm}"):
            lacking.insert(0, installation.absence(f"mpm_{mpm}"))
        if mpm == "prefork" and site.process_model != ProcessModel():
            lacking.append("threads: under MPM prefork each connection holds a process")
        return tuple(lacking)

    def too_old_for(self, site: Site, carrier: Carrier, installation: Installation) -> tuple[str, ...]:
        """What the site needs and this version does not know yet (`since.too_old_for`)."""
        return too_old_for(site, carrier, installation)

    def probed(self, mpm: str) -> tuple[str, ...]:
        """Every module that a lab may load under this MPM, in loading order."""
        methods = (f"lbmethod_{method.value}" for method in OF_HTTPD)
        return (f"mpm_{mpm}", *_ALWAYS, *methods, "proxy_wstunnel", "proxy_http", *_OTHERS)

    def probe(self, names: Sequence[str], folder: str) -> str:
        """Configuration that loads these modules and nothing else, each on the line that `probe_line` finds again."""
        lines = [f'LoadModule {name}_module "{_quotable(folder)}/mod_{name}.so"' for name in names]
        return "\n".join([*lines, 'ErrorLog "/dev/null"', "ServerName localhost", ""])

    def unloadable(self, names: Sequence[str], output: str) -> tuple[str, str] | None:
        """Module on whose line ``httpd -t`` of a `probe` stopped, and the loader's words; None for anything else."""
        found = re.search(r"[Ss]yntax error on line (\d+) of [^\n]*?:\s+([^\n]*)", output)
        if found is None or not 0 < int(found[1]) <= len(names):
            return None
        words = re.sub(r"^Cannot load \S+ into server: ", "", found[2]).strip()
        return names[int(found[1]) - 1], words or "httpd gives no reason"

    def unfit(self, mpm: str) -> dict[str, str]:
        """Modules that load under this MPM and do not work, with why (mod_http2 says so itself, AH10034)."""
        return {"http2": "MPM prefork serves no HTTP/2"} if mpm == "prefork" else {}

    def mpms(self, built_in: frozenset[str], loadable: frozenset[str]) -> tuple[str, ...]:
        """MPMs that can be had, the best first: the one that is built in, else those that can be loaded."""
        static = tuple(mpm for mpm in MPMS if mpm in built_in)
        return static or tuple(mpm for mpm in MPMS if f"mpm_{mpm}" in loadable)

    def folders_beside(self, binary: str, mpm: str) -> tuple[str, ...]:
        """Where the modules of a program may lie, by its own place."""
        prefix = PurePosixPath(binary).parent.parent
        return tuple(str(prefix / layout.format(mpm=mpm)) for layout in _LAYOUTS)

    def usual_folders(self, mpm: str) -> tuple[str, ...]:
        """Where systems keep the modules of their own httpd."""
        return tuple(folder for prefix in _PREFIXES for folder in self.folders_beside(f"{prefix}/bin/httpd", mpm))

    def own_configuration(self, text: str) -> tuple[str, str]:
        """ServerRoot and file of the program's own configuration, from ``httpd -V``; empty where it does not say."""
        root = re.search(r'-D HTTPD_ROOT="([^"]+)"', text)
        file = re.search(r'-D SERVER_CONFIG_FILE="([^"]+)"', text)
        if not root or not file:
            return "", ""
        return root[1], str(PurePosixPath(root[1]) / file[1])

    def render(
        self,
        site: Site,
        *,
        front: Front,
        generation: str,
        carrier: Carrier,
        installation: Installation,
        user: tuple[str, str] | None,
        paths: Paths = Paths(),
    ) -> str:
        """Configuration text of a site whose URLs are resolved.

        Raises:
            ConfigError: a value cannot be written into a configuration file (line end, quote, control character).
        """
        carrier = site.carrier or carrier
        wstunnel = carrier is Carrier.WSTUNNEL
        listen_tls = f"{front.listen}:{front.tls}" if front.tls else ""
        watched = installation.has("status") and (site.process_model.changes or self.children_reset_turns(installation))
        modules = self.modules(site)
        return _template().render(
            title=f"Apache httpd 2.4 for wslb, {generation}",
            server_name="localhost",
            listen_plain=f"{front.listen}:{front.plain}" if front.plain else "",
            listen_tls=listen_tls,
            vhost_tls=f"*:{front.tls}",
            user=user[0] if user else "",
            group=user[1] if user else "",
            mpm=installation.mpm,
            modules=(*modules, *(("status",) if watched and "status" not in modules else ())),
            process_model=site.process_model,
            timeout_seconds=None if site.timeout_seconds is None else f"{site.timeout_seconds:g}",
            error_log=paths.error_log,
            access_log=paths.access_log,
            log_level="warn",
            document_root=paths.document_root,
            tls_folder=paths.tls,
            ready_path=self.ready_path,
            ready_text=self.ready_text(generation),
            manager_path=self.manager_path,
            children_path=self.children_path if watched else "",
            manager_trusts=" ".join(_value(network) for network in front.trusted),
            carrier_directive="ProxyWebsocketFallbackToProxyHttp Off"
            if wstunnel and installation.at_least(2, 4, 48) and "proxy_wstunnel" not in site.without
            else "",
            inherit=site.inherit,
            directives=[_line(directive) for directive in site.directives],
            tls_directives=[_line(directive) for directive in site.tls_directives],
            plain_mounts=_mounts(site, Listener.PLAIN),
            tls_mounts=_mounts(site, Listener.TLS),
            proxy_protocol="TLSv1.2" if wstunnel else "",
        )

    def children_reset_turns(self, installation: Installation) -> bool:
        """Whether each new child begins the lbmethods' counters anew, which lie in memory that all share.

        Until 2.4.61 a child's start resets them (removed in 2.4.62 by commit 6932fc79f9, which CHANGES does not name).
        """
        return not installation.at_least(2, 4, 62)

    def parse_threads(self, text: str) -> int:
        """Threads of all children that have started, from the scoreboard of mod_status (``?auto``); 0 without one.

        BusyWorkers and IdleWorkers are no help: they are printed twice where the MPM is an asynchronous one.
        """
        found = re.search(r"^Scoreboard: (\S*)$", text, re.MULTILINE)
        return sum(thread not in ".SI" for thread in found[1]) if found else 0  # free, starting, killed while idle

    def parse_children(self, text: str) -> frozenset[int]:
        """Process ids of the children that have served anything, from mod_status's page for people.

        The one that answers is always among them: its thread is busy with the answer.
        """
        return frozenset(map(int, re.findall(r"<b>\d+-\d+</b></td><td>(\d+)</td>", text)))

    def ready_text(self, generation: str) -> str:
        """Body that the ready path answers with once this generation serves."""
        return f"wslb generation {generation} is serving"

    def arguments(self, installation: Installation, *, folder: str, config: str) -> tuple[str, ...]:
        """Argument vector common to checking and running."""
        define = ("-C", f'Define MODDIR "{installation.modules_folder}"', "-C", f'Define RUN "{folder}"')
        return (installation.binary, "-f", config, *define)

    def parse_version(self, text: str) -> tuple[str, dict[str, str]]:
        """Version and facts from ``httpd -V``.

        Raises:
            EvidenceError: the text names no version of httpd 2.4; the detail says what it is instead.
        """
        match = re.search(r"Server version:\s*Apache/(2\.4\.\d\S*)(.*)", text)
        if not match:
            raise EvidenceError(path="the output of httpd -V", detail=_instead(text))
        facts = {"version": match[1] + match[2].rstrip()}
        for label, key in (("Server built", "built"), ("Server MPM", "mpm"), ("Server loaded", "libraries")):
            found = re.search(rf"{label}:[ \t]*(\S.*)", text)
            if found:
                facts[key] = found[1].strip()
        return match[1], facts

    def parse_built_in(self, text: str) -> frozenset[str]:
        """Module names from ``httpd -l`` (``mod_so.c``, ``event.c``)."""
        return frozenset(
            line.strip().removesuffix(".c").removeprefix("mod_") for line in text.splitlines() if line.endswith(".c")
        )

    def parse_status(self, text: str, installation: Installation) -> tuple[MemberStatus, ...]:
        """Members from ``balancer-manager?xml=1``; route is empty where the configuration sets none.

        Until 2.4.27 a loadfactor is a whole number of turns, since then of hundredths (CHANGES 2.4.28).

        Raises:
            EvidenceError: not the manager's XML.
        """
        try:
            root = ElementTree.fromstring(re.sub(r"(</?)httpd:", r"\1", text))
        except (ElementTree.ParseError, DefusedXmlException) as exc:
            raise EvidenceError(
                path="the status page of balancer-manager",
                detail=f"not XML ({exc})",
                hint="balancer-manager answers XML only with a Referer of the same host.",
            ) from exc
        found: list[MemberStatus] = []
        parts = 100 if installation.at_least(2, 4, 28) else 1
        for balancer in root.iter("balancer"):
            name = _text(balancer, "name")
            try:
                found += [_status(balancer, name, worker, parts=parts) for worker in balancer.iter("worker")]
            except ValueError as exc:
                detail = f"a number of {name or 'a balancer without a name'} is none ({exc})"
                raise EvidenceError(path="the status page of balancer-manager", detail=detail) from exc
        return tuple(found)

    def parse_log(self, text: str) -> tuple[LogLine, ...]:
        """Lines of the error log; one in a form of the user's own has the level that it names, or that of its number.

        One with a number that nobody knows is an error, and so is what a crash leaves.
        """
        lines: list[LogLine] = []
        for raw in text.splitlines():
            if not raw.strip():
                continue
            match = _LINE.match(raw)
            if not match:
                lines.append(LogLine(at="", module="", level=_level(raw), code=_code(raw), text=raw))
                continue
            lines.append(
                LogLine(
                    at=match["at"],
                    module=match["module"],
                    level=match["level"],
                    code=_code(match["text"]),
                    text=match["text"],
                )
            )
        return tuple(lines)

    def parse_access(self, text: str) -> tuple[AccessLine, ...]:
        """Lines of the access log that carry a correlation id."""
        lines: list[AccessLine] = []
        for raw in text.splitlines():
            match = _ACCESS.match(raw)
            if not match or match["conn"] == "-":
                continue
            lines.append(
                AccessLine(
                    conn_id=match["conn"],
                    status=int(match["status"]) if match["status"] != "-" else 0,
                    member_url="" if match["member"] == "-" else match["member"],
                    path=match["path"],
                    bytes_in=int(match["in"]),
                    bytes_out=int(match["out"]),
                    seconds=int(match["micros"]) / 1e6,
                )
            )
        return tuple(lines)


_LOADER = re.compile(r"error while loading shared libraries: |Error loading shared library |Library not loaded: ")


_ANSWER_CHARACTERS = 4096
"""As much of an answer to ``-V`` as tells what else a program is; httpd's own has a fifth of it."""


def _instead(text: str) -> str:
    """What a program is, by its answer to ``-V``, when it is no httpd 2.4."""
    text = text[:_ANSWER_CHARACTERS]
    lines = [line for raw in text.splitlines() if (line := " ".join("".join(filter(str.isprintable, raw)).split()))]
    loader = next((line[found.end() :] for line in lines if (found := _LOADER.search(line))), "")
    if loader:
        return f"it does not start: {loader}"
    version = re.search(r"^(?:Server|nginx) version:\s*(\S[^\n]{0,60})", text, re.MULTILINE)
    if version:
        return f"it is {version[1].strip()}, not Apache httpd 2.4"
    return f"it answers {lines[0][:60]!r}, no version of Apache httpd" if lines else "it prints nothing"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(template),
        autoescape=False,  # noqa: S701 - the output is an httpd.conf, where HTML entities would be errors
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("httpd.conf.j2")


def _line(directive: str) -> str:
    """A directive as one or more whole lines; refuses what would end a line unseen."""
    if "\r" in directive or "\0" in directive:
        raise ConfigError(option="directive", value=directive, allowed="text without carriage returns or NUL")
    return directive


def _value(text: str) -> str:
    if re.search(r'[\s"<>\\\0]', text):
        raise ConfigError(option="configuration value", value=text, allowed="text without blanks, quotes or brackets")
    return text


def _quotable(folder: str) -> str:
    if re.search(r'[\r\n"\\\0]|\$\{', folder):
        raise ConfigError(option="folder of modules", value=folder, allowed="text without quotes, backslashes or ${")
    return folder


def _mounts(site: Site, listener: Listener) -> list[str]:
    written: set[str] = set()
    blocks: list[str] = []
    for mount in site.mounts:
        if mount.listener is not listener:
            continue
        blocks.append(_mount(mount))
        if isinstance(mount.target, Balancer) and mount.target.name not in written:
            written.add(mount.target.name)
            blocks.append(_balancer(mount.target, mount.target_path if mount.balancer_path else ""))
    return blocks


def _mount(mount: Mount) -> str:
    if isinstance(mount.target, Balancer):
        target = f"balancer://{_value(mount.target.name)}{_value(mount.target_path)}"
    else:
        target = _value(mount.target)
    if mount.rewrite:
        conditions = [f"RewriteCond {_line(condition)}" for condition in mount.conditions]
        return "\n".join(
            ["RewriteEngine On", *conditions, f"RewriteRule ^{_value(mount.path)}(/.*)?$ {target}$1 [P,L]"]
        )
    lines = [f"ProxyPass {_value(mount.path)} {target}"]
    if mount.reverse:
        lines.append(f"ProxyPassReverse {_value(mount.path)} {target}")
    return "\n".join(lines)


def _balancer(balancer: Balancer, path: str) -> str:
    lines = [f"<Proxy balancer://{balancer.name}{path}>"]
    lines += [f"  {_member(member, sticky=balancer.stickysession is not None)}" for member in balancer.members]
    if balancer.set_lbmethod:
        lines.append(f"  ProxySet lbmethod={balancer.lbmethod.value}")
    if balancer.stickysession:
        lines.append(f"  ProxySet stickysession={_value(balancer.stickysession)}")
    lines += [f"  ProxySet {_value(name)}={_value(value)}" for name, value in balancer.parameters]
    lines.append("</Proxy>")
    return "\n".join(lines)


def _member(member: Member, *, sticky: bool) -> str:
    words = [f"BalancerMember {_value(member.url)}"]
    if sticky:
        words.append(f"route={member.route}")
    if member.loadfactor != 1:
        words.append(f"loadfactor={member.loadfactor:g}")
    if member.state.value:
        words.append(f"status=+{member.state.value}")
    words += [f"{_value(name)}={_value(value)}" for name, value in member.parameters]
    return " ".join(words)


_WORDS = {
    "OK": "Init Ok",
    "Disabled": "Init Dis",
    "Error": "Init Err",
    "Stopped": "Init Stop",
    "Standby": "Init Stby Ok",
}
"""Status of a member as 2.4.12 has it in its XML, by the flags that its HTML and every later version show."""


def _status(balancer: Element, name: str, worker: Element, *, parts: int) -> MemberStatus:
    of_member = [(key, _text(worker, key)) for key in (*OF_MEMBER, *SIZES) if worker.find(key) is not None]
    of_balancer = [(key, _text(balancer, key)) for key in OF_BALANCER if balancer.find(key) is not None]
    status = " ".join(_text(worker, "status").split())
    return MemberStatus(
        balancer=name.removeprefix("balancer://"),
        route=_text(worker, "route"),
        url=_text(worker, "name"),
        status=_WORDS.get(status, status),
        elected=int(_text(worker, "elected") or 0),
        busy=int(_text(worker, "busy") or 0),
        lbstatus=int(_text(worker, "lbstatus") or 0),
        transferred=int(_text(worker, "transferred") or 0),
        read=int(_text(worker, "read") or 0),
        loadfactor=_factor(_text(worker, "loadfactor"), parts),
        lbmethod=_text(balancer, "lbmethod"),
        settings=(*of_member, *of_balancer),
    )


def _factor(text: str, parts: int) -> float:
    """Loadfactor in turns: the page shows parts of them (``100``) or turns (``1.00``), by version."""
    value = float(text or parts)
    return value if "." in text else value / parts


def _text(element: Element, name: str) -> str:
    found = element.find(name)
    return (found.text or "").strip() if found is not None else ""


_LEVEL = re.compile(rf"[\[{{(:]({_LEVELS})[\]}}):]")
_WORST = ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")
_CRASH = re.compile(
    r"corrupt|smashing|overflow|invalid pointer|double free|[Ss]egmentation fault|Assertion|assertion failed|"
    r"terminate called|Sanitizer|[Oo]ut of memory|Abort|panic"
)
"""What the C library, a sanitizer or a runtime writes on stderr when it ends a process."""


def _level(raw: str) -> str:
    """Level of a line in the form of a user's ErrorLogFormat, or of none: named, its number's, or empty."""
    if named := _LEVEL.search(raw):
        return named[1]
    number = look_up(_code(raw))
    if number is None:
        return "error" if _code(raw) or _CRASH.search(raw) else ""
    levels = number.level.split(" or ")
    if raw.endswith("succeeded"):
        return levels[0]
    return next((level for level in _WORST if level in levels), levels[0])


def _code(text: str) -> str:
    match = _CODE.search(text)
    return match[0] if match else ""
