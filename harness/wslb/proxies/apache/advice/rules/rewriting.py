"""RewriteRule and patterns: what a rule takes, and what it makes of the path."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Rule, Severity, Spot
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.mounting import Mounting, Way, bounded, compiled, sample_of
from wslb.proxies.apache.conf.rewriting import FILES
from wslb.proxies.apache.conf.urls import path_of
from wslb.proxies.apache.since import FLAGS

__all__ = ["RULES"]


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
    """Seen on 2.4.71: without a group $1 is empty: ``^/ws/ ws://host/end/$1`` asks for /end/, whatever followed.

    Also seen there: %1 is a group of the last RewriteCond, and empty without one; so ``ws://host/end%3Froom=$1`` asks
    for /endFroom=.
    """
    for mounting in conf.mountings:
        if not conf.tunnels_to(mounting):
            continue
        wanted = max((int(number) for number in re.findall(r"(?<!\\)\$(\d)", mounting.url)), default=0)
        if wanted and mounting.directive.key == "proxypass":
            yield Spot(
                mounting.directive,
                f"${wanted} in ProxyPass: it has no groups, the backend is asked for ${wanted} itself",
                cure="ProxyPassMatch with a pattern, or no $ here: what follows the path is appended",
            )
        elif wanted and (groups := _groups(mounting.path)) is not None and groups < wanted:
            yield Spot(mounting.directive, f"${wanted} in {mounting.url}, but {mounting.path} has {groups} groups")
        of_condition = re.search(r"(?<!\\)%([1-9])([0-9A-Fa-f]?)", mounting.url)
        if of_condition is None or mounting.way is not Way.REWRITE:
            continue
        found = [_groups(c.words[1]) for c in mounting.conditions if len(c.words) > 1]
        if None not in found and max((n or 0 for n in found), default=0) < int(of_condition[1]):
            yield Spot(
                mounting.directive,
                f"{of_condition[0]} in {mounting.url}: %{of_condition[1]} is a group of the last RewriteCond, "
                "and there is none",
                cure="A ? for %3F; for another character, a backslash before its % and [NE]"
                if of_condition[2]
                else "Brackets in the RewriteCond, or $ for a group of the rule's own pattern",
            )


def _groups(pattern: str) -> int | None:
    """Number of groups of a pattern; None where it is none that we read."""
    read = compiled(pattern.removeprefix("!"))
    return read.groups if read else None


def _query(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``ProxyPassMatch ^/ws\\?room=`` and a RewriteRule like it do not fit /ws?room=1: 404.

    Also seen there: they fit the path /ws%3Froom=1, but a %3F that [P] puts into the path is refused: 403, AH10508. On
    2.4.54 it is not.
    """
    for mounting in conf.mountings:
        if mounting.way is Way.PROXYPASS or mounting.directive.key == "proxypass" or not conf.tunnels_to(mounting):
            continue
        if "|" not in mounting.path and re.search(r"\\\?|\[\?\]|%3F", _required(mounting.path), re.IGNORECASE):
            told = f"{mounting.path} wants a question mark, but it is compared with the path alone"
            if (
                mounting.way is Way.REWRITE
                and not conf.older_than(*_REFUSES_3F)
                and "UNSAFEALLOW3F" not in mounting.flags
            ):
                told += "; a %3F of the client that gets into the URL is refused, 403"
            yield Spot(mounting.directive, told)


_REFUSES_3F = (2, 4, 60)


def _new_flag(conf: Configuration) -> Iterator[Spot]:
    """By the manual of mod_rewrite: UnsafeAllow3F and UnsafePrefixStat came with 2.4.60, BNE and BCTLS with 2.4.57.

    Seen on 2.4.54: ``RewriteRule: unknown flag 'UnsafeAllow3F'``, and httpd does not start; on 2.4.67 it does.
    """
    for mounting in conf.mountings:
        for flag in sorted(mounting.flags & FLAGS.keys()):
            if conf.older_than(*FLAGS[flag].version):
                yield Spot(mounting.directive, f"[{flag}] of RewriteRule is no flag before httpd {FLAGS[flag].text}")


def _required(pattern: str) -> str:
    """Pattern without what may be missing."""
    before = ""
    while before != pattern:
        before, pattern = (
            pattern,
            re.sub(r"\((?:\?:)?(?:\\.|[^()\\])*\)(?:[?*]|\{0)|(?:\\.|\[[^\]]*\]|\w)[?*]", "", pattern),
        )
    return pattern


def _doubled(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``RewriteRule ^(.*) ws://host/$1 [P]`` asks for //socket.io/; so does a ProxyPassMatch."""
    for mounting in conf.mountings:
        proxied = mounting.directive.key == "proxypassmatch" or mounting.flags & {"P", "PROXY"}
        path = sample_of(mounting) if proxied and conf.tunnels_to(mounting) else None
        pattern = bounded(mounting.path)
        if path is None or pattern is None or (mounting.location and mounting.way is Way.REWRITE):
            continue
        path = path.partition("?")[0]
        found = pattern.search(path) or pattern.search(path := "/socket.io/")
        if found is None:
            continue
        asked = path_of(_put(mounting.url, found, path))
        if "//" in asked and "//" not in path:
            fixed = re.sub(r"(?<![:/])/+(?=\$\d|%\{REQUEST_URI\})", "", mounting.url, flags=re.IGNORECASE)
            yield Spot(
                mounting.directive,
                f"{path} asks the backend for {asked}",
                cure=f"{mounting.way} {mounting.path} {fixed}" if fixed != mounting.url else "",
            )


def _put(url: str, found: re.Match[str], path: str) -> str:
    """URL with the groups of the pattern and the path put in."""
    groups = found.re.groups
    url = re.sub(r"%\{REQUEST_URI\}", lambda _: path, url, flags=re.IGNORECASE)
    return re.sub(r"\$(\d)", lambda m: (found[int(m[1])] or "") if int(m[1]) <= groups else "", url)


def _in_a_location(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: in <Location> ``^/ws`` fits nothing; ``/(.*)`` asks for the folder of the files, or for a URL.

    By the manual of mod_rewrite: rules are unsupported there. What they are compared with is the name of the file, or
    ``proxy:`` and the URL that a ProxyPass led to.
    """
    for mounting in conf.mountings:
        section = mounting.section
        if mounting.way is not Way.REWRITE or section is None or not conf.tunnels_to(mounting):
            continue
        if re.match(r"\^/(?![(]?\.|\?|$)", mounting.path):
            yield Spot(mounting.directive, f"{mounting.path} in {section} fits no request")
        elif section.key == "location" and section.first.startswith("/") and (read := bounded(mounting.path)):
            path = f"{section.first.rstrip('/')}/x"
            found = read.search(FILES + path)
            asked = path_of(_put(mounting.url, found, path)) if found else ""
            if FILES.removeprefix("/") in asked:
                told = f"{path} asks the backend for {asked}, where {FILES} is the folder of the files"
                yield Spot(mounting.directive, told, severity=Severity.WARNING)


RULES = (
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
    Rule(
        id="WSLB-C067",
        severity=Severity.ERROR,
        why="The query is no part of the path that patterns are compared with: the line never fits.",
        cure="RewriteCond %{QUERY_STRING} with RewriteRule … [P]; what stands behind ? is handed on by itself",
        find=_query,
    ),
    Rule(
        id="WSLB-C068",
        severity=Severity.WARNING,
        why="What the pattern took begins with a slash, and the URL has one before it: most servers know no //.",
        cure="One slash less in the URL.",
        find=_doubled,
    ),
    Rule(
        id="WSLB-C130",
        severity=Severity.WARNING,
        why="httpd does not start, unknown flag, unless a distributor has put it into that version.",
        cure="Take it off: this httpd does not refuse what the flag allows.",
        find=_new_flag,
    ),
    Rule(
        id="WSLB-C131",
        severity=Severity.ERROR,
        why="In <Location> a pattern is compared with the name of a file, /srv/www/html/ws, or with proxy: and a URL, "
        "and not with the path.",
        cure="Put the rule outside of <Location>, or take the path from %{REQUEST_URI}.",
        find=_in_a_location,
    ),
)
