"""Real servers as backends: a recorder before each, and what one opening handshake tells of a server.

Scenarios are about two parts, ``liberty`` and ``node``. A server of such a name plays that part; the others play what
is left, in the order in which they were named, and those beyond the two are ``member3``, ``member4``, ….
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from wslb.connectors import WebSocketConnector
from wslb.errors import ServerUnavailable
from wslb.fleet.managed import BACKENDS, ManagedBackend, Program
from wslb.interfaces import Tunnel
from wslb.waiting import until

__all__ = ["RELAYED", "Acquaintance", "acquainted", "parts", "recorders"]

RELAYED = frozenset({"accept", "upgrade", "status", "silent", "hangup", "mute", "forget", "cut", "delay"})
"""Faults that a recorder can do (backends/README.md, The recorder)."""

FIRST_WORDS_SECONDS = 2.0
"""How long a server may take to greet, and to answer a message, before it is taken for one that does not."""

COMMAND = "WRKSBS"
"""What a lab says on a tunnel to see whether it lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquaintance:
    """What the first connections to a server told.

    Attributes:
        greeting: its first words, unasked; empty for none, and for words that are others each time.
        answers: whether it answers a text message.
    """

    greeting: str
    answers: bool


def parts(servers: Mapping[str, str]) -> dict[str, str]:
    """Name of the server that plays each part."""
    played = {part: part for part in BACKENDS if part in servers}
    others = iter([name for name in servers if name not in played])
    chosen = {part: name for part in BACKENDS if (name := played.get(part) or next(others, ""))}
    return chosen | {f"member{number}": name for number, name in enumerate(others, len(BACKENDS) + 1)}


def recorders(servers: Mapping[str, str], *, ca: str | None) -> dict[str, Program]:
    """The recorder before each server, by the part that the server plays.

    Args:
        servers: URL by name, as `wslb.config.Settings.backends`.
        ca: file with the authority of ``wss://`` servers.
    """
    made = {}
    for number, (part, name) in enumerate(parts(servers).items(), 1):
        url = servers[name]
        made[part] = replace(
            BACKENDS.get(part) or replace(BACKENDS["node"], address=f"127.0.1.{number}"),
            module="backends.recorder",
            title=f"{name} at {url}",
            port=0,
            tls_port=0,
            cl_path=f"{urlsplit(url).path}/CLRunner",
            arguments=("--to", url, *(("--ca", ca) if ca and url.startswith("wss") else ())),
        )
    return made


async def acquainted(backend: ManagedBackend, *, name: str, url: str, seconds: float) -> Acquaintance:
    """Open two connections through a recorder, and say one word on the second.

    Raises:
        ServerUnavailable: the server is away, or accepts no WebSocket there.
    """
    greetings, answers = [], False
    for last in (False, True):
        tunnel = await _opened(backend, name=name, url=url, seconds=seconds)
        greetings.append(await _heard(tunnel))
        if last:
            await tunnel.send(COMMAND)
            answers = await _heard(tunnel) is not None
        await tunnel.close(1000, "")
    constant = isinstance(greetings[0], str) and greetings[0] == greetings[1]
    return Acquaintance(greeting=str(greetings[0]) if constant else "", answers=answers)


async def _opened(backend: ManagedBackend, *, name: str, url: str, seconds: float) -> Tunnel:
    path = backend.program.cl_path
    handshake, tunnel = await WebSocketConnector().open(f"ws://{backend.address('ws')}{path}", timeout_seconds=seconds)
    if tunnel is not None:
        return tunnel
    if handshake.status is not None:
        reason = f"it answers {handshake.status} to an opening handshake on {path}"
        hint = "The lab asks for /CLRunner behind the path of the URL, as the article's servers have it."
        raise ServerUnavailable(name=name, url=url, reason=reason, hint=hint)
    refused: list[str] = []

    async def told() -> bool:
        refused[:] = [line.partition(": ")[2] for line in backend.log_tail() if "cannot reach" in line]
        return bool(refused)

    try:
        await until(told, seconds=1.0, what="the recorder's reason")
    except TimeoutError:
        refused = [handshake.error or "no answer"]
    hint = "Start the server, or correct the URL; with wss://, --ca names the authority of its certificate."
    raise ServerUnavailable(name=name, url=url, reason=refused[-1], hint=hint)


async def _heard(tunnel: Tunnel) -> str | bytes | None:
    try:
        return await tunnel.receive(timeout_seconds=FIRST_WORDS_SECONDS)
    except (TimeoutError, ConnectionError):
        return None
