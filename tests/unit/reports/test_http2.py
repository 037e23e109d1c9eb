"""A tunnel over HTTP/2 is accepted with 200: every report draws it as right."""

from __future__ import annotations

import re
from dataclasses import replace

from defusedxml import ElementTree

from tests import runs
from tests.unit.reports.test_numbers import cells
from wslb.model.results import Outcome
from wslb.reports import github, html, junit
from wslb.reports.inspector import groups
from wslb.reports.latency import latencies
from wslb.reports.not_tested import not_tested
from wslb.reports.sequences import turns_of

RESULT = runs.over_http2()
DOCUMENT = runs.saved(RESULT)
(SCENARIO,) = DOCUMENT.scenarios


def test_it_is_accepted_in_the_saved_document() -> None:
    assert RESULT.outcome is Outcome.PASSED, RESULT.first_failure
    assert {(one.accepted, one.status) for one in SCENARIO.connections} == {(True, 200)}


def test_page_marks_nothing_of_it() -> None:
    page = html.render(DOCUMENT)
    for word in ("not as RFC 6455", 'class="nope"', "\N{HEAVY MULTIPLICATION X}", "must be 101"):
        assert word not in page
    table = re.search(r'<table class="conns">.*?</table>', page, re.S)
    assert table
    assert {len(row) for row in cells(table[0])} == {4}, "a connection has a note"
    assert "ws over HTTP/2 through mod_proxy_wstunnel to node" in page
    assert "CONNECT /ws HTTP/2" in page


def test_strip_serves_every_connection() -> None:
    turns = turns_of(SCENARIO)
    assert (turns.unserved, turns.marks) == ((), ())


def test_its_times_are_told_by_themselves() -> None:
    both = runs.saved(RESULT, runs.passed())
    assert [(one.label, len(one.values)) for one in latencies(both.scenarios)] == [
        ("ws over HTTP/2, one at a time", 24),
        ("ws, one at a time", 8),
    ]


def test_junit_and_the_summary_call_it_passed() -> None:
    suite = ElementTree.fromstring(junit.render(DOCUMENT))
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert "| \N{HEAVY CHECK MARK} PASS | `carrier-h2` |" in github.summary(DOCUMENT)
    assert github.annotate(DOCUMENT) == ()


def test_refusal_over_http2_breaks_its_own_rule() -> None:
    refused = replace(RESULT.record.handshakes[0], status=403)
    found = groups(runs.saved(runs.judged(replace(RESULT.record, handshakes=(refused,)))).scenarios)
    assert [(row.rule, row.why) for row in found[0].response if row.holds is False] == [("RFC 8441 §5", "must be 2xx")]


def test_what_was_asked_is_not_called_untested() -> None:
    assert not [item for item in not_tested(DOCUMENT) if "HTTP/2" in item]
    assert [item for item in not_tested(runs.saved(runs.passed())) if "HTTP/2" in item] == [
        "WebSockets over HTTP/2 (RFC 8441)"
    ]


def test_hosts_of_a_network_are_not_called_one_host() -> None:
    far = replace(RESULT.record, addresses={"ws://liberty": "192.0.2.7:10000"})
    found = not_tested(runs.saved(replace(RESULT, record=far)))
    assert not [item for item in found if "one host" in item]
    assert [item for item in not_tested(DOCUMENT) if "one host" in item]
