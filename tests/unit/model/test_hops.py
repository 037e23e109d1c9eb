from __future__ import annotations

from wslb.model.hops import changes


def test_every_field_gets_the_word_for_what_happened_to_it() -> None:
    before = (("Host", "front"), ("Upgrade", "websocket"), ("Cookie", "a"), ("Origin", "x"), ("Connection", "Upgrade"))
    after = (
        ("host", "back"),
        ("origin", "x"),
        ("X-Forwarded-For", "c"),
        ("Connection", "Upgrade"),
        ("Upgrade", "WebSocket"),
    )
    assert {change.name: change.what for change in changes(before, after)} == {
        "Host": "rewritten",
        "Upgrade": "re-created",
        "Cookie": "removed",
        "Origin": "unchanged",
        "Connection": "re-created",
        "X-Forwarded-For": "added",
    }


def test_a_repeated_field_that_loses_a_line_is_rewritten() -> None:
    (change,) = changes((("A", "1"), ("A", "2")), (("A", "1"),))
    assert (change.what, change.before, change.after) == ("rewritten", ("1", "2"), ("1",))
