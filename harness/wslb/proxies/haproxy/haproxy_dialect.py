"""HAProxy: renders its configuration, reads its statistics and logs. No I/O but the template.

Sources: HAProxy's configuration and management manuals; measured on 2.6.12 and 2.8.25.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from urllib.parse import urlsplit

import jinja2

from wslb.errors import ConfigError, ContractError, EvidenceError
from wslb.interfaces import Capabilities, Capability, Front, Installation, MemberChange
from wslb.model.balancer import (
    Balancer,
    Carrier,
    LbMethod,
    Listener,
    Member,
    MemberState,
    Mount,
    Native,
    Site,
    Stickiness,
)
from wslb.model.results import AccessLine, LogLine, MemberStatus
from wslb.proxies.haproxy.haproxy_claims import MEASURED
from wslb.proxies.haproxy.haproxy_vocabulary import EVENTS, METHODS_TOLD, WORDS_OF_HTTPD, WRITES
from wslb.resources import resource

__all__ = ["HaproxyDialect"]

_ACCESS = re.compile(
    r'^wslb (?P<status>-?\d+) (?P<in>\d+) (?P<out>\d+) (?P<ms>\d+) "(?P<member>[^"]*)" '
    r'"(?P<conn>[^"]*)" "(?P<backend>[^"]*)" "(?P<why>[^"]*)" (?:(?P<ended>\S{2})/(?P<tried>\+?\d+) )?"(?P<path>.*)"$'
)
_LINE = re.compile(r"^\[(?P<level>[A-Z]+)\]\s+\((?P<pid>\d+)\) : (?P<text>.*)$")
_LEVELS = {"NOTICE": "notice", "WARNING": "warn", "ALERT": "alert", "DIAG": "notice"}
_FLAGS = {MemberState.ENABLED: "", MemberState.DISABLED: "disabled", MemberState.STANDBY: "backup"}
_BACKLOG = re.compile(r"ListenBackLog (\d+)$")
_METHODS = {LbMethod.BYREQUESTS: LbMethod.ROUNDROBIN, LbMethod.BYBUSYNESS: LbMethod.LEASTCONN}

_RANDOM_TIES = (3,)
"""From this version on: 2.6 and 2.8 were measured, and 3.4, where leastconn settles ties at random."""

_SPARE = 64
"""Connections beside the tunnels."""

_TIMEOUTS = ("timeout connect 2s", "timeout client 60s", "timeout server 60s", "timeout tunnel 1h")
"""Where a site has no timeouts of its own."""

_TLS = "-tls"
"""What the name of a backend ends with whose servers are spoken to over TLS."""

_REACHED = ("-/", "Success/")
"""What the access log says of the connection to a member where there was none, or one that stood (``bc_err_str``)."""

_ORDERED = re.compile(
    r" enters drain state| for maintenance|\(leaving (?:forced )?(?:maintenance|drain)\)|has no server available"
    r"|^Proxy \S+ (?:stopped|hard-stopped) \(|^Exiting Master process"
    r"|^(?:Former|Current) worker \(\d+\) exited with code (?:0|143)\b"
    r"|^All workers exited\. Exiting\.\.\. \((?:0|143)\)"
)
"""What HAProxy says of orders at its statistics socket (without health checks nothing else takes servers out), and of
a signal to reload or to stop.
"""

_STATES = {MemberState.DISABLED: "maint", MemberState.DRAIN: "drain"}


class HaproxyDialect:
    """HAProxy: text in, text out."""

    title = "HAProxy"
    capabilities = Capabilities(
        can=frozenset({Capability.CONTROL, Capability.WAITING_ROOM}),
        measured=MEASURED,
        words=WORDS_OF_HTTPD,
        writes=WRITES,
        lbmethods=_METHODS,
        stickiness=Stickiness.COOKIE,
        signals={"USR1": "USR2", "HUP": "USR2", "WINCH": "USR1"},
        yields="Proxy front stopped",
    )
    binaries = ("haproxy", "/usr/sbin/haproxy", "/usr/local/sbin/haproxy", "/opt/homebrew/bin/haproxy")
    ready_path = "/wslb-ready"
    manager_path = ""
    children_path = ""
    socket = "haproxy.sock"
    error_log = "haproxy.out"
    access_log = "haproxy.out"

    def parse_threads(self, text: str) -> int:  # noqa: ARG002
        """HAProxy tells of no threads."""
        return 0

    def parse_children(self, text: str) -> frozenset[int]:  # noqa: ARG002
        """HAProxy tells of no processes."""
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
        for mount in site.mounts:
            secure = {mount.listener is Listener.TLS} | _over_tls(mount)
            lacking += ["mod_ssl"] if True in secure and not installation.has("ssl") else []
            lacking += ["TLS to some of a balancer's members alone"] if len(_over_tls(mount)) > 1 else []
            lacking += ["RewriteRule"] if mount.rewrite else []
        for balancer in site.balancers:
            lacking += [] if balancer.lbmethod in _METHODS else [f"lbmethod {balancer.lbmethod.value}"]
            random = balancer.lbmethod is LbMethod.BYBUSYNESS and installation.numbers >= _RANDOM_TIES
            lacking += ["order of leastconn on a tie, which is random"] if random else []
            lacking += [f"parameter {name} of a balancer" for name, _ in balancer.parameters]
            for member in balancer.members:
                lacking += [f"parameter {name} of a member" for name, _ in member.parameters]
                lacking += [] if float(member.loadfactor).is_integer() else ["fractional weight"]
                lacking += [] if member.state in _FLAGS else [f"state {member.state.name.lower()}"]
        return tuple(dict.fromkeys(lacking))

    def too_old_for(self, site: Site, carrier: Carrier, installation: Installation) -> tuple[str, ...]:  # noqa: ARG002
        """Nothing that this template says."""
        return ()

    def parse_version(self, text: str) -> tuple[str, dict[str, str]]:
        """Version and facts from ``haproxy -vv``.

        Raises:
            EvidenceError: the text names no version of HAProxy.
        """
        match = re.search(r"^HAProxy version (\d+(?:\.\d+)*)", text, re.MULTILINE)
        if not match:
            first = next((line.strip() for line in text.splitlines() if line.strip()), "")
            raise EvidenceError(
                path="the output of haproxy -vv", detail=f"it answers {first[:60]!r}, no version of HAProxy"
            )
        return match[1], {"version": match[1]} | ({"tls": "yes"} if "USE_OPENSSL=1" in text else {})

    def ready_text(self, generation: str) -> str:
        """Body that the ready path answers with once this generation serves."""
        return f"wslb generation {generation} is serving"

    def arguments(self, installation: Installation, *, config: str) -> tuple[str, ...]:
        """Argument vector of a master and its worker in the foreground, which a reload needs."""
        return (installation.binary, "-W", "-db", "-f", config)

    def render(self, site: Site, *, front: Front, generation: str, folder: str, user: tuple[str, str] | None) -> str:
        """Configuration text of a site whose URLs are resolved and whose members have no paths.

        Args:
            folder: writable one of the run.
            user: names of user and group that the worker becomes; None for an ordinary user.

        Raises:
            ConfigError: a value cannot be written into a configuration file.
        """
        native = site.native.get(self.title, Native())
        mounts = [_mounted(mount, f"m{at}") for at, mount in enumerate(site.mounts)]
        secure = any(True in _over_tls(mount) for mount in site.mounts)
        sides = [(Listener.PLAIN, front.plain), *([(Listener.TLS, front.tls)] if front.tls else [])]
        return _template().render(
            title=f"HAProxy for wslb, {generation}",
            user=user,
            folder=_value(folder),
            socket=self.socket,
            connections=max(1024, site.process_model.workers + _SPARE),
            backlog=next((match[1] for line in site.directives if (match := _BACKLOG.match(line))), ""),
            process=(*((f"ca-base {_value(folder)}/tls",) if secure else ()), *native.process),
            common=(
                f"maxconn {site.process_model.workers}",
                *(_TIMEOUTS if not any(map(_limits, native.common)) else ()),
                *native.common,
            ),
            ready_path=self.ready_path,
            ready_text=self.ready_text(generation),
            frontends=[
                {
                    "name": f"front{_TLS if side is Listener.TLS else ''}",
                    "bind": f"{front.listen}:{port}",
                    "tls": side is Listener.TLS,
                    "mounts": [one for one in mounts if one["side"] is side],
                }
                for side, port in sides
            ],
            mounts=mounts,
            backends={
                **{
                    _backend(balancer): {
                        "method": _METHODS.get(balancer.lbmethod, balancer.lbmethod).value,
                        "lines": (*_sticky(balancer), *native.balancer),
                        "servers": [
                            _server(member, _cookie(balancer, member), native.members.get(member.route, ""))
                            for member in balancer.members
                        ],
                    }
                    for balancer in site.balancers
                },
                **{
                    one["backend"]: {
                        "method": LbMethod.ROUNDROBIN.value,
                        "lines": (),
                        "servers": [_server(Member(route="only", url=mount.target))],
                    }
                    for one, mount in zip(mounts, site.mounts, strict=True)
                    if isinstance(mount.target, str)
                },
            },
        )

    def status(self, balancer: Balancer, stat: str) -> tuple[MemberStatus, ...]:
        """A balancer's members from the answer to ``show stat`` (columns by name: each version has more of them)."""
        rows = csv.DictReader(stat.removeprefix("# ").splitlines())
        found = {row["svname"]: row for row in rows if row["pxname"] == _backend(balancer)}
        return tuple(
            MemberStatus(
                balancer=balancer.name,
                route=member.route,
                url=f"{balancer.scheme}://{row['addr']}",
                status=_status(row),
                elected=int(row["lbtot"]),
                busy=int(row["scur"]),
                lbstatus=0,
                transferred=int(row["bin"]),
                read=int(row["bout"]),
                loadfactor=float(row["weight"]),
                lbmethod=METHODS_TOLD.get(algo := found.get("BACKEND", {}).get("algo", ""), algo),
            )
            for member in balancer.members
            if (row := found.get(member.route))
        )

    def commands(self, balancer: Balancer, change: MemberChange) -> tuple[str, ...]:
        """What its statistics socket is told for a change (management manual, ``set server`` and ``set weight``).

        Raises:
            ContractError: HAProxy has no such state.
        """
        server = f"{_backend(balancer)}/{change.route}"
        found: list[str] = []
        if change.state is not None:
            state = _STATES.get(change.state) if change.on else "ready"
            if state is None:
                raise ContractError(backend=self.title, detail=f"it has no state {change.state.name.lower()}")
            found.append(f"set server {server} state {state}")
        if change.loadfactor is not None:
            found.append(f"set weight {server} {change.loadfactor:g}")
        return tuple(found)

    def parse_log(self, text: str) -> tuple[LogLine, ...]:
        """Lines of the standard streams, and of the access log those that say why no member could be reached.

        HAProxy numbers none, so a line's code is that of the same event in the catalogue.
        """
        lines: list[LogLine] = []
        for raw in filter(str.strip, text.splitlines()):
            if access := _ACCESS.match(raw):
                words = _unreached(access)
                if not words:
                    continue
                level = "error"
            else:
                match = _LINE.match(raw)
                level, words = (_LEVELS.get(match["level"], "alert"), match["text"]) if match else ("", raw)
                level = "notice" if _ORDERED.search(words) else level
            code = next((code for said, code in EVENTS if said in words), "")
            lines.append(LogLine(at="", module="haproxy", level=level, code=code, text=words))
        return tuple(lines)

    def parse_access(self, text: str) -> tuple[AccessLine, ...]:
        """Lines of the access log that carry a correlation id."""
        return tuple(
            AccessLine(
                conn_id=match["conn"],
                status=int(match["status"]),
                member_url=f"{'wss' if match['backend'].endswith(_TLS) else 'ws'}://{match['member']}"
                if _elected(match)
                else "",
                path=match["path"],
                bytes_in=int(match["in"]),
                bytes_out=int(match["out"]),
                seconds=int(match["ms"]) / 1000,
            )
            for match in filter(None, map(_ACCESS.match, text.splitlines()))
            if match["conn"] not in {"-", ""}
        )


def _elected(access: re.Match[str]) -> bool:
    """Whether a server has its turn in a line of the access log."""
    return re.search(r":[1-9]\d*$", access["member"]) is not None


def _unreached(access: re.Match[str]) -> str:
    """Why a member could not be reached, by the line of one request; empty where it was, or none was asked.

    Where HAProxy has let go of the connection, its error is lost (``bc_err_str``), and what is left is that a try
    failed: the session ended while the connect was awaited (``SC``, which it says of no server at all, too), or there
    were retries, ``+`` for another server.
    """
    if not access["why"].startswith(_REACHED):
        return access["why"]
    if _elected(access) and (access["ended"] == "SC" or access["tried"] not in {None, "0"}):
        return f"no connection to a server at the first try: {access['member']} {access['ended']} {access['tried']}"
    return ""


def _status(row: dict[str, str]) -> str:
    if row["status"].startswith("MAINT"):
        return "Init Dis"
    if row["status"].startswith("DRAIN"):
        return "Init Drn Ok"
    return "Init Stby Ok" if row["bck"] == "1" else "Init Ok"


def _limits(line: str) -> bool:
    """Whether it is one of the timeouts for which the lab has lines of its own."""
    return line.startswith("timeout ")


def _sticky(balancer: Balancer) -> tuple[str, ...]:
    """``cookie``: its whole value names a server; a member's is a dot and its route, as httpd's clients send it."""
    name = (balancer.stickysession or "").partition("|")[0]
    return (f"cookie {_value(name)} insert indirect nocache",) if name else ()


def _cookie(balancer: Balancer, member: Member) -> str:
    return f"cookie .{_value(member.route)}" if balancer.stickysession else ""


def _server(member: Member, *further: str) -> str:
    """A ``server`` line without its first word; over TLS it is asked under the one name that all members have, unless
    the site's own words say how.
    """
    words = [_value(member.route), _value(urlsplit(member.url).netloc), f"weight {member.loadfactor:g}"]
    if _secure(member.url) and not any(one.startswith("ssl ") for one in further):
        words += ["ssl verify required verifyhost localhost sni str(localhost) ca-file ca.pem"]
    return " ".join(filter(None, [*words, _FLAGS[member.state], *further]))


def _secure(url: str) -> bool:
    return urlsplit(url).scheme in {"wss", "https"}


def _backend(balancer: Balancer) -> str:
    """Name of its backend: one over TLS has servers of its own, though httpd calls both by one name."""
    return _value(balancer.name) + (_TLS if balancer.scheme == "wss" else "")


def _over_tls(mount: Mount) -> frozenset[bool]:
    """Whether a mount's members are spoken to over TLS; both, where some are."""
    urls = [mount.target] if isinstance(mount.target, str) else [member.url for member in mount.target.members]
    return frozenset(map(_secure, urls))


def _mounted(mount: Mount, name: str) -> dict[str, object]:
    """A path of one side, the backend that it leads to, and the path there."""
    if isinstance(mount.target, str):
        backend, target_path = name + (_TLS if _secure(mount.target) else ""), urlsplit(mount.target).path
    else:
        backend, target_path = _backend(mount.target), mount.target_path
    return {
        "name": name,
        "side": mount.listener,
        "path": _value(mount.path.rstrip("/")),
        "backend": backend,
        "target_path": _value(target_path),
    }


def _value(text: str) -> str:
    if re.search(r"[\s\"'{}()\[\]*+?^|;$\\\0#]", text):
        raise ConfigError(option="configuration value", value=text, allowed="text without blanks, quotes or brackets")
    return text


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(resource),
        autoescape=False,  # noqa: S701 - the output is a haproxy.cfg, where HTML entities would be errors
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("proxies/haproxy/haproxy.cfg.j2")
