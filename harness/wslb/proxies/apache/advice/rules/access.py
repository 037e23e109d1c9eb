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
from wslb.proxies.apache.conf.urls import covering_paths, is_open, scheme_of

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


def _chosen(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``ws://%{SERVER_NAME}:$1/`` and ``ws://%{HTTP_HOST}/`` lead wherever Host and path say.

    Also seen there: behind ``ProxyPass / ws://host:1``, without a slash, ``GET /@other:2/x`` is sent to other:2, what
    is before the @ being a user; ``ProxyPassMatch ^/ws/(.*) ws://host:1$1`` and a RewriteRule like it do the same.
    """
    for mounting in conf.mountings:
        if scheme_of(mounting.url) not in _LEADS_OUT or is_open(mounting.directive):
            continue
        if mounting.way is Way.REWRITE and not mounting.flags & {"P", "PROXY"}:
            continue
        place = _authority(mounting.url)
        if mounting.directive.key == "proxypass":
            if mounting.way is Way.PROXYPASS and not mounting.url_path and mounting.path.endswith("/"):
                told = f"{mounting.path} and {mounting.url}: {mounting.path}@host:port leads to any host"
                yield Spot(mounting.directive, told, cure=f"ProxyPass {mounting.path} {mounting.url}/")
            continue
        for reference in _REFERENCE.finditer(place):
            if _free(reference, place, mounting):
                yield Spot(mounting.directive, f"{reference[0]} in {mounting.url}: the client says where it leads")
                break


_LEADS_OUT = frozenset({"ws", "wss", "http", "https", "h2", "h2c", "ajp"})
_REFERENCE = re.compile(
    r"\$(\d)|%(\d)|%\{(?:HTTP:[^}]*|HTTP_\w+|SERVER_NAME|SERVER_PORT|QUERY_STRING)\}", re.IGNORECASE
)
_FINITE = re.compile(r"[^.*+{\\\[]*|(?:[^.*+{\\\[]|\[[^\]]*\](?![*+{]))*")
"""Groups that choose among what the administrator wrote down."""


def _authority(url: str) -> str:
    """What stands between :// and the path, the references that run into the path included."""
    return re.split(r"[/?](?![^{]*\})", url.partition("://")[2], maxsplit=1)[0]


def _free(reference: re.Match[str], place: str, mounting: Mounting) -> bool:
    """Whether a reference lets the client choose the host or the port."""
    name = reference[0]
    conditions = [c for c in mounting.conditions if len(c.words) > 1]
    if any(c.first.lower() == name.lower() and _bounds(c.words[1]) for c in conditions):
        return False
    if reference[1] is not None:
        group = _group(mounting.path, int(reference[1]))
    elif reference[2] is not None:
        group = next((g for c in reversed(conditions) if (g := _group(c.words[1], int(reference[2])))), None)
    else:
        canonical = name.upper() in {"%{SERVER_NAME}", "%{SERVER_PORT}"}
        return not (canonical and mounting.scope.value("UseCanonicalName") == "on")
    if group is None or group.startswith(("/", "(/", "?:/")) or _FINITE.fullmatch(group):
        return False
    if mounting.way is Way.REWRITE and not mounting.location and group in {".*", ".+"} and _whole(mounting.path):
        return False  # the whole path, which begins with a slash
    before, after = place[: reference.start()], place[reference.end() :]
    narrow = re.fullmatch(r"(?:\[[\w-]+\]|\\[wd])(?:[*+]|\{[\d,]+\})?", group) is not None
    in_a_name = before[-1:].isalnum() or before.endswith("-") or after[:1] in {"-", "."}
    return not (narrow and in_a_name and ":" not in before)


def _whole(pattern: str) -> bool:
    return re.fullmatch(r"\^?\(\.[*+]\)\$?", pattern) is not None


def _bounds(wanted: str) -> bool:
    """Whether what a condition wants is a list: ``=text``, or a pattern with both ends and nothing open between."""
    pattern = wanted.split(" ", maxsplit=1)[0]
    if pattern.startswith("!"):
        return False
    return pattern.startswith("=") or (pattern.startswith("^") and pattern.endswith("$") and ".*" not in pattern)


def _group(pattern: str, number: int) -> str | None:
    """Inside of a group of a pattern; the whole of it for 0; None where there is none."""
    if number == 0:
        return pattern
    opened = [m.start() for m in re.finditer(r"(?<!\\)\((?!\?)|(?<!\\)\(\?P?<[A-Za-z]", pattern)]
    if number > len(opened):
        return None
    start, depth = opened[number - 1], 0
    for at in range(start, len(pattern)):
        if pattern[at - 1 : at] == "\\":
            continue
        depth += {"(": 1, ")": -1}.get(pattern[at], 0)
        if depth == 0:
            return pattern[start + 1 : at]
    return None


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
    Rule(
        id="WSLB-C087",
        severity=Severity.WARNING,
        why="Whoever may connect can reach any host or port from here, with the rights of this server.",
        cure="A fixed host and port, a RewriteMap, or a group that lists what is allowed: (8001|8002); and a slash "
        "behind host and port",
        find=_chosen,
    ),
)
