"""What is asked of a user's own configuration: an upgrade of each path, and the turns of each balancer behind one.

These scenarios are made for one configuration: nothing here is in the catalogue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from wslb.checks import accounting, distribution, handshake
from wslb.lab.lab import Lab
from wslb.lab.trial import Trial
from wslb.model.balancer import Balancer, LbMethod, Listener, MemberState
from wslb.model.results import Check, Witness
from wslb.model.stickiness import route_in_url
from wslb.model.topics import Topic
from wslb.proxies.apache.adoption.questions import Question
from wslb.scenarios.conf_asking import SILENT, Aim, Asking, aims, asked_url, site_of
from wslb.scenarios.conf_failure import failures
from wslb.scenarios.conf_idle import idling
from wslb.scenarios.conf_reload import reloading
from wslb.scenarios.conf_room import filling
from wslb.scenarios.conf_sticky import ANSWER_TO_GET, sharing
from wslb.scenarios.scenario import Act, Scenario
from wslb.wire.http1 import OPENING, RawRequest

__all__ = ["ANSWER_SECONDS", "AT_ONCE", "AT_ONCE_REASON", "BROWSERS", "SERIAL", "asking", "browser_request"]

ANSWER_SECONDS = 5.0
"""For an upgrade: a stand-in answers at once, so that what comes later comes from nobody."""

SERIAL = 12
AT_ONCE = 50
AT_ONCE_BOUND = 2
AT_ONCE_REASON = "elections are locked inside one process only"

BROWSERS = {
    "Chrome": (
        ("Pragma", "no-cache"),
        ("Cache-Control", "no-cache"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0.0.0"),
        ("Upgrade", "websocket"),
        ("Origin", "{origin}"),
        ("Sec-WebSocket-Version", "13"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Accept-Language", "en"),
        ("Sec-WebSocket-Key", "{key}"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    ),
    "Firefox": (
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Firefox/133.0"),
        ("Accept", "*/*"),
        ("Accept-Language", "en"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Sec-WebSocket-Version", "13"),
        ("Origin", "{origin}"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ("Sec-WebSocket-Key", "{key}"),
        ("Sec-Fetch-Dest", "empty"),
        ("Sec-Fetch-Mode", "websocket"),
        ("Pragma", "no-cache"),
        ("Cache-Control", "no-cache"),
        ("Upgrade", "websocket"),
    ),
    "Safari": (
        ("Pragma", "no-cache"),
        ("Accept", "*/*"),
        ("Sec-WebSocket-Key", "{key}"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ("Cache-Control", "no-cache"),
        ("User-Agent", "Mozilla/5.0 (Macintosh) Version/18.1 Safari/605.1.15"),
        ("Accept-Language", "en"),
        ("Origin", "{origin}"),
        ("Upgrade", "websocket"),
    ),
}
_CONNECTION = {"Chrome": "Upgrade", "Firefox": "keep-alive, Upgrade", "Safari": "Upgrade"}


_FURTHER: Mapping[Topic, Callable[[Aim], Iterator[Asking]]] = {
    Topic.TURNS: sharing,
    Topic.FAILURE: failures,
    Topic.TIME: idling,
    Topic.ROOM: filling,
    Topic.RELOAD: reloading,
}
_ONCE = frozenset({Topic.ROOM, Topic.RELOAD})
"""What is the same whichever path is asked."""


def asking(
    trial: Trial, questions: Sequence[Question], *, topics: Collection[Topic] = (), wait_seconds: float = 15
) -> tuple[Asking, ...]:
    """Scenarios for these questions: the upgrade of each path, the turns of each balancer, then the further topics.

    Args:
        trial: the configuration.
        questions: paths.
        topics: asked too, of each balancer and backend, once a server.
        wait_seconds: longest time that is waited for as it is written; longer ones are divided.
    """
    return tuple(_all(trial, questions, topics, wait_seconds))


def _all(
    trial: Trial, questions: Sequence[Question], topics: Collection[Topic], wait_seconds: float
) -> Iterator[Asking]:
    judged: set[tuple[int, str]] = set()
    opened: dict[int, str | None] = {}
    for number, question in enumerate(questions, 1):
        yield Asking(scenario=_upgrade(trial, question, number, opened), question=question, tunnel=False)
    for number, question in enumerate(questions, 1):
        lines = question.balancer
        if lines is None or (id(question.scope), lines.name) in judged or not lines.members:
            continue
        judged.add((id(question.scope), lines.name))
        model = trial.model(lines)
        if isinstance(model, Balancer):
            for scenario in _turns(trial, question, number, model, opened):
                yield Asking(scenario=scenario, question=question)
    for topic in (topic for topic in Topic if topic in topics):
        for aim in aims(trial, questions, opened=opened, wait_seconds=wait_seconds):
            yield from _FURTHER[topic](aim)
            if topic in _ONCE:
                break


def browser_request(browser: str, *, host: str, tls: bool) -> RawRequest:
    """A browser's opening handshake, from a page of the server's own."""
    fields = [("Host", host), ("Connection", _CONNECTION[browser]), *BROWSERS[browser]]
    origin = f"{'https' if tls else 'http'}://{host}"
    return RawRequest(headers=tuple((k, origin if v == "{origin}" else v) for k, v in fields))


def _upgrade(trial: Trial, question: Question, number: int, opened: dict[int, str | None]) -> Scenario:
    async def act(lab: Lab) -> None:
        trial.face(question.door, question.server_name)
        listener = Listener.TLS if question.door in trial.tls else Listener.PLAIN
        host = question.host(tls=listener is Listener.TLS)
        for browser in BROWSERS:
            conversation = await lab.raw(
                browser_request(browser, host=host, tls=listener is Listener.TLS),
                path=question.path,
                listener=listener,
                seconds=ANSWER_SECONDS,
            )
            await conversation.close()
            if conversation.handshake.status is None:
                return  # the others would wait as long
            if conversation.accepted:
                opened[id(question)] = conversation.backend
        await lab.get(question.path, headers=(("Host", host), ("Connection", "close")), listener=listener)

    return Scenario(
        name=f"conf-{number}-upgrade",
        question=f"Does an upgrade of {asked_url(trial, question)} open a tunnel to a backend?",
        limit="101 to Chrome, Firefox and Safari, and the handshake arrives at a backend intact",
        site=site_of(trial, question, None),
        act=act,
        checks=(handshake.answered_101, handshake.accept_is_right, handshake.arrived_intact),
        allow_log=ANSWER_TO_GET,
        silent=(*SILENT, Witness.ACCESS_LOG),
    )


def _turns(
    trial: Trial, question: Question, number: int, balancer: Balancer, opened: Mapping[int, str | None]
) -> Iterator[Scenario]:
    """Serial, held, and many at once, each against the model of the balancer's own lbmethod.

    Nothing is opened where no upgrade of the path was: then there are no turns to be judged.
    """
    request = OPENING.having("Host", question.host(tls=question.door in trial.tls))

    def in_turn(count: int, *, hold: bool) -> Act:
        async def act(lab: Lab) -> None:
            trial.face(question.door, question.server_name)
            for _ in range(count if id(question) in opened else 0):
                conversation = await lab.raw(request, path=question.path)
                if not hold:
                    await conversation.close()

        return act

    async def at_once(lab: Lab) -> None:
        trial.face(question.door, question.server_name)
        count = AT_ONCE if id(question) in opened else 0
        await asyncio.gather(*(lab.raw(request, path=question.path) for _ in range(count)))

    served: tuple[Check, ...] = (
        handshake.answered_101,
        handshake.accept_is_right,
        accounting.witnesses_agree,
    )
    site = site_of(trial, question, balancer)
    of = f"balancer://{balancer.name} ({balancer.lbmethod.value}) behind {asked_url(trial, question)}"
    if balancer.lbmethod is not LbMethod.BYBUSYNESS:  # of tunnels that closed, only a balancer-manager would tell
        yield Scenario(
            name=f"conf-{number}-turns",
            question=f"Does {of} elect as its rule says, one tunnel after another?",
            limit=f"the model of {balancer.lbmethod.value} predicts all {SERIAL} connections",
            site=site,
            act=in_turn(SERIAL, hold=False),
            checks=(distribution.follows_model, *served),
            silent=SILENT,
        )
    yield Scenario(
        name=f"conf-{number}-held",
        question=f"Does {of} elect as its rule says while the tunnels stay open?",
        limit=f"the model of {balancer.lbmethod.value} predicts all {SERIAL} connections",
        site=site,
        act=in_turn(SERIAL, hold=True),
        checks=(distribution.follows_model, *served),
        silent=SILENT,
    )
    free = route_in_url(balancer, question.path) is None
    even = free and all(
        m.state is MemberState.ENABLED and not dict(m.parameters).get("lbset") for m in balancer.members
    )
    if even and balancer.lbmethod is not LbMethod.BYTRAFFIC:
        yield Scenario(
            name=f"conf-{number}-at-once",
            question=f"Does {of} divide {AT_ONCE} tunnels that are opened at the same time by its loadfactors?",
            limit=f"each share within {AT_ONCE_BOUND} of its part",
            site=site,
            act=at_once,
            checks=(distribution.split_within(AT_ONCE_BOUND, reason=AT_ONCE_REASON), *served),
            silent=SILENT,
        )
