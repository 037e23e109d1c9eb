"""A connection of the lean backend that suffers a fault: its messages wait for a dialogue."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from backends.contract.channel import ChannelClosed
from backends.contract.frames import framing
from backends.contract.frames.framing import BINARY, PING, TEXT, Reader
from backends.contract.frames.manners import Manners
from backends.contract.journal import Ending
from backends.lean.framed import MOST_WAITING, Framed


class Inbox(Framed):
    """A connection whose messages wait for a dialogue (`backends.contract.channel.Channel`)."""

    __slots__ = ("_ended", "_messages", "_news", "_task", "_writable", "on_traffic")

    def __init__(self, transport: asyncio.Transport, reader: Reader, *, deflate: bool, manners: Manners) -> None:
        super().__init__(transport, reader, deflate=deflate, manners=manners)
        self.on_traffic: Callable[[], None] = lambda: None
        self._messages: deque[str | bytes] = deque()
        self._news = asyncio.Event()
        self._ended = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Future[None] | None = None

    def keep(self, task: "asyncio.Future[None]") -> None:
        """Hold the task of the dialogue, so that it lives as long as the connection."""
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

    def end(self, closed: Ending) -> None:
        """Wake the dialogue."""
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
        self.transport.write(framing.serialise(opcode, content, deflate=self.deflate))
        await self._writable.wait()
        return True

    async def send_fragments(self, fragments: Sequence[str | bytes]) -> bool:
        """Send a message in several frames, uncompressed."""
        if self.closed is not None:
            return False
        for frame in framing.fragmented(fragments):
            self.transport.write(frame)
        await self._writable.wait()
        return True

    async def ping(self, payload: bytes) -> None:
        """Send a ping (RFC 6455 section 5.5.2)."""
        if self.closed is None:
            self.transport.write(framing.serialise(PING, payload))

    def finish(self) -> None:
        """End the TCP connection without a close frame."""
        self.transport.abort()

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame and wait for the client's."""
        self.say_close(code, reason)
        await self._ended.wait()
