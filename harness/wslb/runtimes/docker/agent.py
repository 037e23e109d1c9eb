"""The shell inside the container that does what the runtime asks, over the container's standard input.

``docker exec`` costs about 50 ms a command, and a scenario needs half a dozen. This shell, the container's only
program until it starts httpd, answers in less than a millisecond. It also makes the container end by itself: when we
die, however we die, the engine closes its standard input, the shell comes to the end of it, and httpd ends with it.

Replies come on standard output, each closed by a line that nothing else can contain (a secret of this run and a
number); starts and ends of programs come on standard error as ``start NAME PID`` and ``exit NAME CODE``.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shlex
import socket
import struct
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

__all__ = ["PROGRAM", "Agent", "AgentLost", "close_attached"]

PROGRAM = ("/bin/sh", "-c", 'while IFS= read -r line; do eval "$line"; done')
"""The container's main program."""

_HEADER = struct.Struct(">BxxxL")  # stream, length: the engine's framing of attached streams without a terminal
_STDOUT = 1


def close_attached(attached: Any) -> None:
    """Close an attached stream: the response it came from, the file that the SDK returns, and the socket under it."""
    for part in (getattr(attached, "_response", None), attached, getattr(attached, "_sock", None)):
        if part is not None:
            with contextlib.suppress(OSError):
                part.close()


class AgentLost(ConnectionError):
    """The shell's connection has ended: its container, or the engine."""


class Agent:
    """Our end of the conversation."""

    def __init__(self, attached: Any) -> None:
        self._attached = attached  # keeps the HTTP response alive that the socket came from
        self._socket: socket.socket = getattr(attached, "_sock", attached)
        self._loop = asyncio.get_running_loop()
        self._nonce = secrets.token_hex(8)
        self._count = 0
        self._pending: deque[tuple[bytes, asyncio.Future[tuple[int, bytes]]]] = deque()
        self._events: dict[tuple[str, str], asyncio.Future[int]] = {}
        self._replies = bytearray()
        self._notices = bytearray()
        self._stray = bytearray()
        self.lost = False
        self._socket.settimeout(None)
        self._reader = threading.Thread(target=self._read, name="wslb docker agent", daemon=True)
        self._reader.start()

    # -- asking ------------------------------------------------------------------------------------------------------

    async def ask(self, script: str, *, seconds: float) -> tuple[int, bytes]:
        """Run one line of shell and return its exit code and output.

        Raises:
            TimeoutError: no answer in time.
            AgentLost: container or engine have ended.
        """
        self._count += 1
        mark = f"{self._nonce} {self._count}"
        answer: asyncio.Future[tuple[int, bytes]] = self._loop.create_future()
        if self.lost:
            raise AgentLost
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody need ask
        self._pending.append((mark.encode(), answer))
        self.tell(f"{{ {script}; }} </dev/null; printf '\\n%s %s\\n' {shlex.quote(mark)} $?")
        async with asyncio.timeout(seconds):  # wait_for of Python 3.11 loses a cancellation that comes with the answer
            return await answer

    def tell(self, line: str) -> None:
        """Send one line and wait for nothing.

        Raises:
            AgentLost: container or engine have ended.
        """
        if "\n" in line or "\0" in line:
            raise ValueError("one line of shell has no line end and no NUL in it")
        if self.lost:
            raise AgentLost
        try:
            self._socket.sendall(line.encode() + b"\n")
        except OSError as exc:
            raise AgentLost from exc

    async def start(self, argv: Sequence[str], *, name: str, output: str, seconds: float) -> int:
        """Start a program in a session of its own and return its process id; `ended` tells its end.

        Raises:
            TimeoutError: it did not start in time.
            AgentLost: container or engine have ended.
        """
        started = self._event("start", name)
        self._event("exit", name)
        self.tell(
            f"( setsid {shlex.join(argv)} </dev/null >>{shlex.quote(output)} 2>&1 & p=$!; "
            f"echo start {name} $p >&2; wait $p; echo exit {name} $? >&2 ) &"
        )
        async with asyncio.timeout(seconds):
            return await asyncio.shield(started)

    def ended(self, name: str) -> asyncio.Future[int]:
        """Exit code of a started program, once it has one; AgentLost when nobody can tell any more."""
        return self._events["exit", name]

    def _event(self, kind: str, name: str) -> asyncio.Future[int]:
        event: asyncio.Future[int] = self._loop.create_future()
        event.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody need ask
        self._events[kind, name] = event
        return event

    def close(self) -> None:
        """End the conversation: the shell comes to the end of its input; twice is once."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(timeout=2)
        close_attached(self._attached)
        self._end()

    # -- listening ---------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """In a thread of its own: frames from the engine, until the end."""
        data = bytearray()
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # RuntimeError: the event loop has closed
            while chunk := self._socket.recv(65536):
                data += chunk
                while len(data) >= _HEADER.size:
                    stream, length = _HEADER.unpack_from(data)
                    if len(data) < _HEADER.size + length:
                        break
                    frame = bytes(data[_HEADER.size : _HEADER.size + length])
                    del data[: _HEADER.size + length]
                    self._loop.call_soon_threadsafe(self._hear, stream, frame)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end)

    def _hear(self, stream: int, frame: bytes) -> None:
        if stream == _STDOUT:
            self._replies += frame
            self._take_replies()
            return
        self._notices += frame
        while b"\n" in self._notices:
            line, _, rest = bytes(self._notices).partition(b"\n")
            self._notices = bytearray(rest)
            self._take_notice(line)

    def _take_replies(self) -> None:
        while self._pending:
            mark, answer = self._pending[0]
            begin = self._replies.find(b"\n" + mark + b" ")
            end = self._replies.find(b"\n", begin + 1) if begin >= 0 else -1
            if end < 0:
                return
            code = int(self._replies[begin + 1 + len(mark) : end])
            output = bytes(self._replies[:begin])
            del self._replies[: end + 1]
            self._pending.popleft()
            if not answer.done():
                answer.set_result((code, output))

    def _take_notice(self, line: bytes) -> None:
        words = line.decode(errors="replace").split()
        event = self._events.get((words[0], words[1])) if len(words) == 3 else None
        if event is None:
            self._stray += line + b"\n"
        elif not event.done():
            event.set_result(int(words[2]))

    def _end(self) -> None:
        self.lost = True
        for _, answer in self._pending:
            if not answer.done():
                answer.set_exception(AgentLost())
        self._pending.clear()
        for event in self._events.values():
            if not event.done():
                event.set_exception(AgentLost())

    @property
    def stray(self) -> str:
        """What the shell itself, or a program before it, complained about."""
        return (bytes(self._stray) + bytes(self._notices) + bytes(self._replies)).decode(errors="replace")
