"""Of a user's configuration: when an idle tunnel ends, and by which of the limits that are written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from wslb.checks import foreseen
from wslb.lab.lab import Lab
from wslb.model.results import ScenarioResult
from wslb.proxies.apache.conf.scope import Scope
from wslb.proxies.apache.foresight.destinations import Destination
from wslb.proxies.apache.foresight.times import idle_limit, written_limits
from wslb.scenarios.conf_asking import LATE_SECONDS, SILENT, Aim, Asking, Pace, seen
from wslb.scenarios.scenario import Scenario
from wslb.wire.frames import Frame, Opcode

__all__ = ["idling"]

ANSWER_SECONDS = 5.0
MOST_TUNNELS = 6
AFTER = "after the idle time"


def idling(aim: Aim) -> Iterator[Asking]:
    """A tunnel to each backend that is left alone, until it ends or has outlived every limit that is written."""
    scope = aim.question.scope
    count = min(MOST_TUNNELS, len(aim.backends))
    pace = _pace(aim)
    written = _written(pace.scope, pace.destinations)
    kept = max(written) + 0.5
    ends = [idle_limit(pace.conf, pace.scope, one) for one in pace.destinations]
    limits = {backend: end.seconds if end else None for backend, end in zip(aim.backends, ends, strict=True)}
    most = kept if None in limits.values() else max(end.seconds for end in ends if end) + LATE_SECONDS

    async def act(lab: Lab) -> None:
        if not aim.ready:
            return
        await aim.begin(pace)
        opened = [await aim.open(lab, seconds=ANSWER_SECONDS) for _ in range(count)]
        ended = await asyncio.gather(*(one.end(seconds=most) for one in opened))
        living = [one for one, over in zip(opened, ended, strict=True) if not over]
        lab.note("spoken", AFTER, label=AFTER, connections=[one.handshake.conn_id for one in living])
        await asyncio.gather(*(one.say(Frame(opcode=Opcode.TEXT, payload=b"still there?")) for one in living))
        await asyncio.gather(*(one.receive(1, seconds=ANSWER_SECONDS) for one in living))

    says = list(dict.fromkeys(_says(aim, one) for one in aim.destinations))
    says[-1] += pace.told
    ignored = [p.directive for p in scope.all("ProxyWebsocketIdleTimeout")]
    says += [f"{at.name} ({aim.place(at)}) is no directive of httpd 2.4" for at in ignored]

    def tells(result: ScenarioResult) -> Iterable[str]:
        return (*(f"foreseen: {one}" for one in says), *seen(result, "ended_after"))

    yield Asking(
        scenario=Scenario(
            name=f"conf-{aim.number}-idle",
            question=f"When does a tunnel of {aim.name} end that carries nothing?",
            limit=f"as the model says: {'; '.join(says)}",
            site=aim.site,
            act=act,
            checks=(foreseen.ended_after(limits, late_seconds=LATE_SECONDS, kept_seconds=kept),),
            perhaps=count,
            silent=SILENT,
        ),
        question=aim.question,
        tells=tells,
    )


def _pace(aim: Aim) -> Pace:
    """The fastest pace at which times that differ still differ, for otherwise nobody could tell which one counted."""
    conf, scope = aim.trial.original.conf, aim.question.scope
    as_written = set(_written(scope, aim.destinations))
    ends = [idle_limit(conf, scope, one) for one in aim.destinations]
    paces = list(aim.paces(max(as_written) if None in ends else max(end.seconds for end in ends if end)))
    apart = [pace for pace in paces if len(set(_written(pace.scope, pace.destinations))) == len(as_written)]
    return (apart or paces[-1:])[0]


def _written(scope: Scope, destinations: Sequence[Destination]) -> list[float]:
    return [limit.seconds for one in destinations for limit in written_limits(scope, one)]


def _says(aim: Aim, destination: Destination) -> str:
    conf, scope = aim.trial.original.conf, aim.question.scope
    limit = idle_limit(conf, scope, destination)
    if limit is None:
        return "never: mod_proxy_wstunnel has no idle limit, whatever Timeout, ProxyTimeout and timeout= say"
    which = "smaller" if conf.older_than(2, 4, 53) else "larger"
    others = [one for one in written_limits(scope, destination) if one != limit]
    told = f"after {limit.seconds} s: {aim.told(limit)}"
    return f"{told}, the {which} of it and {' and '.join(map(aim.told, others))}" if others else told
