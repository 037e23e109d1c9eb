"""A configuration as a user writes it, with the line that takes an upgrade and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["EVERY_TURN", "Written", "lines_of"]

MARK = "→"
"""In front of the line that takes the upgrade of the first path that is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A configuration of a user's.

    Attributes:
        text: with `MARK`, and ``@CA@`` for the file of a certificate and its key.
        name: of the file.
        beside: texts of further files of its folder, by name.
        says: what the words about the first path contain, besides the line.
        paths: named by the user.
        turns: verdicts of the turns that are asked as well, in order.
        advice: errors and warnings of the doctor, each with what the lab makes of it.
    """

    text: str
    name: str = "site.conf"
    beside: Mapping[str, str] = field(default_factory=dict)
    says: str = ""
    paths: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    turns: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


def lines_of(written: Written) -> tuple[str, int | None]:
    """Text as the user has it, and the number of the marked line."""
    lines = written.text.strip("\n").split("\n")
    marked = next((number for number, line in enumerate(lines, 1) if line.lstrip().startswith(MARK)), None)
    return "\n".join(line.replace(MARK, "", 1) for line in lines) + "\n", marked


EVERY_TURN = ("turns", "held", "at-once")
