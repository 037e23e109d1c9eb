"""CPU and memory of the programs that take part in a load run, sampled with psutil."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psutil

from wslb.load.saved import GroupUse

__all__ = ["Usage"]

MOST = 600
"""Samples kept of each group; then every second one goes, and the pace halves."""


class Usage:
    """Groups of processes, each measured as a whole.

    Memory is the sum of resident set sizes: what processes of one program share counts for each of them.
    """

    def __init__(self, groups: dict[str, Callable[[], Sequence[int]]]) -> None:
        """Measure these.

        Args:
            groups: for each name, what tells the process ids of now; children are found by themselves.
        """
        self._groups = groups
        self._cpu: dict[str, float] = dict.fromkeys(groups, 0.0)
        self._seen: dict[tuple[int, float], float] = {}
        self.series: dict[str, list[tuple[float, float, int]]] = {name: [] for name in groups}
        self._skip = 1
        self._turn = 0

    def sample(self, at: float) -> None:
        """Measure now; at is seconds from the start of the run."""
        self._turn += 1
        keep = self._turn % self._skip == 0
        for name, pids in self._groups.items():
            memory = 0
            for process in _processes(pids()):
                try:
                    with process.oneshot():
                        key = (process.pid, process.create_time())
                        used = process.cpu_times()
                        memory += process.memory_info().rss
                except psutil.Error:
                    continue
                seconds = used.user + used.system
                # Only what a process used since we saw it first belongs to the run.
                self._cpu[name] += seconds - self._seen.get(key, seconds)
                self._seen[key] = seconds
            if keep:
                self.series[name].append((at, self._cpu[name], memory))
        if keep and any(len(series) >= MOST for series in self.series.values()):
            self._skip *= 2
            self.series = {name: series[::2] for name, series in self.series.items()}

    def total(self) -> dict[str, GroupUse]:
        """CPU seconds and memory of each group, and how they grew."""
        return {
            name: GroupUse(
                cpu_seconds=round(self._cpu[name], 3),
                memory_first=series[0][2],
                memory_highest=max(memory for _, _, memory in series),
                memory_last=series[-1][2],
                series=tuple((round(at, 2), round(cpu, 3), memory) for at, cpu, memory in series),
            )
            for name, series in self.series.items()
            if series
        }


def _processes(pids: Sequence[int]) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for pid in pids:
        try:
            parent = psutil.Process(pid)
            found += [parent, *parent.children(recursive=True)]
        except psutil.Error:
            continue
    return found
