"""What the terminal says of several proxies, 80 columns wide."""

from __future__ import annotations

import textwrap

from wslb.reports.contrast import ContrastCell, ContrastDocument
from wslb.reports.grades import SHAPES
from wslb.reports.texts import DASH

__all__ = ["lines"]

_WIDTH = 80
_NAMES = len("Apache, nginx, HAProxy")


def lines(document: ContrastDocument) -> list[str]:
    """Each question, and what the proxies make of it; what several say alike once."""
    told = [""]
    for group, rows in document.groups:
        told += [group.upper(), ""]
        for row in rows:
            told.append(row.title)
            said: dict[tuple[tuple[str, str], ...], list[str]] = {}
            for column, cell in zip(document.columns, row.cells, strict=True):
                said.setdefault(_told(cell, several=row.several), []).append(column.short)
            told += [
                line
                for texts, names in said.items()
                for number, (mark, text) in enumerate(texts)
                for line in _wrapped("" if number else ", ".join(names), mark, text)
            ]
            told.append("")
    told += [line for one in document.columns if one.error for line in _wrapped(one.short, "!", one.error)]
    return [*told, document.sentence]


def _told(cell: ContrastCell, *, several: bool) -> tuple[tuple[str, str], ...]:
    """Mark and text of each answer; nothing of a proxy that is not here, which is told once."""
    if cell.reason:
        return ((DASH, cell.reason),)
    marks = {**SHAPES, "": "·"}
    return tuple(
        (
            marks[one.outcome or ""],
            " ".join(
                part
                for part in (
                    one.question if several else "",
                    one.claim or ("" if one.told else "not asked"),
                    f"[{one.seen}]" if one.seen else "",
                    one.told,
                    f"({one.scenario})" if one.scenario else "",
                )
                if part
            ),
        )
        for one in cell.answers
    )


def _wrapped(name: str, mark: str, text: str) -> list[str]:
    first = f"  {name:<{_NAMES}} {mark} "
    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)
