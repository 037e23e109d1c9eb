"""Pictures and tables of the page: latency, time axis, comparison, topology, and what is cut from large runs."""

from __future__ import annotations

import html as escapes
import re
from dataclasses import replace

import pytest

from tests import runs
from wslb.model.balancer import Carrier
from wslb.model.results import Event, LogLine
from wslb.reports import html, latency
from wslb.reports.errorlog import log_groups
from wslb.reports.inspector import groups
from wslb.reports.timeline import fault_numbers, timeline
from wslb.reports.topology import topology


@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [(19, 50, None), (20, 50, 10.0), (100, 90, 90.0), (99, 90, None), (1000, 99, 990.0), (9999, 99.9, None)],
)
def test_percentile_needs_ten_slower_samples(count: int, percent: float, expected: float | None) -> None:
    assert latency.percentile([float(i) for i in range(1, count + 1)], percent) == expected


def test_loads_and_schemes_are_never_mixed() -> None:
    together = runs.record("LNLN")
    at_once = tuple(replace(h, opened_at=0.001, elapsed_seconds=0.5) for h in together.handshakes)
    document = runs.saved(runs.passed(), runs.judged(replace(together, handshakes=at_once), name="lb-at-once"))
    assert [(g.label, len(g.values)) for g in latency.latencies(document.scenarios)] == [
        ("ws, one at a time", 8),
        ("ws, at once", 4),
    ]


def test_curve_is_not_drawn_from_a_handful() -> None:
    assert "No curve: fewer than 20 handshakes of one kind" in html.render(runs.saved(runs.passed()))
    few = latency.Latencies(label="ws", values=(0.001,) * 19)
    assert latency.curve([few]) is None


def test_equal_times_make_a_curve() -> None:
    same = latency.Latencies(label="ws", values=(0.002,) * 40)
    assert "p50 2.00 ms" in str(latency.curve([same]))


def test_fault_tells_detection_loss_and_recovery() -> None:
    line = timeline(runs.saved(runs.failed_over()).scenarios[0])
    assert line is not None
    (fault,) = line.faults
    assert fault.text == "liberty: refuse"
    assert fault.detected == pytest.approx(0.012)
    assert fault.lost == 0
    assert fault.recovered == pytest.approx(0.005)


def test_a_killed_backend_is_a_fault_until_it_is_back_whatever_happens_to_the_other() -> None:
    evidence = runs.record("LNLNLNLNLNLN")
    happened = (
        (0.0, "backend", "refused: no program serves this address"),
        (0.05, "backend", "node: killed"),
        (0.09, "fault", "liberty: refuse"),
        (0.11, "backend", "node: back"),
        (0.15, "fault", "liberty: ended"),
    )
    events = tuple(Event(at=at, kind=kind, text=text) for at, kind, text in happened)
    scenario = runs.saved(runs.judged(replace(evidence, events=events))).scenarios[0]
    assert [(fault.text, fault.begin, fault.end) for fault in fault_numbers(scenario)] == [
        ("node: killed", 0.05, 0.11),
        ("liberty: refuse", 0.09, 0.15),
    ]
    assert fault_numbers(scenario)[0].recovered == pytest.approx(0.01)


def test_connections_of_a_fault_are_shaded() -> None:
    page = html.render(runs.saved(runs.failed_over()))
    assert 'class="fault"' in page
    assert 'href="#faults-failover-refused"' in page


def test_scenario_without_events_has_no_time_axis() -> None:
    assert 'id="faults"' not in html.render(runs.saved(runs.passed()))


def test_topology_names_who_talks_to_whom() -> None:
    picture = str(topology(runs.saved(runs.passed())))
    assert "client to Apache 2.4.71 (byrequests) to liberty with loadfactor 1, node with loadfactor 1" in picture
    assert "127.0.0.101:10000" in picture
    assert topology(runs.saved()) is None


def test_handshakes_treated_alike_are_shown_once() -> None:
    found = groups(runs.saved(runs.passed("lb-a"), runs.passed("lb-b")).scenarios)
    assert [(group.count, group.scenarios) for group in found] == [(8, ("lb-a", "lb-b")), (8, ("lb-a", "lb-b"))]


def test_handshake_that_nobody_saw_is_shown_from_the_client_alone() -> None:
    lost = runs.opened(1, None, status=None, error="timed out")
    (group,) = groups(runs.saved(runs.judged(runs.record("L", changed={1: lost}))).scenarios)
    assert group.wrong
    assert {row.what for row in group.request} == {"not seen at a backend"}
    assert [capture.title for capture in group.captures] == [
        "Request as the client sent it",
        "Response as the client received it",
    ]


def test_choice_that_was_never_offered_breaks_the_rule() -> None:
    odd = runs.opened(1, "liberty", answer=(("Sec-WebSocket-Protocol", "chat"),))
    (group,) = groups(runs.saved(runs.judged(runs.record("L", changed={1: odd}))).scenarios)
    assert [(row.name, row.why) for row in group.response if row.holds is False] == [
        ("Sec-WebSocket-Protocol", "was never offered")
    ]


def test_unknown_number_is_not_in_our_table() -> None:
    lines = (LogLine(at="t", module="x", level="error", code="AH99999", text="AH99999: ?"),)
    document = runs.saved(runs.judged(runs.record("LN", lines=lines)))
    assert log_groups(document.scenarios)[0].number is None
    assert "Not in our table." in html.render(document)


def test_every_code_of_a_run_is_explained_quoted_or_called_unknown() -> None:
    codes = ("AH00957", "AH00558", "AH99999", "")
    lines = tuple(LogLine(at="t", module="x", level="warn", code=c, text=f"{c}: text") for c in codes)
    page = html.render(runs.saved(runs.judged(runs.record("LN", lines=lines))))
    section = page.partition('<section id="log"')[2].partition("</section>")[0]
    for block in section.split('<div class="log">')[1:]:
        if "no AH number" not in block:
            assert re.search(r"Apache could not open TCP|ServerName|Not in our table|In the source:", block)


@pytest.mark.parametrize(
    ("connections", "limit"),
    [(2_000, 300_000), pytest.param(10_000, 1_000_000, marks=pytest.mark.slow)],
)
def test_size_of_a_page(connections: int, limit: int) -> None:
    document = runs.long("LN" * (connections // 2))
    page = html.render(document)
    assert len(page.encode()) < limit
    assert re.search("Left out to keep this file small: (headers and messages of|what was seen in)", page)


def test_very_long_series_counts_breaks_per_thousand() -> None:
    document = runs.long("LN" * 1250 + "N" + "LN" * 100)
    page = html.render(document)
    assert '<th scope="row">#2001 to #2701<td>1</tr>' in page
    assert '<th scope="row">#1 to #1000<td>0</tr>' in page


@pytest.mark.parametrize(
    ("passed", "failed", "letters", "limit"),
    [(28, 0, "LN" * 100, 300_000), (280, 0, "LN" * 4, 1_000_000), (200, 80, "LN" * 4, 1_000_000)],
)
def test_size_of_a_page_of_many_scenarios(passed: int, failed: int, letters: str, limit: int) -> None:
    results = [runs.passed(f"lb-{n}", letters) for n in range(passed)]
    page = html.render(runs.saved(*results, *(runs.broken(f"lb-broken-{n}") for n in range(failed))))
    assert len(page.encode()) < limit
    names = [f"lb-{n}" for n in range(passed)] + [f"lb-broken-{n}" for n in range(failed)]
    assert re.findall(r'<div class="body" id="(lb-[^"]+)"', page) == [*names[passed:], *names[:passed]]
    assert page.count("connection 7 expected liberty, got node") >= failed


def test_a_passing_run_shows_first_who_answered() -> None:
    page = html.render(runs.saved(runs.passed()))
    main = page.partition('<section class="main"')[2].partition("</section>")[0]
    assert '<svg class="strip"' in main
    assert page.index('<section class="main"') < page.index('<section id="scenarios"')
    assert '<section class="main"' not in html.render(runs.saved(runs.passed(), runs.broken()))


def test_a_report_of_another_proxy_names_that_one_and_gives_its_lines_no_meaning_of_httpd() -> None:
    line = LogLine(at="t", module="nginx", level="error", code="AH00957", text="connect() failed (111)")
    other = LogLine(at="t", module="nginx", level="notice", code="", text="signal 3")
    result = runs.judged(replace(runs.record("LNLN", lines=(line, other)), carrier=Carrier.OWN))
    document = runs.saved(result, environment={"proxy": "nginx/1.31.3", "proxy_version": "1.31.3"})
    assert "client to nginx 1.31.3 (byrequests)" in str(topology(document))
    page = html.render(document)
    assert "nginx's error log, explained" in escapes.unescape(page)
    assert [(group.code, group.number) for group in log_groups(document.scenarios)] == [
        ("like AH00957 of httpd", None),
        ("in its own words", None),
    ]
    assert re.findall(r"mod_proxy_own|httpd 1|Apache's", page) == []
    assert "through the proxy itself to liberty" in page
