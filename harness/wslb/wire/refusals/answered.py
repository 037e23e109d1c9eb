"""Causes where an HTTP answer came that opens no tunnel: 2xx and 3xx, 4xx, and what is not HTTP/1.1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from wslb.model.handshake import header_values, one_header, tokens
from wslb.wire.refusals import gateways, lost
from wslb.wire.refusals.cause import Likely, RefusalRule
from wslb.wire.refusals.refusal import Refusal
from wslb.wire.refusals.silent import CLIENT_CERTIFICATE, TLS_WANTED

__all__ = ["RULES"]

_CDNS = frozenset({"Cloudflare", "CloudFront", "Akamai", "Varnish", "Google Frontend"})

_PATHS = {
    "nginx": ("No location of nginx fits this host and path", "Add a location for the path to the server of this name"),
    "Apache": ("Apache has no ProxyPass for this path in the virtual host that answered",
               "Add ProxyPass for the path, or look which <VirtualHost> has the URL's host and port: apachectl -S"),
    "Traefik": ("No router of Traefik matches this host and path",
                "Add a router whose rule has them, on the entry point of this port"),
    "Envoy": ("No route of Envoy matches this host and path", "Add them to domains and match of a route"),
    "Caddy": ("No route of Caddy matches this host and path", "Add a reverse_proxy for the path to the site"),
}  # fmt: skip

_FORBIDDEN = {
    "nginx": ("nginx itself forbids it", "Look at allow, deny, auth_request and satisfy of the location"),
    "Apache": ("Apache itself forbids it", "Look at Require of <Location> and <Proxy>, and at the error log (AH01630)"),
    "Caddy": ("Caddy itself forbids it", "Look at respond, error and the matchers of the site (remote_ip)"),
    "HAProxy": ("A rule of HAProxy forbids it", "Look at the lines http-request deny of frontend and backend"),
}  # fmt: skip


def _broken_101(it: Refusal) -> Iterator[Likely]:
    if it.status != 101:
        return
    if tokens(it.response, "Upgrade") != ("websocket",) or "upgrade" not in tokens(it.response, "Connection"):
        yield Likely(
            name="fields lost on the way back",
            cause="Something on the way took Upgrade or Connection out of the server's 101",
            remedy="Let the proxy pass both on in answers too, or speak HTTP/1.1 on the whole way",
        )
    yield Likely(
        name="broken 101",
        cause="The answer is a 101 that does not belong to this handshake",
        remedy="Ask the server behind the proxy directly and compare: RFC 6455 section 4.2.2",
    )


def _page(it: Refusal) -> Iterator[Likely]:
    if it.status is None or not 200 <= it.status < 300:
        return
    yield from lost.named(it)
    yield Likely(
        name="web page",
        cause="The path leads to a page, not to a WebSocket",
        remedy="Ask the path of the WebSocket: browsers show it under Network, WS",
    )
    yield lost.upgrade(it)


def _redirect(it: Refusal) -> Iterator[Likely]:
    location = it.field("Location")
    if it.status not in {300, 301, 302, 303, 307, 308} or not location:
        return
    asked, new = urlsplit(it.url), urlsplit(location)
    where = new.netloc or asked.netloc
    ws = {"http": "ws", "https": "wss", "": asked.scheme}.get(new.scheme, new.scheme)
    better = f"{ws}://{where}{new.path or '/'}{f'?{new.query}' if new.query else ''}"
    same = (new.hostname or asked.hostname) == asked.hostname
    if re.search(r"(?i)log-?in|log-?on|sign-?in|oauth|openid|saml|/sso|auth(orize|enticate)?(/|$|\?)", location):
        yield Likely(
            name="login",
            cause="The server sends a client that is not logged in to a login page",
            remedy="Send what the login gives: --cookie NAME=VALUE, --header 'Authorization: …' or --user",
        )
    if same and new.scheme == "https" and not it.secure:
        yield Likely(name="redirect to TLS", cause="The server wants TLS", remedy=f"Ask {better}")
    if same and new.path.rstrip("/") == asked.path.rstrip("/") and new.path != (asked.path or "/"):
        yield Likely(
            name="slash",
            cause=f"The path wants {'a' if new.path.endswith('/') else 'no'} slash at its end",
            remedy=f"Ask {better}: a WebSocket client follows no redirect",
        )
    yield Likely(
        name="redirect",
        cause="The server redirects, and a WebSocket client follows no redirect",
        remedy=f"Ask {better}, if that is the WebSocket's place",
    )


def _scheme(it: Refusal) -> Iterator[Likely]:
    if it.status in {400, 301, 497} and it.says(
        r"plain HTTP request was sent to HTTPS|plain HTTP to an SSL-enabled|HTTP request to an HTTPS server|"
        r"requires TLS|combination of host and port requires TLS"
    ):
        yield TLS_WANTED
    if it.status in {400, 403, 495, 496} and it.says(
        r"SSL certificate (was sent|error)|No required SSL|client certificate"
    ):
        yield CLIENT_CERTIFICATE


def _version(it: Refusal) -> Iterator[Likely]:
    """RFC 6455 section 4.4: a server that cannot speak the version says which it can."""
    sent = one_header(it.request, "Sec-WebSocket-Version") or "13"
    spoken = tokens(it.response, "Sec-WebSocket-Version")
    if it.status in {400, 426} and spoken and sent not in spoken:
        yield Likely(
            name="version",
            cause=f"The server speaks version {', '.join(spoken)} of the protocol, and {sent} was sent",
            remedy="Let the server's library speak version 13 (RFC 6455)",
        )
    elif it.status == 400 and it.says(r"sec-websocket-version|unsupported version|websocket version") and sent != "13":
        yield Likely(
            name="version",
            cause=f"The server does not speak version {sent} of the protocol",
            remedy="Send Sec-WebSocket-Version: 13, the only one of RFC 6455",
        )


def _application(it: Refusal) -> Iterator[Likely]:
    """Answers of well-known libraries that say what is wrong."""
    if it.says(r"session id unknown"):
        yield Likely(
            name="not sticky",
            cause="socket.io began at one backend and went on at another, which does not know the session",
            remedy="Make the proxy sticky, or let clients use WebSocket alone: transports: ['websocket']",
        )
    if it.says(r"transport unknown|unsupported protocol version"):
        yield Likely(
            name="socket.io",
            cause="A socket.io server wants its own query (EIO, transport)",
            remedy="Speak its protocol: --speak socketio",
        )
    if it.status in {400, 403, 421} and it.says(
        r"invalid host|disallowed ?host|bad host|host not allowed|dns.rebinding"
    ):
        yield Likely(
            name="host refused",
            cause="The server does not take this Host: the proxy sends another, or it is not on its list",
            remedy="Pass the client's on (nginx: proxy_set_header Host $http_host, Apache: ProxyPreserveHost On), or "
            "put it on the server's list of hosts",
        )
    if it.says(r"unsupported HTTP version|expected HTTP/1\.1|HTTP/1\.1 (is )?required|HTTP version.{0,30}1\.1"):
        yield Likely(
            name="HTTP/1.0",
            cause="The request reached the backend as HTTP/1.0, which has no Upgrade",
            remedy="Let the proxy speak HTTP/1.1 to it (nginx: proxy_http_version 1.1, Apache: take "
            "force-proxy-request-1.0 away)",
        )


def _credentials(it: Refusal) -> Iterator[Likely]:
    if it.status == 407:
        yield Likely(
            name="forward proxy",
            cause="A proxy of the client's own network wants a login",
            remedy="Ask from a network without it",
        )
    if it.status != 401:
        return
    schemes = {value.split()[0].lower() for value in header_values(it.response, "WWW-Authenticate") if value.split()}
    if "basic" in schemes:
        how = "Give name and password: --user NAME:PASSWORD"
    elif "bearer" in schemes:
        how = "Give the token: --header 'Authorization: Bearer …'"
    else:
        how = "Give what it wants: --user, --header 'Authorization: …', --cookie, or a token in the URL's query"
    sent = one_header(it.request, "Authorization") is not None
    cause = "The server does not accept the login that was sent" if sent else "The server wants a login"
    yield Likely(name="login wanted", cause=cause, remedy=how)


def _forbidden(it: Refusal) -> Iterator[Likely]:
    if it.status != 403:
        return
    if it.says(r"\bRBAC\b"):
        yield Likely(
            name="forbidden by the proxy",
            cause="A policy of Envoy forbids it (RBAC)",
            remedy="Look at the rules of the rbac filter",
        )
    elif it.page_of == "Envoy":
        yield lost.upgrade(it)
    if it.says(r"origin"):
        yield _origin(it)
    if it.proxy in _CDNS and it.says(r"challenge|captcha|attention required|just a moment|blocked|enable javascript"):
        yield Likely(
            name="CDN",
            cause=f"{it.proxy} takes the client for a robot and answers with a page of its own",
            remedy="Let its rules pass this path or this client's address, or ask the server behind it directly",
        )
    if it.page_of in _FORBIDDEN:
        cause, remedy = _FORBIDDEN[it.page_of]
        yield Likely(name="forbidden by the proxy", cause=cause, remedy=remedy)
    yield _origin(it)
    yield Likely(
        name="forbidden",
        cause="The application refuses this client: it wants a token, a cookie or another path",
        remedy="Send what a page of it sends (--cookie, --header, --subprotocol), and compare the path",
    )


def _origin(it: Refusal) -> Likely:
    if it.origin is None:
        return Likely(
            name="origin",
            cause="The server wants an Origin, and none was sent",
            remedy="Send the one of its own pages: --origin https://host",
        )
    return Likely(
        name="origin",
        cause=f"The server does not allow pages of {it.origin[:200]} (Origin)",
        remedy="Put that on the server's list of origins; if it compares Origin with Host, let the proxy pass Host on "
        "(nginx: proxy_set_header Host $http_host, Apache: ProxyPreserveHost On)",
    )


def _missing(it: Refusal) -> Iterator[Likely]:
    if it.status not in {404, 410}:
        return
    if it.page_of in _PATHS:
        cause, remedy = _PATHS[it.page_of]
        yield Likely(name="no route", cause=cause, remedy=remedy)
    yield from lost.named(it)
    yield Likely(
        name="path",
        cause=f"The server behind has no WebSocket at {it.path[:200]}",
        remedy="Compare the path with the server's own: a proxy may cut or add its prefix (nginx: a slash at the end "
        "of proxy_pass, Apache: both paths of ProxyPass)",
    )
    yield lost.upgrade(it)


def _method(it: Refusal) -> Iterator[Likely]:
    if it.status == 405:
        allow = f", only {it.field('Allow')[:80]}" if it.field("Allow") else ""
        yield Likely(
            name="path",
            cause=f"The path takes no GET{allow}: it is no WebSocket's",
            remedy="Ask the path of the WebSocket: browsers show it under Network, WS",
        )
        yield lost.upgrade(it)


def _misdirected(it: Refusal) -> Iterator[Likely]:
    if it.status == 421 or it.says(r"hostname provided via SNI|Server Name Indication"):
        yield Likely(
            name="SNI and Host differ",
            cause="The name that TLS was told (SNI) leads to another virtual host than the Host field",
            remedy="Ask by a name that the proxy serves, without a --header 'Host: …' of another",
        )


def _limits(it: Refusal) -> Iterator[Likely]:
    after = f" (Retry-After: {it.field('Retry-After')[:40]})" if it.field("Retry-After") else ""
    if it.status == 429:
        yield Likely(
            name="rate limit",
            cause=f"The server limits how often a client may come{after}",
            remedy="Wait, open more slowly (--count, --rate), or raise the limit for this address (nginx: limit_req, "
            "HAProxy: sc_http_req_rate, Traefik: rateLimit, Envoy: local_ratelimit)",
        )
    if it.status in {413, 414, 431} or (it.status == 400 and it.says(r"header.{0,20}too (large|long)|URI too long")):
        yield Likely(
            name="too long",
            cause="Fields or URL of the handshake are longer than the server takes: often a cookie that has grown",
            remedy="Send less, or raise its limit (nginx: large_client_header_buffers, Apache: LimitRequestFieldSize, "
            "HAProxy: tune.bufsize)",
        )
    if it.status == 408:
        yield Likely(
            name="request timeout",
            cause="The server did not have the whole request in time",
            remedy="Look for something slow between client and server; raise its limit (HAProxy: timeout http-request)",
        )


def _bad(it: Refusal) -> Iterator[Likely]:
    if it.status in {400, 426}:
        yield from lost.named(it)
        if it.status == 426 or not it.page_of:
            yield lost.upgrade(it)
        yield Likely(
            name="bad request",
            cause="The server does not take the handshake as it came",
            remedy="Ask the server behind the proxy directly and compare what arrives there",
        )


def _any(it: Refusal) -> Iterator[Likely]:
    who = it.proxy or "the server"
    yield Likely(
        name="unknown",
        cause=f"{who[0].upper()}{who[1:]} refuses with {it.status}, and the answer does not say why",
        remedy="Read its error log of this moment, and ask the server behind it directly",
    )


RULES: tuple[RefusalRule, ...] = (
    _broken_101, _scheme, _version, _application, _page, _redirect, _credentials, _forbidden, _misdirected, _missing,
    _method, _limits, _bad, *gateways.RULES, _any,
)  # fmt: skip
"""What is certain first."""
