"""Set-ups that are unusual and sound: of each, every check must stay green."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from wslb.checks import accounting
from wslb.lab import edits
from wslb.lab.lab import Lab
from wslb.lab.relay import FRONT, Edit, Flow, Twist, relayed
from wslb.model.balancer import Balancer, Carrier, LbMethod, Listener, Member, Mount, Site
from wslb.model.handshake import Headers
from wslb.model.results import ScenarioResult
from wslb.model.sites import LIBERTY, NODE, balanced, cluster, with_parameters, with_proxy_set
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.acts import in_turn
from wslb.scenarios.claims import MODELLED
from wslb.scenarios.scenario import Scenario

__all__ = ["MEMBERS", "METHODS", "TRAITS", "Trait", "ask", "served", "setup"]

Change = Callable[[Scenario], Scenario]

MEMBERS = (LIBERTY, NODE, *(Member(route=f"node-{n}", url=f"ws://node-{n}") for n in (2, 3)))
"""Members that a set-up may have."""

METHODS = (LbMethod.BYREQUESTS, LbMethod.BYTRAFFIC, LbMethod.BYBUSYNESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """One thing about a set-up that decides nothing.

    Attributes:
        name: in words.
        of: what it is a trait of; a set-up has one of each at most.
        change: what it makes of the scenario that is asked.
        twists: what a relay does, by its place.
        member_host: address or name of this machine by which the proxy knows the backends.
        ahead: fields that a box in front adds to each request.
        apache: a second httpd stands in front.
        fields: no handshake field is touched, so that the checks of the family headers hold too.
    """

    name: str
    of: str
    change: Change = lambda scenario: scenario
    twists: Mapping[str, Sequence[Twist]] | None = None
    member_host: str | None = None
    ahead: Headers = ()
    apache: bool = False
    fields: bool = True


def _site(change: Callable[[Site], Site]) -> Change:
    return lambda scenario: replace(scenario, site=change(scenario.site))


def _balancer(change: Callable[[Balancer], Balancer]) -> Change:
    """Every balancer of the site is another one; who is judged stays who it was."""

    def site(before: Site) -> Site:
        return replace(
            before,
            mounts=tuple(
                replace(m, target=change(m.target)) if isinstance(m.target, Balancer) else m for m in before.mounts
            ),
        )

    return lambda scenario: replace(
        scenario, site=site(scenario.site), balancer=scenario.balancer and change(scenario.balancer)
    )


def _mount(change: Callable[[Mount], Mount]) -> Change:
    return _site(lambda site: replace(site, mounts=tuple(change(mount) for mount in site.mounts)))


def _lines(of: str, *lines: str, modules: tuple[str, ...] = (), fields: bool = True) -> Trait:
    """The server has these directives as well, on both of its sides."""

    def change(site: Site) -> Site:
        return replace(site, directives=(*site.directives, *lines), modules=(*site.modules, *modules))

    return Trait(name="; ".join(lines), of=of, change=_site(change), fields=fields)


def _named(name: str) -> Trait:
    return Trait(name=f"balancer://{name}", of="name", change=_balancer(lambda before: replace(before, name=name)))


def _path(path: str) -> Trait:
    return Trait(name=f"path {path}", of="path", change=_mount(lambda mount: replace(mount, path=path)))


def _members(modules: tuple[str, ...] = (), **parameters: str) -> Trait:
    """Each member has these parameters."""

    def change(before: Balancer) -> Balancer:
        return replace(before, members=tuple(with_parameters(member, **parameters) for member in before.members))

    def whole(scenario: Scenario) -> Scenario:
        changed = _balancer(change)(scenario)
        return replace(changed, site=replace(changed.site, modules=(*changed.site.modules, *modules)))

    told = " ".join(f"{name}={value}" for name, value in parameters.items())
    return Trait(name=f"members with {told}", of="parameters", change=whole)


def _set(**parameters: str) -> Trait:
    """The balancer has these parameters."""
    told = " ".join(f"{name}={value}" for name, value in parameters.items())
    return Trait(
        name=f"balancer with {told}",
        of="proxy set",
        change=_balancer(lambda before: with_proxy_set(before, **parameters)),
    )


def _scheme(before: Balancer, old: str, new: str) -> Balancer:
    members = tuple(replace(m, url=m.url.replace(f"{old}://", f"{new}://", 1)) for m in before.members)
    return replace(before, members=members)


PROXY_TLS = (
    "SSLProxyEngine on",
    "SSLProxyVerify require",
    'SSLProxyCACertificateFile "${RUN}/tls/ca.pem"',
    "SSLProxyProtocol TLSv1.2",
)


def _tls_behind(scenario: Scenario) -> Scenario:
    """TLS between proxy and backends alone."""
    changed = _balancer(lambda before: _scheme(before, "ws", "wss"))(scenario)
    site = changed.site
    return replace(
        changed, site=replace(site, directives=(*PROXY_TLS, *site.directives), modules=(*site.modules, "ssl"))
    )


def _tls_before(scenario: Scenario) -> Scenario:
    """TLS between client and proxy alone."""
    return _mount(lambda mount: replace(mount, listener=Listener.TLS))(scenario)


def _everywhere(scenario: Scenario) -> Scenario:
    return _tls_before(_balancer(lambda before: _scheme(before, "ws", "wss"))(scenario))


def _through_http(scenario: Scenario) -> Scenario:
    """Members are ``http://`` with ``upgrade=websocket``, which mod_proxy_http carries."""

    def change(before: Balancer) -> Balancer:
        members = tuple(with_parameters(member, upgrade="websocket") for member in before.members)
        return _scheme(replace(before, members=members), "ws", "http")

    changed = _balancer(change)(scenario)
    return replace(changed, site=replace(changed.site, carrier=Carrier.HTTP))


def _carried(carrier: Carrier) -> Trait:
    return Trait(
        name=f"carried by {carrier.module}",
        of="carrier",
        change=_site(lambda site: replace(site, carrier=carrier)),
    )


def _everything(edit: Edit, *, head: bool) -> tuple[Twist, ...]:
    """Frames of both directions, and heads where asked, are edited so."""
    return tuple(Twist(edit=edit, head=part, flow=flow) for part in {False, head} for flow in Flow)


def _wire(name: str, *places: str, twists: tuple[Twist, ...]) -> Trait:
    return Trait(name=name, of="wire", twists=dict.fromkeys(places, twists))


_LOWER = tuple(Twist(edit=edits.fields_lower_cased(), head=True, flow=flow) for flow in Flow)

TRAITS: tuple[Trait, ...] = (
    *map(
        _named,
        ("MyCluster", "LB", "a", "web-sockets", "ws_1", "lb.example.org", "cluster-with-a-rather-long-name-of-40-xx"),
    ),
    *map(_path, ("/WS", "/a/b/c", "/socket.io", "/w~s", "/ws-2")),
    _lines("canonical name", "UseCanonicalName On"),
    _lines("lookups", "HostnameLookups On"),
    _lines("lookups", "HostnameLookups Double"),
    _lines("keep-alive", "KeepAlive Off"),
    _lines("keep-alive", "KeepAliveTimeout 1"),
    _lines("keep-alive", "MaxKeepAliveRequests 1"),
    _lines("log", 'ErrorLogFormat "%t %M"'),
    _lines("log", 'ErrorLogFormat "%M"'),
    _lines("log", 'ErrorLogFormat "{%{c}t} {%-m:%l} %M"'),
    _lines("log", 'ErrorLogFormat "[%{u}t] [%l] [pid %P] %F: %E: [client %a] %M"'),
    _lines("log", 'ErrorLogFormat "%{cu}t level=%l msg=\\"%M\\""'),
    _lines("log level", "LogLevel notice"),
    _lines("log level", "LogLevel info"),
    _lines("log level", "LogLevel debug"),
    _lines("remote address", "RemoteIPHeader X-Real-IP", modules=("remoteip",)),
    _lines("remote address", "RemoteIPHeader X-Client\nRemoteIPInternalProxy 127.0.0.1", modules=("remoteip",)),
    _lines("host", "ProxyPreserveHost On", fields=False),
    _lines("via", "ProxyVia On", fields=False),
    _lines("answer", 'Header always set X-Frame-Options "DENY"', modules=("headers",), fields=False),
    _lines("tokens", "ServerTokens Prod\nServerSignature Off"),
    _lines("timeout", "ProxyTimeout 30"),
    _lines("timeout", "Timeout 300"),
    _lines("reading", "RequestReadTimeout header=20-40,MinRate=500 body=20,MinRate=500", modules=("reqtimeout",)),
    _lines("deflate", "SetOutputFilter DEFLATE", modules=("filter", "deflate")),
    _lines("http2", "Protocols h2 h2c http/1.1", modules=("http2",)),
    _lines("buffer", "ProxyIOBufferSize 16384"),
    _lines("rewriting", "RewriteEngine On\nRewriteRule ^/old$ /new [R]", modules=("rewrite",)),
    _lines("environment", 'SetEnvIf Request_URI "." seen=1', modules=("setenvif",)),
    _lines("status", "ExtendedStatus On", modules=("status",)),
    _lines("limits", "LimitRequestFieldSize 4094\nLimitRequestFields 50"),
    Trait(name="server settings inherited", of="inherit", change=_site(lambda site: replace(site, inherit=True))),
    Trait(name="ProxyPassReverse", of="reverse", change=_mount(lambda mount: replace(mount, reverse=True))),
    Trait(name="RewriteRule [P]", of="way", change=_mount(lambda mount: replace(mount, rewrite=True))),
    Trait(name="path in <Proxy>", of="section", change=_mount(lambda mount: replace(mount, balancer_path=True))),
    _members(retry="5"),
    _members(timeout="30"),
    _members(connectiontimeout="5"),
    _members(disablereuse="On"),
    _members(enablereuse="On"),
    _members(flushpackets="on"),
    _members(keepalive="On"),
    _members(max="50"),
    _members(max="500"),
    _members(smax="2", ttl="60"),
    _members(lbset="1"),
    _members(iobuffersize="16384"),
    _members(("proxy_hcheck", "watchdog"), hcmethod="TCP", hcinterval="1"),
    _set(nofailover="On"),
    _set(maxattempts="1"),
    _set(timeout="1"),
    _set(failonstatus="503"),
    _set(growth="5"),
    Trait(
        name="stickysession without a cookie",
        of="sticky",
        change=_balancer(lambda before: replace(before, stickysession="ROUTEID|routeid")),
    ),
    _carried(Carrier.WSTUNNEL),
    _carried(Carrier.HTTP),
    Trait(name="http:// members with upgrade=websocket", of="carrier", change=_through_http),
    Trait(name="TLS on both hops", of="wire", change=_everywhere),
    Trait(name="TLS before the proxy only", of="wire", change=_tls_before),
    Trait(name="TLS behind the proxy only", of="wire", change=_tls_behind),
    Trait(name="members by IPv6 address", of="wire", twists={"liberty": (), "node": ()}, member_host="::1"),
    Trait(name="members by name", of="wire", twists={"liberty": (), "node": ()}, member_host="localhost"),
    *(
        trait
        for place, places in (("proxy", (FRONT,)), ("backends", ("liberty", "node")))
        for trait in (
            _wire(f"fields in lower case before the {place}", *places, twists=_LOWER),
            *(
                _wire(f"{what} of {size} bytes before the {place}", *places, twists=_everything(edit(size), head=head))
                for what, edit, head in (("pieces", edits.in_pieces, True), ("fragments", edits.in_fragments, False))
                for size in (7, 1)
            ),
        )
    ),
    Trait(
        name="a box in front that names the client",
        of="wire",
        twists={FRONT: (Twist(edit=edits.field_added("X-Forwarded-For", "192.0.2.7"), head=True, flow=Flow.UP),)},
        ahead=(("X-Forwarded-For", "192.0.2.7"),),
    ),
    Trait(name="Apache behind Apache", of="wire", apache=True),
)
"""Every trait that is known, each sound by itself and with those of other kinds."""


def setup(
    members: Sequence[Member] = MEMBERS[:2],
    *,
    lbmethod: LbMethod = LbMethod.BYREQUESTS,
    hold: bool = False,
    count: int = 10,
) -> Scenario:
    """The question whether a balancer over these members does what the model says.

    Args:
        members: with backend names as hosts, one at least.
        lbmethod: which elects.
        hold: tunnels stay open.
        count: how many are opened in turn.
    """
    checks = (*MODELLED, *((accounting.bytes_counted,) if lbmethod is LbMethod.BYTRAFFIC else ()))
    return Scenario(
        name="rounds-sound",
        question="Do WebSockets, opened one after another, land where the model says?",
        limit=f"{count} of {count} connections",
        site=balanced(cluster(*members, lbmethod=lbmethod)),
        act=in_turn(count, hold=hold, settle=not hold),
        checks=checks,
    )


def served(name: str) -> Scenario:
    """The shipped scenario of this name."""
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


async def ask(scenario: Scenario, traits: Sequence[Trait], lab: Lab, *, front: Lab | None = None) -> ScenarioResult:
    """Ask a scenario of a lab with these traits.

    Args:
        scenario: as it would be asked of a plain lab.
        traits: of different kinds.
        front: of whose httpd one more is made in front, where a trait wants it; nobody else uses it meanwhile.
    """
    for trait in traits:
        scenario = trait.change(scenario)
    async with contextlib.AsyncExitStack() as stack:
        for trait in traits:
            if trait.twists is not None:
                await stack.enter_async_context(relayed(lab, trait.twists, member_host=trait.member_host))
            if trait.ahead:
                lab.ahead = trait.ahead
                stack.callback(_nothing_ahead, lab)
            if trait.apache:
                assert front is not None, "whoever chose the trait has a lab for it"  # noqa: S101 - of its owner alone
                scenario = _behind(scenario, front, stack)
        return await runner.run(scenario, lab)


def _nothing_ahead(lab: Lab) -> None:
    lab.ahead = ()


def _behind(scenario: Scenario, front: Lab, stack: contextlib.AsyncExitStack) -> Scenario:
    """The scenario, asked through a second httpd that knows the first one as its only backend."""

    async def act(lab: Lab) -> None:
        await stack.enter_async_context(_hop(lab, front))
        await scenario.act(lab)

    return replace(scenario, act=act)


@contextlib.asynccontextmanager
async def _hop(lab: Lab, front: Lab) -> AsyncIterator[None]:
    behind = lab.proxy.front
    mounts = lab.site.mounts if lab.site else ()
    site = Site(
        mounts=tuple(Mount(path=m.path, target=f"ws://{behind.host}:{behind.plain}{m.path}") for m in mounts),
        carrier=Carrier.WSTUNNEL,
    )
    await front.proxy.apply(site)
    own = front.proxy.front
    lab.detours["ws"] = f"{own.host}:{own.plain}"
    lab.ahead = (
        ("Host", f"{behind.host}:{behind.plain}"),
        ("Upgrade", "WebSocket"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Host", f"{own.host}:{own.plain}"),
        ("X-Forwarded-Server", "localhost"),
    )
    try:
        yield
    finally:
        _nothing_ahead(lab)
        del lab.detours["ws"]
