"""What the cures of the rules tell to write, each word as the smallest configuration that has it, and since when."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wslb.proxies.apache.conf.vocabulary import LBMETHODS

__all__ = ["ALWAYS", "WORDS", "Word", "words_in"]

ALWAYS = (2, 4, 0)

Version = tuple[int, int, int]

_WORD = re.compile(
    r"\bSSL[A-Z]\w+|\b[A-Z][a-z0-9]+(?:[A-Z]+[a-z0-9]*)+\b|<[A-Z]\w+|\b(?:Require|Listen|Define|Timeout|Use)\b|\bGET11\b"
    r"|\b[a-z]+=|\bmod_\w+|\b\w+_module\b|TLSv1\.\d"
)


def words_in(cure: str) -> frozenset[str]:
    """Directives, parameters, modules and values in a cure; a module by its name without ``mod_`` and ``_module``."""
    return frozenset(_named(word) for word in _WORD.findall(cure)) - {"WebSocket"}


def _named(word: str) -> str:
    return "module " + re.sub(r"^mod_|_module$", "", word) if re.search(r"^mod_|_module$", word) else word


@dataclass(frozen=True)
class Word:
    """A word of a cure.

    Attributes:
        written: lines that use it; ``@`` is the URL of a member.
        since: first version that takes it; `ALWAYS` for every 2.4.
        source: where that is known from.
        cures_since: first version in which it does what cures want of it, where that is later.
    """

    written: str
    since: Version = ALWAYS
    source: str = "the manual of httpd 2.4, which names no later version"
    cures_since: Version | None = None

    @property
    def useful(self) -> Version:
        """First version in which a cure may name it."""
        return self.cures_since or self.since


def _member(parameter: str, since: Version = ALWAYS, source: str = "", useful: Version | None = None) -> Word:
    return Word(f"BalancerMember balancer://c @ {parameter}", since, source or Word("").source, useful)


def _balancer(parameter: str) -> Word:
    return Word(f"<Proxy balancer://c>\nBalancerMember @\nProxySet {parameter}\n</Proxy>")


_HCHECK = "the manual of mod_proxy_hcheck: available in 2.4.21 and later"

_BALANCING = ("proxy", "proxy_balancer", "proxy_wstunnel", "slotmem_shm", *(f"lbmethod_{m}" for m in LBMETHODS))
_OTHERS = ("authz_core", "heartbeat", "ssl", "mpm_event", "watchdog")

WORDS: dict[str, Word] = {
    "<Directory": Word("<Directory /srv/www>\n</Directory>"),
    "<Location": Word("<Location /x>\n</Location>"),
    "<Macro": Word("<Macro name>\n</Macro>", (2, 4, 5), "the manual of mod_macro"),
    "<Proxy": Word("<Proxy balancer://c>\nBalancerMember @\n</Proxy>"),
    "AllowOverride": Word("<Directory /srv/www>\nAllowOverride FileInfo\n</Directory>"),
    "BalancerMember": Word("BalancerMember balancer://c @"),
    "DefaultRuntimeDir": Word("DefaultRuntimeDir /tmp", (2, 4, 2), "the manual of core"),
    "Define": Word("Define NAME value"),
    "FileInfo": Word("<Directory /srv/www>\nAllowOverride FileInfo\n</Directory>"),
    "GET11": _member("hcmethod=GET11 hcuri=/x", (2, 4, 55), "CHANGES of 2.4.55; refused by 2.4.54"),
    "HeartbeatListen": Word("HeartbeatListen 239.0.0.1:27999"),
    "IncludeOptional": Word("IncludeOptional /nowhere/x.conf", (2, 4, 35), "refused by 2.4.27, accepted by 2.4.35"),
    "Listen": Word("Listen 127.0.0.1:8099"),
    "LoadModule": Word("LoadModule alias_module @MODULES@/mod_alias.so"),
    "MaxConnectionsPerChild": Word("MaxConnectionsPerChild 0"),
    "MaxRequestWorkers": Word("MaxRequestWorkers 100"),
    "MaxSpareThreads": Word("MaxSpareThreads 100"),
    "ProxyPass": Word("ProxyPass /balancer-manager !\nProxyPass /x @"),
    "ProxyPassMatch": Word("ProxyPassMatch ^/ws(.*)$ @/path$1"),
    "ProxyPreserveHost": Word("ProxyPreserveHost On\nProxyPreserveHost Off"),
    "ProxyRequests": Word("ProxyRequests Off"),
    "ProxySet": _balancer("lbmethod=byrequests"),
    "ProxyWebsocketFallbackToProxyHttp": Word(
        "ProxyWebsocketFallbackToProxyHttp On",
        (2, 4, 48),
        "CHANGES of 2.4.48; the manual says 2.4.47",
    ),
    "Require": Word("<Location /x>\nRequire local\n</Location>\n<Location /y>\nRequire ip 192.0.2.0/24\n</Location>"),
    "RewriteCond": Word(
        "RewriteEngine On\nRewriteCond %{HTTP:Connection} upgrade [NC]\nRewriteRule ^/ws(.*)$ @$1 [P,L]"
    ),
    "RewriteEngine": Word("RewriteEngine On"),
    "RewriteMap": Word("RewriteMap hosts txt:@CA@"),
    "RewriteRule": Word("RewriteEngine On\nRewriteRule ^/ws(.*)$ @/path$1 [P,L]"),
    "SSLCertificateFile": Word("SSLCertificateFile @CA@"),
    "SSLCertificateKeyFile": Word("SSLCertificateKeyFile @CA@"),
    "SSLEngine": Word("SSLEngine off"),
    "SSLProxyCACertificateFile": Word("SSLProxyCACertificateFile @CA@"),
    "SSLProxyCheckPeerName": Word("SSLProxyCheckPeerName on", (2, 4, 5), "the manual of mod_ssl"),
    "SSLProxyEngine": Word("SSLProxyEngine on"),
    "SSLProxyProtocol": Word("SSLProxyProtocol TLSv1.2"),
    "SSLProxyVerify": Word("SSLProxyVerify require"),
    "ServerLimit": Word("ServerLimit 4"),
    "StartServers": Word("StartServers 4"),
    "ServerName": Word("ServerName www.example.org"),
    "TLSv1.2": Word("SSLProxyProtocol TLSv1.2"),
    "ThreadLimit": Word("ThreadLimit 100"),
    "ThreadsPerChild": Word("ThreadsPerChild 20"),
    "Timeout": Word("Timeout 60"),
    "Use": Word("<Macro name>\nTimeout 60\n</Macro>\nUse name", (2, 4, 5), "the manual of mod_macro"),
    "hcexpr=": Word(
        "ProxyHCExpr ok {%{REQUEST_STATUS} =~ /^426/}\nBalancerMember balancer://c @ hcmethod=GET hcexpr=ok",
        (2, 4, 21),
        _HCHECK,
    ),
    "hcmethod=": _member("hcmethod=TCP", (2, 4, 21), _HCHECK),
    "hcuri=": _member("hcmethod=GET hcuri=/x", (2, 4, 21), _HCHECK),
    "hcinterval=": _member("hcinterval=5", (2, 4, 21), _HCHECK),
    "hcpasses=": _member("hcpasses=2", (2, 4, 21), _HCHECK),
    "hcfails=": _member("hcfails=2", (2, 4, 21), _HCHECK),
    "responsefieldsize=": _member("responsefieldsize=9000", (2, 4, 34), "the manual of mod_proxy"),
    "secret=": _member("secret=x", (2, 4, 42), "the manual of mod_proxy"),
    "addressttl=": _member("addressttl=5", (2, 4, 58), "the manual of mod_proxy"),
    "lbmethod=": _balancer("lbmethod=bybusyness"),
    "loadfactor=": _member("loadfactor=2"),
    "nonce=": _balancer("nonce=x"),
    "retry=": _member("retry=5"),
    "route=": _member("route=name"),
    "status=": _member("status=+D"),
    "stickysession=": _balancer("stickysession=ROUTEID"),
    "timeout=": _member("timeout=5"),
    "upgrade=": _member(
        "upgrade=websocket",
        (2, 4, 26),
        "CHANGES of 2.4.26; carried by mod_proxy_http from 2.4.47 on (CHANGES)",
        (2, 4, 47),
    ),
    "module proxy_hcheck": Word("", (2, 4, 21), _HCHECK),
    "module proxy_http": Word("", cures_since=(2, 4, 47), source="CHANGES of 2.4.47: mod_proxy_http carries upgrades"),
    **{f"module {name}": Word("") for name in (*_BALANCING, *_OTHERS)},
}
"""Every word that a cure may name."""
