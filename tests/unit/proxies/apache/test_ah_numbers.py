"""The dictionary of AH numbers: what the source says, and sentences for the numbers that matter."""

from __future__ import annotations

import re

import pytest

from wslb.proxies.apache import ah_numbers
from wslb.scenarios import SCENARIOS

ASKED_FOR = (
    "AH00957",
    "AH00959",
    "AH00940",
    "AH00932",
    "AH00933",
    "AH01114",
    "AH02452",
    "AH01170",
    "AH01167",
    "AH01171",
    "AH01174",
    "AH01165",
    "AH01102",
    "AH01110",
    "AH01144",
    "AH02900",
    "AH10239",
    "AH10212",
    "AH10223",
    "AH10213",
    "AH10214",
    "AH10220",
    "AH10221",
    "AH03303",
    "AH03302",
    "AH01177",
)


@pytest.mark.parametrize("code", ASKED_FOR)
def test_numbers_of_a_websocket_balancer_are_explained(code: str) -> None:
    number = ah_numbers.look_up(code)
    assert number is not None
    assert number.means
    assert number.level


def test_every_hint_is_about_a_number_of_the_table() -> None:
    assert [code for code in ah_numbers.HINTS if ah_numbers.look_up(code) is None] == []


def test_what_one_mpm_says_is_explained_for_each_mpm() -> None:
    messages = {
        entry["message"]
        for code, entry in ah_numbers.known().items()
        if entry["module"] in {"event", "worker", "prefork"} and code in ah_numbers.HINTS
    }
    speaking = {code: entry for code, entry in ah_numbers.known().items() if entry["message"] in messages}
    assert {entry["module"] for entry in speaking.values()} == {"event", "worker", "prefork"}
    assert sorted(set(speaking) - set(ah_numbers.HINTS)) == []


def test_every_number_that_a_scenario_may_log_is_in_the_table() -> None:
    named = {code for scenario in SCENARIOS for code in scenario.allow_log}
    assert len(named) > 10
    assert sorted(named - set(ah_numbers.known())) == []


def test_numbers_that_pages_tell_wrongly_follow_the_source() -> None:
    assert "nocanon" in (ah_numbers.look_up("AH01136") or pytest.fail("not in the table")).message
    assert "slotmem_shm" in (ah_numbers.look_up("AH01177") or pytest.fail("not in the table")).message


def test_unknown_number_is_unknown() -> None:
    assert ah_numbers.look_up("AH99999") is None


def test_table_is_well_formed() -> None:
    assert re.fullmatch(r"2\.4\.\d+", ah_numbers.confirmed_by())
    for code, entry in ah_numbers.known().items():
        assert re.fullmatch(r"AH\d{5}", code)
        assert set(entry) == {"level", "module", "message"}
        assert entry["message"]
