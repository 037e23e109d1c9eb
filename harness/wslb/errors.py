"""Every exception of the harness. An error means that we could not look; a wrong balance is a verdict, never an error.

::

    HarnessError
    ├── ConfigError                settings, site or scenario make no sense
    ├── LabError
    │   ├── RuntimeUnavailable     no place to run the proxy in
    │   ├── StartError             exited early, or not ready in time
    │   ├── ProxyConfigRejected    the proxy's own syntax check said no
    │   ├── ContractError          a backend answered outside its contract
    │   ├── ServerUnavailable      a real server is away, or accepts no WebSocket
    │   ├── MachineExhausted       memory, disk, descriptors or processes have run out
    │   ├── ProcessLost            a program of the lab ended, began anew or fell silent, against our will
    │   └── PlaceLost              the ground of a lab has gone: its folder, or loopback
    ├── NotAskable                 a scenario needs what only the stand-ins have, and the servers are real
    ├── RunEnded                   a limit of the run came before all was asked
    └── EvidenceError              a report, journal or status page cannot be read, or not be written

A foreign error that says that the machine has run out of something is put into our words by `exhausted`, any other by
`plain`, the end of a program by `how_ended`, and `meant` asks what a mistyped name was to be.

Each carries its data as attributes; ``str()`` makes one sentence of what and why, and ``hint`` says what to do.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
import signal
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "ConfigError",
    "ContractError",
    "EvidenceError",
    "HarnessError",
    "LabError",
    "MachineExhausted",
    "NotAskable",
    "PlaceLost",
    "ProcessLost",
    "ProxyConfigRejected",
    "RunEnded",
    "RuntimeUnavailable",
    "ServerUnavailable",
    "StartError",
    "exhausted",
    "how_ended",
    "meant",
    "plain",
]


class HarnessError(Exception):
    """Root of all errors of the harness."""

    hint: str = ""
    """What the reader can do about it; empty when there is nothing general to say."""

    log_tail: tuple[str, ...] = ()
    """Last lines of the log that explains the error, oldest first."""


class ConfigError(HarnessError):
    """A setting, site or scenario makes no sense: bad usage, exit code 2."""

    def __init__(self, *, option: str, value: object, allowed: str, hint: str = "") -> None:
        super().__init__(option, value, allowed)
        self.option, self.value, self.allowed = option, value, allowed
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.option} is {self.value!r}, but must be {self.allowed}."


class LabError(HarnessError):
    """The lab could not be brought up or kept up: exit code 3."""


class RuntimeUnavailable(LabError):
    """There is no place to run the proxy in."""

    def __init__(self, *, runtime: str, reason: str, hint: str) -> None:
        super().__init__(runtime, reason, hint)
        self.runtime, self.reason, self.hint = runtime, reason, hint

    def __str__(self) -> str:
        return f"The {self.runtime} runtime cannot be used: {self.reason}."


class StartError(LabError):
    """A program of the lab exited early or was not ready in time.

    Attributes:
        name: the program, in the reader's words.
        waited: seconds until we gave up.
        log_tail: last lines of its log.
    """

    def __init__(
        self, *, name: str, reason: str, waited: float = 0.0, log_tail: tuple[str, ...] = (), hint: str = ""
    ) -> None:
        super().__init__(name, reason)
        self.name, self.reason, self.waited = name, reason, waited
        self.log_tail, self.hint = log_tail, hint

    def __str__(self) -> str:
        after = f" after {self.waited:.1f} s" if self.waited else ""
        return f"{self.name} did not start: {self.reason}{after}."


class ProxyConfigRejected(LabError):
    """The proxy's own syntax check (such as ``httpd -t``) refused the configuration.

    Attributes:
        file: the configuration file it names, if any.
        line: the line in it, if any.
        text: the proxy's own words.
        program: whose check it was.
    """

    def __init__(
        self, *, file: Path | None, line: int | None, text: str, hint: str = "", program: str = "httpd"
    ) -> None:
        super().__init__(file, line, text)
        self.file, self.line, self.text = file, line, text
        self.hint, self.program = hint, program

    def __str__(self) -> str:
        where = f" at line {self.line}" if self.line else ""
        return f"{self.program} refused its configuration{where}: {self.text}"


class ContractError(LabError):
    """A backend answered outside its contract (backends/README.md)."""

    def __init__(self, *, backend: str, detail: str) -> None:
        super().__init__(backend, detail)
        self.backend, self.detail = backend, detail
        self.hint = "Compare the backend with backends/README.md, or start it by hand to see its log."

    def __str__(self) -> str:
        return f"Backend {self.backend} broke its contract: {self.detail}."


class ServerUnavailable(LabError):
    """A real server (``--backend NAME=URL``) is away, or accepts no WebSocket where it should."""

    def __init__(self, *, name: str, url: str, reason: str, hint: str) -> None:
        super().__init__(name, url, reason)
        self.name, self.url, self.reason, self.hint = name, url, reason, hint

    def __str__(self) -> str:
        return f"The server {self.name} at {self.url} cannot be asked: {self.reason}."


class MachineExhausted(LabError):
    """Something that every program needs has run out on this machine, or for this user or process."""

    def __init__(self, *, what: str, detail: str, hint: str) -> None:
        super().__init__(what, detail)
        self.what, self.detail, self.hint = what, detail, hint

    def __str__(self) -> str:
        return f"There {self.what} left: {self.detail}."


class ProcessLost(LabError):
    """A program of the lab met with an accident in mid-run: what its scenario saw is no evidence against the proxy.

    Attributes:
        name: the program, in the reader's words.
        pid: its process id where it runs.
        how: what became of it, as the rest of a sentence.
    """

    def __init__(self, *, name: str, pid: int, how: str, log_tail: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(name, pid, how)
        self.name, self.pid, self.how, self.log_tail = name, pid, how, log_tail
        self.hint = hint or "Something outside wslb did this; when memory ran out, the kernel's log (dmesg) tells."

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid}) {self.how}, which the scenario did not do."


class PlaceLost(LabError):
    """What a lab stands on has gone while it ran; no further scenario can be asked in it."""

    def __init__(self, *, what: str, hint: str) -> None:
        super().__init__(what, hint)
        self.what, self.hint = what, hint

    def __str__(self) -> str:
        return f"{self.what} while the lab ran."


class RunEnded(HarnessError):
    """A limit of the run came before all was asked.

    Attributes:
        by: the limit, as the rest of "stopped by".
    """

    def __init__(self, *, by: str) -> None:
        super().__init__(by)
        self.by = by

    def __str__(self) -> str:
        return f"The run was stopped by {self.by}."


def meant(value: str, known: Iterable[str]) -> str:
    """A question about what a mistyped name was to be, such as ``Did you mean lb-byrequests?``; empty for none."""
    names = {name.lower(): name for name in known}
    close = [names[name] for name in difflib.get_close_matches(value.lower(), list(names), n=3, cutoff=0.6)]
    return f"Did you mean {' or '.join(close)}?" if close else ""


def how_ended(returncode: int | None) -> str:
    """How a program ended, as the rest of a sentence; its exit code is negative for a signal, as in subprocess."""
    if returncode is None:
        return "has ended"
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    try:
        return f"was ended by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was ended by signal {-returncode}"


def plain(error: BaseException) -> str:
    """A foreign error in words for people: what the system calls it, and no name of a class."""
    if isinstance(error, BaseExceptionGroup):
        return plain(error.exceptions[0])
    if isinstance(error, HarnessError):
        return str(error).removesuffix(".")
    if isinstance(error, OSError) and (told := _of_system(error)):
        return told
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__.removesuffix("Error")).lower()
    if isinstance(error, TimeoutError | ConnectionError):
        return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else kind)
    return f"{kind}: {error}" if str(error) else kind


def _of_system(error: OSError) -> str:
    """What the system, its resolver or OpenSSL calls it; empty for an error that has neither number nor reason."""
    if isinstance(error, socket.gaierror):
        return (error.strerror or str(error)).lower()
    if isinstance(error, ssl.SSLError):
        said = (getattr(error, "reason", "") or str(error)).lower().replace("_", " ")
        return f"TLS: {said}" + (f": {error.verify_message}" if isinstance(error, ssl.SSLCertVerificationError) else "")
    # asyncio makes one of what several addresses said, and gives it no number.
    numbers = [error.errno] if (error.errno or 0) > 0 else map(int, re.findall(r"\[Errno (\d+)\]", str(error)))
    told = dict.fromkeys(os.strerror(number or 0).lower() for number in numbers)
    return " and ".join(told) + (f" ({error.filename})" if error.filename else "")


_DISK = ("is no room on the disk", "Free some, or name a folder on another disk: TMPDIR, and --report DIR.")
_MEMORY = ("is no memory", "Give it more: ulimit -v, or the memory of its container.")
_PROCESSES = ("is no process or thread", "Allow more: ulimit -u, ulimit -v, or the process limit of its container.")
_EXHAUSTED = {
    errno.ENOSPC: _DISK,
    errno.EDQUOT: _DISK,
    errno.EFBIG: ("is no room in a file", "Allow larger files: ulimit -f"),
    errno.EMFILE: ("is no open file", "Allow this process more: ulimit -n 4096"),
    errno.ENFILE: ("is no open file", "Close programs, or raise fs.file-max: the whole system has none left."),
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: _PROCESSES,
    errno.EADDRNOTAVAIL: ("is no free port", "Close connections, or widen net.ipv4.ip_local_port_range."),
}
_NO_THREAD = "can't start new thread"
"""What threading says, in a RuntimeError (CPython, Modules/_threadmodule.c)."""


def exhausted(error: BaseException) -> MachineExhausted | None:
    """The error in our words when it says that the machine has run out of something; of a group, its first such."""
    if isinstance(error, MachineExhausted):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(exhausted, error.exceptions)), None)
    if isinstance(error, MemoryError):
        said, detail = _MEMORY, "an allocation failed"
    elif isinstance(error, OSError) and error.errno in _EXHAUSTED:
        said, detail = _EXHAUSTED[error.errno], (error.strerror or str(error)).lower()
    elif isinstance(error, RuntimeError) and _NO_THREAD in str(error):
        said, detail = _PROCESSES, _NO_THREAD
    else:
        return None
    file = getattr(error, "filename", None)
    return MachineExhausted(what=said[0], detail=f"{detail} ({file})" if file else detail, hint=said[1])


class NotAskable(HarnessError):
    """A scenario needs what only the stand-ins have, and the backends are real servers: it is skipped."""

    def __init__(self, *, needs: str) -> None:
        super().__init__(needs)
        self.needs = needs

    def __str__(self) -> str:
        return f"It needs {self.needs}, and the backends are real servers."


class NotForeseen(NotAskable):
    """Nothing says what the answer must be, or which question would be the right one: the scenario is skipped."""

    def __str__(self) -> str:
        return self.needs


class EvidenceError(HarnessError):
    """A report, journal or status page cannot be read, or not be written."""

    def __init__(self, *, path: Path | str, detail: str, hint: str = "", doing: str = "read") -> None:
        super().__init__(path, detail)
        self.path, self.detail, self.doing = path, detail, doing
        self.hint = hint

    def __str__(self) -> str:
        return f"Cannot {self.doing} {self.path}: {self.detail}."
