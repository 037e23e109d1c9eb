"""Idle tunnels and silent handshakes behind nginx and HAProxy, whose limits have names and rules of their own."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, distribution, members, payload, refusals, tunnels
from wslb.lab.lab import Lab
from wslb.model.balancer import Native, Site
from wslb.model.sites import CLUSTER, balanced
from wslb.scenarios import acts as do
from wslb.scenarios.scenario import Elsewhere, Family, Scenario
from wslb.scenarios.timeouts import COMMON, cut, idle_for, kept, pinged

__all__ = ["SCENARIOS"]

SOON = 10.0
"""Seconds before which a limit of 1 or 2 s must have ended a tunnel, on a busy machine too; the next limit is 30 s."""

PUSHES = 12
PAUSE_SECONDS = 0.25
"""Together 3 s in which the backend alone speaks."""

CONNECT = "timeout connect 2s"


def limited(*, nginx: tuple[str, ...] = (), haproxy: tuple[str, ...] = ()) -> Site:
    """The article's site with these timeouts; a product without any is not asked."""
    native = {
        "nginx": Native(common=tuple(f"{line};" for line in nginx)),
        "HAProxy": Native(common=(CONNECT, *haproxy)),
    }
    asked = {"nginx": nginx, "HAProxy": haproxy}
    return replace(balanced(CLUSTER), native={title: lines for title, lines in native.items() if asked[title]})


def idle(seconds: int) -> Site:
    """Each product's own limit on an idle tunnel."""
    long = ("timeout client 60s", "timeout server 60s")
    return limited(nginx=(f"proxy_read_timeout {seconds}s",), haproxy=(*long, f"timeout tunnel {seconds}s"))


async def _until_cut(lab: Lab) -> None:
    """Open one tunnel to each member and leave them alone until the other side ends them."""
    await do.ended(await lab.open_in_turn(2, hold=True), seconds=SOON)


async def _only_pushes(lab: Lab) -> None:
    await do.misbehave(lab, "push", messages=PUSHES, interval_seconds=PAUSE_SECONDS)
    tunnel = await lab.open()
    for _ in range(PUSHES):
        await tunnel.receive()


async def _never_answered(lab: Lab) -> None:
    await do.silence(lab, "node")
    await lab.open_in_turn(4)


ask = Family(name="timeouts")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "idle-limit",
        "How does the proxy's own limit (1 s) end an idle tunnel, and when?",
        "2 of 2 after 1 s or more, and before 10 s, without a close frame: 1006 at the client",
        _until_cut,
        cut(least_seconds=1.0, most_seconds=SOON),
        site=idle(1),
        explanation=(
            "proxy_read_timeout of nginx, 60 s where it is not set; timeout tunnel of HAProxy. Neither sends a close "
            "frame."
        ),
        otherwise=2,
    ),
    ask(
        "idle-pings",
        "Do pings of the client keep an idle tunnel open beyond the proxy's limit?",
        "with a limit of 2 s and 5 pings a second the tunnel answers after 3 s, every ping answered",
        pinged,
        (
            tunnels.pinged(5),
            tunnels.idle_until("after the pings", least_seconds=3.0),
            tunnels.answered("after the pings", count=1),
            tunnels.still_open(count=1),
            *COMMON,
        ),
        site=idle(2),
        explanation="Any byte counts as traffic, either way: a ping interval below the limit is the usual cure.",
    ),
    ask(
        "one-way",
        "Do messages of the backend alone keep a tunnel open beyond the proxy's limit?",
        f"with a limit of 1 s, {PUSHES} messages in 3 s reach a client that says nothing, and the tunnel stays open",
        _only_pushes,
        (payload.pushed(PUSHES), tunnels.still_open(count=1), *COMMON),
        site=idle(1),
        explanation="One side's traffic is enough: timeout client does not run while timeout tunnel is set.",
    ),
    ask(
        "other-limits",
        "Do nginx's other timeouts (proxy_send, send, keepalive, client_header, client_body) end an idle tunnel?",
        "no: 2 of 2 answer after 1.5 s of silence, with all of them at 1 s",
        idle_for(1.5),
        kept(least_seconds=1.5),
        site=limited(
            nginx=(
                "proxy_send_timeout 1s",
                "send_timeout 1s",
                "keepalive_timeout 1s",
                "client_header_timeout 1s",
                "client_body_timeout 1s",
            )
        ),
        explanation="Only proxy_read_timeout looks at a tunnel that is silent.",
    ),
    ask(
        "tunnel-wins",
        "Does timeout tunnel prolong idle tunnels beyond timeout client and timeout server?",
        "yes: with client and server at 1 s and tunnel at 2 s both end after 2 s or more, and before 10 s",
        _until_cut,
        cut(least_seconds=2.0, most_seconds=SOON),
        site=limited(haproxy=("timeout client 1s", "timeout server 1s", "timeout tunnel 2s")),
        explanation="After the 101 timeout tunnel takes the place of both.",
        otherwise=2,
    ),
    *(
        ask(
            f"{side}-wins",
            f"Without timeout tunnel, does a small timeout {side} end idle tunnels?",
            f"yes: with {side} at 1 s and {other} at 30 s both end after 1 s or more, and before 10 s",
            _until_cut,
            cut(least_seconds=1.0, most_seconds=SOON),
            site=limited(haproxy=(f"timeout {side} 1s", f"timeout {other} 30s")),
            explanation="The smaller of the two decides; in httpd it is the larger of Timeout and the member's.",
            otherwise=2,
        )
        for side, other in (("client", "server"), ("server", "client"))
    ),
    ask(
        "silent-handshake",
        "What does a client get when a backend accepts and never answers the handshake?",
        "after proxy_read_timeout (1 s) 101 from the other member, and no other client waits",
        _never_answered,
        (
            refusals.answers(*[101] * 4),
            refusals.waited(2, least_seconds=1.0, most_seconds=SOON),
            distribution.served_by(*["liberty"] * 4),
            accounting.nothing_left_open,
        ),
        site=limited(
            nginx=("proxy_read_timeout 1s",),
            haproxy=("timeout client 60s", "timeout server 1s", "timeout tunnel 1h"),
        ),
        allow_log=("AH01102", "AH00959"),
        explanation="A timeout is an error to proxy_next_upstream, and takes the member out for fail_timeout.",
        elsewhere=(
            Elsewhere(
                proxy="HAProxy",
                does="redispatch is for connects alone: who waits for an answer in vain gets 504 (timeout server)",
                source="measured on 2.8.25",
                limit="504 after timeout server (1 s), at each of the member's 2 turns; the others are served",
                checks=(
                    refusals.answers(101, 504, 101, 504),
                    refusals.waited(2, least_seconds=1.0, most_seconds=SOON),
                    members.elected_between("node", 2, 2, reason="its turns"),
                    accounting.nothing_left_open,
                ),
                allow_log=(),
            ),
        ),
    ),
)
