"""An accepted connection of the lean backend, in two forms: one that answers by itself, and one with a conversation."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from backends import frames
from backends.channel import ChannelClosed
from backends.cl import Caller
from backends.conversation import LOGGED_COMMAND_LENGTH
from backends.frames import BINARY, CLOSE, PING, PONG, TEXT, Broken, Reader
from backends.journal import Closed, pairs
from backends.lines import Lines
from backends.visit import Visit, reset

CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close frame."""

QUIET_SECONDS = 0.2
"""After a broken rule, the connection ends once the client has been quiet for this long: it gets our close frame."""

MOST_WAITING = 16
"""Messages that wait for their turn before the client is read no further."""


class Timed(Protocol):
    """What a `Swept` watches."""

    touched: float

    def expired(self) -> None:
        """Take note that nothing happened for too long."""


class Swept:
    """One timer for many connections: each expires when it was not touched for some seconds, give or take a tenth."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._members: dict[Timed, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Timed) -> None:
        """Watch it, from now."""
        member.touched = self._loop.time()
        self._members[member] = None
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds * 1.01, self._sweep)

    def discard(self, member: Timed) -> None:
        """Watch it no more."""
        self._members.pop(member, None)

    def stop(self) -> None:
        """Watch nobody."""
        if self._timer is not None:
            self._timer.cancel()
        self._members.clear()

    def _sweep(self) -> None:
        self._timer = None
        due = self._loop.time() - self._seconds
        for member in [member for member in self._members if member.touched <= due]:
            self._members.pop(member, None)
            member.expired()
        if self._members:
            self._timer = self._loop.call_later(max(self._seconds / 10, 0.02), self._sweep)


class Framed:
    """What both forms share: reading frames, answering pings, closing."""

    __slots__ = ("closed", "deflate", "reader", "transport")

    def __init__(self, transport: asyncio.Transport, reader: Reader, *, deflate: bool) -> None:
        self.transport = transport
        self.reader = reader
        self.deflate = deflate
        self.closed: Closed | None = None

    def received(self, data: bytes) -> None:
        """Take in bytes of frames."""
        self.traffic()
        if self.closed is not None and self.closed.by != "server":
            return
        reader = self.reader
        reader.feed(data)
        try:
            while True:
                message = reader.next()
                if message is None:
                    return
                opcode, content = message
                if opcode == PING:
                    if self.closed is None:
                        self.transport.write(frames.serialise(PONG, content))
                elif opcode == CLOSE:
                    self._close_frame(content)
                    return
                elif opcode != PONG and self.closed is None:
                    self.message(opcode, content)
        except Broken as broken:
            self.reader = _Deaf(limit=0, deflate=False)
            self.fail(broken)

    def _close_frame(self, content: bytes) -> None:
        code, reason = frames.close_of(content)
        if self.closed is None:
            self.transport.write(frames.serialise(CLOSE, content))
            self.end(Closed(code=code, reason=reason, by="client"))
        self.reader = _Deaf(limit=0, deflate=False)
        self.transport.close()

    def fail(self, broken: Broken) -> None:
        """Answer a broken rule."""
        if self.closed is None:
            text = str(broken)
            self.transport.write(frames.serialise(CLOSE, broken.code.to_bytes(2, "big") + text.encode()))
            self.end(Closed(code=broken.code, reason=text, by="server"))
        _close_when_quiet(self)

    def say_close(self, code: int, reason: str) -> None:
        """Send our close frame and give the client some seconds to answer."""
        if self.closed is not None:
            return
        self.transport.write(frames.serialise(CLOSE, code.to_bytes(2, "big") + reason.encode()[:123]))
        self.end(Closed(code=code, reason=reason, by="server"))
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, reset, self.transport)

    def reset(self) -> None:
        """End the TCP connection without a close frame."""
        reset(self.transport)

    def lost(self) -> None:
        """Take note that the TCP connection has ended."""
        if self.closed is None:
            self.end(Closed(code=1006, reason="", by="lost"))

    def traffic(self) -> None:
        """Take note of bytes."""

    def message(self, opcode: int, content: bytes) -> None:
        """Take in a message."""
        raise NotImplementedError

    def end(self, closed: Closed) -> None:
        """Take note of how the conversation ended, once."""
        self.closed = closed


class _Deaf(Reader):
    """Discards everything: what follows a close frame, or cannot be understood any more."""

    __slots__ = ()

    def feed(self, data: bytes) -> None:
        """Forget the bytes."""


def _close_when_quiet(framed: Framed) -> None:
    loop = asyncio.get_running_loop()
    transport = framed.transport
    latest = loop.time() + CLOSE_SECONDS
    seen = [loop.time()]

    class Listening(_Deaf):
        __slots__ = ()

        def feed(self, data: bytes) -> None:  # noqa: ARG002 - only that there was something counts
            seen[0] = loop.time()

    def look() -> None:
        if loop.time() - seen[0] >= QUIET_SECONDS or loop.time() >= latest:
            transport.close()
        else:
            loop.call_later(QUIET_SECONDS / 2, look)

    framed.reader = Listening(limit=0, deflate=False)
    loop.call_later(QUIET_SECONDS, look)


class Open(Framed):
    """A connection that behaves: every message is answered where it arrives."""

    __slots__ = ("_commands", "_future", "_idle", "_lines", "_since", "_task", "_visit", "touched")

    def __init__(
        self, visit: Visit, transport: asyncio.Transport, reader: Reader, *, deflate: bool, lines: Lines, idle: Swept
    ) -> None:
        super().__init__(transport, reader, deflate=deflate)
        self._visit = visit
        self._lines = lines
        self._idle = idle
        self._commands: deque[str] | None = None
        self._task: asyncio.Task[None] | None = None
        self._future: asyncio.Future[None] | None = None
        idle.add(self)
        self._since = self.touched
        visit.backend.conversations.add(self)
        lines.info(f"open #{visit.number} {visit.entry.listener} {visit.endpoint} from {visit.entry.peer}")

    @property
    def channel(self) -> "Open":
        """Itself: `Backend.say_goodbye` resets through it."""
        return self

    @property
    def ended(self) -> "asyncio.Future[None]":
        """Done when the connection has ended."""
        if self._future is None:
            self._future = asyncio.get_running_loop().create_future()
            if self.transport.is_closing():
                self._future.set_result(None)
        return self._future

    def stop(self) -> None:
        """Close with 1001."""
        self.say_close(1001, "the server is going away")

    def expired(self) -> None:
        """Close after too long a silence."""
        self.say_close(1001, f"idle for {self._visit.backend.options.idle_seconds:g} s")

    def traffic(self) -> None:
        """Take note of bytes."""
        self.touched = asyncio.get_running_loop().time()

    def pause_writing(self) -> None:
        """Read no more from a client that does not read."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def message(self, opcode: int, content: bytes) -> None:
        """Echo it, or run the command."""
        entry = self._visit.entry
        entry.messages_received += 1
        if self._visit.endpoint == "echo":
            self._send(opcode, content)
        elif opcode == BINARY:
            self.say_close(1003, "commands are text")
        else:
            self._queue(content.decode())

    def _queue(self, command: str) -> None:
        if self._commands is None:
            self._commands = deque()
        self._commands.append(command)
        if len(self._commands) > MOST_WAITING:
            self.transport.pause_reading()
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        """Run the commands that wait, one after the other."""
        visit = self._visit
        backend = visit.backend
        try:
            while self._commands and self.closed is None:
                command = self._commands.popleft()
                shown = command if len(command) <= LOGGED_COMMAND_LENGTH else command[:LOGGED_COMMAND_LENGTH] + "..."
                self._lines.info(f"command #{visit.number} {shown!a}")
                output = await backend.cl.run(command, caller=self._caller())
                if self.closed is None:
                    self._send(TEXT, (backend.reply_prefix + output).encode())
                if len(self._commands) <= MOST_WAITING:
                    self.resume_writing()
        finally:
            self._task = None

    def _send(self, opcode: int, content: bytes) -> None:
        self.transport.write(frames.serialise(opcode, content, deflate=self.deflate))
        self._visit.entry.messages_sent += 1

    def _caller(self) -> Caller:
        entry = self._visit.entry
        return Caller(
            number=self._visit.number,
            listener=entry.listener,
            peer=entry.peer,
            target=entry.target,
            age_seconds=asyncio.get_running_loop().time() - self._since,
            messages_received=entry.messages_received,
            messages_sent=entry.messages_sent,
            subprotocol=entry.subprotocol,
            headers=lambda: pairs(entry.headers),
        )

    def end(self, closed: Closed) -> None:
        """Journal and log how it ended."""
        self.closed = closed
        self._visit.entry.closed = closed
        self._idle.discard(self)
        self._lines.info(f"closed #{self._visit.number} by {closed.by}, code {closed.code} {closed.reason!a}")

    def lost(self) -> None:
        """Take note that the TCP connection has ended."""
        super().lost()
        self._visit.backend.conversations.discard(self)
        if self._future is not None and not self._future.done():
            self._future.set_result(None)


class Queue(Framed):
    """A connection whose messages wait for a conversation (`backends.channel.Channel`)."""

    __slots__ = ("_ended", "_messages", "_news", "_task", "_writable", "on_traffic")

    def __init__(self, transport: asyncio.Transport, reader: Reader, *, deflate: bool) -> None:
        super().__init__(transport, reader, deflate=deflate)
        self.on_traffic: Callable[[], None] = lambda: None
        self._messages: deque[str | bytes] = deque()
        self._news = asyncio.Event()
        self._ended = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Future[None] | None = None

    def keep(self, task: "asyncio.Future[None]") -> None:
        """Hold the task of the conversation, so that it lives as long as the connection."""
        self._task = task

    def traffic(self) -> None:
        """Take note of bytes."""
        self.on_traffic()

    def message(self, opcode: int, content: bytes) -> None:
        """Let a message wait."""
        self._messages.append(content.decode() if opcode == TEXT else content)
        self._news.set()
        if len(self._messages) > MOST_WAITING:
            self.transport.pause_reading()

    def end(self, closed: Closed) -> None:
        """Wake the conversation."""
        self.closed = closed
        self._news.set()

    def lost(self) -> None:
        """Take note that the TCP connection has ended."""
        super().lost()
        self._ended.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """Let the sender wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let the sender go on."""
        self._writable.set()

    async def receive(self) -> str | bytes:
        """Return the next message."""
        while not self._messages:
            if self.closed is not None:
                raise ChannelClosed(self.closed)
            self._news.clear()
            await self._news.wait()
        message = self._messages.popleft()
        if len(self._messages) <= MOST_WAITING and not self.transport.is_closing():
            self.transport.resume_reading()
        return message

    async def send(self, message: str | bytes) -> bool:
        """Send a message."""
        if self.closed is not None:
            return False
        opcode, content = (TEXT, message.encode()) if isinstance(message, str) else (BINARY, message)
        self.transport.write(frames.serialise(opcode, content, deflate=self.deflate))
        await self._writable.wait()
        return True

    async def send_fragments(self, fragments: Sequence[str | bytes]) -> bool:
        """Send a message in several frames, uncompressed."""
        if self.closed is not None:
            return False
        for number, fragment in enumerate(fragments):
            kind = 0 if number else TEXT if isinstance(fragment, str) else BINARY
            content = fragment.encode() if isinstance(fragment, str) else fragment
            self.transport.write(frames.serialise(kind, content, fin=number == len(fragments) - 1))
        await self._writable.wait()
        return True

    async def ping(self, payload: bytes) -> None:
        """Send a ping (RFC 6455 section 5.5.2)."""
        if self.closed is None:
            self.transport.write(frames.serialise(PING, payload))

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame and wait for the client's."""
        self.say_close(code, reason)
        await self._ended.wait()
