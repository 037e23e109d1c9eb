"""Between a TCP connection and a library of WebSockets: the library sees only what the original would take in order."""

import asyncio
import contextlib
from collections.abc import Callable

from backends.contract.frames.framing import BINARY, CLOSE, DATA_OPCODES, Reader, serialise
from backends.contract.frames.manners import Broken, Manners, Parting
from backends.contract.journal import Ending

LINGER_SECONDS = 1.0
"""How long a connection that we ended stays half-open: closing it with bytes unread would reset it, and the client
might lose our close frame."""

_NO_MASK = bytes(4)


class Gate:
    """Passes whole, valid messages, and keeps back what ends the connection until all before it was answered.

    Behind the last message it passes one more, empty one: then `over` says what is to be said and done.
    """

    def __init__(self, manners: Manners, *, limit: int, deflate: bool) -> None:
        self.over: Parting | None = None
        self.closing = False
        """Whether we have sent a Close frame: then the client's own is for the library, which waits for it."""
        self.on_answer: Callable[[], None] = lambda: None
        self._manners = manners
        self._reader = Reader(limit=limit, deflate=deflate, manners=manners, inflate=False)
        self._shut = False
        self._waiting = 0

    def pass_on(self, data: bytes) -> bytes:
        """Take in what the client sent; returns what the library shall read."""
        if self._shut:
            if self.over is not None and self.over.waits:
                self.on_answer()
            return b""
        self._reader.feed(data)
        passed: list[bytes] = []
        try:
            while (message := self._reader.next()) is not None:
                if message.opcode == CLOSE:
                    self._part(self._manners.farewell(message.data))
                    break
                self._waiting += message.opcode in DATA_OPCODES
                passed.append(_masked(message.opcode, message.data, packed=message.packed))
        except Broken as broken:
            self._part(self._manners.parting(broken))
        if self._last_due():
            passed.append(_masked(CLOSE if self.closing else BINARY, b""))
        return b"".join(passed)

    def is_last(self) -> bool:
        """Take note that the library gave a message; whether it is the one behind the last."""
        if self.over is not None and not self._waiting:
            return True
        self._waiting -= 1
        return False

    def _part(self, parting: Parting | None) -> None:
        self._shut = True
        self.over = parting

    def _last_due(self) -> bool:
        return self.over is not None


def _masked(opcode: int, data: bytes, *, packed: bool = False) -> bytes:
    """Return a client's frame whose mask changes nothing."""
    frame = bytearray(serialise(opcode, data))
    frame[0] |= 0x40 if packed else 0
    frame[1] |= 0x80
    at = len(frame) - len(data)
    frame[at:at] = _NO_MASK
    return bytes(frame)


def say_farewell(transport: asyncio.Transport, gate: Gate) -> Ending:
    """Answer what ended the connection, and end our side of it, unless the original leaves that to the client.

    TLS knows no half-open connection: there it is closed, which still sends what was written.
    """
    parting = gate.over
    if parting is None:
        raise ValueError("nothing has ended this connection")

    def end() -> None:
        if not transport.can_write_eof():
            transport.close()
            return
        with contextlib.suppress(OSError, RuntimeError):
            transport.write_eof()

    if not transport.is_closing():
        transport.write(serialise(CLOSE, parting.payload))
        if parting.waits:
            gate.on_answer = end
        else:
            end()
    return Ending(code=parting.code, reason=parting.reason, by=parting.by)
