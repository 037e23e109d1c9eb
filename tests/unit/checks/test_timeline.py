"""From a record to the model's steps: events around failover, states, restarts and stickiness."""

from __future__ import annotations

from dataclasses import replace

from tests.evidence import status
from wslb.checks.distribution import elected_as_modelled, follows_model, predicted, timeline
from wslb.model.balancer import Balancer, LbMethod, Member, MemberState
from wslb.model.handshake import Handshake
from wslb.model.replay import StepKind
from wslb.model.results import Event, Record

BALANCER = Balancer(
    name="x",
    members=(Member(route="a", url="ws://alpha"), Member(route="b", url="ws://beta")),
    stickysession="ROUTEID",
)


def handshake(seq: int, backend: str | None, *, cookie: str = "") -> Handshake:
    return Handshake(
        conn_id=str(seq),
        seq=seq,
        url="ws://localhost/ws",
        request=(("Cookie", cookie),) if cookie else (),
        status=101 if backend else 503,
        greeters=(backend,) if backend else (),
        opened_at=float(seq),
    )


def event(at: float, kind: str, **data: object) -> Event:
    return Event(at=at, kind=kind, text=kind, data=data)


DEAD = Record(
    balancer=BALANCER,
    handshakes=(handshake(1, "alpha"), handshake(2, "alpha"), handshake(3, "alpha")),
    events=(event(0.5, "backend", backend="beta", up=False),),
    before=(status("a"), status("b")),
    after=(status("a", elected=3), status("b", elected=1)),
)


def test_every_kind_of_event_becomes_its_step() -> None:
    record = replace(
        DEAD,
        handshakes=(handshake(1, "beta", cookie="ROUTEID=.b"),),
        events=(
            event(0.1, "member", route="a", loadfactor=3.0, state=None),
            event(0.2, "member", route="a", loadfactor=None, state="N"),
            event(0.3, "balancer", lbmethod="bybusyness"),
            event(0.4, "backend", backend="beta", up=True),
            event(0.5, "request", status=200, balanced=True),
            event(0.6, "request", status=200),
            event(0.7, "restart"),
            event(0.8, "status"),
        ),
    )
    steps = timeline(record)
    assert [step.kind for step in steps] == [
        StepKind.CHANGE,
        StepKind.CHANGE,
        StepKind.CHANGE,
        StepKind.UP,
        StepKind.TURN,
        StepKind.RESTART,
        StepKind.OPEN,
    ]
    assert steps[0].factor == 300
    assert steps[1].state is MemberState.DRAIN
    assert steps[2].lbmethod is LbMethod.BYBUSYNESS
    assert steps[3].route == "b"
    assert steps[6].asked == "b"


def test_failover_is_predicted_and_counted() -> None:
    assert follows_model(DEAD).holds
    assert elected_as_modelled(DEAD).holds
    assert predicted(DEAD) == {"1": "a", "2": "a", "3": "a"}


def test_without_the_death_the_same_elections_are_wrong() -> None:
    alive = replace(DEAD, events=())
    assert not follows_model(alive).holds
    assert not elected_as_modelled(alive).holds


def test_nobody_can_be_predicted_too() -> None:
    record = replace(
        DEAD,
        handshakes=(handshake(1, None),),
        events=(*DEAD.events, event(0.6, "backend", backend="alpha", up=False)),
        after=(status("a", elected=1), status("b", elected=1)),
    )
    assert follows_model(record).holds
    assert elected_as_modelled(record).holds
    assert predicted(record) == {}


def test_elected_as_modelled_needs_evidence() -> None:
    assert not elected_as_modelled(Record()).holds
    assert not elected_as_modelled(replace(DEAD, after=())).holds
    assert not elected_as_modelled(replace(DEAD, balancer=replace(BALANCER, lbmethod=LbMethod.HEARTBEAT))).holds
