"""Facts of a refusal, and the cause that must stand first."""

from __future__ import annotations

import pytest

from wslb.model.handshake import Headers
from wslb.wire.refusals import Refusal, likely

SENT: Headers = (("Sec-WebSocket-Version", "13"), ("Origin", "https://shop.example.org"))


def nginx_page(title: str, more: str = "") -> str:
    return f"<html>\n<head><title>{title}</title></head>\n<center>{more}</center><hr><center>nginx</center>"


def answer(status: int, *fields: tuple[str, str], body: str = "", url: str = "ws://shop.example.org/ws") -> Refusal:
    return Refusal(url=url, request=SENT, status=status, response=fields, body=body, version="HTTP/1.1", seconds=2.0)


def silence(error: str = "", *, body: str = "", secure: bool = False) -> Refusal:
    return Refusal(url=f"ws{'s' if secure else ''}://shop.example.org/ws", request=SENT, error=error, body=body)


NGINX, APACHE, ENVOY = ("Server", "nginx/1.22.1"), ("Server", "Apache/2.4.62 (Debian)"), ("server", "envoy")
ENVOY_BEHIND = ("x-envoy-upstream-service-time", "3")
UPGRADED = (("Upgrade", "websocket"), ("Connection", "Upgrade"))


@pytest.mark.parametrize(
    ("refusal", "first", "word"),
    [
        (answer(101), "fields lost on the way back", "Upgrade"),
        (answer(101, *UPGRADED), "broken 101", "6455"),
        (answer(200, NGINX, body="<title>Shop</title>"), "web page", "path"),
        (
            answer(200, NGINX, body="This is a WebSocket endpoint: websocket upgrade please"),
            "upgrade lost",
            "proxy_set_h",
        ),
        (answer(301, ("Location", "https://shop.example.org/ws")), "redirect to TLS", "wss://shop.example.org/ws"),
        (answer(301, ("Location", "/ws/")), "slash", "ws://shop.example.org/ws/"),
        (answer(307, ("Location", "http://shop.example.org/ws/")), "slash", "ws://shop.example.org/ws/"),
        (answer(302, ("Location", "https://id.example.org/login?next=/ws")), "login", "--cookie"),
        (answer(308, ("Location", "https://new.example.org/a?b=1")), "redirect", "wss://new.example.org/a?b=1"),
        (answer(302), "unknown", "error log"),
        (
            answer(400, NGINX, body=nginx_page("400 The plain HTTP request was sent to HTTPS port")),
            "TLS wanted",
            "wss://",
        ),
        (answer(400, body="Client sent an HTTP request to an HTTPS server.\n"), "TLS wanted", "wss://"),
        (
            answer(400, APACHE, body="Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />"),
            "TLS wanted",
            "wss://",
        ),
        (
            answer(400, NGINX, body=nginx_page("400 No required SSL certificate was sent")),
            "client certificate",
            "ssl_verify_client",
        ),
        (answer(400, ("Sec-WebSocket-Version", "8, 7")), "version", "8, 7"),
        (
            answer(426, ("Sec-WebSocket-Version", "13"), NGINX, body="Upgrade Required"),
            "upgrade lost",
            "proxy_http_version",
        ),
        (answer(426, APACHE), "upgrade lost", "upgrade=websocket"),
        (answer(426, ENVOY, ENVOY_BEHIND), "upgrade lost", "upgrade_configs"),
        (answer(400, NGINX, body='Can "Upgrade" only to "WebSocket".'), "upgrade lost", "$http_upgrade"),
        (answer(400, body='{"code":3,"message":"Bad request"}'), "upgrade lost", "upgrade=websocket"),
        (answer(400, body='{"code":1,"message":"Session ID unknown"}'), "not sticky", "sticky"),
        (answer(400, body='{"code":0,"message":"Transport unknown"}'), "socket.io", "--speak socketio"),
        (answer(400, body="Invalid host header"), "host refused", "ProxyPreserveHost"),
        (answer(400, body="unsupported HTTP version; expected HTTP/1.1"), "HTTP/1.0", "proxy_http_version 1.1"),
        (answer(505, NGINX), "HTTP/1.0", "proxy_http_version 1.1"),
        (answer(400, NGINX, body=nginx_page("400 Request Header Or Cookie Too Large")), "too long", "large_client"),
        (answer(431), "too long", "cookie"),
        (answer(400, body="what?"), "upgrade lost", "Upgrade"),
        (answer(400, NGINX, body=nginx_page("400 Bad Request")), "bad request", "directly"),
        (answer(401, ("WWW-Authenticate", 'Basic realm="x"')), "login wanted", "--user"),
        (answer(401, ("WWW-Authenticate", "Bearer")), "login wanted", "Authorization: Bearer"),
        (answer(401), "login wanted", "--cookie"),
        (answer(407), "forward proxy", "network"),
        (answer(403, ENVOY), "upgrade lost", "upgrade_configs"),
        (answer(403, ENVOY, body="RBAC: access denied"), "forbidden by the proxy", "rbac"),
        (answer(403, ("Server", "Caddy")), "forbidden by the proxy", "respond"),
        (answer(403, ("Server", "Caddy"), ("Via", "1.1 Caddy")), "origin", "list of origins"),
        (answer(403, ENVOY, ENVOY_BEHIND, body="Origin not allowed"), "origin", "shop.example.org"),
        (answer(403, NGINX, body=nginx_page("403 Forbidden")), "forbidden by the proxy", "deny"),
        (
            answer(403, APACHE, body="You don't have permission to access this resource."),
            "forbidden by the proxy",
            "Require",
        ),
        (
            answer(403, body="<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n"),
            "forbidden by the proxy",
            "http-request deny",
        ),
        (answer(403, ("Server", "cloudflare"), body="<title>Just a moment...</title>"), "CDN", "behind it"),
        (answer(403, NGINX), "origin", "Host"),
        (answer(404, NGINX, body=nginx_page("404 Not Found")), "no route", "location"),
        (answer(404, APACHE, body="<p>The requested URL was not found on this server.</p>"), "no route", "ProxyPass"),
        (answer(404, body="404 page not found\n"), "no route", "router"),
        (answer(404, ENVOY), "no route", "domains"),
        (answer(404, NGINX, body="no such thing"), "path", "prefix"),
        (answer(404, ("Server", "uvicorn"), body='{"detail":"Not Found"}'), "upgrade lost", "Upgrade"),
        (answer(405, ("Allow", "POST")), "path", "only POST"),
        (answer(408), "request timeout", "timeout http-request"),
        (answer(421, APACHE), "SNI and Host differ", "SNI"),
        (answer(429, ("Retry-After", "30")), "rate limit", "30"),
        (answer(500, APACHE, body="The server encountered an internal error or\nmisconf"), "module missing", "AH01144"),
        (answer(500, NGINX), "server error", "error log"),
        (answer(502, NGINX, body=nginx_page("502 Bad Gateway")), "members dead", "upstream"),
        (
            answer(502, body="<h1>502 Bad Gateway</h1>\nThe server returned an invalid or incomplete response.\n"),
            "member hung up",
            "directly",
        ),
        (
            answer(
                502, APACHE, body="The proxy server received an invalid\nresponse<p>Error reading from remote server"
            ),
            "member hung up",
            "directly",
        ),
        (answer(502, body="Bad Gateway"), "members dead", "health check"),
        (
            answer(503, APACHE, body="The server is temporarily unable to service your\nrequest"),
            "members dead",
            "retry=",
        ),
        (
            answer(503, body="<h1>503</h1>\nNo server is available to handle this request.\n"),
            "members dead",
            "redispatch",
        ),
        (answer(503, NGINX, body=nginx_page("503 Service Temporarily Unavailable")), "full", "limit_conn"),
        (answer(503, ENVOY, body="no healthy upstream"), "members dead", "endpoints"),
        (
            answer(
                503, ENVOY, body="upstream connect error or disconnect/reset before headers. reset reason: overflow"
            ),
            "full",
            "circuit_breakers",
        ),
        (
            answer(
                503,
                ENVOY,
                body="upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            ),
            "member hung up",
            "directly",
        ),
        (answer(504, NGINX, body=nginx_page("504 Gateway Time-out")), "member slow", "proxy_read_timeout"),
        (answer(522, ("Server", "cloudflare")), "CDN", "directly"),
        (answer(418), "unknown", "error log"),
        (silence("connection refused"), "nobody listens", "listen"),
        (silence("the connection ended without an answer"), "PROXY protocol", "proxy_protocol"),
        (silence("connection reset by peer", secure=True), "client certificate", "ssl_verify_client"),
        (silence("no answer within 5 s"), "no answer", "maxconn"),
        (silence(body="\x15\x03\x01\x00\x02\x02\x46"), "TLS wanted", "wss://"),
        (silence(body="\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"), "HTTP/2 only", "--http2"),
        (silence(body="SSH-2.0-x"), "another protocol", "port"),
        (silence(body="220 mail.example.org"), "another protocol", "port"),
        (silence(body="hello"), "another protocol", "port"),
        (silence("the connection ended during the answer", body="HTTP/1.1 40"), "broken answer", "9112"),
        (silence("[SSL: WRONG_VERSION_NUMBER] wrong version number", secure=True), "plain port", "ws://"),
        (silence("[SSL: TLSV1_UNRECOGNIZED_NAME] tlsv1 unrecognized name", secure=True), "unknown name", "name"),
        (
            silence("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", secure=True),
            "client certificate",
            "certificate",
        ),
        (silence("certificate verify failed: self-signed certificate", secure=True), "self-signed certificate", "--ca"),
        (
            silence("certificate verify failed: self-signed certificate in certificate chain", secure=True),
            "unknown authority",
            "--ca",
        ),
        (silence("verify failed: unable to get local issuer certificate", secure=True), "unknown authority", "chain"),
        (silence("verify failed: certificate has expired", secure=True), "expired certificate", "Renew"),
        (silence("verify failed: Hostname mismatch, certificate is", secure=True), "wrong name", "subjectAltName"),
        (
            silence("[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure", secure=True),
            "TLS version",
            "1.2",
        ),
        (silence("no route to host"), "unknown", "error log"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_true_cause_of_a_refusal_stands_first(refusal: Refusal, first: str, word: str) -> None:
    causes = likely(refusal)
    assert causes[0].name == first, [one.name for one in causes]
    assert word in str(causes[0])
    assert 1 <= len(causes) <= 3
    assert len({one.name for one in causes}) == len(causes)
    assert all(not part.endswith(".") and part for one in causes for part in (one.cause, one.remedy))


def test_an_origin_that_was_not_sent_may_be_what_is_missing() -> None:
    bare = Refusal(url="ws://shop.example.org/ws", status=403, body="origin required")
    assert "none was sent" in likely(bare)[0].cause


def test_a_login_that_was_sent_is_told_apart_from_none() -> None:
    sent = Refusal(url="ws://a/", request=(("Authorization", "Basic eDp5"),), status=401)
    assert "does not accept" in likely(sent)[0].cause


def test_the_facts_are_told_in_one_line() -> None:
    fields = (NGINX, ("Location", "/login"), ("Retry-After", "3"), ("X-Other", "no"))
    told = answer(302, *fields, body="<html><title> Found\n&amp; moved </title>").told()
    assert told == '302; Server: nginx/1.22.1; Location: /login; Retry-After: 3; it says "Found & moved"'
    assert silence("connection refused", body="\x15\x03").told() == r"connection refused; came: '\x15\x03'"


@pytest.mark.parametrize(
    ("fields", "body", "who"),
    [
        ([("Server", "openresty/1.25")], "", "nginx"),
        ([("Server", "Apache")], "", "Apache"),
        ([("Via", "1.1 varnish")], "", "Varnish"),
        ([("Server", "Apache-Coyote/1.1")], "", ""),
        ([], "no healthy upstream", "Envoy"),
        ([], "", ""),
    ],
)
def test_a_proxy_is_known_by_its_fields_or_its_words(fields: list[tuple[str, str]], body: str, who: str) -> None:
    assert answer(503, *fields, body=body).proxy == who
