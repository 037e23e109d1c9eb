"""What nginx and HAProxy do with a dead member: nginx remembers it for a while, HAProxy without ``check`` never."""

from __future__ import annotations

from wslb.checks import conversation, distribution, handshake, log, members, refusals, tunnels
from wslb.model.results import Check
from wslb.scenarios.claims import BOOKS, CONNECT_FAILED, FORESEEN
from wslb.scenarios.scenario import Elsewhere

__all__ = [
    "ALL_DOWN",
    "KILLED",
    "REFUSED",
    "STANDBY",
    "STANDBY_BESIDE",
    "THREE",
    "TRANSPARENT",
    "WITHIN_RETRY",
]

TRANSPARENT: tuple[Check, ...] = (handshake.answered_101, conversation.greeted, *FORESEEN)
UNNOTICED: tuple[Check, ...] = (handshake.answered_101, conversation.greeted, *BOOKS)
"""As TRANSPARENT, where elections are counted otherwise than the model does."""

SOON = 15.0
"""Seconds before which four attempts, a second apart, must have ended, on a busy machine too."""

PATIENT = 300.0
"""The same, where nobody claims how soon: a stall of the whole machine was seen to take 80 s, client included."""

L, N = "liberty", "node"


def _nginx(limit: str, *checks: Check, allow_log: tuple[str, ...] | None = None) -> Elsewhere:
    return Elsewhere(
        proxy="nginx",
        does="it tries the next server at once, and leaves the dead one alone for fail_timeout (10 s)",
        source="proxy_next_upstream, max_fails in the manual; measured on 1.22.1 and 1.31.3",
        limit=limit,
        checks=checks,
        allow_log=allow_log,
    )


def _haproxy(limit: str, *checks: Check, does: str = "the dead member is elected at each of its turns") -> Elsewhere:
    return Elsewhere(
        proxy="HAProxy",
        does=f"without check no failure is remembered: {does}",
        source="check and option redispatch in the manual; measured on 2.6.12 and 2.8.25",
        limit=limit,
        checks=checks,
    )


REFUSED = (
    _nginx(
        "8 of 8 connections answered 101 by the other member; the dead one elected once",
        distribution.served_by(*[L] * 8),
        log.announced("AH00957", "AH00959"),
        *TRANSPARENT,
    ),
    _haproxy(
        "8 of 8 connections answered 101 by the other member; the dead one elected 7 times, at each of its turns",
        distribution.served_by(*[L] * 8),
        members.elected_between("dead", 7, 7, reason="each of its turns"),
        log.announced("AH00957"),
        *UNNOTICED,
    ),
)
THREE = (
    _nginx("9 connections as the model says, the dead member elected once", *TRANSPARENT),
    _haproxy(
        "9 connections in strict turns of the other two; the dead one elected 4 times, at each of its turns",
        distribution.served_by(*[L, N] * 4, L),
        members.elected_between("dead", 4, 4, reason="each of its turns"),
        *UNNOTICED,
    ),
)
ALL_DOWN = (
    _nginx(
        "502 seven times; each member elected once, although both backends serve again",
        refusals.answers(*[502] * 7),
        members.elected_between(L, 1, 1, reason="its one attempt"),
        members.elected_between(N, 1, 1, reason="its one attempt"),
        allow_log=(*CONNECT_FAILED, "AH01167"),
    ),
    _haproxy(
        "503 three times, each member elected twice for each of them, then 101 four times in turns",
        refusals.answers(503, 503, 503, 101, 101, 101, 101),
        distribution.follows_model,
        members.elected_between(L, 8, 8, reason="3 times 2 attempts, and 2 tunnels"),
        members.elected_between(N, 8, 8, reason="3 times 2 attempts, and 2 tunnels"),
        does="who comes back is served at once",
    ),
)
_CUT: tuple[Check, ...] = (
    tunnels.lost(N, count=2),
    tunnels.answered("after the kill", L, count=2),
    distribution.served_by(L, N, L, N, *[L] * 4),
)
_CUT_TOLD = "its 2 tunnels lost (1006), the other 2 live; then 4 of 4 connections answered 101 by the other member"
KILLED = (
    _nginx(f"{_CUT_TOLD}, the dead one elected once", *_CUT, *TRANSPARENT),
    _haproxy(
        f"{_CUT_TOLD}, the dead one elected 3 times, at each of its turns",
        *_CUT,
        members.elected_between(N, 5, 5, reason="2 tunnels before, 3 turns after its death"),
        *UNNOTICED,
    ),
)
WITHIN_RETRY = (
    _nginx("no: 7 of 7 connections go to the other one", distribution.served_by(*[L] * 7), *TRANSPARENT),
    _haproxy(
        "yes, at its next turn: 3 connections to the other one, then 4 in strict turns",
        distribution.served_by(L, L, L, N, L, N, L),
        members.elected_between(N, 4, 4, reason="2 turns while dead, 2 tunnels"),
        *UNNOTICED,
        does="who comes back is served at once",
    ),
)
STANDBY = (
    _haproxy(
        "no: 2 connections to the member, after its death 503 three times, each after 2.5 s or more; "
        "the standby never elected",
        refusals.answers(101, 101, 503, 503, 503),
        *(refusals.waited(seq, least_seconds=2.5, most_seconds=PATIENT) for seq in (3, 4, 5)),
        members.elected_between(L, 0, 0, reason="a backup is for servers that a check has found down"),
        does="its backup is never asked",
    ),
)
STANDBY_BESIDE = (
    _haproxy(
        "with one of two members dead, the survivor serves all 6 connections; "
        "the dead one elected 6 times, at each of its turns",
        distribution.served_by(*[N] * 6),
        members.elected_between("dead", 6, 6, reason="each of its turns"),
        *UNNOTICED,
    ),
)
