"""report.html: what every reader must find in it, and what no reader must be exposed to."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from tests import runs
from wslb.checks import distribution
from wslb.model.results import JudgedAdvice, LogLine, Standing
from wslb.reports import html, json_file

VOID = {"meta", "link", "input", "br", "img", "hr", "wbr"}
OPTIONAL_END = {"td", "th", "tr", "li", "dt", "dd", "p"}


class Page(HTMLParser):
    """Elements, ids, links and text of a page; complains about unbalanced elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.external: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = {name: value or "" for name, value in attrs}
        self.handlers += [name for name in found if name.startswith("on") or name == "style"]
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a":
            self.links.append(found.get("href", ""))
        self.external += [found[name] for name in ("src", "href") if re.match(r"(?i)\s*(\w+:)?//", found.get(name, ""))]
        if tag not in VOID | OPTIONAL_END:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in OPTIONAL_END:
            return
        assert self.open, f"</{tag}> without a beginning"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(*results: Any, **more: Any) -> Page:
    return Page(html.render(runs.saved(*results, **more)))


def title(text: str) -> str:
    match = re.search(r"<title>(.*?)</title>", text)
    assert match
    return match[1]


def embedded(text: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="wslb-data">(.*?)</script>', text, re.S)
    assert match
    found: dict[str, Any] = json.loads(match[1])
    return found


@pytest.mark.parametrize(
    ("results", "more", "expected"),
    [
        pytest.param((runs.passed(),), {}, "PASS: 1 of 1 claim holds", id="passed"),
        pytest.param(
            (runs.passed(), runs.broken(), runs.skipped()),
            {},
            "FAIL: 1 of 2 claims failed: the turns broke at connection #7 in lb-broken; 1 skipped",
            id="failed",
        ),
        pytest.param(
            (runs.errored(), runs.passed()),
            {},
            "ERROR: could not look at 1 scenario: lb-held errored; 1 of 1 claim holds",
            id="errored",
        ),
        pytest.param((), {}, "ERROR: nothing was tested", id="empty"),
        pytest.param((runs.skipped(),), {}, "ERROR: nothing was tested: 1 scenario skipped", id="all skipped"),
        pytest.param(
            (), {"error": "httpd was not found."}, "ERROR: the lab failed: httpd was not found.", id="lab error"
        ),
        pytest.param(
            (runs.passed(),),
            {"interrupted": "SIGINT", "planned": ("lb-byrequests", "lb-held")},
            "INTERRUPTED: stopped by SIGINT after 1 of 2 scenarios; 1 of 1 claim holds",
            id="interrupted",
        ),
        pytest.param(
            (runs.passed(),),
            {"planned": ("lb-byrequests", "lb-held")},
            "PARTIAL: 1 of 1 claim holds, but 1 planned scenario did not run",
            id="partial",
        ),
        pytest.param(
            (runs.broken(),),
            {"interrupted": "SIGINT", "planned": ("lb-broken", "lb-held")},
            "FAIL: 1 of 1 claim failed: the turns broke at connection #7 in lb-broken; "
            "stopped by SIGINT, 1 planned did not run",
            id="failed and interrupted",
        ),
    ],
)
def test_title_is_the_verdict(results: tuple[Any, ...], more: dict[str, Any], expected: str) -> None:
    text = html.render(runs.saved(*results, **more))
    assert title(text) == expected
    Page(text)


def test_first_failure_tells_expected_observed_and_command() -> None:
    text = page(runs.passed(), runs.broken()).text
    assert "First failure: Do the connections of lb-broken take turns?" in text
    assert "strict turns liberty node … with 0 breaks over 8 connections" in text
    assert "connection 7 expected liberty, got node" in text
    assert "wslb test lb-broken" in text


def test_failed_cards_come_first_and_open_and_passed_ones_folded() -> None:
    text = html.render(runs.saved(runs.passed(), runs.broken(), runs.errored(), runs.skipped()))
    states = re.findall(r'<details class="card (\w+)" data-outcome="\w+"( open)?>', text)
    assert states == [("failed", " open"), ("errored", " open"), ("passed", ""), ("skipped", "")]


def test_every_verdict_shows_expected_and_observed_passed_or_failed() -> None:
    document = runs.saved(runs.passed(), runs.broken())
    text = Page(html.render(document)).text
    for scenario in document.scenarios:
        for verdict in scenario.verdicts:
            assert " ".join(verdict.expected.split()) in text
            assert " ".join(verdict.observed.split()) in text


def test_every_card_has_the_six_rows_and_its_own_id() -> None:
    document = runs.saved(runs.passed(), runs.broken(), runs.skipped(), runs.errored(), runs.concurrent())
    text = html.render(document)
    for row in ("Claim", "Limit", "Evidence", "Verdict", "Likely cause", "Reproduce"):
        assert text.count(f"<dt>{row}</dt>") >= len(document.scenarios)
    found = Page(text)
    assert {scenario.name for scenario in document.scenarios} <= set(found.ids)


def test_ids_are_unique_and_links_lead_somewhere() -> None:
    found = page(runs.passed(), runs.broken(), runs.skipped())
    assert len(found.ids) == len(set(found.ids))
    assert {link.removeprefix("#") for link in found.links} <= set(found.ids)


def test_reasons_of_skipped_and_errored_scenarios_are_told() -> None:
    text = page(runs.skipped(), runs.errored()).text
    assert "this httpd (2.4.71) has no mod_ssl" in text
    assert "balancer-manager did not answer (connection reset)" in text


def test_strip_states_its_finding() -> None:
    text = html.render(runs.saved(runs.broken()))
    assert 'aria-label="8 connections; 1 break of strict turns: number 7; liberty 4, node 4"' in text


WEIGHTED = replace(runs.CLUSTER, members=(replace(runs.CLUSTER.members[0], loadfactor=2), runs.CLUSTER.members[1]))


@pytest.mark.parametrize(
    ("letters", "words"),
    [
        ("LNLLNL", "every one as the model predicts"),
        ("LNNLNL", "1 break of the predicted order: number 3"),
    ],
    ids=["two in a row as elected", "another in between"],
)
def test_an_order_that_is_not_of_strict_turns_is_not_said_to_keep_or_break_them(letters: str, words: str) -> None:
    evidence = runs.record(letters, balancer=WEIGHTED)
    text = html.render(runs.saved(runs.judged(evidence, checks=(distribution.follows_model,))))
    assert f'aria-label="6 connections; {words}; liberty' in text
    assert f"<td>{words.partition(':')[0]}<td>" in text


def test_no_break_is_marked_where_no_order_is_claimed() -> None:
    text = html.render(runs.saved(runs.concurrent()))
    assert "▼" not in text
    assert "No order is claimed here" in text


def test_connection_that_nobody_served_is_crossed_and_named() -> None:
    result = runs.judged(runs.record("LNxNLN", scenario="lb-lost"), name="lb-lost")
    text = html.render(runs.saved(result))
    assert 'class="nope"' in text
    assert "1 served by nobody, first number 3" in text
    assert "the proxy answered 503" in Page(text).text


def test_inspector_words_what_the_proxy_did() -> None:
    text = page(runs.passed()).text
    for word in ("rewritten", "re-created for this hop", "added", "unchanged", "ProxyPreserveHost Off", "§4.2.2 (5.4)"):
        assert word in text


def test_inspector_shows_a_broken_accept_first() -> None:
    wrong = runs.opened(2, "node")
    wrong = replace(wrong, response=tuple((n, "bm90IHJpZ2h0" if "Accept" in n else v) for n, v in wrong.response))
    text = page(runs.judged(runs.record("LNLN", changed={2: wrong}))).text
    assert text.index("bm90IHJpZ2h0") < text.index("recomputed from the key: the same")


def test_page_is_one_file_that_calls_nobody() -> None:
    text = html.render(runs.saved(runs.passed()))
    found = Page(text)
    assert found.external == []
    assert found.handlers == []
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|innerHTML|eval\(", text)


EVIL = "</script><img src=x onerror=alert(1)>\"'><svg onload=alert(2)>"


def test_what_came_from_the_network_stays_inert() -> None:
    evil = runs.opened(2, "node", extra=(("X-Evil", EVIL),), answer=(("X-Back", EVIL),), error=EVIL)
    line = LogLine(
        at="x", module="proxy", level="error", code="AH00957", text=f"\x1b[31mred\x1b[0m {EVIL}\u202egnp.exe"
    )
    result = runs.judged(runs.record("LNLN", changed={2: evil}, lines=(line,)), question=EVIL, reproduce=EVIL)
    environment = runs.ENVIRONMENT | {"proxy": EVIL, "hook\x07": EVIL}
    text = html.render(runs.saved(result, environment=environment, error=EVIL, interrupted=EVIL, command=EVIL))
    found = Page(text)
    assert "img" not in found.tags
    assert found.handlers == []
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "␛[31mred" in text
    assert dict(embedded(text)["scenarios"][0]["connections"][1]["request"])["X-Evil"] == EVIL


def test_lone_surrogates_do_not_stop_the_report() -> None:
    odd = runs.opened(1, "liberty", answer=(("X-Odd", "\udc80"),))
    html.render(runs.saved(runs.judged(runs.record("LN", changed={1: odd})))).encode()


def test_same_document_gives_the_same_bytes() -> None:
    document = runs.saved(runs.passed(), runs.broken(), runs.skipped())
    assert html.render(document) == html.render(json_file.decode(json_file.text(document)))


def test_embedded_columns_hold_every_connection() -> None:
    text = html.render(runs.long("LN" * 500))
    columns = embedded(text)["scenarios"][0]["columns"]
    assert columns["count"] == 1000
    assert [columns["names"][i] for i in columns["backend"]][:3] == ["liberty", "node", "liberty"]
    assert columns["status"] == 101
    assert len(columns["opened_at"]) == 1000
    assert "headers and messages of" in Page(text).text


def test_long_series_shows_its_first_and_its_breaks() -> None:
    text = html.render(runs.long("LN" * 1100 + "N" + "LN" * 100))
    assert "the first 300 of 2401 connections, and 20 on each side of every break" in text
    assert "▼2201" in text
    assert ">#2181<" in text


def test_log_is_grouped_by_number_and_names_the_level() -> None:
    lines = tuple(
        LogLine(at="t", module="proxy", level="error", code=code, text=f"{code}: text")
        for code in ("AH00957", "AH01114", "AH00957")
    )
    text = page(runs.judged(runs.record("LNLN", lines=lines))).text
    assert "AH00957 error \N{MULTIPLICATION SIGN}2" in text
    assert "LogLevel was warn" in text


def test_what_was_not_tested_is_said() -> None:
    text = page(runs.passed(), runs.skipped(), planned=("lb-byrequests", "lb-wss", "lb-late")).text
    assert "lb-wss (skipped): this httpd (2.4.71) has no mod_ssl" in text
    assert "1 planned scenario that did not run: lb-late" in text
    assert "RFC 8441" in text
    assert "lbmethod bytraffic, bybusyness, heartbeat" in text


def test_advice_is_shown_with_what_the_lab_saw_of_it() -> None:
    found = JudgedAdvice(
        rule="WSLB-C050",
        severity="error",
        file="site.conf",
        line=2,
        what="<b>/ws</b> is taken by line 1",
        why="The first that fits takes it.",
        cure="Put the longer path first.",
        standing=Standing.CONFIRMED,
        because="connection 1 of lb-byrequests: /ws got 200",
        scenario="lb-byrequests",
        connection=1,
    )
    untried = replace(found, standing=Standing.NOT_TRIED, because="no tunnel idles here", scenario="", connection=0)
    seen = page(runs.passed(), advice=(found, untried))
    assert "site.conf:2 error WSLB-C050 What <b>/ws</b> is taken by line 1 Confirmed connection 1 of" in seen.text
    assert "Not tried no tunnel idles here" in seen.text
    assert seen.links.count("#lb-byrequests") == page(runs.passed()).links.count("#lb-byrequests") + 1
    assert "Advice" not in page(runs.passed()).text
