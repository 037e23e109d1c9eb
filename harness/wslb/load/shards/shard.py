"""One shard of a plan while it runs: opens when they are due, hears from its links, and counts.

Which clock. A client that waits for each answer before it asks again lets a stalled server slow its questions down: of
a stall of one second it tells one slow open, where users would have made a hundred. That is coordinated omission (Gil
Tene, "How NOT to Measure Latency"). So in the **open model** every open has a time of its own, fixed before the run
begins (`LoadPlan.due`), and its latency counts from that time, not from when the client got to it: what it waits in our
own queue belongs to it, as it would for a user. How late the client itself began is recorded apart, as lag. An ideal
client has none; when lag is long, or the schedule ends late, the latencies are about the client, and the run is
invalid. In the **closed model** an open begins when another has ended: it is due when its turn comes, there is no
schedule to miss, and its latency is a time of service with so many under way, which says nothing about a rate.
Messages follow the same two: on held tunnels they have times of their own, spread evenly over the hold (`Hold.due`),
on others each is due when the one before it is back.

When a latency counts. An open has one once its tunnel is accepted, checked and, where one is due, greeted; a message,
once it is back as it was sent. What fails or does not come in time has none and is an error: percentiles are honest
only beside the number of failures, so every table shows both.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping

import psutil

from wslb.load.plan import Shard
from wslb.load.progress import ShardProgress
from wslb.load.saved import ClientUse
from wslb.load.shards.dialer import Dialer, free_descriptors
from wslb.load.shards.hold import Hold
from wslb.load.shards.homes import Homes
from wslb.load.shards.link import UNKNOWN, Link, Phase
from wslb.load.tally import MOST_IN_A_ROW, NOBODY, Opened, Refused, Tally, add_counts
from wslb.wire.http1 import AnswerHead
from wslb.wire.naming import NameRule, Showing
from wslb.wire.signatures import proxy_of

__all__ = ["Beat", "RunningShard"]

BEAT_SECONDS = 0.5
SWEEP_SECONDS = 0.25
GRACE_SECONDS = 2.0
"""How far the schedule may run late before the rest is not started at all: such a run is invalid anyway."""

AT_ONCE = 64
"""Opens begun in one turn of the loop, so that answers are read in between."""

Beat = Callable[[ShardProgress], bool]
"""Takes progress and answers whether to go on; called from another thread."""


class RunningShard:
    """One shard while it runs: the owner of its links and of what it holds."""

    def __init__(self, shard: Shard, *, loop: asyncio.AbstractEventLoop, beat: Beat) -> None:
        self.shard = shard
        self.plan = shard.plan
        self.tally = Tally()
        self.rule = NameRule(rule=self.plan.identify)
        self.greeters: Mapping[str | bytes, str] = dict(self.plan.greetings)
        self._loop = loop
        self._beat = beat
        self._dialer = Dialer(self.plan, loop=loop)
        self._hold = None if self.plan.hold_seconds is None else Hold(self, seconds=self.plan.hold_seconds, loop=loop)
        self._homes = Homes(self.plan.clients, self.rule, self.tally) if self.plan.keep_cookies else None
        self._named: tuple[AnswerHead | None, str] = (None, "")
        self._filler = "".join(chr(32 + (7 * i) % 95) for i in range(min(self.plan.size, 997)))
        self._nth = 0
        self._under_way = 0
        self._watched: dict[Link, None] = {}
        self._all_done = loop.create_future()
        self._begin = 0.0
        self.stopping = False
        self._opening = True
        self._room = free_descriptors()
        self._process = psutil.Process()
        self._memory: dict[str, int] = {}
        self.weigh("start")
        self._highest_live = 0

    # -- the course of a run -----------------------------------------------------------------------------------------

    async def until_over(self, start_at: float) -> Tally:
        """Run to the end.

        Args:
            start_at: Unix time at which all shards start.
        """
        cpu = self._process.cpu_times()
        self._begin = time.monotonic() + (start_at - time.time())
        self._loop.call_later(max(0.0, -self.clock()), self._start)
        sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)
        beating = asyncio.ensure_future(self._beats())
        try:
            await self._all_done
        finally:
            beating.cancel()
            sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
        used = self._process.cpu_times()
        self.tally.clients = [
            ClientUse(
                shard=self.shard.index,
                pid=os.getpid(),
                host=socket.gethostname(),
                loop=type(self._loop).__module__.partition(".")[0],
                cpu_seconds=used.user + used.system - cpu.user - cpu.system,
                memory=self._memory,
                highest_live=self._highest_live,
            )
        ]
        return self.tally

    def clock(self) -> float:
        """Seconds since the start; the loop's own clock stands still within a turn, and uvloop's has milliseconds."""
        return time.monotonic() - self._begin

    def _start(self) -> None:
        if self.plan.open_model:
            self._pace()
        else:
            for _ in range(min(self.shard.concurrency, self._room)):
                self._next()

    def _pace(self) -> None:
        """Begin every open that is due (open model), then come back for the next."""
        if self.stopping or not self._opening:
            return
        now = self.clock()
        for _ in range(AT_ONCE):
            if self._nth >= self.shard.connections:
                self._opening_over()
                return
            due = self.shard.due(self._nth)
            if due > now:
                self._loop.call_later(due - now, self._pace)
                return
            if now - due > GRACE_SECONDS + 0.1 * due:
                self.tally.not_started = self.shard.connections - self._nth
                self._opening_over()
                return
            if self.tally.live >= self._room:
                self._loop.call_later(0.01, self._pace)
                return
            self.tally.lag.record(now - due)
            self._open(due)
        self._loop.call_soon(self._pace)

    def _next(self) -> None:
        """Begin one more open (closed model), unless there is nothing left to begin."""
        if self.stopping or not self._opening:
            self.done_when_all_ended()
            return
        now = self.clock()
        plan = self.plan
        over = plan.duration_seconds is not None and now >= plan.duration_seconds
        if over or (self.shard.connections and self._nth >= self.shard.connections):
            if self._under_way == 0:
                self._opening_over()
            return
        if self.tally.live >= self._room:
            self._loop.call_later(0.01, self._next)
            return
        self._under_way += 1
        self._open(now)

    def _open(self, due: float) -> None:
        number = self.shard.number(self._nth)
        self._nth += 1
        tally = self.tally
        tally.started += 1
        cookies = self._homes.sent(number) if self._homes is not None else ""
        link = self._dialer.link(self, number=number, due=due, cookies=cookies)
        now = self.clock()
        tally.start_span = (min(tally.start_span[0], now), max(tally.start_span[1], now))
        tally.course.count(now, "started")
        link.deadline = now + self.plan.handshake_seconds
        self._watched[link] = None
        self._dialer.dial(link)

    # -- what links tell ---------------------------------------------------------------------------------------------

    def accepted(self, link: Link, head: AnswerHead) -> str:
        """The server took the handshake; the name that the fields of its answer give, empty where they give none."""
        if self.plan.foreign and not self.tally.server:
            self.tally.server = proxy_of(head.headers)
        if self._homes is not None:
            self._homes.given(link.number, head.headers)
        if self.rule.kind not in {"header", "cookie", "route"}:
            return ""
        if head is not self._named[0]:  # an answer that came before is the same object
            self._named = (head, self.rule.of(Showing(response=head.headers)) or "")
        return self._named[1]

    def refused(self, kind: str, head: AnswerHead) -> None:
        """The server answered something that opens no tunnel."""
        self.tally.refusals.setdefault(kind, Refused(head.status, head.reason, head.headers))

    def opened(self, link: Link) -> None:
        """It is open, and greeted where that is due."""
        now = link.opened_at or self.clock()
        tally = self.tally
        if self.plan.foreign and link.number < MOST_IN_A_ROW:
            tally.row[link.number] = Opened(name=link.backend if link.backend != UNKNOWN else "")
        if self._homes is not None:
            self._homes.came(link.number, link.backend)
        served = tally.served(link.backend)
        served.opened += 1
        served.open.record(now - link.due)
        tally.opened_span = (min(tally.opened_span[0], now), max(tally.opened_span[1], now))
        tally.course.count(now, f"opened {link.backend}")
        self._highest_live = max(self._highest_live, tally.live)
        if self._hold is None:
            if self.plan.messages:
                self._send_now(link, now)
            else:
                self.close(link, now)
            return
        del self._watched[link]
        self._hold.add(link)
        self._slot_free()

    def echoed(self, link: Link) -> None:
        """A message came back as it was sent."""
        now = self.clock()
        served = self.tally.served(link.backend)
        served.echoed += 1
        due = link.due if self._hold is None else self._hold.due(link.echoed, link.place)
        served.echo.record(now - due)
        link.echoed += 1
        self.tally.course.count(now, "echoed")
        if self._hold is None:
            if link.echoed < self.plan.messages:
                self._send_now(link, now)
            else:
                self.close(link, now)
        elif link.echoed == link.sent:
            self._watched.pop(link, None)

    def closed(self, link: Link) -> None:
        """It ended with close frames on both sides."""
        self.tally.served(link.backend).closed += 1
        self._ended(link)

    def failed(self, link: Link, kind: str, *, was_open: bool) -> None:
        """It failed."""
        if self.stopping:
            self.tally.interrupted += 1
        else:
            name = link.backend if was_open or link.backend else NOBODY
            if self.plan.foreign and not was_open and link.number < MOST_IN_A_ROW:
                self.tally.row[link.number] = Opened(failure=kind)
            add_counts(self.tally.served(name).errors, {kind: 1})
            self.tally.course.count(self.clock(), "failed")
        self._ended(link, was_open=was_open)

    def _ended(self, link: Link, *, was_open: bool = True) -> None:
        self._watched.pop(link, None)
        self.tally.ended += 1
        if was_open:
            self.tally.course.count(self.clock(), f"ended {link.backend}")
        if self._hold is None or not was_open:
            self._slot_free()
        else:
            self.done_when_all_ended()

    def _slot_free(self) -> None:
        if not self.plan.open_model:
            self._under_way -= 1
            self._loop.call_soon(self._next)
        self.done_when_all_ended()

    # -- messages and the end ----------------------------------------------------------------------------------------

    def payload(self, number: int, nth: int) -> str:
        """Message number `nth` of this connection: told apart from every other, of the plan's size."""
        if self.plan.commands:
            return self.plan.commands[nth % len(self.plan.commands)]
        text = f"{number}.{nth} "
        size = self.plan.size
        return (text + self._filler * ((size - len(text)) // len(self._filler) + 1))[:size] if size else ""

    def _send_now(self, link: Link, now: float) -> None:
        link.due = now
        link.deadline = now + self.plan.message_seconds
        link.send()

    def expect_echo(self, link: Link, now: float) -> None:
        """Give the answer to a held tunnel's message a deadline, unless an earlier one has it."""
        if link not in self._watched:
            link.deadline = now + self.plan.message_seconds
            self._watched[link] = None

    def weigh(self, moment: str) -> None:
        """Note how much memory this process takes."""
        self._memory[moment] = self._process.memory_info().rss

    def _opening_over(self) -> None:
        if self._opening:
            self._opening = False
            self._hold_when_settled()

    def _hold_when_settled(self) -> None:
        """Begin the hold once no open is under way any more."""
        if self._hold is None:
            self.done_when_all_ended()
            return
        if self.stopping:
            return
        if any(link.phase < Phase.OPEN for link in self._watched):
            self._loop.call_later(0.01, self._hold_when_settled)
            return
        self.weigh("opened")
        self._hold.begin()

    def close(self, link: Link, now: float) -> None:
        """Begin its closing handshake, if it is open."""
        if link.phase is Phase.OPEN:
            link.deadline = now + self.plan.close_seconds
            self._watched[link] = None
            link.close()

    def done_when_all_ended(self) -> None:
        """The run is over once nothing is left to open and nothing is open."""
        if not self._opening and self.tally.live == 0 and not self._all_done.done():
            self.weigh("end")
            self._all_done.set_result(None)

    def stop(self) -> None:
        """End early: begin nothing more, close what is open, and count what was under way as interrupted."""
        if self.stopping:
            return
        self.stopping = True
        if self._opening and self.shard.connections:
            self.tally.not_started = self.shard.connections - self._nth
        self._opening = False
        for link in [*self._watched, *(self._hold or ())]:
            link.fail("interrupted")
        if self._hold is not None:
            self._hold.forget()
        self.done_when_all_ended()

    def _sweep(self) -> None:
        """Fail whatever has waited too long: one timer for all."""
        now = self.clock()
        for link in [link for link in self._watched if link.deadline < now]:
            link.expired()
        if not self._all_done.done():
            self._loop.call_later(SWEEP_SECONDS, self._sweep)

    async def _beats(self) -> None:
        """Tell progress and hear whether to go on."""
        while True:
            go_on = await self._loop.run_in_executor(None, self._beat, self.progress())
            if not go_on:
                self.stop()
            await asyncio.sleep(BEAT_SECONDS)

    def progress(self) -> ShardProgress:
        """Where it stands."""
        tally = self.tally
        return ShardProgress(
            shard=self.shard.index,
            at=self.clock(),
            started=tally.started,
            live=tally.live,
            echoed=sum(served.echoed for served in tally.backends.values()),
            opened={name: served.opened for name, served in tally.backends.items() if served.opened},
            errors=tally.errors,
        )
