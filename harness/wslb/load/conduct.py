"""Conducts a load run: starts shards, watches programs and members meanwhile, does faults, gathers the evidence."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import psutil

from wslb.errors import HarnessError
from wslb.lab.lab import Lab
from wslb.load.disturbance import PlannedFault, do
from wslb.load.engines.running import run_shards
from wslb.load.engines.shard_place import LoadEngine
from wslb.load.inquiry import Inquiry
from wslb.load.outcome import PERCENTILES, Surroundings, document_of
from wslb.load.plan import LoadPlan
from wslb.load.progress import RunProgress, ShardProgress, together
from wslb.load.saved import (
    LoadDocument,
    LoadEvent,
    LoadMember,
    LoadMembers,
    LoadProgram,
    LoadTarget,
    MemberLook,
)
from wslb.load.thresholds import Limit
from wslb.load.usage import Usage
from wslb.model.disclosure import redacted_all

__all__ = ["Conductor"]

WATCH_SECONDS = 1.0
MOST_LOOKS = 600
SETTLE_SECONDS = 10.0


class Conductor:
    """One load run, in a lab or against a URL."""

    def __init__(
        self,
        plan: LoadPlan,
        engine: LoadEngine,
        *,
        lab: Lab | None = None,
        inquiry: Inquiry | None = None,
        faults: Sequence[PlannedFault] = (),
        news: Callable[[RunProgress], None] = lambda _: None,
    ) -> None:
        """Prepare a run.

        Args:
            plan: what to do.
            engine: where shards run.
            lab: whose programs and members are watched; it already serves the site.
            inquiry: asks a foreign server who answers, before the run, and why it refused, after it.
            faults: what to do to members, and when.
            news: told the progress of the whole.
        """
        self.stopping = asyncio.Event()
        self.interrupted = ""
        self._plan = plan
        self._engine = engine
        self._lab = lab
        self._inquiry = inquiry
        self._faults = faults
        self._news = news
        self._begun = asyncio.Event()
        self._start_at = 0.0
        self._by_shard: dict[int, ShardProgress] = {}
        self._events: list[LoadEvent] = []
        self._looks: list[MemberLook] = []
        self._skip = 1

    async def conduct(
        self,
        limits: Sequence[Limit],
        *,
        command: str,
        environment: Mapping[str, object],
        percentiles: Sequence[float] = PERCENTILES,
    ) -> LoadDocument:
        """Run to the end and return the document, with these percentiles of every latency."""
        if self._inquiry is not None and self._plan.identify == "auto":
            rule = await self._inquiry.rule(self._plan.total or self._plan.clients)
            self._note(f"asked before the run who answers: {rule.source if rule else 'nothing tells'}")
            self._plan = msgspec.structs.replace(self._plan, identify=rule.rule if rule else "auto")
        began = time.monotonic()
        started = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        usage = Usage(self._groups())
        before = await self._members()
        usage.sample(0.0)
        watching = [asyncio.create_task(self._watch(usage))]
        if self._lab is not None:
            watching += [asyncio.create_task(self._fault(planned, self._lab)) for planned in self._faults]
        try:
            result = await run_shards(
                self._plan, self._engine, started=self._started, news=self._heard, stopping=self.stopping
            )
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        usage.sample(self._clock())
        after = await self._settled()
        for lost in result.lost:
            self._note(f"{lost.place} was lost: {lost.reason}")
        inquiry = None if self.interrupted else self._inquiry
        findings = await inquiry.findings(self._plan, result.tally) if inquiry is not None else ()
        around = Surroundings(
            target=self._target(),
            environment={**environment, **machine()},
            usage=usage.total(),
            members=LoadMembers(before=before, during=tuple(self._looks), after=after),
            events=tuple(self._events),
            command=command,
            started=started,
            seconds=time.monotonic() - began,
            interrupted=self.interrupted,
            percentiles=percentiles,
            findings=findings,
        )
        made = msgspec.to_builtins(document_of(self._plan, result, limits, around))
        return msgspec.convert(redacted_all(made), LoadDocument)

    def interrupt(self, signal_name: str) -> None:
        """End early, in order."""
        self.interrupted = self.interrupted or signal_name
        self._note(f"interrupted by {signal_name}")
        self.stopping.set()

    def _started(self, start_at: float) -> None:
        self._start_at = start_at
        self._begun.set()

    def _clock(self) -> float:
        return max(0.0, time.time() - self._start_at) if self._start_at else 0.0

    def _note(self, text: str) -> None:
        self._events.append(LoadEvent(at=round(self._clock(), 3), text=text))

    def _heard(self, progress: ShardProgress) -> None:
        self._by_shard[progress.shard] = progress
        self._news(together(self._by_shard.values(), at=round(self._clock(), 1), planned=self._plan.total))

    def _groups(self) -> dict[str, Callable[[], Sequence[int]]]:
        groups: dict[str, Callable[[], Sequence[int]]] = {"client": lambda: _children(self._lab)}
        if self._lab is not None:
            lab = self._lab
            groups["httpd"] = lambda: [lab.proxy.pid] if lab.proxy.pid else []
            for name in lab.fleet:
                groups[f"{'recorder' if lab.fleet.real else 'backend'} {name}"] = lambda name=name: (  # type: ignore[misc]
                    [lab.fleet[name].pid] if lab.fleet[name].running else []
                )
        return groups

    async def _watch(self, usage: Usage) -> None:
        """Measure programs and look at the members at a steady pace."""
        turn = 0
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            turn += 1
            usage.sample(self._clock())
            if turn % self._skip == 0:
                self._looks.append(MemberLook(at=round(self._clock(), 2), members=await self._members()))
            if len(self._looks) >= MOST_LOOKS:
                self._looks, self._skip = self._looks[::2], self._skip * 2

    async def _members(self) -> tuple[LoadMember, ...]:
        if self._lab is None:
            return ()
        try:
            return msgspec.convert(await self._lab.status(), tuple[LoadMember, ...], from_attributes=True)
        except HarnessError as exc:  # a manager that does not answer under load is a finding, not the end of the run
            self._note(f"balancer-manager: {exc}")
            return ()

    async def _settled(self) -> tuple[LoadMember, ...]:
        """Members once the proxy has counted every tunnel out, or what it counts after a while."""
        if self._lab is None:
            return ()
        with contextlib.suppress(TimeoutError, HarnessError):
            await self._lab.proxy.settled(None, busy=0, seconds=SETTLE_SECONDS)
        return await self._members()

    async def _fault(self, planned: PlannedFault, lab: Lab) -> None:
        await self._begun.wait()
        await asyncio.sleep(self._start_at + planned.at - time.time())
        try:
            self._note(await do(planned, lab))
        except HarnessError as exc:
            self._note(f"{planned.kind} {planned.member} failed: {exc}")

    def _target(self) -> LoadTarget:
        lab = self._lab
        if lab is None:
            return LoadTarget(kind="url", url=self._plan.url)
        site = lab.site
        return LoadTarget(
            kind="lab",
            url=self._plan.url,
            proxy=str(lab.environment["proxy"]),
            carrier=str(lab.environment["carrier"]),
            backends={
                name: LoadProgram(program=backend.info.program, title=backend.title)
                for name, backend in lab.fleet.items()
            },
            children=site.process_model.children if site else 0,
            threads=site.process_model.threads if site else 0,
        )


def _children(lab: Lab | None) -> list[int]:
    """Our own child processes that are neither httpd nor a backend: the shards."""
    others: set[int | None] = set()
    if lab is not None:
        others = {lab.proxy.pid, *(backend.pid for backend in lab.fleet.values())}
    return [child.pid for child in psutil.Process().children() if child.pid not in others]


def machine() -> dict[str, object]:
    """The machine in a few words."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": psutil.cpu_count() or 0,
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }
