"""Every way in which the self-test breaks the lab. A mutation is one entry in its module's ``MUTATIONS``."""

from __future__ import annotations

from wslb.commands.mutations import (
    behaviour,
    carriage,
    clauses,
    heads,
    lives,
    messages,
    passages,
    served,
    strangers,
    switches,
)
from wslb.commands.mutations.mutation import Mutation, Touch

__all__ = ["MUTATIONS", "Mutation", "Touch"]

MUTATIONS: tuple[Mutation, ...] = (
    *served.MUTATIONS,
    *carriage.MUTATIONS,
    *behaviour.MUTATIONS,
    *heads.MUTATIONS,
    *lives.MUTATIONS,
    *messages.MUTATIONS,
    *clauses.MUTATIONS,
    *switches.MUTATIONS,
    *passages.MUTATIONS,
    *strangers.MUTATIONS,
)
