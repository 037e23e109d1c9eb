"""Who may do what: balancer-manager, the forward proxy, and sections that shut the door."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Rule, Severity, Spot
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive, walk
from wslb.proxies.apache.conf.mounting import Mounting, Way
from wslb.proxies.apache.conf.scope import Placed, Scope
from wslb.proxies.apache.conf.urls import covering_paths

__all__ = ["RULES"]


def _managers(conf: Configuration) -> Iterator[tuple[Scope, Placed, Directive]]:
    """``SetHandler balancer-manager``, with its server and its section."""
    for scope in conf.scopes:
        for placed in scope.all("sethandler"):
            if placed.directive.first.lower() == "balancer-manager" and placed.around:
                yield scope, placed, placed.around[-1]


def _requirements(section: Directive) -> list[Directive]:
    return [d for d in walk(section.body or ()) if d.key in {"require", "allow", "deny", "order", "authtype"}]


def _open_manager(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: without Require the page answers 200 to anybody; a later <Location /> with Require shuts it."""
    guarded = {
        placed.directive.words[-1].rstrip("/")
        for scope in conf.scopes
        for placed in scope.all("location")
        if placed.directive.words and _requirements(placed.directive)
    }
    for _, placed, section in _managers(conf):
        path = section.words[-1].rstrip("/") if section.words else ""
        above = {path[:at] for at, character in enumerate(path) if character == "/"} | {path}
        if _requirements(section) or guarded & above:
            continue
        yield Spot(
            placed.directive, f"balancer-manager on {section.words[-1] if section.words else '?'} has no Require"
        )


def _wide_manager(conf: Configuration) -> Iterator[Spot]:
    """By the manual of mod_authz_core: granted is everybody, and so is the network 0.0.0.0/0."""
    for _, _, section in _managers(conf):
        requirements = _requirements(section)
        narrow = any(
            d.key == "require" and d.first.lower() in {"valid-user", "user", "group", "expr", "ldap-group"}
            for d in requirements
        )
        for directive in requirements:
            said = " ".join(directive.words).lower()
            everybody = re.fullmatch(r"all granted|ip .*(?:0\.0\.0\.0/0|::/0).*|from all", said)
            if everybody and not narrow and directive.key in {"require", "allow"}:
                yield Spot(directive, f"{directive} opens balancer-manager to everybody")


def _no_nonce(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with nonce=None every POST is answered 200 and changes nothing; with nonce=abc, abc works."""
    for balancer in conf.balancers:
        if (balancer.setting("nonce") or "").lower() == "none":
            yield Spot(balancer.set_at("nonce"), f"nonce=None on balancer://{balancer.name}")


def _hidden_manager(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``ProxyPass /balancer-manager URL`` takes the page (503 there); ``!`` gives it back."""
    passes: dict[int, dict[str, tuple[int, Mounting]]] = {}
    for scope, placed, section in _managers(conf):
        path = section.words[-1] if section.words else ""
        taking = passes.setdefault(id(scope), {})
        if not taking:
            for place, mounting in enumerate(conf.mountings_in(scope)):
                if mounting.way is Way.PROXYPASS:
                    taking.setdefault(mounting.path, (place, mounting))
        covering = [taking[above] for above in covering_paths(path) if above in taking]
        first = min(covering, key=lambda found: found[0])[1] if covering else None
        if first and first.url != "!" and path.startswith("/"):
            yield Spot(placed.directive, f"{path} is taken by ProxyPass {first.path} {first.url}")


def _persist(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: states and loadfactors of balancer-manager survive stop and start, and win over the file."""
    for scope in conf.scopes:
        setting = next((placed.directive for placed in scope.all("balancerpersist")), None)
        if setting and setting.first.lower() == "on":
            yield Spot(setting, "BalancerPersist On")


def _forward(conf: Configuration) -> Iterator[Spot]:
    """By the manual of mod_proxy: anybody who may connect can reach anything through this server."""
    for scope in conf.scopes:
        for placed in scope.all("proxyrequests"):
            if placed.directive.first.lower() == "on":
                yield Spot(placed.directive, "ProxyRequests On makes this server a forward proxy")


def _denied(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: <Proxy *> with Require all denied answers 403 (AH01630) for balancers too; <Proxy "ws://*"> does
    not for those."""
    ends = {mounting.url.lower() for mounting in conf.mountings if conf.tunnels_to(mounting)}
    for scope in conf.scopes:
        for placed in scope.all("require", "deny"):
            section = placed.around[-1] if placed.around else None
            said = " ".join(placed.directive.words).lower()
            if section is None or section.key != "proxy" or said not in {"all denied", "from all"}:
                continue
            if any(_fits(section.first.lower(), end) for end in ends):
                yield Spot(placed.directive, f"{section} shuts out what ProxyPass lets in")


def _fits(pattern: str, url: str) -> bool:
    return fnmatch.fnmatchcase(url, pattern) or url.startswith(pattern.rstrip("*")) or pattern == "*"


RULES = (
    Rule(
        id="WSLB-C080",
        severity=Severity.WARNING,
        why="Anybody who reaches the page can see all backends, and take members out of service.",
        cure="Require local, or Require ip with the administrators' network",
        find=_open_manager,
    ),
    Rule(
        id="WSLB-C081",
        severity=Severity.WARNING,
        why="Anybody who reaches the page can see all backends, and take members out of service.",
        cure="Require local, or Require ip with the administrators' network",
        find=_wide_manager,
    ),
    Rule(
        id="WSLB-C082",
        severity=Severity.WARNING,
        why="balancer-manager then refuses every change, and says 200 to it.",
        cure="Leave nonce= out: httpd makes a new one at every start.",
        find=_no_nonce,
    ),
    Rule(
        id="WSLB-C083",
        severity=Severity.WARNING,
        why="ProxyPass goes before SetHandler: the request for the page is sent to a backend.",
        cure="ProxyPass /balancer-manager ! before that line",
        find=_hidden_manager,
    ),
    Rule(
        id="WSLB-C084",
        severity=Severity.WARNING,
        why="States and loadfactors set by hand survive even a stop, and win over this file when it is edited.",
        cure="Leave it off; or remove slotmem-shm-*.persist from DefaultRuntimeDir after every edit of a balancer.",
        find=_persist,
    ),
    Rule(
        id="WSLB-C085",
        severity=Severity.WARNING,
        why="A reverse proxy does not need it, and with it anybody who may connect can reach anything from here.",
        cure="ProxyRequests Off",
        find=_forward,
    ),
    Rule(
        id="WSLB-C086",
        severity=Severity.WARNING,
        why="It counts for reverse proxying too: every request is answered 403 (AH01630).",
        cure="Remove the section; ProxyRequests Off is what keeps strangers out.",
        find=_denied,
    ),
)
