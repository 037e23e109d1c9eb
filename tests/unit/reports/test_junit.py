"""junit.xml: readable by any CI, and never green where nothing was proved."""

from __future__ import annotations

from typing import Any

import pytest
from defusedxml import ElementTree

from tests import runs
from wslb.reports import junit


def parsed(*results: Any, **more: Any) -> Any:
    return ElementTree.fromstring(junit.render(runs.saved(*results, **more)))


def test_one_case_per_scenario_with_family_time_and_properties() -> None:
    suite = parsed(runs.passed(), runs.broken(), runs.skipped(), runs.errored()).find("testsuite")
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
        "time": "6.250",
    }
    assert suite.get("timestamp") == "2026-11-22T17:55:57"
    case = suite.find("testcase")
    assert (case.get("classname"), case.get("name"), case.get("time")) == ("wslb.lb", "lb-byrequests", "0.812")
    facts = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert facts["lbmethod"] == "byrequests"
    assert facts["connections"] == "8"
    assert {p.get("name"): p.get("value") for p in suite.find("properties")}["proxy"] == "Apache/2.4.71 (Debian)"


def test_failure_has_a_message_and_text() -> None:
    failure = parsed(runs.broken()).find(".//failure")
    assert "connection 7 expected liberty, got node" in failure.get("message")
    assert "Reproduce: wslb test lb-broken" in failure.text


def test_errored_scenario_is_an_error_and_not_a_failure() -> None:
    root = parsed(runs.errored())
    assert root.find(".//failure") is None
    assert "balancer-manager did not answer" in root.find(".//error").get("message")


def test_skip_tells_its_reason() -> None:
    assert parsed(runs.skipped()).find(".//skipped").get("message") == "this httpd (2.4.71) has no mod_ssl"


@pytest.mark.parametrize(
    ("more", "case", "words"),
    [
        ({"error": "httpd was not found."}, "lab", "The lab failed: httpd was not found."),
        ({"interrupted": "SIGINT", "planned": ("lb-a", "lb-b")}, "interrupted", "stopped by SIGINT"),
        ({}, "nothing", "nothing was tested"),
    ],
)
def test_run_that_did_not_look_carries_an_error(more: dict[str, Any], case: str, words: str) -> None:
    root = parsed(**more)
    found = root.find(f".//testcase[@name='{case}']")
    assert words in found.find("error").text
    assert int(root.get("errors")) == 1


def test_planned_scenarios_without_result_are_skipped() -> None:
    root = parsed(runs.passed(), interrupted="SIGTERM", planned=("lb-byrequests", "headers-late"))
    late = root.find(".//testcase[@name='headers-late']")
    assert late.get("classname") == "wslb.headers"
    assert late.find("skipped").get("message") == "planned, but it did not run"


def test_characters_that_xml_forbids_are_taken_out() -> None:
    result = runs.passed(reason="", question="\x1b[31m\x00 ]]> <b> \udc80 \ufffe")
    root = parsed(result)
    facts = {p.get("name"): p.get("value") for p in root.find(".//testcase").iter("property")}
    assert facts["question"] == "\ufffd[31m\ufffd ]]> <b> \ufffd \ufffd"


def test_same_document_gives_the_same_bytes() -> None:
    document = runs.saved(runs.passed(), runs.broken())
    assert junit.render(document) == junit.render(document)
