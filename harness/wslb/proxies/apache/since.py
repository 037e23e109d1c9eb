"""Which httpd knows what: the first version of directives, parameters and ways of carrying.

The versions are those of the manual ("Compatibility") and of CHANGES; `httpd -t` of the versions at hand is asked about
every entry by the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wslb.interfaces.installation import Installation
from wslb.model.balancer import Balancer, Carrier, MemberState, Site

__all__ = [
    "CARRIES_UPGRADES",
    "DIRECTIVES",
    "FLAGS",
    "HOT_SPARES",
    "PARAMETERS",
    "VALUES",
    "Since",
    "first_version",
    "too_old_for",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """The first version that knows something.

    Attributes:
        version: such as ``(2, 4, 58)``.
        source: where that is written.
    """

    version: tuple[int, int, int]
    source: str

    @property
    def text(self) -> str:
        """Such as ``2.4.58``."""
        return ".".join(map(str, self.version))


def _since(patch: int, source: str) -> Since:
    return Since(version=(2, 4, patch), source=source)


CARRIES_UPGRADES = _since(49, "CHANGES 2.4.47 (new), CHANGES 2.4.49 (PR 65519, PR 65521); measured on 2.4.48")
"""mod_proxy_http as the carrier of tunnels: new in 2.4.47, but until 2.4.49 tunnels stall and time out falsely."""

HOT_SPARES = _since(34, "CHANGES 2.4.34: mod_proxy_balancer, member type R")
"""Members of status R."""

DIRECTIVES = {
    "<iffile": _since(34, "manual, core: IfFile"),
    "<ifdirective": _since(34, "manual, core: IfDirective"),
    "<ifsection": _since(34, "manual, core: IfSection"),
    "h2proxyrequests": _since(58, "manual, mod_http2: H2ProxyRequests"),
    "h2websockets": _since(58, "manual, mod_http2: H2WebSockets"),
    "httpprotocoloptions": _since(24, "manual, core: HttpProtocolOptions"),
    "mergeslashes": _since(39, "manual, core: MergeSlashes"),
    "proxyhcexpr": _since(21, "manual, mod_proxy_hcheck"),
    "proxyhctemplate": _since(21, "manual, mod_proxy_hcheck"),
    "proxywebsocketfallbacktoproxyhttp": _since(48, "manual, mod_proxy_wstunnel: ProxyWebsocketFallbackToProxyHttp"),
    "remoteipproxyprotocol": _since(31, "manual, mod_remoteip: RemoteIPProxyProtocol"),
    "stricthostcheck": _since(49, "manual, core: StrictHostCheck"),
}
"""By their lower-case names, sections with their bracket; what is not here is as old as 2.4.12."""

PARAMETERS = {
    "addressttl": _since(58, "manual, mod_proxy: addressttl"),
    **dict.fromkeys(
        ("hcexpr", "hcfails", "hcinterval", "hcmethod", "hcpasses", "hctemplate", "hcuri"),
        _since(21, "manual, mod_proxy_hcheck"),
    ),
    "mapping": _since(49, "manual, mod_proxy: mapping=servlet"),
    "responsefieldsize": _since(34, "manual, mod_proxy: responsefieldsize"),
    "secret": _since(42, "manual, mod_proxy: secret"),
    "upgrade": _since(26, "CHANGES 2.4.26: mod_proxy_wstunnel"),
}
"""Of members, balancers and ProxyPass lines, in lower case."""

FLAGS = {
    **dict.fromkeys(("BCTLS", "BNE"), _since(57, "manual, mod_rewrite: RewriteRule flags")),
    **dict.fromkeys(("UNSAFEALLOW3F", "UNSAFEPREFIXSTAT"), _since(60, "CHANGES 2.4.60: mod_rewrite, CVE-2024-38474")),
}
"""Of RewriteRule, in upper case; what is not here is as old as 2.4.12, or newer than 2.4.60."""

UNITS = _since(28, "CHANGES 2.4.28: mod_watchdog, mod_proxy_hcheck, time intervals with units")
"""A unit behind the number of ``hcinterval``."""

VALUES = {
    ("upgrade", "any"): _since(28, "CHANGES 2.4.28: mod_proxy_wstunnel, any protocol, PR 61142"),
    ("hcmethod", "get11"): _since(55, "CHANGES 2.4.55: mod_proxy_hcheck, HTTP/1.1 probes"),
    ("hcmethod", "head11"): _since(55, "CHANGES 2.4.55: mod_proxy_hcheck, HTTP/1.1 probes"),
    ("hcmethod", "options11"): _since(55, "CHANGES 2.4.55: mod_proxy_hcheck, HTTP/1.1 probes"),
}
"""Of parameters that older versions know with other values, in lower case."""


def first_version(name: str) -> Since | None:
    """Since when httpd knows this directive or parameter; None: at least since 2.4.12."""
    return DIRECTIVES.get(name.lower()) or PARAMETERS.get(name.lower())


def too_old_for(site: Site, carrier: Carrier, installation: Installation) -> tuple[str, ...]:
    """What this version is too old for, as ``H2WebSockets (httpd 2.4.58 and later)``; empty when it can serve the site.

    Args:
        site: what is to be served.
        carrier: module that must carry the tunnels, where the site names none.
        installation: the httpd.
    """
    found: dict[str, None] = {}
    for name, since in _asked(site, site.carrier or carrier):
        if not installation.at_least(*since.version):
            found[f"{name} (httpd {since.text} and later)"] = None
    return tuple(found)


def _asked(site: Site, carrier: Carrier) -> Iterator[tuple[str, Since]]:
    if carrier is Carrier.HTTP:
        yield "dependable upgrades over mod_proxy_http", CARRIES_UPGRADES
    for text in (*site.directives, *site.tls_directives):
        for line in text.splitlines():
            name = line.split(None, 1)[0].rstrip(">") if line.strip() else ""
            if since := DIRECTIVES.get(name.lower()):
                yield name.lstrip("<"), since
    for balancer in site.balancers:
        if any(member.state is MemberState.SPARE for member in balancer.members):
            yield "hot spares (status=+R)", HOT_SPARES
        for name, value in _parameters(balancer):
            units = UNITS if name.lower() == "hcinterval" and not value.isdigit() else None
            for since in (PARAMETERS.get(name.lower()), VALUES.get((name.lower(), value.lower())), units):
                if since:
                    yield f"{name}={value}", since


def _parameters(balancer: Balancer) -> Iterator[tuple[str, str]]:
    yield from balancer.parameters
    for member in balancer.members:
        yield from member.parameters
