"""When a member is dead, silent, frozen or rude: who notices, who pays, what the first turns afterwards look like."""

from __future__ import annotations

from dataclasses import replace

from harness.balancer import Balancer, Carrier, LbMethod, Member, MemberState, Site
from harness.checks import accounting, carrier, conversation, distribution, handshake, log, members, refusals, tunnels
from harness.lab import Lab
from harness.results import Check
from harness.scenario import Scenario
from harness.scenarios import disturbances as do
from harness.scenarios.sites import LIBERTY, NODE, balanced, cluster, with_parameters

__all__ = ["SCENARIOS"]

DEAD = Member(route="dead", url="ws://refused")
UNREACHABLE = Member(route="dead", url="ws://blackhole")

CONNECT_FAILED = ("AH00957", "AH00959", "AH02452", "AH01114")
"""Attempt failed, member disabled for retry seconds, and each carrier's own word for it (wstunnel, http)."""

BOOKS: tuple[Check, ...] = (
    accounting.members_as_claimed,
    accounting.witnesses_agree,
    accounting.nothing_left_open,
    carrier.carried_as_asked,
)
MODELLED: tuple[Check, ...] = (distribution.follows_model, distribution.elected_as_modelled, *BOOKS)
TRANSPARENT: tuple[Check, ...] = (handshake.answered_101, conversation.greeted, *MODELLED)


def strict(balancer: Balancer, **parameters: str) -> Balancer:
    """The balancer with ``ProxySet`` parameters."""
    return replace(balancer, parameters=tuple(parameters.items()))


async def _both_down_and_back(lab: Lab) -> None:
    await do.kill(lab, "liberty", "node")
    await lab.open_in_turn(3)
    await do.revive(lab, "liberty", "node")
    await lab.open_in_turn(4)


async def _killed_under_tunnels(lab: Lab) -> None:
    held = await lab.open_in_turn(4, hold=True)
    await do.kill(lab, "node")
    await do.ended([c for c in held if c.backend == "node"], seconds=lab.settings.timeouts.settle)
    await do.observe(lab, "after the kill")
    await do.speak(lab, [c for c in held if c.backend == "liberty"], "after the kill")
    await lab.open_in_turn(4)


async def _stopped_under_tunnels(lab: Lab) -> None:
    held = await lab.open_in_turn(4, hold=True)
    await do.stop(lab, "node")
    await do.ended([c for c in held if c.backend == "node"], seconds=lab.settings.timeouts.settle)
    await do.speak(lab, [c for c in held if c.backend == "liberty"], "after the stop")


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


async def _back_after_retry(lab: Lab) -> None:
    await do.kill(lab, "node")
    await lab.open_in_turn(3)
    await do.revive(lab, "node")
    await do.wait_for(lab, 1.1)
    await lab.open_in_turn(6)


async def _back_too_early(lab: Lab) -> None:
    await do.kill(lab, "node")
    await lab.open_in_turn(3)
    await do.revive(lab, "node")
    await lab.open_in_turn(4)


async def _busy_when_back(lab: Lab) -> None:
    held = await lab.open_in_turn(4, hold=True)
    await do.kill(lab, "node")
    await do.ended([c for c in held if c.backend == "node"], seconds=lab.settings.timeouts.settle)
    await lab.proxy.settled(None, busy=2, seconds=lab.settings.timeouts.settle)
    await lab.open_in_turn(2, hold=True)
    await do.revive(lab, "node")
    await do.wait_for(lab, 1.1)
    await lab.open_in_turn(6, hold=True)


async def _one_killed_between(lab: Lab) -> None:
    await lab.open_in_turn(2)
    await do.kill(lab, "node")
    await lab.open_in_turn(3)


async def _health_checked(lab: Lab) -> None:
    await do.shown(lab, "node", "Init Ok")
    await do.kill(lab, "node")
    await do.shown(lab, "node", HEALTH_FAILED)
    await lab.open_in_turn(3)
    await do.revive(lab, "node")
    await do.shown(lab, "node", "Init Ok")
    await lab.open_in_turn(4)


async def _health_misjudged(lab: Lab) -> None:
    await do.shown(lab, "liberty", HEALTH_FAILED)
    await do.shown(lab, "node", HEALTH_FAILED)
    await lab.open_in_turn(2)


async def _health_told_right(lab: Lab) -> None:
    await do.probed(lab, 2)
    await do.observe(lab, "after two rounds of probes")
    await lab.open_in_turn(4)


async def _health_path_doubled(lab: Lab) -> None:
    await do.shown(lab, "liberty", HEALTH_FAILED)
    await lab.open_in_turn(3)


HEALTH_FAILED = "Init HcFl"


def health_checked(**parameters: str) -> Site:
    """Both members probed every 200 ms by mod_proxy_hcheck; one failure or success decides, 426 is ``ok426``."""
    probes = {"hcinterval": "200ms", "hcpasses": "1", "hcfails": "1", **parameters}
    theirs = probes | ({"hcuri": f"/{probes['hcuri'].lstrip('/')}"} if "hcuri" in probes else {})
    checked = cluster(with_parameters(LIBERTY, **probes), with_parameters(NODE, **theirs))
    told = ("ProxyHCExpr ok426 {%{REQUEST_STATUS} =~ /^426/}",)
    return replace(balanced(checked), modules=("watchdog", "proxy_hcheck"), directives=told)


def pinned_carrier(site: Site, carrier_: Carrier) -> Site:
    """The site with a carrier of its own, where the carriers differ."""
    return replace(site, carrier=carrier_)


FROZEN = balanced(cluster(LIBERTY, with_parameters(NODE, timeout="1")))
FROZEN_STRICT = balanced(strict(cluster(LIBERTY, with_parameters(NODE, timeout="1")), failontimeout="On"))
FAIL_ON_503 = balanced(strict(cluster(LIBERTY, NODE), failonstatus="503"))

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="failover-refused",
        question="Does a client notice when the member whose turn it is refuses the connect?",
        limit="8 of 8 connections answered 101 by the other member; the dead one elected once, then in error",
        site=balanced(cluster(LIBERTY, DEAD)),
        act=do.in_turn(8),
        checks=(
            distribution.served_by(*["liberty"] * 8),
            members.shown_after(liberty="Init Ok", dead="Init Err"),
            log.announced("AH00957", "AH00959"),
            *TRANSPARENT,
        ),
        allow_log=CONNECT_FAILED,
        explanation="A refused connect is the one error after which mod_proxy tries another member (AH00957, AH00959).",
    ),
    Scenario(
        name="failover-three",
        question="When one of three members is dead, do the other two take strict turns, and who takes its turn?",
        limit="9 connections as the model says, the dead member elected once",
        site=balanced(cluster(LIBERTY, NODE, DEAD)),
        act=do.in_turn(9),
        checks=(members.shown_after(dead="Init Err"), *TRANSPARENT),
        allow_log=CONNECT_FAILED,
    ),
    Scenario(
        name="failover-blackhole",
        question="How long does a client wait when a member never answers the connect, and connectiontimeout=500ms?",
        limit="connection 2 waits 0.5 s or more and is served by the other member; 4 of 4 answered 101",
        site=balanced(cluster(LIBERTY, with_parameters(UNREACHABLE, connectiontimeout="500ms"))),
        act=do.in_turn(4),
        checks=(
            refusals.waited(2, least_seconds=0.5),
            distribution.served_by(*["liberty"] * 4),
            members.shown_after(dead="Init Err"),
            *TRANSPARENT,
        ),
        allow_log=CONNECT_FAILED,
        explanation="Without connectiontimeout= or timeout= the client would wait for Timeout, 60 s by default.",
    ),
    Scenario(
        name="failover-blackhole-timeout",
        question="Does timeout= bound the connect too, where connectiontimeout= is not set?",
        limit="connection 2 waits 1 s or more, less than 30 s, and is served by the other member",
        site=balanced(cluster(LIBERTY, with_parameters(UNREACHABLE, timeout="1"))),
        act=do.in_turn(3),
        checks=(
            refusals.waited(2, least_seconds=1.0),
            distribution.served_by(*["liberty"] * 3),
            members.shown_after(dead="Init Err"),
            *TRANSPARENT,
        ),
        allow_log=CONNECT_FAILED,
    ),
    Scenario(
        name="failover-all-down",
        question="With every member dead, what does a client see, and is the first one after their return served?",
        limit="503 three times, then 101 four times in turns, without waiting for retry=60",
        site=balanced(cluster(LIBERTY, NODE)),
        act=_both_down_and_back,
        checks=(
            refusals.answers(503, 503, 503, 101, 101, 101, 101),
            distribution.follows_model,
            distribution.elected_as_modelled,
            members.shown_after(liberty="Init Ok", node="Init Ok"),
        ),
        allow_log=CONNECT_FAILED,
        explanation="With all members in error every request forces a recovery (mod_proxy_balancer, forcerecovery).",
    ),
    Scenario(
        name="failover-forcerecovery-off",
        question="With forcerecovery=Off, are members that came back served before their retry= is over?",
        limit="503 seven times; both still in error although both backends serve again",
        site=balanced(strict(cluster(LIBERTY, NODE), forcerecovery="Off")),
        act=_both_down_and_back,
        checks=(
            refusals.answers(*[503] * 7),
            distribution.follows_model,
            distribution.elected_as_modelled,
            members.shown_after(liberty="Init Err", node="Init Err"),
        ),
        allow_log=(*CONNECT_FAILED, "AH01170"),
        explanation="AH01170: all workers are in error state. Nothing but retry=, 60 s by default, ends it.",
    ),
    Scenario(
        name="failover-kill",
        question="What happens to open tunnels, and to the next connections, when a backend is killed with -9?",
        limit="its 2 tunnels lost (1006), the other 2 live; the member stays Ok until its next connect is refused",
        site=balanced(cluster(LIBERTY, NODE)),
        act=_killed_under_tunnels,
        checks=(
            tunnels.lost("node", count=2),
            tunnels.answered("after the kill", "liberty", count=2),
            members.shown_at("after the kill", liberty="Init Ok", node="Init Ok"),
            members.shown_after(node="Init Err"),
            *TRANSPARENT,
        ),
        allow_log=CONNECT_FAILED,
        explanation="Apache does not fail a member whose tunnels end: only a connect that fails puts it in error.",
    ),
    Scenario(
        name="failover-stop",
        question="Does a backend that is stopped in good order tell its clients through Apache?",
        limit="its 2 tunnels closed by the server with 1001, the other 2 live",
        site=balanced(cluster(LIBERTY, NODE)),
        act=_stopped_under_tunnels,
        checks=(
            tunnels.closed_with(1001, count=2),
            tunnels.answered("after the stop", "liberty", count=2),
            *TRANSPARENT,
        ),
    ),
    Scenario(
        name="failover-frozen-tunnels",
        question="Are the open tunnels of a frozen backend (SIGSTOP) cut, or do they wait?",
        limit="2 tunnels silent while it is frozen, answered once it goes on; the other 2 answer at once",
        site=balanced(cluster(LIBERTY, NODE)),
        act=_frozen_tunnels,
        checks=(
            tunnels.answered("while frozen", "liberty", count=2),
            tunnels.unanswered("while frozen", "node", count=2),
            tunnels.answered("queued", "node", count=2),
            tunnels.still_open(count=4),
            *TRANSPARENT,
        ),
        explanation="The kernel of a frozen program still takes bytes; nothing fails until a timeout does.",
    ),
    Scenario(
        name="failover-frozen-http",
        question="Do the turns of a frozen backend go to the other member (mod_proxy_http, timeout=1)?",
        limit="no: its turns get 502 after 1 s, and it stays Ok",
        site=pinned_carrier(FROZEN, Carrier.HTTP),
        act=_frozen_turns,
        checks=(
            refusals.answers(101, 502, 101, 502),
            refusals.waited(2, least_seconds=1.0),
            members.shown_at("while frozen", liberty="Init Ok", node="Init Ok"),
        ),
        allow_log=("AH01102", "AH00898"),
        explanation="Only a failed connect fails over. This connect succeeded: the kernel accepted it.",
    ),
    Scenario(
        name="failover-failontimeout-http",
        question="Does failontimeout=On keep later clients away from a frozen backend (mod_proxy_http)?",
        limit="the first turn gets 502 after 1 s, the member is then in error, the next ones are served by the other",
        site=pinned_carrier(FROZEN_STRICT, Carrier.HTTP),
        act=_frozen_turns,
        checks=(
            refusals.answers(101, 502, 101, 101),
            members.shown_at("while frozen", liberty="Init Ok", node="Init Err"),
        ),
        allow_log=("AH01102", "AH00898", "AH02460"),
    ),
    Scenario(
        name="failover-failontimeout-wstunnel",
        question="Does failontimeout=On help with a frozen backend behind mod_proxy_wstunnel?",
        limit="no: its turn hangs until the client gives up after 1.5 s, longer than timeout=1, and it stays Ok",
        site=pinned_carrier(FROZEN_STRICT, Carrier.WSTUNNEL),
        act=_hanging_turn,
        checks=(
            refusals.answers(101, None, 101),
            refusals.waited(2, least_seconds=1.5),
            members.shown_at("while frozen", liberty="Init Ok", node="Init Ok"),
        ),
        explanation="mod_proxy_wstunnel opens its tunnel before the backend has answered, and a tunnel has no timeout.",
    ),
    Scenario(
        name="failover-http-error",
        question="Does an HTTP error from a member (503 to the handshake) make Apache try the other one?",
        limit="no: 101 503 101 503 101 503, and the member stays Ok",
        site=balanced(cluster(LIBERTY, NODE)),
        act=_refused_by_503,
        checks=(
            refusals.answers(101, 503, 101, 503, 101, 503),
            distribution.follows_model,
            distribution.elected_as_modelled,
            members.shown_after(liberty="Init Ok", node="Init Ok"),
        ),
        explanation="An answer is an answer: failover needs a connect that fails (mod_proxy_balancer).",
    ),
    Scenario(
        name="failover-failonstatus-http",
        question="Does failonstatus=503 keep later clients away from the member (mod_proxy_http)?",
        limit="the first client still gets the 503; the member is then in error, the next 4 are served by the other",
        site=pinned_carrier(FAIL_ON_503, Carrier.HTTP),
        act=_refused_by_503,
        checks=(
            refusals.answers(101, 503, 101, 101, 101, 101),
            members.shown_after(liberty="Init Ok", node="Init Err"),
        ),
        allow_log=("AH01174",),
    ),
    Scenario(
        name="failover-failonstatus-wstunnel",
        question="Does failonstatus=503 work behind mod_proxy_wstunnel?",
        limit="no: every second client gets the 503, and the member stays Ok",
        site=pinned_carrier(FAIL_ON_503, Carrier.WSTUNNEL),
        act=_refused_by_503,
        checks=(
            refusals.answers(101, 503, 101, 503, 101, 503),
            members.shown_after(liberty="Init Ok", node="Init Ok"),
        ),
        explanation="mod_proxy_wstunnel passes the answer on as bytes and never learns its status.",
    ),
    Scenario(
        name="failover-hangup-http",
        question="Does a backend that hangs up on the handshake cause a failover (mod_proxy_http)?",
        limit="no: its turns get 502, and it stays Ok",
        site=pinned_carrier(balanced(cluster(LIBERTY, NODE)), Carrier.HTTP),
        act=_hung_up,
        checks=(refusals.answers(101, 502, 101, 502), members.shown_after(liberty="Init Ok", node="Init Ok")),
        allow_log=("AH01102", "AH00898"),
    ),
    Scenario(
        name="failover-hangup-wstunnel",
        question="What does a client get when a backend hangs up on the handshake behind mod_proxy_wstunnel?",
        limit="0 bytes of a status line in its turns; the member stays Ok",
        site=pinned_carrier(balanced(cluster(LIBERTY, NODE)), Carrier.WSTUNNEL),
        act=_hung_up,
        checks=(refusals.answers(101, None, 101, None), members.shown_after(liberty="Init Ok", node="Init Ok")),
        explanation="The tunnel was already open: the error page follows as bare bytes, without status line or fields.",
    ),
    Scenario(
        name="failover-retry",
        question="When a dead member is back and its retry=1 is over, what do the first turns look like?",
        limit="strict turns at once over 6 connections, no burst to catch up, as the model says",
        site=balanced(cluster(LIBERTY, with_parameters(NODE, retry="1"))),
        act=_back_after_retry,
        checks=(members.shown_after(liberty="Init Ok", node="Init Ok"), *TRANSPARENT),
        allow_log=CONNECT_FAILED,
        explanation="A member in error earns no credit (mod_lbmethod_byrequests), so there is nothing to catch up.",
    ),
    Scenario(
        name="failover-retry-window",
        question="Is a member that is back used before its retry= (60 s by default) is over?",
        limit="no: 7 of 7 connections go to the other one; it stays in error",
        site=balanced(cluster(LIBERTY, NODE)),
        act=_back_too_early,
        checks=(
            distribution.served_by(*["liberty"] * 7),
            members.shown_after(node="Init Err"),
            *TRANSPARENT,
        ),
        allow_log=CONNECT_FAILED,
    ),
    Scenario(
        name="failover-retry-zero",
        question="With retry=0, is a dead member tried again and again, and do clients notice?",
        limit="8 of 8 connections answered by the other member; the dead one elected 4 to 7 times",
        site=balanced(cluster(LIBERTY, with_parameters(DEAD, retry="0"))),
        act=do.in_turn(8),
        checks=(
            distribution.served_by(*["liberty"] * 8),
            handshake.answered_101,
            members.elected_between(
                "dead", 4, 7, reason="whether the second election counts it in depends on the clock's microsecond"
            ),
            *BOOKS,
        ),
        allow_log=CONNECT_FAILED,
        explanation=(
            "The error must be older than retry before the member counts again. With retry=0 the election that follows "
            "in the same request may or may not come a microsecond later, so the dead member is elected at every "
            "second or at every connection."
        ),
    ),
    Scenario(
        name="failover-maxattempts-zero",
        question="With maxattempts=0, who pays for a dead member?",
        limit="the one client whose turn it is gets 503; the others are served",
        site=balanced(strict(cluster(LIBERTY, DEAD), maxattempts="0")),
        act=do.in_turn(5),
        checks=(
            refusals.answers(101, 503, 101, 101, 101),
            distribution.follows_model,
            distribution.elected_as_modelled,
            members.shown_after(dead="Init Err"),
        ),
        allow_log=CONNECT_FAILED,
    ),
    Scenario(
        name="failover-standby",
        question="Is a hot standby (status=+H) used only when every other member is in error?",
        limit="2 connections to the member, after its death 3 to the standby",
        site=balanced(cluster(NODE, replace(LIBERTY, state=MemberState.STANDBY))),
        act=_one_killed_between,
        checks=(distribution.served_by("node", "node", *["liberty"] * 3), *TRANSPARENT),
        allow_log=CONNECT_FAILED,
    ),
    Scenario(
        name="failover-spare",
        question="Does a hot spare (status=+R) step in beside the living members when one is in error?",
        limit="with one of two members dead, spare and survivor take turns over 6 connections",
        site=balanced(cluster(DEAD, NODE, replace(LIBERTY, state=MemberState.SPARE))),
        act=do.in_turn(6),
        checks=(distribution.served_by(*["node", "liberty"] * 3), *TRANSPARENT),
        allow_log=CONNECT_FAILED,
        explanation="One spare for each unusable member (mod_proxy, BalancerMember status); a standby would stay out.",
    ),
    Scenario(
        name="failover-standby-beside",
        question="Does a hot standby stay out while one of two members still lives?",
        limit="with one of two members dead, the survivor serves all 6 connections",
        site=balanced(cluster(DEAD, NODE, replace(LIBERTY, state=MemberState.STANDBY))),
        act=do.in_turn(6),
        checks=(distribution.served_by(*["node"] * 6), *TRANSPARENT),
        allow_log=CONNECT_FAILED,
    ),
    Scenario(
        name="failover-lbset",
        question="Is a higher lbset asked only when nobody of the lower one can be used?",
        limit="with lbset 0 dead, the two members of lbset 1 take strict turns over 6 connections",
        site=balanced(cluster(DEAD, with_parameters(LIBERTY, lbset="1"), with_parameters(NODE, lbset="1"))),
        act=do.in_turn(6),
        checks=(distribution.served_by(*["liberty", "node"] * 3), *TRANSPARENT),
        allow_log=CONNECT_FAILED,
    ),
    Scenario(
        name="failover-bybusyness-return",
        question="With bybusyness, does everything new go to a member that has just come back empty?",
        limit="4 tunnels on one side: the returned member gets the next 3, then turns, as the model says",
        site=balanced(cluster(LIBERTY, with_parameters(NODE, retry="1"), lbmethod=LbMethod.BYBUSYNESS)),
        act=_busy_when_back,
        checks=(
            distribution.served_by(
                *["liberty", "node"] * 2, *["liberty"] * 2, *["node"] * 3, "liberty", "node", "liberty"
            ),
            *TRANSPARENT,
        ),
        allow_log=CONNECT_FAILED,
        explanation=(
            "Fewest open tunnels wins, so a server that has just started gets every new one until it is level. It gets "
            "one less than it lacks: a tunnel that failed over counts as busy on the dead member too, until it ends."
        ),
    ),
    Scenario(
        name="failover-hcheck-tcp",
        question="Does mod_proxy_hcheck (TCP) take a dead member out before a client runs into it, and bring it back?",
        limit="3 connections served by the other without a failed connect; after its return 4 in turns",
        site=health_checked(hcmethod="TCP"),
        act=_health_checked,
        checks=(
            distribution.served_by(*["liberty"] * 3, *["liberty", "node"] * 2),
            handshake.answered_101,
            accounting.elected_counted,
            *BOOKS,
        ),
        allow_log=("AH00957",),
    ),
    Scenario(
        name="failover-hcheck-get",
        question="Does a plain GET probe (hcmethod=GET) suit a WebSocket endpoint?",
        limit="no: both members answer 426 and are taken out, so that every client gets 503",
        site=health_checked(hcmethod="GET", hcuri="CLRunner"),
        act=_health_misjudged,
        checks=(
            refusals.answers(503, 503),
            members.shown_after(liberty=HEALTH_FAILED, node=HEALTH_FAILED),
        ),
        allow_log=("AH01170",),
        explanation="426 Upgrade Required is the right answer of a healthy WebSocket server, and no 2xx or 3xx.",
    ),
    Scenario(
        name="failover-hcheck-expression",
        question="Can a GET probe be told that 426 means healthy?",
        limit="with ProxyHCExpr on 426 both members stay in, and 4 connections take turns",
        site=health_checked(hcmethod="GET11", hcuri="CLRunner", hcexpr="ok426"),
        act=_health_told_right,
        checks=(
            distribution.alternates,
            members.probed(2),
            members.shown_at("after two rounds of probes", liberty="Init Ok", node="Init Ok"),
            handshake.answered_101,
            accounting.elected_counted,
            *BOOKS,
        ),
    ),
    Scenario(
        name="failover-hcheck-path",
        question="Does hcuri=/CLRunner, with a slash, suit a member that has a path of its own?",
        limit="no: /WSConsole//CLRunner is probed and answers 404; that member is taken out, the other serves all 3",
        site=health_checked(hcmethod="GET11", hcuri="/CLRunner", hcexpr="ok426"),
        act=_health_path_doubled,
        checks=(
            distribution.served_by(*["node"] * 3),
            members.shown_after(liberty=HEALTH_FAILED, node="Init Ok"),
            handshake.answered_101,
            accounting.elected_counted,
            *BOOKS,
        ),
        explanation="hcuri is appended to the member's path and a slash; only a member without a path needs its own.",
    ),
)
