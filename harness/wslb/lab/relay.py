"""A place between two ends of a lab that reads WebSockets frame by frame and does wrong what it is told to.

It stands before a backend, where the proxy believes the backend to be, or before the proxy, where clients believe the
proxy to be. Without a twist it passes every byte on as it came; `wslb.lab.edits` has what can be done to a head or a
frame. What is no WebSocket passes untouched.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import partial

from wslb.lab.lab import Lab
from wslb.waiting import disconnect
from wslb.wire.frames import Frame, Opcode, masked

__all__ = ["FRONT", "Back", "End", "Flow", "Pause", "Relay", "Twist", "Unit", "relayed", "split"]

FRONT = "front"
"""Before the proxy's plain port; any other place is the name of a backend, before its plain port."""

_READ = 65_536
_LINGER_NOTHING = struct.pack("ii", 1, 0)


class Flow(StrEnum):
    """Direction of what passes."""

    UP = "up"
    DOWN = "down"


class End(Enum):
    """How an edit ends a connection, towards both sides: by FIN, or by a TCP reset."""

    FIN = "fin"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Everything behind it in its direction waits so long."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """These bytes go back to where the unit came from, as if the other side had answered it."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A head or a frame on its way.

    Attributes:
        connection: number of its connection in this relay, from 1.
        number: 0 for the head, frames from 1.
        data: its bytes as they came.
        frame: the frame, unmasked; None for a head.
        mask: four bytes, or None for a frame without a mask.
    """

    flow: Flow
    connection: int
    number: int
    data: bytes
    frame: Frame | None = None
    mask: bytes | None = None


Edit = Callable[[Unit], Iterable[bytes | Back | Pause | End]]
"""What is passed on instead of a unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twist:
    """Which units are edited, and how; a unit that fits several twists gets the first one's edit.

    Attributes:
        head: heads, or else frames.
        opcode, number: of the frames; None takes all of them.
        connections: numbers of connections; empty takes all of them.
        share: part of the units that fit, drawn by `seed`, so that the same seed draws the same ones.
    """

    edit: Edit
    flow: Flow = Flow.DOWN
    head: bool = False
    opcode: Opcode | None = None
    number: int | None = None
    connections: frozenset[int] = frozenset()
    share: float = 1.0
    seed: int = 0

    def fits(self, unit: Unit) -> bool:
        """Whether it is about this unit."""
        drawn = random.Random(f"{self.seed} {unit.flow} {unit.connection} {unit.number}")  # noqa: S311 - not a secret
        return (
            unit.flow is self.flow
            and (unit.frame is None) is self.head
            and (not self.connections or unit.connection in self.connections)
            and (self.opcode is None or (unit.frame is not None and unit.frame.opcode is self.opcode))
            and (self.number is None or unit.number == self.number)
            and (self.share >= 1 or drawn.random() < self.share)
        )


def split(data: bytes) -> tuple[Frame, bytes | None, int] | None:
    """The frame that bytes begin with, unmasked, its mask, and its size on the wire; None while it is incomplete.

    Raises:
        ValueError: the opcode does not exist.
    """
    if len(data) < 2:
        return None
    size, at = data[1] & 0x7F, 2
    if size >= 126:
        wide = 2 if size == 126 else 8
        size, at = int.from_bytes(data[2 : 2 + wide]), 2 + wide
    hidden = bool(data[1] & 0x80)
    begin = at + 4 * hidden
    if len(data) < begin + size:
        return None
    mask = data[at:begin] if hidden else None
    payload = data[begin : begin + size]
    frame = Frame(
        Opcode(data[0] & 0x0F), masked(payload, mask) if mask else payload, data[0] >= 0x80, bool(data[0] & 0x40)
    )
    return frame, mask, begin + size


class Relay:
    """Listens on a port of its own, and connects to its target once for each connection."""

    def __init__(self, target: Callable[[], str], twists: Sequence[Twist] = (), *, host: str | None = None) -> None:
        """Stand before a ``host:port``, which is asked for with each connection, on a free port of the same host.

        Args:
            host: another address or name of this machine, to stand on instead.
        """
        self._target = target
        self._host = host or target().rpartition(":")[0]
        self._twists = tuple(twists)
        self._server: asyncio.Server | None = None
        self._count = 0
        self._running: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Port on which it listens."""
        assert self._server is not None, "a relay is entered before it is used"  # noqa: S101 - of its owner alone
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    @property
    def address(self) -> str:
        """Its ``host:port``."""
        return f"[{self._host}]:{self.port}" if ":" in self._host else f"{self._host}:{self.port}"

    async def __aenter__(self) -> Relay:
        loop = asyncio.get_running_loop()
        address = (await loop.getaddrinfo(self._host, 0, type=socket.SOCK_STREAM))[0][4][0]
        self._server = await asyncio.start_server(self._accept, str(address), 0, backlog=1024)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        task = asyncio.create_task(self._carry(self._count, reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _carry(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on, both ways, until both have ended."""
        try:
            away, target = await asyncio.open_connection(*_host_and_port(self._target()))
        except OSError:
            await self._alone(number, reader, writer)
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(Flow.UP, number, reader, target, writer))
                group.create_task(self._pass(Flow.DOWN, number, away, writer, target))
        except* (OSError, asyncio.IncompleteReadError):
            _reset(writer)
            _reset(target)
        finally:
            await asyncio.gather(disconnect(writer), disconnect(target), return_exceptions=True)

    async def _alone(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Nobody is there to pass anything on to: a head whose twist sends something back is answered, or nothing."""
        head = Unit(flow=Flow.UP, connection=number, number=0, data=b"")
        twist = next((twist for twist in self._twists if twist.fits(head)), None)
        back = [piece.data for piece in twist.edit(head) if isinstance(piece, Back)] if twist else []
        if not back:
            writer.transport.abort()
            return
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"".join(back))
        await disconnect(writer)

    async def _pass(
        self,
        flow: Flow,
        connection: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
    ) -> None:
        """Pass one direction on, unit by unit, until its end."""
        rest, number, framed = b"", 0, True
        while data := await reader.read(_READ):
            rest += data
            while framed and rest:
                unit, size = self._next(flow, connection, number, rest)
                if unit is None:
                    framed = size == 0
                    break
                rest, number = rest[size:], number + 1
                framed = number > 1 or _opens_tunnel(unit)
                if not await self._put(unit, writer, back):
                    return
            if not framed:
                writer.write(rest)
                await writer.drain()
                rest = b""
        writer.write(rest)
        with contextlib.suppress(OSError):
            writer.write_eof()

    def _next(self, flow: Flow, connection: int, number: int, rest: bytes) -> tuple[Unit | None, int]:
        """The next unit and its size; without one, 0 while it is incomplete and -1 where it can become none."""
        if number == 0:
            size = rest.find(b"\r\n\r\n") + 4
            head = Unit(flow=flow, connection=connection, number=0, data=rest[:size])
            return (head, size) if size > 3 else (None, 0)
        try:
            found = split(rest)
        except ValueError:
            return None, -1
        if found is None:
            return None, 0
        frame, mask, size = found
        unit = Unit(flow=flow, connection=connection, number=number, data=rest[:size], frame=frame, mask=mask)
        return unit, size

    async def _put(self, unit: Unit, writer: asyncio.StreamWriter, back: asyncio.StreamWriter) -> bool:
        """Pass a unit on as its twist wants it; whether the connection goes on."""
        twist = next((twist for twist in self._twists if twist.fits(unit)), None)
        for piece in twist.edit(unit) if twist else (unit.data,):
            if isinstance(piece, Pause):
                await asyncio.sleep(piece.seconds)
            elif isinstance(piece, Back):
                back.write(piece.data)
                await back.drain()
            elif isinstance(piece, End):
                for side in (writer, back):
                    if piece is End.RESET:
                        _reset(side)
                    else:
                        side.close()
                return False
            else:
                writer.write(piece)
                await writer.drain()
        return True


def _opens_tunnel(head: Unit) -> bool:
    """Whether frames may follow this head."""
    line, _, fields = head.data.partition(b"\r\n")
    if head.flow is Flow.DOWN:
        return line.split(b" ")[1:2] == [b"101"]
    return b"\r\nupgrade:" in b"\r\n" + fields.lower()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a TCP reset instead of a FIN."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOTHING)
    writer.transport.abort()


@contextlib.asynccontextmanager
async def relayed(
    lab: Lab, places: Mapping[str, Sequence[Twist]], *, member_host: str | None = None
) -> AsyncIterator[None]:
    """The lab with a relay at each of these places, for as long as the block lasts.

    Args:
        lab: whose next scenarios go through them.
        places: twists by `FRONT` or the name of a backend.
        member_host: address or name of this machine by which the proxy knows the relays before backends.
    """
    async with contextlib.AsyncExitStack() as stack:
        for place, twists in places.items():
            key = "ws" if place == FRONT else f"ws://{place}"
            real = partial(_real, lab, key)
            host = None if place == FRONT else member_host
            relay = await stack.enter_async_context(Relay(real, twists, host=host))
            lab.detours[key] = relay.address
            stack.callback(lab.detours.pop, key)
        yield


def _real(lab: Lab, key: str) -> str:
    """Where the thing itself is now: a proxy may get another port with each start."""
    return (lab.fleet.addresses if "://" in key else lab.proxy.front.addresses)[key]


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
