"""When a member is dead, silent, frozen or rude: who notices, who pays, what the first turns afterwards look like."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import distribution, handshake, log, members, refusals, tunnels
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod, Member, MemberState
from wslb.model.sites import LIBERTY, NODE, balanced, cluster, with_parameters, with_proxy_set
from wslb.scenarios import acts as do
from wslb.scenarios.claims import BOOKS, CONNECT_FAILED
from wslb.scenarios.failover_elsewhere import (
    ALL_DOWN,
    KILLED,
    REFUSED,
    STANDBY,
    STANDBY_BESIDE,
    THREE,
    TRANSPARENT,
    WITHIN_RETRY,
)
from wslb.scenarios.scenario import Elsewhere, Family, Scenario

__all__ = ["SCENARIOS"]

DEAD = Member(route="dead", url="ws://refused")
UNREACHABLE = Member(route="dead", url="ws://blackhole")


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
    await lab.settled(busy=2)
    await lab.open_in_turn(2, hold=True)
    await do.revive(lab, "node")
    await do.wait_for(lab, 1.1)
    await lab.open_in_turn(6, hold=True)


async def _one_killed_between(lab: Lab) -> None:
    await lab.open_in_turn(2)
    await do.kill(lab, "node")
    await lab.open_in_turn(3)


ask = Family(name="failover", allow_log=CONNECT_FAILED)

DEATH_UNSEEN = Elsewhere(
    since=(2, 4, 13),
    before=(2, 4, 28),
    does="the tunnels of a killed backend stay open towards their clients",
    source="measured on 2.4.23 and 2.4.27; not so on 2.4.12 and 2.4.35",
)

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "refused",
        "Does a client notice when the member whose turn it is refuses the connect?",
        "8 of 8 connections answered 101 by the other member; the dead one elected once, then in error",
        do.in_turn(8),
        (
            distribution.served_by(*["liberty"] * 8),
            members.shown_after(liberty="Init Ok", dead="Init Err"),
            log.announced("AH00957", "AH00959"),
            *TRANSPARENT,
        ),
        site=balanced(cluster(LIBERTY, DEAD)),
        explanation="A refused connect is the one error after which mod_proxy tries another member (AH00957, AH00959).",
        elsewhere=REFUSED,
    ),
    ask(
        "three",
        "When one of three members is dead, do the other two take strict turns, and who takes its turn?",
        "9 connections as the model says, the dead member elected once",
        do.in_turn(9),
        (members.shown_after(dead="Init Err"), *TRANSPARENT),
        site=balanced(cluster(LIBERTY, NODE, DEAD)),
        elsewhere=THREE,
    ),
    ask(
        "blackhole",
        "How long does a client wait when a member never answers the connect, and connectiontimeout=500ms?",
        "connection 2 waits 0.5 s or more and is served by the other member; 4 of 4 answered 101",
        do.in_turn(4),
        (
            refusals.waited(2, least_seconds=0.5),
            distribution.served_by(*["liberty"] * 4),
            members.shown_after(dead="Init Err"),
            *TRANSPARENT,
        ),
        site=balanced(cluster(LIBERTY, with_parameters(UNREACHABLE, connectiontimeout="500ms"))),
        explanation="Without connectiontimeout= or timeout= the client would wait for Timeout, 60 s by default.",
    ),
    ask(
        "blackhole-timeout",
        "Does timeout= bound the connect too, where connectiontimeout= is not set?",
        "connection 2 waits 1 s or more, less than 30 s, and is served by the other member",
        do.in_turn(3),
        (
            refusals.waited(2, least_seconds=1.0),
            distribution.served_by(*["liberty"] * 3),
            members.shown_after(dead="Init Err"),
            *TRANSPARENT,
        ),
        site=balanced(cluster(LIBERTY, with_parameters(UNREACHABLE, timeout="1"))),
    ),
    ask(
        "all-down",
        "With every member dead, what does a client see, and is the first one after their return served?",
        "503 three times, then 101 four times in turns, without waiting for retry=60",
        _both_down_and_back,
        (
            refusals.answers(503, 503, 503, 101, 101, 101, 101),
            distribution.follows_model,
            distribution.elected_as_modelled,
            members.shown_after(liberty="Init Ok", node="Init Ok"),
        ),
        explanation="With all members in error every request forces a recovery (mod_proxy_balancer, forcerecovery).",
        elsewhere=ALL_DOWN,
    ),
    ask(
        "forcerecovery-off",
        "With forcerecovery=Off, are members that came back served before their retry= is over?",
        "503 seven times; both still in error although both backends serve again",
        _both_down_and_back,
        (
            refusals.answers(*[503] * 7),
            distribution.follows_model,
            distribution.elected_as_modelled,
            members.shown_after(liberty="Init Err", node="Init Err"),
        ),
        site=balanced(with_proxy_set(cluster(LIBERTY, NODE), forcerecovery="Off")),
        allow_log=(*CONNECT_FAILED, "AH01170"),
        explanation="AH01170: all workers are in error state. Nothing but retry=, 60 s by default, ends it.",
    ),
    ask(
        "kill",
        "What happens to open tunnels, and to the next connections, when a backend is killed with -9?",
        "its 2 tunnels lost (1006), the other 2 live; the member stays Ok until its next connect is refused",
        _killed_under_tunnels,
        (
            tunnels.lost("node", count=2),
            tunnels.answered("after the kill", "liberty", count=2),
            members.shown_at("after the kill", liberty="Init Ok", node="Init Ok"),
            members.shown_after(node="Init Err"),
            *TRANSPARENT,
        ),
        explanation="Apache does not fail a member whose tunnels end: only a connect that fails puts it in error.",
        otherwise=2,
        elsewhere=(DEATH_UNSEEN, *KILLED),
    ),
    ask(
        "stop",
        "Does a backend that is stopped in good order tell its clients through the proxy?",
        "no, as the originals do not: its 2 tunnels lost (1006), the other 2 live",
        _stopped_under_tunnels,
        (tunnels.lost("node", count=2), tunnels.answered("after the stop", "liberty", count=2), *TRANSPARENT),
        allow_log=(),
        explanation="Open Liberty and Node.js end by a FIN without a Close frame; a server of one's own may say 1001.",
        otherwise=2,
    ),
    ask(
        "retry",
        "When a dead member is back and its retry=1 is over, what do the first turns look like?",
        "strict turns at once over 6 connections, no burst to catch up, as the model says",
        _back_after_retry,
        (members.shown_after(liberty="Init Ok", node="Init Ok"), *TRANSPARENT),
        site=balanced(cluster(LIBERTY, with_parameters(NODE, retry="1"))),
        explanation="A member in error earns no credit (mod_lbmethod_byrequests), so there is nothing to catch up.",
    ),
    ask(
        "retry-window",
        "Is a member that is back used before its retry= (60 s by default) is over?",
        "no: 7 of 7 connections go to the other one; it stays in error",
        _back_too_early,
        (distribution.served_by(*["liberty"] * 7), members.shown_after(node="Init Err"), *TRANSPARENT),
        elsewhere=WITHIN_RETRY,
    ),
    ask(
        "retry-zero",
        "With retry=0, is a dead member tried again and again, and do clients notice?",
        "8 of 8 connections answered by the other member; the dead one elected 4 to 7 times",
        do.in_turn(8),
        (
            distribution.served_by(*["liberty"] * 8),
            handshake.answered_101,
            members.elected_between(
                "dead", 4, 7, reason="whether the second election counts it in depends on the clock's microsecond"
            ),
            *BOOKS,
        ),
        site=balanced(cluster(LIBERTY, with_parameters(DEAD, retry="0"))),
        explanation=(
            "The error must be older than retry before the member counts again. With retry=0 the election that follows "
            "in the same request may or may not come a microsecond later, so the dead member is elected at every "
            "second or at every connection."
        ),
    ),
    ask(
        "maxattempts-zero",
        "With maxattempts=0, who pays for a dead member?",
        "the one client whose turn it is gets 503; the others are served",
        do.in_turn(5),
        (
            refusals.answers(101, 503, 101, 101, 101),
            distribution.follows_model,
            distribution.elected_as_modelled,
            members.shown_after(dead="Init Err"),
        ),
        site=balanced(with_proxy_set(cluster(LIBERTY, DEAD), maxattempts="0")),
    ),
    ask(
        "standby",
        "Is a hot standby (status=+H) used only when every other member is in error?",
        "2 connections to the member, after its death 3 to the standby",
        _one_killed_between,
        (distribution.served_by("node", "node", *["liberty"] * 3), *TRANSPARENT),
        site=balanced(cluster(NODE, replace(LIBERTY, state=MemberState.STANDBY))),
        elsewhere=STANDBY,
    ),
    ask(
        "spare",
        "Does a hot spare (status=+R) step in beside the living members when one is in error?",
        "with one of two members dead, spare and survivor take turns over 6 connections",
        do.in_turn(6),
        (distribution.served_by(*["node", "liberty"] * 3), *TRANSPARENT),
        site=balanced(cluster(DEAD, NODE, replace(LIBERTY, state=MemberState.SPARE))),
        explanation="One spare for each unusable member (mod_proxy, BalancerMember status); a standby would stay out.",
    ),
    ask(
        "standby-beside",
        "Does a hot standby stay out while one of two members still lives?",
        "with one of two members dead, the survivor serves all 6 connections",
        do.in_turn(6),
        (distribution.served_by(*["node"] * 6), *TRANSPARENT),
        site=balanced(cluster(DEAD, NODE, replace(LIBERTY, state=MemberState.STANDBY))),
        elsewhere=STANDBY_BESIDE,
    ),
    ask(
        "lbset",
        "Is a higher lbset asked only when nobody of the lower one can be used?",
        "with lbset 0 dead, the two members of lbset 1 take strict turns over 6 connections",
        do.in_turn(6),
        (distribution.served_by(*["liberty", "node"] * 3), *TRANSPARENT),
        site=balanced(cluster(DEAD, with_parameters(LIBERTY, lbset="1"), with_parameters(NODE, lbset="1"))),
    ),
    ask(
        "bybusyness-return",
        "With bybusyness, does everything new go to a member that has just come back empty?",
        "4 tunnels on one side: the returned member gets the next 3, then turns, as the model says",
        _busy_when_back,
        (
            distribution.served_by(
                *["liberty", "node"] * 2, *["liberty"] * 2, *["node"] * 3, "liberty", "node", "liberty"
            ),
            *TRANSPARENT,
        ),
        site=balanced(cluster(LIBERTY, with_parameters(NODE, retry="1"), lbmethod=LbMethod.BYBUSYNESS)),
        explanation=(
            "Fewest open tunnels wins, so a server that has just started gets every new one until it is level. It gets "
            "one less than it lacks: a tunnel that failed over counts as busy on the dead member too, until it ends."
        ),
        otherwise=2,
        elsewhere=(DEATH_UNSEEN,),
    ),
)
