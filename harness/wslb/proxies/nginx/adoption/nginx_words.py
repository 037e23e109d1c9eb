"""What became of an upgrade behind nginx, in the lines of the user's file. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from wslb.model.handshake import Arrival, Handshake, one_header
from wslb.model.results import LogLine
from wslb.proxies.adopting import TriedPath, disclosed
from wslb.proxies.nginx.adoption.effective import lines_in_force, proxying
from wslb.proxies.nginx.adoption.grammar import NginxLine

__all__ = ["TOOK", "chain_to", "explained"]

TOOK = "took the request of"
"""Begin of the line in which the access log tells which block took a request; its id and the block's number follow."""

STRANGER = "the lab asks from 127.0.0.1, without a name or password"
_SEEN = ("Host", "Origin", "Upgrade", "Connection", "X-Forwarded-For", "X-Forwarded-Proto")
_ALWAYS = frozenset({200, 201, 204, 206, 301, 302, 303, 304, 307, 308})
"""Answers that ``add_header`` without ``always`` reaches (ngx_http_headers_module)."""


def chain_to(lines: tuple[NginxLine, ...], block: NginxLine) -> tuple[NginxLine, ...]:
    """Blocks from the outermost to this one, by identity."""
    for line in lines:
        if line is block:
            return (line,)
        if line.block and (found := chain_to(line.block, block)):
            return (line, *found)
    return ()


def explained(
    lines: tuple[NginxLine, ...],
    marks: Sequence[NginxLine],
    asked: TriedPath,
    handshake: Handshake,
    log: Sequence[LogLine],
) -> Iterator[str]:
    """Line, backend and what it saw of an upgrade that was accepted; line, cause and cure of one that was not."""
    told = next((line.text for line in log if line.text.startswith(f"{TOOK} {handshake.conn_id}:")), "")
    number = int(found[1]) if (found := re.search(r"block (\d+)$", told)) else -1
    block = marks[number] if 0 <= number < len(marks) else None
    chain = chain_to(lines, block) if block else ()
    where = f"{block.place}: {disclosed(str(block))}" if block else "nginx does not tell which line"
    arrival = handshake.arrival
    server = next((one for one in chain if one.name == "server"), None)
    way = proxying(block, server) if block and server and block.name == "location" else None
    passed = way[1] if way else next(block.inside("proxy_pass"), None) if block else None
    to = f"; {passed.place}: {disclosed(str(passed))}" if passed else ""
    if handshake.accepted:
        yield f"{where} took it{to}"
        yield from _unsent(chain, handshake)
    elif arrival is not None and (lost := _lost(arrival)):
        yield f"{where} takes it as plain HTTP: {lost} does not reach the backend{to}"
        yield from _missing(chain, passed, arrival.http_version)
    elif arrival is not None:
        asked_for = f"{arrival.method} {arrival.target}"
        yield f"{where} takes it, and the backend itself answers {arrival.status} to {asked_for}{to}"
        yield from _missing(chain, passed, arrival.http_version)
    elif passed is not None:
        yield f"{where} takes it, and {handshake.status or 'no answer'} comes back{to}"
        if handshake.status in {401, 403}:
            yield STRANGER
    elif handshake.status is None:
        yield f"no answer: {handshake.error}"
    else:
        yield f"{where} takes it, and nginx itself answers {handshake.status}: no proxy_pass is in force there"
        yield from _answering(chain, asked, handshake.status)
    if arrival is not None:
        fields = "; ".join(f"{name}: {value}" for name in _SEEN if (value := one_header(arrival.headers, name)))
        yield f"{arrival.backend} saw {arrival.method} {arrival.target} HTTP/{arrival.http_version}; {fields}"
        if "//" in arrival.target.partition("?")[0]:
            yield f"a slash doubles on the way: the backend is asked for {arrival.target}"
    if not handshake.accepted:
        yield from (f"nginx's log: {line.text}" for line in log[:200] if line.alarming)


def _lost(arrival: Arrival) -> str:
    """The field of an upgrade that did not arrive; empty where both did."""
    if not one_header(arrival.headers, "Upgrade"):
        return "the Upgrade field"
    tokens = (one_header(arrival.headers, "Connection") or "").lower()
    return "" if "upgrade" in tokens else "Connection: upgrade"


def _missing(chain: Sequence[NginxLine], passed: NginxLine | None, version: str) -> Iterator[str]:
    """Lines without which an upgrade does not get through."""
    fields = lines_in_force(chain, "proxy_set_header")
    names = {line.first.lower(): line for line in fields}
    lacking = [] if version == "1.1" else ["proxy_http_version 1.1;"]
    if "upgrade" not in names:
        lacking.append("proxy_set_header Upgrade $http_upgrade;")
    if "connection" not in names:
        lacking.append('proxy_set_header Connection "upgrade";')
    elif not re.search(r"upgrade|\$", " ".join(names["connection"].words[1:]), re.IGNORECASE):
        yield f"{names['connection'].place}: {names['connection']}: the backend is told no upgrade"
    if lacking:
        at = f" to the block of {passed.place}" if passed else ""
        yield f"add{at}: {' '.join(lacking)}"
    nearest = next((block for block in reversed(chain) if any(True for _ in block.inside("proxy_set_header"))), None)
    outer = [line for block in chain if block is not nearest for line in block.inside("proxy_set_header")]
    if nearest is not None and (unheard := [line for line in outer if line.first.lower() in {"upgrade", "connection"}]):
        own = next(nearest.inside("proxy_set_header"))
        places = ", ".join(line.place for line in unheard)
        yield f"{places} do not count there: a block that has a proxy_set_header of its own ({own.place}) inherits none"


def _answering(chain: Sequence[NginxLine], asked: TriedPath, status: int) -> Iterator[str]:
    """The line by which nginx answers itself, as far as the text tells."""
    names = ("return", "rewrite", "deny", "auth_basic", "auth_request", "limit_except", "valid_referers", "try_files")
    found = [line for block in reversed(chain) for line in block.inside(*names)]
    found += [line for block in chain for one in block.inside("if") for line in one.inside("return", "rewrite")]
    if found:
        yield f"{found[0].place}: {disclosed(str(found[0]))}"
    if 300 <= status < 400:
        yield "a WebSocket client follows no redirect: keep the WebSocket path out of it"
    if status in {401, 403}:
        yield STRANGER
    elif asked.at and not 300 <= status < 400:
        yield f"meant for it: {asked.at}"


def _unsent(chain: Sequence[NginxLine], handshake: Handshake) -> Iterator[str]:
    """``add_header`` lines that a 101 does not get."""
    status = handshake.status
    for line in lines_in_force(chain, "add_header"):
        unheard = "always" not in line.words[2:] and status not in _ALWAYS
        if unheard and one_header(handshake.response, line.first) is None:
            yield f"{line.place}: {disclosed(str(line))} does not reach the {status}, for want of always"
