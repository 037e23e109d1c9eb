"""balancer-manager under live tunnels: states, loadfactors and methods changed at run time, and its form's lock."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, distribution, handshake, log, members, refusals, tunnels
from wslb.interfaces import BalancerChange, Capability, MemberChange
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod, MemberState
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster
from wslb.scenarios import acts as do
from wslb.scenarios.claims import BOOKS, DRAINS_UNSEEN, FORESEEN
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario

__all__ = ["SCENARIOS"]

COMMON: tuple[Check, ...] = (handshake.answered_101, *FORESEEN)

WORDS = {
    MemberState.DISABLED: "Init Dis",
    MemberState.STOPPED: "Init Stop",
    MemberState.DRAIN: "Init Drn Ok",
    MemberState.STANDBY: "Init Stby Ok",
    MemberState.SPARE: "Init Spar Ok",
}


def set_and_cleared(state: MemberState) -> Act:
    """Three held tunnels, the state set on node, three connections, the state cleared, four connections."""

    async def act(lab: Lab) -> None:
        held = await lab.open_in_turn(3, hold=True)
        await do.set_state(lab, "node", state)
        await do.observe(lab, "set")
        await do.speak(lab, held, "after the change")
        await lab.open_in_turn(3)
        await do.set_state(lab, "node", state, on=False)
        await do.observe(lab, "cleared")
        await lab.open_in_turn(4)

    return act


ask = Family(name="manager", asks=(Capability.CONTROL,))


NOT_STOPPED = Elsewhere(
    before=(2, 4, 23),
    does="balancer-manager cannot stop a member (w_status_S)",
    source="mod_proxy_balancer.c; measured on 2.4.12 and 2.4.23",
)
NO_SPARES = Elsewhere(before=(2, 4, 34), does="there are no hot spares (R)", source="CHANGES 2.4.34")
ANY_REFERER = Elsewhere(
    before=(2, 4, 41),
    does="balancer-manager obeys a form with any Referer or none",
    source="CHANGES 2.4.41, CVE-2019-10092; measured on 2.4.12 to 2.4.39",
)


LIVE_ON = "3 of 3 tunnels live on, 3 of 3 new ones go to the other member, then turns as the model says"
ANY: tuple[Capability, ...] = (Capability.MANAGER,)


def on_haproxy(limit: str, does: str, source: str, *checks: Check) -> Elsewhere:
    """What a change at HAProxy's statistics socket does to open tunnels and to later turns."""
    source = f"{source}; measured on 2.6.12"
    return Elsewhere(proxy="HAProxy", does=does, source=source, limit=limit, checks=(*checks, *OPEN))


OPEN: tuple[Check, ...] = (handshake.answered_101, *BOOKS)


def at_socket(state: MemberState, does: str) -> Elsewhere:
    """`state_scenario` on HAProxy."""
    return on_haproxy(
        LIVE_ON,
        does,
        "set server in the management manual",
        tunnels.answered("after the change", count=3),
        tunnels.still_open(count=10),
        members.shown_at("set", liberty="Init Ok", node=WORDS[state]),
        members.shown_at("cleared", liberty="Init Ok", node="Init Ok"),
        members.busy_at("set", liberty=2, node=1),
        distribution.served_by("liberty", "node", *["liberty"] * 5, "node", "liberty", "node"),
        distribution.follows_model,
    )


def state_scenario(
    name: str, state: MemberState, title: str, *elsewhere: Elsewhere, asks: tuple[Capability, ...] = ()
) -> Scenario:
    """One state, set and cleared under live tunnels."""
    return ask(
        name,
        f"What does {title} through balancer-manager do to open tunnels, new ones, and later turns?",
        LIVE_ON,
        set_and_cleared(state),
        (
            tunnels.answered("after the change", count=3),
            tunnels.still_open(count=10),
            members.shown_at("set", liberty="Init Ok", node=WORDS[state]),
            members.shown_at("cleared", liberty="Init Ok", node="Init Ok"),
            members.busy_at("set", liberty=2, node=1),
            distribution.served_by(*["liberty", "node", "liberty"], *["liberty"] * 3, *["node", "liberty"] * 2),
            *COMMON,
        ),
        asks=asks,
        explanation="No credit moves while a member is out (mod_lbmethod_byrequests): turns go on where they stopped.",
        elsewhere=elsewhere,
    )


async def _all_disabled(lab: Lab) -> None:
    held = await lab.open_in_turn(2, hold=True)
    for route in ("liberty", "node"):
        await do.set_state(lab, route, MemberState.DISABLED)
    await do.speak(lab, held, "with all disabled")
    await lab.open_in_turn(2)
    await do.set_state(lab, "node", MemberState.DISABLED, on=False)
    await lab.open_in_turn(2)


async def _standby_called(lab: Lab) -> None:
    await do.set_state(lab, "node", MemberState.STANDBY)
    await lab.open_in_turn(2)
    await do.set_state(lab, "liberty", MemberState.DISABLED)
    await lab.open_in_turn(3)


async def _spare_beside_drained(lab: Lab) -> None:
    held = await lab.open_in_turn(4, hold=True)
    await do.set_state(lab, "liberty", MemberState.DRAIN)
    await do.speak(lab, held, "while draining")
    await lab.open_in_turn(4)
    await lab.close([c for c in held if c.backend == "liberty"])
    await do.observe(lab, "drained")


async def _loadfactor(lab: Lab) -> None:
    held = await lab.open_in_turn(3, hold=True)
    await lab.change(MemberChange(route="liberty", loadfactor=3))
    await do.speak(lab, held, "after the change")
    await lab.open_in_turn(8)


async def _to_bybusyness(lab: Lab) -> None:
    """Three tunnels on liberty and none on node; then the method changes."""
    held = await lab.open_in_turn(6, hold=True)
    await lab.close([c for c in held if c.backend == "node"])
    await do.observe(lab, "before")
    await lab.change(BalancerChange(lbmethod="bybusyness"))
    await do.observe(lab, "after")
    await do.speak(lab, [c for c in held if c.backend == "liberty"], "after the change")
    await lab.open_in_turn(4, hold=True)


async def _to_byrequests(lab: Lab) -> None:
    held = await lab.open_in_turn(3, hold=True)
    await do.observe(lab, "before")
    await lab.change(BalancerChange(lbmethod="byrequests"))
    await do.observe(lab, "after")
    await do.speak(lab, held, "after the change")
    await lab.open_in_turn(4)


def attempted(*changes: MemberChange | BalancerChange, nonce: str | None = None, referer: str | None = "own") -> Act:
    """Forms that must change nothing, between two tunnels and two more connections; last, one that must."""

    async def act(lab: Lab) -> None:
        await lab.open_in_turn(2, hold=True)
        for change in changes:
            await lab.attempt(change, nonce=nonce, referer=referer)
        await lab.open_in_turn(2)
        await lab.attempt(DISABLE, control=True)

    return act


DISABLE = MemberChange(route="node", state=MemberState.DISABLED)
RAISE = MemberChange(route="liberty", loadfactor=5)
SWITCH = BalancerChange(lbmethod="bybusyness")


def lock_scenario(
    name: str,
    title: str,
    act: Act,
    *checks: Check,
    allow_log: tuple[str, ...] = (),
    elsewhere: tuple[Elsewhere, ...] = (),
) -> Scenario:
    """Forms without the right key: disable a member, raise a loadfactor, change the method."""
    return ask(
        f"lock-{name}",
        f"Does balancer-manager ignore changes {title}?",
        "3 forms answered 200, the XML shows no change, the turns go on; a form with key and Referer is obeyed",
        act,
        (members.changed_nothing(3), distribution.alternates, *checks, *COMMON),
        site=replace(balanced(CLUSTER), modules=("lbmethod_bybusyness",)),
        asks=ANY,
        allow_log=allow_log,
        explanation="The answer is 200 either way: only the XML tells (mod_proxy_balancer, AH10187 for the Referer).",
        elsewhere=elsewhere,
    )


DRAINED = at_socket(MemberState.DRAIN, "set server … state drain, and ready again: open tunnels and the turns go on")
IN_MAINTENANCE = at_socket(
    MemberState.DISABLED, "set server … state maint, and ready again: open tunnels and turns go on"
)

SCENARIOS: tuple[Scenario, ...] = (
    state_scenario("drain", MemberState.DRAIN, "draining a member (N)", DRAINS_UNSEEN, DRAINED),
    state_scenario("disable", MemberState.DISABLED, "disabling a member (D)", IN_MAINTENANCE),
    state_scenario("stop", MemberState.STOPPED, "stopping a member (S)", NOT_STOPPED, asks=ANY),
    state_scenario("standby", MemberState.STANDBY, "making a member a hot standby (H)", asks=ANY),
    state_scenario("spare", MemberState.SPARE, "making a member a hot spare (R)", NO_SPARES, asks=ANY),
    ask(
        "all-disabled",
        "With every member disabled, what happens to open tunnels and to new clients?",
        "2 of 2 tunnels live on, 2 of 2 new ones get 503, and 101 again as soon as one is enabled",
        _all_disabled,
        (
            tunnels.answered("with all disabled", count=2),
            refusals.answers(101, 101, 503, 503, 101, 101),
            distribution.follows_model,
            distribution.elected_as_modelled,
            accounting.witnesses_agree,
        ),
        allow_log=("AH01170",),
    ),
    ask(
        "standby-called",
        "Does a hot standby step in when the last other member is disabled by hand?",
        "2 connections to the member, then 3 of 3 to the standby",
        _standby_called,
        (
            distribution.served_by("liberty", "liberty", "node", "node", "node"),
            members.shown_after(liberty="Init Dis", node="Init Stby Ok"),
            *COMMON,
        ),
        asks=ANY,
    ),
    ask(
        "drain-spare",
        "Does a spare take the place of a member that drains, and does busy reach 0 when its tunnels end?",
        "4 of 4 tunnels live, the next 4 go to the spare, then the drained member has 0 tunnels",
        _spare_beside_drained,
        (
            tunnels.answered("while draining", count=4),
            distribution.served_by(*["liberty"] * 4, *["node"] * 4),
            members.shown_at("drained", liberty="Init Drn Ok"),
            members.busy_at("drained", liberty=0, node=0),
            *COMMON,
        ),
        asks=ANY,
        site=balanced(cluster(LIBERTY, replace(NODE, state=MemberState.SPARE))),
    ),
    ask(
        "loadfactor",
        "Do open tunnels live on when a loadfactor is changed, and what are the first turns at 3:1?",
        "3 of 3 tunnels live; then AAABAAAB, not AABA as from a fresh start",
        _loadfactor,
        (
            tunnels.answered("after the change", count=3),
            distribution.served_by(*["liberty", "node", "liberty"], *["liberty", "liberty", "liberty", "node"] * 2),
            *COMMON,
        ),
        explanation="A loadfactor changed at run time gives every member its own factor as credit to start with.",
        elsewhere=(
            on_haproxy(
                "3 of 3 tunnels live; then BAAABAAA, not AAAB as from a fresh start",
                "roundrobin goes on from the places that its servers have, by the new weight",
                "set weight in the management manual",
                tunnels.answered("after the change", count=3),
                distribution.served_by(*["liberty", "node", "liberty"], *["node", "liberty", "liberty", "liberty"] * 2),
            ),
        ),
    ),
    ask(
        "lbmethod",
        "When bybusyness takes over at run time, does it know the tunnels that are open?",
        "no: 3 tunnels live on, but busy is 0 beside them, and the next 4 take turns instead of evening out",
        _to_bybusyness,
        (
            tunnels.answered("after the change", "liberty", count=3),
            members.busy_at("before", liberty=3, node=0),
            members.busy_at("after", liberty=0, node=0),
            distribution.served_by(*["liberty", "node"] * 5),
            *COMMON,
        ),
        site=replace(balanced(CLUSTER), modules=("lbmethod_bybusyness",)),
        asks=ANY,
        explanation="Changing the method resets what the new one counts, and for bybusyness that is busy itself.",
    ),
    ask(
        "lbmethod-back",
        "When byrequests takes over from bybusyness under open tunnels, where do the turns begin?",
        "with the first-listed member, 4 in turns; busy is kept, 3 of 3 tunnels live",
        _to_byrequests,
        (
            tunnels.answered("after the change", count=3),
            members.busy_at("before", liberty=2, node=1),
            members.busy_at("after", liberty=2, node=1),
            distribution.served_by("liberty", "node", "liberty", *["liberty", "node"] * 2),
            *COMMON,
        ),
        asks=ANY,
        site=balanced(cluster(LIBERTY, NODE, lbmethod=LbMethod.BYBUSYNESS)),
    ),
    lock_scenario("nonce", "with a wrong nonce", attempted(DISABLE, RAISE, SWITCH, nonce="00000000-wrong")),
    lock_scenario(
        "referer-missing",
        "without a Referer",
        attempted(DISABLE, RAISE, SWITCH, referer=None),
        log.announced("AH10187"),
        allow_log=("AH10187",),
        elsewhere=(ANY_REFERER,),
    ),
    lock_scenario(
        "referer-foreign",
        "sent from a page of another host",
        attempted(DISABLE, RAISE, SWITCH, referer="http://elsewhere.example/balancer-manager"),
        log.announced("AH10187"),
        allow_log=("AH10187",),
        elsewhere=(ANY_REFERER,),
    ),
    lock_scenario(
        "values",
        "to values that do not exist (loadfactor 0.5 and 101, an unknown lbmethod), although the key is right",
        attempted(
            MemberChange(route="liberty", loadfactor=0.5),
            MemberChange(route="liberty", loadfactor=101),
            BalancerChange(lbmethod="byweather"),
        ),
    ),
)
