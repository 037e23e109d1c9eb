"""Family failover, members that accept a connect and then freeze, hang up or answer with an HTTP error."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import distribution, members, refusals, tunnels
from wslb.lab.lab import Lab
from wslb.model.balancer import Carrier, Site
from wslb.model.sites import LIBERTY, NODE, balanced, cluster, with_parameters, with_proxy_set
from wslb.scenarios import acts as do
from wslb.scenarios.failover_elsewhere import TRANSPARENT
from wslb.scenarios.scenario import Family, Scenario

__all__ = ["SCENARIOS"]


async def _frozen_tunnels(lab: Lab) -> None:
    held = await lab.open_in_turn(4, hold=True)
    await do.freeze(lab, "node")
    await do.speak(lab, held, "while frozen", seconds=0.5)
    await do.thaw(lab, "node")
    lab.note("spoken", "after it goes on", label="queued", connections=[c.handshake.conn_id for c in held[1::2]])
    for conversation_ in held[1::2]:
        await conversation_.receive()


async def _frozen_turns(lab: Lab) -> None:
    """Open while node is frozen; the client is patient for longer than the member's timeout of 1 s."""
    await do.freeze(lab, "node")
    for _ in range(4):
        await lab.open(timeout_seconds=2.5)
    await do.observe(lab, "while frozen")
    await do.thaw(lab, "node")


async def _hanging_turn(lab: Lab) -> None:
    await do.freeze(lab, "node")
    for _ in range(3):
        await lab.open(timeout_seconds=1.5)
    await do.observe(lab, "while frozen")
    await do.thaw(lab, "node")


async def _refused_by_503(lab: Lab) -> None:
    await do.silence(lab, "node", kind="status", status=503)
    await lab.open_in_turn(6)


async def _hung_up(lab: Lab) -> None:
    await do.silence(lab, "node", kind="hangup")
    await lab.open_in_turn(4)


def pinned_carrier(site: Site, carrier_: Carrier) -> Site:
    """The site with a carrier of its own, where the carriers differ."""
    return replace(site, carrier=carrier_)


FROZEN = balanced(cluster(LIBERTY, with_parameters(NODE, timeout="1")))
FROZEN_STRICT = balanced(with_proxy_set(cluster(LIBERTY, with_parameters(NODE, timeout="1")), failontimeout="On"))
FAIL_ON_503 = balanced(with_proxy_set(cluster(LIBERTY, NODE), failonstatus="503"))

ask = Family(name="failover")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "frozen-tunnels",
        "Are the open tunnels of a frozen backend (SIGSTOP) cut, or do they wait?",
        "2 tunnels silent while it is frozen, answered once it goes on; the other 2 answer at once",
        _frozen_tunnels,
        (
            tunnels.answered("while frozen", "liberty", count=2),
            tunnels.unanswered("while frozen", "node", count=2),
            tunnels.answered("queued", "node", count=2),
            tunnels.still_open(count=4),
            *TRANSPARENT,
        ),
        explanation="The kernel of a frozen program still takes bytes; nothing fails until a timeout does.",
    ),
    ask(
        "frozen-http",
        "Do the turns of a frozen backend go to the other member (mod_proxy_http, timeout=1)?",
        "no: its turns get 502 after 1 s, and it stays Ok",
        _frozen_turns,
        (
            refusals.answers(101, 502, 101, 502),
            refusals.waited(2, least_seconds=1.0),
            members.shown_at("while frozen", liberty="Init Ok", node="Init Ok"),
        ),
        site=pinned_carrier(FROZEN, Carrier.HTTP),
        allow_log=("AH01102", "AH00898"),
        explanation="Only a failed connect fails over. This connect succeeded: the kernel accepted it.",
    ),
    ask(
        "failontimeout-http",
        "Does failontimeout=On keep later clients away from a frozen backend (mod_proxy_http)?",
        "the first turn gets 502 after 1 s, the member is then in error, the next ones are served by the other",
        _frozen_turns,
        (
            refusals.answers(101, 502, 101, 101),
            refusals.waited(2, least_seconds=1.0),
            members.shown_at("while frozen", liberty="Init Ok", node="Init Err"),
        ),
        site=pinned_carrier(FROZEN_STRICT, Carrier.HTTP),
        allow_log=("AH01102", "AH00898", "AH02460"),
    ),
    ask(
        "failontimeout-wstunnel",
        "Does failontimeout=On help with a frozen backend behind mod_proxy_wstunnel?",
        "no: its turn hangs until the client gives up after 1.5 s, longer than timeout=1, and it stays Ok",
        _hanging_turn,
        (
            refusals.answers(101, None, 101),
            refusals.waited(2, least_seconds=1.5),
            members.shown_at("while frozen", liberty="Init Ok", node="Init Ok"),
        ),
        site=pinned_carrier(FROZEN_STRICT, Carrier.WSTUNNEL),
        explanation="mod_proxy_wstunnel opens its tunnel before the backend has answered, and a tunnel has no timeout.",
    ),
    ask(
        "http-error",
        "Does an HTTP error from a member (503 to the handshake) make the proxy try the other one?",
        "no: 101 503 101 503 101 503, and the member stays Ok",
        _refused_by_503,
        (
            refusals.answers(101, 503, 101, 503, 101, 503),
            distribution.follows_model,
            distribution.elected_as_modelled,
            members.shown_after(liberty="Init Ok", node="Init Ok"),
        ),
        explanation="An answer is an answer: failover needs a connect that fails (mod_proxy_balancer).",
    ),
    ask(
        "failonstatus-http",
        "Does failonstatus=503 keep later clients away from the member (mod_proxy_http)?",
        "the first client still gets the 503; the member is then in error, the next 4 are served by the other",
        _refused_by_503,
        (refusals.answers(101, 503, 101, 101, 101, 101), members.shown_after(liberty="Init Ok", node="Init Err")),
        site=pinned_carrier(FAIL_ON_503, Carrier.HTTP),
        allow_log=("AH01174",),
    ),
    ask(
        "failonstatus-wstunnel",
        "Does failonstatus=503 work behind mod_proxy_wstunnel?",
        "no: every second client gets the 503, and the member stays Ok",
        _refused_by_503,
        (refusals.answers(101, 503, 101, 503, 101, 503), members.shown_after(liberty="Init Ok", node="Init Ok")),
        site=pinned_carrier(FAIL_ON_503, Carrier.WSTUNNEL),
        explanation="mod_proxy_wstunnel passes the answer on as bytes and never learns its status.",
    ),
    ask(
        "hangup-http",
        "Does a backend that hangs up on the handshake cause a failover (mod_proxy_http)?",
        "no: its turns get 502, and it stays Ok",
        _hung_up,
        (refusals.answers(101, 502, 101, 502), members.shown_after(liberty="Init Ok", node="Init Ok")),
        site=pinned_carrier(balanced(cluster(LIBERTY, NODE)), Carrier.HTTP),
        allow_log=("AH01102", "AH00898"),
    ),
    ask(
        "hangup-wstunnel",
        "What does a client get when a backend hangs up on the handshake behind mod_proxy_wstunnel?",
        "0 bytes of a status line in its turns; the member stays Ok",
        _hung_up,
        (refusals.answers(101, None, 101, None), members.shown_after(liberty="Init Ok", node="Init Ok")),
        site=pinned_carrier(balanced(cluster(LIBERTY, NODE)), Carrier.WSTUNNEL),
        explanation="The tunnel was already open: the error page follows as bare bytes, without status line or fields.",
    ),
)
