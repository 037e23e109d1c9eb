"""Family failover, mod_proxy_hcheck: who is taken out before a client runs into it, and who by mistake."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, distribution, handshake, members, refusals
from wslb.lab.lab import Lab
from wslb.model.balancer import Site
from wslb.model.sites import LIBERTY, NODE, balanced, cluster, with_parameters
from wslb.scenarios import acts as do
from wslb.scenarios.claims import BOOKS
from wslb.scenarios.scenario import Elsewhere, Family, Scenario

__all__ = ["SCENARIOS"]


HEALTH_FAILED = "Init HcFl"


async def _health_checked(lab: Lab) -> None:
    await do.shown(lab, "node", "Init Ok")
    await do.kill(lab, "node")
    await do.shown(lab, "node", HEALTH_FAILED)
    await lab.open_in_turn(3)
    await do.revive(lab, "node")
    await do.shown(lab, "node", "Init Ok")
    await lab.open_in_turn(4)


async def _health_misjudged(lab: Lab) -> None:
    await do.shown(lab, "liberty", HEALTH_FAILED)
    await do.shown(lab, "node", HEALTH_FAILED)
    await do.probed(lab, 1)
    await lab.open_in_turn(2)


async def _health_told_right(lab: Lab) -> None:
    await do.probed(lab, 2)
    await do.observe(lab, "after two rounds of probes")
    await lab.open_in_turn(4)


async def _health_path_doubled(lab: Lab) -> None:
    await do.probed(lab, 2, "node")
    await do.observe(lab, "after two rounds of probes")
    await lab.open_in_turn(4)


def health_checked(**parameters: str) -> Site:
    """Both members probed every 200 ms by mod_proxy_hcheck; one failure or success decides, 404 is ``ok404``."""
    probes = {"hcinterval": "200ms", "hcpasses": "1", "hcfails": "1", **parameters}
    theirs = probes | ({"hcuri": f"/{probes['hcuri'].lstrip('/')}"} if "hcuri" in probes else {})
    checked = cluster(with_parameters(LIBERTY, **probes), with_parameters(NODE, **theirs))
    told = ("ProxyHCExpr ok404 {%{REQUEST_STATUS} =~ /^404/}",)
    return replace(balanced(checked), modules=("watchdog", "proxy_hcheck"), directives=told)


ask = Family(name="failover")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "hcheck-tcp",
        "Does mod_proxy_hcheck (TCP) take a dead member out before a client runs into it, and bring it back?",
        "3 connections served by the other without a failed connect; after its return 4 in turns",
        _health_checked,
        (
            distribution.served_by(*["liberty"] * 3, *["liberty", "node"] * 2),
            handshake.answered_101,
            accounting.elected_counted,
            *BOOKS,
        ),
        site=health_checked(hcmethod="TCP"),
        allow_log=("AH00957",),
        elsewhere=(
            Elsewhere(
                before=(2, 4, 39),
                does="a TCP probe may take members out that are well",
                source="measured on 2.4.35; not so on 2.4.39",
            ),
        ),
    ),
    ask(
        "hcheck-get",
        "Does a plain GET probe (hcmethod=GET) suit a WebSocket endpoint?",
        "no: both members answer 404 and are taken out, so that every client gets 503",
        _health_misjudged,
        (
            refusals.answers(503, 503),
            members.probe_answers(liberty="/WSConsole/CLRunner 404", node="/CLRunner 404"),
            members.shown_after(liberty=HEALTH_FAILED, node=HEALTH_FAILED),
        ),
        site=health_checked(hcmethod="GET", hcuri="CLRunner"),
        allow_log=("AH01170",),
        explanation=(
            "A healthy WebSocket server has no page for a GET on its endpoint: Liberty and Node.js answer 404, others "
            "400 or 426, and none of these is a 2xx or 3xx."
        ),
    ),
    ask(
        "hcheck-expression",
        "Can a GET probe be told that 404 means healthy?",
        "with ProxyHCExpr on 404 both members stay in, and 4 connections take turns",
        _health_told_right,
        (
            distribution.alternates,
            members.probed(2),
            members.shown_at("after two rounds of probes", liberty="Init Ok", node="Init Ok"),
            handshake.answered_101,
            accounting.elected_counted,
            *BOOKS,
        ),
        site=health_checked(hcmethod="GET11", hcuri="CLRunner", hcexpr="ok404"),
    ),
    ask(
        "hcheck-path",
        "Does hcuri=/CLRunner, with a slash, suit a member that has a path of its own?",
        "no: no probe reaches its endpoint, and its 404 for a wrong path is taken for health, so both members stay in",
        _health_path_doubled,
        (
            distribution.alternates,
            members.probe_answers(liberty="", node="/CLRunner 404"),
            members.shown_at("after two rounds of probes", liberty="Init Ok", node="Init Ok"),
            handshake.answered_101,
            accounting.elected_counted,
            *BOOKS,
        ),
        site=health_checked(hcmethod="GET11", hcuri="/CLRunner", hcexpr="ok404"),
        explanation=(
            "hcuri is appended to the member's path and a slash: /WSConsole//CLRunner is another path. To a GET there "
            "Liberty answers 404 as on the endpoint, so ok404 never finds out. Only a member without a path needs a "
            "slash of its own."
        ),
    ),
)
