"""States and counters over time: each check on a record that passes, one that fails, and an empty one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import status
from wslb.checks import members
from wslb.model.balancer import Balancer, Member
from wslb.model.results import Check, Event, Record

BALANCER = Balancer(name="x", members=(Member(route="a", url="ws://alpha"), Member(route="b", url="ws://beta")))


SEEN = Event(
    at=1,
    kind="status",
    text="a Ok, b Dis",
    data={"label": "now", "members": {"a": {"status": "Init Ok", "busy": 2}, "b": {"status": "Init Dis", "busy": 0}}},
)
FORM = Event(at=1, kind="attempt", text="form", data={"status": 200, "changed": False})
CONTROL = Event(at=2, kind="attempt", text="right form", data={"status": 200, "changed": True, "control": True})
PROBES = Event(
    at=1,
    kind="probes",
    text="",
    data={"counts": {"alpha": 2, "beta": 3}, "answers": [["alpha", "/a 426"], ["alpha", "/a 426"], ["beta", "/b 426"]]},
)

GOOD = Record(
    balancer=BALANCER,
    before=(status("a"), status("b")),
    after=(status("a", elected=4), status("b", words="Init Err", elected=1)),
    events=(SEEN, FORM, CONTROL, PROBES),
)
BAD = replace(
    GOOD,
    after=(status("a", elected=9), status("b", elected=9)),
    events=(
        replace(SEEN, data={"label": "now", "members": {"b": {"status": "Init Ok", "busy": 1}}}),
        replace(FORM, data={"status": 200, "changed": True}),
        replace(PROBES, data={"counts": {"alpha": 2}, "answers": [["alpha", "/a 426"], ["alpha", "/a 404"]]}),
    ),
)

CHECKS = [
    members.shown_after(a="Init Ok", b="Init Err"),
    members.shown_at("now", a="Init Ok", b="Init Dis"),
    members.busy_at("now", a=2, b=0),
    members.elected_between("a", 3, 5, reason="test"),
    members.changed_nothing(1),
    members.probed(2),
    members.probe_answers(alpha="/a 426", beta="/b 426"),
    members.probe_answers(alpha="/a 426"),
]


@pytest.mark.parametrize("check", CHECKS)
def test_holds_fails_and_never_passes_on_nothing(check: Check) -> None:
    assert check(GOOD).holds, check(GOOD).observed
    assert not check(BAD).holds
    assert not check(Record()).holds
    assert not check(Record(balancer=BALANCER)).holds


@pytest.mark.parametrize(
    "check",
    [
        members.shown_after(),
        members.shown_at("now"),
        members.shown_at("never", a="Init Ok"),
        members.changed_nothing(0),
        members.changed_nothing(2),
        members.probe_answers(),
        members.probe_answers(gamma=""),
        members.probe_answers(alpha="/a 426", beta=""),
        members.probe_answers(alpha="/a 426", gamma="/c 426"),
        members.elected_between("nobody", 0, 9, reason="test"),
    ],
)
def test_a_claim_about_nothing_does_not_hold(check: Check) -> None:
    assert not check(GOOD).holds


def test_a_form_that_is_refused_openly_is_told() -> None:
    refused = replace(GOOD, events=(replace(FORM, data={"status": 403, "changed": False}), CONTROL))
    assert not members.changed_nothing(1)(refused).holds


@pytest.mark.parametrize("control", [(), (replace(CONTROL, data={**CONTROL.data, "changed": False}),)])
def test_forms_that_were_ignored_prove_nothing_where_the_right_one_is_ignored_too(control: tuple[Event, ...]) -> None:
    assert not members.changed_nothing(1)(replace(GOOD, events=(FORM, *control))).holds
