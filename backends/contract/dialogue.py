"""What a backend says on an accepted WebSocket connection, whatever library carries it."""

import asyncio

from backends.contract.channel import Channel, ChannelClosed
from backends.contract.journal import Ending
from backends.contract.stand_in import StandIn
from backends.contract.visit import Visit

LOGGED_COMMAND_LENGTH = 200

CLOSE_LIMIT_SECONDS = 8.0
"""After this time a close turns into a reset: a client that reads nothing would hold both libraries for ever."""


def shown(command: str) -> str:
    """Return a command as the log shows it: cut, and on one line whatever it holds."""
    return ascii(command if len(command) <= LOGGED_COMMAND_LENGTH else command[:LOGGED_COMMAND_LENGTH] + "...")


class Dialogue:
    """One accepted connection: greeting, replies, faults, the idle limit, and the end.

    Make it once the 101 answer has left, then await `run`.
    """

    def __init__(self, *, backend: StandIn, visit: Visit, channel: Channel) -> None:
        self.channel = channel
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reset = channel.reset
        self._visit = visit
        self._backend = backend
        self._entry = visit.entry
        channel.on_traffic = self.touch
        self._farewell: tuple[int, str] = (1001, "going away")
        self._pinging: asyncio.Future[None] | None = None
        self._leash: asyncio.Timeout | None = None
        self.touch()
        self._started = self.touched

    def touch(self) -> None:
        """Note traffic."""
        self.touched = asyncio.get_running_loop().time()
        self.silences = 0

    def stop(self) -> None:
        """End without a close frame, wherever the dialogue stands."""
        self.channel.finish()

    def expired(self) -> None:
        """Note that nothing came for a while."""
        self._backend.silent(self)

    def send_ping(self) -> None:
        """Send an empty ping."""
        self._pinging = asyncio.ensure_future(self.channel.ping(b""))

    def say_close(self, code: int, reason: str) -> None:
        """Interrupt the dialogue from outside: its task leaves what it awaits and closes by itself.

        Closing from another task would not wait for the client's answer in aiohttp.
        """
        if self._leash is None or self._leash.expired():
            return
        self._farewell = code, reason
        self._leash.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Talk until the connection ends, and journal how it ended."""
        backend, entry, visit = self._backend, self._entry, self._visit
        backend.live.add(self)
        backend.idle.add(self)
        backend.log.info("open #%d %s %s from %s", visit.number, entry.listener, visit.endpoint, entry.peer)
        closed = Ending(code=1006, reason="", by="lost")
        try:
            closed = await self._talk_on_leash()
        finally:
            backend.idle.discard(self)
            if self._pinging is not None:
                self._pinging.cancel()
            entry.closed = closed
            backend.live.discard(self)
            self.ended.set_result(None)
            backend.log.info("closed #%d by %s, code %d %s", visit.number, closed.by, closed.code, ascii(closed.reason))

    async def _talk_on_leash(self) -> Ending:
        leash = asyncio.timeout(None)
        try:
            async with leash:
                self._leash = leash
                return await self._talk()
        except ChannelClosed as end:
            return end.closed
        except TimeoutError:
            if not leash.expired():
                raise
        finally:
            self._leash = None
        return await self._close(*self._farewell)

    async def _close(self, code: int, reason: str) -> Ending:
        try:
            async with asyncio.timeout(CLOSE_LIMIT_SECONDS):
                await self.channel.close(code, reason)
        except TimeoutError:
            self.channel.reset()
        return Ending(code=code, reason=reason, by="server")

    async def _talk(self) -> Ending:
        plan = self._visit.plan
        mute = "mute" in plan
        if self._visit.endpoint == "cl" and not mute:
            await self._send(str(plan.get("impersonate", {}).get("greeting", self._backend.greeting)))
        if "ping" in plan:
            await self.channel.ping(str(plan["ping"]["payload"]).encode())
        if "close" in plan:
            return await self._close(int(plan["close"]["code"]), str(plan["close"]["reason"]))
        cut = int(plan["cut"]["after_messages"]) if "cut" in plan else None
        if mute or "push" not in plan:
            return await self._listen(cut=cut, mute=mute)
        async with asyncio.TaskGroup() as tasks:
            pushing = tasks.create_task(self._push())
            try:
                closed = await self._listen(cut=cut, mute=mute)
            except ChannelClosed as end:
                closed = end.closed  # caught here, because a TaskGroup would wrap the exception
            pushing.cancel()
        return closed

    async def _listen(self, *, cut: int | None, mute: bool) -> Ending:
        entry = self._entry
        if cut == 0:
            return self._cut()
        while True:
            message = await self.channel.receive()
            entry.messages_received += 1
            self.touch()
            if entry.messages_received == cut:
                return self._cut()
            if self._visit.endpoint == "cl":
                ended = await self._command(message, mute=mute)
                if ended is not None:
                    return ended
            elif not mute:
                await self._send(message)

    def _cut(self) -> Ending:
        self.channel.reset()
        return Ending(code=1006, reason="", by="lost")

    async def _command(self, message: str | bytes, *, mute: bool) -> Ending | None:
        """Run one CL command and reply; returns how the connection ended when the message was none."""
        if isinstance(message, bytes):
            return await self._close(1003, "commands are text")
        self._backend.log.info("command #%d %s", self._visit.number, shown(message))
        if not mute:
            age = asyncio.get_running_loop().time() - self._started
            output = await self._backend.cl.run(message, caller=self._visit.caller(age_seconds=age))
            await self._send(self._backend.reply_prefix + output)
        return None

    async def _push(self) -> None:
        plan = self._visit.plan["push"]
        for number in range(1, int(plan["messages"]) + 1):
            await asyncio.sleep(float(plan["interval_seconds"]))
            if not await self._send(f"push {number}"):
                return

    async def _send(self, message: str | bytes) -> bool:
        plan = self._visit.plan
        if "fragment" in plan and message:
            size = int(plan["fragment"]["bytes"])
            cuts = range(0, len(message), size)
            sent = await self.channel.send_fragments([message[at : at + size] for at in cuts])
        else:
            sent = await self.channel.send(message)
        if sent:
            self._entry.messages_sent += 1
            if not self._backend.profile.pings:  # who pings counts what comes only
                self.touch()
        return sent
