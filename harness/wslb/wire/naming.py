"""Who answered, as far as a client can tell: one notion for whatever opens WebSockets at servers that are not ours.

A rule is written ``KIND:WHAT`` (`NameRule`) and read out of what one opening showed (`Showing`): its answer's fields
and the first messages. To say which backend answered, call `NameRule.of` with each opening; where nobody gave a rule,
`found` tries what many openings showed, and answers the first that can be a name:

* what is the same in each opening tells backends as little apart as nothing does;
* what differs in each opening names the connection (a clock, a counter, a session id), not the backend;
* a name comes back: some opening shows it again after another was shown, which clocks and counters never do;
* a field that some answers lack has a value there too, ``(none)``.

A field that is made for the purpose, such as X-Served-By, is believed when it is always the same: then one answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wslb.errors import ConfigError
from wslb.model.cookies import cookie_set
from wslb.model.handshake import Headers, header_values, one_header

__all__ = ["ABSENT", "NameRule", "Showing", "found"]

ABSENT = "(none)"
"""Name that the absence of a field or a cookie gives."""

LONGEST_NAME = 120
FORMS = "greeting, header:NAME, cookie:NAME, route:COOKIE, json:FIELD or message:REGEX"
_KINDS = frozenset({"header", "cookie", "route", "json", "message"})

_SIGNATURES = ("x-backend", "x-served-by", "x-backend-server", "x-upstream", "x-upstream-addr", "x-instance",
               "x-node", "x-host", "x-server", "x-hostname", "x-pod", "x-container")  # fmt: skip
"""Fields that servers and proxies are told to send so that a client knows who answered."""

_KEYS = ("node", "backend", "server", "host", "hostname", "instance", "pod", "container", "worker", "replica",
         "served_by", "servedby", "server_id", "serverid", "name")  # fmt: skip
"""Last parts of JSON fields that name a server."""

_NOBODYS = re.compile(
    r"date|age|expires|last-modified|etag|connection|upgrade|keep-alive|vary|alt-svc|nel|report-to|set-cookie|"
    r"content-.*|transfer-encoding|sec-websocket-.*|.*request-?id|.*trace.*|.*correlation.*|.*-ray|.*cache.*|"
    r".*time.*|.*runtime.*|.*limit.*|:status"
)
"""Fields that are about this answer, whoever gave it."""

_FIGURE = re.compile(r"[-+]?\d+([.,]\d+)?\s*[a-zµ%]{0,2}")
"""A number, with a unit or not: how long or how many, and nobody's name."""

_MOST_JSON = 200
_MOST_MATCHED = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What one opening showed of who answered.

    Attributes:
        response: fields of the answer that opened it.
        messages: the first ones that came, in order; bytes are read as Latin-1, so that any can be searched.
    """

    response: Headers = ()
    messages: tuple[str | bytes, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The messages as text."""
        return tuple(one if isinstance(one, str) else one.decode("latin-1") for one in self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRule:
    """How a backend is told from another; ``auto`` leaves it to `found`.

    ``greeting`` is the first line of the first message; ``header:NAME`` a field of the answer; ``cookie:NAME`` a cookie
    that it sets, ``route:NAME`` the part of one behind its last dot, colon or exclamation mark, where session cookies
    have the route; ``json:FIELD`` a field of the first JSON message that has it, with dots between the steps; and
    ``message:REGEX`` what the first group of an expression, or all of it, matches in the first message that it fits.

    Raises:
        ConfigError: of another form, or an expression that is none.
    """

    rule: str = "auto"

    def __post_init__(self) -> None:
        kind, _, what = self.rule.partition(":")
        if self.rule not in {"auto", "greeting"} and not (kind in _KINDS and what):
            raise ConfigError(option="--identify", value=self.rule, allowed=FORMS)
        if kind == "message":
            try:
                re.compile(what)
            except (re.error, OverflowError, RecursionError) as exc:
                raise ConfigError(option="--identify", value=self.rule, allowed=f"an expression ({exc})") from None

    @property
    def kind(self) -> str:
        """``auto``, ``greeting``, ``header``, ``cookie``, ``route``, ``json`` or ``message``."""
        return self.rule.partition(":")[0]

    @property
    def what(self) -> str:
        """Name, field or expression; empty where the kind is all."""
        return self.rule.partition(":")[2]

    @property
    def listens(self) -> bool:
        """Whether a message must come before it can tell."""
        return self.kind in {"greeting", "json", "message"}

    @property
    def source(self) -> str:
        """Where the name comes from, in words."""
        words = {"greeting": "the first message", "json": f"field {self.what} of a message",
                 "message": f"a message, by {self.what}", "route": f"the route in cookie {self.what}"}  # fmt: skip
        return words.get(self.kind, f"{self.kind} {self.what}".rstrip())

    def of(self, showing: Showing) -> str | None:
        """The name; `ABSENT` for a field or cookie that is not there, None when no message has told yet."""
        if self.kind == "header":
            return as_name(one_header(showing.response, self.what) or "") or ABSENT
        if self.kind in {"cookie", "route"}:
            value = cookie_set(showing.response, self.what) or ""
            return as_name(value if self.kind == "cookie" else _route(value)) or ABSENT
        read = {"greeting": as_name, "json": self._field, "message": self._matched}.get(self.kind)
        if read is None:
            return None
        texts = showing.texts[:1] if self.kind == "greeting" else showing.texts
        return next((name for name in map(read, texts) if name), None)

    def _field(self, text: str) -> str | None:
        return next((as_name(value) for path, value in _leaves(text) if path == self.what), None)

    def _matched(self, text: str) -> str | None:
        match = re.search(self.what, text[:_MOST_MATCHED])
        return as_name(next((group for group in match.groups() if group), match[0])) if match else None


def as_name(text: str) -> str:
    """The first line as a name: printable, cut to 120 characters; empty when it is blank."""
    line = "".join(character if character.isprintable() else " " for character in text.strip().partition("\n")[0])
    return line.strip()[:LONGEST_NAME]


def found(showings: Sequence[Showing]) -> NameRule | None:
    """The rule that tells the backends of these openings apart, in the order in which they were made; or None."""
    for candidate, made_for_it in _candidates(showings):
        rule = NameRule(rule=candidate)
        names = [rule.of(showing) for showing in showings]
        if None not in names and _tells([str(name) for name in names], made_for_it=made_for_it):
            return rule
    return None


def _candidates(showings: Sequence[Showing]) -> Iterator[tuple[str, bool]]:
    """Rules in the order in which they are believed, and whether the field has no other purpose."""
    fields = {name.lower(): name for showing in showings for name, _ in showing.response}
    for name in _SIGNATURES:
        if name in fields:
            yield f"header:{fields[name]}", True
    set_ = [value for one in showings for value in header_values(one.response, "Set-Cookie")]
    cookies = [value.partition("=")[0].strip() for value in set_]
    for name in filter(None, dict.fromkeys(cookies)):
        yield f"cookie:{name}", False
        yield f"route:{name}", False
    for name, spelt in fields.items():
        if name not in _SIGNATURES and not _NOBODYS.fullmatch(name):
            yield f"header:{spelt}", False
    paths = dict.fromkeys(path for one in showings for text in one.texts for path, _ in _leaves(text))
    named = [path for path in paths if path.rpartition(".")[2].lower() in _KEYS]
    for path in (*named, *(path for path in paths if path not in named)):
        yield f"json:{path}", False
    if not paths:
        yield "greeting", False


def _tells(names: Sequence[str], *, made_for_it: bool) -> bool:
    """Whether these can be names of backends: several, each seen twice on average, of which one came back."""
    different = len(set(names))
    if different == 1:
        return made_for_it and names[0] != ABSENT
    if all(name == ABSENT or _FIGURE.fullmatch(name) for name in names) and not made_for_it:
        return False
    enough = different < len(names) if made_for_it else different <= (len(names) + 1) // 2
    return enough and (made_for_it or _comes_back(names))


def _comes_back(names: Sequence[str]) -> bool:
    begun = [later for earlier, later in pairwise((None, *names)) if earlier != later]
    return len(begun) > len(set(begun))


def _route(cookie: str) -> str:
    return re.split(r"[.:!]", cookie)[-1] if re.search(r"[.:!]", cookie) else ""


def _leaves(text: str) -> list[tuple[str, str]]:
    """Path and value of what a JSON text names, also behind the digits that socket.io puts in front."""
    body = text.lstrip("0123456789 \r\n")
    if not body.startswith(("{", "[")):
        return []
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return []
    leaves: list[tuple[str, str]] = []
    waiting: list[tuple[str, object]] = [("", whole)]
    while waiting and len(leaves) < _MOST_JSON:
        path, value = waiting.pop(0)
        steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        waiting += [(f"{path}.{step}" if path else str(step), one) for step, one in list(steps)[:_MOST_JSON]]
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            leaves.append((path, str(value)))
    return leaves
