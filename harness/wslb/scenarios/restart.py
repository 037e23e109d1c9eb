"""Signals to httpd with tunnels open and new ones arriving: who lives, who dies, and where the turns begin again."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import carrier, conversation, distribution, handshake, lifecycle, members, refusals, tunnels
from wslb.interfaces import Capability
from wslb.lab.lab import Lab
from wslb.model.balancer import Carrier, LbMethod, MemberState, ProcessModel, Site
from wslb.model.results import Check, Witness
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster
from wslb.scenarios import acts as do
from wslb.scenarios.claims import CONNECT_FAILED
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario

__all__ = ["OLD_HAPROXY", "SCENARIOS"]


CUT = (*CONNECT_FAILED, "AH00045", "AH00046", "AH00898", "AH01102", "AH03307", "AH03308", "AH10240")
"""A child that does not end is waited for and then killed; a handshake that arrives then finds its sockets closed."""

ROOMY = replace(balanced(CLUSTER), process_model=ProcessModel(slots=12))
"""Room for two further generations of children beside those that still serve tunnels."""


async def _graceful(lab: Lab) -> None:
    held = await lab.open_in_turn(3, hold=True)
    await do.signal(lab, "USR1")
    await do.restarted(lab)
    await do.observe(lab, "after the restart")
    await do.speak(lab, held, "after the restart")
    await lab.open_in_turn(4)


async def _graceful_old_ones_end(lab: Lab) -> None:
    """Tunnels of the old generation end while the new one has some of its own."""
    old = await lab.open_in_turn(4, hold=True)
    await do.signal(lab, "USR1")
    await do.restarted(lab)
    new = await lab.open_in_turn(3, hold=True)
    await do.hang_up(old)
    await do.speak(lab, new, "after the old ones ended")
    await do.observe(lab, "after the old ones ended")


async def _graceful_forgets(lab: Lab) -> None:
    await do.set_state(lab, "node", MemberState.DISABLED)
    await lab.open_in_turn(2)
    await do.signal(lab, "USR1")
    await do.restarted(lab)
    await do.observe(lab, "after the restart")
    await lab.open_in_turn(4)


async def _graceful_while_arriving(lab: Lab) -> None:
    """Clients keep coming, five at a time, while httpd changes generations."""
    await lab.open_many(10, at_once=5)
    await do.signal(lab, "USR1")
    await lab.open_many(30, at_once=5)
    await do.restarted(lab, idle=False)


async def _graceful_without_room(lab: Lab) -> None:
    """One tunnel keeps the only child; a client comes, and another when the tunnel has ended.

    Behind httpd the first waits in vain.
    """
    held = await lab.open_in_turn(1, hold=True)
    await do.signal(lab, "USR1")
    await do.restarted(lab, idle=False)
    if lab.carrier is Carrier.OWN:
        await lab.open()
    else:
        await do.falls_silent(lab)
        await lab.open(timeout_seconds=1.0)
    await do.speak(lab, held, "after the restart")
    await do.hang_up(held)
    await lab.open()


async def _restart_idle(lab: Lab) -> None:
    await lab.open_in_turn(3)
    await lab.close([])
    await do.signal(lab, "HUP")
    await do.restarted(lab)
    await lab.open_in_turn(4)


async def _next_client(lab: Lab) -> None:
    """Waits for 1 s to be served, and for 1 s to be cut, and then leaves: what `forced` cuts httpd has not cut.

    Whom a child takes on just as it lets go of its tunnels stays served until the child is killed: then another comes.
    """
    for _ in range(2):
        late = await lab.open(timeout_seconds=1.0)
        await do.ended([late], seconds=1.0)
        served = late.handshake.accepted and late.handshake.closed is None
        await do.hang_up([late])
        if not served:
            return


async def _restart_cuts(lab: Lab) -> None:
    held = await lab.open_in_turn(4, hold=True)
    await do.signal(lab, "HUP")
    await do.ended(held, seconds=lab.settings.timeouts.settle)
    await _next_client(lab)
    await do.forced(lab)


async def _graceful_stop(lab: Lab) -> None:
    held = await lab.open_in_turn(4, hold=True)
    await do.signal(lab, "WINCH")
    await do.refuses(lab)
    await do.speak(lab, held, "after the signal")
    await lab.open(timeout_seconds=1.0)
    lab.note("running", "httpd still runs" if lab.proxy.running else "httpd has ended", running=lab.proxy.running)
    await lab.close_all()
    await do.gone(lab, seconds=2 * lab.settings.timeouts.settle)


async def _stop(lab: Lab) -> None:
    held = await lab.open_in_turn(4, hold=True)
    await do.signal(lab, "TERM")
    await do.ended(held, seconds=lab.settings.timeouts.settle)
    await _next_client(lab)
    await do.forced(lab)


async def _stop_idle(lab: Lab) -> None:
    await lab.open_in_turn(4)
    await lab.close([])
    await do.signal(lab, "TERM")
    await do.gone(lab, seconds=2 * lab.settings.timeouts.settle)


def _spare(opened: int) -> Act:
    """So many tunnels leave too few idle threads: httpd adds a child beside the one that carries them."""

    async def act(lab: Lab) -> None:
        held = await lab.open_in_turn(opened, hold=True)
        await do.another_child(lab, than=0, beside=True)
        await do.observe(lab, NEW_CHILD)
        await do.speak(lab, held, NEW_CHILD)
        await lab.open_in_turn(4, hold=True)

    return act


async def _child_killed(lab: Lab) -> None:
    await lab.open_in_turn(3)
    await lab.close([])
    if killed := await do.kill_child(lab):
        await do.another_child(lab, than=killed)
    await lab.open_in_turn(4)


async def _child_replaced(lab: Lab) -> None:
    await lab.open_in_turn(3)
    await lab.close([])
    if served := await do.child(lab):
        await do.another_child(lab, than=served)
    await lab.open_in_turn(4)


NEW_CHILD = "beside a new child"


def growing(site: Site, opened: int = 0, *, connections_per_child: int = 0) -> Site:
    """The site on one child of 16 threads; another comes beside so many tunnels, or after so many connections."""
    model = ProcessModel(
        started=1,
        threads=16,
        spare_threads=17 - opened if opened else 1,
        connections_per_child=connections_per_child,
    )
    return replace(site, process_model=model, modules=("status",))


def anew(limit: str, *checks: Check) -> Elsewhere:
    """The claim of versions where each child that starts resets the lbmethod's counters, which all children share."""
    return Elsewhere(
        before=(2, 4, 62),
        does="each child that starts resets the turns, and with bybusyness and bytraffic the open tunnels too",
        source="not in CHANGES; measured on 2.4.12, 2.4.27, 2.4.46 and 2.4.54",
        limit=limit,
        checks=(lifecycle.new_child, *checks, handshake.answered_101, carrier.carried_as_asked),
    )


GO_ON = ("liberty", "node", "liberty", "node", "liberty", "node", "liberty")
ANEW = ("liberty", "node", "liberty", "liberty", "node", "liberty", "node")
TURNS_ANEW = anew("no: the next 4 take turns from the first-listed member", distribution.served_by(*ANEW))
TURNS_GO_ON: tuple[Check, ...] = (
    lifecycle.new_child,
    distribution.served_by(*GO_ON),
    distribution.follows_model,
    handshake.answered_101,
    carrier.carried_as_asked,
)

AT_ONCE = Elsewhere(
    mpm="prefork",
    does="each child ends at once with its tunnel, and the next generation serves within a moment",
    source="measured on 2.4.71",
    limit="4 of 4 tunnels lost at once (1006)",
    checks=(tunnels.lost(count=4, before_signal=True),),
)

OLD_HAPROXY = Elsewhere(
    proxy="HAProxy",
    before=(2, 8),
    does="a worker may crash as it ends (code 139), when its last tunnel has ended by itself",
    source="issue 2222 of HAProxy is of the same kind; measured on 2.6.12",
    allow_log=("AH00052",),
)
"""Nobody is lost by it: what it says is all that there is of it."""

RELOADED_BY_HUP = tuple(
    Elsewhere(
        proxy=proxy,
        does=f"is reloaded by {signal}, which restart-graceful asks, and has no harder restart",
        source=source,
    )
    for proxy, signal, source in (
        ("nginx", "HUP", "manual, Controlling nginx"),
        ("HAProxy", "USR2", "manual for management, section 4"),
    )
)
ROOM_FOR_ALL = tuple(
    Elsewhere(
        proxy=proxy,
        before=before,
        does="an old process takes nobody's place, and the new one serves beside it",
        source=f"measured on {versions}",
        limit="no: the next client is served beside the old tunnel",
        checks=(
            lifecycle.restarted,
            tunnels.answered("after the restart", count=1),
            refusals.answers(101, 101, 101),
            carrier.carried_as_asked,
        ),
        allow_log=allow_log,
    )
    for proxy, before, versions, allow_log in (
        ("nginx", (99,), "1.22.1 and 1.31.3", None),
        ("HAProxy", (2, 8), "2.6.12", OLD_HAPROXY.allow_log),
        ("HAProxy", (99,), "2.8.25", None),
    )
)

SURVIVES: tuple[Check, ...] = (
    lifecycle.restarted,
    tunnels.answered("after the restart", count=3),
    tunnels.still_open(count=7),
    distribution.served_by("liberty", "node", "liberty", *["liberty", "node"] * 2),
    distribution.follows_model,
    handshake.answered_101,
    carrier.carried_as_asked,
)
"""Three tunnels live on, and the turns of four more begin anew behind them."""

ask = Family(name="restart")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "graceful",
        "Do open tunnels survive a graceful restart (USR1), and where do the turns begin afterwards?",
        "3 of 3 tunnels live, busy is 0 beside them, the next 4 take turns from the first-listed member",
        _graceful,
        (*SURVIVES, members.busy_at("after the restart", liberty=0, node=0)),
        site=ROOMY,
        explanation="The old children serve their tunnels to the end; the counters of the new generation start at 0.",
        elsewhere=(
            Elsewhere(
                proxy="nginx",
                does="HUP: the old worker serves its tunnels to the end; the kernel tells what is open",
                source="control.html in the manual; measured on 1.31.3",
                limit="3 of 3 tunnels live, busy stays 2 and 1, the next 4 take turns from the first-listed member",
                checks=(*SURVIVES, members.busy_at("after the restart", liberty=2, node=1)),
            ),
            OLD_HAPROXY,
        ),
    ),
    ask(
        "graceful-busy",
        "When tunnels from before a graceful restart end, is the new generation's busy still right?",
        "4 old tunnels end, 3 new ones stay: busy is 2 and 1",
        _graceful_old_ones_end,
        (
            lifecycle.restarted,
            tunnels.answered("after the old ones ended", count=3),
            members.busy_at("after the old ones ended", liberty=2, node=1),
            distribution.follows_model,
            handshake.answered_101,
        ),
        site=ROOMY,
        elsewhere=(OLD_HAPROXY,),
    ),
    ask(
        "graceful-forgets",
        "Does a change made through balancer-manager outlive a graceful restart?",
        "no: the disabled member is Ok again, the next 4 take turns",
        _graceful_forgets,
        (
            lifecycle.restarted,
            members.shown_at("after the restart", liberty="Init Ok", node="Init Ok"),
            distribution.served_by("liberty", "liberty", *["liberty", "node"] * 2),
            distribution.follows_model,
            handshake.answered_101,
        ),
        site=ROOMY,
        asks=(Capability.CONTROL,),
        explanation="Only BalancerPersist On keeps changes made at run time (mod_proxy_balancer).",
    ),
    ask(
        "graceful-arriving",
        "Does a graceful restart lose clients that arrive in the middle of it?",
        "40 of 40 answered 101 and greeted, 40 of 40 tunnels open until the client closes them",
        _graceful_while_arriving,
        (
            handshake.answered_101,
            conversation.greeted,
            lifecycle.restarted,
            tunnels.still_open(count=40),
            carrier.carried_as_asked,
        ),
        site=ROOMY,
        explanation="Nobody is lost, but one whom a child of the old generation accepts at its end may wait for 2 s.",
        elsewhere=(
            Elsewhere(
                before=(2, 4, 24),
                does="old children may hold the slots of the scoreboard (AH00485), and clients wait in vain",
                source="CHANGES 2.4.24, PR 53555; measured on 2.4.12",
            ),
            OLD_HAPROXY,
        ),
    ),
    ask(
        "graceful-no-room",
        "Can old tunnels keep a graceful restart from serving anybody new?",
        "yes: with ServerLimit 1 one old tunnel leaves no slot; the next client waits in vain until it ends",
        _graceful_without_room,
        (
            lifecycle.restarted,
            tunnels.answered("after the restart", count=1),
            refusals.answers(101, None, 101),
            carrier.carried_as_asked,
        ),
        site=replace(balanced(CLUSTER), process_model=ProcessModel(children=1, threads=16)),
        allow_log=("AH03490",),
        elsewhere=(
            Elsewhere(
                before=(2, 4, 24),
                does="the error log says AH00485 in place of AH03490",
                source="CHANGES 2.4.24, PR 53555; measured on 2.4.12 and 2.4.23",
                allow_log=("AH00485",),
            ),
            *ROOM_FOR_ALL,
        ),
        explanation=(
            "A child that still serves a tunnel keeps its slot of the scoreboard (AH03490: scoreboard is full). Once "
            "every slot has one, the new generation gets no child: ServerLimit needs room for two generations."
        ),
    ),
    ask(
        "hup-idle",
        "Without open tunnels, does a restart (HUP) serve on, and where do the turns begin?",
        "4 of 4 served in turns from the first-listed member, although liberty had the last turn",
        _restart_idle,
        (
            lifecycle.restarted,
            distribution.served_by("liberty", "node", "liberty", *["liberty", "node"] * 2),
            distribution.follows_model,
            handshake.answered_101,
            carrier.carried_as_asked,
        ),
    ),
    ask(
        "hup",
        "What does a restart (HUP) do to open tunnels, and to the next client?",
        "4 of 4 tunnels lost at once (1006); the next client is not served within 1 s",
        _restart_cuts,
        (tunnels.lost(count=4, before_signal=True), lifecycle.not_served(5)),
        allow_log=CUT,
        explanation=(
            "The children let go of their sockets but do not end; for about 10 s the parent waits for them (AH00045, "
            "AH00046) while the kernel accepts new connections that nobody serves."
        ),
        otherwise=4,
        perhaps=1,  # a child that the signal has not reached yet may answer the next client, and cut it a moment later
        silent=(Witness.ACCESS_LOG, Witness.MANAGER),
        elsewhere=(AT_ONCE, *RELOADED_BY_HUP),
    ),
    ask(
        "winch",
        "Does a graceful stop (WINCH) let tunnels live, refuse new clients, and end with the last tunnel?",
        "4 of 4 tunnels live, the next connect is refused, httpd ends by itself once they are closed",
        _graceful_stop,
        (
            tunnels.answered("after the signal", count=4),
            tunnels.still_open(count=4),
            refusals.answers(101, 101, 101, 101, None),
            lifecycle.refused(5),
            lifecycle.ran_then_ended,
        ),
        silent=(Witness.MANAGER,),
        elsewhere=(OLD_HAPROXY,),
    ),
    ask(
        "term",
        "What does a stop (TERM) do to open tunnels, and to the next client?",
        "4 of 4 tunnels lost at once (1006), the next client is not served",
        _stop,
        (tunnels.lost(count=4, before_signal=True), lifecycle.not_served(5)),
        allow_log=CUT,
        explanation="No close frame is sent: clients see 1006. The parent needs 10 s more to end (AH00045, AH00046).",
        otherwise=4,
        perhaps=1,  # a child that the signal has not reached yet may answer the next client, and cut it a moment later
        silent=(Witness.ACCESS_LOG, Witness.MANAGER),
    ),
    ask(
        "term-idle",
        "Without open tunnels, does the proxy end by itself after TERM?",
        "4 connections served and closed, then the parent has ended within 10 s",
        _stop_idle,
        (distribution.alternates, handshake.answered_101, lifecycle.has_ended),
        silent=(Witness.MANAGER,),
    ),
    ask(
        "child-spare",
        "Do the turns go on when load makes httpd add a child (StartServers 1)?",
        "yes: liberty had the last turn, the next 4 begin with node; 3 of 3 tunnels live",
        _spare(3),
        (*TURNS_GO_ON, tunnels.answered(NEW_CHILD, count=3)),
        site=growing(balanced(CLUSTER), 3),
        explanation="The counters lie in memory that all children share; a new one takes them as they are.",
        elsewhere=(TURNS_ANEW,),
    ),
    ask(
        "child-limit",
        "Do the turns go on when a child has had its connections and another takes its place (MaxConnectionsPerChild)?",
        "yes: liberty had the last turn, the next 4 begin with node",
        _child_replaced,
        TURNS_GO_ON,
        site=growing(balanced(CLUSTER), connections_per_child=24),
        elsewhere=(TURNS_ANEW,),
    ),
    ask(
        "child-killed",
        "Do the turns go on when httpd's only child dies and another takes its place?",
        "yes: liberty had the last turn, the next 4 begin with node",
        _child_killed,
        TURNS_GO_ON,
        site=growing(balanced(CLUSTER)),
        elsewhere=(TURNS_ANEW,),
    ),
    *(
        ask(
            f"child-{method.value}",
            f"Does {method.value} still know open tunnels when load makes httpd add a child?",
            f"yes: busy stays {busy[0]} and {busy[1]}",
            _spare(sum(busy)),
            (
                lifecycle.new_child,
                members.busy_at(NEW_CHILD, liberty=busy[0], node=busy[1]),
                distribution.follows_model,
                handshake.answered_101,
                carrier.carried_as_asked,
            ),
            site=growing(balanced(cluster(LIBERTY, NODE, lbmethod=method)), sum(busy)),
            elsewhere=(
                anew(
                    "no: busy is 0 and 0 beside open tunnels",
                    members.busy_at(NEW_CHILD, liberty=0, node=0),
                    tunnels.answered(NEW_CHILD, count=sum(busy)),
                ),
            ),
        )
        for method, busy in ((LbMethod.BYBUSYNESS, (2, 1)), (LbMethod.BYTRAFFIC, (1, 1)))
    ),
)
