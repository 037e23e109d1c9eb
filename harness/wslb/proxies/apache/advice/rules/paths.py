"""Paths: which line takes a request, and what path the backend sees."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Rule, Severity, Spot
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.mounting import Mounting, Way, bounded, sample_of
from wslb.proxies.apache.conf.scope import Scope
from wslb.proxies.apache.conf.trace import ends_of
from wslb.proxies.apache.conf.urls import covering_paths, is_open, scheme_of

__all__ = ["RULES", "by_a_rule"]


def _passes(conf: Configuration) -> Iterator[tuple[list[Mounting], list[Mounting]]]:
    """Plain ProxyPass lines of each server: those in sections, and those of the server itself."""
    for scope in conf.scopes:
        lines = [m for m in conf.mountings_in(scope) if m.way is Way.PROXYPASS and m.path.startswith("/")]
        yield [m for m in lines if m.location], [m for m in lines if not m.location]


def _shadowed(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: the first ProxyPass that fits takes the request; ``!`` does too; /w does not cover /ws.

    Also seen there: a RewriteRule with [P] that fits goes before them all.
    """
    for _, lines in _passes(conf):
        earlier: dict[str, Mounting] = {}
        for mounting in lines:
            first = next((earlier[prefix] for prefix in covering_paths(mounting.path) if prefix in earlier), None)
            if first and not by_a_rule(conf, mounting.scope, mounting.path):
                tunnels = conf.tunnels_to(mounting) and not conf.tunnels_to(first)
                yield Spot(
                    mounting.directive,
                    f"{mounting.path} is taken by ProxyPass {first.path} {first.url} of line {first.directive.line}",
                    severity=None if tunnels or first.path == mounting.path else Severity.WARNING,
                )
            earlier.setdefault(mounting.path, mounting)


def _location_order(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: of ProxyPass in <Location>, the last that fits takes the request, and goes before all others.

    Also seen there: <LocationMatch> and <Location ~> count as <Location> does, whichever comes last.
    """
    for scope in conf.scopes:
        lines = [m for m in conf.mountings_in(scope) if m.way is not Way.REWRITE]
        later = _Sections()
        for mounting in reversed([m for m in lines if m.location]):
            path = sample_of(mounting)
            over = later.last(path) if path else None
            if over and not by_a_rule(conf, scope, path or ""):
                yield Spot(
                    mounting.directive,
                    f"{mounting.section} is overruled by {over.section} of line {over.directive.line}",
                )
            later.add(mounting)
        for mounting in lines:
            over = None if mounting.location else later.last(sample_of(mounting) or "")
            if over and over.directive.key == over.way.lower() and not by_a_rule(conf, scope, mounting.path):
                yield Spot(
                    mounting.directive,
                    f"{mounting.way} {mounting.path} is overruled by {over.section} of line {over.directive.line}",
                )


class _Sections:
    """Sections of a server with a ProxyPass in them, added from the last to the first."""

    def __init__(self) -> None:
        self._plain: dict[str, tuple[int, Mounting]] = {}
        self._patterns: list[tuple[int, Mounting, re.Pattern[str]]] = []
        self._count = 0

    def add(self, mounting: Mounting) -> None:
        self._count += 1
        if mounting.way is Way.PROXYPASS:
            self._plain.setdefault(mounting.path, (self._count, mounting))
        elif len(self._patterns) < _MOST_PATTERNS and (pattern := bounded(mounting.path)):
            self._patterns.append((self._count, mounting, pattern))

    def last(self, path: str) -> Mounting | None:
        """Of those that cover this path, that which comes last in the text."""
        fits = [self._plain[above] for above in covering_paths(path) if above in self._plain]
        fits += [(at, mounting) for at, mounting, pattern in self._patterns if pattern.search(path)]
        return min(fits, key=lambda found: found[0])[1] if fits else None


_MOST_PATTERNS = 100
"""Sections with a pattern that are compared with each path of a server."""

_MOST_LINES = 2000
"""Lines of a server whose rules are asked about each path that another line takes."""


def by_a_rule(conf: Configuration, scope: Scope, path: str) -> bool:
    """Whether a RewriteRule takes an upgrade of this path before every ProxyPass, and hands it on as one."""
    lines = [p.directive.words for s in (scope, scope.main) if s for p in s.all("rewriterule", "rewritecond")]
    if not lines or len(scope.placed) > _MOST_LINES or not all(bounded(word) for words in lines for word in words[:2]):
        return False
    end = ends_of(conf, scope, path)[-1]
    return end.carries and end.at is not None and end.at.key == "rewriterule"


def _slashes(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``/ws/ ws://host:1`` leads /ws/sub to ``host:1sub`` (500); ``/ws …/CLRunner/`` to //sub.

    Also seen there: ``/ balancer://c`` leads /ws to a balancer of the name cws (500, AH01144).
    """
    for mounting in conf.mountings:
        path, url = mounting.path, mounting.url
        if mounting.way is not Way.PROXYPASS or not path.startswith("/") or "$" in url:
            continue
        if scheme_of(url) not in {"ws", "wss", "http", "https", "balancer"} or path.endswith("/") is url.endswith("/"):
            continue
        if not mounting.url_path:
            if not path.endswith("/"):
                continue  # /ws ws://host says the same as /ws/ ws://host/
        elif not mounting.url_path.strip("/") and not conf.tunnels_to(mounting):
            continue  # /app http://host/ doubles a slash that most servers of pages take
        asked = f"{path.rstrip('/')}/x"
        keep_slash = path == "/" or mounting.balancer
        end = "/" if keep_slash and path.endswith("/") else ""
        yield Spot(
            mounting.directive,
            f"{path} and {url}: one ends with a slash, the other does not; {asked} leads to {url}{asked[len(path) :]}",
            cure=f"ProxyPass {path.rstrip('/')}{end} {url.rstrip('/')}{end}",
            severity=Severity.ERROR if path == "/" else None,
        )


def _no_path(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: /ws to balancer://c arrives as /WSConsole/ at the member …/WSConsole, and gets 404 there.

    Also seen there: what follows /ws/ arrives behind one slash, with a path of the balancer and without.
    """
    for mounting in conf.mountings:
        balancer = conf.balancer_of(mounting)
        if mounting.way is not Way.PROXYPASS or balancer is None or mounting.url_path or mounting.path.endswith("/"):
            continue
        paths = [m.path for m in balancer.members]
        member = next((m for m in balancer.members if m.path.strip("/") and m.scheme in {"ws", "wss"}), None)
        if member:
            end = _common_end(paths)
            line = f"ProxyPass {mounting.path} balancer://{balancer.name}"
            yield Spot(
                mounting.directive,
                f"{mounting.url} has no path, but its member {member.url} has: {mounting.path} asks it for "
                f"{member.path.rstrip('/')}/",
                cure=f"{line}{end}, and {end} taken off the members"
                if end
                else f"{line}/endpoint, where /endpoint is how the paths of all members end; take it off there",
            )


def _common_end(paths: list[str]) -> str:
    """Whole segments with which all these paths end; empty where there are none."""
    split = [path.rstrip("/").split("/")[1:] for path in paths]
    shared = 0
    while split and all(len(parts) > shared and parts[-1 - shared] == split[0][-1 - shared] for parts in split):
        shared += 1
    return "".join(f"/{part}" for part in split[0][len(split[0]) - shared :]) if split else ""


def _double_slash(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: the member ws://host:1/ behind balancer://c/CLRunner is asked for //CLRunner: 404.

    Also seen there: behind balancer://c/ it is asked for //x, behind balancer://c for //.
    """
    for mounting in conf.mountings:
        balancer = conf.balancer_of(mounting)
        if balancer is None:
            continue
        for member in balancer.members:
            if member.path.endswith("/") and member.websocket:
                end = mounting.url_path or "/"
                yield Spot(
                    member.directive,
                    f"{member.url} ends with a slash, and balancer://{balancer.name} adds {end}: it is asked for "
                    f"{member.path}{end}",
                    cure=f"BalancerMember {member.url.rstrip('/')}",
                )


def _path_in_location(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``ProxyPass|ProxyPassMatch can not have a path when defined in a location``."""
    for scope in conf.scopes:
        for placed in scope.all("proxypass", "proxypassmatch"):
            words = placed.directive.words
            inside = any(section.key in {"location", "locationmatch"} for section in placed.around)
            if inside and len(words) > 1 and "://" not in words[0] and words[0] != "!":
                yield Spot(placed.directive, f"ProxyPass {words[0]} names a path inside a section that has one")


def _pattern(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``ProxyPass ^/ws$`` and ``ProxyPass /ws?x`` never match: 404; nor in <LocationMatch>."""
    for mounting in conf.mountings:
        if mounting.directive.key != "proxypass" or "${" in mounting.path or is_open(mounting.directive):
            continue
        if mounting.way is Way.PROXYPASSMATCH:
            yield Spot(
                mounting.directive,
                f"ProxyPass in {mounting.section}, but it takes a plain path",
                cure=f"ProxyPassMatch {mounting.url}",
            )
        elif re.search(r"[\^?]|\$$|\.\*", mounting.path):
            yield Spot(mounting.directive, f"{mounting.path} is a pattern or a query, but ProxyPass takes a plain path")


def _match_appends(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``ProxyPassMatch ^/ws ws://host/CLRunner`` asks for /CLRunner/ws: 404."""
    for mounting in conf.mountings:
        appends = mounting.way is Way.PROXYPASSMATCH and "$" not in mounting.url and mounting.url_path.strip("/")
        if appends and conf.tunnels_to(mounting):
            yield Spot(
                mounting.directive,
                f"{mounting.path} to {mounting.url}: no $1 says what follows",
                cure="Group the rest of the path and put it in: ^/ws(.*)$ ws://host/path$1",
            )


RULES = (
    Rule(
        id="WSLB-C050",
        severity=Severity.ERROR,
        why="The first ProxyPass whose path fits takes the request; the others are not asked.",
        cure="Put the longer path first, the WebSocket line before the one for /.",
        find=_shadowed,
    ),
    Rule(
        id="WSLB-C051",
        severity=Severity.ERROR,
        why="ProxyPass in <Location> goes before every other, and of several the last one that fits counts.",
        cure="Put the <Location> with the longer path last, or write all as ProxyPass /path URL, longest first.",
        find=_location_order,
    ),
    Rule(
        id="WSLB-C052",
        severity=Severity.WARNING,
        why="The path is cut off and the rest appended as it is: /ws/sub then becomes …//sub, or sub joins the name.",
        cure="End both with a slash, or neither.",
        find=_slashes,
    ),
    Rule(
        id="WSLB-C053",
        severity=Severity.WARNING,
        why="An empty path becomes a slash behind the member's own: the backend is asked for /path/ instead of /path.",
        cure="Put the endpoint behind the balancer's name.",
        find=_no_path,
    ),
    Rule(
        id="WSLB-C054",
        severity=Severity.WARNING,
        why="The balancer's path is appended to the member's: the backend is asked for //path, which most answer 404.",
        cure="Take the slash off the member.",
        find=_double_slash,
    ),
    Rule(
        id="WSLB-C055",
        severity=Severity.ERROR,
        why="httpd does not start: ProxyPass takes its path from the section.",
        cure="Leave the path out inside <Location>, or take the line out of it.",
        find=_path_in_location,
    ),
    Rule(
        id="WSLB-C056",
        severity=Severity.ERROR,
        why="ProxyPass compares plain paths, without the query: the line never fits.",
        cure="ProxyPassMatch for patterns; RewriteCond %{QUERY_STRING} with RewriteRule … [P] for queries",
        find=_pattern,
    ),
    Rule(
        id="WSLB-C057",
        severity=Severity.WARNING,
        why="Without a $1, the whole path of the request is appended: /ws to ws://host/path asks for /path/ws.",
        cure="Group the rest of the path and put it in as $1.",
        find=_match_appends,
    ),
)
