"""Causes where no HTTP answer came: nobody there, TLS, another protocol, or a connection that just ended."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wslb.wire.refusals.cause import Likely, RefusalRule
from wslb.wire.refusals.refusal import Refusal

__all__ = ["RULES"]

TLS_WANTED = Likely(
    name="TLS wanted",
    cause="The port speaks TLS, and the URL begins with ws://",
    remedy="Ask wss:// at this port, or the port that is meant for plain HTTP",
)

H2_ONLY = Likely(
    name="HTTP/2 only",
    cause="The port speaks HTTP/2 alone, and a WebSocket of RFC 6455 begins with HTTP/1.1",
    remedy="Let it take http/1.1 too (ALPN h2,http/1.1), or ask over HTTP/2: --http2 (RFC 8441)",
)

CLIENT_CERTIFICATE = Likely(
    name="client certificate",
    cause="The server wants a certificate of the client",
    remedy="Ask from behind what has that certificate, or let the server do without on this path "
    "(nginx: ssl_verify_client optional, Apache: SSLVerifyClient none, HAProxy: no verify required)",
)

_VERIFY = (
    ("certificate has expired", "expired certificate",
     "The server's certificate has expired", "Renew it and reload the proxy; --insecure asks on without trust"),
    ("certificate is not yet valid", "certificate not yet valid",
     "The server's certificate is not valid yet, or this machine's clock is wrong", "Compare its dates with the clock"),
    ("[Hh]ostname mismatch|IP address mismatch|doesn't match|is not valid for", "wrong name",
     "The server's certificate is for other names than the URL's host: another virtual host answered, or the name is "
     "missing in the certificate",
     "Ask by a name of the certificate, or put this name into its subjectAltName and into the proxy's host names"),
    ("self.signed certificate in", "unknown authority",
     "The server's certificate comes from an authority that this machine does not know",
     "Give that authority: --ca FILE"),
    ("self.signed", "self-signed certificate",
     "The server's certificate is self-signed",
     "Give it as the authority: --ca FILE; --insecure asks on without trust"),
    ("unable to get (local )?issuer|unable to verify the first", "unknown authority",
     "The server's certificate comes from an authority that this machine does not know, or the server leaves the "
     "intermediate certificate out", "Give that authority (--ca FILE), or let the server send its whole chain"),
    ("CERTIFICATE_VERIFY_FAILED|certificate verify failed", "untrusted certificate",
     "The server's certificate is not to be trusted", "Read OpenSSL's reason; --insecure asks on without trust"),
)  # fmt: skip


def _refused(it: Refusal) -> Iterator[Likely]:
    if re.search(r"(?i)refused", it.error) and not it.body:
        yield Likely(
            name="nobody listens",
            cause="Nothing listens on this port, or a firewall says so",
            remedy="Start the proxy, and compare the port with its configuration (listen, bind, Listen)",
        )


def _certificate(it: Refusal) -> Iterator[Likely]:
    for pattern, name, cause, remedy in _VERIFY:
        if re.search(pattern, it.error):
            yield Likely(name=name, cause=cause, remedy=remedy)
            return


def _alert(it: Refusal) -> Iterator[Likely]:
    """What the server says while TLS begins (RFC 8446 section 6)."""
    if not it.secure:
        return
    if re.search(r"(?i)certificate.required|handshake failure on read|sslv3 alert bad certificate", it.error):
        yield CLIENT_CERTIFICATE
    if re.search(r"(?i)unrecognized.name|internal error", it.error):
        yield Likely(
            name="unknown name",
            cause="The server has no certificate for the name that the client gave (SNI)",
            remedy="Ask by a name that the proxy serves, or add this one there; an address gives no name at all",
        )
    if re.search(r"(?i)wrong.version.number|record layer failure|http request|packet length too long", it.error):
        yield Likely(
            name="plain port",
            cause="The port speaks plain HTTP, and the URL begins with wss://",
            remedy="Ask ws:// at this port, or the port with TLS",
        )
    if re.search(r"(?i)no.application.protocol", it.error):
        yield H2_ONLY
    if re.search(r"(?i)protocol.version|unsupported.protocol|handshake failure|no.shared.cipher", it.error):
        yield Likely(
            name="TLS version",
            cause="Server and client have no version of TLS or no cipher in common",
            remedy="Allow TLS 1.2 or 1.3 with usual ciphers at the server",
        )


def _bytes(it: Refusal) -> Iterator[Likely]:
    """What came instead of a status line."""
    body = it.body
    if re.match(r"[\x14\x15\x16]\x03[\x00-\x04]", body):  # a TLS record (RFC 8446 section 5.1)
        yield TLS_WANTED
    elif re.match(r"(?s).{3}[\x04\x07]\x00\x00\x00\x00\x00", body):  # SETTINGS or GOAWAY (RFC 9113 section 4.1)
        yield H2_ONLY
    elif body.startswith("SSH-"):
        yield _other("an SSH server")
    elif re.match(r"\d{3}[ -]", body):
        yield _other("a mail or file server")
    elif body and not body.startswith("HTTP/"):
        yield _other("something that is no HTTP")
    elif body:
        yield Likely(
            name="broken answer",
            cause="The head of the answer is malformed or was cut",
            remedy="Look at the bytes, and at the server behind the proxy: RFC 9112 section 4",
        )


def _other(what: str) -> Likely:
    return Likely(
        name="another protocol",
        cause=f"The port belongs to {what}",
        remedy="Compare the port with the proxy's configuration",
    )


def _ended(it: Refusal) -> Iterator[Likely]:
    """It took the request, or not even that, and hung up without a word."""
    if it.body or not re.search(r"(?i)ended|closed|reset|EOF|broken pipe|connection lost", it.error):
        return
    if it.secure:
        yield CLIENT_CERTIFICATE
    yield Likely(
        name="PROXY protocol",
        cause="The port waits for a PROXY protocol header in front of the request, and hangs up without one",
        remedy="Ask the balancer in front of it, or take the option away (nginx: listen … proxy_protocol, HAProxy: "
        "accept-proxy, Apache: RemoteIPProxyProtocol, Envoy: proxy_protocol listener filter)",
    )
    if not it.secure:
        yield TLS_WANTED
    yield Likely(
        name="connection limit",
        cause="The proxy has no room for another connection, or its backend hung up and it says nothing of it",
        remedy="Read its error log; raise its limit (nginx: worker_connections, HAProxy: maxconn)",
    )


def _late(it: Refusal) -> Iterator[Likely]:
    if it.body or not re.search(r"(?i)no answer|timed? ?out|within", it.error):
        return
    yield Likely(
        name="no answer",
        cause="The connection stands, and no answer came: the proxy queues it at its limit, or waits for a member that "
        "is silent",
        remedy="Look at the members and at the limits of the proxy (HAProxy: maxconn, Apache: MaxRequestWorkers), and "
        "shorten its timeout towards members",
    )
    if not it.secure:
        yield TLS_WANTED
    yield Likely(
        name="firewall",
        cause="A firewall drops the packets",
        remedy="Ask from a machine inside, and compare",
    )


def _any(_it: Refusal) -> Iterator[Likely]:
    yield Likely(
        name="unknown",
        cause="No HTTP answer came, for a reason that the client cannot see",
        remedy="Read the proxy's error log of this moment",
    )


RULES: tuple[RefusalRule, ...] = (_certificate, _alert, _bytes, _refused, _ended, _late, _any)
"""In order of certainty."""
