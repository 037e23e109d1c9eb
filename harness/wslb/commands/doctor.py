"""What this machine lacks for a lab, and how to get it; what an httpd configuration of the user's does wrong."""

from __future__ import annotations

import platform
import resource
import statistics
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from wslb.config import RuntimeChoice, Settings
from wslb.errors import LabError
from wslb.fleet.managed import BACKENDS, own_address
from wslb.interfaces import Installation, Progress
from wslb.lab.launch import discover, open_lab
from wslb.lab.placement import silent
from wslb.model.sites import wide
from wslb.proxies.apache import provision
from wslb.proxies.apache.advice import FileAdvice, advise_file
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.scenarios import SCENARIOS

__all__ = ["Finding", "advise", "examine", "launch_times"]

NEEDED_FILES = 4096
"""Open files for a few hundred tunnels: two a tunnel in httpd, one in the client and one in a backend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        fine: whether a lab can run with it as it is.
        why, fix: for what is not fine, or only partly.
    """

    name: str
    fine: bool
    text: str
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        lines = [f"{'✔' if self.fine else '✖'} {self.name:<11} {self.text}"]
        lines += [f"              {label}  {text}" for label, text in (("why", self.why), ("fix", self.fix)) if text]
        return "\n".join(lines)


async def examine(settings: Settings, *, progress: Progress = silent) -> list[Finding]:
    """Look at everything that a lab needs."""
    findings = [
        Finding(name="Python", fine=sys.version_info >= (3, 11), text=platform.python_version()),
    ]
    try:
        place = await discover(settings, progress=progress)
    except LabError as exc:
        way = provision.install_commands()
        findings.append(
            Finding(
                name="httpd",
                fine=False,
                text=str(exc),
                why="every scenario asks a real Apache httpd 2.4",
                fix=way.text if way and not settings.httpd else exc.hint,
            )
        )
    else:
        installation, facts = place.installation, place.installation.facts
        findings.append(
            Finding(name="httpd", fine=True, text=f"{installation.binary}  {facts['version']}  MPM {facts['mpm']}")
        )
        where = place.runtime.facts()
        findings.append(
            Finding(
                name="runtime",
                fine=True,
                text=", ".join([place.runtime.name, *(where[name] for name in ("image", "engine") if name in where)]),
                why=place.why,
            )
        )
        findings += _modules(installation)
    findings += [_addresses(), _limits()]
    return findings


def _modules(installation: Installation) -> list[Finding]:
    dialect = ApacheDialect()
    core = dialect.missing(wide(tls=False), installation)
    all_of_them = {name for scenario in SCENARIOS for name in dialect.missing(scenario.site, installation)}
    optional = sorted(all_of_them - set(core))
    fix = (
        f"Install them, or enable them in the package of {installation.binary}; looked in {installation.modules_folder}"
    )
    if core:
        return [
            Finding(
                name="modules",
                fine=False,
                text=f"missing: {', '.join(core)}",
                why="without them httpd cannot balance WebSockets",
                fix=fix,
            )
        ]
    return [
        Finding(
            name="modules",
            fine=True,
            text=f"all that the scenarios need, in {installation.modules_folder}"
            if not optional
            else f"missing: {', '.join(optional)}",
            why="the scenarios that need them are skipped" if optional else "",
            fix=fix if optional else "",
        )
    ]


def _addresses() -> Finding:
    own = {name: own_address(program.address) for name, program in BACKENDS.items()}
    shared = len(set(own.values())) < len(own)
    return Finding(
        name="addresses",
        fine=True,
        text=", ".join(f"{name} {address}" for name, address in own.items()),
        why="this system has no loopback address but 127.0.0.1; greetings still tell the backends apart"
        if shared
        else "",
    )


def _limits() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fine = soft >= NEEDED_FILES or hard >= NEEDED_FILES or hard == resource.RLIM_INFINITY
    return Finding(
        name="limits",
        fine=fine,
        text=f"open files {soft} (need {NEEDED_FILES})",
        fix="" if fine else f"ulimit -n {NEEDED_FILES}",
    )


async def advise(settings: Settings, file: Path, *, tunnels: int | None) -> FileAdvice:
    """Look at an httpd configuration, with the httpd of this machine where there is one.

    Raises:
        EvidenceError: the file cannot be read, or is none.
        RuntimeUnavailable: the httpd that the settings name does not work.
    """
    try:
        # A container would not see the user's files: only an httpd of this machine can read them with us.
        place = await discover(replace(settings, runtime=RuntimeChoice.LOCAL))
        installation: Installation | None = place.installation
    except LabError:
        if settings.httpd:
            raise
        installation = None
    return await advise_file(file, tunnels=tunnels, installation=installation)


async def launch_times(settings: Settings, *, runs: int = 10) -> str:
    """Seconds from launch until a lab serves its site, as a sentence with median and range."""
    seconds: list[float] = []
    for _ in range(runs):
        begin = time.monotonic()
        async with open_lab(settings):
            seconds.append(time.monotonic() - begin)
    return (
        f"launch to ready lab: median {statistics.median(seconds):.2f} s, "
        f"{min(seconds):.2f} to {max(seconds):.2f} s over {runs} runs"
    )
