"""How many tunnels a configuration has room for, with the line that limits them. Pure.

A tunnel holds a thread for its whole life, under prefork a process; and a connection of its backend, of which each
process has as many as ``max`` says (manual, mod_proxy, BalancerMember parameters).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wslb.interfaces import Installation
from wslb.proxies.apache.adoption.original import Original
from wslb.proxies.apache.advice.rules.timing import capacity
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.foresight.destinations import Destination

__all__ = ["TunnelRoom", "all_started", "processes", "room_of", "slots_of"]

_THREADS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelRoom:
    """How many tunnels fit.

    Attributes:
        tunnels: at a time.
        at: the line that limits them; None for httpd's own default.
        children: processes that share them.
        astray: clients that a process which is full may accept while another has room: none under prefork.
    """

    tunnels: int
    at: Directive | None
    children: int
    astray: int = 0
    prefork: bool = False


def room_of(conf: Configuration, installation: Installation, destinations: Sequence[Destination]) -> TunnelRoom:
    """TunnelRoom for tunnels to these backends."""
    modules = processes(conf, installation)
    tunnels, at = capacity(conf.main, modules)
    threads = 1 if "mpm_prefork" in modules else min(tunnels, _number(conf, "ThreadsPerChild", _THREADS))
    children = max(1, tunnels // threads)
    own = [one.parameters.get("max") for one in destinations]
    most = [int(found.text) if found and found.text.isdigit() and threads > 1 else threads for found in own]
    if own and own[0] and sum(most) * children < tunnels:
        tunnels, at = sum(most) * children, own[0].at
    astray = children if threads > 1 < children else 0
    return TunnelRoom(tunnels=tunnels, at=at, children=children, astray=astray, prefork="mpm_prefork" in modules)


def slots_of(conf: Configuration, installation: Installation) -> tuple[int, Directive | None]:
    """Places for processes, old ones that only end their tunnels included (ServerLimit), and the line."""
    default = 256 if "mpm_prefork" in processes(conf, installation) else 16
    return _number(conf, "ServerLimit", default), conf.main.setting("ServerLimit")


def processes(conf: Configuration, installation: Installation) -> frozenset[str]:
    """Modules, with the MPM that serves: the configuration's own where it is to be had."""
    named = {name for name in conf.modules.names if name.startswith("mpm_")}
    own = {name for name in named if installation.has(name)}
    serving = own if len(own) == 1 else {f"mpm_{installation.mpm}"}
    return (conf.modules.names - named) | serving


def all_started(original: Original, room: TunnelRoom) -> Original:
    """The configuration with every process started from the beginning and none ended for idling."""
    spare = str(room.tunnels)
    names = ("MinSpareThreads", "MaxSpareThreads")
    if room.prefork:
        names = ("MinSpareServers", "MaxSpareServers")
    ours = (("StartServers", str(room.children)), *((name, spare) for name in names))
    directives = (*original.effect.directives, *(Directive(name, (value,), "", 0, 0) for name, value in ours))
    return replace(
        original,
        effect=replace(original.effect, directives=directives),
        conf=replace(original.conf, directives=directives),
    )


def _number(conf: Configuration, name: str, default: int) -> int:
    found = conf.main.setting(name)
    return int(found.first) if found and re.fullmatch(r"\d{1,9}", found.first) else default
