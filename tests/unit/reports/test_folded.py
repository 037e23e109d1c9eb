"""Equal values said once: what is folded comes back as it was."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wslb.model.handshake import Arrival, Close, Exchange, Headers, WireView
from wslb.reports import folded
from wslb.reports.document import SavedChange, SavedChanges, SavedConnection, SavedWitnesses
from wslb.reports.folded import Folder, unfolded

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.sampled_from(["", "a", "a text that is said again", "another one of this kind"]) | st.text()
VALUES = st.recursive(
    TEXTS | st.lists(TEXTS), lambda inner: st.lists(inner | st.tuples(TEXTS, SCALARS | TEXTS).map(list)), max_leaves=30
)


def again(values: list[Any]) -> Any:
    """The values, folded, written, read and unfolded."""
    folder = Folder()
    numbers = [folder.number(value) for value in values]
    told = json.loads(json.dumps({"values": [folder.fold(number) for number in numbers], "shared": folder.table}))
    return unfolded(told["values"], told["shared"])


def _references(value: Any) -> bool:
    """Whether a list of one whole number is part of it."""
    if isinstance(value, list):
        return (len(value) == 1 and type(value[0]) is int) or any(map(_references, value))
    return False


@given(st.lists(VALUES))
def test_what_is_folded_comes_back_as_it_was(values: list[Any]) -> None:
    if not _references(values):
        assert again(values) == values


def test_one_true_and_one_and_a_half_stay_apart() -> None:
    values = [["said more than once", 1], ["said more than once", True], ["said more than once", 1.0]]
    assert [[type(item) for item in value] for value in again(values)] == [[str, int], [str, bool], [str, float]]


def test_a_default_is_left_out_and_a_value_is_written_once() -> None:
    folder = Folder()
    one, two = (folder.number(Exchange(sent=True, at=at, text="a greeting of a backend", size=23)) for at in (0.5, 0.7))
    assert [folder.fold(one), folder.fold(two)] == [
        {"sent": True, "at": 0.5, "text": [0], "size": 23},
        {"sent": True, "at": 0.7, "text": [0], "size": 23},
    ]
    assert folder.table == ["a greeting of a backend"]


def test_a_table_that_doubles_with_each_entry_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folded, "_MOST", 1000)
    table = ["ab", *([[n], [n]] for n in range(60))]
    with pytest.raises(ValueError, match="it stands for more values than a run writes"):
        unfolded([[60]], table)


def test_no_part_of_a_connection_is_a_list_of_numbers() -> None:
    """What a reference looks like must mean nothing else."""
    for kind in (SavedConnection, SavedWitnesses, SavedChanges, SavedChange, Arrival, Exchange, Close, WireView):
        names = [f.name for f in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else kind.__struct_fields__
        hints = get_type_hints(kind)
        for name in names:
            items = {item for item in get_args(hints[name]) if item not in (..., type(None))}
            assert hints[name] == Headers or not items & {int, float} or name in NUMBERS, (kind, name)


NUMBERS = {
    "status",
    "closed_at",
    "access_log_status",
    "ended_at",
    "answered_at",
    "nudged_at",
}
"""Fields that may be a number or nothing."""
