"""Many handshakes at the same time: what one process keeps exact, and how far many may drift."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, carrier, crowd, distribution, handshake
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod, ProcessModel, Site
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster
from wslb.scenarios.lb import COMMON, in_turn
from wslb.scenarios.scenario import Act, Scenario

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


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="concurrency-1",
        question="Does the first WebSocket go to the first-listed member, whichever of eight processes takes it?",
        limit="1 connection, on liberty",
        site=served(MANY),
        act=in_turn(1),
        checks=(distribution.served_by("liberty"), *COMMON),
    ),
    Scenario(
        name="concurrency-in-turn-many-children",
        question="Do strict turns hold across eight processes while handshakes come one at a time?",
        limit="0 breaks over 48 connections",
        site=served(MANY),
        act=in_turn(48, hold=True),
        checks=(distribution.alternates, distribution.follows_model, *COMMON),
        explanation="lbstatus lies in shared memory, so all processes see the same credit.",
    ),
    Scenario(
        name="concurrency-50-one-child",
        question="Are 50 WebSockets opened at once split exactly by a single process?",
        limit="25 and 25",
        site=served(ONE_CHILD),
        act=at_once(50),
        checks=(crowd.balanced(rate=0), crowd.elected_drift(rate=0), crowd.busy_drift(), *RIGHT),
        explanation=LOCK,
    ),
    Scenario(
        name="concurrency-50",
        question="Are 50 WebSockets opened at once split evenly by eight processes?",
        limit="25 and 25, within a bound that a sound Apache breaks in one of a million runs",
        site=served(MANY),
        act=at_once(50),
        checks=(crowd.balanced(), crowd.elected_drift(), crowd.busy_drift(), *RIGHT),
        explanation=LOCK,
    ),
    Scenario(
        name="concurrency-500-one-child",
        question="Are 500 WebSockets opened at once split exactly by a single process?",
        limit="250 and 250",
        site=served(ONE_CHILD),
        act=at_once(500),
        checks=(crowd.balanced(rate=0), crowd.elected_drift(rate=0), crowd.busy_drift(), *RIGHT),
        explanation=LOCK,
    ),
    Scenario(
        name="concurrency-500",
        question="Are 500 WebSockets opened at once split evenly by eight processes?",
        limit="250 and 250, within a bound that a sound Apache breaks in one of a million runs",
        site=served(MANY),
        act=at_once(500),
        checks=(crowd.balanced(), crowd.elected_drift(), crowd.busy_drift(), *RIGHT),
        explanation=LOCK,
    ),
    Scenario(
        name="concurrency-500-bybusyness",
        question="Does bybusyness split 500 WebSockets opened at once evenly?",
        limit="250 and 250, within a bound that a sound Apache breaks in one of a million runs",
        site=served(MANY, LbMethod.BYBUSYNESS),
        act=at_once(500),
        checks=(crowd.balanced(), crowd.elected_drift(), crowd.busy_drift(), *RIGHT),
        explanation=DRIFT,
    ),
    Scenario(
        name="concurrency-5000",
        question="Are thousands of WebSockets opened at once and held at the same time split evenly?",
        limit="5,000 (25 times --connections; files or forwarders may lower it), in a bound broken once in a million",
        site=served(LARGE),
        act=_crowd,
        checks=(crowd.balanced(), crowd.elected_drift(), crowd.busy_drift(), *RIGHT),
        explanation=LOCK,
    ),
    Scenario(
        name="concurrency-waves",
        question="How far does busy drift when tunnels open and close in waves?",
        limit="after 500 tunnels in 5 waves within a bound that is broken in one of a million runs; even shares",
        site=served(MANY),
        act=_waves,
        checks=(crowd.busy_drift(), crowd.balanced(), crowd.elected_drift(), *RIGHT),
        explanation=DRIFT,
    ),
)
