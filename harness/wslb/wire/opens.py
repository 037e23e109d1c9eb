"""What a row of opens at a foreign server says of the balancer there: pure judgement of who answered each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wslb.wire.naming import ABSENT, NameRule, Showing
from wslb.wire.signatures import line_for

__all__ = ["Demand", "Mark", "ProbeAnswer", "Seen", "failures", "judged", "stuck", "uneven"]


class Mark:
    """What an answer is worth: a claim that holds, one that does not, or a fact to know."""

    HOLDS = "✔"
    BROKEN = "✖"
    NOTE = "!"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """One line of the result.

    Attributes:
        mark: one of `Mark`.
        rule: the RFC section that the claim comes from, if any.
        seconds: how long the question took; None where time says nothing.
    """

    mark: str
    name: str
    text: str
    rule: str = ""
    seconds: float | None = None

    def __str__(self) -> str:
        took = "" if self.seconds is None else f"  {self.seconds * 1000:.1f} ms"
        return f"{self.mark} {self.name:<9} {self.text}{took}{f'  {self.rule}' if self.rule else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a balancer is asked to show.

    Attributes:
        count: opens, one after another.
        backends: how many must answer; None asks nothing.
        shares: parts of the opens that backends must get, such as 3 and 1, in any order; empty asks nothing.
        keep_cookies: ask too whether a client that keeps its cookies stays on one backend.
        echo: the server is said to send every message back.
    """

    count: int = 20
    backends: int | None = None
    shares: tuple[int, ...] = ()
    keep_cookies: bool = False
    echo: bool = False

    @property
    def names(self) -> bool:
        """Whether a name must be told for the answer to hold."""
        return self.backends is not None or bool(self.shares) or self.keep_cookies


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One opening of a row: what it showed, or whom a rule has named already, or why it failed."""

    showing: Showing | None = None
    failure: str = ""
    name: str | None = None

    def named(self, rule: NameRule | None) -> str | None:
        """Who answered, by this rule; None where nothing tells."""
        return self.name if self.showing is None or rule is None else rule.of(self.showing)


def judged(row: Sequence[Seen], rule: NameRule | None, wanted: Demand, *, server: str = "") -> ProbeAnswer:
    """What a row of opens says of a balancer: who answered each, and whether that is what was wanted."""
    failed = sum(bool(one.failure) for one in row)
    names = [one.named(rule) for one in row]
    untold = any(name is None for name, one in zip(names, row, strict=True) if not one.failure)
    told = [name for name in names if name is not None]
    if failed == len(row):
        return ProbeAnswer(mark=Mark.BROKEN, name="Backends", text=failures(row))
    if rule is None or untold or _one_each(told, wanted):
        broken = wanted.names or failed
        text = f"{_untold(rule, missing=untold)}; {line_for(server)}"
        if failed:
            text = f"{failures(row)}; {text}"
        return ProbeAnswer(mark=Mark.BROKEN if broken else Mark.NOTE, name="Backends", text=text)
    letters = {name: chr(65 + i) if i < 26 else f"[{i}]" for i, name in enumerate(dict.fromkeys(told))}
    who = ", ".join(f"{letter} = {name}" for name, letter in letters.items())
    origin = f"({who}, from {rule.source})"
    breaks = sum(a == b is not None for a, b in pairwise(names))
    counts = sorted(Counter(told).values(), reverse=True)
    shares = "/".join(str(count) for count in Counter(told).values())
    text = f"{_line(names, letters)}  {shares}, {breaks} break{'' if breaks == 1 else 's'} {origin}"
    wrong = [failures(row, line=False)] if failed else []
    if wanted.backends is not None and len(letters) != wanted.backends:
        wrong.append(f"{len(letters)} backend{'' if len(letters) == 1 else 's'} answered, not {wanted.backends}")
    if wanted.shares and (problem := uneven(counts, wanted.shares)):
        wrong.append(problem)
    if wrong:
        return ProbeAnswer(mark=Mark.BROKEN, name="Backends", text=f"{'; '.join(wrong)}: {text}")
    if wanted.backends is not None or wanted.shares:
        return ProbeAnswer(mark=Mark.HOLDS, name="Backends", text=text)
    if len(letters) < 2:
        return ProbeAnswer(
            mark=Mark.NOTE, name="Backends", text=f"one backend answered every time: {who}, from {rule.source}"
        )
    return ProbeAnswer(mark=Mark.HOLDS if breaks == 0 else Mark.NOTE, name="Backends", text=text)


def stuck(row: Sequence[Seen], rule: NameRule | None) -> ProbeAnswer:
    """Whether opens that keep their cookies, the first has none, all came to one backend.

    A proxy that keeps a client on its member sends the cookie but once: a name that comes from the cookie alone is told
    again only where the client was moved.
    """
    if failed := [one for one in row if one.failure]:
        return ProbeAnswer(mark=Mark.BROKEN, name="Sticky", text=failures(failed))
    names = [rule.of(one.showing) for one in row if one.showing is not None] if rule is not None else []
    by_cookie = rule is not None and rule.kind in {"cookie", "route"}
    if rule is None or None in names or len(names) < 2 or (by_cookie and names[0] == ABSENT):
        return ProbeAnswer(mark=Mark.BROKEN, name="Sticky", text="nothing tells which backend answered")
    moved = list(dict.fromkeys(name for name in names[1:] if name != names[0] and name is not None))
    if by_cookie:
        moved = [name for name in moved if name != ABSENT]
    if moved:
        text = f"a client with its cookies was moved from {names[0]} to {moved[0]}"
        return ProbeAnswer(mark=Mark.BROKEN, name="Sticky", text=text)
    again = " (it was given no other cookie)" if by_cookie else ""
    return ProbeAnswer(mark=Mark.HOLDS, name="Sticky", text=f"{len(names)} of {len(names)} came to {names[0]}{again}")


def _line(names: Sequence[str | None], letters: Mapping[str, str]) -> str:
    shown = [Mark.BROKEN if name is None else letters[name] for name in names[:20]]
    return " ".join(shown) + (" …" if len(names) > 20 else "")


def failures(row: Sequence[Seen], *, line: bool = True) -> str:
    """``✖ ✔ ✖ ✔  2 of 4 failed, all 503``."""
    kinds = Counter(one.failure for one in row if one.failure)
    count = sum(kinds.values())
    ((kind, most), *_) = kinds.most_common(1)
    told = f"all {kind}" if most == count else ", ".join(f"{number} {why}" for why, number in kinds.most_common(3))
    marks = " ".join(Mark.BROKEN if one.failure else Mark.HOLDS for one in row[:20])
    return f"{f'{marks}  ' if line else ''}{count} of {len(row)} failed, {told if count > 1 else kind}"


def uneven(counts: Sequence[int], shares: Sequence[int]) -> str:
    """What is wrong with these counts, if 3:1 is wanted.

    Each may be less than one off, or as far as chance alone brings it.

    Chance counts only where it could not make an equal distribution of the one that is wanted: two standard deviations
    of a binomial distribution.
    """
    total, parts = sum(counts), sorted(shares, reverse=True)
    ratio = ":".join(map(str, parts))
    if len(counts) != len(parts):
        return f"{len(counts)} backends answered, {len(parts)} share {ratio}"
    due = [total * part / sum(parts) for part in parts]
    if all(abs(count - want) < 1 for count, want in zip(counts, due, strict=True)):
        return ""
    room = [2 * math.sqrt(want * (1 - want / total)) for want in due]
    equal = total / len(parts)
    told_apart = len(set(parts)) == 1 or any(abs(equal - want) > most for want, most in zip(due, room, strict=True))
    within = all(abs(count - want) <= most for count, want, most in zip(counts, due, room, strict=True))
    if within and told_apart:
        return ""
    wanted = "/".join(f"{want:g}" for want in due)
    few = "" if told_apart else "; so few opens do not tell chance from weight, ask more: --count"
    return f"shares are {'/'.join(map(str, counts))}, {ratio} wants {wanted}{few}"


def _one_each(told: Sequence[str], wanted: Demand) -> bool:
    """Whether each open had a name of its own, though not so many backends are there."""
    return len(told) > 2 and len(set(told)) == len(told) != wanted.backends


def _untold(rule: NameRule | None, *, missing: bool) -> str:
    if rule is None:
        return "nothing tells which backend answered"
    if missing:
        return f"{rule.source} did not come with each open: nothing tells which backend answered"
    return f"{rule.source} differs at each open: it names the connection, and nothing tells which backend answered"
