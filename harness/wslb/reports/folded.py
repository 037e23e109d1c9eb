"""Values that a saved document says more than once: written once in a table, and a reference wherever they are meant.

A reference is a list of one whole number, the place in the table; no list of numbers is part of a connection. An entry
of the table refers to earlier entries only. Fields that have their default are left out, as the schema allows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

__all__ = ["REFERENCE", "Folder", "or_reference", "unfolded"]

REFERENCE = {
    "description": "Place in the document's shared values, which refer to earlier ones only.",
    "type": "array",
    "items": {"type": "integer", "minimum": 0},
    "minItems": 1,
    "maxItems": 1,
}
"""Its JSON Schema, by the name ``Reference``."""

_SHORTEST = 12
"""Characters from which a value is worth a reference."""

_MOST = 50_000_000
"""Values that a document may stand for; one that stands for more was not written by a run."""


class Folder:
    """First every value is numbered, which counts what is said; then each number is folded.

    Attributes:
        table: values that the folded ones refer to; complete when all are folded.
    """

    def __init__(self) -> None:
        self.table: list[object] = []
        self._numbers: dict[Any, int] = {}
        self._nodes: list[Any] = []
        self._said: list[int] = []
        self._places: dict[int, int] = {}

    def number(self, value: object) -> int:
        """Number of a struct, dataclass, sequence or text: equal values have the same."""
        node = self._node(value)
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = len(self._nodes)
            self._nodes.append(node)
            self._said.append(0)
            if node[0] is not str:
                for part in node[1]:
                    if type(part) is int:
                        self._said[part] += 1
        return number

    def fold(self, number: int) -> Any:
        """The value of a number as JSON knows it, with references in place of what is said elsewhere too."""
        kind, parts = self._nodes[number]
        if kind is str:
            return parts
        told = [self._refer(part) if type(part) is int else part[1] for part in parts]
        return told if kind is list else dict(zip(kind, told, strict=True))

    def _node(self, value: Any) -> tuple[Any, Any]:
        if isinstance(value, str):
            return (str, str(value))
        if isinstance(value, (tuple, list)):
            return (list, tuple(map(self._part, value)))
        kind: Any = type(value)
        there = [(name, item) for name, default in _fields(kind) if (item := getattr(value, name)) != default]
        return (tuple(name for name, _ in there), tuple(self._part(item) for _, item in there))

    def _part(self, value: object) -> int | tuple[type, object]:
        """A number, or a scalar with its type, for 1 is not True."""
        if value is None or isinstance(value, (bool, int, float)):
            return (type(value), value)
        return self.number(value)

    def _refer(self, number: int) -> Any:
        if self._said[number] > 1 and number not in self._places:
            told = self.fold(number)
            if len(str(told)) < _SHORTEST:
                return told
            self._places[number] = len(self.table)
            self.table.append(told)
        place = self._places.get(number)
        return self.fold(number) if place is None else [place]


@cache
def _fields(kind: Any) -> tuple[tuple[str, object], ...]:
    """Fields of a struct or dataclass, each with the default that stands for it where it is left out."""
    if issubclass(kind, msgspec.Struct):
        return tuple((field.name, field.default) for field in msgspec.structs.fields(kind))
    return tuple((field.name, field.default) for field in dataclasses.fields(kind))


def unfolded(value: object, table: Sequence[object]) -> Any:
    """A value with what its references stand for in their places.

    Raises:
        ValueError: a reference leads nowhere, or all together stand for more than any run writes.
    """
    return _Unfolder(table).whole(value)


class _Unfolder:
    def __init__(self, table: Sequence[object]) -> None:
        self.told: list[object] = []
        self.sizes: list[int] = []
        self.size = 0
        for entry in table:
            self.size = 1
            self.told.append(self._value(entry))
            self.sizes.append(self.size)

    def whole(self, value: object) -> object:
        self.size = 0
        return self._value(value)

    def _value(self, value: object) -> object:
        self.size += 1
        if self.size > _MOST:
            raise ValueError("it stands for more values than a run writes")
        if isinstance(value, dict):
            return {name: self._value(item) for name, item in value.items()}
        if not isinstance(value, list):
            return value
        if len(value) != 1 or type(value[0]) is not int:
            return [self._value(item) for item in value]
        if not 0 <= value[0] < len(self.told):
            raise ValueError(f"it refers to entry {value[0]} of {len(self.told)} shared ones")
        self.size += self.sizes[value[0]]
        return self.told[value[0]]


def or_reference(schema: Any) -> Any:
    """The JSON Schema of a value, or of a reference to it; a number or a truth value never is one."""
    if schema.get("type") in {"integer", "number", "boolean", "null"}:
        return schema
    made = {name: part for name, part in schema.items() if name != "default"}
    if isinstance(made.get("items"), dict):
        made["items"] = or_reference(made["items"])
    if "prefixItems" in made:
        made["prefixItems"] = [or_reference(item) for item in made["prefixItems"]]
    kinds = [*made.pop("anyOf", []), *([made] if made else [])]
    default = {"default": schema["default"]} if "default" in schema else {}
    return {"anyOf": [*kinds, {"$ref": "#/$defs/Reference"}], **default}
