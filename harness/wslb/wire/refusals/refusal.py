"""The facts of a refused or broken opening, and what can be read out of them at once."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from wslb.model.handshake import Headers, header_values, one_header

__all__ = ["MOST_BODY", "Refusal"]

MOST_BODY = 4096
"""Bytes of an answer's body that are looked at."""

_PRODUCTS = (
    ("cloudflare", "Cloudflare"), ("cloudfront", "CloudFront"), ("akamai", "Akamai"), ("awselb", "AWS load balancer"),
    ("google frontend", "Google Frontend"), ("varnish", "Varnish"), ("openresty", "nginx"), ("nginx", "nginx"),
    ("apache/", "Apache"), ("ibm_http_server", "Apache"), ("caddy", "Caddy"), ("envoy", "Envoy"),
    ("haproxy", "HAProxy"), ("traefik", "Traefik"),
)  # fmt: skip
"""Part of ``Server`` or ``Via`` in lower case, and who writes it."""

_PAGES = (
    (r"<center>(nginx|openresty)", "nginx"),
    (r"No server is available to handle this request|The server returned an invalid or incomplete response|"
     r"Request forbidden by administrative rules|The server didn't respond in time|"
     r"Your browser sent an invalid request|Your browser didn't send a complete request in time", "HAProxy"),
    (r"You don't have permission to access this resource|The requested URL was not found on this server|"
     r"The proxy server received an invalid|The server is temporarily unable to service your|"
     r"The gateway did not receive a timely response|The server encountered an internal error or|"
     r"This server could not verify that you|speaking plain HTTP to an SSL-enabled|"
     r"The client needs a new connection for|"
     r"Your browser sent a request that this server could not understand", "Apache"),
    (r"\Aupstream connect error or disconnect|\Ano healthy upstream|\Aupstream request timeout|\ARBAC: access denied|"
     r"\Alocal_rate_limited", "Envoy"),
    (r"\A404 page not found\s*\Z|\Ano available server\s*\Z|\A(Bad Gateway|Gateway Timeout)\s*\Z", "Traefik"),
)  # fmt: skip
"""What only one program writes into the page of an error of its own."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What was sent and what came of one opening that led to no tunnel.

    Attributes:
        url: as it was asked for, ``ws://`` or ``wss://``.
        request, response: fields sent and received; no response where no head came.
        status, reason, version: of the status line; None and empty where none came.
        body: begin of what followed the head, or of everything where no HTTP came, as ISO 8859-1.
        error: one sentence of why no answer came, empty where one did; that of OpenSSL where TLS failed.
        seconds: from the begin of the connect until the answer, or until it was given up.
    """

    url: str
    request: Headers = ()
    status: int | None = None
    reason: str = ""
    version: str = ""
    response: Headers = ()
    body: str = ""
    error: str = ""
    seconds: float = 0.0

    @property
    def secure(self) -> bool:
        """Whether TLS was spoken."""
        return self.url.lower().startswith("wss:")

    @property
    def host(self) -> str:
        """Host of the URL."""
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        """Path of the URL."""
        return urlsplit(self.url).path or "/"

    @property
    def origin(self) -> str | None:
        """``Origin`` as it was sent."""
        return one_header(self.request, "Origin")

    def field(self, name: str) -> str:
        """First value of a field of the answer, empty without one."""
        return one_header(self.response, name) or ""

    @cached_property
    def page_of(self) -> str:
        """Who wrote this very page, where its words are one program's; empty otherwise."""
        text = html.unescape(self.body)
        written = next((who for pattern, who in _PAGES if re.search(pattern, text)), "")
        if not written and not self.body and self.proxy in {"Envoy", "Caddy"} and not self._from_behind:
            return self.proxy  # both answer with an empty body of their own
        return written

    @property
    def _from_behind(self) -> bool:
        """Whether a field says that the answer came through the proxy."""
        return (
            bool(self.field("x-envoy-upstream-service-time"))
            or len(header_values(self.response, "Server")) > 1
            or (self.proxy == "Caddy" and "caddy" in self.field("Via").lower())
        )

    @cached_property
    def proxy(self) -> str:
        """Who answered, or passed the answer on: a product's name, empty where nothing tells."""
        for name in ("Server", "Via"):
            for value in header_values(self.response, name):
                for part, who in _PRODUCTS:
                    if part in value.lower() or value.strip().lower() == part.rstrip("/"):
                        return who
        return next((who for pattern, who in _PAGES if re.search(pattern, html.unescape(self.body))), "")

    @cached_property
    def text(self) -> str:
        """Title of the page, or its first line that is not blank, at most 160 characters."""
        found = re.search(r"(?is)<title[^>]*>(.{0,400}?)</title>", self.body)
        if found is not None:
            text = found[1]
        else:
            bare = re.sub(r"(?s)<[^>]{0,400}>", "\n", self.body)
            text = next((line for line in bare.splitlines() if line.strip()), "")
        return " ".join(html.unescape(text).split())[:160]

    def says(self, pattern: str) -> bool:
        """Whether the body has this in it, whatever its case."""
        return re.search(pattern, html.unescape(self.body), re.IGNORECASE) is not None

    def told(self) -> str:
        """The facts in one line, for people."""
        return "; ".join(self._facts())

    def _facts(self) -> Iterator[str]:
        if self.status is None:
            yield self.error or "no answer"
            if self.body:
                yield f"came: {self.body[:40]!a}"
            return
        yield f"{self.status} {self.reason}".strip()
        for name in ("Server", "Via", "Location", "WWW-Authenticate", "Retry-After", "Sec-WebSocket-Version", "Allow"):
            for value in header_values(self.response, name)[:2]:
                yield f"{name}: {value[:200]}"
        if self.text:
            yield f'it says "{self.text}"'
