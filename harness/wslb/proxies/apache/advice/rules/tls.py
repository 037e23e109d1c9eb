"""TLS towards the members. HTTP Server for i has directives of its own for all of this: then nothing is said."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Older, Rule, Severity, Spot
from wslb.proxies.apache.conf.balancers import MemberLine
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.scope import Scope

__all__ = ["RULES"]


def _secure(conf: Configuration) -> Iterator[tuple[Scope, MemberLine]]:
    """Members that tunnels reach over TLS, ``wss://`` or ``https://`` with upgrade=, each with a server of it."""
    if conf.modules.ibm_i:
        return
    for balancer in conf.balancers:
        users = [mounting.scope for mounting in conf.mountings_of(balancer)] or [balancer.scope]
        yield from ((users[0], member) for member in balancer.members if _over_tls(member))
    grouped = {id(member.directive) for balancer in conf.balancers for member in balancer.members}
    for scope, member in conf.direct_members():
        if _over_tls(member) and id(member.directive) not in grouped:
            yield scope, member


def _over_tls(member: MemberLine) -> bool:
    return member.scheme == "wss" or (member.scheme == "https" and member.websocket)


def _settings(scope: Scope, name: str) -> Iterator[Directive]:
    """Directives of this name that may count for a proxied request: of the server, its main server, and <Proxy>."""
    for server in (scope, scope.main):
        if server is None:
            continue
        for placed in server.all(name):
            if all(section.key in {"proxy", "proxymatch"} for section in placed.around):
                yield placed.directive


def _value(scope: Scope, name: str) -> str:
    """Value that counts, in lower case; empty where nothing is said."""
    return next((directive.first.lower() for directive in _settings(scope, name)), "")


def _engine(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: 500 with AH00961; SSLProxyEngine in the main server or in <Proxy> is enough."""
    for scope, member in _secure(conf):
        if not any(directive.first.lower() == "on" for directive in _settings(scope, "sslproxyengine")):
            severity = None if conf.whole or scope.section else Severity.WARNING
            yield Spot(member.directive, f"{member.url}, but SSLProxyEngine is not on", severity=severity)


def _stall(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71 with OpenSSL 3: 30 of 52 opens hang over TLS 1.3, 0 of 12 with SSLProxyProtocol TLSv1.2."""
    for scope, member in _secure(conf):
        if conf.carrier(scope) != "proxy_wstunnel" or member.scheme != "wss":
            continue
        protocols = [word.lower() for directive in _settings(scope, "sslproxyprotocol") for word in directive.words]
        if not protocols or (_allows(protocols) and "${" not in "".join(protocols)):
            yield Spot(member.directive, f"{member.url} over mod_proxy_wstunnel may speak TLS 1.3")


def _allows(protocols: list[str]) -> bool:
    """Whether this list of SSLProxyProtocol leaves TLS 1.3 in."""
    allowed = False
    for word in protocols:
        if word in {"all", "+all", "+tlsv1.3", "tlsv1.3"}:
            allowed = True
        elif word in {"-all", "-tlsv1.3"}:
            allowed = False
    return allowed


def _address(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: a certificate with ``IP:127.0.0.1`` gets 500; the address as CN or as a DNS name is taken."""
    for scope, member in _secure(conf):
        checked = _value(scope, "sslproxycheckpeername")
        if checked == "off" or not _is_address(member.host):
            continue
        said = Severity.NOTE if checked == "on" else None
        yield Spot(member.directive, f"{member.url} is named by its address, and the name is checked", severity=said)


def _is_address(host: str) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.rpartition(":")[0] or host
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _unchecked(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with Verify none and the name check off, any certificate is taken."""
    told: set[tuple[str, int]] = set()
    for scope, member in _secure(conf):
        for name in ("sslproxyverify", "sslproxycheckpeername"):
            for directive in _settings(scope, name):
                place = (directive.file, directive.line)
                if directive.first.lower() in {"off", "none", "optional_no_ca"} and place not in told:
                    told.add(place)
                    yield Spot(directive, f"{directive} while members are {member.scheme}://")


def _unverified(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: without SSLProxyVerify a certificate of a private CA is taken; name and expiry are checked."""
    for scope, member in _secure(conf):
        if not _value(scope, "sslproxyverify"):
            yield Spot(member.directive, f"{member.url}, and SSLProxyVerify is not set")
            return


def _no_ca(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71, both carriers: with Verify require and no CA every request gets 500 (AH00898, AH01084)."""
    for scope, _ in _secure(conf):
        required = next((d for d in _settings(scope, "sslproxyverify") if d.first.lower() == "require"), None)
        files = ("sslproxycacertificatefile", "sslproxycacertificatepath")
        if required and not any(_value(scope, name) for name in files):
            yield Spot(required, "SSLProxyVerify require, but no SSLProxyCACertificateFile")
            return


def _preserved(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71, both carriers: with ProxyPreserveHost On the client's Host is compared, not the member's: 500."""
    for scope, member in _secure(conf):
        preserve = next((d for d in _hosts(scope) if d.first.lower() == "on"), None)
        if preserve and _value(scope, "sslproxycheckpeername") != "off":
            yield Spot(preserve, f"ProxyPreserveHost On, and {member.url} has its name checked")
            return


def _hosts(scope: Scope) -> Iterator[Directive]:
    for server in (scope, scope.main):
        if server:
            yield from (placed.directive for placed in server.all("proxypreservehost"))


def _mixed(conf: Configuration) -> Iterator[Spot]:
    """From the configuration: the client's wss ends here, and the next hop is in the clear."""
    for balancer in conf.balancers:
        tunnels = [member for member in balancer.members if member.websocket and member.scheme in _HOPS]
        plain = [member for member in tunnels if not _over_tls(member)]
        if plain and len(plain) < len(tunnels):
            yield Spot(plain[0].directive, f"{plain[0].url} is in the clear, other members of its balancer are not")


_HOPS = frozenset({"ws", "wss", "http", "https"})


def _no_engine(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: without SSLEngine On port 443 is served in plain HTTP (AH01916), a wss:// client gets no answer.

    Also seen there: neither ``Listen 443 https`` nor SSLCertificateFile switches it on; On in the main server does.
    """
    if conf.modules.ibm_i or any(flaw.kind == "missing" for flaw in conf.flaws):
        return  # an options file of a certificate tool, which is included there, has the directive
    for scope in conf.scopes[1:]:
        section = scope.section
        if section is None or scope.setting("sslengine") is not None or scope.all("sslengine"):
            continue
        ports = {word.rpartition(":")[2] for word in section.words}
        certificate = next((placed.directive for placed in scope.all("sslcertificatefile")), None)
        tunnels = any(conf.tunnels_to(mounting) for mounting in conf.mountings_in(scope))
        if tunnels and (ports == {"443"} or certificate):
            why = "of port 443" if ports == {"443"} else f"with {certificate}"
            severity = None if conf.whole else Severity.WARNING
            yield Spot(section, f"{section} {why} has no SSLEngine", severity=severity)


RULES = (
    Rule(
        id="WSLB-C070",
        severity=Severity.ERROR,
        why="httpd does not speak TLS to backends unless told to: every request is answered 500 (AH00961).",
        cure="SSLProxyEngine on, in the server that has the ProxyPass or in the main one",
        find=_engine,
    ),
    Rule(
        id="WSLB-C071",
        severity=Severity.WARNING,
        why="It waits on the socket while mod_ssl already holds the 101 behind a session ticket: more than half of the "
        "opens hang, and nothing is logged.",
        cure="SSLProxyProtocol TLSv1.2, or let mod_proxy_http carry the tunnels",
        older=Older(before=(2, 4, 47), cure="SSLProxyProtocol TLSv1.2"),
        find=_stall,
    ),
    Rule(
        id="WSLB-C072",
        severity=Severity.WARNING,
        why="mod_ssl does not look at IP addresses in a certificate (SAN IP): unless its CN or a DNS name is the "
        "address itself, every request is answered 500.",
        cure="Name the member by a host name of its certificate.",
        find=_address,
    ),
    Rule(
        id="WSLB-C073",
        severity=Severity.WARNING,
        why="Whoever answers on that address is taken for the backend.",
        cure="SSLProxyVerify require, SSLProxyCACertificateFile, SSLProxyCheckPeerName on",
        find=_unchecked,
    ),
    Rule(
        id="WSLB-C074",
        severity=Severity.NOTE,
        why="Name and expiry are, by default, but a certificate of any issuer is taken.",
        cure="SSLProxyVerify require with SSLProxyCACertificateFile",
        find=_unverified,
    ),
    Rule(
        id="WSLB-C075",
        severity=Severity.ERROR,
        why="No certificate can be verified against nothing: every request is answered 500 (AH00898).",
        cure="SSLProxyCACertificateFile with the issuer of the backends' certificates",
        find=_no_ca,
    ),
    Rule(
        id="WSLB-C076",
        severity=Severity.WARNING,
        why="With it the certificate is compared with the client's Host instead of the member's name: unless it has "
        "both, every request is answered 500 (AH00898).",
        cure="ProxyPreserveHost Off (the backend finds the client's host in X-Forwarded-Host), or that name in the "
        "backends' certificates",
        find=_preserved,
    ),
    Rule(
        id="WSLB-C077",
        severity=Severity.WARNING,
        why="Half of the tunnels travel in the clear, in turns.",
        cure="The same scheme for all members.",
        find=_mixed,
    ),
    Rule(
        id="WSLB-C078",
        severity=Severity.ERROR,
        why="It speaks plain HTTP there: the TLS handshake of every wss:// and https:// client fails.",
        cure="SSLEngine on, with SSLCertificateFile and SSLCertificateKeyFile",
        find=_no_engine,
    ),
)
