"""Of a user's configuration: what clients see of a backend that refuses, hangs, or answers 503, and when it is back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from wslb.checks import foreseen, refusals
from wslb.lab.lab import Lab
from wslb.model.balancer import Balancer
from wslb.model.lbmethods import contest, elect, start
from wslb.model.results import Check
from wslb.proxies.apache.foresight.times import answer_limit, carrier_to, connect_limit, retry
from wslb.scenarios import acts as do
from wslb.scenarios.claims import CONNECT_FAILED
from wslb.scenarios.conf_asking import LATE_SECONDS, SILENT, SLACK_SECONDS, Aim, Asking, seen
from wslb.scenarios.scenario import Act, Scenario
from wslb.waiting import until

__all__ = ["failures"]

ANSWER_SECONDS = 5.0
FAILED = (*CONNECT_FAILED, "AH01170", "AH00898", "AH01102", "AH01174", "AH02460", "AH03307", "AH03308")
"""What httpd says of a backend that fails: all in error, no answer, a status or a time that counts as a failure."""

HEALTH = ("AH03301", "AH03302", "AH03303", "AH03304", "AH10135")


def failures(aim: Aim) -> Iterator[Asking]:
    """A backend that refuses connects and comes back, one that answers no connect, no handshake, or with 503."""
    number = _first(aim.balancer) if aim.balancer else 0
    if number is None:
        return
    yield _refuses(aim, number)
    yield _unreachable(aim, number)
    yield _hangs(aim, number)
    yield _answers(aim, number)


def _first(balancer: Balancer) -> int | None:
    """Number of the member that has the first turn; None where nobody may have it."""
    members = start(balancer)
    if not contest(members):
        return None
    route, _ = elect(balancer.lbmethod, members)
    return next(n for n, member in enumerate(balancer.members) if member.route == route)


def _others(balancer: Balancer | None, number: int) -> int:
    """Who may serve when this member is in error."""
    if balancer is None:
        return 0
    members = tuple(replace(m, in_error=n == number) for n, m in enumerate(start(balancer)))
    return len(contest(members))


def _setting(aim: Aim, name: str) -> str:
    lines = aim.question.balancer
    return (lines.setting(name) if lines else None) or ""


def _refuses(aim: Aim, number: int) -> Asking:
    backend, others = aim.backends[number], _others(aim.balancer, number)
    as_written = retry(aim.destinations[number])
    pace = next(iter(aim.paces(as_written.seconds if as_written else 0)))
    again = retry(pace.destinations[number])
    seconds = again.seconds if again else 0
    checked = aim.destinations[number].parameters.get("hcmethod")
    probed = checked is not None and checked.text.lower() != "none"
    forced = aim.balancer is not None and not others and _setting(aim, "forcerecovery").lower() != "off"
    failover = others > 0 and _setting(aim, "maxattempts") != "0"

    async def act(lab: Lab) -> None:
        if not aim.ready:
            return
        await aim.begin(pace)
        await do.kill(lab, backend)
        for _ in range(max(2, others + 1)):
            await (await aim.open(lab, seconds=ANSWER_SECONDS)).close()
        await do.revive(lab, backend)

        async def served() -> bool:
            conversation = await aim.open(lab, seconds=ANSWER_SECONDS)
            came = conversation.accepted and conversation.backend == backend
            await conversation.close()
            return came

        with contextlib.suppress(TimeoutError):
            await until(served, seconds=seconds + SLACK_SECONDS + 0.5, what="its return")

    def foreseen_lines() -> Iterator[str]:
        first = "101 from another member" if failover else "503"
        yield f"foreseen: {first} for the client whose turn it is, {'101' if others else '503'} for the others"
        if forced:
            yield "foreseen: it is tried at every request, as nobody else is left (forcerecovery)"
        elif as_written is None:
            yield "foreseen: it is tried at every request: retry= counts in balancers only"
        elif probed:
            yield f"foreseen: it is back with its probes (hcmethod), or after {aim.told(as_written)}"
        else:
            yield f"foreseen: it is tried again after {as_written.seconds} s: {aim.told(as_written)}{pace.told}"

    return Asking(
        scenario=Scenario(
            name=f"conf-{aim.number}-refuses",
            question=f"What do clients of {aim.name} see of {aim.destinations[number].url} when it refuses connects?",
            limit=f"as the model says: {'; '.join(foreseen_lines()).replace('foreseen: ', '')}",
            site=aim.site,
            act=act,
            checks=(
                foreseen.felt(backend, first=101 if failover else 503, meanwhile=101 if others else 503),
                foreseen.came_back(
                    backend,
                    after_seconds=0 if probed or forced else seconds,
                    slack_seconds=SLACK_SECONDS + (seconds if probed and not forced else 0),
                ),
            ),
            allow_log=(*FAILED, *HEALTH),
            silent=SILENT,
        ),
        question=aim.question,
        tells=lambda result: (*foreseen_lines(), *seen(result, "felt", "came_back")),
    )


def _unreachable(aim: Aim, number: int) -> Asking:
    """Its host is gone, or a firewall swallows the connect: nobody refuses it."""
    backend, others = aim.backends[number], _others(aim.balancer, number)
    as_written = connect_limit(aim.question.scope, aim.destinations[number])
    pace = next(iter(aim.paces(as_written.seconds)))
    seconds = connect_limit(pace.scope, pace.destinations[number]).seconds
    first = 101 if others and _setting(aim, "maxattempts") != "0" else 503
    whom = "101 from another member" if first == 101 else "503"
    says = f"{whom} after {as_written.seconds:g} s: {aim.told(as_written)}{pace.told}"

    async def act(lab: Lab) -> None:
        if aim.ready:
            await aim.begin(pace)
            await do.bury(lab, backend)
            for _ in range(2):
                await (await aim.open(lab, seconds=seconds + SLACK_SECONDS)).close()
            await do.revive(lab, backend)

    return Asking(
        scenario=Scenario(
            name=f"conf-{aim.number}-unreachable",
            question=(
                f"What does a client of {aim.name} see of {aim.destinations[number].url} "
                "when nobody answers a connect to it?"
            ),
            limit=f"as the model says: {says}",
            site=aim.site,
            act=act,
            checks=(
                foreseen.felt(backend, first=first, meanwhile=101 if others else 503),
                refusals.waited(1, least_seconds=seconds, most_seconds=seconds + LATE_SECONDS),
            ),
            allow_log=(*FAILED, *HEALTH),
            silent=SILENT,
        ),
        question=aim.question,
        tells=lambda result: (f"foreseen: {says}", *seen(result, "felt", "waited")),
    )


def _hangs(aim: Aim, number: int) -> Asking:
    as_written = answer_limit(aim.trial.original.conf, aim.question.scope, aim.destinations[number])
    longest = as_written.seconds if as_written else 0
    pace = next(iter(aim.paces(longest)))
    limit = answer_limit(pace.conf, pace.scope, pace.destinations[number])
    patience = min(3.0, aim.wait_seconds) if limit is None else limit.seconds + SLACK_SECONDS
    checks: tuple[Check, ...] = (
        refusals.answers(None if limit is None else 502),
        refusals.waited(
            1,
            least_seconds=patience if limit is None else limit.seconds,
            most_seconds=(patience if limit is None else limit.seconds) + LATE_SECONDS,
        ),
    )
    if as_written is None:
        says = "no answer as long as the client waits: mod_proxy_wstunnel has no limit for the answer"
    else:
        says = f"502 after {as_written.seconds} s: {aim.told(as_written)}{pace.told}"

    async def act(lab: Lab) -> None:
        if aim.ready:
            await aim.begin(pace)
            await do.silence(lab, aim.backends[number])
            await (await aim.open(lab, seconds=patience)).close()

    return Asking(
        scenario=Scenario(
            name=f"conf-{aim.number}-hangs",
            question=f"What does a client of {aim.name} see of {aim.destinations[number].url} when it never answers?",
            limit=f"as the model says: {says}",
            site=aim.site,
            act=act,
            checks=checks,
            allow_log=FAILED,
            silent=SILENT,
        ),
        question=aim.question,
        tells=lambda result: (f"foreseen: {says}", *seen(result, "answers", "waited")),
    )


def _answers(aim: Aim, number: int) -> Asking:
    others = _others(aim.balancer, number)
    listed = "503" in _setting(aim, "failonstatus").split(",") and others > 0
    conf, scope = aim.trial.original.conf, aim.question.scope
    by_http = carrier_to(conf, scope, aim.destinations[number]) == "proxy_http"
    avoided = listed and by_http
    count = 2 * (others + 1)
    least = 1 if avoided else 2
    most = 1 if avoided else count
    says = "its 503, for each client whose turn it is: an answer is no failure"
    if listed:
        says = (
            "its 503 for the first client, then the others (failonstatus)"
            if by_http
            else (f"{says}, and mod_proxy_wstunnel does not know failonstatus")
        )

    return Asking(
        scenario=Scenario(
            name=f"conf-{aim.number}-answers-503",
            question=f"What do clients of {aim.name} see of {aim.destinations[number].url} when it answers 503?",
            limit=f"as the model says: {says}",
            site=aim.site,
            act=_answered(aim, aim.backends[number], count),
            checks=(foreseen.refused_times(503, least=least, most=most),),
            allow_log=FAILED,
            silent=SILENT,
        ),
        question=aim.question,
        tells=lambda result: (f"foreseen: {says}", *seen(result, "refused_times")),
    )


def _answered(aim: Aim, backend: str, count: int) -> Act:
    async def act(lab: Lab) -> None:
        if aim.ready:
            await aim.begin()
            await do.silence(lab, backend, kind="status", status=503)
            for _ in range(count):
                await (await aim.open(lab, seconds=ANSWER_SECONDS)).close()

    return act
