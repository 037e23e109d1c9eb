"""What nginx calls things that the catalogue and the likely causes name in httpd's words."""

from __future__ import annotations

import re

__all__ = ["EVENTS", "METHODS_TOLD", "WORDS_OF_HTTPD", "WRITES"]

EVENTS = (
    ("worker_connections are not enough", "AH00484"),
    ("no live upstreams", "AH01167"),
    ("upstream server temporarily disabled", "AH00959"),
    ("connect() failed", "AH00957"),
    ("upstream timed out", "AH01102"),
    ("upstream prematurely closed connection", "AH00898"),
    ("upstream SSL certificate verify error", "AH02039"),
    ("upstream SSL certificate does not match", "AH02411"),
)
"""What a line tells, by the number under which the catalogue announces the like: nginx's own lines have none."""

WORDS_OF_HTTPD = {code: said for said, code in EVENTS} | {
    "the path leads elsewhere (order of ProxyPass), or the member lacks ws:// or upgrade=websocket": (
        "another location takes the path, or proxy_set_header Upgrade and Connection are missing"
    ),
    "look for Require, RewriteRule, Redirect or a limit on this path": (
        "look for return, deny or a limit in its location, and for servers that are down or full (max_conns)"
    ),
    "an earlier ProxyPass or RewriteRule takes this path": "another location takes this path",
    "a ProxyPass or RewriteRule [P] leads past the balancer": "a proxy_pass leads past the upstream",
    "look at how ProxyPass and the member's path join": "look at how location and proxy_pass join",
    "a sticky route (stickysession=) pins them": "sticky or hash pins them",
    "RequestHeader (mod_headers)": "proxy_set_header",
    "Header unset (mod_headers)": "proxy_hide_header",
    "Header (mod_headers)": "proxy_hide_header and add_header",
    "Header set rewrites": "add_header adds to",
    ", or a tunnel that failed over was counted on the dead member and never taken off": "",
    "ProxyPass ": "location ",
    "mod_proxy_http": "the proxy itself",
    "balancer-manager": "the access log of nginx",
    "httpd": "nginx",
    "Apache": "nginx",
}

WRITES = frozenset({"server", "date", "connection", "content-length", "transfer-encoding"})
"""Fields of an answer that nginx writes anew (ngx_http_header_filter_module)."""

METHODS_TOLD = re.compile(r"^\s*(least_conn|least_time|ip_hash|hash|random)\b", re.MULTILINE)
"""The directive in an upstream that chooses a method; without one it is round robin."""
