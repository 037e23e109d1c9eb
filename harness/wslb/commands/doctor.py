"""What this machine lacks for a lab, and how to get it; what an httpd configuration of the user's does wrong."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wslb.commands.advised import Advised
from wslb.commands.preview import article_addresses
from wslb.config import RuntimeChoice, Settings
from wslb.errors import EvidenceError, LabError
from wslb.fleet.managed import BACKENDS, own_address
from wslb.interfaces import Installation, Progress
from wslb.lab.launch import accepted, discover, open_lab, placed
from wslb.lab.placement import Placement, silent
from wslb.model.balancer import Carrier
from wslb.model.sites import wide
from wslb.proxies.apache import provision
from wslb.proxies.apache.advice import FileAdvice, advise_file
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.scenarios import SCENARIOS
from wslb.scenarios.runner import unfit

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
        async with placed(settings, progress=progress) as place:
            findings += await _of(place, settings)
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
    findings += [_addresses(), _limits()]
    return findings


async def _of(place: Placement, settings: Settings) -> list[Finding]:
    """What there is to say of a place and its httpd."""
    installation, where = place.installation, place.runtime.facts()
    version = installation.facts.get("version", installation.version)
    runtime = [place.runtime.name, *(where[name] for name in ("image", "engine") if name in where)]
    return [
        Finding(name="httpd", fine=True, text=f"{installation.binary}  {version}  MPM {installation.mpm}"),
        Finding(name="runtime", fine=True, text=", ".join(runtime), why=place.why),
        await _accepted(place, settings),
        _skipped(installation, settings.carrier),
    ]


async def _accepted(place: Placement, settings: Settings) -> Finding:
    """Whether httpd accepts what a lab would give it (``httpd -t``)."""
    installation = place.installation
    try:
        await accepted(place, settings, wide(tls=installation.has("ssl")).resolved(article_addresses()))
    except LabError as exc:
        return Finding(
            name="modules",
            fine=False,
            text=str(exc),
            why="httpd does not accept the configuration of a lab",
            fix=exc.hint or "Name another httpd: --httpd FILE",
        )
    return Finding(
        name="modules",
        fine=True,
        text=f"{installation.modules_folder}; httpd -t accepts what a lab would serve",
    )


def _skipped(installation: Installation, carrier: Carrier) -> Finding:
    """Which scenarios this httpd cannot be asked, by reason, with how many of which family."""
    dialect = ApacheDialect()
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    concerned = [scenario for scenario in SCENARIOS if scenario.concerns(dialect.title)]
    for scenario in concerned:
        if reason := unfit(scenario, dialect, installation, carrier):
            reasons[reason][scenario.family] += 1
    skipped = sum(sum(families.values()) for families in reasons.values())
    told = [
        f"{sum(families.values())} because {reason}: "
        + ", ".join(f"{family} {number}" for family, number in sorted(families.items()))
        for reason, families in reasons.items()
    ]
    return Finding(
        name="scenarios",
        fine=True,
        text=f"{len(concerned) - skipped} of {len(concerned)} can be asked"
        + (f", {skipped} will be skipped" if skipped else ""),
        why="\n                   ".join(told),
        fix=f"Install what is missing, or name another httpd: --httpd FILE; modules are looked for in "
        f"{installation.modules_folder}"
        if skipped
        else "",
    )


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


async def advise(
    settings: Settings,
    files: Sequence[Path],
    *,
    tunnels: int | None,
    version: str = "",
    run_httpd: bool = False,
    paths: Sequence[str] = (),
    defines: Sequence[str] = (),
    values: Mapping[str, str] | None = None,
) -> Advised:
    """Look at httpd configurations, with the httpd of this machine where there is one.

    ``httpd -t`` loads the modules that a file names: it runs their code, as whoever calls it.

    Args:
        settings: which httpd.
        files: the configurations, each for itself; one that cannot be read is told, and the others are looked at.
        tunnels: expected at a time.
        version: of the httpd that the files are for; empty takes that of the httpd of this machine.
        run_httpd: let root run it too; anybody else may.
        paths: to be traced.
        defines, values: as `wslb.proxies.apache.advice.advise_file` takes them.

    Raises:
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
    asked = installation if os.geteuid() != 0 or run_httpd else None
    told, unread = list[FileAdvice](), list[EvidenceError]()
    for file in files:
        try:
            advice = await advise_file(
                file,
                tunnels=tunnels,
                installation=asked,
                version=version or (installation.version if installation else ""),
                paths=paths,
                defines=defines,
                values=values,
                **({} if asked is installation else {"unasked": _TEXT_ONLY}),
            )
        except EvidenceError as exc:
            unread.append(exc)
        else:
            told.append(advice)
    return Advised(files=tuple(told), unread=tuple(unread))


_TEXT_ONLY = (
    "its text was read; --run-httpd has httpd -t read it, too, which as root runs the code of every module it names"
)


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
