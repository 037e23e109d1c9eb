"""What a comparison of lbmethods says: which cell is best, what is noise, and one recommendation per workload.

Theory. A method has a median and a range over its runs in each column, and lower is better. The method with the
lowest median leads; every other whose range touches the leader's cannot be told from it, and leads with it. Ranges of
two equal methods with five runs each miss each other once in 126 (one side holds all five low ones: 2 of the 252 ways
to choose five of ten). Of fewer runs it would be oftener, so these recommend nothing.

A workload names its criteria, the weightiest first. They are asked in turn, each only of the methods that are left: a
criterion that tells nobody apart, or that some run could not tell, passes the question on, and one that does drops
those behind. What is left is recommended together, with the numbers that dropped the others; when nobody was dropped,
nobody stands out. So a weightier criterion is never outvoted by lesser ones, and no sum of unlike units is formed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wslb.model.comparison import ComparedMethods, ComparedWorkload, MethodNumbers
from wslb.reports.texts import DASH, count, milliseconds, number

__all__ = ["ENOUGH_RUNS", "NOISE", "Cell", "Contest", "MethodRow", "answer", "contests", "lines", "to_set"]

NOISE = "≈ within noise"
ENOUGH_RUNS = 5
"""Of fewer runs a range says nothing: then no cell is best, and no method is recommended."""

HEADS = {
    "breaks": "Breaks",
    "deviation": "Largest deviation",
    "p50": "p50",
    "p99": "p99",
    "errors": "Errors in fault",
    "recovery": "Recovery",
}
_ONLY_IN_FAULTS = ("errors", "recovery")
_WORDS = {"connections": "connections", "tunnels": "open tunnels", "bytes": "kB carried"}
_SCALE = {"bytes": 1000.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One number of one method.

    Attributes:
        value: median with its unit, or why there is none.
        spread: range, empty where all runs agree or there is one number only.
        mark: ``best``, `NOISE`, ``equal``, ``equal best``, or nothing.
    """

    value: str
    spread: str = ""
    mark: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.value, self.spread, self.mark) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodRow:
    """One method."""

    lbmethod: str
    runs: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One workload.

    Attributes:
        heads: of the columns.
        advice: which method suits it, with the number that says so.
        best: the methods that it names; empty when no number tells them apart.
        suits: `best`, or all where none stands out; empty when nothing can be said.
    """

    workload: ComparedWorkload
    heads: tuple[str, ...]
    rows: tuple[MethodRow, ...]
    advice: str
    best: tuple[str, ...]
    suits: tuple[str, ...]


def contests(comparison: ComparedMethods) -> tuple[Contest, ...]:
    """Every workload of a saved comparison that has a run."""
    ran = [workload for workload in comparison.workloads if any(method.runs for method in workload.methods)]
    return tuple(_contest(workload) for workload in ran)


def _contest(workload: ComparedWorkload) -> Contest:
    methods = workload.methods
    faulty = any(method.errors for method in methods)
    columns = [column for column in HEADS if faulty or column not in _ONLY_IN_FAULTS]
    marks = {column: _marks(column, workload) for column in columns}
    rows = tuple(
        MethodRow(
            lbmethod=method.lbmethod,
            runs=method.runs,
            cells=tuple(_cell(column, method, workload, marks[column].get(method.lbmethod, "")) for column in columns),
        )
        for method in methods
    )
    heads = tuple(
        f"{HEADS[column]}, {_WORDS[workload.deviation]}" if column == "deviation" else HEADS[column]
        for column in columns
    )
    best, suits, advice = _advice(workload)
    return Contest(workload=workload, heads=heads, rows=rows, advice=advice, best=best, suits=suits)


def answer(comparison: ComparedMethods) -> str:
    """What the whole comparison says, in one sentence: the first thing that a reader wants."""
    found = contests(comparison)
    told = [contest for contest in found if contest.suits]
    silent = [contest.workload.name for contest in found if not contest.suits]
    rest = f"; nothing can be said of {_listed(silent)}" if told and silent else ""
    if not told:
        return "No workload has enough runs that passed to say which lbmethod suits it."
    where = _all(len(told)) if len(told) > 1 else f"for {told[0].workload.name}"
    leaders = _leaders(told)
    if all(not contest.best for contest in told):
        return f"No lbmethod stands out {where}: keep the one that you have{rest}."
    if leaders:
        word = "best" if all(contest.suits == leaders for contest in told) and len(leaders) == 1 else "best or equal"
        as_good = {
            method: [contest.workload.name for contest in told if method in contest.suits]
            for method in comparison.lbmethods
            if method not in leaders
        }
        others = "".join(f"; {method} is as good for {_listed(names)}" for method, names in as_good.items() if names)
        return f"{_listed(leaders)} {'was' if len(leaders) == 1 else 'were'} {word} {where}{others}{rest}."
    each = "; ".join(f"{_listed(contest.best, 'or')} for {contest.workload.name}" for contest in told if contest.best)
    return f"No lbmethod is best {where}: {each}{rest}."


def to_set(comparison: ComparedMethods) -> tuple[str, ...]:
    """The lines of an httpd.conf that follow from the answer; none where nothing stands out.

    Where no method suits all, those of each, with what it is for.
    """
    told = [contest for contest in contests(comparison) if contest.suits]
    chosen = _leaders(told)[:1] or tuple(dict.fromkeys(contest.best[0] for contest in told if contest.best))
    if all(not contest.best for contest in told):
        return ()
    out: list[str] = []
    for method in chosen:
        suited = [contest.workload.name for contest in told if method in contest.suits]
        out += [
            f"# for {_listed(suited)}",
            f"LoadModule lbmethod_{method}_module modules/mod_lbmethod_{method}.so",
            "# within your own balancer, beside its BalancerMember lines",
            '<Proxy "balancer://mycluster">',
            f"    ProxySet lbmethod={method}",
            "</Proxy>",
        ]
    return tuple(out)


def _all(number: int) -> str:
    return "in both workloads" if number == 2 else f"in all {count(number, 'workload')}"


def _leaders(told: Sequence[Contest]) -> tuple[str, ...]:
    """The methods that suit every workload."""
    return tuple(method for method in (told[0].suits if told else ()) if all(method in one.suits for one in told))


def _listed(names: Sequence[str], word: str = "and") -> str:
    return f" {word} ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _marks(column: str, workload: ComparedWorkload) -> dict[str, str]:
    """A word for every cell that leads its column, alone or with others; a column that may be high has none."""
    if column == "breaks" and "breaks" not in workload.criteria:
        return {}
    told = [method for method in workload.methods if (stat := method.stat(column)) and stat.low is not None]
    if len(told) < 2 or len(told) < len(workload.methods) or _too_few(workload):
        return {}
    leading = _leading(column, told)
    if len(leading) == 1:
        return {leading[0].lbmethod: "best"}
    found = {stat for method in leading if (stat := method.stat(column))}
    same = len({(stat.low, stat.high) for stat in found}) == 1 and all(stat.exact for stat in found)
    word = ("equal" if len(leading) == len(told) else "equal best") if same else NOISE
    return {method.lbmethod: word for method in leading}


def _too_few(workload: ComparedWorkload) -> bool:
    return any(method.runs < ENOUGH_RUNS for method in workload.methods)


def _leading(column: str, methods: Sequence[MethodNumbers]) -> list[MethodNumbers]:
    """The method with the lowest median, and those whose ranges overlap with its own."""
    found = [(method, stat) for method in methods if (stat := method.stat(column))]
    _, first = min(found, key=lambda one: (one[1].median, one[1].least))
    return [method for method, stat in found if stat.least <= first.most]


def _advice(workload: ComparedWorkload) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """The methods that stand out by the criteria in their order, those that suit, and the sentence."""
    methods = workload.methods
    if _too_few(workload):
        runs = ", ".join(f"{method.lbmethod} {method.runs}" for method in methods)
        return (), (), f"no recommendation: it takes {ENOUGH_RUNS} runs that passed of every method ({runs})."
    left, reasons = list(methods), list[str]()
    for column in workload.criteria:
        if len(left) < 2 or any(method.stat(column) is None for method in left):
            continue
        leading = _leading(column, left)
        if len(leading) < len(left):
            behind = [method for method in left if method not in leading]
            named = f"{_lower(column, workload)}: {_told(column, leading, workload)}"
            reasons.append(f"{named}, against {_told(column, behind, workload)}")
            left = leading
    names = tuple(method.lbmethod for method in left)
    if len(left) == len(methods):
        column = workload.criteria[-1]
        if any(method.stat(column) is None for method in methods):
            return (), (), f"no recommendation: not every run could tell {_lower(column, workload)}."
        return (), names, f"none stands out; {_lower(column, workload)}: {_told(column, methods, workload)}."
    return names, names, f"{' or '.join(names)}; {'; '.join(reasons)}."


def _told(column: str, methods: Sequence[MethodNumbers], workload: ComparedWorkload) -> str:
    return ", ".join(f"{method.lbmethod} {_cell(column, method, workload, '')}" for method in methods)


def _lower(column: str, workload: ComparedWorkload) -> str:
    if column == "deviation":
        return f"largest deviation ({_WORDS[workload.deviation]})"
    return HEADS[column].lower()


def _cell(column: str, method: MethodNumbers, workload: ComparedWorkload, mark: str) -> Cell:
    stat = method.stat(column)
    if stat is None:
        if column in {"p50", "p99"}:
            return Cell(value="n too small")
        return Cell(value="not seen" if column == "recovery" else DASH)
    if stat.exact:
        return Cell(value=_value(column, stat.median, workload), mark=mark)
    low, high = (_value(column, end, workload, unit=False) for end in (stat.least, stat.most))
    return Cell(value=_value(column, stat.median, workload), spread=f"({low} to {high})", mark=mark)


def _value(column: str, value: float, workload: ComparedWorkload, *, unit: bool = True) -> str:
    if column in {"p50", "p99"}:
        return f"{milliseconds(value)} ms" if unit else milliseconds(value)
    if column == "recovery":
        return f"{value:.2f} s" if unit else f"{value:.2f}"
    if column == "deviation":
        return number(value / _SCALE.get(workload.deviation, 1.0))
    return number(value)


def lines(comparison: ComparedMethods) -> list[str]:
    """The comparison as text, for a terminal and a log: the answer first, what to write, and the numbers behind it."""
    out = ["", answer(comparison), *(f"    {line}" for line in to_set(comparison))]
    for contest in contests(comparison):
        table = [("lbmethod", "runs", *contest.heads)]
        table += [(row.lbmethod, str(row.runs), *map(str, row.cells)) for row in contest.rows]
        widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
        out += ["", contest.workload.title]
        out += [
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        out.append(f"  → {contest.advice}")
    out += [f"skipped: {one.lbmethod}: {one.reason}" for one in comparison.skipped]
    return out
