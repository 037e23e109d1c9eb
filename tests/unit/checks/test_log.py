from __future__ import annotations

import pytest

from wslb.checks.log import announced, only_announced
from wslb.model.results import LogLine, Record


def line(level: str, code: str = "AH00957") -> LogLine:
    return LogLine(at="now", module="proxy", level=level, code=code, text=f"{code}: something")


@pytest.mark.parametrize(
    ("level", "holds"), [("emerg", False), ("error", False), ("warn", False), ("notice", True), ("debug", True)]
)
def test_warnings_and_worse_fail_unless_announced(level: str, holds: bool) -> None:
    record = Record(log=(line("notice"), line(level)))
    assert only_announced()(record).holds is holds
    assert only_announced("AH00957")(record).holds
    assert only_announced("AH01114")(record).holds is holds


def test_the_first_unexpected_line_is_shown() -> None:
    verdict = only_announced()(Record(log=(line("error"), line("error", "AH01114"))))
    assert verdict.observed == "2 lines, first: error AH00957: something"
    assert verdict.evidence == ("[proxy:error] AH00957: something", "[proxy:error] AH01114: something")


def test_what_every_start_says_is_no_finding() -> None:
    assert only_announced()(Record(log=(line("warn", "AH01873"),))).holds


@pytest.mark.parametrize("odd", [line("error", "AH03490"), line("warn", "AH01136"), line("", "")])
def test_what_breaks_no_claim_is_told_and_graded(odd: LogLine) -> None:
    verdict = only_announced()(Record(log=(odd,)))
    assert (verdict.holds, verdict.breaks, verdict.evidence) == (False, False, (odd.told,))
    worse = only_announced()(Record(log=(odd, line("error"))))
    assert (worse.breaks, worse.evidence) == (True, ("[proxy:error] AH00957: something",))


def test_an_announced_line_must_come() -> None:
    record = Record(log=(line("error"),))
    assert announced("AH00957")(record).holds
    assert announced("AH00957", "AH01114")(record).observed == "AH01114 did not come"
    assert not announced("AH00957")(Record()).holds
    assert not announced()(record).holds
