"""What the AH numbers of Apache's error log mean, and what to do about those that concern WebSockets behind a balancer.

Level and message come from ``ah_numbers.json``, which ``tools/ah_numbers.py`` makes from httpd's own source and
confirms with the program. The sentences below are written by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from wslb.resources import resource

__all__ = ["HINTS", "Number", "confirmed_by", "known", "look_up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One AH number.

    Attributes:
        level: such as ``error``, or ``debug or error`` where the code decides; empty when not known.
        module: source file, without its ending.
        message: format of the line, with … for what varies.
        means, do: for the reader; empty for numbers without a hint.
    """

    code: str
    level: str
    module: str
    message: str
    means: str = ""
    do: str = ""


_FAILED_OVER = "Apache tries another member, if one is left; start the backend, or check address and port."
_FULL = (
    "All threads are taken: every open tunnel holds one for its whole life.",
    "Raise MaxRequestWorkers, and ThreadsPerChild with it.",
)
_NEARLY_FULL = ("Hardly a thread is left: every open tunnel holds one for its whole life.", _FULL[1])
_SLOTS = (
    "No new child can start, although more would be allowed: old ones still end, each held by a tunnel of its own.",
    "Raise ServerLimit, or let tunnels end sooner: a child that was told to leave waits for its last one.",
)
_RUNS = ("httpd serves: it has started, or a restart has ended.", "")

HINTS: dict[str, tuple[str, str]] = {
    "AH00957": ("Apache could not open TCP to this backend; the errno before the code tells why.", _FAILED_OVER),
    "AH00939": (
        "Apache could not open the member's Unix socket.",
        "Check that the backend runs and the path is right.",
    ),
    "AH00959": (
        "This member is now in error for that many seconds: no traffic goes to it.",
        "retry= on the BalancerMember sets the time; retry=0 tries it at every turn.",
    ),
    "AH00940": (
        "A request met a member that is in error or disabled.",
        "See the line before it, which says why the member is out.",
    ),
    "AH00932": ("The retry time of a member in error has ended: the next election may try it.", ""),
    "AH00933": ("A member in error is still inside its retry time.", "Wait for retry= seconds, or set it lower."),
    "AH00898": (
        "Apache refused what the backend answered; the text says what was wrong with it.",
        "An unexpected Upgrade means that the member's URL lacks ws:// or upgrade=websocket.",
    ),
    "AH01084": ("Apache could not pass the request's body on to the backend.", "See why the backend stopped reading."),
    "AH01102": (
        "The backend closed the connection, or stalled, before it answered the handshake.",
        "Look at the backend's log; timeout= on the BalancerMember bounds the wait.",
    ),
    "AH01110": ("The connection to the backend broke while Apache read the answer.", "Look at the backend's log."),
    "AH01114": (
        "mod_proxy_http gave up on this backend; the client gets 503 unless another member takes the request.",
        _FAILED_OVER,
    ),
    "AH02452": ("mod_proxy_wstunnel gave up on this backend.", _FAILED_OVER),
    "AH02451": ("mod_proxy_wstunnel carries this tunnel: a good sign where it was asked for.", ""),
    "AH02900": (
        "A request without a fitting Upgrade header reached a WebSocket URL: it is answered 426.",
        "Probe another path, or send Upgrade: websocket.",
    ),
    "AH10239": ("The upgrade was accepted and mod_proxy_http carries the tunnel.", ""),
    "AH10212": ("A tunnel began.", ""),
    "AH10223": ("A tunnel ended.", ""),
    "AH10213": (
        "A tunnel was idle for longer than its timeout: Apache closes it.",
        "Send pings more often, or raise ProxyTimeout or ProxyWebsocketIdleTimeout.",
    ),
    "AH10214": ("Waiting for bytes on a tunnel failed: it broke.", "Look at both ends near this time."),
    "AH10220": ("One side of a tunnel reported an error: it broke.", "Look at both ends near this time."),
    "AH10221": ("Bytes could not be passed on through a tunnel: it broke.", "Look at both ends near this time."),
    "AH01144": (
        "No loaded module takes URLs of this scheme.",
        "Load mod_proxy_wstunnel (or mod_proxy_http, which carries ws:// as well).",
    ),
    "AH01161": ("A route was found in the request: a sticky one.", ""),
    "AH01163": ("The balancer's lock could not be taken: an election may have been skipped.", ""),
    "AH01165": ("All members were in error, so Apache tries them again at once.", "forcerecovery=Off prevents that."),
    "AH01167": (
        "The member of this sticky route is out, and no other may serve it.",
        "See nofailover= and the member.",
    ),
    "AH01170": (
        "No member is left: the client gets 503.",
        "Start a backend; retry= bounds how long a member stays in error.",
    ),
    "AH01171": ("The balancer has no member: the configuration is incomplete.", "Add a BalancerMember."),
    "AH01174": (
        "The status of a backend's answer took its member out.",
        "That is what failonstatus= asks for; mend the backend or the list.",
    ),
    "AH02460": ("A timeout took the member out.", "That is what failontimeout=On asks for."),
    "AH01177": ("mod_slotmem_shm is not loaded, so the balancer cannot start.", "LoadModule slotmem_shm_module."),
    "AH01178": ("The balancers were created.", ""),
    "AH01213": (
        "lbmethod=heartbeat found no load report, so it can elect nobody.",
        "It needs mod_heartmonitor and reporting servers.",
    ),
    "AH10187": (
        "balancer-manager ignored parameters that came without a Referer of its own host.",
        "Send Referer with the server's own name.",
    ),
    "AH03302": ("A health check found a member well and put it back.", ""),
    "AH03303": ("A health check took a member out.", "See what hcuri= answers on that backend."),
    "AH01136": ("A path matched ProxyPass nocanon in a form that Apache does not pass on unescaped.", ""),
    "AH00558": ("No ServerName is set; the name that Apache chose is harmless in a test.", "Set ServerName."),
    "AH00072": ("Another program has the port.", "Stop it, or choose another port."),
    "AH00526": ("The configuration has an error in this line.", "httpd -t shows it; mend the line."),
    "AH00484": _FULL,
    "AH00286": _FULL,
    "AH00161": (
        "All children of prefork are taken: every open tunnel holds one for its whole life.",
        "Raise MaxRequestWorkers, or use MPM event, where a tunnel costs a thread.",
    ),
    "AH00287": _NEARLY_FULL,
    "AH10159": _NEARLY_FULL,
    "AH03490": _SLOTS,
    "AH00288": _SLOTS,
    "AH00489": _RUNS,
    "AH00292": _RUNS,
    "AH00163": _RUNS,
    "AH00052": (
        "A child process of httpd crashed: its tunnels are lost.",
        "Look for a core file; try another version.",
    ),
    "AH00051": (
        "A child process of httpd crashed: its tunnels are lost.",
        "Look for a core file; try another version.",
    ),
    "AH01873": (
        "TLS sessions are not cached: every handshake is a full one.",
        "Harmless in a test; SSLSessionCache ends it.",
    ),
    "AH01882": (
        "mod_ssl was built against a newer OpenSSL than the one that runs.",
        "Upgrade the OpenSSL library of the machine that runs httpd.",
    ),
    "AH02039": ("A TLS certificate was refused; the text says why.", "Check SSLProxyCACertificateFile and the names."),
    "AH02005": ("The backend's certificate names another host than the member's URL.", "Let the certificate name it."),
    "AH02411": (
        "The backend's certificate does not name the host of the member's URL; IP addresses in it do not count.",
        "Use a host name that the certificate lists.",
    ),
}
"""Meaning and advice for the numbers that a reader of this report may meet."""


@cache
def _table() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(resource("proxies/apache/ah_numbers.json"))
    return found


def known() -> Mapping[str, Mapping[str, str]]:
    """Level, module and message of every number in the table."""
    numbers: Mapping[str, Mapping[str, str]] = _table()["numbers"]
    return numbers


def confirmed_by() -> str:
    """Version of the program whose own strings confirm the messages."""
    return str(_table()["confirmed_by"])


def look_up(code: str) -> Number | None:
    """What is known of a number; None when the table does not have it."""
    entry = known().get(code)
    if entry is None:
        return None
    means, do = HINTS.get(code, ("", ""))
    return Number(code=code, level=entry["level"], module=entry["module"], message=entry["message"], means=means, do=do)
