"""The server around it: listening, names, files, and the form of the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Older, Rule, Severity, Spot
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive, Flaw
from wslb.proxies.apache.conf.vocabulary import DIRECTIVES, OTHER_DIRECTIVES, meant

__all__ = ["RULES"]


def _flaws(conf: Configuration, *kinds: str) -> Iterator[Flaw]:
    return (flaw for flaw in conf.flaws if flaw.kind in kinds)


def _no_listen(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``httpd -t`` says Syntax OK, the start ends with AH00015, no listening sockets available."""
    if conf.whole and conf.mountings and not conf.main.all("listen"):
        yield Spot(conf.directives[0], "no Listen in the whole configuration")


def _no_name(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: AH00558 at every start; X-Forwarded-Server and balancer-manager's Referer check use the name."""
    if conf.whole and conf.mountings and not conf.main.all("servername"):
        yield Spot(conf.directives[0], "no ServerName in the main server")


def _port(address: str) -> str:
    return address.rpartition(":")[2] if ":" in address and not address.endswith("]") else ""


def _nobody_listens(conf: Configuration) -> Iterator[Spot]:
    """By the manual of core: <VirtualHost> makes no listener."""
    ports = {_port(p.directive.first) or p.directive.first for p in conf.main.all("listen")}
    if not conf.whole or not ports or any("$" in port for port in ports):
        return
    for scope in conf.scopes[1:]:
        section = scope.section
        if section is None or not section.words:
            continue
        wanted = {_port(address) for address in section.words}
        tunnels = any(conf.tunnels_to(mounting) for mounting in conf.mountings_in(scope))
        if all(port.isdigit() and port not in ports for port in wanted) and tunnels:
            yield Spot(section, f"{section}, but no Listen for {', '.join(sorted(wanted))}")


def _missing(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``Include/IncludeOptional: Could not open directory``. The file may be of another machine."""
    for flaw in _flaws(conf, "missing"):
        yield Spot(flaw, f"Include {flaw.text} leads to no file on this machine")


def _nesting(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``Expected </Directory> but saw </IfModule>``, and httpd does not start."""
    for flaw in _flaws(conf, "unclosed", "stray"):
        told = {
            "unclosed": f"<{flaw.text}> is not closed",
            "stray": f"</{flaw.text}> closes nothing",
        }[flaw.kind]
        yield Spot(flaw, told)


def _swallowed(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: a directive behind ``# comment \\`` is not read, not even a wrong one."""
    for flaw in _flaws(conf, "swallowed"):
        yield Spot(flaw, f"this comment ends with a backslash and takes in {flaw.text}")


def _macro(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``Use of undefined macro``, ``recursive use of macro``, and httpd does not start."""
    for flaw in _flaws(conf, "macro"):
        yield Spot(flaw, f"Use {flaw.text}: no such macro was defined before")
    for flaw in _flaws(conf, "recursive"):
        yield Spot(
            flaw, f"Use {flaw.text}: this macro uses itself", cure="Leave out the Use within the macro of that name."
        )


_PROXYING = re.compile(r"proxy|balancer|^rewriterule$|^listen$|^virtualhost$")


def _undefined(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: AH00111 Config variable is not defined, and the text ``${NAME}`` stays as it is."""
    for name, directive in conf.undefined.items():
        if _PROXYING.search(directive.key):
            yield Spot(directive, f"${{{name}}} in {directive.name} is not defined here")


_STEMS = ("prox", "balanc", "webso", "sslprox")


def _spelling(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``Invalid command 'BalancerMemeber'``."""
    odd: dict[str, list[Directive]] = {}
    for placed in (p for scope in conf.scopes for p in scope.placed):
        key = placed.directive.key
        if key.startswith(_STEMS) and key not in DIRECTIVES and key not in OTHER_DIRECTIVES:
            odd.setdefault(key, []).append(placed.directive)
    for key in list(odd)[:100]:  # a file with more unknown names than that is no configuration
        near = meant(key, frozenset(DIRECTIVES), cutoff=0.85)
        for directive in odd[key] if near else ():
            known = f"{DIRECTIVES[near]}, probably" if conf.knows(near) else "Take it off: this httpd has none like it."
            yield Spot(directive, f"{directive.name} is no directive", cure=known)


RULES = (
    Rule(
        id="WSLB-C120",
        severity=Severity.ERROR,
        why="httpd -t says Syntax OK, but the start ends with AH00015.",
        cure="Listen 80, or an address and port of this machine",
        find=_no_listen,
    ),
    Rule(
        id="WSLB-C121",
        severity=Severity.NOTE,
        why="httpd guesses it (AH00558); X-Forwarded-Server tells the guess to every backend.",
        cure="ServerName with the name that clients use",
        find=_no_name,
    ),
    Rule(
        id="WSLB-C122",
        severity=Severity.WARNING,
        why="<VirtualHost> opens no port: nobody ever reaches it.",
        cure="Listen with that port",
        find=_nobody_listens,
    ),
    Rule(
        id="WSLB-C123",
        severity=Severity.NOTE,
        why="What stands in it is not looked at here; where httpd runs, a missing Include stops the start.",
        cure="Run wslb doctor --conf where the files are, or make it IncludeOptional.",
        older=Older(before=(2, 4, 35), cure="Run wslb doctor --conf where the files are, or remove the line."),
        find=_missing,
    ),
    Rule(
        id="WSLB-C124",
        severity=Severity.ERROR,
        why="httpd does not start: Expected another end.",
        cure="Close every section in the opposite order of opening.",
        find=_nesting,
    ),
    Rule(
        id="WSLB-C125",
        severity=Severity.WARNING,
        why="A backslash at its end continues a comment too: the next line is not read.",
        cure="Take the backslash off.",
        find=_swallowed,
    ),
    Rule(
        id="WSLB-C126",
        severity=Severity.ERROR,
        why="httpd does not start.",
        cure="Put <Macro> before its Use.",
        find=_macro,
    ),
    Rule(
        id="WSLB-C127",
        severity=Severity.NOTE,
        why="Unless the environment of httpd has it, the text stays as it is (AH00111).",
        cure="Define NAME value before its first use.",
        find=_undefined,
    ),
    Rule(
        id="WSLB-C128",
        severity=Severity.ERROR,
        why="httpd does not start: Invalid command.",
        cure="Correct the name.",
        find=_spelling,
    ),
)
