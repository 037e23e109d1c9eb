"""Names that mod_proxy and its neighbours know: parameters, directives, lbmethods."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache

__all__ = [
    "BALANCER_PARAMETERS",
    "DIRECTIVES",
    "HC_METHODS",
    "LBMETHODS",
    "LINE_PARAMETERS",
    "MEMBER_PARAMETERS",
    "OTHER_DIRECTIVES",
    "SCHEMES",
    "SERVER_ONLY",
    "SHARED_PARAMETERS",
    "USUAL_MODULES",
    "meant",
]


@lru_cache(maxsize=256)
def meant(word: str, known: frozenset[str], *, cutoff: float = 0.7) -> str:
    """The known word that a misspelt one comes close to; empty when none does, or when there is too much to compare."""
    if len(known) > 500 or len(word) > 60:
        return ""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=cutoff)), "")


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LBMETHODS = _names("byrequests bytraffic bybusyness heartbeat")

SCHEMES = frozenset(_names("ws wss http https h2 h2c ajp fcgi scgi uwsgi ftp fdpass"))
"""Schemes that a module of httpd carries."""

HC_METHODS = frozenset(_names("tcp options head get options11 head11 get11 none"))
"""Ways of mod_proxy_hcheck to ask a member, in lower case; CPING needs mod_proxy_ajp."""

BALANCER_PARAMETERS = frozenset(
    _names(
        """stickysession stickysessionsep nofailover maxattempts lbmethod nonce growth scolonpathdelim failonstatus
        failontimeout forcerecovery"""
    )
)
"""Taken by balancers only (mod_proxy.c, set_balancer_param)."""

MEMBER_PARAMETERS = frozenset(
    _names(
        """loadfactor retry ttl min max smax acquire iobuffersize receivebuffersize keepalive disablereuse enablereuse
        route redirect status flushpackets flushwait ping lbset connectiontimeout upgrade responsefieldsize secret
        addressttl hcmethod hcpasses hcfails hcinterval hcuri hcexpr hctemplate"""
    )
)
"""Taken by members only (mod_proxy.c, set_worker_param; mod_proxy_hcheck for those with hc)."""

SHARED_PARAMETERS = frozenset({"timeout"})
"""Taken by both, with different meanings."""

LINE_PARAMETERS = frozenset(_names("nocanon interpolate noquery mapping"))
"""Of the ProxyPass line itself."""

DIRECTIVES = {
    name.lower(): name
    for name in _names(
        """ProxyPass ProxyPassMatch ProxyPassReverse ProxyPassReverseCookieDomain ProxyPassReverseCookiePath
        ProxyPassInherit ProxyPassInterpolateEnv ProxyPreserveHost ProxyRequests ProxySet ProxyStatus ProxyTimeout
        ProxyVia ProxyAddHeaders ProxyBadHeader ProxyErrorOverride ProxyIOBufferSize ProxyMatch Proxy ProxyMaxForwards
        ProxyRemote ProxyRemoteMatch ProxyHCExpr ProxyWebsocketFallbackToProxyHttp BalancerGrowth BalancerInherit
        BalancerMember BalancerPersist SSLProxyEngine SSLProxyVerify SSLProxyVerifyDepth SSLProxyProtocol
        SSLProxyCipherSuite SSLProxyCACertificateFile SSLProxyCACertificatePath SSLProxyCARevocationFile
        SSLProxyCARevocationPath SSLProxyCheckPeerCN SSLProxyCheckPeerExpire SSLProxyCheckPeerName
        SSLProxyMachineCertificateFile SSLProxyMachineCertificatePath SSLProxyMachineCertificateChainFile"""
    )
}
"""Directives about proxying that users write, by their lower-case names."""

OTHER_DIRECTIVES = frozenset(
    _names(
        """proxywebsocketidletimeout proxywebsocketasync proxywebsocketasyncdelay proxyblock proxydomain
        proxyftpdircharset proxyftplistonwildcard proxyftpescapewildcards proxyfcgibackendtype proxyfcgisetenvif
        proxyhctemplate proxyhctpsize proxyexpressdbmfile proxyexpressdbmtype proxyexpressenable proxyhtmlbufsize
        proxyhtmlcharsetout proxyhtmldoctype proxyhtmlenable proxyhtmlevents proxyhtmlextended proxyhtmlfixups
        proxyhtmlinterp proxyhtmllinks proxyhtmlmeta proxyhtmlstripcomments proxyhtmlurlmap proxyscgiinternalredirect
        proxyscgisendfile proxysourceaddress proxyreceivebuffersize sslproxycarevocationcheck sslproxydisable
        sslproxyappname sslproxyprotocoldisable"""
    )
)
"""Further names that are no misspelling: rare ones, those of HTTP Server for i, those of the next httpd."""

USUAL_MODULES = _names(
    """mpm_event unixd log_config authz_core authz_host authz_user authz_groupfile authn_core authn_file auth_basic
    access_compat alias dir mime env setenvif headers rewrite filter deflate expires negotiation autoindex status
    remoteip reqtimeout http2 proxy proxy_http proxy_wstunnel proxy_http2 proxy_ajp proxy_fcgi slotmem_shm
    proxy_balancer
    lbmethod_byrequests lbmethod_bytraffic lbmethod_bybusyness lbmethod_heartbeat proxy_hcheck socache_shmcb
    ssl macro"""
)
"""Modules that a fragment is read with, in loading order, because its own server would have loaded them."""

SERVER_ONLY = re.compile(
    r"^(?:proxy(?!fcgi)\w*|balancer\w+|sslproxy\w+|sslengine|sslcertificate\w+|listen|loadmodule|virtualhost|location"
    r"|locationmatch|directory|directorymatch|rewritemap|timeout|keepalive\w*|servername|serveralias|documentroot"
    r"|allowoverride|maxrequestworkers|define)$"
)
"""Names in lower case that a ``.htaccess`` may not have: httpd says ``not allowed here``, and answers 500."""
