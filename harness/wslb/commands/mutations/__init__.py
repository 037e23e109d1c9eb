"""Every way in which the self-test breaks the lab. A mutation is one entry in its module's ``MUTATIONS``.

Those are httpd's; on another product they are asked where their scenario is, and its own come with it
(`wslb.proxies.own_mutations`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
from wslb.model.balancer import Site
from wslb.proxies.own_mutations import OwnMutations

__all__ = ["MUTATIONS", "Mutation", "Touch", "mutations_of"]

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


def mutations_of(own: OwnMutations) -> tuple[Mutation, ...]:
    """The catalogue as it shows on a product, and what that product brings."""
    return (*(_there(mutation, own) for mutation in MUTATIONS), *_edits(own))


def _there(mutation: Mutation, own: OwnMutations) -> Mutation:
    mutation = replace(mutation, scenario=own.asked_in.get(mutation.name, mutation.scenario))
    other = own.otherwise.get(mutation.name)
    if other is None:
        return mutation
    if not other.checks:
        return replace(mutation, idle=other.why)
    return replace(mutation, checks=other.checks, cause=other.cause, unnamed=other.why)


def _edits(own: OwnMutations) -> tuple[Mutation, ...]:
    def edited(edits: tuple[tuple[str, str], ...]) -> Callable[[Site], Site]:
        return lambda site: replace(site, edits=edits)

    return tuple(
        Mutation(
            name=one.name,
            what=one.what,
            scenario=one.scenario,
            checks=one.checks,
            tamper=edited(one.edits),
            cause=one.cause,
            unnamed=one.unnamed,
            known_before=one.known_before,
        )
        for one in own.edits
    )
