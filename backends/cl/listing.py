"""Printed listings in the layout of the system: a heading line, columns of fixed width, an end line."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

END = "* * * * *  E N D  O F  L I S T I N G  * * * * *"
_WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: heading lines from top to bottom, width in characters, and the side its values lean to."""

    heading: str
    width: int
    right: bool = False

    def cell(self, value: object) -> str:
        """Return a value in the width of the column; what is longer is cut, so that columns stay aligned."""
        shown = str(value)[: self.width]
        return shown.rjust(self.width) if self.right else shown.ljust(self.width)


def heading(title: str) -> str:
    """Return the heading line: title, date, time, page."""
    return f"{title:^60}{time.strftime('%m/%d/%y %H:%M:%S'):>24}     Page 0001".rstrip()


def _row(columns: Sequence[Column], values: Sequence[object]) -> str:
    return "  ".join(column.cell(value) for column, value in zip(columns, values, strict=True)).rstrip()


def table(title: str, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> str:
    """Return a listing of rows; `|` in a column's heading starts its next line."""
    heads = [column.heading.split("|") for column in columns]
    height = max(map(len, heads))
    lines = [heading(title)]
    for level in range(height):
        # Short headings stand at the bottom, next to the values.
        lines.append(_row(columns, [([""] * (height - len(head)) + head)[level] for head in heads]))
    lines.extend(_row(columns, row) for row in rows)
    return _ended(lines)


def details(title: str, facts: Iterable[tuple[str, object]]) -> str:
    """Return a listing of names and values: `Name  . . . . :   value`."""
    return _ended([heading(title), *(f"  {dotted(name, 44)} :   {value}" for name, value in facts)])


def dotted(name: str, width: int) -> str:
    """Return a name followed by dots, which stand in the same columns on every line."""
    dots = (" ." * width)[:width]
    return f"{name} {dots[len(name) + 1 :]}"


def _ended(lines: list[str]) -> str:
    return "\n".join([*lines, f"{END:^{_WIDTH}}".rstrip()])
