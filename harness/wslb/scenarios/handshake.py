"""Opening handshakes that are not as they should be: what reaches a backend, and what comes back, by carrier."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

from wslb.checks import accounting, distribution, handshake, stall
from wslb.checks.answer import BACKEND, HTTPD, Expected, answered, carries
from wslb.errors import NotAskable
from wslb.lab.lab import Lab
from wslb.model.balancer import Carrier
from wslb.model.results import Check, Witness
from wslb.model.sites import CLUSTER, LIBERTY, balanced, cluster
from wslb.scenarios.acts import sending
from wslb.scenarios.claims import ACCEPTED
from wslb.scenarios.handshake_elsewhere import (
    ANY_UPGRADE,
    ANYTHING,
    BARE_LF,
    BODY,
    BOTH_KEYS,
    H2C_PASSED,
    HTTP10,
    KEY_JUDGED,
    LENIENT,
    LONG_HEAD,
    MANY_FIELDS,
    NEVER_ASKED,
    NO_HOST,
    REFUSED_THERE,
    STRIPPED,
    TAKEN_BY_NODE,
    TUNNEL,
    TWO_HOSTS,
    UNHANDLED,
    UNNAMED_UPGRADE,
    Each,
    each,
    logged_as_502,
    opened_by,
    refused,
    row,
    told_of,
)
from wslb.scenarios.scenario import Elsewhere, Family, Scenario
from wslb.wire.frames import Frame, Opcode
from wslb.wire.http1 import OPENING, RawRequest

__all__ = ["SCENARIOS"]

TOO_LONG = 8192
"""LimitRequestLine and LimitRequestFieldSize are 8190 by default; the first line that fails has 8192 bytes."""

FRAME = Frame(opcode=Opcode.TEXT, payload=b"first")
STALL_SECONDS = 1.0


ask = Family(name="handshake")


def _case(
    name: str,
    question: str,
    request: RawRequest,
    http: Expected | Each,
    wstunnel: Expected | Each | None = None,
    *,
    checks: tuple[Check, ...] = (),
    explanation: str = "",
    elsewhere: tuple[Elsewhere, ...] = (),
) -> Scenario:
    """One kind of request, sent to both members in turn."""
    limit = f"{told_of(http)}" + (f"; mod_proxy_wstunnel: {wstunnel.told}" if wstunnel else "")

    async def act(lab: Lab) -> None:
        expected = wstunnel if wstunnel and lab.carrier is Carrier.WSTUNNEL else http
        if lab.fleet.real and (expected.by == BACKEND or lab.carrier is Carrier.OWN):
            raise NotAskable(needs="a known answer to a handshake that is not as it should be")
        await sending(request, request)(lab)

    if wstunnel and wstunnel.by == BACKEND:
        elsewhere = (*elsewhere, logged_as_502(limit, wstunnel, *checks))
    return ask(
        name,
        question,
        limit,
        act,
        (answered(http=row(http), wstunnel=row(wstunnel) if wstunnel else None), *checks),
        explanation=explanation,
        elsewhere=elsewhere,
    )


def _good(name: str, question: str, request: RawRequest, *elsewhere: Elsewhere, explanation: str = "") -> Scenario:
    """A request that must lead to a tunnel on either backend."""
    return ask(
        name,
        question,
        "101, the right Sec-WebSocket-Accept and the greeting on 2 of 2, one from each backend",
        sending(request, request),
        ACCEPTED,
        explanation=explanation,
        elsewhere=elsewhere,
    )


def _rejected(name: str, question: str, request: RawRequest, *elsewhere: Elsewhere, explanation: str = "") -> Scenario:
    """A request that httpd refuses itself, before any backend is asked."""
    return _case(name, question, request, REFUSED_THERE, explanation=explanation, elsewhere=elsewhere)


NOT_WEBSOCKET = (
    "mod_proxy_wstunnel answers 426 itself (AH02900) and no backend sees the request, though its member was elected; "
    "mod_proxy_http forwards an ordinary GET, for which neither server has a page."
)
RAW_LOG = (
    "mod_proxy_wstunnel passes the backend's refusal byte for byte, closes the connection and writes 200 to the access "
    "log: there the log does not tell a refused handshake from a good tunnel."
)
UNREAD_BY_NODE = (
    "The package websocket of Node.js looks neither at the method nor at what the key is, and opens a tunnel; no "
    "module of httpd looks in its place, so whose turn it is decides who learns of a fault of his own."
)


async def _behind(lab: Lab) -> None:
    """A frame in the same segment as the request, on two connections side by side; a ping wakes who keeps it."""
    patience = STALL_SECONDS if lab.carrier is Carrier.WSTUNNEL else lab.settings.timeouts.message

    async def one() -> None:
        conversation = await lab.raw(OPENING, behind=[FRAME])
        if not await conversation.receive(1, seconds=patience):
            await conversation.nudge()
            await conversation.receive(2)
        await conversation.close()

    await asyncio.gather(one(), one())


async def _http10(lab: Lab) -> None:
    if Witness.GREETING in lab.fleet.silent and lab.carrier is Carrier.HTTP:
        raise NotAskable(needs="a greeting, the only thing that comes where no status line does")
    if lab.fleet.real and lab.carrier is Carrier.OWN:
        raise NotAskable(needs="servers whose answer to HTTP/1.0 is known")
    await sending(*[replace(OPENING, version="HTTP/1.0")] * 2)(lab)


async def _with_body(lab: Lab) -> None:
    """A handshake whose body is itself a frame, and then a message in the tunnel."""
    body = FRAME.encoded(secrets.token_bytes(4))
    conversation = await lab.raw(replace(OPENING, body=body).adding(("Content-Length", str(len(body)))))
    await conversation.say(Frame(opcode=Opcode.TEXT, payload=b"second"))
    await conversation.receive(2 if lab.carrier is Carrier.WSTUNNEL else 1)
    await conversation.close()


SCENARIOS: tuple[Scenario, ...] = (
    _good("smallest", "Does the smallest handshake that RFC 6455 allows open a tunnel?", OPENING),
    replace(
        _good("in-pieces", "Does a handshake that arrives in pieces of 7 bytes open a tunnel?", OPENING),
        act=sending(OPENING, OPENING, piece_bytes=7),
    ),
    _good(
        "no-connection",
        "Does a handshake without a Connection field open a tunnel?",
        OPENING.without("Connection"),
        *UNNAMED_UPGRADE,
        explanation="Upgrade alone is enough for either module: Apache writes its own Connection: Upgrade.",
    ),
    _good(
        "connection-keep-alive",
        "Does a handshake open a tunnel when Connection says only keep-alive?",
        OPENING.having("Connection", "keep-alive"),
        *UNNAMED_UPGRADE,
        explanation="RFC 9110 section 7.8 wants Connection: upgrade; Apache looks at Upgrade alone and adds it.",
    ),
    _good(
        "spelling",
        "Does Upgrade: WEBSOCKET, in capitals, open a tunnel?",
        OPENING.having("Upgrade", "WEBSOCKET"),
    ),
    _good(
        "absolute-form",
        "Does a handshake whose target is an absolute URL open a tunnel?",
        replace(OPENING, target="http://{host}/ws"),
        explanation="A server must accept the absolute form (RFC 9112 section 3.2.2); the balancer sees only its path.",
    ),
    _case(
        "no-upgrade",
        "Who answers a plain GET on the WebSocket path?",
        OPENING.without("Upgrade", "Connection"),
        STRIPPED,
        NEVER_ASKED,
        explanation=NOT_WEBSOCKET,
        elsewhere=(ANYTHING, UNHANDLED),
    ),
    _case(
        "connection-only",
        "Who answers when Connection names Upgrade but there is no Upgrade field?",
        OPENING.without("Upgrade"),
        STRIPPED,
        NEVER_ASKED,
        explanation=NOT_WEBSOCKET,
        elsewhere=(ANYTHING, UNHANDLED),
    ),
    _case(
        "h2c",
        "Is Upgrade: h2c kept away from the backends?",
        OPENING.having("Upgrade", "h2c"),
        STRIPPED,
        NEVER_ASKED,
        explanation=NOT_WEBSOCKET,
        elsewhere=(ANYTHING, UNHANDLED, ANY_UPGRADE, *H2C_PASSED),
    ),
    _case(
        "two-protocols",
        "Does a client that offers websocket among two protocols get a tunnel?",
        OPENING.having("Upgrade", "websocket, h2c"),
        STRIPPED,
        NEVER_ASKED,
        explanation="Both modules compare the whole field with websocket; a list is a protocol they do not know.",
        elsewhere=(
            ANYTHING,
            UNHANDLED,
            ANY_UPGRADE,
            *H2C_PASSED,
            opened_by("HAProxy", "h2c is taken out of the list, so that websocket alone arrives", "measured on 2.8.25"),
        ),
    ),
    _case(
        "no-key",
        "Does the backend's 400 reach a client that sends no Sec-WebSocket-Key?",
        OPENING.without("Sec-WebSocket-Key"),
        *refused(400),
        explanation=RAW_LOG,
        elsewhere=(KEY_JUDGED,),
    ),
    _case(
        "bad-key",
        "Who refuses a client whose Sec-WebSocket-Key is no 16 bytes?",
        OPENING.having("Sec-WebSocket-Key", "c2hvcnQ="),
        *each(refused(400), TUNNEL),
        explanation=UNREAD_BY_NODE,
        elsewhere=(KEY_JUDGED,),
    ),
    _case(
        "two-keys",
        "Who refuses a client that sends two Sec-WebSocket-Key fields?",
        OPENING.adding(("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")),
        *each(refused(400), TUNNEL),
        explanation=f"httpd makes one field of them, which is no key. {UNREAD_BY_NODE}",
        elsewhere=(
            opened_by("nginx", BOTH_KEYS, "measured on 1.31.3"),
            opened_by("HAProxy", BOTH_KEYS, "measured on 2.8.25"),
        ),
    ),
    _case(
        "wrong-version",
        "Is a client of version 12 told which version the backend speaks?",
        OPENING.having("Sec-WebSocket-Version", "12"),
        *each(refused(400), refused(426)),
        checks=(carries("Sec-WebSocket-Version", "13"),),
        explanation=RAW_LOG,
    ),
    _case(
        "no-version",
        "Does the backend's 400 reach a client that sends no Sec-WebSocket-Version?",
        OPENING.without("Sec-WebSocket-Version"),
        *refused(400),
        explanation=RAW_LOG,
    ),
    _case(
        "post",
        "Who refuses a client that asks for the upgrade with POST?",
        replace(OPENING, method="POST").adding(("Content-Length", "0")),
        *TAKEN_BY_NODE,
        explanation=UNREAD_BY_NODE,
    ),
    ask(
        "body",
        "Is the body of a handshake request kept out of the tunnel?",
        "mod_proxy_http: 1 message comes back, the one sent in the tunnel; mod_proxy_wstunnel: 2, the body's too",
        _with_body,
        (handshake.answered_101, stall.body_in_tunnel("first", "second"), accounting.witnesses_agree),
        site=balanced(cluster(LIBERTY), echo=True),
        explanation=(
            "mod_proxy_wstunnel sends the head without Content-Length and without the body, which stays in the "
            "connection and becomes the first bytes of the tunnel: a body that is a WebSocket frame is obeyed as one."
        ),
        elsewhere=(BODY,),
    ),
    ask(
        "http10",
        "Does an HTTP/1.0 client, such as an old proxy in front, get its 101?",
        "mod_proxy_http: no status line, bare frames, 101 in the log; mod_proxy_wstunnel: 101; 2 of 2",
        _http10,
        (
            answered(http=Expected(status=None, by=BACKEND, logged=101), wstunnel=Expected(status=101, logged=200)),
            distribution.alternates,
        ),
        explanation=(
            "ap_send_interim_response says nothing to an HTTP/1.0 client, so with mod_proxy_http the tunnel opens and "
            "the 101 never leaves; nginx speaks HTTP/1.0 to its backends unless proxy_http_version says otherwise."
        ),
        elsewhere=HTTP10,
    ),
    ask(
        "frame-behind",
        "Is a message delivered that the client sends right behind its handshake, without waiting for 101?",
        "mod_proxy_http: echoed at once; mod_proxy_wstunnel: only once the client sends another byte; 2 of 2",
        _behind,
        (handshake.answered_101, stall.behind_the_handshake("first"), accounting.witnesses_agree),
        site=balanced(CLUSTER, echo=True),
        explanation=(
            "httpd reads the frame together with the request; mod_proxy_wstunnel then polls the socket, where nothing "
            "is left to wake it. RFC 6455 section 4.1 lets a client send only after the 101."
        ),
    ),
    _rejected("no-host", "Does httpd refuse a handshake without Host?", OPENING.without("Host"), NO_HOST),
    _rejected(
        "two-hosts",
        "Does httpd refuse a handshake with two Host fields?",
        OPENING.adding(("Host", "{host}")),
        LENIENT,
        TWO_HOSTS,
    ),
    _rejected(
        "bare-lf",
        "Does httpd refuse a handshake whose lines end in LF alone?",
        replace(OPENING, line_end="\n"),
        LENIENT,
        *BARE_LF,
        explanation="HttpProtocolOptions Strict, the default, insists on CRLF (RFC 9112 section 2.2 would allow LF).",
    ),
    _rejected(
        "blank-before-colon", "Does httpd refuse a blank before a colon?", OPENING.adding(("X-Blank ", "1")), LENIENT
    ),
    ask(
        "field-size",
        "Up to which length does a header line pass?",
        "a line of 8,000 bytes reaches the backend and opens; one of 8,192 is refused by httpd with 400",
        sending(*(OPENING.adding(("X-Long", "x" * (size - len("X-Long: ")))) for size in (8000, TOO_LONG))),
        (answered(http=[Expected(status=101), Expected(status=400, by=HTTPD, arrives=False)]),),
        explanation="LimitRequestFieldSize is 8190 by default (core): cookies and tokens of a browser count.",
        elsewhere=(LONG_HEAD,),
    ),
    ask(
        "field-count",
        "Up to which number of header fields does a handshake pass?",
        "100 fields reach the backend and open; 101 are refused by httpd with 400",
        sending(*(OPENING.adding(*((f"X-{n}", "1") for n in range(count - 6))) for count in (100, 101))),
        (answered(http=[Expected(status=101), Expected(status=400, by=HTTPD, arrives=False)]),),
        explanation="LimitRequestFields is 100 by default (core).",
        elsewhere=(MANY_FIELDS,),
    ),
    ask(
        "line-size",
        "Up to which length does the request line pass?",
        "a line of 8,000 bytes reaches the backend and opens; one of 8,192 is refused by httpd with 414",
        sending(*(replace(OPENING, target="/ws?" + "q" * (size - 17)) for size in (8000, TOO_LONG))),
        (answered(http=[Expected(status=101), Expected(status=414, by=HTTPD, arrives=False)]),),
        explanation="LimitRequestLine is 8190 by default (core): tokens in a query count.",
        elsewhere=(LONG_HEAD,),
    ),
)
