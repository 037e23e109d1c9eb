"""Conditions of HAProxy's rules, as far as the text of the file decides them for an upgrade. Pure.

Source: HAProxy's configuration manual, section 7 (ACLs and samples). A condition is alternatives (``or``) of terms that
must all hold. A term is a named ACL, of which one line must hold, or one in braces; ``!`` negates it. What hangs on
more than path, host, method and the fields of an upgrade is not decided: then the answer is None, and nobody guesses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wslb.proxies.haproxy.adoption.sections import HaproxyLine
from wslb.proxies.samples import path_samples

__all__ = ["Conditions", "UpgradeRequest"]

_KNOWN: dict[str, bool] = {
    **dict.fromkeys(("TRUE", "HTTP", "HTTP_1.1", "METH_GET", "HTTP_URL_SLASH", "REQ_CONTENT"), True),
    **dict.fromkeys(("FALSE", "HTTP_1.0", "HTTP_2.0", "METH_POST", "METH_HEAD", "METH_OPTIONS", "METH_PUT"), False),
    **dict.fromkeys(("METH_CONNECT", "METH_DELETE", "METH_TRACE", "HTTP_URL_ABS", "HTTP_URL_STAR"), False),
    **dict.fromkeys(("HTTP_CONTENT", "WAIT_END"), False),
}
"""Predefined ACLs (section 7.4), for an upgrade over HTTP/1.1 with an origin-form path."""

_FETCH = re.compile(r"(?P<name>[a-z_.]+?)(?:_(?P<how>beg|end|sub|dir|dom|reg|len|cnt))?(?:\((?P<of>[^)]*)\))?")
_UNCHANGED = re.compile(r"lower|host_only|url_dec(?:\(\w*\))?")
_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "eq": lambda a, b: a == b,
    "gt": lambda a, b: a > b,
    "lt": lambda a, b: a < b,
    "ge": lambda a, b: a >= b,
    "le": lambda a, b: a <= b,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeRequest:
    """An opening handshake, as far as rules can look at it.

    Attributes:
        host: the Host field.
    """

    path: str
    host: str
    tls: bool = False
    port: int = 80

    def field(self, name: str) -> str | None:
        """A header field of the request; None where it has none of this name that is known."""
        known = {
            "host": self.host,
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        return known.get(name.lower())


@dataclass(frozen=True, slots=True)
class _Test:
    """What one ACL line asks: sample, way of matching, values."""

    name: str
    of: str
    how: str
    values: tuple[str, ...]
    fold: bool
    converted: bool


class Conditions:
    """Of one section.

    Args:
        acls: words behind ``acl NAME``, by name; several lines of one name are alternatives.
    """

    def __init__(self, acls: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
        self._acls = acls

    def holds(self, line: HaproxyLine, request: UpgradeRequest) -> bool | None:
        """Whether a rule counts for a request; None where the text does not decide it."""
        word, terms = line.condition
        if not word:
            return True
        said = _any(_all(self._term(term, request) for term in way) for way in _ways(terms))
        return None if said is None else said is (word == "if")

    def samples(self, line: HaproxyLine) -> Iterator[tuple[str | None, str | None]]:
        """Path and host of requests that may satisfy a rule, for each of its alternatives; None for any."""
        word, terms = line.condition
        if word != "if":
            yield None, None
            return
        for way in _ways(terms):
            paths: list[str | None] = []
            hosts: list[str | None] = []
            for negated, words in way:
                if negated:
                    continue
                for test in filter(None, map(_test, self._lines(words))):
                    paths += _paths(test)
                    hosts += _hosts(test)
            for path in paths or [None]:
                for host in hosts or [None]:
                    yield path, host

    def mentions(self, line: HaproxyLine) -> str:
        """All words that a rule's condition stands for, its named ACLs included."""
        _, terms = line.condition
        return " ".join(
            " ".join((*words, *(w for found in self._lines(words) for w in found)))
            for way in _ways(terms)
            for _, words in way
        )

    def _lines(self, words: tuple[str, ...]) -> Sequence[tuple[str, ...]]:
        return [words[1:-1]] if words[:1] == ("{",) else self._acls.get(words[0], ())

    def _term(self, term: tuple[bool, tuple[str, ...]], request: UpgradeRequest) -> bool | None:
        negated, words = term
        if words[:1] != ("{",) and words[0] not in self._acls:
            said = _KNOWN.get(words[0])
        else:
            said = _any(_judged(_test(found), request) for found in self._lines(words))
        return said if said is None else said is not negated


def _ways(words: Sequence[str]) -> Iterator[list[tuple[bool, tuple[str, ...]]]]:
    """Alternatives of a condition, each a list of terms with whether they are negated."""
    way: list[tuple[bool, tuple[str, ...]]] = []
    negated, at = False, 0
    while at < len(words):
        word = words[at]
        if word in {"or", "||"}:
            yield way
            way = []
        elif word.startswith("!"):
            negated = not negated
            if len(word) > 1:
                words = (*words[:at], word[1:], *words[at + 1 :])
                continue
        elif word == "{":
            end = next((n for n in range(at, len(words)) if words[n] == "}"), len(words) - 1)
            way.append((negated, tuple(words[at : end + 1])))
            negated, at = False, end
        else:
            way.append((negated, (word,)))
            negated = False
        at += 1
    yield way


def _any(answers: Iterator[bool | None]) -> bool | None:
    found = list(answers)
    return True if True in found else None if None in found else False


def _all(answers: Iterator[bool | None]) -> bool | None:
    found = list(answers)
    return False if False in found else None if None in found else True


def _test(words: Sequence[str]) -> _Test | None:
    """One ACL line; None for what is not known here."""
    if not words:
        return None
    sample, *converters = words[0].split(",")
    match = _FETCH.fullmatch(sample)
    if match is None:
        return None
    how, fold, values = match["how"] or "", False, list(words[1:])
    while values and values[0].startswith("-"):
        flag = values.pop(0)
        if flag == "--":
            break
        if flag == "-m" and values:
            how = values.pop(0)
        elif flag == "-i":
            fold = True
        elif flag in {"-f", "-M", "-u"}:
            return None
    name = match["name"].removeprefix("req.").removeprefix("f") if "hdr" in match["name"] else match["name"]
    plain = all(_UNCHANGED.fullmatch(one) for one in converters)
    return _Test(name, match["of"] or "", how, tuple(values), fold or "lower" in converters, not plain)


def _judged(test: _Test | None, request: UpgradeRequest) -> bool | None:
    if test is None or test.converted:
        return None
    if test.name == "hdr":
        return _of_field(test, request)
    samples: dict[str, str] = {
        "path": request.path.partition("?")[0],
        "url": request.path,
        "base": request.host.lower() + request.path.partition("?")[0],
        "method": "GET",
    }
    if test.name in samples:
        return _matches(test, samples[test.name])
    said: bool | None = None
    if test.name in {"ssl_fc", "always_true", "always_false"} and not test.values:
        said = {"ssl_fc": request.tls, "always_true": True, "always_false": False}[test.name]
    elif test.name == "ssl_fc_sni":
        said = request.tls and _matches(test, request.host.partition(":")[0])
    elif test.name == "dst_port":
        said = _matches(_Test("dst_port", "", "int", test.values, False, False), str(request.port))
    return said


def _of_field(test: _Test, request: UpgradeRequest) -> bool | None:
    value = request.field(test.of.partition(",")[0])
    if test.how == "cnt":
        counted = _Test("hdr", test.of, "int", test.values, False, False)
        return _matches(counted, str(int(value is not None))) if value is not None else None
    if value is None:
        browsers = test.of.lower() in {"origin", "user-agent", "cookie"}
        return None if browsers or not test.of else False
    return _matches(test, value)


def _matches(test: _Test, value: str) -> bool | None:
    """Whether one of the values fits."""
    text = value.lower() if test.fold else value
    values = [one.lower() if test.fold else one for one in test.values]
    if test.how == "found":
        return True
    if test.how in {"int", "len"}:
        return _numbers(values, len(value) if test.how == "len" else float(value) if value.isdigit() else None)
    if test.how == "reg":
        try:
            return any(re.search(one, value, re.IGNORECASE if test.fold else 0) for one in test.values)
        except re.error:
            return None
    ways: dict[str, Callable[[str], bool]] = {
        "": lambda one: text == one,
        "str": lambda one: text == one,
        "beg": text.startswith,
        "end": text.endswith,
        "sub": lambda one: one in text,
        "dir": lambda one: f"/{one.strip('/')}/" in f"/{text.strip('/')}/",
        "dom": lambda one: one.strip(".") in _parts(text, one.strip(".")),
    }
    return any(ways[test.how](one) for one in values) if test.how in ways and values else None


def _parts(text: str, one: str) -> list[str]:
    """The runs of as many labels as ``one`` has (``-m dom``)."""
    labels, count = re.split(r"[./?:]", text), one.count(".") + 1
    return [".".join(labels[at : at + count]) for at in range(len(labels))]


def _numbers(values: Sequence[str], number: float | None) -> bool | None:
    if number is None or not values:
        return None
    how, wanted = (values[0], values[1:]) if values[0] in _NUMBERS else ("eq", values)
    try:
        return any(_NUMBERS[how](number, float(one)) for one in wanted)
    except ValueError:
        return None


def _paths(test: _Test) -> Iterator[str]:
    """Paths that one ACL line may take."""
    if test.name == "base":
        yield from (f"/{rest}" for _, slash, rest in (one.partition("/") for one in test.values) if slash)
    if test.name not in {"path", "url"} or test.converted:
        return
    for one in test.values:
        if test.how == "reg":
            yield from path_samples(one)
        elif test.how == "end":
            yield f"/wslb{one}" if one.startswith((".", "/")) else f"/{one}"
        else:
            yield one if one.startswith("/") else f"/{one}"


def _hosts(test: _Test) -> Iterator[str]:
    """Hosts that one ACL line may take."""
    host = (test.name == "hdr" and test.of.lower().partition(",")[0] == "host") or test.name == "ssl_fc_sni"
    if test.name == "base":
        yield from (one.partition("/")[0] for one in test.values if one.partition("/")[0])
    if not host or test.converted:
        return
    for one in test.values:
        if test.how == "reg":
            plain = one.strip("^$").replace("\\", "")
            simple = re.fullmatch(r"[\w.-]+", plain)
            yield from [plain] if simple else (path.strip("/") for path in path_samples(one.strip("^")))
        elif one.startswith("."):
            yield f"wslb{one}"
        elif one.endswith("."):
            yield f"{one}example.org"
        else:
            yield one
