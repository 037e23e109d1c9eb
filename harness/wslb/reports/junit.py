"""``junit.xml``: one test case per scenario, for the test panes of CI systems."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from wslb.model.results import Verdict
from wslb.reports.causes.likely import Cause, likely
from wslb.reports.document import Document, SavedScenario
from wslb.reports.grades import row_mark
from wslb.reports.headline import headline
from wslb.reports.history import PastRun
from wslb.reports.trend import trend

__all__ = ["render"]

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 does not allow as a character, and the C1 controls, which a terminal obeys."""


def render(
    document: Document,
    *,
    baseline: Document | None = None,
    history: Sequence[PastRun] = (),
) -> str:
    """Text of ``junit.xml``; the same document gives the same bytes.

    Args:
        document: the saved document of a run.
        baseline: saved document of an earlier run; new, fixed and still failing scenarios get a property that says so.
        history: lines of earlier runs, oldest first.
    """
    past = trend(document, baseline=baseline, history=history)
    news = {change.scenario: {"since": change.label} for change in past.changes} if past else {}
    root = ET.Element("testsuites", {"name": "wslb"})
    suite = ET.SubElement(root, "testsuite", {"name": "wslb"})
    _properties(suite, _run_facts(document))
    for scenario in document.scenarios:
        _scenario(suite, scenario, news.get(scenario.name, {}))
    for name in document.not_run:
        _case(suite, name=name, family=name.partition("-")[0], seconds=0.0, skipped="planned, but it did not run")
    _run(suite, document)
    for element in (root, suite):
        counts = {
            "tests": len(suite.findall("testcase")),
            "failures": len(suite.findall("testcase/failure")),
            "errors": len(suite.findall("testcase/error")),
            "skipped": len(suite.findall("testcase/skipped")),
        }
        for name, number in counts.items():
            element.set(name, str(number))
        element.set("time", f"{document.seconds:.3f}")
    if document.started:
        suite.set("timestamp", _legal(document.started[:19]))
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _run(suite: ET.Element, document: Document) -> None:
    """A run that did not come to its end must not look like a short green one."""
    if document.error:
        case = _case(suite, name="lab", family="run", seconds=0.0)
        _told(case, "error", document.error, f"The lab failed: {document.error}")
    if document.interrupted:
        case = _case(suite, name="interrupted", family="run", seconds=0.0)
        sentence = f"stopped by {document.interrupted}"
        _told(case, "error", sentence, headline(document).sentence)
    if not (document.scenarios or document.error or document.interrupted):
        case = _case(suite, name="nothing", family="run", seconds=0.0)
        _told(case, "error", "nothing was tested", headline(document).sentence)


def _scenario(suite: ET.Element, scenario: SavedScenario, more: Mapping[str, str]) -> None:
    outcome = scenario.outcome
    case = _case(
        suite,
        name=scenario.name,
        family=scenario.family,
        seconds=scenario.seconds,
        facts={**_facts(scenario), **more},
        skipped=(scenario.reason or "no reason was given") if outcome == "skipped" else "",
    )
    if outcome == "failed":
        first = next(iter(scenario.breaking), None)
        message = f"{first.check}: {first.observed}" if first else "it failed"
        cause = likely(scenario)
        if cause:
            message = f"{cause.sentence} ({message})"
        _told(case, "failure", message, _story(scenario, cause))
    elif outcome == "errored":
        reason = scenario.reason or "it errored and gave no reason"
        _told(case, "error", reason, f"Could not look: {reason}\n\nQuestion: {scenario.question}")
    if scenario.verdicts:
        ET.SubElement(case, "system-out").text = _legal("\n".join(_line(verdict) for verdict in scenario.verdicts))


def _story(scenario: SavedScenario, cause: Cause | None) -> str:
    lines = [f"Likely cause: {cause.sentence}", *(f"  evidence: {item}" for item in cause.evidence)] if cause else []
    lines += [f"Question: {scenario.question}", f"Limit:    {scenario.limit}", ""]
    for verdict in scenario.breaking:
        lines += [verdict.check, f"  expected: {verdict.expected}", f"  observed: {verdict.observed}"]
        lines += [f"  evidence: {item}" for item in verdict.evidence]
    if scenario.reproduce:
        lines += ["", f"Reproduce: {scenario.reproduce}"]
    return "\n".join(lines)


def _line(verdict: Verdict) -> str:
    _, _, shape = row_mark(verdict)
    return f"{shape} {verdict.check}: expected {verdict.expected}; observed {verdict.observed}"


def _facts(scenario: SavedScenario) -> dict[str, str]:
    balancer = scenario.balancer
    facts = {
        "question": scenario.question,
        "limit": scenario.limit,
        "carrier": scenario.carrier.module,
    }
    if balancer:
        facts["lbmethod"] = balancer.lbmethod
        facts["members"] = ", ".join(f"{m.route} (loadfactor {m.loadfactor:g})" for m in balancer.members)
    facts["connections"] = str(len(scenario.connections))
    if scenario.reproduce:
        facts["reproduce"] = scenario.reproduce
    return facts


def _run_facts(document: Document) -> dict[str, str]:
    environment = document.environment
    wanted = ("wslb", "proxy", "mpm", "carrier", "runtime", "python", "platform")
    facts = {"schema": document.schema, "exit_code": str(document.exit_code), "command": document.command}
    return facts | {name: str(environment[name]) for name in wanted if environment.get(name)}


def _case(
    suite: ET.Element,
    *,
    name: str,
    family: str,
    seconds: float,
    facts: Mapping[str, str] | None = None,
    skipped: str = "",
) -> ET.Element:
    case = ET.SubElement(
        suite, "testcase", {"classname": _legal(f"wslb.{family}"), "name": _legal(name), "time": f"{seconds:.3f}"}
    )
    if facts:
        _properties(case, facts)
    if skipped:
        ET.SubElement(case, "skipped", {"message": _legal(skipped)})
    return case


def _properties(parent: ET.Element, facts: Mapping[str, str]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in facts.items():
        ET.SubElement(properties, "property", {"name": name, "value": _legal(value)})


def _told(case: ET.Element, tag: str, message: str, text: str) -> None:
    """A failure or error with a message and with text: some readers show an empty element as ``<nil>``."""
    element = ET.SubElement(case, tag, {"message": _legal(message), "type": tag})
    element.text = _legal(text or message)


def _legal(text: str) -> str:
    """Text without the characters that XML 1.0 forbids."""
    return _FORBIDDEN.sub("\ufffd", text)
