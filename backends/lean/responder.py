"""A connection of the lean backend that behaves: every message is answered where it arrives."""

import asyncio
from collections import deque

from backends.contract.dialogue import shown
from backends.contract.frames import framing
from backends.contract.frames.framing import BINARY, PING, TEXT, Reader
from backends.contract.journal import Ending
from backends.contract.stand_in import StandIn
from backends.contract.visit import Visit
from backends.lean.framed import MOST_WAITING, Framed
from backends.lean.lines import Lines


class Responder(Framed):
    """A connection that behaves: every message is answered where it arrives."""

    __slots__ = ("_backend", "_commands", "_future", "_lines", "_since", "_task", "_visit", "silences", "touched")

    def __init__(
        self,
        visit: Visit,
        transport: asyncio.Transport,
        reader: Reader,
        *,
        deflate: bool,
        backend: StandIn,
        lines: Lines,
    ) -> None:
        super().__init__(transport, reader, deflate=deflate, manners=backend.profile.manners)
        self._visit = visit
        self._lines = lines
        self._backend = backend
        self._commands: deque[str] | None = None
        self._task: asyncio.Task[None] | None = None
        self._future: asyncio.Future[None] | None = None
        self.silences = 0
        backend.idle.add(self)
        self._since = self.touched
        backend.live.add(self)
        lines.info(f"open #{visit.number} {visit.entry.listener} {visit.endpoint} from {visit.entry.peer}")

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done when the connection has ended."""
        if self._future is None:
            self._future = asyncio.get_running_loop().create_future()
            if self.transport.is_closing():
                self._future.set_result(None)
        return self._future

    def stop(self) -> None:
        """End the TCP connection without a close frame."""
        self.transport.abort()

    def expired(self) -> None:
        """Note that nothing came for a while."""
        self._backend.silent(self)

    def send_ping(self) -> None:
        """Send an empty ping."""
        if self.closed is None:
            self.transport.write(framing.serialise(PING, b""))

    def traffic(self) -> None:
        """Take note of bytes."""
        self.touched = asyncio.get_running_loop().time()
        self.silences = 0

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
        visit, backend = self._visit, self._backend
        try:
            while self._commands and self.closed is None:
                command = self._commands.popleft()
                self._lines.info(f"command #{visit.number} {shown(command)}")
                age = asyncio.get_running_loop().time() - self._since
                output = await backend.cl.run(command, caller=visit.caller(age_seconds=age))
                if self.closed is None:
                    self._send(TEXT, (backend.reply_prefix + output).encode())
                if len(self._commands) <= MOST_WAITING:
                    self.resume_writing()
        finally:
            self._task = None

    def _send(self, opcode: int, content: bytes) -> None:
        self.transport.write(framing.serialise(opcode, content, deflate=self.deflate))
        self._visit.entry.messages_sent += 1

    def end(self, closed: Ending) -> None:
        """Journal and log how it ended."""
        self.closed = closed
        self._visit.entry.closed = closed
        self._backend.idle.discard(self)
        self._lines.info(f"closed #{self._visit.number} by {closed.by}, code {closed.code} {closed.reason!a}")

    def lost(self) -> None:
        """Take note that the TCP connection has ended."""
        super().lost()
        self._backend.live.discard(self)
        if self._future is not None and not self._future.done():
            self._future.set_result(None)
