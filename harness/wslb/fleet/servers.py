"""Real servers as backends: a recorder before each, and what one opening handshake tells of a server.

Scenarios are about two parts, ``liberty`` and ``node``. A server of such a name plays that part; the others play what
is left, in the order in which they were named, and those beyond the two are ``member3``, ``member4``, ….
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from wslb.connectors import WebSocketConnector
from wslb.errors import ServerUnavailable
from wslb.fleet.managed import BACKENDS, ManagedBackend, Program
from wslb.interfaces import Tunnel
from wslb.model.handshake import Handshake
from wslb.waiting import until
from wslb.wire.naming import ABSENT, NameRule, Showing

__all__ = ["RELAYED", "Acquaintance", "acquainted", "parts", "recorders", "tell_apart"]

RELAYED = frozenset({"accept", "upgrade", "status", "silent", "hangup", "mute", "forget", "cut", "delay"})
"""Faults that a recorder can do (backends/README.md, The recorder)."""

FIRST_WORDS_SECONDS = 2.0
"""How long a server may take to greet, and to answer a message, before it is taken for one that does not."""

COMMAND = "WRKSBS"
"""What a lab says on a tunnel to see whether it lives."""


_RULES = "Name what is always the same of one server and another of each, or leave --identify out: the recorders tell."


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquaintance:
    """What the first connections to a server told.

    Attributes:
        greeting: its first words, unasked; empty for none, and for words that are others each time.
        answers: whether it answers a text message.
        value: what identifies it (`Settings.identify`); empty without a rule.
    """

    greeting: str
    answers: bool
    value: str = ""


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


async def acquainted(
    backend: ManagedBackend, *, name: str, url: str, seconds: float, rule: NameRule | None = None
) -> Acquaintance:
    """Open two connections through a recorder, and say one word on the second.

    Raises:
        ServerUnavailable: the server is away, accepts no WebSocket there, or the rule finds no name of it.
    """
    greetings, showings, answers = [], [], False
    for last in (False, True):
        handshake, tunnel = await _opened(backend, name=name, url=url, seconds=seconds)
        first = await _heard(tunnel)
        greetings.append(first)
        showings.append(Showing(response=handshake.response, messages=(first,) if isinstance(first, str) else ()))
        if last:
            await tunnel.send(COMMAND)
            answers = await _heard(tunnel) is not None
        await tunnel.close(1000, "")
    constant = isinstance(greetings[0], str) and greetings[0] == greetings[1]
    value = _value(rule, showings, name=name, url=url) if rule else ""
    return Acquaintance(greeting=str(greetings[0]) if constant else "", answers=answers, value=value)


def _value(rule: NameRule, showings: Sequence[Showing], *, name: str, url: str) -> str:
    """What the rule finds in each of these openings of one server."""
    values = [rule.of(showing) for showing in showings]
    if not {None, ABSENT}.isdisjoint(values):
        found = f"nothing in {'the first text that it sends unasked' if rule.listens else 'its 101'}"
    elif len(set(values)) > 1:
        found = "something else each time, which names the connection and not the server"
    else:
        return str(values[0])
    reason = f"--identify looks for {rule.source} and finds {found}"
    raise ServerUnavailable(name=name, url=url, reason=reason, hint=_RULES)


def tell_apart(known: Mapping[str, Acquaintance], servers: Mapping[str, str], rule: NameRule) -> None:
    """Let no two servers have one value.

    Args:
        known: by the part that each server plays, as far as they were asked.
        servers: URL by name.

    Raises:
        ServerUnavailable: two have.
    """
    first: dict[str, str] = {}
    for part, name in parts(servers).items():
        if part not in known:
            continue
        other = first.setdefault(known[part].value, name)
        if other != name:
            reason = f"--identify looks for {rule.source} and finds the same as of {other} at {servers[other]}"
            raise ServerUnavailable(name=name, url=servers[name], reason=reason, hint=_RULES)


async def _opened(backend: ManagedBackend, *, name: str, url: str, seconds: float) -> tuple[Handshake, Tunnel]:
    path = backend.program.cl_path
    handshake, tunnel = await WebSocketConnector().open(f"ws://{backend.address('ws')}{path}", timeout_seconds=seconds)
    if tunnel is not None:
        return handshake, tunnel
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
