"""Memory and CPU that a proxy takes for 1,000 tunnels at a time, by the machinery of ``wslb load``."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import psutil

from wslb.config import Settings
from wslb.errors import HarnessError
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.load.conduct import Conductor
from wslb.load.engines.shard_place import LoadEngine
from wslb.load.plan import LoadPlan
from wslb.load.progress import RunProgress
from wslb.load.room import fitting, threads_left
from wslb.load.site import ECHO_PATH, load_site
from wslb.model.balancer import LbMethod, Listener
from wslb.reports.contrast import HeldTunnels

__all__ = ["TUNNELS", "hold"]

TUNNELS = 1000
HOLD_SECONDS = 3.0
"""After the last open: several looks at the memory."""


class _Memory:
    """The most that a proxy's processes took, of each kind, and how many they were."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.resident = self.processes = 0
        self.proportional: int | None = 0

    def look(self) -> None:
        """Measure now."""
        resident, proportional, processes = 0, 0, 0
        whole = True
        for process in self._there():
            try:
                resident += process.memory_info().rss
                processes += 1
                shared = getattr(process.memory_full_info(), "pss", None)
            except psutil.AccessDenied:
                shared = None
            except psutil.Error:
                continue
            whole = whole and shared is not None
            proportional += shared or 0
        self.resident, self.processes = max(self.resident, resident), max(self.processes, processes)
        self.proportional = (
            max(self.proportional or 0, proportional) if whole and self.proportional is not None else None
        )

    def _there(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self._lab.proxy.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.Error:
            return []


async def hold(settings: Settings, engine: LoadEngine, *, tunnels: int = TUNNELS) -> HeldTunnels:
    """Open so many tunnels through the proxy of these settings, all at a time, and say what it took.

    Whatever goes wrong is told in what comes back.
    """
    plan = LoadPlan(
        url="ws://127.0.0.1/",
        connections=tunnels,
        hold_seconds=HOLD_SECONDS,
        messages=1,
        identify="header:X-Backend",
        greeting=False,
        lag_seconds=60.0,  # latencies are not told
    )
    try:
        async with open_lab(replace(settings, lean=True, idle_seconds=plan.patience_seconds)) as lab:
            return await _held(lab, plan, engine, tunnels)
    except HarnessError as exc:
        return HeldTunnels(tunnels=tunnels, error=" ".join(filter(None, [str(exc), exc.hint])))


async def _held(lab: Lab, plan: LoadPlan, engine: LoadEngine, tunnels: int) -> HeldTunnels:
    room = fitting(tunnels, held=True, there=threads_left())
    site = load_site(room, listener=Listener.PLAIN, lbmethod=LbMethod.BYREQUESTS, idle_seconds=plan.patience_seconds)
    site = site.balancing(lab.proxy.dialect.capabilities.own)
    await lab.begin("load", site, balancer=site.balancers[0])
    before, during = _Memory(lab), _Memory(lab)
    before.look()

    def news(progress: RunProgress) -> None:
        if progress.live >= tunnels:
            during.look()

    url = lab.proxy.front.url(Listener.PLAIN, ECHO_PATH[Listener.PLAIN])
    conductor = Conductor(msgspec.structs.replace(plan, url=url), engine, lab=lab, news=news)
    made = await conductor.conduct((), command="", environment=lab.environment)
    use = made.usage.get("httpd")
    return HeldTunnels(
        tunnels=tunnels,
        opened=made.opened,
        errors=max(made.errors, made.lost),
        echoed=made.echoed,
        processes=during.processes,
        resident_before=before.resident,
        resident=during.resident,
        proportional_before=before.proportional,
        proportional=during.proportional,
        cpu_seconds=use.cpu_seconds if use else 0.0,
    )
