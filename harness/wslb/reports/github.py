"""GitHub Actions: the job summary and the annotations, as pure functions of the saved document.

Limits that GitHub does not announce when they are exceeded: a summary over 1 MiB is dropped whole, and of a step's
annotations only the first ten are shown. Both stay far below.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from wslb.reports.causes import likely as causes
from wslb.reports.causes.explained import explanation
from wslb.reports.document import Document, SavedScenario
from wslb.reports.grades import mark
from wslb.reports.headline import failure_of, headline
from wslb.reports.sequences import Turns, turns_of
from wslb.reports.texts import clean, count, seconds, shortened
from wslb.resources import add_to

__all__ = ["annotate", "publish", "summary", "workflow_command"]

LIMIT_BYTES = 64_000
MOST_ANNOTATIONS = 5
MOST_STRIPS = 5
_AROUND = 20


def summary(document: Document, *, artifact_url: str = "") -> str:
    """Markdown for ``GITHUB_STEP_SUMMARY``, under 64 KB.

    Args:
        document: the saved document of a run.
        artifact_url: where the report was uploaded to; empty when it was not.
    """
    line = headline(document)
    counts = document.counts
    tally = " · ".join(f"{number} {outcome}" for outcome, number in counts.by_outcome.items())
    head = [
        f"## {line.shape} {line.word}: {_plain(line.sentence)}",
        "",
        f"{tally} · {seconds(document.seconds)}",
        "",
    ]
    proxy = " · ".join(str(document.environment.get(key) or "") for key in ("proxy", "carrier", "runtime"))
    if proxy.strip(" ·"):
        head += [_plain(proxy), ""]
    if artifact_url:
        head += [f"[Open the report]({artifact_url})", ""]
    body = [*_failures(document), *_table(document)]
    text = _fitted(head, body)
    return text + "\n"


def _fitted(head: list[str], body: list[str]) -> str:
    """Lines joined; the body is cut where the whole would be too long."""
    note = "\n…cut here: the report has the rest."
    room = LIMIT_BYTES - len("\n".join(head).encode()) - len(note.encode()) - 16
    kept, fence = list[str](), False
    for line in body:
        room -= len(line.encode()) + 1
        if room < 0:
            return "\n".join([*head, *kept, *(["```"] if fence else []), note])
        fence ^= line.startswith("```")
        kept.append(line)
    return "\n".join([*head, *kept])


def _table(document: Document) -> list[str]:
    order = {"failed": 0, "errored": 1, "skipped": 2, "passed": 3}
    rows = ["| | Scenario | Limit | Seen | Time |", "|---|---|---|---|--:|"]
    for scenario in sorted(document.scenarios, key=lambda s: (order[s.outcome], not s.lenient)):
        _, word, shape = mark(scenario)
        first = failure_of(scenario).verdict or next(iter((*scenario.lenient, *scenario.verdicts)), None)
        seen = first.observed if first else scenario.reason
        rows.append(
            f"| {shape} {word} | `{_code(scenario.name)}` | {_cell(scenario.limit)} | "
            f"{_cell(seen)} | {seconds(scenario.seconds)} |"
        )
    rows += [f"| not run | `{_code(name)}` | | | |" for name in document.not_run]
    return [*rows, ""] if len(rows) > 2 else ["No scenario has a result.", ""]


def _failures(document: Document) -> list[str]:
    lines: list[str] = []
    told = explanation(document)
    for one in told.causes[:MOST_STRIPS]:
        lines += [f"### ✖ {_plain(one.title)}", "", *(f"- {_cell(item)}" for item in one.cause.evidence)]
        lines += _first(one.scenarios[0])
        if len(one.scenarios) > 1:
            lines += [f"So failed too: {', '.join(f'`{_code(other.name)}`' for other in one.scenarios[1:])}", ""]
    left = told.left[: max(0, MOST_STRIPS - len(told.causes))]
    for scenario in left:
        failure = failure_of(scenario)
        what = f"{failure.verdict.phrase if failure.verdict else 'it failed'}{failure.at}"
        lines += [f"### ✖ {_plain(what)}", "", f"- no rule matched; look at {_cell(causes.look_at(scenario))}"]
        lines += _first(scenario)
    shown = sum(len(one.scenarios) for one in told.causes[:MOST_STRIPS]) + len(left)
    if told.failed > shown:
        lines += [f"{told.failed - shown} more failed: see the table.", ""]
    return lines


def _first(scenario: SavedScenario) -> list[str]:
    """What was expected and seen of one failed scenario, its connections around that, and how to ask it again."""
    verdict = failure_of(scenario).verdict
    lines = (
        [f"- **expected** {_cell(verdict.expected)}", f"- **observed** {_cell(verdict.observed)}"] if verdict else []
    )
    turns = turns_of(scenario)
    strips = [text for i in turns.marks[:3] for text in _strip(turns, i)]
    commands = [f"$ {scenario.reproduce}"] if scenario.reproduce else []
    if strips or commands:
        lines += ["", "```text", *(clean(item).replace("`", "'") for item in (*strips, *commands)), "```"]
    return [*lines, ""]


def _strip(turns: Turns, position: int) -> list[str]:
    """Forty connections around one, one line per member."""
    window = range(max(0, position - _AROUND), min(len(turns), position + _AROUND))
    width = max((len(lane) for lane in turns.lanes), default=0)
    lines = [f"{'':{width}}  {'':{position - window.start}}v #{turns.numbers[position]}"]
    for lane in turns.lanes:
        lines.append(f"{lane:{width}}  " + "".join("#" if turns.seen[i] == lane else "." for i in window))
    if any(turns.seen[i] is None for i in window):
        lines.append(f"{'nobody':{width}}  " + "".join("x" if turns.seen[i] is None else "." for i in window))
    return [*lines, ""]


def annotate(document: Document) -> tuple[str, ...]:
    """Workflow commands for the log, one for each cause: five errors at most, and one that counts the rest."""
    found: list[str] = []
    if document.error:
        found.append(workflow_command("error", title="The lab failed", text=document.error))
    for scenario in document.scenarios:
        if scenario.outcome == "errored":
            found.append(workflow_command("error", title=f"Could not look: {scenario.name}", text=scenario.reason))
    told = explanation(document)
    found += [_failure(one.scenarios[0], title=one.cause.sentence, others=one.scenarios[1:]) for one in told.causes]
    found += [_failure(scenario) for scenario in told.left]
    if document.interrupted:
        found.append(workflow_command("error", title="Interrupted", text=headline(document).sentence))
    if not (found or document.counts.passed):
        found.append(workflow_command("error", title="Nothing was tested", text=headline(document).sentence))
    more = len(found) - MOST_ANNOTATIONS
    if more > 0:
        rest = workflow_command("error", title=f"{count(more, 'more problem')}", text=f"{more} more: see the report.")
        return (*found[:MOST_ANNOTATIONS], rest)
    return tuple(found)


def publish(document: Document, summary_file: str | None) -> None:
    """Add the job summary to the file that GitHub Actions names, where it names one that can be written."""
    if not summary_file:
        return
    with contextlib.suppress(OSError):
        add_to(Path(summary_file), summary(document).encode("utf-8", "replace"))


def _failure(scenario: SavedScenario, *, title: str = "", others: Sequence[SavedScenario] = ()) -> str:
    failure = failure_of(scenario)
    verdict = failure.verdict
    text = f"expected {verdict.expected}; observed {verdict.observed}" if verdict else "it failed"
    text += f"\nIn {scenario.name}" if title else ""
    text += f" and {count(len(others), 'more scenario')}" if others else ""
    text += f"\nReproduce: {scenario.reproduce}" if scenario.reproduce else ""
    what = f"{verdict.phrase}{failure.at}" if verdict else scenario.name
    return workflow_command("error", title=title or what, text=text)


def workflow_command(kind: str, *, title: str, text: str, file: str = "", line: int = 0) -> str:
    """One workflow command; what would end it or begin another is escaped as GitHub asks.

    Args:
        kind: ``error``, ``warning`` or ``notice``.
        title, text: shown; of bounded length.
        file: that it is about, from the root of the repository on; empty for none.
        line: from 1; 0 for none.
    """
    properties = [("file", file)] if file else []
    properties += [("line", str(line))] if file and line else []
    properties.append(("title", shortened(title, 200)))
    told = ",".join(f"{n}={_escaped(v).replace(':', '%3A').replace(',', '%2C')}" for n, v in properties)
    return f"::{kind} {told}::{_escaped(shortened(text or title, 1500))}"


def _escaped(text: str) -> str:
    flat = "\n".join(clean(line) for line in text.replace("\r\n", "\n").split("\n"))
    return flat.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _plain(text: str) -> str:
    """Text in which Markdown and HTML find nothing to act on."""
    safe = clean(text).replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in "\\`*_[]|~":
        safe = safe.replace(sign, f"\\{sign}")
    return safe.replace("@", "@\u200b")


def _cell(text: str) -> str:
    return _plain(shortened(text, 240))


def _code(text: str) -> str:
    """Text inside a code span of a table: only these two could leave it."""
    return clean(text).replace("`", "'").replace("|", "\\|")
