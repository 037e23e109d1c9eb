"""What scenarios do to a running balancer besides opening connections, each a fact on the scenario's time axis.

Events: ``backend`` (up or down), ``status`` (members as balancer-manager shows them), ``signal`` and ``restart`` of
httpd, ``exit`` (it has ended), ``spoken`` (open tunnels were asked to answer).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import signal as signals
from collections import Counter
from collections.abc import Sequence

from wslb.errors import ContractError, NotAskable
from wslb.interfaces import Fault, MemberChange
from wslb.lab.conversation import Conversation
from wslb.lab.lab import Lab
from wslb.model.balancer import MemberState
from wslb.model.handshake import Headers
from wslb.model.sites import STRANGER
from wslb.scenarios.scenario import Act
from wslb.waiting import disconnect, until
from wslb.wire.http1 import RawRequest

__all__ = [
    "and_stranger",
    "another_child",
    "child",
    "echoing",
    "ended",
    "falls_silent",
    "forced",
    "freeze",
    "gone",
    "hang_up",
    "in_turn",
    "kill",
    "kill_child",
    "misbehave",
    "noise",
    "observe",
    "ping",
    "probed",
    "refuses",
    "restarted",
    "revive",
    "sending",
    "set_state",
    "shown",
    "signal",
    "silence",
    "speak",
    "stop",
    "thaw",
    "wait_for",
]

MIB = 1 << 20

RESUMED = frozenset({"AH00489", "AH00292", "AH00163"})
"""Logged by every generation of httpd when it begins to serve: by event, worker, prefork."""

ONE_REQUEST = (("Connection", "close"),)
"""Of a request that keeps no connection: the next one is anybody's, and counts for MaxConnectionsPerChild."""

KEYLESS: Headers = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"))
"""Of an upgrade request that reaches a backend, by either carrier, and that the backend refuses with 400."""

_ASKED_ANEW = 12
"""An old child may still accept when the new generation has begun; so many answers in a row tell that none does."""


def in_turn(count: int | None = None, path: str | None = None, *, hold: bool = False, settle: bool = False) -> Act:
    """Open one after another: `count`, or as many as the run's settings say; `Lab.open_in_turn` has the rest."""

    async def act(lab: Lab) -> None:
        await lab.open_in_turn(count or lab.settings.connections, path, hold=hold, settle=settle)

    return act


def and_stranger(act: Act) -> Act:
    """Do this, then ask for the backend that nobody has vouched for (`wslb.model.sites.with_stranger`)."""

    async def both(lab: Lab) -> None:
        await act(lab)
        if lab.site:
            keyed = (*KEYLESS, ("Sec-WebSocket-Key", "not-a-key-at-all-twenty4"))  # HAProxy wants 24 characters
            await lab.get(STRANGER, headers=keyed, listener=lab.site.mount(STRANGER).listener)

    return both


def sending(*requests: RawRequest, piece_bytes: int | None = None) -> Act:
    """Send these one after another, each on a connection of its own; wait for the greeting where one is due."""

    async def act(lab: Lab) -> None:
        for request in requests:
            conversation = await lab.raw(request, frames=1, piece_bytes=piece_bytes)
            await conversation.close()

    return act


def noise(size: int) -> bytes:
    """Bytes without a pattern that compression or a lost piece could hide in; the same for the same size."""
    return hashlib.shake_128(str(size).encode()).digest(size)


def echoing(*messages: str | bytes | int, connections: int = 2) -> Act:
    """Send each message and wait for it to come back, on that many connections in turn; a number is so much noise."""

    async def act(lab: Lab) -> None:
        for _ in range(connections):
            async with await lab.open(greeting=False) as tunnel:
                for message in messages:
                    size = message if isinstance(message, int) else len(message)
                    await tunnel.send(noise(message) if isinstance(message, int) else message)
                    await tunnel.receive(seconds=lab.settings.timeouts.message + size / MIB)

    return act


async def kill(lab: Lab, *backends: str) -> None:
    """End backends with SIGKILL."""
    await lab.journaled()
    for name in backends:
        await lab.fleet.kill(name)
        lab.note("backend", f"{name}: killed", backend=name, up=False)


async def bury(lab: Lab, *backends: str) -> None:
    """End backends, and let their ports answer no connect, as a dead host or a firewall does."""
    await lab.journaled()
    for name in backends:
        await lab.fleet.bury(name)
        lab.note("backend", f"{name}: answers no connect", backend=name, up=False)


async def stop(lab: Lab, backend: str) -> None:
    """End a backend as an administrator would."""
    if lab.fleet.real:
        raise NotAskable(needs="a backend that the run may stop in good order")
    await lab.journaled()
    await lab.fleet.stop_one(backend)
    lab.note("backend", f"{backend}: stopped", backend=backend, up=False)


async def revive(lab: Lab, *backends: str) -> None:
    """Bring backends back on the ports they had."""
    await asyncio.gather(*(lab.fleet.revive(name) for name in backends))
    for name in backends:
        lab.note("backend", f"{name}: back", backend=name, up=True)


async def freeze(lab: Lab, backend: str) -> None:
    """Stop a backend's execution: its kernel still accepts connects, nobody answers."""
    await lab.fleet.freeze(backend)
    lab.note("frozen", f"{backend}: frozen", backend=backend)


async def thaw(lab: Lab, backend: str) -> None:
    """Let a frozen backend go on."""
    await lab.fleet.thaw(backend)
    lab.note("thawed", f"{backend}: goes on", backend=backend)


async def silence(lab: Lab, *backends: str, kind: str = "silent", **parameters: object) -> None:
    """Let backends misbehave at every following handshake; by default they never answer."""
    for name in backends:
        await lab.fault(name, Fault(kind=kind, parameters=parameters))


async def set_state(lab: Lab, route: str, state: MemberState, *, on: bool = True) -> None:
    """Set or clear a member's state through balancer-manager."""
    await lab.change(MemberChange(route=route, state=state, on=on))


async def observe(lab: Lab, label: str) -> None:
    """Put every member's state and counters on the time axis."""
    members = {
        status.route: {"status": status.status, "busy": status.busy, "elected": status.elected}
        for status in await lab.status()
    }
    told = ", ".join(f"{route} {shown['status']}, busy {shown['busy']}" for route, shown in members.items())
    lab.note("status", f"{label}: {told}", label=label, members=members)


async def shown(lab: Lab, route: str, words: str, *, seconds: float | None = None) -> None:
    """Wait until balancer-manager shows a member so; checks judge what came of it."""

    async def so() -> bool:
        return any(status.route == route and status.status == words for status in await lab.status())

    with contextlib.suppress(TimeoutError):
        await until(so, seconds=seconds or lab.settings.timeouts.settle, what=f"{route} {words}")
    await observe(lab, f"waited for {route} {words}")


async def probed(lab: Lab, times: int, *backends: str) -> None:
    """Wait until the proxy's own health probes have reached these backends so often, and note them and their answers.

    A journal knows probes of its backend's endpoints only. Without a name all members are waited for.
    """
    wanted = backends or tuple(member.backend for member in lab.judged.members)
    counts: Counter[str] = Counter()
    answers: list[tuple[str, str]] = []

    async def enough() -> bool:
        probes = [entry for entry in await lab.fleet.journal() if entry.conn_id is None]
        answers[:] = [(probe.backend, f"{probe.target} {probe.status}") for probe in probes]
        counts.clear()
        counts.update(probe.backend for probe in probes)
        return all(counts[backend] >= times for backend in wanted)

    with contextlib.suppress(TimeoutError):
        await until(enough, seconds=lab.settings.timeouts.settle, what=f"{times} probes of {', '.join(wanted)}")
    told = ", ".join(f"{name}: {count}" for name, count in counts.items())
    lab.note("probes", told, counts=dict(counts), answers=[list(answer) for answer in answers])


async def speak(lab: Lab, conversations: Sequence[Conversation], label: str, *, seconds: float | None = None) -> None:
    """Send a command on every tunnel and wait for its answers: who answers after this moment is alive."""
    if not lab.fleet.answers:
        raise NotAskable(needs="servers that answer a message")
    lab.note("spoken", label, label=label, connections=[c.handshake.conn_id for c in conversations])
    sent = [await conversation.send("WRKSBS") for conversation in conversations]
    await asyncio.gather(
        *(conversation.receive(seconds=seconds) for conversation, out in zip(conversations, sent, strict=True) if out)
    )


async def ended(conversations: Sequence[Conversation], *, seconds: float) -> None:
    """Wait until the other side has ended every one of these tunnels, or the time is over."""
    await asyncio.gather(*(conversation.wait_closed(seconds=seconds) for conversation in conversations))


async def hang_up(conversations: Sequence[Conversation]) -> None:
    """Close these without waiting for the proxy's counters, which may not know them (`Lab.close` waits)."""
    await asyncio.gather(*(conversation.close() for conversation in conversations))


async def wait_for(lab: Lab, seconds: float) -> None:
    """Let time pass that is itself under test, such as an idle limit; the next event is this much later."""
    await asyncio.sleep(seconds)
    lab.note("waited", f"{seconds:g} s", seconds=seconds)


async def ping(lab: Lab, conversation: Conversation, *, seconds: float, every_seconds: float) -> None:
    """Send pings for a time, and note how many were answered."""
    end, pongs, sent = lab.clock() + seconds, 0, 0
    while lab.clock() < end:
        sent += 1
        pongs += await conversation.ping()
        await asyncio.sleep(every_seconds)
    lab.note("pings", f"{pongs} of {sent} pings answered in {seconds:g} s", sent=sent, pongs=pongs)


async def signal(lab: Lab, name: str) -> None:
    """Send the proxy's first process a signal, such as ``USR1``: its own for this one of httpd's."""
    dialect = lab.proxy.dialect
    name = dialect.capabilities.signals.get(name, name)
    lab.proxy.signal(getattr(signals, f"SIG{name}"))
    lab.note("signal", f"SIG{name} to {dialect.title}", name=name)


async def child(lab: Lab) -> int:
    """Process id of the only child that has served anything; 0, and a note, when there is none or more than one."""
    children = await _children(lab)
    if len(children) != 1:
        lab.note("children", f"{len(children)} children have served, not 1")
        return 0
    return next(iter(children))


async def another_child(lab: Lab, *, than: int, beside: bool = False) -> None:
    """Wait until another child serves, on whose start the turns may depend, and note it (event ``child``).

    Args:
        than: process id of the one that served before.
        beside: both go on; otherwise `than` must have made place. Each look is a connection of its own.
    """
    path = lab.proxy.dialect.children_path
    wanted = 2 * (lab.site.process_model.threads if lab.site else 0)

    async def serves() -> bool:
        if beside:
            try:
                _, _, text = await lab.proxy.fetch(f"{path}?auto", headers=ONE_REQUEST)
            except OSError:
                return False
            return lab.proxy.dialect.parse_threads(text) >= wanted
        children = await _children(lab)
        return bool(children) and than not in children

    with contextlib.suppress(TimeoutError):
        # Under MPM worker a child that has had its connections stays while one is kept alive (KeepAliveTimeout: 5 s).
        await until(serves, seconds=2 * lab.settings.timeouts.settle, what="another child of httpd")
        lab.note("child", "a new child serves", beside=beside)


async def _children(lab: Lab) -> frozenset[int]:
    try:
        _, _, text = await lab.proxy.fetch(lab.proxy.dialect.children_path, headers=ONE_REQUEST)
    except OSError:
        return frozenset()
    return lab.proxy.dialect.parse_children(text)


async def kill_child(lab: Lab) -> int:
    """End httpd's only child with SIGKILL: its process id, 0 when none was found."""
    found = await child(lab)
    if found:
        await lab.proxy.kill_child(found)
        lab.note("killed", f"child {found} of httpd: killed", pid=found)
    return found


async def restarted(lab: Lab, *, idle: bool = True) -> None:
    """Wait until the generation after a restart serves.

    Args:
        idle: nobody has connected since, so that the new counters are 0; wait until no old child answers any more.
    """

    yields = lab.proxy.dialect.capabilities.yields

    async def started() -> bool:
        return sum(line.code in RESUMED for line in await lab.proxy.log()) > 1

    async def yielded() -> bool:
        return any(yields in line.text for line in await lab.proxy.log())

    async def anew() -> bool:
        try:
            for _ in range(_ASKED_ANEW):
                if any(status.elected for status in await lab.proxy.status(lab.judged, fresh=True)):
                    return False
        except (ContractError, OSError):
            return False
        return True

    with contextlib.suppress(TimeoutError):
        what = f"a new generation of {lab.proxy.dialect.title}"
        await until(yielded if yields else started, seconds=lab.settings.timeouts.settle, what=what)
        if idle and not yields:
            await until(anew, seconds=lab.settings.timeouts.settle, what="counters of the new generation")
        lab.note("restart", "a new generation serves")


async def gone(lab: Lab, *, seconds: float) -> None:
    """Wait until httpd's parent has ended by itself."""

    async def over() -> bool:
        return not lab.proxy.running

    with contextlib.suppress(TimeoutError):
        await until(over, seconds=seconds, what="the end of httpd")
        lab.note("exit", "httpd has ended")


async def refuses(lab: Lab) -> None:
    """Wait until nobody listens any more: the children close their listeners a moment after the signal.

    A port forwarder accepts in httpd's place, listener or not; then it is asked where httpd runs, and noted.
    """
    front = lab.proxy.front

    async def closed() -> bool:
        if front.forwarder:
            return not await lab.proxy.runtime.connects("127.0.0.1", front.plain or 0)
        try:
            _, writer = await asyncio.open_connection(front.host, front.plain)
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            return False  # it lay in the backlog of a port that closed: the next connect is refused
        await disconnect(writer)
        return False

    with contextlib.suppress(TimeoutError):
        await until(closed, seconds=lab.settings.timeouts.settle, what="the end of httpd's listeners")
        if front.forwarder:
            lab.note("deaf", f"nothing listens where httpd runs; {front.forwarder.name} still accepts")


async def falls_silent(lab: Lab, *, patience_seconds: float = 0.3) -> None:
    """Wait until an HTTP request is not answered any more: no child accepts, only the kernel still does."""
    request = f"GET {lab.proxy.dialect.ready_path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()

    async def silent() -> bool:
        reader, writer = await asyncio.open_connection(lab.proxy.front.host, lab.proxy.front.plain)
        try:
            writer.write(request)
            async with asyncio.timeout(patience_seconds):
                await reader.read()
        except TimeoutError:
            return True
        except OSError:
            return False
        finally:
            await disconnect(writer)
        return False

    with contextlib.suppress(TimeoutError):
        await until(silent, seconds=lab.settings.timeouts.settle, what="httpd's silence")


async def forced(lab: Lab) -> None:
    """End httpd at once: what it would do in the ten seconds that it takes by itself is not under test."""
    await lab.proxy.kill()
    lab.note("forced", "httpd was killed, children included")


async def misbehave(lab: Lab, kind: str, **parameters: object) -> None:
    """Let both backends of the article have the same fault (backends/README.md, Faults)."""
    for backend in ("liberty", "node"):
        await lab.fault(backend, Fault(kind=kind, parameters=parameters))
