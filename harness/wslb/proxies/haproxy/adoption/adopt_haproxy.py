"""Makes a configuration of HAProxy servable in a lab: listeners, servers, certificates, logs and users; nothing else.

HAProxy itself tells which line took a request: behind the rules of a section the lab notes, with each rule's own
condition, which ``use_backend`` line counts, the first of them last, so that it is the one that stays; and in front of
a rule that ends a request, that it is this one. Both numbers are in the access log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from wslb.proxies.adopting import MemberPlace
from wslb.proxies.emitted import Emitted
from wslb.proxies.haproxy.adoption.haproxy_places import HaproxyDoors, speaks_http_here, split_address
from wslb.proxies.haproxy.adoption.sections import PROXIES, HaproxyLine, HaproxySection, in_force

__all__ = ["HaproxyAdopter", "ends_request", "milliseconds_of"]

RUN = "${WSLB_RUN}"
_STAND_IN = "a stand-in is in its place"
_OURS = "the lab has its own"
_LOGS = "all requests are logged in one place, with the line that took them"
_CHECKS = "a stand-in is checked by a connect: it has not the page that a real server is asked for"
_KEYS = "certificates are those of the run, for the same names"
_PROXIED = "the PROXY protocol is not spoken"
_GONE = frozenset(
    {"peers", "mailers", "resolvers", "program", "ring", "log-forward", "log-profile", "traces", "crt-store", "acme"}
)
_GLOBAL = {
    **dict.fromkeys(("chroot", "daemon", "user", "group", "uid", "gid", "pidfile", "stats", "master-worker"), _OURS),
    **dict.fromkeys(("log", "log-send-hostname", "log-tag"), _LOGS),
    **dict.fromkeys(("ca-base", "crt-base", "ssl-dh-param-file", "issuers-chain-path"), _KEYS),
    "nbthread": "one thread serves all: of two that log at once, one loses its line",
    **dict.fromkeys(("nbproc", "cpu-map", "cpu-policy", "thread-groups", "thread-group", "numa-cpu-mapping"), _OURS),
    **dict.fromkeys(("maxconn", "ulimit-n", "fd-hard-limit", "unix-bind", "localpeer", "node"), "it is of the machine"),
    **dict.fromkeys(("server-state-base", "server-state-file", "external-check", "insecure-fork-wanted"), _OURS),
    **dict.fromkeys(("wurfl-data-file", "51degrees-data-file", "deviceatlas-json-file"), "a file of yours"),
}
_IN_PROXIES = {
    **dict.fromkeys(("log", "log-format", "log-format-sd", "error-log-format", "log-tag", "log-steps"), _LOGS),
    **dict.fromkeys(("http-check", "tcp-check", "external-check"), _CHECKS),
    **dict.fromkeys(("email-alert", "load-server-state-from-file", "server-state-file-name"), _OURS),
    **dict.fromkeys(("bind-process", "source", "use-fcgi-app"), "it is of the machine"),
}
_LOG_OPTIONS = re.compile(r"(?:http|https|tcp)log|logasap|dontlognull|dontlog-normal|log-\S+")
_CHECK_OPTIONS = re.compile(r"(?:http|smtp|mysql|pgsql|redis|ldap|tcp|spop|external|ssl-hello)-?che?c?k")
_FINAL = re.compile(r"deny|tarpit|return|redirect|reject|auth|silent-drop|use-service")

_BIND_GONE = {
    **dict.fromkeys(("crt", "crt-list", "crl-file", "ca-verify-file", "ca-sign-file", "ca-sign-pass"), 2),
    **dict.fromkeys(("interface", "namespace", "user", "group", "mode", "uid", "gid", "level", "process", "thread"), 2),
    **dict.fromkeys(("shards", "tls-ticket-keys", "accept-netscaler-cip", "expose-fd", "guid-prefix"), 2),
    **dict.fromkeys(("transparent", "v4v6", "v6only", "tfo", "generate-certificates", "accept-proxy"), 1),
}
"""Words of ``bind`` that are left out, with how many words they are."""

_SERVER_GONE = {
    **dict.fromkeys(("addr", "port", "ca-file", "crt", "crl-file", "interface", "namespace", "resolvers"), 2),
    **dict.fromkeys(("resolve-prefer", "resolve-net", "resolve-opts", "init-addr", "agent-addr", "agent-port"), 2),
    **dict.fromkeys(("agent-inter", "agent-send", "alpn", "proto", "check-alpn", "check-proto", "socks4"), 2),
    **dict.fromkeys(("proxy-v2-options", "source", "usesrc", "check-sni", "guid", "ws", "set-proxy-v2-tlv-fmt"), 2),
    **dict.fromkeys(("send-proxy", "send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn"), 1),
    **dict.fromkeys(("check-send-proxy", "agent-check", "tfo", "check-via-socks4"), 1),
}
"""Words of ``server`` that are left out, with how many words they are: of the network, of files, of health checks."""

_TIMES = {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def milliseconds_of(word: str) -> float | None:
    """A time as HAProxy writes it, milliseconds where it has no unit; None for none."""
    found = re.fullmatch(r"(\d+)(us|ms|s|m|h|d)?", word)
    return float(found[1]) * _TIMES[found[2] or "ms"] if found else None


def ends_request(line: HaproxyLine) -> bool:
    """Whether a rule answers a request itself, where its condition holds."""
    if line.name == "http-request":
        return bool(_FINAL.fullmatch(line.word(1)))
    return line.name in {"redirect", "block"}


class HaproxyAdopter:
    """One configuration as it is made servable.

    Attributes:
        out: its text, with a mark for each line that may take or end a request.
        stand_ins: in the places of its servers.
    """

    def __init__(self, sections: Sequence[HaproxySection], *, divisor: float = 1) -> None:
        self.out = Emitted[HaproxyLine]()
        self.stand_ins: list[MemberPlace] = []
        self.doors = HaproxyDoors(sections)
        self._divisor = divisor
        for section in sections:
            self._section(section)

    def member(self, host: str, port: int) -> MemberPlace:
        """Stand-in of a host and port; the same for the same."""
        found = next((one for one in self.stand_ins if (one.host, one.port) == (host, port)), None)
        if found is None:
            found = MemberPlace(number=len(self.stand_ins) + 1, host=host, port=port)
            self.stand_ins.append(found)
        return found

    def _section(self, section: HaproxySection) -> None:
        if section.kind in _GONE:
            self.out.change(section.at, "", "no server outside is asked, and nothing is shared")
            return
        self.out.put(str(section.at), section.at)
        http = section.kind in PROXIES and speaks_http_here(section)
        front = section.kind in {"frontend", "listen"}
        if http and front:
            self._logging(section)
        for line in section.lines:
            if http and ends_request(line) and line.name == "http-request":
                self._end(line)
            self._line(section, line)
        if http:
            for line in reversed(section.lines):
                if ends_request(line) and line.name != "http-request":
                    self._end(line)
        if http and front:
            self._takers(section)

    def _logging(self, section: HaproxySection) -> None:
        marks = "%[var(txn.wslb_took)] %[var(txn.wslb_end)]"
        form = (
            'wslb %ST %U %B %Tt \\"%si:%sp\\" \\"%[var(txn.wslb_conn)]\\" \\"%b\\" '
            f'\\"%[bc_err_str]/%[ssl_bc_err_str]\\" \\"%HPO\\" marks {marks} %ts'
        )
        self.out.put(f'  log global\n  log-format "{form}"', None)
        self.out.put("  http-request set-var(txn.wslb_conn) req.hdr(x-wslb-conn)", None)
        if section.kind == "listen":
            self._take(section.at, "")

    def _takers(self, section: HaproxySection) -> None:
        """Which line leads a request on; the first that counts is noted last."""
        defaults = list(section.inside("default_backend"))
        for line in (*defaults[-1:], *reversed([*section.inside("use_backend")])):
            self._take(line, line.conditional if line.name == "use_backend" else "")

    def _take(self, line: HaproxyLine, condition: str) -> None:
        self.out.put(f"  http-request set-var(txn.wslb_took) int({self.out.mark(line)}) {condition}".rstrip(), None)

    def _end(self, line: HaproxyLine) -> None:
        self.out.put(
            f"  http-request set-var(txn.wslb_end) int({self.out.mark(line)}) {line.conditional}".rstrip(), None
        )

    # -- lines -------------------------------------------------------------------------------------------------------

    def _line(self, section: HaproxySection, line: HaproxyLine) -> None:
        text, why = self._served(section, line)
        if why:
            self.out.change(line, text, why)
        if text:
            self.out.put(f"  {text}", line)

    def _served(self, section: HaproxySection, line: HaproxyLine) -> tuple[str, str]:
        """A line as it is served, with why where that differs."""
        first = line.name
        known = _GLOBAL if section.kind == "global" else _IN_PROXIES if section.kind in {*PROXIES, "defaults"} else {}
        if why := known.get(first):
            return "", why
        special: dict[str, Callable[[HaproxyLine], tuple[str, str]]] = {
            "bind": self._bind,
            **dict.fromkeys(("server", "default-server", "server-template"), partial(self._server, section)),
            "dispatch": self._dispatch,
            "timeout": self._timeout,
            "option": self._option,
            "no": self._option,
            "errorfile": self._file,
            "errorfiles": self._file,
            "lua-load": self._file,
            "lua-load-per-thread": self._file,
            "stick-table": self._table,
            "http-request": self._rule,
            "http-response": self._rule,
            "http-after-response": self._rule,
            "filter": self._filter,
        }
        return special[first](line) if first in special else (str(line), "")

    def _bind(self, line: HaproxyLine) -> tuple[str, str]:
        doors = self.doors.of(line)
        if not doors:
            return "", "only TCP is asked"
        rest, gone = _without(line.raw[2:], _BIND_GONE)
        if "ssl" in rest:
            rest += ["crt", f"{RUN}/tls/adopted-pair.pem"]
            rest = [f"{RUN}/tls/ca.pem" if n and rest[n - 1] == "ca-file" else word for n, word in enumerate(rest)]
        lost = f"; {_PROXIED}" if "accept-proxy" in gone else ""
        places = ",".join(f"{door.address}:${{{door.variable}}}" for door in doors)
        more = "; of a range of ports the first alone" if re.search(r":\d+-\d+", line.word(1)) else ""
        return " ".join(("bind", places, *rest)), f"a free port of loopback is in its place{more}{lost}"

    def _server(self, section: HaproxySection, line: HaproxyLine) -> tuple[str, str]:
        at = {"server": 2, "server-template": 3, "default-server": 0}[line.name]
        rest, gone = _without(line.raw[at + 1 :], _SERVER_GONE)
        tls = "ssl" in rest
        if "ssl" in rest or "verify" in rest:
            kept = [word for n, word in enumerate(rest) if word != "verify" and (not n or rest[n - 1] != "verify")]
            rest = [*kept, "verify", "none"]
        if not at:
            text = " ".join(("default-server", *rest))
            return text, "servers are stand-ins" if gone or text != str(line) else ""
        if len(line.words) <= at:
            return str(line), ""
        to = self.address(line.word(at), tls=tls or _tls_by_default(section, rest))
        lost = f"; {_PROXIED}" if any("send-proxy" in word for word in gone) else ""
        lost += "; over HTTP/1.1" if {"proto", "alpn"} & set(gone) else ""
        return " ".join((*line.raw[:at], to, *rest)), f"{_STAND_IN}{lost}"

    def address(self, word: str, *, tls: bool) -> str:
        """What stands in the place of a server's address: a variable of the lab's."""
        place = split_address(word)
        if place is None:
            return f"${{{self.member(word, 0).variable(tls=tls)}}}"
        host, port = place
        number = port if port is not None else next((door.port for door in self.doors.doors), 80)
        own = self.doors.at(host, number)
        if own is not None:
            return f"{own.address}:${{{own.variable}}}"
        return f"${{{self.member(host, number).variable(tls=tls)}}}"

    def _dispatch(self, line: HaproxyLine) -> tuple[str, str]:
        return f"dispatch {self.address(line.word(1), tls=False)}", _STAND_IN

    def _timeout(self, line: HaproxyLine) -> tuple[str, str]:
        ends = line.word(1) in {"client", "server", "tunnel"}
        long = milliseconds_of(line.word(2)) if ends else None
        if self._divisor == 1 or not long:
            return str(line), ""
        return (
            f"timeout {line.word(1)} {max(1, round(long / self._divisor))}ms",
            "such times are divided by one factor",
        )

    @staticmethod
    def _option(line: HaproxyLine) -> tuple[str, str]:
        off = int(line.name == "no")
        name = line.word(off + 1) if line.word(off) == "option" else ""
        if line.word(off) == "log" or _LOG_OPTIONS.fullmatch(name):
            return "", _LOGS
        return ("", _CHECKS) if _CHECK_OPTIONS.fullmatch(name) else (str(line), "")

    @staticmethod
    def _file(line: HaproxyLine) -> tuple[str, str]:
        return (str(line), "") if Path(line.words[-1]).exists() else ("", "that file is not here")

    @staticmethod
    def _table(line: HaproxyLine) -> tuple[str, str]:
        at = next((n for n, word in enumerate(line.words) if word == "peers"), None)
        if at is None:
            return str(line), ""
        return " ".join((*line.raw[:at], *line.raw[at + 2 :])), "nothing is shared with peers"

    @staticmethod
    def _rule(line: HaproxyLine) -> tuple[str, str]:
        second = line.word(1)
        if second == "set-log-level":
            return "", _LOGS
        return ("", "no server outside is asked") if second.startswith("do-resolve") else (str(line), "")

    @staticmethod
    def _filter(line: HaproxyLine) -> tuple[str, str]:
        outside = line.word(1) in {"spoe", "opentracing", "fcgi-app"}
        return ("", "no server outside is asked") if outside else (str(line), "")


def _tls_by_default(section: HaproxySection, words: Sequence[str]) -> bool:
    """Whether servers of a section are spoken to over TLS by its ``default-server``."""
    line = in_force(section, "default-server")
    return line is not None and "ssl" in line.words and "no-ssl" not in words


def _without(raw: Sequence[str], gone: dict[str, int]) -> tuple[list[str], list[str]]:
    """Words without those that are left out, and the first of each of these."""
    kept: list[str] = []
    left: list[str] = []
    at = 0
    while at < len(raw):
        if (count := gone.get(raw[at])) is not None:
            left.append(raw[at])
            at += count
        else:
            kept.append(raw[at])
            at += 1
    return kept, left
