"""Facts about the machine below a stand-in, and numbers that tell two stand-ins on it apart."""

import hashlib
import os
import time
from dataclasses import dataclass

import psutil

SAMPLE_SECONDS = 2.0
"""How long a sample of the process table is good for; thousands of commands in a row share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A process of the machine, as the job it stands for."""

    name: str
    pid: int
    user: str
    cpu_seconds: float
    threads: int


class Host:
    """The machine and the instance; real values from psutil, the others derived from host name and instance name."""

    def __init__(self, *, name: str, instance: str) -> None:
        self.name = name
        self.instance = instance
        self._digest = hashlib.sha256(f"{name}|{instance}".encode()).digest()
        self._tasks: tuple[float, list[Task]] = (0.0, [])
        self._cpu = (time.monotonic(), 0.0)
        psutil.cpu_percent()  # the first call only starts the measurement

    @property
    def system_name(self) -> str:
        """The host name as a system name: eight characters, upper case."""
        letters = "".join(character for character in self.name.upper() if character.isalnum())
        return (letters or "LOCALHST")[:8]

    def number(self, what: str, low: int, high: int) -> int:
        """Return a number from `low` to `high` that is always the same for this host, instance and subject."""
        seed = hashlib.sha256(self._digest + what.encode()).digest()
        return low + int.from_bytes(seed[:6]) % (high - low + 1)

    @property
    def serial_number(self) -> str:
        """A serial number in the form of the system's."""
        return f"{self.number('serial', 0x100000, 0xFFFFFF):07X}"

    def tasks(self) -> list[Task]:
        """Return the processes of the machine, the busiest first."""
        taken, tasks = self._tasks
        if not tasks or time.monotonic() - taken > SAMPLE_SECONDS:
            tasks = sorted(_sample(), key=lambda task: -task.cpu_seconds)
            self._tasks = (time.monotonic(), tasks)
        return tasks

    def cpu_percent(self) -> float:
        """Return how busy the processors were since the last sample."""
        taken, percent = self._cpu
        if time.monotonic() - taken > SAMPLE_SECONDS:
            percent = psutil.cpu_percent()
            self._cpu = (time.monotonic(), percent)
        return percent

    def memory_mib(self) -> float:
        """Return the main storage of the machine in MiB."""
        return float(psutil.virtual_memory().total) / 2**20

    def disk_gib(self) -> tuple[float, float]:
        """Return the size of the root file system in GiB, and how much of it is used in percent."""
        usage = psutil.disk_usage("/")
        return usage.total / 2**30, usage.percent

    def up_seconds(self) -> float:
        """Return the time since the machine started."""
        return max(0.0, time.time() - psutil.boot_time())

    def own_task(self) -> Task:
        """Return the stand-in's own process."""
        own = psutil.Process()
        return Task(
            name=self.instance.upper()[:10],
            pid=own.pid,
            user=str(os.geteuid()),
            cpu_seconds=sum(own.cpu_times()[:2]),
            threads=own.num_threads(),
        )


def _sample() -> list[Task]:
    tasks = []
    for process in psutil.process_iter(["pid", "name", "username", "cpu_times", "num_threads"]):
        info = process.info
        times = info["cpu_times"]
        tasks.append(
            Task(
                name=(info["name"] or f"P{info['pid']}").upper(),
                pid=info["pid"],
                user=(info["username"] or "*UNKNOWN").upper(),
                cpu_seconds=0.0 if times is None else times.user + times.system,
                threads=info["num_threads"] or 1,
            )
        )
    return tasks
