"""Who served which connection, in order: the figures behind the strip, the shares and the tables.

Every number that a report prints about the sequence of elections is computed here, from the saved document alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from wslb.model.results import Claim
from wslb.reports.document import SavedBalancer, SavedConnection, SavedScenario

__all__ = ["Share", "Turns", "overlapping", "turns_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one member got, and what it should have got.

    Attributes:
        expected: None where nothing is claimed.
        tolerance: largest allowed distance, None where no check judges the shares.
    """

    lane: str
    seen: int
    expected: float | None
    tolerance: float | None

    @property
    def difference(self) -> float:
        """Seen minus expected."""
        return self.seen - (self.expected or 0)

    @property
    def word(self) -> str:
        """Whether it is inside its limit, in a word."""
        if self.expected is None or self.tolerance is None:
            return "no claim"
        return "within" if abs(self.difference) <= self.tolerance else "outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """The sequence of one scenario.

    Attributes:
        lanes: members (routes) in configuration order; without a balancer the backends in order of appearance.
        numbers: the connections' own numbers.
        seen, expected: lane of each connection; None where nobody served, or where nothing is predicted.
        ordered: whether the scenario claims an order.
        strict: whether it claims strict turns, so that two in a row on one member are a break.
        breaks: positions (from 0) where the order broke; empty where none is claimed.
        deviations: positions that differ from the prediction.
        shares: one per lane.
    """

    lanes: tuple[str, ...]
    numbers: tuple[int, ...]
    seen: tuple[str | None, ...]
    expected: tuple[str | None, ...]
    ordered: bool
    strict: bool
    breaks: tuple[int, ...]
    deviations: tuple[int, ...]
    shares: tuple[Share, ...]

    def __len__(self) -> int:
        return len(self.seen)

    @property
    def unserved(self) -> tuple[int, ...]:
        """Positions that nobody served."""
        return tuple(i for i, lane in enumerate(self.seen) if lane is None)

    @property
    def marks(self) -> tuple[int, ...]:
        """Positions that a reader should look at: breaks, and the first deviation."""
        return tuple(sorted({*self.breaks, *self.deviations[:1]})) if self.ordered else ()

    @property
    def longest_run(self) -> int:
        """Most connections in a row on one member."""
        return max((sum(1 for _ in run) for lane, run in groupby(self.seen) if lane is not None), default=0)

    @property
    def order(self) -> str:
        """How the order was, in words that cannot be taken for another claim's: not every order is of strict turns."""
        if not self.ordered:
            return "no claim"
        times = f"{len(self.breaks)} break{'s' if len(self.breaks) != 1 else ''}"
        if self.strict:
            return f"{times} of strict turns"
        predicted = sum(lane is not None for lane in self.expected)
        if not predicted:
            return "no prediction"
        if self.breaks:
            return f"{times} of the predicted order"
        return f"{'every one' if predicted == len(self) else predicted} as the model predicts"

    @property
    def finding(self) -> str:
        """The strip in one sentence, for those who cannot see it."""
        total = len(self)
        words = [f"{total} connection{'s' if total != 1 else ''}"]
        if self.ordered:
            named = ", ".join(str(self.numbers[i]) for i in self.marks[:5])
            more = f" and {len(self.marks) - 5} more" if len(self.marks) > 5 else ""
            words += [f"{self.order}: number {named}{more}" if self.breaks else self.order]
            if self.marks and not self.breaks:
                words.append(f"first other than predicted: number {named}")
        if self.unserved:
            words.append(f"{len(self.unserved)} served by nobody, first number {self.numbers[self.unserved[0]]}")
        words.append(", ".join(f"{share.lane} {share.seen}" for share in self.shares))
        return "; ".join(words)


def turns_of(scenario: SavedScenario) -> Turns:
    """The sequence of a scenario of the saved document."""
    balancer, connections = scenario.balancer, scenario.connections
    claims = {verdict.claims for verdict in scenario.verdicts}
    routes: dict[str | None, str] = {}
    for member in balancer.members if balancer else ():
        routes.setdefault(member.backend, member.route)
    seen = tuple(routes.get(c.backend, c.backend) for c in connections)
    expected = tuple(c.expected for c in connections)
    named = [lane for lane in seen if lane is not None]
    lanes = tuple(dict.fromkeys([*(m.route for m in balancer.members), *named] if balancer else named))
    deviations = tuple(i for i, (got, want) in enumerate(zip(seen, expected, strict=True)) if want and got != want)
    ordered, strict = any(claim.orders for claim in claims), Claim.TURNS in claims
    return Turns(
        lanes=lanes,
        numbers=tuple(c.seq for c in connections),
        seen=seen,
        expected=expected,
        ordered=ordered,
        strict=strict,
        breaks=_breaks(seen, deviations, strict=strict) if ordered else (),
        deviations=deviations,
        shares=_shares(scenario, lanes, seen, expected),
    )


def _breaks(seen: Sequence[str | None], deviations: Sequence[int], *, strict: bool) -> tuple[int, ...]:
    """Repeats where strict turns are claimed, else the starts of wrong stretches."""
    if strict:
        return tuple(i + 1 for i, (a, b) in enumerate(pairwise(seen)) if a == b)
    wrong = set(deviations)
    return tuple(i for i in deviations if i - 1 not in wrong)


def _shares(
    scenario: SavedScenario, lanes: Sequence[str], seen: Sequence[str | None], expected: Sequence[str | None]
) -> tuple[Share, ...]:
    counts = Counter(seen)
    claimed = sorted(
        (verdict for verdict in scenario.verdicts if verdict.claims.shares),
        key=lambda verdict: verdict.claims is not Claim.SHARE,
    )
    wanted = _wanted(scenario.balancer, claimed[0].claims, seen, expected) if claimed and scenario.balancer else {}
    tolerance = claimed[0].tolerance if claimed and wanted else None
    return tuple(Share(lane=lane, seen=counts[lane], expected=wanted.get(lane), tolerance=tolerance) for lane in lanes)


def _wanted(
    balancer: SavedBalancer, claim: Claim, seen: Sequence[str | None], expected: Sequence[str | None]
) -> dict[str, float]:
    """Expected connections per lane: the model's elections, or parts of the loadfactors where shares are claimed."""
    if claim is not Claim.SHARE and expected and None not in expected:
        predicted = Counter(expected)
        return {member.route: float(predicted[member.route]) for member in balancer.members}
    factors = {m.route: float(m.loadfactor) for m in balancer.members if m.state == "enabled"}
    total = sum(factors.values())
    return {route: len(seen) * factor / total for route, factor in factors.items()} if total else {}


def overlapping(connections: Sequence[SavedConnection]) -> int:
    """Handshakes that began before the one before them had ended; a millisecond is left for rounded times."""
    return sum(b.opened_at + 0.001 < a.opened_at + a.elapsed_seconds for a, b in pairwise(connections))
