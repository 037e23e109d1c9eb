"""The text of an adopted configuration as it grows, each line with its place in the user's file."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from wslb.proxies.adopting import AdoptionChange

__all__ = ["Emitted"]


class WrittenLine(Protocol):
    """A line of a user's file; its text is what it was written as."""

    @property
    def file(self) -> str:
        """As the user named it."""
        ...

    @property
    def line(self) -> int:
        """From 1; 0 for one that is none of the file."""
        ...


L = TypeVar("L", bound=WrittenLine)


class Emitted(Generic[L]):
    """Lines, places and changes.

    Attributes:
        marks: line that each numbered mark of the access log stands for.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.places: list[tuple[str, int]] = []
        self.changes: list[AdoptionChange] = []
        self.marks: list[L] = []

    def put(self, text: str, at: L | None) -> None:
        """A line of the text, with the user's place; None for one of our own."""
        for part in text.split("\n"):
            self.lines.append(part)
            self.places.append((at.file, at.line) if at and at.line else ("", 0))

    def change(self, at: L, after: str, why: str) -> None:
        """Tell that a line is served otherwise."""
        self.changes.append(AdoptionChange(file=at.file, line=at.line, before=str(at), after=after, why=why))

    def mark(self, at: L) -> int:
        """Number of a new mark, from 0."""
        self.marks.append(at)
        return len(self.marks) - 1
