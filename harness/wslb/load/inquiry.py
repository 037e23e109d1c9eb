"""What a load run asks a foreign server beside its load: who answers, before it; and why it refused, after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

from wslb.connectors.http2 import Http2Connector
from wslb.connectors.visits import Visitor
from wslb.connectors.websocket import WebSocketConnector
from wslb.load.plan import LoadPlan
from wslb.load.saved import LoadFinding
from wslb.load.tally import Tally
from wslb.wire.approach import Approach
from wslb.wire.naming import NameRule, found
from wslb.wire.opens import Demand, Mark, Seen, judged
from wslb.wire.refusals import Refusal, likely

__all__ = ["Inquiry"]

OPENS = 8
"""Opens before the run, one after another, that find out what tells the backends apart."""

MESSAGE_LIMIT = 4 * 2**20
PATIENCE = 5.0

_OF_THE_TALK = ("no answer that fits", "ended before", "closed with", "protocol error")
"""Failures of an open tunnel: asking how the server refuses would explain something else."""


class Inquiry:
    """Asks one foreign server, before and after it is loaded."""

    def __init__(self, approach: Approach) -> None:
        """Prepare to ask.

        Raises:
            ConfigError: the authority to trust is no certificate.
        """
        self._approach = approach
        client = WebSocketConnector(limit=MESSAGE_LIMIT, shape=approach.shape, sources=approach.sources)
        self._visitor = Visitor(
            approach,
            Http2Connector() if approach.http2 else client,
            patience_seconds=approach.timeout_seconds or PATIENCE,
        )

    async def rule(self, most: int) -> NameRule | None:
        """What tells the backends apart, after at most so many opens; None where nothing does."""
        visitor = self._visitor
        _, tunnel = await visitor.open()
        if tunnel is not None:
            try:
                visitor.listens = bool(await visitor.greeted(tunnel, always=True)) or visitor.listens
            finally:
                await tunnel.close()
        row = await visitor.row(min(most, OPENS))
        return found([one.showing for one in row if one.showing is not None])

    async def findings(self, plan: LoadPlan, tally: Tally) -> tuple[LoadFinding, ...]:
        """Who took which open, and why some led to no tunnel: empty where no open came to an end."""
        row = [Seen(name=one.name or None, failure=_short(one.failure)) for _, one in sorted(tally.row.items())]
        if not row:
            return ()
        rule = None if plan.identify == "auto" else NameRule(rule=plan.identify)
        answer = judged(row, rule, Demand(count=len(row)), server=tally.server)
        told = [LoadFinding(mark=answer.mark, name=answer.name, text=answer.text)]
        kinds = Counter(one.failure for one in tally.row.values() if one.failure).most_common(1)
        if kinds and not kinds[0][0].startswith(_OF_THE_TALK):
            async for name, text in self._causes(kinds[0][0], tally):
                told.append(LoadFinding(mark=Mark.NOTE, name=name, text=text))
        return tuple(told)

    async def _causes(self, kind: str, tally: Tally) -> AsyncIterator[tuple[str, str]]:
        """What such a refusal looks like in full, and its likely causes."""
        asked = self._approach
        refusal, seen = await self._visitor.refused(), tally.refusals.get(kind)
        if seen is not None and (refusal is None or refusal.status != seen.status):
            refusal = Refusal(
                url=asked.url,
                request=(("Sec-WebSocket-Version", "13"), *asked.fields()),
                status=seen.status,
                reason=seen.reason,
                version="1.1",
                response=seen.headers,
            )
        if refusal is None:
            yield "Cause", "Asked alone after the run it opens: it refuses now and then, or only so many at a time"
            return
        yield "Answer", refusal.told()
        for number, one in enumerate(likely(refusal)):
            yield "or" if number else "Cause", str(one)


def _short(failure: str) -> str:
    """``status 503`` as ``check`` has it, ``503``."""
    return failure.removeprefix("status ")
