"""HAProxy: renders its configuration, reads its statistics and logs. No I/O but the template.

Sources: HAProxy's configuration and management manuals; measured on 2.6.12 and 2.8.25.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from urllib.parse import urlsplit

import jinja2

from wslb.errors import ConfigError, EvidenceError
from wslb.interfaces import Capabilities, Front, Installation
from wslb.model.balancer import Balancer, Carrier, LbMethod, Listener, Member, MemberState, Site
from wslb.model.results import AccessLine, LogLine, MemberStatus
from wslb.proxies.haproxy.haproxy_claims import MEASURED
from wslb.resources import resource

__all__ = ["HaproxyDialect"]

_ACCESS = re.compile(
    r'^wslb (?P<status>-?\d+) (?P<in>\d+) (?P<out>\d+) (?P<ms>\d+) "(?P<member>[^"]*)" '
    r'"(?P<conn>[^"]*)" "(?P<path>.*)"$'
)
_LINE = re.compile(r"^\[(?P<level>[A-Z]+)\]\s+\((?P<pid>\d+)\) : (?P<text>.*)$")
_LEVELS = {"NOTICE": "notice", "WARNING": "warn", "ALERT": "alert", "DIAG": "notice"}
_FLAGS = {MemberState.ENABLED: "", MemberState.DISABLED: "disabled", MemberState.STANDBY: "backup"}
_WORDS_OF_HTTPD = {"balancer-manager": "HAProxy's statistics", "httpd": "HAProxy"}


class HaproxyDialect:
    """HAProxy: text in, text out."""

    title = "HAProxy"
    capabilities = Capabilities(can=frozenset(), measured=MEASURED, words=_WORDS_OF_HTTPD)
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

    def missing(self, site: Site, installation: Installation) -> tuple[str, ...]:  # noqa: ARG002
        """What of the site has no counterpart in the template, each as a noun."""
        lacking = [f"mod_{name}" for name in site.modules]
        lacking += ["modules to leave out"] if site.without else []
        lacking += ["directives of httpd"] if site.directives or site.tls_directives else []
        lacking += ["Timeout"] if site.timeout_seconds is not None else []
        lacking += [site.carrier.module] if site.carrier else []
        lacking += ["threads that come and go"] if site.process_model.changes else []
        for mount in site.mounts:
            lacking += ["TLS side that this lab sets up"] if mount.listener is Listener.TLS else []
            lacking += ["RewriteRule"] if mount.rewrite else []
            lacking += ["single member without a balancer"] if isinstance(mount.target, str) else []
        for balancer in site.balancers:
            lacking += [] if balancer.lbmethod is LbMethod.BYREQUESTS else [f"lbmethod {balancer.lbmethod.value}"]
            lacking += ["stickysession"] if balancer.stickysession else []
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
        """Version and facts from ``haproxy -v``.

        Raises:
            EvidenceError: the text names no version of HAProxy.
        """
        match = re.search(r"^HAProxy version (\d+(?:\.\d+)*)", text, re.MULTILINE)
        if not match:
            first = next((line.strip() for line in text.splitlines() if line.strip()), "")
            raise EvidenceError(
                path="the output of haproxy -v", detail=f"it answers {first[:60]!r}, no version of HAProxy"
            )
        return match[1], {"version": match[1]}

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
        return _template().render(
            title=f"HAProxy for wslb, {generation}",
            user=user,
            folder=_value(folder),
            socket=self.socket,
            connections=max(1024, 4 * site.process_model.workers),
            listen=f"{front.listen}:{front.plain}",
            ready_path=self.ready_path,
            ready_text=self.ready_text(generation),
            mounts=[
                {
                    "name": f"m{at}",
                    "path": _value(mount.path.rstrip("/")),
                    "backend": _value(mount.target.name),
                    "target_path": _value(mount.target_path),
                }
                for at, mount in enumerate(site.mounts)
                if isinstance(mount.target, Balancer)
            ],
            backends=[
                {"name": _value(balancer.name), "servers": [_server(member) for member in balancer.members]}
                for balancer in site.balancers
            ],
        )

    def status(self, balancer: Balancer, stat: str) -> tuple[MemberStatus, ...]:
        """A balancer's members from the answer to ``show stat`` (columns by name: each version has more of them)."""
        rows = csv.DictReader(stat.removeprefix("# ").splitlines())
        found = {row["svname"]: row for row in rows if row["pxname"] == balancer.name}
        return tuple(
            MemberStatus(
                balancer=balancer.name,
                route=member.route,
                url=f"ws://{row['addr']}",
                status=_status(row),
                elected=int(row["lbtot"]),
                busy=int(row["scur"]),
                lbstatus=0,
                transferred=int(row["bin"]),
                read=int(row["bout"]),
                loadfactor=float(row["weight"]),
                lbmethod=LbMethod.BYREQUESTS.value,
            )
            for member in balancer.members
            if (row := found.get(member.route))
        )

    def parse_log(self, text: str) -> tuple[LogLine, ...]:
        """Lines of the standard streams that are no access; HAProxy numbers none, so a line's code is empty."""
        lines: list[LogLine] = []
        for raw in filter(str.strip, text.splitlines()):
            if _ACCESS.match(raw):
                continue
            match = _LINE.match(raw)
            level, words = (_LEVELS.get(match["level"], "alert"), match["text"]) if match else ("", raw)
            lines.append(LogLine(at="", module="haproxy", level=level, code="", text=words))
        return tuple(lines)

    def parse_access(self, text: str) -> tuple[AccessLine, ...]:
        """Lines of the access log that carry a correlation id."""
        return tuple(
            AccessLine(
                conn_id=match["conn"],
                status=int(match["status"]),
                member_url=f"ws://{match['member']}" if re.search(r":[1-9]\d*$", match["member"]) else "",
                path=match["path"],
                bytes_in=int(match["in"]),
                bytes_out=int(match["out"]),
                seconds=int(match["ms"]) / 1000,
            )
            for match in filter(None, map(_ACCESS.match, text.splitlines()))
            if match["conn"] not in {"-", ""}
        )


def _status(row: dict[str, str]) -> str:
    if row["status"].startswith("MAINT"):
        return "Init Dis"
    return "Init Stby Ok" if row["bck"] == "1" else "Init Ok"


def _server(member: Member) -> str:
    words = [_value(member.route), _value(urlsplit(member.url).netloc), f"weight {member.loadfactor:g}"]
    return " ".join(filter(None, [*words, _FLAGS[member.state]]))


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
