"""wslb: does my reverse proxy really balance WebSockets? The library behind the command and the pytest plugin."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wslb.checks.accounting import witnesses_agree
    from wslb.checks.distribution import alternates, follows_model, served_by
    from wslb.checks.handshake import accept_is_right
    from wslb.config import Settings
    from wslb.errors import ConfigError, EvidenceError, HarnessError, LabError
    from wslb.lab.conversation import Conversation
    from wslb.lab.lab import Lab
    from wslb.lab.launch import open_lab
    from wslb.model.balancer import Balancer, Carrier, LbMethod, Member, Mount, Site
    from wslb.model.handshake import Handshake
    from wslb.model.results import Check, Outcome, Record, ScenarioResult, Verdict
    from wslb.model.sites import CLUSTER, balanced
    from wslb.plugin import Ask, Try
    from wslb.scenarios.scenario import Scenario

__all__ = [  # noqa: RUF022 - grouped by what a reader is looking for
    # a lab and what is opened through it
    "Lab",
    "open_lab",
    "Settings",
    "Conversation",
    # a question of your own: what is asked, and the fixture that asks it
    "Scenario",
    "ScenarioResult",
    "Ask",
    "Try",
    # what is served
    "Site",
    "Mount",
    "Balancer",
    "Member",
    "LbMethod",
    "Carrier",
    "CLUSTER",
    "balanced",
    # what was seen, and what judges it
    "Record",
    "Handshake",
    "Check",
    "Verdict",
    "Outcome",
    # the checks most used
    "alternates",
    "follows_model",
    "served_by",
    "accept_is_right",
    "witnesses_agree",
    # what is raised
    "HarnessError",
    "ConfigError",
    "LabError",
    "EvidenceError",
]

_HOMES = {
    "wslb.checks.accounting": "witnesses_agree",
    "wslb.checks.distribution": "alternates follows_model served_by",
    "wslb.checks.handshake": "accept_is_right",
    "wslb.config": "Settings",
    "wslb.errors": "ConfigError EvidenceError HarnessError LabError",
    "wslb.lab.conversation": "Conversation",
    "wslb.lab.lab": "Lab",
    "wslb.lab.launch": "open_lab",
    "wslb.model.balancer": "Balancer Carrier LbMethod Member Mount Site",
    "wslb.model.handshake": "Handshake",
    "wslb.model.results": "Check Outcome Record ScenarioResult Verdict",
    "wslb.model.sites": "CLUSTER balanced",
    "wslb.plugin": "Ask Try",
    "wslb.scenarios.scenario": "Scenario",
}
"""Where each public name is loaded from when it is first asked for, so that importing the package costs nothing."""


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names.split():
            found: object = getattr(import_module(module), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
