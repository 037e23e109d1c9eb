"""Paths: which line takes a request, and what path the backend sees."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Rule, Severity, Spot
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.mounting import Mounting, Way
from wslb.proxies.apache.conf.urls import covering_paths, scheme_of

__all__ = ["RULES"]


def _passes(conf: Configuration) -> Iterator[tuple[list[Mounting], list[Mounting]]]:
    """Plain ProxyPass lines of each server: those in sections, and those of the server itself."""
    for scope in conf.scopes:
        lines = [m for m in conf.mountings_in(scope) if m.way is Way.PROXYPASS and m.path.startswith("/")]
        yield [m for m in lines if m.location], [m for m in lines if not m.location]


def _shadowed(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: the first ProxyPass that fits takes the request; ``!`` does too; /w does not cover /ws."""
    for _, lines in _passes(conf):
        earlier: dict[str, Mounting] = {}
        for mounting in lines:
            first = next((earlier[prefix] for prefix in covering_paths(mounting.path) if prefix in earlier), None)
            if first:
                tunnels = conf.tunnels_to(mounting) and not conf.tunnels_to(first)
                yield Spot(
                    mounting.directive,
                    f"{mounting.path} is taken by ProxyPass {first.path} {first.url} of line {first.directive.line}",
                    severity=None if tunnels or first.path == mounting.path else Severity.WARNING,
                )
            earlier.setdefault(mounting.path, mounting)


def _location_order(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: of ProxyPass in <Location>, the last that fits takes the request, and goes before all others."""
    for inside, lines in _passes(conf):
        later: dict[str, Mounting] = {}
        for mounting in reversed(inside):
            last = next((later[prefix] for prefix in covering_paths(mounting.path) if prefix in later), None)
            if last:
                yield Spot(
                    mounting.directive,
                    f"<Location {mounting.path}> is overruled by <Location {last.path}> of line {last.directive.line}",
                )
            later.setdefault(mounting.path, mounting)
        for mounting in lines:
            over = next((later[prefix] for prefix in covering_paths(mounting.path) if prefix in later), None)
            if over:
                yield Spot(
                    mounting.directive,
                    f"ProxyPass {mounting.path} is overruled by <Location {over.path}> of line {over.directive.line}",
                )


def _slashes(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``/ws/ ws://host:1`` leads /ws/sub to ``host:1sub`` (500); ``/ws …/CLRunner/`` to //sub."""
    for mounting in conf.mountings:
        if mounting.way is not Way.PROXYPASS or mounting.url == "!" or "$" in mounting.url or mounting.path == "/":
            continue
        if scheme_of(mounting.url) not in {"ws", "wss", "http", "https"}:
            continue
        if mounting.path.endswith("/") is not mounting.url.endswith("/") and mounting.path.startswith("/"):
            if not mounting.url_path.strip("/") and not mounting.path.endswith("/"):
                continue  # /app http://host/ only doubles a slash in front of a path, which most servers take
            yield Spot(
                mounting.directive,
                f"{mounting.path} and {mounting.url}: one ends with a slash, the other does not",
                cure=f"ProxyPass {mounting.path.rstrip('/')} {mounting.url.rstrip('/')}",
            )


def _no_path(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: /ws to balancer://c arrives as /WSConsole/ at the member …/WSConsole, and gets 404 there."""
    for mounting in conf.mountings:
        balancer = conf.balancer_of(mounting)
        if mounting.way is not Way.PROXYPASS or balancer is None or mounting.url_path not in {"", "/"}:
            continue
        member = next((m for m in balancer.members if m.path.strip("/") and m.scheme in {"ws", "wss"}), None)
        if member and mounting.path != "/":
            yield Spot(
                mounting.directive,
                f"{mounting.url} has no path, but its member {member.url} has",
                cure=f"ProxyPass {mounting.path} balancer://{balancer.name}/endpoint, with the path all members share",
            )


def _double_slash(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: the member ws://host:1/ behind balancer://c/CLRunner is asked for //CLRunner: 404."""
    for mounting in conf.mountings:
        balancer = conf.balancer_of(mounting)
        if balancer is None or mounting.way is not Way.PROXYPASS or not mounting.url_path.strip("/"):
            continue
        for member in balancer.members:
            if member.path.endswith("/") and member.websocket:
                yield Spot(
                    member.directive,
                    f"{member.url} ends with a slash, and balancer://{balancer.name} adds {mounting.url_path}",
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
    """Seen on 2.4.71: ``ProxyPass ^/ws$`` and ``ProxyPass /ws?x`` never match: 404."""
    for mounting in conf.mountings:
        if mounting.way is Way.PROXYPASS and re.search(r"[\^?]|\$$|\.\*", mounting.path) and "${" not in mounting.path:
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


def _rewrites(conf: Configuration) -> Iterator[Mounting]:
    """RewriteRule lines whose end is a WebSocket URL, or a balancer with tunnels."""
    for mounting in conf.mountings:
        if mounting.way is Way.REWRITE and conf.tunnels_to(mounting):
            yield mounting


def _redirected(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: without [P], and with [R], the answer is 302: no WebSocket client follows it."""
    for mounting in _rewrites(conf):
        if "P" not in mounting.flags and "PROXY" not in mounting.flags:
            yield Spot(mounting.directive, f"RewriteRule {mounting.path} {mounting.url} has no [P]")


def _path_lost(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``RewriteRule ^/ws ws://host:port [P]`` asks the backend for /: 404."""
    for mounting in _rewrites(conf):
        if mounting.flags & {"P", "PROXY"} and not mounting.url_path.strip("/") and "$" not in mounting.url:
            balancer = conf.balancer_of(mounting)
            if "%" in mounting.url or (balancer and any(member.path.strip("/") for member in balancer.members)):
                continue
            yield Spot(
                mounting.directive,
                f"{mounting.url} has no path, so every request asks the backend for /",
                cure=f"RewriteRule ^/ws(.*)$ {mounting.url.rstrip('/')}/path$1 [P,L]",
            )


def _engine_off(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: without RewriteEngine On the rule is not asked (404); On in the main server counts for all."""
    for mounting in _rewrites(conf):
        engine = mounting.scope.all("rewriteengine") + conf.main.all("rewriteengine")
        if not any(placed.directive.first.lower() == "on" for placed in engine):
            yield Spot(mounting.directive, "RewriteRule, but RewriteEngine is not On in this server or the main one")


def _slip(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``RewriteCond ${HTTP:Upgrade} websocket`` never holds; the plain GET goes on to ProxyPass."""
    for scope in conf.scopes:
        for placed in scope.all("rewritecond", "rewriterule"):
            at = placed.directive
            slip = next((m for word in at.words for m in [_VARIABLE_OF_A_RULE.search(word)] if m), None)
            if slip:
                yield Spot(at, f"{slip[0]} in {at.name}: $ names a map of mod_rewrite", cure=f"%{slip[0][1:]}")


_VARIABLE_OF_A_RULE = re.compile(r"\$\{(?:HTTP|ENV|SSL|LA-[UF]):[^}]*\}|\$\{(?:HTTP|REQUEST|QUERY|SERVER|REMOTE)_\w+\}")
_EVERY_PATH = frozenset(
    {"^", "/", "^/", ".*", "(.*)", "^.*$", "^(.*)$", "^(.*)", "^/(.*)", "^/(.*)$", "^/?(.*)", "^/?(.*)$"}
)


def _rule_taken(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: an earlier ``RewriteRule ^/(.*) http://… [P,L]`` without conditions takes the upgrade too."""
    for scope in conf.scopes:
        bare, first = True, None
        ended = {m.directive: m for m in conf.mountings_in(scope) if m.way is Way.REWRITE and not m.location}
        for placed in scope.placed:
            at = placed.directive
            if at.key == "rewritecond":
                bare = False
            elif at.key == "rewriterule":
                mounting = ended.get(at)
                if mounting is not None and first is not None and conf.tunnels_to(mounting):
                    yield Spot(at, f"every request is taken by RewriteRule {first.first} of line {first.line}")
                if mounting and bare and first is None and mounting.path in _EVERY_PATH and mounting.url != "-":
                    first = at if mounting.flags & {"P", "PROXY", "F", "G"} else None
                bare = True


def _no_group(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: without a group $1 is empty: ``^/ws/ ws://host/end/$1`` asks for /end/, whatever followed."""
    for mounting in conf.mountings:
        wanted = max((int(number) for number in re.findall(r"\$(\d)", mounting.url)), default=0)
        if not wanted or not conf.tunnels_to(mounting):
            continue
        if mounting.way is Way.PROXYPASS and mounting.directive.key == "proxypass":
            yield Spot(
                mounting.directive,
                f"${wanted} in ProxyPass: it has no groups, the backend is asked for ${wanted} itself",
                cure="ProxyPassMatch with a pattern, or no $ here: what follows the path is appended",
            )
            continue
        try:
            groups = re.compile(mounting.path.removeprefix("!")).groups
        except re.error:
            continue
        if groups < wanted:
            yield Spot(mounting.directive, f"${wanted} in {mounting.url}, but {mounting.path} has {groups} groups")


def _exact_connection(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with ``Connection: keep-alive, Upgrade`` as Firefox sends it, ^Upgrade$ does not fit: 404."""
    for scope in conf.scopes:
        either = False
        for placed in scope.all("rewritecond"):
            words = placed.directive.words
            before, either = either, len(words) > 2 and bool(re.search(r"\bOR(?:NEXT)?\b", words[2], re.IGNORECASE))
            if before or either:
                continue  # the other condition may recognise the upgrade
            if len(words) < 2 or not re.search(r"HTTP:Connection|HTTP_CONNECTION", words[0], re.IGNORECASE):
                continue
            if words[1].startswith(("^", "=")) and not re.search(r"\.\*|,|\\b", words[1]):
                yield Spot(
                    placed.directive,
                    f"RewriteCond {words[0]} {words[1]} wants the whole field to be Upgrade",
                    cure=f"RewriteCond {words[0]} upgrade [NC]",
                )


def _case(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``=websocket`` without [NC] does not fit ``Upgrade: WebSocket``: 404."""
    for scope in conf.scopes:
        for placed in scope.all("rewritecond"):
            words = placed.directive.words
            if len(words) > 1 and "http:upgrade" in words[0].lower() and "websocket" in words[1].lower():
                flags = words[2].upper() if len(words) > 2 else ""
                if not re.search(r"\bNC\b|NOCASE", flags) and "(?i)" not in words[1]:
                    yield Spot(
                        placed.directive,
                        f"RewriteCond {words[0]} {words[1]} distinguishes capitals",
                        cure=f"RewriteCond {words[0]} {words[1]} [NC]",
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
    Rule(
        id="WSLB-C058",
        severity=Severity.ERROR,
        why="It redirects: the client gets 302 instead of 101, and WebSocket clients do not follow.",
        cure="[P,L] behind the rule",
        find=_redirected,
    ),
    Rule(
        id="WSLB-C059",
        severity=Severity.WARNING,
        why="Only what stands in the rule's URL is asked for: without a path the backend sees /, whatever was asked.",
        cure="Put the path in.",
        find=_path_lost,
    ),
    Rule(
        id="WSLB-C060",
        severity=Severity.ERROR,
        why="The rule is never asked.",
        cure="RewriteEngine On",
        find=_engine_off,
    ),
    Rule(
        id="WSLB-C061",
        severity=Severity.WARNING,
        why="Connection is a list: Firefox sends keep-alive, Upgrade, and its WebSockets do not fit the condition.",
        cure="RewriteCond %{HTTP:Connection} upgrade [NC]",
        find=_exact_connection,
    ),
    Rule(
        id="WSLB-C062",
        severity=Severity.NOTE,
        why="The value of Upgrade compares without case (RFC 6455 section 4.2.1): a client that sends WebSocket is not "
        "recognised.",
        cure="[NC] behind the condition",
        find=_case,
    ),
    Rule(
        id="WSLB-C064",
        severity=Severity.ERROR,
        why="A map that there is not gives an empty text: the condition never fits, and the upgrade goes another way.",
        cure="% for $",
        find=_slip,
    ),
    Rule(
        id="WSLB-C065",
        severity=Severity.ERROR,
        why="Rules are asked in order, and the first that fits and proxies ends them: this one is never reached.",
        cure="Put this rule, with its conditions, above the one for everything.",
        find=_rule_taken,
    ),
    Rule(
        id="WSLB-C066",
        severity=Severity.WARNING,
        why="A group that the pattern has not is empty: whatever stands there in the path is lost.",
        cure="Put the rest of the path in brackets: ^/ws/(.*)",
        find=_no_group,
    ),
)
