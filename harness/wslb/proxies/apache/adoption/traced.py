"""Which line of a configuration took a request, in httpd's own words: its log at trace level. Pure.

mod_proxy tells each ProxyPass that it tries (AH03461) and the end of the search (AH03464 taken, AH03463 excluded),
mod_rewrite each rule that it applies and what became of it. Both try in order and stop at the one that takes it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wslb.model.results import LogLine
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import Mounting, Way

__all__ = ["Taken", "line_that_took"]

_CLIENT = re.compile(r"\[client ([0-9a-f.:\[\]]+)\]")
_RULE = re.compile(r"applying pattern '(.*)' to uri ")
_PATH = re.compile(r"AH03461: attempting to match URI path '.*?' against (prefix|pattern) '(.*)' for proxying")
_HANDLER = re.compile(r"AH03464: URI path '.*?' matches proxy handler 'proxy:(.*)'")
_FORCED = re.compile(r"(?:forcing proxy-throughput with|go-ahead with proxy request proxy:) ?(\S+)")
_REDIRECT = re.compile(r"(?:ex|im)plicitly forcing redirect (?:\(rc=\d+\)? )?with (\S+)")
_STATUS = re.compile(r"forcing responsecode (\d+) for ")
_ELECTED = re.compile(r'AH10123: proxy: \w+ selected worker "([^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The end that a request found.

    Attributes:
        at: the line; None when no line of mod_proxy or mod_rewrite took it.
        how: ``proxied``, ``excluded``, ``redirected``, ``answered`` or ``nobody``.
        target: URL that it was led to, with addresses of stand-ins.
        member: URL of the member that a balancer elected.
    """

    at: Directive | None
    how: str
    target: str = ""
    member: str = ""


def line_that_took(log: Iterable[LogLine], mountings: Sequence[Mounting], *, number: int = 0) -> Taken | None:
    """Who took one traced request of a log; None where the log does not tell.

    Args:
        log: since it was asked.
        mountings: lines of the server that was asked, in order (`wslb.proxies.apache.conf.order`).
        number: of the request, from 0, where each comes on a connection of its own.
    """
    rules = [m for m in mountings if m.way is Way.REWRITE]
    proxied = [m for m in mountings if m.way is not Way.REWRITE]
    lines = [(found[1] if (found := _CLIENT.search(line.text)) else "", line) for line in log]
    clients = list(dict.fromkeys(client for client, _ in lines if client))
    if number >= len(clients):
        return None
    asked = False
    seen: Counter[str] = Counter()
    current: Directive | None = None
    rewritten: Taken | None = None
    nobody = False
    taken: Taken | None = None
    for client, line in lines:
        if client:
            asked = client == clients[number]
        if not asked:
            continue
        if rule := _RULE.search(line.text):
            nobody = True
            current = _nth(rules, _plain(rule[1]), seen, "rule")
        elif path := _PATH.search(line.text):
            nobody = True
            current = _nth(proxied, _plain(path[2]), seen, path[1])
        elif handler := _HANDLER.search(line.text):
            taken = Taken(at=current, how="proxied", target=handler[1])
        elif "AH03463" in line.text:
            taken = Taken(at=current, how="excluded")
        elif redirect := _REDIRECT.search(line.text):
            rewritten = Taken(at=current, how="redirected", target=redirect[1])
        elif status := _STATUS.search(line.text):
            rewritten = Taken(at=current, how="answered", target=status[1])
        elif forced := _FORCED.search(line.text):
            rewritten = Taken(at=rewritten.at if rewritten else current, how="proxied", target=forced[1])
            taken = None  # a rule of a section, asked after ProxyPass, leads the request elsewhere
        elif (member := _ELECTED.search(line.text)) and (end := taken or rewritten):
            return Taken(at=end.at, how=end.how, target=end.target, member=member[1])
    return taken or rewritten or (Taken(at=None, how="nobody") if nobody else None)


def _nth(mountings: Sequence[Mounting], pattern: str, seen: Counter[str], kind: str) -> Directive | None:
    """The line of this pattern: of several, the one whose turn it is."""
    key = f"{kind} {pattern}"
    same = [m.directive for m in mountings if m.path.lstrip("!") == pattern.lstrip("!")]
    number = seen[key]
    seen[key] += 1
    return same[min(number, len(same) - 1)] if same else None


def _plain(logged: str) -> str:
    """Text as it was before it was escaped for the log."""
    return logged.replace("\\\\", "\\").replace('\\"', '"')
