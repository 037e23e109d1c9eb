"""Of a user's configuration: whom a cookie leads to, and which other requests take turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wslb.checks import distribution, handshake
from wslb.lab.lab import Lab
from wslb.model.balancer import Balancer, LbMethod, Listener
from wslb.model.results import ScenarioResult
from wslb.proxies.apache.conf.mounting import Way
from wslb.scenarios.conf_asking import SILENT, Aim, Asking, seen
from wslb.scenarios.scenario import Scenario
from wslb.wire.http1 import OPENING

__all__ = ["ANSWER_TO_GET", "sharing"]

ANSWER_SECONDS = 5.0
MOST_ROUTES = 4
ANSWER_TO_GET = ("AH01144", "AH00898", "AH01276", "AH01630")
"""A plain request on a path of ws:// members, which some carriers do not take, or where httpd serves no page itself."""


def sharing(aim: Aim) -> Iterator[Asking]:
    """Cookies with each route, where the balancer is sticky; ordinary requests between tunnels."""
    balancer = aim.balancer
    if balancer is None:
        return
    written = {one.parameters["route"].text for one in aim.destinations if "route" in one.parameters}
    routes = [member.route for member in balancer.members if member.route in written][-MOST_ROUTES:]
    if balancer.stickysession and routes:
        yield _sticky(aim, balancer, routes)
    parted = aim.question.scope.all("rewriterule", "if", "elseif", "else")  # an ordinary request may go another way
    if aim.mounting.way is Way.PROXYPASS and not parted and balancer.lbmethod is not LbMethod.BYTRAFFIC:
        yield _thieves(aim, balancer)


def _sticky(aim: Aim, balancer: Balancer, routes: list[str]) -> Asking:
    cookie = (balancer.stickysession or "").partition("|")[0]
    separator = dict(balancer.parameters).get("stickysessionsep", ".")
    values = [f"wslb{separator}{route}" for route in reversed(routes) for _ in range(2)]
    values += [f"wslb{separator}nobody", f"0000wslb:{routes[-1]}", f"0000wslb:{routes[-1]}"]

    async def act(lab: Lab) -> None:
        if not aim.ready:
            return
        await aim.begin()
        for value in values:
            request = OPENING.adding(("Cookie", f"{cookie}={value}"))
            conversation = await aim.open(lab, seconds=ANSWER_SECONDS, request=request)
            if balancer.lbmethod is not LbMethod.BYBUSYNESS:  # of tunnels that closed, only a balancer-manager tells
                await conversation.close()

    says = [f"{cookie}=…{separator}{routes[-1]} leads to the member of that route; a route of nobody's is balanced"]
    if separator == ":":
        says.append(f"{cookie}=0000…:{routes[-1]}, as Liberty writes it, is followed (stickysessionsep)")
    else:
        says.append(
            f"{cookie}=0000…:{routes[-1]}, as Liberty writes it, is not followed: stickysessionsep=: would do so"
        )

    return Asking(
        scenario=Scenario(
            name=f"conf-{aim.number}-sticky",
            question=f"Whom does the cookie {cookie} lead to in {aim.name}?",
            limit=f"as the model says: {'; '.join(says)}",
            site=aim.site,
            act=act,
            checks=(distribution.follows_model, handshake.answered_101),
            silent=SILENT,
        ),
        question=aim.question,
        tells=lambda result: _lines(result, says),
    )


def _thieves(aim: Aim, balancer: Balancer) -> Asking:
    tls = aim.question.door in aim.trial.tls
    fields = (("Host", aim.question.host(tls=tls)), ("Connection", "close"))

    async def act(lab: Lab) -> None:
        if not aim.ready:
            return
        await aim.begin()
        for _ in range(3):
            conversation = await aim.open(lab, seconds=ANSWER_SECONDS)
            if balancer.lbmethod is not LbMethod.BYBUSYNESS:
                await conversation.close()
            listener = Listener.TLS if tls else Listener.PLAIN
            await lab.get(aim.question.path, headers=fields, listener=listener)
        await aim.open(lab, seconds=ANSWER_SECONDS)

    says = ["an ordinary GET of the path takes a turn as well, whatever answers it"]
    return Asking(
        scenario=Scenario(
            name=f"conf-{aim.number}-thieves",
            question=f"Do ordinary requests take turns from the tunnels of {aim.name}?",
            limit=f"as the model says: {'; '.join(says)}",
            site=aim.site,
            act=act,
            checks=(distribution.follows_model, handshake.answered_101),
            allow_log=ANSWER_TO_GET,
            silent=SILENT,
        ),
        question=aim.question,
        tells=lambda result: _lines(result, says),
    )


def _lines(result: ScenarioResult, says: Iterable[str]) -> Iterable[str]:
    return (*(f"foreseen: {one}" for one in says), *seen(result, "follows_model"))
