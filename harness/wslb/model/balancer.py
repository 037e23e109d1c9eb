"""What is configured: members, balancers, and the site that mounts them on paths of the proxy.

A member's URL may name a backend instead of an address, ``ws://liberty/WSConsole``; ``Site.resolved`` puts the
addresses of one lab in. Values only: nothing here knows a proxy's configuration language.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

from wslb.errors import ConfigError
from wslb.identity import Identity

__all__ = [
    "CARRIERS",
    "LOGGED",
    "OF_HTTPD",
    "Balancer",
    "Carrier",
    "LbMethod",
    "Listener",
    "Member",
    "MemberState",
    "Mount",
    "Native",
    "ProcessModel",
    "Site",
    "Stickiness",
]


class LbMethod(StrEnum):
    """Rule that elects a member for a request, by its field name: of httpd (`OF_HTTPD`), of nginx, of HAProxy."""

    BYREQUESTS = "byrequests"
    BYTRAFFIC = "bytraffic"
    BYBUSYNESS = "bybusyness"
    HEARTBEAT = "heartbeat"
    ROUND_ROBIN = "round_robin"
    LEAST_CONN = "least_conn"
    ROUNDROBIN = "roundrobin"
    LEASTCONN = "leastconn"


OF_HTTPD = (LbMethod.BYREQUESTS, LbMethod.BYTRAFFIC, LbMethod.BYBUSYNESS, LbMethod.HEARTBEAT)
"""Those that ``lbmethod=`` of mod_proxy_balancer takes."""


class Stickiness(StrEnum):
    """How a request names the member that it belongs to, where the balancer has ``stickysession``."""

    ROUTE = "route at the end of a cookie's value or in the URL"
    COOKIE = "cookie whose whole value is a dot and the route"


class MemberState(StrEnum):
    """Configured state of a member; the value is its flag in ``status=`` and in balancer-manager."""

    ENABLED = ""
    DISABLED = "D"
    STOPPED = "S"
    DRAIN = "N"
    STANDBY = "H"
    SPARE = "R"
    IN_ERROR = "E"


class Carrier(StrEnum):
    """Apache module that carries the bytes of a tunnel once it is open; OWN of a proxy that has one way only."""

    WSTUNNEL = "wstunnel"
    HTTP = "http"
    OWN = "own"

    @property
    def module(self) -> str:
        """Name of the module as the manual writes it; for people."""
        if self is Carrier.OWN:
            return "the proxy itself"
        return f"mod_proxy_{self.value}"

    @property
    def read_per_tunnel(self) -> int:
        """Bytes that balancer-manager counts as read for a tunnel: mod_proxy_http the status line, the other none."""
        return len("HTTP/1.1 101 Switching Protocols") if self is Carrier.HTTP else 0


CARRIERS = (Carrier.WSTUNNEL, Carrier.HTTP)
"""Those that can be asked for."""

LOGGED = {Carrier.WSTUNNEL: 200, Carrier.HTTP: 101, Carrier.OWN: 101}
"""Final status of a tunnel in the access log, by the module that carried it."""


class Listener(StrEnum):
    """Side of the proxy that a client connects to; the value is the URL scheme."""

    PLAIN = "ws"
    TLS = "wss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A backend as one balancer knows it.

    Attributes:
        route: short name, unique in its balancer, without dots (a dot splits ``ROUTEID`` cookie values).
        url: ``ws://`` or ``wss://`` (or ``http(s)://``), host, port, path. The host may be a backend's name.
        loadfactor: share of the elections relative to the other members, 1 to 100 (``loadfactor=``).
        state: configured state (``status=+…``).
        parameters: further BalancerMember parameters as written, such as ``(("retry", "2"),)``.
    """

    route: str
    url: str
    loadfactor: float = 1
    state: MemberState = MemberState.ENABLED
    parameters: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.loadfactor <= 100:
            raise ConfigError(option="loadfactor", value=self.loadfactor, allowed="a number from 1 to 100")
        if "." in self.route or not self.route:
            raise ConfigError(option="route", value=self.route, allowed="a non-empty name without dots")
        if urlsplit(self.url).scheme not in {"ws", "wss", "http", "https"}:
            raise ConfigError(option="member URL", value=self.url, allowed="a ws, wss, http or https URL")

    @property
    def backend(self) -> str:
        """Host of the URL: the backend's name, until `resolved` puts an address in its place."""
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        """Its own path, to which httpd appends that of the mount; empty for none."""
        return urlsplit(self.url).path

    def at(self, path: str) -> Member:
        """Copy with another path of its own."""
        return replace(self, url=urlunsplit(urlsplit(self.url)._replace(path=path)))

    def resolved(self, addresses: Mapping[str, str]) -> Member:
        """Copy with the backend's name replaced by its address; see `resolve_url`."""
        return replace(self, url=resolve_url(self.url, addresses))


@dataclass(frozen=True, slots=True, kw_only=True)
class Balancer:
    """A group of members and the rule that elects one of them.

    Attributes:
        name: host part of ``balancer://name``.
        members: in configuration order, which decides ties.
        stickysession: cookie and path-parameter names as ``ProxySet stickysession=`` takes them.
        parameters: further ``ProxySet`` parameters as written.
        set_lbmethod: whether ``lbmethod=`` is written at all; the article's listing leaves byrequests unsaid.
        hears_query: whether a route in the query is recognized (not in 2.4.62 and 2.4.63: CHANGES 2.4.64, PR 69443).
        stickiness: what of a request counts as a route.
    """

    name: str
    members: tuple[Member, ...]
    lbmethod: LbMethod = LbMethod.BYREQUESTS
    stickysession: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    set_lbmethod: bool = True
    hears_query: bool = True
    stickiness: Stickiness = Stickiness.ROUTE

    def __post_init__(self) -> None:
        routes = [member.route for member in self.members]
        if len(set(routes)) != len(routes):
            raise ConfigError(option="members", value=routes, allowed="different routes")

    @property
    def scheme(self) -> str:
        """What its first member is spoken to in, ``ws`` or ``wss``; nginx and HAProxy have no balancer of both."""
        return "wss" if urlsplit(self.members[0].url).scheme in {"wss", "https"} else "ws"

    def member(self, route: str) -> Member:
        """Member of this route; KeyError when there is none."""
        for member in self.members:
            if member.route == route:
                return member
        raise KeyError(route)

    def route_of(self, backend: str | None) -> str | None:
        """Route of the first member that leads to this backend, or None."""
        return next((member.route for member in self.members if member.backend == backend), None)

    def with_member(self, changed: Member) -> Balancer:
        """Copy in which the member of the same route is replaced."""
        return replace(self, members=tuple(changed if m.route == changed.route else m for m in self.members))

    def at_root(self) -> Balancer:
        """Copy in which no member has a path of its own."""
        return replace(self, members=tuple(member.at("") for member in self.members))

    def widened(self, backends: Iterable[str]) -> Balancer:
        """Copy with a member more for each of these backends, at its root and else like the last one."""
        last = self.members[-1]
        scheme = urlsplit(last.url).scheme
        more = (replace(last, route=name, url=f"{scheme}://{name}") for name in backends)
        return replace(self, members=(*self.members, *more))

    def with_paths(self, paths: Mapping[str, str]) -> Balancer:
        """Copy with these paths of members, by backend; that of ``node`` is also that of ``node-2``."""
        own = ((member, paths.get(member.backend.partition("-")[0])) for member in self.members)
        return replace(self, members=tuple(member if path is None else member.at(path) for member, path in own))

    def resolved(self, addresses: Mapping[str, str]) -> Balancer:
        """Copy with every member's backend name replaced by its address."""
        return replace(self, members=tuple(member.resolved(addresses) for member in self.members))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A path of the proxy and what it leads to (``ProxyPass path target``).

    Attributes:
        path: path on the proxy, such as ``/ws``.
        target: a balancer, or the URL of a single backend.
        target_path: appended to the member's own path; only for balancers (``balancer://name/CLRunner``).
        listener: side of the proxy that offers the path.
        reverse: also write ``ProxyPassReverse``, as the article does.
        balancer_path: write the target path in ``<Proxy balancer://name/path>`` too, as the article does.
        rewrite: lead there by ``RewriteRule … [P]`` (mod_rewrite) instead of ``ProxyPass``.
        conditions: ``RewriteCond`` arguments in front of the rule, as written.
    """

    path: str
    target: Balancer | str
    target_path: str = ""
    listener: Listener = Listener.PLAIN
    reverse: bool = False
    balancer_path: bool = False
    rewrite: bool = False
    conditions: tuple[str, ...] = ()


SPARE_THREADS = 64
"""Threads beyond the tunnels: for balancer-manager and for tunnels that close while others open."""

MOST_THREADS = 500
"""Most threads of a child; each tunnel takes two descriptors, so this needs a limit of open files above 1,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessModel:
    """Processes and threads of httpd (event MPM directives of the same names).

    One thread carries one tunnel for its whole life, so ``children * threads`` bounds the tunnels.

    Attributes:
        slots: places for children, old ones that only end their tunnels included (ServerLimit); None: `children`.
        started: children that are there from the start, the others come as they are needed (StartServers); None: all.
        spare_threads: a child is added when fewer threads than this are idle (MinSpareThreads).
        connections_per_child: after so many a child ends and another takes its place (MaxConnectionsPerChild); 0: none.
    """

    children: int = 4
    threads: int = 64
    slots: int | None = None
    started: int | None = None
    spare_threads: int = 1
    connections_per_child: int = 0

    @property
    def first_workers(self) -> int:
        """Threads of the children that are there from the start."""
        return (self.children if self.started is None else self.started) * self.threads

    @property
    def changes(self) -> bool:
        """Whether children come, or come and go, while nobody restarts anything."""
        return self.started is not None or self.connections_per_child > 0

    @property
    def workers(self) -> int:
        """Upper bound of tunnels at a time (MaxRequestWorkers)."""
        return self.children * self.threads

    @classmethod
    def for_tunnels(cls, tunnels: int) -> ProcessModel:
        """Processes and threads for so many tunnels at a time, with some to spare."""
        wanted = tunnels + SPARE_THREADS
        threads = MOST_THREADS if wanted > 4 * 128 else 128
        return cls(children=max(2, math.ceil(wanted / threads)), threads=threads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """What a site says further in the language of one product: lines as written, by the place where they stand.

    Attributes:
        process: of the whole program (main of nginx, ``global`` of HAProxy).
        common: of all paths (``http`` of nginx, ``defaults`` of HAProxy). Timeouts of HAProxy, and each
            ``proxy_ssl_…`` of nginx, stand in place of the lab's.
        balancer: of each balancer (``upstream`` of nginx, ``backend`` of HAProxy).
        members: further words of a member's ``server`` line, by its route. HAProxy's that begin with ``ssl`` stand in
            place of the lab's own about TLS.
    """

    process: tuple[str, ...] = ()
    common: tuple[str, ...] = ()
    balancer: tuple[str, ...] = ()
    members: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything that one configuration of the proxy serves.

    Attributes:
        mounts: in configuration order: the first path that fits wins.
        carrier: module that must carry the tunnels; None takes the run's setting.
        directives: further directives of the plain server, one per line, as written.
        tls_directives: further directives of the TLS virtual host.
        modules: further modules to load, without ``mod_`` and ``_module``.
        without: modules that every other site loads and this one must not, such as ``proxy_http``.
        process_model: processes and threads.
        inherit: False writes ``BalancerInherit Off`` and ``ProxyPassInherit Off``, as the article does.
        timeout_seconds: the server's ``Timeout``; None keeps httpd's own default of 60.
        identities: what the certificates of backends say, by name, where it is not `Identity`'s default.
        native: what it says in the language of another product, by the product's title; empty: any can serve it.
    """

    mounts: tuple[Mount, ...]
    carrier: Carrier | None = None
    directives: tuple[str, ...] = ()
    tls_directives: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    process_model: ProcessModel = field(default_factory=ProcessModel)
    inherit: bool = False
    timeout_seconds: float | None = None
    identities: Mapping[str, Identity] = field(default_factory=dict)
    native: Mapping[str, Native] = field(default_factory=dict)
    edits: tuple[tuple[str, str], ...] = ()

    @property
    def balancers(self) -> tuple[Balancer, ...]:
        """Distinct balancers in order of their mounts."""
        found: dict[tuple[str, Listener], Balancer] = {}
        for mount in self.mounts:
            if isinstance(mount.target, Balancer):
                found.setdefault((mount.target.name, mount.listener), mount.target)
        return tuple(found.values())

    @property
    def backends(self) -> frozenset[str]:
        """Hosts of every target: the names of backends, until `resolved` puts addresses in their place."""
        urls = [mount.target for mount in self.mounts if isinstance(mount.target, str)]
        urls += [member.url for balancer in self.balancers for member in balancer.members]
        return frozenset(urlsplit(url).hostname or "" for url in urls)

    def mount(self, path: str) -> Mount:
        """Mount of exactly this path; KeyError when there is none."""
        for mount in self.mounts:
            if mount.path == path:
                return mount
        raise KeyError(path)

    def mount_of(self, path: str) -> Mount | None:
        """First mount that a path falls under, as ProxyPass matches: whole segments, first fit wins."""
        target = f"{path.partition('?')[0]}/"
        return next((mount for mount in self.mounts if target.startswith(f"{mount.path.rstrip('/')}/")), None)

    def with_balancer(self, balancer: Balancer) -> Site:
        """Copy in which every mount of the balancer of the same name leads to this one."""
        return replace(
            self,
            mounts=tuple(
                replace(mount, target=balancer)
                if isinstance(mount.target, Balancer) and mount.target.name == balancer.name
                else mount
                for mount in self.mounts
            ),
        )

    def at_root(self) -> Site:
        """Copy in which no member of a balancer has a path of its own: for proxies that ask all on the same path."""
        return self.balancing(Balancer.at_root)

    def with_paths(self, paths: Mapping[str, str]) -> Site:
        """Copy with these paths of members; see `Balancer.with_paths`."""
        return self.balancing(lambda balancer: balancer.with_paths(paths))

    def widened(self, backends: Collection[str]) -> Site:
        """Copy with a member more of every balancer for each of these backends; see `Balancer.widened`."""
        return self.balancing(lambda balancer: balancer.widened(backends))

    def balancing(self, change: Callable[[Balancer], Balancer]) -> Site:
        """Copy in which every balancer is changed so."""
        mounts = (
            replace(mount, target=change(mount.target)) if isinstance(mount.target, Balancer) else mount
            for mount in self.mounts
        )
        return replace(self, mounts=tuple(mounts))

    def resolved(self, addresses: Mapping[str, str]) -> Site:
        """Copy with backend names replaced by addresses in every target and every edit."""
        return replace(
            self,
            mounts=tuple(
                replace(
                    mount,
                    target=resolve_url(mount.target, addresses)
                    if isinstance(mount.target, str)
                    else mount.target.resolved(addresses),
                )
                for mount in self.mounts
            ),
            edits=tuple((_addressed(old, addresses, re.escape), _addressed(new, addresses)) for old, new in self.edits),
        )

    def edited(self, text: str) -> str:
        """A finished configuration with the edits made in it, one after another.

        Raises:
            ConfigError: nothing in it fits one of them, so that what is served would not be what was meant.
        """
        for old, new in self.edits:
            text, count = re.subn(old, new, text, flags=re.MULTILINE)
            if not count:
                raise ConfigError(option="an edit", value=old, allowed="a pattern that fits the configuration")
        return text


def _addressed(text: str, addresses: Mapping[str, str], written: Callable[[str], str] = str) -> str:
    return re.sub(r"<(wss?://[^>]+)>", lambda found: written(addresses[found[1]]), text)


def resolve_url(url: str, addresses: Mapping[str, str]) -> str:
    """Replace a backend's name in a URL by its address for that scheme.

    Args:
        url: ``ws://liberty/WSConsole`` or a URL with a real host, which is returned as it is.
        addresses: ``{"ws://liberty": "127.0.0.101:10000", "wss://liberty": …}``; ``http`` uses the ``ws`` entry.

    Raises:
        ConfigError: the name is a backend's, but it has no listener of that scheme.
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    address = addresses.get(f"{scheme}://{parts.netloc}")
    if address is None:
        known = {key.partition("://")[2] for key in addresses}
        if parts.netloc in known:
            raise ConfigError(option="member URL", value=url, allowed=f"one of {', '.join(sorted(addresses))}")
        return url
    return urlunsplit(parts._replace(netloc=address))
