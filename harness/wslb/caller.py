"""Whoever started a command: streams to it that may break, and signals from it that end a run.

A reader may leave (``| head -1``), a disk may be full, a descriptor closed, an encoding too small. None of it may cost
a report or change an exit code: `lasting_streams` puts streams in place that lose what nobody takes, and go on.

A signal ends a command at once while there is nothing to lose. While there is (`in_order`), the first asks for an
orderly end, and the second ends at once. Handlers stay the same all the time, so there is no moment without one.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TextIO

__all__ = ["ENDING", "Interrupted", "code_of", "end_by_signals", "in_order", "lasting_streams"]

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that end a run: Ctrl+C, kill, a terminal that has gone, Ctrl+backslash."""


class Interrupted(Exception):
    """A signal ended the command early."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def code_of(interrupted: str) -> int:
    """Exit code for a run that a signal of this name ended, as shells count; any other interruption is like Ctrl+C."""
    numbers = {number.name: int(number) for number in ENDING}
    return 128 + numbers.get(interrupted, int(signal.SIGINT))


_asked: Callable[[str], None] | None = None
_caught: list[str] = []


def end_by_signals() -> None:
    """End this process by a signal, with one line; SIGHUP stays ignored where it is, as ``nohup`` wants.

    Whoever started us may have blocked signals, or ignored the end of children, which would hide their exit codes.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*ENDING, signal.SIGCHLD})
    for number in ENDING:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _came)


@contextlib.contextmanager
def in_order(asked: Callable[[str], None] = lambda _: None) -> Iterator[list[str]]:
    """While there is something to lose: the first signal asks for the end, the second ends at once.

    Args:
        asked: told the name of the first signal, in the main thread, between any two of its steps.

    Yields:
        The name of the signal that came, once it has.
    """
    global _asked  # noqa: PLW0603 - a process has one set of signal handlers
    before, _asked = _asked, asked
    try:
        yield _caught
    finally:
        _asked = before


def _came(number: int, _: FrameType | None) -> None:
    name = signal.Signals(number).name
    if _asked is None or _caught:
        _tell(f"\n{name}: ended at once.\n" if _caught else f"\n{name}: ended.\n")
        os._exit(128 + number)
    _caught.append(name)
    _tell(f"\n{name}: ending in order; once more quits at once.\n")
    _asked(name)


def _tell(text: str) -> None:
    """Say it past every buffer, which may be in use in this very moment."""
    with contextlib.suppress(OSError):
        os.write(2, text.encode())


def lasting_streams(said: Callable[[str], str] = str) -> None:
    """Make stdout and stderr ones that never fail, and say what `said` makes of a text.

    A closed descriptor of the three is one to nowhere from now on.

    Otherwise the first file that a run opens would get the number of its stdout, and what is printed.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number, so this one
    codecs.register_error(_ESCAPED, _escaped)
    sys.stdout = _lasting(sys.stdout, 1, said)
    sys.stderr = _lasting(sys.stderr, 2, said)


def _lasting(stream: TextIO | None, number: int, said: Callable[[str], str]) -> TextIO:
    if stream is not None:
        try:
            number = stream.fileno()
        except OSError:  # somebody keeps what is printed, and has no descriptor that could break
            return stream
    encoding = stream.encoding if stream is not None else "utf-8"
    outlet = io.BufferedWriter(_Outlet(number))
    made = _Saying(outlet, encoding=encoding, errors=_ESCAPED, line_buffering=True)
    made.said = said
    return made


class _Saying(io.TextIOWrapper):
    """A stream that says what somebody makes of a text."""

    said: Callable[[str], str] = str

    def write(self, text: str, /) -> int:
        super().write(self.said(text))
        return len(text)


class _Outlet(io.RawIOBase):
    """Writes to a descriptor, and takes what it refuses for written."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._told = False

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        rest = memoryview(data).cast("B")  # type: ignore[arg-type] # any buffer, as `io.RawIOBase` has it
        size = len(rest)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._number, rest) :]
                except BlockingIOError:  # another program made the pipe that we share non-blocking
                    waiting = select.poll()
                    waiting.register(self._number, select.POLLOUT)
                    waiting.poll()
        except OSError as exc:
            self._lost(exc)
        return size

    def _lost(self, error: OSError) -> None:
        """Say once that something is missing, unless its reader wanted no more."""
        if not self._told and self._number == 1 and error.errno != errno.EPIPE:
            _tell(f"error: stdout cannot be written ({error.strerror}); what it lacks is lost, the run is not\n")
        self._told = True


_ESCAPED = "wslb.escaped"


def _escaped(error: UnicodeError) -> tuple[str, int]:
    r"""Write characters that an encoding lacks as ``\uXXXX``, by UTF-16, so that a JSON document stays one."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)), error.end
