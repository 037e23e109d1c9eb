"""What HAProxy calls things that the catalogue and the likely causes name in httpd's words."""

from __future__ import annotations

__all__ = ["EVENTS", "METHODS_TOLD", "WORDS_OF_HTTPD", "WRITES"]

EVENTS = (
    ("Connection refused", "AH00957"),
    ("no connection to a server", "AH00957"),
    ("SSL certificate different from the expected one", "AH02411"),
    ("certificate verify failed", "AH02039"),
    ("/1: SSL handshake failure", "AH01996"),
    ("soft-stop running for too long", "AH00045"),
    ("exit-on-failure: killing every process", "AH00052"),
    ("All workers exited. Exiting... (139)", "AH00052"),
    ("exited with code 139", "AH00052"),
)
"""What a line tells, by the number under which the catalogue announces the like."""

WORDS_OF_HTTPD = {
    **{code: f"({said})" for said, code in EVENTS},
    "the path leads elsewhere (order of ProxyPass), or the member lacks ws:// or upgrade=websocket": (
        "another use_backend takes the path, or http-request del-header takes Upgrade off"
    ),
    "look for Require, RewriteRule, Redirect or a limit on this path": (
        "look for http-request deny or return, and for servers that are down or full (maxconn)"
    ),
    "an earlier ProxyPass or RewriteRule takes this path": "an earlier use_backend takes this path",
    "a ProxyPass or RewriteRule [P] leads past the balancer": "another backend took it",
    "look at how ProxyPass and the member's path join": "look at http-request replace-path",
    "a sticky route (stickysession=) pins them": "cookie or stick on pins them",
    "RequestHeader (mod_headers)": "http-request set-header and del-header",
    "Header unset (mod_headers)": "http-response del-header",
    "Header (mod_headers)": "http-response set-header and del-header",
    "Header set rewrites": "http-response set-header rewrites",
    ", or a tunnel that failed over was counted on the dead member and never taken off": "",
    "ProxyPass ": "use_backend for ",
    "mod_proxy_http": "the proxy itself",
    "balancer-manager": "HAProxy's statistics",
    "httpd": "HAProxy",
    "Apache": "HAProxy",
}

WRITES = frozenset({"connection", "content-length", "transfer-encoding"})
"""Fields of an answer that HAProxy writes anew or leaves out, such as the length of a 101, which has none."""

METHODS_TOLD = {"unknown": "a method without a name in the statistics"}
"""What ``show stat`` calls methods that it has no word for, such as random before 3.0."""
