"""Handshakes that are as they should be, and backends that answer something else, or nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from wslb.checks import handshake
from wslb.checks.answer import HTTPD, NOBODY, Expected, answered, carries, gives_up_after, redirected
from wslb.interfaces import Fault
from wslb.lab.lab import Lab
from wslb.model.balancer import Carrier
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster
from wslb.scenarios.acts import misbehave, sending
from wslb.scenarios.handshake_elsewhere import HUNG_UP, UNJUDGED, logged_as_502, refused
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario
from wslb.wire.http1 import OPENING

__all__ = ["SCENARIOS"]

SILENT_SECONDS = 1
PATIENCE_SECONDS = 2.1
"""How long the client waits for a module that never gives up: longer than the member's timeout twice over."""

IMPATIENT = balanced(cluster(*(replace(m, parameters=(("timeout", str(SILENT_SECONDS)),)) for m in (LIBERTY, NODE))))
REVERSED = replace(balanced(CLUSTER), mounts=tuple(replace(m, reverse=True) for m in balanced(CLUSTER).mounts))
NEITHER = "No status of a backend's answer makes Apache try another member: only a failed connect does."


def misbehaving(kind: str, **parameters: object) -> Act:
    """Let both backends misbehave alike (backends/README.md, Faults), and send each a good handshake."""

    async def act(lab: Lab) -> None:
        await misbehave(lab, kind, **parameters)
        for _ in range(2):
            conversation = await lab.raw(OPENING, frames=1)
            if conversation.handshake.status is None:
                await conversation.end()
            await conversation.close()

    return act


def redirecting(scheme: str) -> Act:
    """Let each backend redirect to a URL of its own, and send each a good handshake."""

    async def act(lab: Lab) -> None:
        for member in lab.judged.members:
            location = f"{scheme}://{lab.addresses[f'ws://{member.backend}']}{member.path}/CLRunner/there"
            await lab.fault(member.backend, Fault(kind="status", parameters={"status": 302, "location": location}))
        await sending(OPENING, OPENING)(lab)

    return act


async def _keeping_silent(lab: Lab) -> None:
    """Both backends take the handshake and say nothing; two clients wait, side by side."""
    await misbehave(lab, "silent")
    patience = PATIENCE_SECONDS if lab.carrier is Carrier.WSTUNNEL else None
    conversations = await asyncio.gather(*(lab.raw(OPENING, seconds=patience) for _ in range(2)))
    await asyncio.gather(*(conversation.close() for conversation in conversations))


ask = Family(name="handshake")


def _answers(status: int, question: str) -> Scenario:
    http, wstunnel = refused(status, f"{status}")
    limit = f"2 of 2 with {status} and the backend's own text, one arrival each"
    return ask(
        f"backend-{status}",
        question,
        limit,
        misbehaving("status", status=status),
        (answered(http=http, wstunnel=wstunnel),),
        explanation=NEITHER,
        elsewhere=(logged_as_502(limit, wstunnel),),
    )


SCENARIOS: tuple[Scenario, ...] = (
    _answers(200, "Does a backend's 200 instead of 101 reach the client as what it is?"),
    *(
        ask(
            f"backend-302{'' if scheme == 'http' else '-ws'}",
            f"Does ProxyPassReverse rewrite a backend's redirect to its own {scheme} URL?",
            "2 of 2 with 302 and the backend's own address in Location"
            + ("" if scheme == "http" else "; mod_proxy_http: with the proxy's"),
            redirecting(scheme),
            (
                answered(http=refused(302)[0], wstunnel=refused(302)[1]),
                redirected(rewritten_by=None if scheme == "http" else Carrier.HTTP),
            ),
            site=REVERSED,
            explanation=(
                "ProxyPassReverse compares Location with the member's URL, whose scheme is ws; a backend says http and "
                "its own address leaks. mod_proxy_wstunnel passes every answer as it is."
            ),
            elsewhere=(
                logged_as_502(
                    "2 of 2 with 302 and the backend's own address in Location",
                    refused(302)[1],
                    redirected(rewritten_by=None),
                ),
            ),
        )
        for scheme in ("http", "ws")
    ),
    _answers(403, "Does a backend's 403, such as a refused Origin, reach the client as what it is?"),
    _answers(426, "Does a backend's 426 reach the client as what it is?"),
    _answers(503, "Does a backend's 503 reach the client, instead of a second try with the other member?"),
    ask(
        "backend-hangup",
        "What does the client see when a backend takes the handshake and closes without an answer?",
        "mod_proxy_http: 502; mod_proxy_wstunnel: an HTML page without a status line, then the end; 2 of 2",
        misbehaving("hangup"),
        (
            answered(
                http=Expected(status=502, by=HTTPD, logged=502),
                wstunnel=Expected(status=None, by=HTTPD, says="502 Bad Gateway", logged=502, ends=True),
            ),
        ),
        allow_log=("AH01102", "AH00898"),
        explanation=(
            "mod_proxy_wstunnel has already declared the connection its own when it fails, so httpd writes the body "
            "of its error page and no head. " + NEITHER
        ),
        elsewhere=(
            Elsewhere(
                before=(2, 4, 13),
                does="the client gets no answer at all",
                source="CHANGES 2.4.13; measured on 2.4.12",
                limit="2 of 2 end without a byte",
                checks=(answered(http=Expected(status=None, by=NOBODY, logged=200, ends=True)),),
            ),
            HUNG_UP,
        ),
    ),
    ask(
        "backend-silent",
        "After which time does a client hear of a backend that accepts and never answers?",
        f"mod_proxy_http: 502 after timeout={SILENT_SECONDS} s; mod_proxy_wstunnel: nothing in "
        f"{PATIENCE_SECONDS:g} s, its timeout= is ignored; 2 of 2",
        _keeping_silent,
        (
            answered(
                http=Expected(status=502, by=HTTPD, logged=502, says="Error reading from remote server"),
                wstunnel=Expected(status=None, by=NOBODY),
            ),
            gives_up_after(SILENT_SECONDS, within=9.0, hangs=PATIENCE_SECONDS),
        ),
        site=IMPATIENT,
        allow_log=("AH01102", "AH00898"),
        explanation=(
            "mod_proxy_http answers 502, not 504. mod_proxy_wstunnel polls without a limit: neither timeout=, "
            "ProxyTimeout nor Timeout ends the wait."
        ),
    ),
    *(
        ask(
            f"backend-{name}",
            f"Does the proxy notice a backend whose 101 {what}?",
            "mod_proxy_http: 502 (AH00898); mod_proxy_wstunnel: 101 as the backend sent it; 2 of 2",
            misbehaving("upgrade", value=value),
            (
                answered(
                    http=Expected(status=502, by=HTTPD, logged=502, says="The proxy server received an invalid"),
                    wstunnel=Expected(status=101, logged=200),
                ),
            ),
            allow_log=("AH00898",),
            explanation=(
                "mod_proxy_http insists on the protocol it asked for (CVE-2019-17567 was a tunnel without that); "
                "mod_proxy_wstunnel passes the bytes and leaves the judgement to the client."
            ),
            elsewhere=UNJUDGED,
        )
        for name, what, value in (
            ("wrong-upgrade", "switches to another protocol", "h2c"),
            ("no-upgrade", "has no Upgrade field", ""),
        )
    ),
    ask(
        "backend-wrong-accept",
        "Does the proxy notice a backend whose Sec-WebSocket-Accept is wrong?",
        "2 of 2 with 101 and the wrong value as the backend sent it: judging it is the client's part",
        misbehaving("accept", value="bm90IHRoZSByaWdodCBvbmU="),
        (
            answered(http=Expected(status=101, logged=101), wstunnel=Expected(status=101, logged=200)),
            carries("Sec-WebSocket-Accept", "bm90IHRoZSByaWdodCBvbmU="),
            handshake.arrived_intact,
        ),
        explanation="Neither module computes the value; a client must fail the connection (RFC 6455 section 4.1).",
    ),
)
