"""A user's test, as type checkers read it: every line that ends in ``# error`` must be one, and no other may."""

from __future__ import annotations

from dataclasses import replace

from wslb import (
    CLUSTER,
    Ask,
    Balancer,
    Carrier,
    Check,
    Conversation,
    Handshake,
    HarnessError,
    Lab,
    LabError,
    LbMethod,
    Member,
    Mount,
    Outcome,
    Record,
    Scenario,
    ScenarioResult,
    Settings,
    Site,
    Try,
    Verdict,
    accept_is_right,
    alternates,
    balanced,
    follows_model,
    open_lab,
    served_by,
    witnesses_agree,
)


async def test_connections_alternate(wslb_lab: Lab) -> None:
    opened: list[Conversation] = await wslb_lab.open_in_turn(4)
    seen = [conversation.backend for conversation in opened]
    assert seen == ["liberty", "node", "liberty", "node"]
    async with await wslb_lab.open() as console:
        said: str | None = await console.run("WRKSYSSTS")
    assert said
    await wslb_lab.open_in_turn("three")  # error
    x: int = await wslb_lab.open_in_turn(3)  # error
    assert x


async def four_in_turn(lab: Lab) -> None:
    await lab.open_in_turn(4)


def all_were_answered(record: Record) -> Verdict:
    first: Handshake = record.handshakes[0]
    judged: Verdict = accept_is_right(record)
    assert first.accepted
    return replace(judged, check="all_were_answered")


MORE: tuple[Check, ...] = (all_were_answered, served_by("liberty", "node", "liberty", "node"))
MINE = Scenario(
    name="mine-four",
    question="Do four connections alternate?",
    limit="0 breaks over 4 connections",
    site=balanced(CLUSTER),
    act=four_in_turn,
    checks=(alternates, follows_model, witnesses_agree, *MORE),
)
Scenario(name="mine-lame", question="?", limit="", site=balanced(CLUSTER), act=len, checks=MORE)  # error

MEMBER = Member(route="a", url="ws://127.0.0.1:9/")
HEAVY: int = MEMBER.route  # error
GROUP = Balancer(name="mine", members=(MEMBER,), lbmethod=LbMethod.BYBUSYNESS)
MOUNT: Mount = balanced(GROUP).mounts[0]
SERVED = Site(mounts=(MOUNT,), carrier=Carrier.HTTP)


async def test_mine(wslb_ask: Ask) -> None:
    result: ScenarioResult = await wslb_ask(MINE)
    assert result.outcome is Outcome.PASSED
    await wslb_ask(5)  # error


async def test_my_configuration(wslb_try: Try) -> None:
    results: tuple[ScenarioResult, ...] = await wslb_try("site.conf", paths=["/chat"], values={"host": "a"})
    assert results
    await wslb_try("site.conf", "/chat")  # error


async def by_hand() -> None:
    try:
        async with open_lab(Settings(connections=40)) as lab:
            await lab.open(path=8)  # error
    except LabError as exc:
        told: HarnessError = exc
        assert told.hint
