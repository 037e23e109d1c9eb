"""What is asked of a user's own configuration of a product that tells its paths as values (`wslb.proxies.adopting`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from wslb.checks import accounting, distribution, foreseen, handshake
from wslb.errors import NotForeseen
from wslb.lab.adopted.product_trial import ProductTrial
from wslb.lab.lab import Lab
from wslb.lab.raw_conversation import RawConversation
from wslb.model.balancer import Listener, MemberState, Mount, Site
from wslb.model.results import Check, ScenarioResult, Witness
from wslb.model.topics import Topic
from wslb.proxies.adopting import TriedPath
from wslb.scenarios import acts as do
from wslb.scenarios.claims import CONNECT_FAILED
from wslb.scenarios.conf import ANSWER_SECONDS, AT_ONCE, AT_ONCE_REASON, BROWSERS, SERIAL, browser_request
from wslb.scenarios.conf_asking import LATE_SECONDS, SILENT, SLACK_SECONDS, seen
from wslb.scenarios.scenario import Act, Scenario
from wslb.waiting import until
from wslb.wire.http1 import OPENING

__all__ = ["ProductAsking", "product_asking"]

LOGGED_SECONDS = 2.0
"""For the access log to tell a tunnel that was closed."""

FAIL_COUNT = 4
IDLE_TUNNELS = 2
IDLE_PACE = 3.0
"""Seconds that an idle limit is brought down to where it is longer than may be waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductAsking:
    """A question in the words of a scenario, with where it comes from.

    Attributes:
        upgrade: whether it is the upgrade itself; others can be asked only where that opens a tunnel.
        tells: what was foreseen and what came of it, in lines.
    """

    scenario: Scenario
    asked: TriedPath
    upgrade: bool = False
    tells: Callable[[ScenarioResult], Iterable[str]] = lambda _: ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aim:
    """A path with its number, and whether its upgrade has opened a tunnel."""

    trial: ProductTrial
    asked: TriedPath
    number: int
    opened: set[int]

    @property
    def tls(self) -> bool:
        return self.asked.door in self.trial.tls

    @property
    def listener(self) -> Listener:
        return Listener.TLS if self.tls else Listener.PLAIN

    @property
    def host(self) -> str:
        return self.asked.host(tls=self.tls)

    @property
    def url(self) -> str:
        return self.asked.url(tls=self.tls)

    @property
    def ready(self) -> bool:
        return self.number in self.opened

    @property
    def site(self) -> Site:
        target = self.asked.balancer or next((f"http://{name}" for name in self.asked.backends), "")
        path = self.asked.path.partition("?")[0] or "/"
        return Site(mounts=(Mount(path=path, target=target, listener=self.listener),))

    async def open(self, lab: Lab) -> RawConversation:
        request = OPENING.having("Host", self.host)
        return await lab.raw(request, path=self.asked.path, listener=self.listener, seconds=ANSWER_SECONDS)


def product_asking(
    trial: ProductTrial, asked: Sequence[TriedPath], *, topics: Collection[Topic], wait_seconds: float
) -> tuple[ProductAsking, ...]:
    """Scenarios for these paths: the upgrade of each, the turns of each balancer, then the further topics.

    Args:
        topics: asked too.
        wait_seconds: longest time that is waited for as it is written.
    """
    opened: set[int] = set()
    aims = [_Aim(trial=trial, asked=one, number=n, opened=opened) for n, one in enumerate(asked, 1)]
    found = [_upgrade(aim) for aim in aims]
    seen_before: set[tuple[str, ...]] = set()
    for aim in aims:
        if aim.asked.backends in seen_before or not aim.asked.backends or aim.asked.unasked:
            continue
        seen_before.add(aim.asked.backends)
        if len(aim.asked.backends) > 1:
            found += _turns(aim)
        if Topic.FAILURE in topics:
            found.append(_refuses(aim, wait_seconds))
        if Topic.TIME in topics:
            found.append(_idle(aim, wait_seconds))
    return tuple(found)


def _upgrade(aim: _Aim) -> ProductAsking:
    async def act(lab: Lab) -> None:
        if aim.asked.unasked:
            raise NotForeseen(needs=aim.asked.unasked)
        aim.trial.face(aim.asked)
        made = 0
        for browser in BROWSERS:
            request = browser_request(browser, host=aim.host, tls=aim.tls)
            one = await lab.raw(request, path=aim.asked.path, listener=aim.listener, seconds=ANSWER_SECONDS)
            await one.close()
            made += 1
            if one.handshake.status is None:
                break  # the others would wait as long
            if one.accepted:
                aim.opened.add(aim.number)

        async def told() -> bool:
            return len(await lab.proxy.access()) >= made

        with contextlib.suppress(TimeoutError):
            await until(told, seconds=LOGGED_SECONDS, what="the access log")
        fields = (("Host", aim.host), ("Connection", "close"))
        await lab.get(aim.asked.path, headers=fields, listener=aim.listener)

    return ProductAsking(
        scenario=Scenario(
            name=f"conf-{aim.number}-upgrade",
            question=f"Does an upgrade of {aim.url} open a tunnel to a backend?",
            limit="101 to Chrome, Firefox and Safari, and the handshake arrives at a backend intact",
            site=aim.site,
            act=act,
            checks=(handshake.answered_101, handshake.accept_is_right, handshake.arrived_intact),
            silent=(*SILENT, Witness.ACCESS_LOG),
        ),
        asked=aim.asked,
        upgrade=True,
    )


def _turns(aim: _Aim) -> Iterator[ProductAsking]:
    """Serial and at once against the model; where the text does not decide it, that is told, and nothing is green."""
    balancer = aim.asked.balancer
    if balancer is None:
        yield _unasked(aim, "turns", f"Does what is behind {aim.url} elect as its rule says?", aim.asked.unmodelled)
        return
    served: tuple[Check, ...] = (handshake.answered_101, handshake.accept_is_right, accounting.witnesses_agree)
    of = f"{balancer.name} behind {aim.url}"

    def in_turn(*, hold: bool) -> Act:
        async def act(lab: Lab) -> None:
            aim.trial.face(aim.asked)
            for _ in range(SERIAL if aim.ready else 0):
                one = await aim.open(lab)
                if not hold:
                    await one.close()

        return act

    async def at_once(lab: Lab) -> None:
        aim.trial.face(aim.asked)
        await asyncio.gather(*(aim.open(lab) for _ in range(AT_ONCE if aim.ready else 0)))

    for name, hold in (("turns", False), ("held", True)):
        how = "while the tunnels stay open" if hold else "one tunnel after another"
        question = f"Does {of} elect as its rule says, {how}?"
        if not aim.asked.ordered:
            yield _unasked(aim, name, question, aim.asked.unmodelled)
            continue
        yield ProductAsking(
            scenario=Scenario(
                name=f"conf-{aim.number}-{name}",
                question=question,
                limit=f"the model of {balancer.lbmethod.value} predicts all {SERIAL} connections",
                site=aim.site,
                act=in_turn(hold=hold),
                checks=(distribution.follows_model, *served),
                silent=SILENT,
            ),
            asked=aim.asked,
        )
    if any(member.state is not MemberState.ENABLED for member in balancer.members):
        return
    yield ProductAsking(
        scenario=Scenario(
            name=f"conf-{aim.number}-at-once",
            question=f"Does {of} divide {AT_ONCE} tunnels that are opened at the same time by its weights?",
            limit=f"each share within {aim.asked.bound} of its part",
            site=aim.site,
            act=at_once,
            checks=(distribution.split_within(aim.asked.bound, reason=AT_ONCE_REASON), *served),
            silent=SILENT,
        ),
        asked=aim.asked,
        tells=lambda _: (aim.asked.unmodelled,) if aim.asked.unmodelled else (),
    )


def _unasked(aim: _Aim, name: str, question: str, why: str) -> ProductAsking:
    """A question that nobody can foresee an answer to: skipped, with why."""

    async def act(_: Lab) -> None:
        raise NotForeseen(needs=f"not foreseen: {why or 'nothing is known of it'}")

    return ProductAsking(
        scenario=Scenario(
            name=f"conf-{aim.number}-{name}",
            question=question,
            limit="none: it cannot be foreseen",
            site=aim.site,
            act=act,
            checks=(handshake.answered_101,),
            silent=SILENT,
        ),
        asked=aim.asked,
    )


def _refuses(aim: _Aim, wait_seconds: float) -> ProductAsking:
    """The first member refuses connects, and comes back."""
    asked = aim.asked
    backend, back = next(iter(asked.backends)), asked.back_seconds
    question = f"What do clients of {aim.url} see of {backend} when it refuses connects?"
    if len(asked.backends) > 1 and (asked.balancer is None or not _first_has_the_turn(aim)):
        why = "of its members one is down, a backup, or of more weight than the first"
        return _unasked(aim, "refuses", question, asked.unmodelled or why)
    first = 101 if asked.fails_over else asked.refused
    meanwhile = asked.refused if len(asked.backends) == 1 else 101
    waited = back is not None and back <= wait_seconds
    every = len(asked.backends) if asked.forgets and not asked.fails_over and _equal(aim) else 0
    if len(asked.backends) > 1 and not asked.fails_over and not back and not every:
        return _unasked(aim, "refuses", question, asked.failing_told)

    async def act(lab: Lab) -> None:
        if not aim.ready:
            return
        aim.trial.face(asked)
        await do.kill(lab, backend)
        for _ in range(FAIL_COUNT):
            await (await aim.open(lab)).close()
        await do.revive(lab, backend)

        async def served() -> bool:
            one = await aim.open(lab)
            await one.close()
            return one.accepted and one.backend == backend

        if waited:
            with contextlib.suppress(TimeoutError):
                await until(served, seconds=(back or 0) + 1 + SLACK_SECONDS, what="its return")

    whom = "each client" if every else "the client"
    says = f"{first} for {whom} whose turn it is, {meanwhile} for the others; {asked.failing_told}"
    if not waited:
        says += "; its return is not asked: it is not foreseen, or later than --wait"
    checks: tuple[Check, ...] = (foreseen.felt(backend, first=first, meanwhile=meanwhile, every=every),)
    if waited and back is not None:
        checks += (foreseen.came_back(backend, after_seconds=back, slack_seconds=1 + SLACK_SECONDS),)
    return ProductAsking(
        scenario=Scenario(
            name=f"conf-{aim.number}-refuses",
            question=question,
            limit=f"as the text says: {says}",
            site=aim.site,
            act=act,
            checks=checks,
            allow_log=CONNECT_FAILED,
            silent=SILENT,
        ),
        asked=asked,
        tells=lambda result: (f"foreseen: {says}", *seen(result, "felt", "came_back")),
    )


def _first_has_the_turn(aim: _Aim) -> bool:
    balancer = aim.asked.balancer
    if balancer is None or not aim.asked.ordered:
        return False
    enabled = all(member.state is MemberState.ENABLED for member in balancer.members)
    return enabled and balancer.members[0].loadfactor >= max(member.loadfactor for member in balancer.members)


def _equal(aim: _Aim) -> bool:
    """Whether each member of a balancer has its turn again after as many connections as there are members."""
    members = aim.asked.balancer.members if aim.asked.balancer is not None else ()
    return len(members) > 1 and len({member.loadfactor for member in members}) == 1


def _idle(aim: _Aim, wait_seconds: float) -> ProductAsking:
    """Tunnels that are left alone."""
    asked, limit = aim.asked, aim.asked.idle_seconds
    question = f"When does a tunnel of {aim.url} end that carries nothing?"
    if not limit:
        return _unasked(aim, "idle", question, asked.idle_told)
    divisor = 1 if limit <= wait_seconds else limit / min(IDLE_PACE, wait_seconds)
    count = min(IDLE_TUNNELS, len(asked.backends))

    async def act(lab: Lab) -> None:
        if not aim.ready:
            return
        if divisor != 1:
            await aim.trial.proxy.serve(aim.trial.adopted.at_pace(divisor))
        aim.trial.face(asked)
        opened = [await aim.open(lab) for _ in range(count)]
        await asyncio.gather(*(one.end(seconds=limit / divisor + LATE_SECONDS) for one in opened))

    says = f"after {limit:g} s: {asked.idle_told}" + (f"; here divided by {divisor:.3g}" if divisor != 1 else "")
    limits = dict.fromkeys(asked.backends, round(limit / divisor, 3))
    return ProductAsking(
        scenario=Scenario(
            name=f"conf-{aim.number}-idle",
            question=question,
            limit=f"as the text says: {says}",
            site=aim.site,
            act=act,
            checks=(foreseen.ended_after(limits, late_seconds=LATE_SECONDS, kept_seconds=0),),
            perhaps=count,
            silent=SILENT,
        ),
        asked=asked,
        tells=lambda result: (f"foreseen: {says}", *seen(result, "ended_after")),
    )
