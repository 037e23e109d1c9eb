"""Ways to break the article's lab under the main job, as a plugin of a pytest session: ``-p`` this module.

`BREAK` in the environment names the one. What httpd is given differs from what the scenarios claim, or a backend does.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from wslb.identity import Identity
from wslb.interfaces import Fault
from wslb.lab.lab import Lab
from wslb.model.balancer import Balancer, LbMethod, Member, MemberState, Mount, ProcessModel, Site
from wslb.model.results import ScenarioResult
from wslb.scenarios import runner
from wslb.scenarios.scenario import Scenario

__all__ = ["BREAK", "BREAKS", "Break"]

BREAK = "WSLB_TEST_BREAK"
"""Variable that names one of `BREAKS`."""

ELSEWHERE = Identity(common_name="elsewhere.example.org", names=("DNS:elsewhere.example.org",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One way.

    Attributes:
        asked: scenarios of the main job that show it: cheap ones.
        cause: pattern of what every face must say first.
        exit_code: of the session.
        tamper: what httpd is given.
        before: what happens to the lab before each scenario acts.
    """

    asked: tuple[str, ...]
    cause: str
    exit_code: int = 1
    tamper: Callable[[Site], Site] | None = None
    before: Callable[[Lab], Awaitable[None]] | None = None


def balancers(change: Callable[[Balancer], Balancer]) -> Callable[[Site], Site]:
    """Every balancer is another one."""

    def tamper(site: Site) -> Site:
        mounts = (
            replace(mount, target=change(mount.target)) if isinstance(mount.target, Balancer) else mount
            for mount in site.mounts
        )
        return replace(site, mounts=tuple(mounts))

    return tamper


def members(route: str, change: Callable[[Member], Member]) -> Callable[[Site], Site]:
    """This member is another one, in every balancer."""
    return balancers(
        lambda before: replace(before, members=tuple(change(m) if m.route == route else m for m in before.members))
    )


def directives(*lines: str, modules: tuple[str, ...] = ("headers",)) -> Callable[[Site], Site]:
    """The plain server has these directives as well."""
    return lambda site: replace(site, directives=(*site.directives, *lines), modules=(*site.modules, *modules))


def sticky(site: Site) -> Site:
    """A cookie that a client could have kept pins every connection to node."""
    pinned = balancers(lambda before: replace(before, stickysession="ROUTEID"))(site)
    return directives("RequestHeader set Cookie ROUTEID=.node early")(pinned)


def crossed(before: Balancer) -> Balancer:
    """Each of two members leads to the other's backend."""
    one, other = before.members
    return replace(before, members=(replace(one, url=other.url), replace(other, url=one.url)))


def faulty(kind: str, **parameters: object) -> Callable[[Lab], Awaitable[None]]:
    """node has this fault."""

    async def before(lab: Lab) -> None:
        await lab.fleet["node"].fault(Fault(kind=kind, parameters=parameters))

    return before


async def killed(lab: Lab) -> None:
    """node's process is dead."""
    await lab.fleet.kill("node")


PAIR = ("lb-byrequests", "lb-bybusyness-held")
HEADERS = ("headers-handshake", "headers-subprotocol")

BREAKS = {
    "loadfactor": Break(
        asked=PAIR,
        cause="liberty runs with loadfactor 3, the scenario claims 1",
        tamper=members("liberty", lambda m: replace(m, loadfactor=3)),
    ),
    "disabled": Break(
        asked=PAIR,
        cause="node was Init Dis from the start; elections passed it over",
        tamper=members("node", lambda m: replace(m, state=MemberState.DISABLED)),
    ),
    "sticky": Break(
        asked=PAIR, cause=r"every connection went to node: a sticky route \(stickysession=\) pins them", tamper=sticky
    ),
    "dead backend": Break(asked=PAIR, cause="node refused a connect at connection #2", before=killed),
    "header removed": Break(
        asked=HEADERS,
        cause="User-Agent was removed between client and backend",
        tamper=directives("RequestHeader unset User-Agent"),
    ),
    "TLS name": Break(
        asked=("lb-wss-byrequests", "article-listing5-node-wss"),
        cause=r"did not believe the TLS certificate of node \(.*\): .* it does not name 127\.0\.0\.",
        tamper=lambda site: replace(site, identities={**site.identities, "node": ELSEWHERE}),
    ),
    "one thread": Break(
        asked=("lb-byrequests-at-once",),
        cause=r"All threads are taken: every open tunnel holds one .* \(AH00484\)",
        tamper=lambda site: replace(site, process_model=ProcessModel(children=1, threads=1)),
    ),
    "ProxyPass order": Break(
        asked=PAIR,
        cause="/ws never reached the balancer, but node: an earlier ProxyPass or RewriteRule takes this path",
        tamper=lambda site: replace(site, mounts=(Mount(path="/ws", target="http://node/CLRunner"), *site.mounts)),
    ),
    "another lbmethod": Break(
        asked=PAIR,
        cause="the server elects by bytraffic, not by by(requests|busyness)",
        tamper=balancers(lambda before: replace(before, lbmethod=LbMethod.BYTRAFFIC)),
    ),
    "members crossed": Break(
        asked=PAIR, cause="liberty leads to ws://127.*, the scenario claims ws://127", tamper=balancers(crossed)
    ),
    "a wrong Sec-WebSocket-Accept": Break(
        asked=HEADERS,
        cause="Sec-WebSocket-Accept is wrong from connection #2 on: node itself answered with it",
        before=faulty("accept", value="AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ),
    # Where the client closes at once it may come first, and then its Close frame is what did not arrive.
    "tunnels cut": Break(
        asked=("lb-byrequests-held",),
        cause="the tunnel to node broke: neither end received a Close frame",
        before=faulty("cut", after_messages=0),
    ),
    "hopeless": Break(
        asked=(*PAIR, "lb-byrequests-long"),
        cause="httpd refused its configuration .*NoSuchDirective",
        exit_code=3,
        tamper=directives("NoSuchDirective On", modules=()),
    ),
}


def pytest_configure() -> None:
    """Break every lab of this session."""
    how, asked = BREAKS[os.environ[BREAK]], runner.run

    async def run(scenario: Scenario, lab: Lab, **more: object) -> ScenarioResult:
        async def act(lab: Lab) -> None:
            if how.before is not None:
                await how.before(lab)
            await scenario.act(lab)

        return await asked(replace(scenario, act=act), lab, tamper=how.tamper, **more)  # type: ignore[arg-type]

    runner.run = run
