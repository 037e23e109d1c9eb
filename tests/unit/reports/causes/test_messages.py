"""What happened to a message is told from what went and what came back, and nothing is told without that."""

from __future__ import annotations

import pytest
from msgspec.structs import replace as edit

from tests import runs
from tests.unit.reports.causes.test_likely import saved
from wslb.lab.conversation import exchange
from wslb.model.results import Claim, Outcome, Verdict
from wslb.reports.causes import likely as causes
from wslb.reports.document import SavedScenario

Message = str | bytes


def echo(sent: list[Message], back: list[Message], *, failed: bool = True) -> SavedScenario:
    """A saved scenario whose connection 2 sent these messages and got those back."""
    scenario = saved(runs.passed())
    verdict = Verdict(
        check="echoed",
        outcome=Outcome.FAILED if failed else Outcome.PASSED,
        expected="",
        observed="connection 2: no",
        claims=Claim.MESSAGES,
    )
    first, odd, *rest = scenario.connections
    exchanges = [exchange(m, sent=True, at=1.0) for m in sent] + [exchange(m, sent=False, at=2.0) for m in back]
    odd = edit(odd, exchanges=tuple(exchanges))
    return edit(scenario, outcome=Outcome.FAILED, verdicts=(verdict,), connections=(first, odd, *rest))


@pytest.mark.parametrize(
    ("sent", "back", "words"),
    [
        (["a", "b", "c"], ["a", "c"], "1 of 3 messages did not come back, and none was altered"),
        (["a", "b"], [], "2 of 2 messages did not come back"),
        (["a", "b"], ["a", "a", "b"], "came back more than once"),
        (["a", "b"], ["b", "a"], "in another order"),
        ([b"a"], ["a"], "came back as text: its opcode was changed"),
        (["a"], [b"a"], "came back as binary: its opcode was changed"),
        (["abc"], ["abd"], "3 bytes came back with other content of the same size"),
        (["abc"], ["ab"], "a message of 3 bytes came back as one of 2"),
        (["abc"], ["abcd"], "a message of 3 bytes came back as one of 4"),
    ],
)
def test_each_fate_has_its_sentence(sent: list[Message], back: list[Message], words: str) -> None:
    cause = causes.likely(echo(sent, back))
    assert cause is not None
    assert (cause.rule, words in cause.sentence) == ("message", True), cause
    assert cause.evidence == (f"connection #2: {len(sent)} messages sent, {len(back)} came back",)


def test_messages_that_are_alike_or_were_not_asked_for_say_nothing() -> None:
    assert causes.likely(echo(["a"], ["a"])) is None
    assert causes.likely(echo(["a"], ["b"], failed=False)) is None
