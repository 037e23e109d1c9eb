"""The WRK commands: lists of what runs on the host."""

from collections.abc import Iterator

import psutil

from backends.cl.catalogue import OUTPUT, Definition, Parameter, Values
from backends.cl.host import Host, Task
from backends.cl.listing import Column, dotted, table

LONGEST_LIST = 60
"""Rows of a list of jobs or connections; a machine may have thousands."""

ALWAYS = ("QBATCH", "QCMN", "QCTL", "QINTER", "QSERVER", "QSPL", "QSYSWRK", "QUSRWRK")
SOMETIMES = ("QHTTPSVR", "QWAS85", "QWAS7", "QZRDSUBSYS", "QTCP", "QPGMR", "ZENDSVR6")


def subsystems(host: Host) -> list[tuple[str, str, int]]:
    """Return name, number and count of active jobs of the subsystems; the counts add up to the real processes."""
    names = sorted([*ALWAYS, *(name for name in SOMETIMES if host.number(f"has {name}", 0, 1))])
    first = host.number("first job", 10_000, 890_000)
    weights = {name: host.number(f"weight {name}", 0, 20) + (60 if name == "QSYSWRK" else 0) for name in names}
    processes = len(host.tasks())
    total = sum(weights.values())
    counts = {name: processes * weight // total for name, weight in weights.items()}
    counts["QSYSWRK"] += processes - sum(counts.values())
    return [(name, f"{first + host.number(f'number {name}', 0, 900):06}", counts[name]) for name in names]


class Work:
    """The WRK commands of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        subsystem = Parameter(keyword="SBS", default="*ALL")
        self.commands = {
            "WRKSBS": Definition(run=self._subsystems, parameters=(OUTPUT,)),
            "WRKSYSSTS": Definition(run=self._system_status, parameters=(OUTPUT,)),
            "DSPSYSSTS": Definition(run=self._system_status, parameters=(OUTPUT,)),
            "WRKACTJOB": Definition(run=self._active_jobs, parameters=(OUTPUT, subsystem)),
            "WRKJOBQ": Definition(run=self._job_queues, parameters=(Parameter(keyword="JOBQ", default="*ALL"), OUTPUT)),
            "WRKSPLF": Definition(
                run=self._spooled_files, parameters=(Parameter(keyword="SELECT", default="*CURRENT", limit=80), OUTPUT)
            ),
            "WRKDSKSTS": Definition(run=self._disks, parameters=(OUTPUT,)),
            "WRKTCPSTS": Definition(run=self._connections, parameters=(Parameter(keyword="OPTION", default="*CNN"),)),
            "NETSTAT": Definition(run=self._connections, parameters=(Parameter(keyword="OPTION", default="*CNN"),)),
        }

    def _subsystems(self, _values: Values) -> str:
        columns = (
            Column(heading="|Subsystem", width=10),
            Column(heading="Subsystem|Number", width=9),
            Column(heading="Active|Jobs", width=6, right=True),
            Column(heading="|Status", width=8),
            Column(heading="Total|Storage (M)", width=11, right=True),
            Column(heading="-----|1", width=5, right=True),
            Column(heading="Subsystem|2", width=9, right=True),
            Column(heading="Pools-----|3", width=10, right=True),
        )
        pools = {"QINTER": ("2", "3", ""), "QSPL": ("2", "4", ""), "QBASE": ("2", "3", "")}
        rows = [
            (name, number, jobs, "ACTIVE", ".00", *pools.get(name, ("2", "", "")))
            for name, number, jobs in subsystems(self._host)
        ]
        return table("Work with Subsystems", columns, rows)

    def _system_status(self, _values: Values) -> str:
        host = self._host
        memory = psutil.virtual_memory()
        swapped = psutil.swap_memory()
        total = host.memory_mib()
        shares = {
            "*MACHINE": host.number("machine pool", 60, 95) / 1000,
            "*INTERACT": host.number("interactive pool", 80, 140) / 1000,
            "*SPOOL": host.number("spool pool", 8, 15) / 1000,
        }
        shares["*BASE"] = 1 - sum(shares.values())
        active = {"*MACHINE": "++++", "*BASE": 382, "*INTERACT": 255, "*SPOOL": 5}
        used = memory.percent / 100
        rows = []
        for number, pool in enumerate(("*MACHINE", "*BASE", "*INTERACT", "*SPOOL"), start=1):
            size = total * shares[pool]
            reserved = size * (0.51 if pool == "*MACHINE" else 0.01 if pool == "*BASE" else 0) * used
            faults = host.number(f"faults {pool}", 0, 40) / 10
            pages = host.number(f"pages {pool}", 0, 60) / 10
            waits = len(host.tasks()) if pool == "*BASE" else 0
            paging = "*FIXED" if pool != "*BASE" else "*CALC"
            rows.append(
                (number, f"{size:.2f}", f"{reserved:.2f}", active[pool], ".0", ".0", faults, pages, waits, 0, 0, pool,
                 paging)
            )  # fmt: skip
        columns = tuple(
            Column(heading=heading, width=width, right=right)
            for heading, width, right in (
                ("Sys|Pool", 4, True), ("Pool|Size (M)", 9, True), ("Reserved|Size (M)", 9, True),
                ("Max|Act", 5, True), ("DB|Fault", 5, True), ("DB|Pages", 5, True), ("Non-DB|Fault", 6, True),
                ("Non-DB|Pages", 6, True), ("Act-|Wait", 6, True), ("Wait-|Inel", 5, True), ("Act-|Inel", 5, True),
                ("Pool|", 10, False), ("Paging|Option", 7, False),
            )
        )  # fmt: skip
        size_gib, percent = host.disk_gib()
        facts = (
            ("% CPU used", f"{host.cpu_percent():.1f}", "System ASP", f"{size_gib:.1f} G"),
            ("Elapsed time", _clock(host.up_seconds()), "% system ASP used", f"{percent:.4f}"),
            ("Jobs in system", str(len(host.tasks())), "Total main storage", f"{total:.1f} M"),
            ("% main storage used", f"{memory.percent:.1f}", "% swap used", f"{swapped.percent:.4f}"),
        )
        summary = [
            f"  {dotted(left, 24)} : {value:>12}    {dotted(right, 24)} : {other:>12}"
            for left, value, right, other in facts
        ]
        first, *others = table("System Status Information", columns, rows).split("\n")
        return "\n".join([first, *summary, *others])

    def _active_jobs(self, values: Values) -> str:
        chosen = [name for name, _, _ in subsystems(self._host) if values["SBS"] in ("*ALL", name)]
        rows = [self._job(task, chosen) for task in self._host.tasks()[:LONGEST_LIST]] if chosen else []
        columns = (
            Column(heading="Subsystem/Job", width=15),
            Column(heading="User", width=10),
            Column(heading="Number", width=7),
            Column(heading="Type", width=4),
            Column(heading="CPU", width=10, right=True),
            Column(heading="Threads", width=7, right=True),
            Column(heading="Status", width=6),
        )
        return table("Work with Active Jobs", columns, rows)

    def _job(self, task: Task, names: list[str]) -> tuple[object, ...]:
        subsystem = names[task.pid % len(names)]
        name = f"{subsystem}/{task.name}"
        return name, task.user, f"{task.pid % 1_000_000:06}", "BCH", f"{task.cpu_seconds:.2f}", task.threads, "ACTW"

    def _job_queues(self, values: Values) -> str:
        queues = [
            ("QBATCH", "QGPL"),
            ("QINTER", "QGPL"),
            ("QSPL", "QGPL"),
            ("QSYSNOMAX", "QSYS"),
            ("QS36EVOKE", "QGPL"),
        ]
        rows = [
            (
                queue,
                library,
                self._host.number(f"queue {queue}", 0, 3),
                queue if library == "QGPL" else "QSYSWRK",
                "RLS",
            )
            for queue, library in queues
            if values["JOBQ"] in ("*ALL", queue)
        ]
        columns = (
            Column(heading="Queue", width=10),
            Column(heading="Library", width=10),
            Column(heading="Jobs", width=6, right=True),
            Column(heading="Subsystem", width=10),
            Column(heading="Status", width=6),
        )
        return table("Work with Job Queues", columns, rows)

    def _spooled_files(self, _values: Values) -> str:
        rows = [
            (
                "QSYSPRT",
                "QPRINT",
                f"{self._host.instance[:8].upper()}",
                "RDY",
                self._host.number(f"pages {at}", 1, 40),
                at,
            )
            for at in range(1, self._host.number("spooled", 1, 6) + 1)
        ]
        columns = (
            Column(heading="File", width=10),
            Column(heading="Device or Queue", width=15),
            Column(heading="User Data", width=10),
            Column(heading="Status", width=6),
            Column(heading="Pages", width=6, right=True),
            Column(heading="Number", width=6, right=True),
        )
        return table("Work with All Spooled Files", columns, rows)

    def _disks(self, _values: Values) -> str:
        size, percent = self._host.disk_gib()
        columns = (
            Column(heading="Unit", width=4, right=True),
            Column(heading="Type", width=5),
            Column(heading="Size (G)", width=10, right=True),
            Column(heading="% Used", width=7, right=True),
            Column(heading="Status", width=8),
        )
        return table("Work with Disk Status", columns, [(1, "6B22", f"{size:.1f}", f"{percent:.1f}", "ACTIVE")])

    def _connections(self, _values: Values) -> str:
        columns = (
            Column(heading="Remote Address", width=39),
            Column(heading="Remote Port", width=11, right=True),
            Column(heading="Local Port", width=10, right=True),
            Column(heading="State", width=12),
        )
        return table("Work with TCP/IP Connection Status", columns, _tcp_rows())


def _tcp_rows() -> Iterator[tuple[object, ...]]:
    """Tell the connections of the stand-in's own process: those of others are nobody's business here."""
    for connection in psutil.Process().net_connections("tcp")[:LONGEST_LIST]:
        # A listening socket has an empty remote address.
        host, port = (*connection.raddr, "*", "*")[:2]
        yield host, port, connection.laddr[1], connection.status.capitalize()


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
