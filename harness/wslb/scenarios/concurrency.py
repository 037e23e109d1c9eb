"""Many handshakes at the same time: what one process keeps exact, and how far many may drift."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, carrier, crowd, distribution, handshake, tunnels
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod, ProcessModel, Site
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster
from wslb.scenarios.acts import in_turn
from wslb.scenarios.claims import SERVED
from wslb.scenarios.scenario import Act, Family, Scenario

__all__ = ["SCENARIOS"]

ONE_CHILD = ProcessModel(children=1, threads=600)
MANY = ProcessModel(children=8, threads=75)
LARGE = ProcessModel(children=11, threads=500)
CROWD_FACTOR = 25
PATIENCE_SECONDS = 60.0
SPARE_FILES = 500

RIGHT: tuple[Check, ...] = (
    handshake.answered_101,
    handshake.accept_is_right,
    accounting.members_as_claimed,
    accounting.witnesses_agree,
    carrier.carried_as_asked,
)
LOCK = (
    "Elections are serialised by a mutex of each process; between processes nothing but luck keeps them apart "
    "(PROXY_THREAD_LOCK in mod_proxy.h), so shares may be off by the number of collisions."
)
DRIFT = (
    "busy is raised and lowered without a lock: two threads at the same moment lose one count for good, and bybusyness "
    "then sees a tunnel that is not there."
)


def served(processes: ProcessModel, lbmethod: LbMethod = LbMethod.BYREQUESTS) -> Site:
    """The article's balancer under this method, with these processes and a backlog for everybody at once."""
    site = balanced(cluster(LIBERTY, NODE, lbmethod=lbmethod)) if lbmethod is not LbMethod.BYREQUESTS else None
    return replace(site or balanced(CLUSTER), process_model=processes, directives=("ListenBackLog 8192",))


def at_once(count: int) -> Act:
    """All at the same time, held until the end."""

    async def act(lab: Lab) -> None:
        await lab.open_many(count, at_once=count, timeout_seconds=PATIENCE_SECONDS)

    return act


async def _crowd(lab: Lab) -> None:
    """As many as the settings ask for and open files and a port forwarder allow, all at the same time."""
    wanted = CROWD_FACTOR * lab.settings.connections
    count = min(wanted, LARGE.workers, lab.open_files - SPARE_FILES)
    forwarder = lab.proxy.front.forwarder
    if forwarder and forwarder.most < count:
        count = forwarder.most
        lab.note("fewer", f"{count:,} opens, not {wanted:,}: {forwarder.why}")
    await lab.open_many(count, at_once=count, timeout_seconds=PATIENCE_SECONDS)


async def _waves(lab: Lab) -> None:
    """Five waves of a hundred, each opened at once and closed at once."""
    for _ in range(5):
        await lab.open_many(100, at_once=100, timeout_seconds=PATIENCE_SECONDS)
        await lab.close_all()


ask = Family(name="concurrency", site=served(MANY), alone=True)
"""The bounds are of races between the processes of a machine that serves nothing else."""

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "1",
        "Does the first WebSocket go to the first-listed member, whichever of eight processes takes it?",
        "1 connection, on liberty",
        in_turn(1),
        (distribution.served_by("liberty"), *SERVED),
    ),
    ask(
        "in-turn-many-children",
        "Do strict turns hold across eight processes while handshakes come one at a time?",
        "0 breaks over 48 connections",
        in_turn(48, hold=True),
        (distribution.alternates, distribution.follows_model, *SERVED),
        explanation="lbstatus lies in shared memory, so all processes see the same credit.",
    ),
    ask(
        "50-one-child",
        "Are 50 WebSockets opened at once split exactly by a single process?",
        "25 and 25",
        at_once(50),
        (crowd.balanced(rate=0), crowd.elected_drift(rate=0), crowd.busy_drift(), *RIGHT, tunnels.open_together(50)),
        site=served(ONE_CHILD),
        explanation=LOCK,
    ),
    ask(
        "50",
        "Are 50 WebSockets opened at once split evenly by eight processes?",
        "25 and 25, within a bound that a sound proxy breaks in one of a million runs",
        at_once(50),
        (crowd.balanced(), crowd.elected_drift(), crowd.busy_drift(), *RIGHT, tunnels.open_together(50)),
        explanation=LOCK,
    ),
    ask(
        "500-one-child",
        "Are 500 WebSockets opened at once split exactly by a single process?",
        "250 and 250",
        at_once(500),
        (crowd.balanced(rate=0), crowd.elected_drift(rate=0), crowd.busy_drift(), *RIGHT, tunnels.open_together(500)),
        site=served(ONE_CHILD),
        explanation=LOCK,
    ),
    ask(
        "500",
        "Are 500 WebSockets opened at once split evenly by eight processes?",
        "250 and 250, within a bound that a sound proxy breaks in one of a million runs",
        at_once(500),
        (crowd.balanced(), crowd.elected_drift(), crowd.busy_drift(), *RIGHT, tunnels.open_together(500)),
        explanation=LOCK,
    ),
    ask(
        "500-bybusyness",
        "Does bybusyness split 500 WebSockets opened at once evenly?",
        "250 and 250, within a bound that a sound proxy breaks in one of a million runs",
        at_once(500),
        (crowd.balanced(), crowd.elected_drift(), crowd.busy_drift(), *RIGHT, tunnels.open_together(500)),
        site=served(MANY, LbMethod.BYBUSYNESS),
        explanation=DRIFT,
    ),
    ask(
        "5000",
        "Are thousands of WebSockets opened at once and held at the same time split evenly?",
        "5,000 (25 times --connections; files or forwarders may lower it), in a bound broken once in a million",
        _crowd,
        (crowd.balanced(), crowd.elected_drift(), crowd.busy_drift(), *RIGHT, tunnels.open_together()),
        site=served(LARGE),
        explanation=LOCK,
    ),
    ask(
        "waves",
        "How far does busy drift when tunnels open and close in waves?",
        "after 500 tunnels in 5 waves within a bound that is broken in one of a million runs; even shares",
        _waves,
        (crowd.busy_drift(), crowd.balanced(), crowd.elected_drift(), *RIGHT),
        explanation=DRIFT,
    ),
)
