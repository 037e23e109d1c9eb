"""The check of the state in which members were left."""

from __future__ import annotations

from tests.evidence import status
from wslb.checks.memberstate import left_as
from wslb.model.results import Record

RECORD = Record(after=(status("node", words="Init Err"), status("liberty")))


def test_the_named_members_must_be_in_the_named_states() -> None:
    assert left_as(node="Init Err")(RECORD).holds
    assert left_as(node="Init Err", liberty="Init Ok")(RECORD).holds
    wrong = left_as(node="Init Ok")(RECORD)
    assert not wrong.holds
    assert wrong.evidence == ("node",)
    assert "node Init Err" in wrong.observed
    assert not left_as(nobody="Init Ok")(RECORD).holds
    assert not left_as()(RECORD).holds


def test_an_empty_record_fails() -> None:
    assert not left_as(node="Init Err")(Record()).holds
