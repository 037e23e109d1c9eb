"""Which observation of a lab shows that an advice is right, or that it is wrong. Pure.

A proof looks at one upgrade that met the lines of a configuration (`Sighting`). It says nothing of a request that the
advice is not about; an advice of which no request says anything was not tried, and it is told why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wslb.model.handshake import Handshake, header_values, one_header, tokens
from wslb.model.results import JudgedAdvice, Standing
from wslb.proxies.apache.advice.rule import Advice, Severity
from wslb.proxies.apache.conf.balancers import BalancerLines, MemberLine
from wslb.proxies.apache.conf.directives import Directive, walk
from wslb.proxies.apache.conf.mounting import Mounting, Way, bounded, mountings_in, sample_of
from wslb.proxies.apache.conf.rewriting import location_fits
from wslb.proxies.apache.conf.scope import Scope
from wslb.proxies.apache.conf.urls import path_of, scheme_of

__all__ = ["PROOFS", "Proof", "Sighting", "judged", "judged_at_start"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One upgrade in a lab that serves the configuration, with the lines that it met.

    Attributes:
        scenario: that it belongs to; `number` of the handshake in it, from 1.
        path: that was asked for, with its query.
        scope: server that was asked.
        meant: line that the path was derived from; None where the user named the path.
        told: whether httpd told who took it, and `taken` that line; None where it was no line of the proxy.
        balancer: that the path leads to; `member` that was reached.
        others: whether another client's upgrade of the same path was accepted.
        tls: whether the client spoke TLS.
    """

    scenario: str
    number: int
    path: str
    scope: Scope
    handshake: Handshake
    meant: Mounting | None
    told: bool
    taken: Directive | None
    balancer: BalancerLines | None = None
    member: MemberLine | None = None
    others: bool = False
    tls: bool = False

    @property
    def target(self) -> str | None:
        """Path that the backend was asked for, without the query; None where none was."""
        arrival = self.handshake.arrival
        return None if arrival is None else arrival.target.partition("?")[0]

    def __str__(self) -> str:
        answer = self.handshake.status or "no answer"
        seen = "" if self.target is None else f", the backend saw {self.target}"
        taker = f", taken by line {self.taken.line}" if self.taken else ""
        return f"connection {self.number} of {self.scenario}: {self.path} got {answer}{taker}{seen}"


Proof = Callable[[Advice, Sighting], bool | None]
"""True where the upgrade shows that the advice is right, False that it is wrong, None where it says nothing of it."""


def judged(
    advice: Advice, sightings: Iterable[Sighting], *, left_out: frozenset[tuple[str, int]] = frozenset()
) -> JudgedAdvice:
    """What the upgrades of a run make of an advice: one that refutes it weighs more than any that confirm it.

    Args:
        advice: of the configuration that was served.
        sightings: every upgrade.
        left_out: file and line of what the lab does not serve.
    """
    standing, because, shown = Standing.NOT_TRIED, _untried(advice), None
    proof = PROOFS.get(advice.rule)
    if (advice.file, advice.line) in left_out:
        because, proof = "the lab leaves this line out", None
    for sighting in sightings if proof is not None else ():
        says = proof(advice, sighting) if proof else None
        if says is False or (says and standing is Standing.NOT_TRIED):
            standing, because, shown = Standing.CONFIRMED if says else Standing.REFUTED, str(sighting), sighting
            if says is False:
                break
    return _judged(advice, standing, because, shown)


def judged_at_start(advice: Advice, complaint: str) -> JudgedAdvice:
    """What it makes of an advice that httpd does not start with the configuration.

    Args:
        advice: of the configuration.
        complaint: what httpd says: the place of a line, or AH numbers of its log.
    """
    codes = re.findall(r"AH\d{5}", advice.why)
    named = f"{advice.file}:{advice.line}:" in complaint or any(code in complaint for code in codes)
    if PROOFS.get(advice.rule) is _starts and named:
        return _judged(advice, Standing.CONFIRMED, "httpd does not start, and says so")
    return _judged(advice, Standing.NOT_TRIED, "httpd does not start, so nothing was asked")


def _judged(advice: Advice, standing: Standing, because: str, shown: Sighting | None = None) -> JudgedAdvice:
    return JudgedAdvice(
        rule=advice.rule,
        severity=advice.severity.value,
        file=advice.file,
        line=advice.line,
        what=advice.what,
        why=advice.why,
        cure=advice.cure,
        standing=standing,
        because=because,
        scenario=shown.scenario if shown else "",
        connection=shown.number if shown else 0,
    )


# -- which upgrades an advice is about -----------------------------------------------------------------------------


def _is(advice: Advice, at: Directive | None) -> bool:
    return at is not None and (at.file, at.line) == (advice.file, advice.line)


def _leads(advice: Advice, s: Sighting) -> bool:
    """Whether the advice is about the line that took the request, or about the balancer or the member behind it."""
    if s.balancer is not None and (
        _is(advice, s.balancer.at) or any(_is(advice, at) for _, _, at in s.balancer.settings)
    ):
        return True
    if s.balancer is not None and s.member is None and any(_is(advice, m.directive) for m in s.balancer.members):
        return True
    return _is(advice, s.taken) or (s.member is not None and _is(advice, s.member.directive))


def _meant(advice: Advice, s: Sighting) -> bool:
    """Whether the path was derived from the advised line, or from the rule of an advised condition."""
    return s.meant is not None and any(_is(advice, at) for at in (s.meant.directive, *s.meant.conditions))


_KEPT: list[tuple[Scope, dict[int, list[Mounting]]]] = []


def _lines(server: Scope) -> dict[int, list[Mounting]]:
    """Its mountings by their line, kept for the last servers: each of thousands of advices asks."""
    found = next((lines for kept, lines in _KEPT if kept is server), None)
    if found is None:
        found = {}
        for one in mountings_in(server):
            found.setdefault(one.directive.line, []).append(one)
        _KEPT[:] = [(server, found), *_KEPT[:7]]
    return found


def _wanted(advice: Advice, s: Sighting) -> bool:
    """Whether whoever wrote the advised line means it for this request: path and query, as text and as a pattern."""
    for server in (s.scope, *([s.scope.main] if s.scope.main else [])):
        for line in _lines(server).get(advice.line, ()):
            if _is(advice, line.directive) and all("upgrade" in str(one).lower() for one in line.conditions):
                below = s.path.startswith(f"{line.path.rstrip('/')}/") and line.way is Way.PROXYPASS
                pattern = None if line.way is Way.PROXYPASS else bounded(line.path)
                return sample_of(line) == s.path or below or (pattern is not None and pattern.match(s.path) is not None)
    return False


def _in_server(advice: Advice, s: Sighting) -> bool:
    """Whether the advised line counts for every request of the server that was asked."""
    servers = (s.scope, *([s.scope.main] if s.scope.main else []))
    found = (placed for server in servers for placed in server.placed if _is(advice, placed.directive))
    return any(all(location_fits(section, _path(s)) for section in placed.around) for placed in found)


def _path(s: Sighting) -> str:
    return s.path.partition("?")[0]


def _over_tls(advice: Advice, s: Sighting) -> bool:
    """Whether the advised line counts for this request, which is led to TLS."""
    member = s.balancer.members[0].url if s.balancer and s.balancer.members else ""
    words = (member, *(s.taken.words if s.taken else ()))
    return _in_server(advice, s) and any(scheme_of(word) in {"wss", "https"} for word in words)


# -- proofs --------------------------------------------------------------------------------------------------------


def _answered(*statuses: int, about: Callable[[Advice, Sighting], bool] = _leads) -> Proof:
    """Every request that it is about gets one of these answers, and no tunnel."""

    def proof(advice: Advice, s: Sighting) -> bool | None:
        if not about(advice, s):
            return None
        if s.handshake.accepted:
            return False
        return True if s.handshake.status in statuses else None

    return proof


def _passed_over(advice: Advice, s: Sighting) -> bool | None:
    """The line never takes a request, not even one that it is meant for."""
    if not s.told:
        return None
    if s.taken is not None and (
        _is(advice, s.taken) or (_meant(advice, s) and s.meant and s.taken is s.meant.directive)
    ):
        return False
    return True if _meant(advice, s) or _wanted(advice, s) else None


def _passed_over_in_a_location(advice: Advice, s: Sighting) -> bool | None:
    """The same, where the advice says so; a warning says that it takes them in another form."""
    return _passed_over(advice, s) if advice.severity is Severity.ERROR else None


def _no_upgrade(advice: Advice, s: Sighting) -> bool | None:
    """The backend behind the line gets no Upgrade."""
    arrival = s.handshake.arrival
    return not arrival.upgrade if arrival is not None and _leads(advice, s) else None


def _redirected(advice: Advice, s: Sighting) -> bool | None:
    """The client is sent elsewhere."""
    if not _is(advice, s.taken):
        return None
    return 300 <= (s.handshake.status or 0) < 400


def _target(pred: Callable[[Advice, Sighting, str], bool | None]) -> Proof:
    """Of the path that the backend was asked for, where the request was led there by the advised line or member."""

    def proof(advice: Advice, s: Sighting) -> bool | None:
        return None if s.target is None or not _leads(advice, s) else pred(advice, s, s.target)

    return proof


def _slash_behind(_: Advice, s: Sighting, target: str) -> bool | None:
    if s.member is None or s.meant is None or _path(s) != s.meant.path:
        return None
    return target == f"{s.member.path}/"


def _uneven_slashes(_: Advice, s: Sighting, target: str) -> bool | None:
    longer = s.meant is not None and len(_path(s)) > len(s.meant.path)
    return "//" in target if longer else None


def _appended(_: Advice, s: Sighting, target: str) -> bool | None:
    return target.endswith(_path(s)) and target != _path(s)


def _lost(_: Advice, s: Sighting, target: str) -> bool | None:
    return target == "/" if _path(s) != "/" else None


def _group_lost(_: Advice, s: Sighting, target: str) -> bool | None:
    at = s.taken
    if at is None or len(at.words) < 2:
        return None
    url_path = path_of(at.words[1])
    return target.startswith(url_path) if at.key == "proxypass" else target == re.sub(r"\$\d", "", url_path)


def _whole_field(advice: Advice, s: Sighting) -> bool | None:
    """A client whose Connection is a list is led another way than others."""
    if not _meant(advice, s) or len(tokens(s.handshake.request, "Connection")) < 2:
        return None
    if s.handshake.accepted:
        return False
    return True if s.others else None


def _no_cookie(advice: Advice, s: Sighting) -> bool | None:
    """A field that httpd should add is not on the 101."""
    sticky = s.balancer is not None and s.balancer.setting("stickysession")
    if not sticky or not s.handshake.accepted or not _in_server(advice, s):
        return None
    return not header_values(s.handshake.response, "Set-Cookie")


def _origin_changed(advice: Advice, s: Sighting) -> bool | None:
    arrival = s.handshake.arrival
    if arrival is None or not _in_server(advice, s):
        return None
    return one_header(arrival.headers, "Origin") != one_header(s.handshake.request, "Origin")


def _no_tunnel(advice: Advice, s: Sighting) -> bool | None:
    """No upgrade of the server is accepted by a backend that is asked."""
    if s.handshake.arrival is None or not _in_server(advice, s):
        return None
    return not s.handshake.accepted


def _of_the_namesake(advice: Advice, s: Sighting) -> bool | None:
    """A member of the other balancer is reached, none of the advised section."""
    if s.balancer is None or s.member is None or not _is(advice, s.balancer.at):
        return None
    return not any(at is s.member.directive for at in walk(s.balancer.at.body or ()))


def _doubled(advice: Advice, s: Sighting, target: str) -> bool | None:
    told = re.search(r"(\S+) asks the backend for (\S+)", advice.what)
    if "//" in target:
        return True
    return False if told and _path(s) == told[1] else None


def _other_host(advice: Advice, s: Sighting) -> bool | None:
    """The backend is told another Host than the client's."""
    arrival = s.handshake.arrival
    if arrival is None or not _leads(advice, s):
        return None
    return one_header(arrival.headers, "Host") != one_header(s.handshake.request, "Host")


def _in_the_clear(advice: Advice, s: Sighting) -> bool | None:
    """The member of the line is reached without TLS."""
    arrival = s.handshake.arrival
    if arrival is None or s.member is None or not _is(advice, s.member.directive):
        return None
    return arrival.listener == "ws"


def _speaks_plain(advice: Advice, s: Sighting) -> bool | None:
    """The server of the section answers a request that came without TLS."""
    if s.scope.section is None or not _is(advice, s.scope.section) or s.handshake.arrival is None:
        return None
    return not s.tls


def _starts(advice: Advice, _sighting: Sighting) -> bool | None:
    """httpd would not have started, where the advice is an error."""
    return False if advice.severity is Severity.ERROR else None


def _proxied_in_server(advice: Advice, s: Sighting) -> bool:
    return s.taken is not None and _in_server(advice, s)


_NOWHERE = _answered(500, 502, 503)

PROOFS: Mapping[str, Proof] = MappingProxyType(
    {
        **dict.fromkeys(("WSLB-C001", "WSLB-C002", "WSLB-C006", "WSLB-C007", "WSLB-C009", "WSLB-C011"), _starts),
        **dict.fromkeys(("WSLB-C020", "WSLB-C021", "WSLB-C022", "WSLB-C023", "WSLB-C036", "WSLB-C055"), _starts),
        **dict.fromkeys(("WSLB-C094", "WSLB-C095", "WSLB-C128", "WSLB-C140"), _starts),
        **dict.fromkeys(("WSLB-C003", "WSLB-C005", "WSLB-C008", "WSLB-C010", "WSLB-C012", "WSLB-C013"), _NOWHERE),
        "WSLB-C004": _answered(500, about=lambda _advice, _sighting: True),
        "WSLB-C024": _NOWHERE,
        "WSLB-C027": _no_upgrade,
        "WSLB-C032": _NOWHERE,
        "WSLB-C038": _of_the_namesake,
        "WSLB-C044": _no_cookie,
        "WSLB-C050": _passed_over,
        "WSLB-C051": _passed_over,
        "WSLB-C052": _target(_uneven_slashes),
        "WSLB-C053": _target(_slash_behind),
        "WSLB-C054": _target(lambda _advice, _sighting, target: "//" in target),
        "WSLB-C056": _passed_over,
        "WSLB-C057": _target(_appended),
        "WSLB-C058": _redirected,
        "WSLB-C059": _target(_lost),
        "WSLB-C060": _passed_over,
        "WSLB-C061": _whole_field,
        "WSLB-C063": _no_upgrade,
        "WSLB-C064": _passed_over,
        "WSLB-C065": _passed_over,
        "WSLB-C066": _target(_group_lost),
        "WSLB-C067": _passed_over,
        "WSLB-C068": _target(_doubled),
        "WSLB-C070": _NOWHERE,
        "WSLB-C075": _answered(500, about=_over_tls),
        "WSLB-C077": _in_the_clear,
        "WSLB-C078": _speaks_plain,
        "WSLB-C092": _answered(502, 503, about=_proxied_in_server),
        "WSLB-C110": _no_tunnel,
        "WSLB-C111": _origin_changed,
        "WSLB-C112": _no_tunnel,
        "WSLB-C113": _other_host,
        "WSLB-C131": _passed_over_in_a_location,
        "WSLB-C145": _passed_over,
    }
)
"""By the id of the rule."""

_DEEPER = frozenset({"WSLB-C052", "WSLB-C059"})

_UNTRIED = {
    "WSLB-C02": "what stands there shows in the text alone",
    "WSLB-C03": "no member fails in an upgrade; --ask failure shows what clients see then",
    "WSLB-C039": "the backends of the lab speak HTTP alone",
    "WSLB-C04": "an upgrade carries no cookie; whom one leads to is asked on its own",
    "WSLB-C045": "nobody polls here",
    "WSLB-C07": "certificates are the run's own here",
    "WSLB-C08": "nobody asks for the manager's page here",
    "WSLB-C085": "nobody asks for a foreign server here",
    "WSLB-C087": "in the place of whatever a client may choose the lab puts one backend",
    "WSLB-C09": "no tunnel idles in an upgrade; --ask time measures when one ends",
    "WSLB-C10": "an upgrade fills no threads; --ask room does",
    "WSLB-C12": "what stands there shows in the text alone",
    "WSLB-C14": "what stands there shows in the text alone",
}
"""By the id of a rule, or the beginning of several."""


def _untried(advice: Advice) -> str:
    if advice.rule in _DEEPER:
        return "only a path below its own would show it: --path"
    if advice.rule in PROOFS:
        return "no request of this run met it"
    return _UNTRIED.get(advice.rule) or _UNTRIED.get(advice.rule[:8], "nothing that is asked here would show it")
