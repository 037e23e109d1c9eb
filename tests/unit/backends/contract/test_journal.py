"""The journal and the faults, as data."""

import pytest

from backends.contract import faults
from backends.contract.faults import FaultBoard, FaultError
from backends.contract.journal import Ending, Entry, Journal, text


def entry(**values: object) -> Entry:
    common = {
        "listener": "ws", "peer": "127.0.0.1:1", "method": "GET", "target": "/CLRunner", "http_version": "1.1",
        "upgrade": True, "headers": (),
    }  # fmt: skip
    return Entry(**{**common, **values})


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(b"plain", "plain"), (b"\xc3\xa4", "ä"), ("\xc3\xa4", "ä"), (b"\xff\xfe", "\ufffd\ufffd"), ("\xe4x", "\ufffdx")],
)
def test_header_text_is_utf8_with_replacement(raw: bytes | str, shown: str) -> None:
    assert text(raw) == shown


def test_order_case_and_duplicates_are_kept() -> None:
    headers = ((b"B", b"1"), (b"a", b"2"), (b"b", b"3"), (b"B", b"1"))
    assert entry(headers=headers).as_json()["headers"] == [["B", "1"], ["a", "2"], ["b", "3"], ["B", "1"]]


def test_connection_id_is_found_in_any_case() -> None:
    assert entry(headers=(("x-WSLB-conn", "c1"),)).as_json()["conn_id"] == "c1"
    assert entry().as_json()["conn_id"] is None


def test_numbers_go_on_after_a_clear() -> None:
    journal = Journal()
    journal.add(entry())
    journal.clear()
    journal.add(entry())
    assert [each.seq for each in journal.entries()] == [2]


def test_end_of_the_connection_is_told() -> None:
    live = entry()
    assert live.as_json()["closed"] is None
    live.closed = Ending(code=1006, reason="", by="lost", at=1.5)
    assert live.as_json()["closed"] == {"code": 1006, "reason": "", "by": "lost", "at": 1.5}


GOOD = [
    {"kind": "impersonate", "name": "node", "greeting": "ü"},
    {"kind": "accept", "value": "x"},
    {"kind": "upgrade", "value": ""},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 200, "reason": "Fine", "times": 2},
    {"kind": "status", "status": 302, "location": "http://127.0.0.1:9/"},
    {"kind": "silent"},
    {"kind": "hangup"},
    {"kind": "mute"},
    {"kind": "forget"},
    {"kind": "cut", "after_messages": 0},
    {"kind": "push", "messages": 3, "interval_seconds": 0.5},
    {"kind": "fragment", "bytes": 1000},
    {"kind": "ping", "payload": "are you there"},
    {"kind": "close", "code": 1011, "reason": "x" * 123},
    {"kind": "upgrade", "value": "h2c"},
    {"kind": "fragment", "bytes": 7},
    {"kind": "ping", "payload": "are you there"},
]


@pytest.mark.parametrize("document", GOOD, ids=lambda document: document["kind"])
def test_fault_is_understood_as_given(document: dict[str, object]) -> None:
    assert faults.parse(document).as_json() == document


def test_every_kind_is_tested() -> None:
    assert {document["kind"] for document in GOOD} == set(faults.KINDS)


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (None, "JSON object"),
        ({}, "Unknown kind None; known are impersonate, accept"),
        ({"kind": "x"}, "Unknown kind 'x'"),
        ({"kind": ["x"]}, "Unknown kind"),
        ({"kind": "silent", "loud": 1}, "Unknown parameter 'loud' of silent"),
        ({"kind": "cut"}, "The parameter after_messages of cut is missing"),
        ({"kind": "cut", "after_messages": True}, "not True"),
        ({"kind": "cut", "after_messages": 1.5}, "whole number"),
        ({"kind": "push", "messages": 1, "interval_seconds": float("nan")}, "must be a number"),
        ({"kind": "status", "status": 101}, "from 200 to 599"),
        ({"kind": "status", "status": 500, "reason": "a\r\nb"}, "printable"),
        ({"kind": "accept", "value": "ü"}, "printable ASCII"),
        ({"kind": "impersonate", "name": "x", "greeting": 1}, "must be text"),
        ({"kind": "close", "code": 1005, "reason": ""}, "close code"),
        ({"kind": "close", "code": 1000, "reason": "ü" * 62}, "123 bytes"),
        ({"kind": "mute", "times": 0}, "from 1"),
    ],
)
def test_impossible_fault_is_told_in_a_sentence(document: object, part: str) -> None:
    with pytest.raises(FaultError) as error:
        faults.parse(document)
    assert part in str(error.value)
    assert str(error.value).endswith(".")


def test_faults_add_up_and_end_after_their_times() -> None:
    board = FaultBoard()
    assert board.take() == {}
    board.add(faults.parse({"kind": "mute"}))
    board.add(faults.parse({"kind": "cut", "after_messages": 1, "times": 2}))
    assert [set(board.take()) for _ in range(3)] == [{"mute", "cut"}, {"mute", "cut"}, {"mute"}]
    board.add(faults.parse({"kind": "mute", "times": 1}))
    assert board.as_json() == [{"kind": "mute", "times": 1}]
    board.clear()
    assert board.take() == {}
