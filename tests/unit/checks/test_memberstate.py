"""The check of the state in which members were left."""

from __future__ import annotations

from harness.checks.memberstate import left_as
from harness.results import MemberStatus, Record


def member(route: str, status: str) -> MemberStatus:
    return MemberStatus(
        balancer="mycluster",
        route=route,
        url="",
        status=status,
        elected=0,
        busy=0,
        lbstatus=0,
        transferred=0,
        read=0,
        loadfactor=1,
    )


RECORD = Record(after=(member("node", "Init Err"), member("liberty", "Init Ok")))


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
