"""Messages that did not come back as they went: what happened to them on their way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from wslb.model.handshake import Exchange
from wslb.reports.causes.cause import Cause
from wslb.reports.document import SavedScenario
from wslb.reports.sequences import Turns

__all__ = ["spoilt_message"]

Seal = tuple[bool, int, str]
"""Whether it is binary, its size, and its SHA-256."""


def spoilt_message(scenario: SavedScenario, _: Turns) -> Cause | None:
    """An echo differs from what was sent: lost, repeated, in another order, of another kind, or altered."""
    if not any(verdict.check == "echoed" and not verdict.holds for verdict in scenario.verdicts):
        return None
    for c in scenario.connections:
        sent = [_seal(exchange) for exchange in c.exchanges if exchange.sent]
        back = [_seal(exchange) for exchange in c.exchanges if not exchange.sent]
        if c.accepted and sent and (clause := _happened(sent, back)):
            return Cause(
                rule="message",
                sentence=f"{clause}, between this client and {c.backend or 'the backend'}",
                evidence=(f"connection #{c.seq}: {len(sent)} messages sent, {len(back)} came back",),
            )
    return None


def _seal(exchange: Exchange) -> Seal:
    return exchange.binary, exchange.size, exchange.sha256 or exchange.text


def _happened(sent: Sequence[Seal], back: Sequence[Seal]) -> str:
    """What happened to messages, in a clause; empty when they are alike, or when nothing of all can be told."""
    extra, lost = Counter(back) - Counter(sent), Counter(sent) - Counter(back)
    if not extra and not lost:
        return "" if list(sent) == list(back) else "messages came back in another order"
    if not extra:
        return f"{lost.total()} of {len(sent)} messages did not come back, and none was altered: they were lost"
    if not lost:
        return "messages came back more than once: something repeats frames"
    (binary, size, seal), (_, old_size, old_seal) = next(iter(extra)), next(iter(lost))
    if seal == old_seal:
        return f"a message came back as {'binary' if binary else 'text'}: its opcode was changed (RFC 6455 section 5.6)"
    if size == old_size:
        return f"a message of {size} bytes came back with other content of the same size: bytes were altered"
    return f"a message of {old_size} bytes came back as one of {size}: it was cut or added to"
