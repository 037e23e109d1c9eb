"""An accepted connection of the lean backend: reads frames, answers pings, closes."""

import asyncio

from backends.contract.frames import framing
from backends.contract.frames.framing import CLOSE, PING, PONG, Reader
from backends.contract.frames.manners import Broken, Manners, Parting
from backends.contract.journal import Ending
from backends.contract.sockets import reset

CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close frame."""


QUIET_SECONDS = 0.2
"""After a broken rule, the connection ends once the client has been quiet for this long: it gets our close frame."""


MOST_WAITING = 16
"""Messages that wait for their turn before the client is read no further."""


class Framed:
    """What both forms share: reading frames, answering pings, closing."""

    __slots__ = ("closed", "deflate", "manners", "reader", "transport")

    def __init__(self, transport: asyncio.Transport, reader: Reader, *, deflate: bool, manners: Manners) -> None:
        self.manners = manners
        self.transport = transport
        self.reader = reader
        self.deflate = deflate
        self.closed: Ending | None = None

    def received(self, data: bytes) -> None:
        """Take in bytes of framing."""
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
                opcode, content, _ = message
                if opcode == PING:
                    if self.closed is None:
                        self.transport.write(framing.serialise(PONG, content))
                elif opcode == CLOSE:
                    self._close_frame(content)
                    return
                elif opcode != PONG and self.closed is None:
                    self.message(opcode, content)
        except Broken as broken:
            self._fail(self.manners.parting(broken))

    def _close_frame(self, content: bytes) -> None:
        parting = self.manners.farewell(content)
        self.reader = _Deaf(self.manners)
        if parting is None:
            return
        if parting.by == "server":
            self._fail(parting)
            return
        self._part(parting)
        self.transport.close()

    def _fail(self, parting: Parting) -> None:
        """Answer a broken rule."""
        self._part(parting)
        _close_when_quiet(self)

    def _part(self, parting: Parting) -> None:
        if self.closed is None:
            self.transport.write(framing.serialise(CLOSE, parting.payload))
            self.end(Ending(code=parting.code, reason=parting.reason, by=parting.by))

    def say_close(self, code: int, reason: str) -> None:
        """Send our close frame and give the client some seconds to answer."""
        if self.closed is not None:
            return
        self.transport.write(framing.serialise(CLOSE, code.to_bytes(2, "big") + reason.encode()[:123]))
        self.end(Ending(code=code, reason=reason, by="server"))
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, reset, self.transport)

    def reset(self) -> None:
        """End the TCP connection without a close frame."""
        reset(self.transport)

    def lost(self) -> None:
        """Take note that the TCP connection has ended."""
        if self.closed is None:
            self.end(Ending(code=1006, reason="", by="lost"))

    def traffic(self) -> None:
        """Take note of bytes."""

    def message(self, opcode: int, content: bytes) -> None:
        """Take in a message."""
        raise NotImplementedError

    def end(self, closed: Ending) -> None:
        """Take note of how the connection ended, once."""
        self.closed = closed


class _Deaf(Reader):
    """Discards everything: what follows a close frame, or cannot be understood any more."""

    __slots__ = ()

    def __init__(self, manners: Manners) -> None:
        super().__init__(limit=0, deflate=False, manners=manners)

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

    framed.reader = Listening(framed.manners)
    loop.call_later(QUIET_SECONDS, look)
