"""Runs one shard of a plan in this process, on an event loop of its own (uvloop where it is installed)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil

from harness.driver.machine import Machine
from harness.driver.wire import Known, address_of, key_of, request_bytes
from harness.driver.wire import request as request_fields
from harness.handshake import accept_for
from harness.load.link import Link, Phase
from harness.load.plan import Shard
from harness.load.tally import NOBODY, Tally

__all__ = ["LATE_SECONDS", "Run", "execute", "prepare"]

LATE_SECONDS = 5.0
"""A shard that is started later than this refuses: an engine may have tried it again after a loss."""

BEAT_SECONDS = 0.5
SWEEP_SECONDS = 0.25
GRACE_SECONDS = 2.0
"""How far the schedule may run late before the rest is not started at all: such a run is invalid anyway."""

AT_ONCE = 64
"""Opens begun in one turn of the loop, so that answers are read in between."""

SPARE_DESCRIPTORS = 200

Beat = Callable[[Mapping[str, Any]], bool]
"""Takes progress and answers whether to go on; called from another thread."""


class Random:
    """Random bytes for keys and masks, taken from the system in blocks."""

    def __init__(self) -> None:
        self._block = b""
        self._at = 0

    def __call__(self, size: int) -> bytes:
        """So many random bytes, each given once."""
        at = self._at
        if at + size > len(self._block):
            self._block, at = os.urandom(4096), 0
        self._at = at + size
        return self._block[at : at + size]


class Run:
    """One shard while it runs."""

    signature = "X-Backend"

    def __init__(self, shard: Shard, *, loop: asyncio.AbstractEventLoop, beat: Beat) -> None:
        self.shard = shard
        self.plan = shard.plan
        self.tally = Tally()
        self.greeters: dict[str | bytes, str] = dict(self.plan.greetings)
        self._loop = loop
        self._beat = beat
        self._random = Random()
        self._known = Known()
        self._address = address_of(self.plan.url)
        self._head = request_bytes(self._address, request_fields(self._address, key="\0", headers=self.plan.headers))
        self._tls = _context(self.plan.trust) if self._address.secure else None
        self._filler = "".join(chr(32 + (7 * i) % 95) for i in range(min(self.plan.size, 997)))
        self._nth = 0
        self._under_way = 0
        self._watched: dict[Link, None] = {}
        self._held: list[Link] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._all_done = loop.create_future()
        self._begin = 0.0
        self._stopping = False
        self._opening = True
        self._message_nth = 0
        self._messages_from = 0.0
        self._room = _descriptors() - SPARE_DESCRIPTORS
        self._process = psutil.Process()
        self._memory: dict[str, int] = {"start": self._process.memory_info().rss}
        self._highest_live = 0

    # -- the course of a run -----------------------------------------------------------------------------------------

    async def run(self, start_at: float) -> Tally:
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
            {
                "shard": self.shard.index,
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "loop": type(self._loop).__module__.partition(".")[0],
                "cpu_seconds": used.user + used.system - cpu.user - cpu.system,
                "memory": self._memory,
                "highest_live": self._highest_live,
            }
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
        if self._stopping or not self._opening:
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
        if self._stopping or not self._opening:
            self._maybe_done()
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
        key = key_of(self._random(16))
        link = Link(
            self,
            number=number,
            due=due,
            machine=Machine(
                accept=accept_for(key), entropy=self._random, limit=max(self.plan.size, 65_536), known=self._known
            ),
            request=self._head.replace(b"\0", key.encode(), 1),
        )
        now = self.clock()
        tally.start_span = (min(tally.start_span[0], now), max(tally.start_span[1], now))
        tally.timeline.count(now, "started")
        link.deadline = now + self.plan.handshake_seconds
        self._watched[link] = None
        task = self._loop.create_task(self._connect(link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, link: Link) -> None:
        sources = self.plan.sources
        try:
            await self._loop.create_connection(
                lambda: link,
                self._address.host,
                self._address.port,
                ssl=self._tls,
                local_addr=(sources[link.number % len(sources)], 0) if sources else None,
            )
        except ConnectionRefusedError:
            link.fail("refused")
        except ssl.SSLError as exc:
            link.fail(f"TLS: {exc.reason or 'failed'}"[:60])
        except OSError as exc:
            link.fail(os.strerror(exc.errno).lower() if exc.errno else "no connection")

    # -- what links tell ---------------------------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        """It is open, and greeted where that is due."""
        now = self.clock()
        tally = self.tally
        served = tally.served(link.backend)
        served.opened += 1
        served.open.record(now - link.due)
        tally.opened_span = (min(tally.opened_span[0], now), max(tally.opened_span[1], now))
        tally.timeline.count(now, f"opened {link.backend}")
        self._highest_live = max(self._highest_live, tally.live)
        if self.plan.hold_seconds is None:
            if self.plan.messages:
                self._send_now(link, now)
            else:
                self._close(link, now)
            return
        del self._watched[link]
        link.place = len(self._held)
        self._held.append(link)
        self._slot_free()

    def echoed(self, link: Link) -> None:
        """A message came back as it was sent."""
        now = self.clock()
        served = self.tally.served(link.backend)
        served.echoed += 1
        due = link.due if self.plan.hold_seconds is None else self._message_due(link.echoed, link.place)
        served.echo.record(now - due)
        link.echoed += 1
        self.tally.timeline.count(now, "echoed")
        if self.plan.hold_seconds is None:
            if link.echoed < self.plan.messages:
                self._send_now(link, now)
            else:
                self._close(link, now)
        elif link.echoed == link.sent:
            self._watched.pop(link, None)

    def closed(self, link: Link) -> None:
        """It ended with close frames on both sides."""
        self.tally.served(link.backend).closed += 1
        self._ended(link)

    def failed(self, link: Link, kind: str, *, was_open: bool) -> None:
        """It failed."""
        if self._stopping:
            self.tally.interrupted += 1
        else:
            name = link.backend if was_open or link.backend else NOBODY
            self.tally.served(name).errors[kind] += 1
            self.tally.timeline.count(self.clock(), "failed")
        self._ended(link, was_open=was_open)

    def _ended(self, link: Link, *, was_open: bool = True) -> None:
        self._watched.pop(link, None)
        self.tally.ended += 1
        if was_open:
            self.tally.timeline.count(self.clock(), f"ended {link.backend}")
        if self.plan.hold_seconds is None or not was_open:
            self._slot_free()
        else:
            self._maybe_done()

    def _slot_free(self) -> None:
        if not self.plan.open_model:
            self._under_way -= 1
            self._loop.call_soon(self._next)
        self._maybe_done()

    # -- messages and the end ----------------------------------------------------------------------------------------

    def payload(self, number: int, nth: int) -> str:
        """Message number `nth` of this connection: told apart from every other, of the plan's size."""
        text = f"{number}.{nth} "
        size = self.plan.size
        return (text + self._filler * ((size - len(text)) // len(self._filler) + 1))[:size] if size else ""

    def _send_now(self, link: Link, now: float) -> None:
        link.due = now
        link.deadline = now + self.plan.message_seconds
        link.send()

    def _message_due(self, nth: int, place: int) -> float:
        """When a held tunnel's message is due: all are spread evenly over the hold."""
        count = max(len(self._held), 1)
        gap = (self.plan.hold_seconds or 0.0) / (count * max(self.plan.messages, 1))
        return self._messages_from + (nth * count + place) * gap

    def _opening_over(self) -> None:
        if self._opening:
            self._opening = False
            self._hold_when_settled()

    def _hold_when_settled(self) -> None:
        """Begin the hold once no open is under way any more."""
        if self.plan.hold_seconds is None:
            self._maybe_done()
            return
        if self._stopping:
            return
        if any(link.phase < Phase.OPEN for link in self._watched):
            self._loop.call_later(0.01, self._hold_when_settled)
            return
        self._memory["opened"] = self._process.memory_info().rss
        self._messages_from = self.clock()
        if self.plan.messages and self._held:
            self._talk()
        self._loop.call_later(self.plan.hold_seconds, self._hold_over)

    def _talk(self) -> None:
        """Send every message that is due, then come back for the next."""
        count = len(self._held)
        for _ in range(4 * AT_ONCE):
            if self._stopping or self._message_nth >= count * self.plan.messages:
                return
            nth, place = divmod(self._message_nth, count)
            now, due = self.clock(), self._message_due(nth, place)
            if due > now:
                self._loop.call_later(due - now, self._talk)
                return
            self._message_nth += 1
            link = self._held[place]
            if link.phase is Phase.OPEN:
                self.tally.lag.record(now - due)
                if link not in self._watched:
                    link.deadline = now + self.plan.message_seconds
                    self._watched[link] = None
                link.send()
        self._loop.call_soon(self._talk)

    def _hold_over(self) -> None:
        """Close everything, once the last messages are back."""
        if self._stopping:
            return
        wanted = self.plan.messages
        if wanted and any(link.phase is Phase.OPEN and link.echoed < wanted for link in self._held):
            self._loop.call_later(0.02, self._hold_over)
            return
        self._memory["held"] = self._process.memory_info().rss
        self._close_some(0)

    def _close_some(self, at: int) -> None:
        """Close a part at a time, so that answers are read in between."""
        now = self.clock()
        for link in self._held[at : at + 4 * AT_ONCE]:
            self._close(link, now)
        if at + 4 * AT_ONCE < len(self._held):
            self._loop.call_soon(self._close_some, at + 4 * AT_ONCE)
        else:
            self._held = []
            self._maybe_done()

    def _close(self, link: Link, now: float) -> None:
        if link.phase is Phase.OPEN:
            link.deadline = now + self.plan.close_seconds
            self._watched[link] = None
            link.close()

    def _maybe_done(self) -> None:
        if not self._opening and self.tally.live == 0 and not self._all_done.done():
            self._memory["end"] = self._process.memory_info().rss
            self._all_done.set_result(None)

    def stop(self) -> None:
        """End early: begin nothing more, close what is open, and count what was under way as interrupted."""
        if self._stopping:
            return
        self._stopping = True
        if self._opening and self.shard.connections:
            self.tally.not_started = self.shard.connections - self._nth
        self._opening = False
        for link in [*self._watched, *self._held]:
            link.fail("interrupted")
        self._held = []
        self._maybe_done()

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
            pause = self._loop.create_future()
            timer = self._loop.call_later(BEAT_SECONDS, pause.set_result, None)
            try:
                await pause
            finally:
                timer.cancel()

    def progress(self) -> dict[str, Any]:
        """Where it stands."""
        tally = self.tally
        return {
            "shard": self.shard.index,
            "at": self.clock(),
            "started": tally.started,
            "live": tally.live,
            "opened": {name: served.opened for name, served in tally.backends.items() if served.opened},
            "errors": dict(tally.errors),
            "echoed": sum(served.echoed for served in tally.backends.values()),
        }


def prepare() -> dict[str, Any]:
    """Import everything, and tell this process's clock and name: called before the start is agreed on."""
    return {"time": time.time(), "pid": os.getpid(), "host": socket.gethostname()}


def execute(document: Mapping[str, Any], start_at: float, beat: Beat) -> dict[str, Any]:
    """Run a shard and return its tally, both as plain values.

    Raises:
        TimeoutError: the start is long past: this is a second try after a loss, which would count things twice.
    """
    if time.time() - start_at > LATE_SECONDS:
        raise TimeoutError("the start of this shard is long past; it is not run a second time")
    shard = Shard.from_json(document)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:

        async def whole() -> Tally:
            return await Run(shard, loop=asyncio.get_running_loop(), beat=beat).run(start_at)

        return runner.run(whole()).as_json()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return uvloop.new_event_loop


def _context(trust: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=trust or None)


def _descriptors() -> int:
    """Lift the soft limit of open files to the hard one, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1_000_000
