"""How the self-test breaks one product beside the catalogue of `wslb.commands.mutations`: values, which need no lab."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["HANDS_ON", "ConfigMutation", "Otherwise", "OwnMutations", "Row", "mutations_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMutation:
    """A configuration in the product's own language that is not the one that a scenario claims.

    Attributes:
        name: stable id, of the catalogue's kind.
        what: what is broken, in words.
        scenario: name of the shipped scenario that is asked.
        checks: all of these must go red.
        edits: what is changed in the finished configuration (`wslb.model.balancer.Site.edits`).
        cause: the rule of `wslb.reports.causes` that names it; empty where none may.
        unnamed: why none may.
        known_before: first version that knows the words of the edits no more; empty where all do.
    """

    name: str
    what: str
    scenario: str
    checks: tuple[str, ...]
    edits: tuple[tuple[str, str], ...]
    cause: str = ""
    unnamed: str = ""
    known_before: tuple[int, ...] = ()


Row = tuple[str, str, str, tuple[str, ...], str, tuple[tuple[str, str], ...]]
"""Name, what is broken, the scenario, the checks that must go red, the rule that names it, and the edits."""


def mutations_of(rows: Iterable[Row], *, unnamed: str) -> tuple[ConfigMutation, ...]:
    """The mutations of a table; `unnamed` says why no rule names those that have none."""
    return tuple(
        ConfigMutation(
            name=name,
            what=what,
            scenario=scenario,
            checks=checks,
            edits=edits,
            cause=cause,
            unnamed="" if cause else unnamed,
        )
        for name, what, scenario, checks, cause, edits in rows
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """What becomes of a mutation of the catalogue on this product, where that is not what becomes of it on httpd.

    Attributes:
        why: what the product does, in a clause.
        checks: that must go red here; none: it breaks nothing here, and is skipped.
        cause: rule that names it; empty where none may, with `why` as the reason.
    """

    why: str
    checks: tuple[str, ...] = ()
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMutations:
    """What a product brings to the self-test.

    Attributes:
        edits: of its own configuration.
        otherwise: by name of a mutation of the catalogue.
        asked_in: scenario by name of a mutation of the catalogue, whose own scenario is no question to this product.
        unbroken: checks that judge a scenario of it and that no mutation turns red there, each with the reason.
    """

    edits: tuple[ConfigMutation, ...] = ()
    otherwise: Mapping[str, Otherwise] = field(default_factory=dict)
    asked_in: Mapping[str, str] = field(default_factory=dict)
    unbroken: Mapping[str, str] = field(default_factory=dict)


_WRITES_NONE = "it writes no X-Forwarded field that could be lost"

HANDS_ON: Mapping[str, Otherwise] = {
    "answer-field-added": Otherwise(why="its claim is answer_but", checks=("answer_but",), cause="field"),
    "answer-signature-lost": Otherwise(
        why="its claim is answer_but", checks=("witnesses_speak", "answer_but"), cause="field"
    ),
    "answer-signature-other": Otherwise(
        why="its claim is answer_but", checks=("witnesses_agree", "answer_but"), cause="field"
    ),
    "request-host-other": Otherwise(why="its claim is host_kept", checks=("host_kept",), cause="forwarded"),
    "request-forwarded-before": Otherwise(why="its claim is host_kept", checks=("host_kept",), cause="forwarded"),
    "proxied-client-other": Otherwise(why="its claim is host_kept", checks=("host_kept",), cause="forwarded"),
    "proxied-server-other": Otherwise(why="its claim is host_kept", checks=("host_kept",), cause="forwarded"),
    "proxied-to-other-host": Otherwise(
        why="a backend that compares Host with Origin refuses it", checks=("answered_101",), cause="backend-refused"
    ),
    "proxied-hop-field": Otherwise(
        why="which fields of the hop go through is asked where the client sends some",
        checks=("only_known_changes",),
        cause="field",
    ),
    "answer-without-connection": Otherwise(
        why="it writes Connection itself, so that only the client can miss it",
        checks=("answered_101",),
        cause="unacceptable",
    ),
    "request-upgrade-lost": Otherwise(
        why="no other field is changed, so the one that is lost is named", checks=("answered_101",), cause="field"
    ),
    "proxied-client-lost": Otherwise(why=_WRITES_NONE),
    "proxied-host-lost": Otherwise(why=_WRITES_NONE),
    "proxied-spelt-anew": Otherwise(why="it carries upgrades in one way, however they are spelt"),
    "proxied-nominated": Otherwise(why="what Connection names reaches the backend anyway"),
    "proxied-host-last": Otherwise(why="the order of fields is not claimed there"),
}
"""What shows otherwise on a product that hands the handshake on as the client sent it (`wslb.checks.handed_on`)."""
