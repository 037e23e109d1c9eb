"""RewriteCond: conditions that know an upgrade, or miss it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from wslb.proxies.apache.advice.rule import Rule, Severity, Spot
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import Mounting, Way, bounded
from wslb.proxies.apache.conf.scope import Scope

__all__ = ["RULES"]


def _slip(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``RewriteCond ${HTTP:Upgrade} websocket`` never holds; the plain GET goes on to ProxyPass."""
    for scope in conf.scopes:
        for placed in scope.all("rewritecond", "rewriterule"):
            at = placed.directive
            slip = next((m for word in at.words for m in [_VARIABLE_OF_A_RULE.search(word)] if m), None)
            if slip:
                yield Spot(at, f"{slip[0]} in {at.name}: $ names a map of mod_rewrite", cure=f"%{slip[0][1:]}")


_VARIABLE_OF_A_RULE = re.compile(r"\$\{(?:HTTP|ENV|SSL|LA-[UF]):[^}]*\}|\$\{(?:HTTP|REQUEST|QUERY|SERVER|REMOTE)_\w+\}")


def _exact_connection(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with ``Connection: keep-alive, Upgrade`` as Firefox sends it, ^Upgrade$ does not fit: 404."""
    for scope in conf.scopes:
        either = False
        for placed in scope.all("rewritecond"):
            words = placed.directive.words
            before, either = either, _or(placed.directive)
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


def _either(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with [OR] on the last condition the rule applies whatever the conditions say.

    Also seen there: ``!websocket [OR]`` with ``!WebSocket`` holds for every upgrade; ``^/ws [OR]`` with Upgrade leads
    plain requests to ws:// too, which mod_proxy_wstunnel answers 426.
    """
    for scope in conf.scopes:
        ended = {m.directive: m for m in conf.mountings_in(scope) if m.way is Way.REWRITE}
        pending: list[Directive] = []
        for placed in scope.placed:
            at = placed.directive
            if at.key == "rewritecond" and len(at.words) > 1:
                pending.append(at)
            elif at.key == "rewriterule":
                mounting = ended.get(at)
                if pending and mounting and mounting.flags & {"P", "PROXY"}:
                    yield from _of_rule(conf, scope, mounting, pending)
                pending = []


def _of_rule(conf: Configuration, scope: Scope, mounting: Mounting, conditions: list[Directive]) -> Iterator[Spot]:
    if _or(conditions[-1]):
        yield Spot(conditions[-1], "[OR] on the last condition: the rule applies whatever the conditions say")
        return
    for first, second in pairwise(conditions):
        if not _or(first):
            continue
        known = "websocket" if first.first.lower() == "%{http:upgrade}" else None
        same = known and first.first.lower() == second.first.lower()
        if same and [_fits(c, "websocket") for c in (first, second)] in ([True, False], [False, True]):
            if first.words[1].startswith("!") and second.words[1].startswith("!"):
                yield Spot(second, f"{first.words[1]} or {second.words[1]}: one of them holds for every upgrade")
        elif conf.tunnels_to(mounting) and _of_upgrade(first) is not _of_upgrade(second):
            severity = Severity.NOTE if conf.carrier(scope) == "proxy_http" else Severity.WARNING
            other = first if _of_upgrade(second) else second
            if not other.words[1].startswith("!"):
                yield Spot(other, f"{other} or an upgrade: plain requests take the rule too", severity=severity)


def _or(condition: Directive) -> bool:
    return len(condition.words) > 2 and bool(re.search(r"\bOR(?:NEXT)?\b", condition.words[2], re.IGNORECASE))


def _of_upgrade(condition: Directive) -> bool:
    """Whether only an upgrade fulfils this condition."""
    return bool(re.search(r"upgrade|connection|websocket", " ".join(condition.words[:2]), re.IGNORECASE))


def _fits(condition: Directive, value: str) -> bool:
    """Whether the pattern of a condition, its negation left aside, fits a value."""
    pattern = condition.words[1].removeprefix("!")
    nocase = len(condition.words) > 2 and bool(re.search(r"\bNC\b|NOCASE", condition.words[2], re.IGNORECASE))
    if pattern.startswith("="):
        return pattern[1:].lower() == value.lower() if nocase else pattern[1:] == value
    read = bounded(pattern, nocase=nocase)
    return read is not None and read.search(value) is not None


RULES = (
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
        id="WSLB-C069",
        severity=Severity.ERROR,
        why="[OR] joins a condition with the next one: either of them is enough.",
        cure="Take [OR] off: conditions without it must all hold.",
        find=_either,
    ),
)
