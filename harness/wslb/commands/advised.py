"""Advice on configurations, told as text, JSON, SARIF 2.1.0 for code scanning, or GitHub's workflow commands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from wslb.errors import EvidenceError
from wslb.model.disclosure import clean, redacted_all
from wslb.proxies.apache.advice import RULES, Advice, FileAdvice, Severity
from wslb.reports.github import workflow_command

__all__ = ["FORMATS", "Advised"]

SCHEMA = "wslb.advice/1"
_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_REFUSED = "httpd itself refuses the line."
_LOST = "WSLB-PATH"
_LOST_WHY = "No server of the configuration carries a WebSocket on a path that was asked for."


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """What was found in one or several configurations.

    Attributes:
        unread: why files could not be read.
    """

    files: tuple[FileAdvice, ...]
    unread: tuple[EvidenceError, ...] = ()

    @property
    def exit_code(self) -> int:
        """2 where a file could not be read, else the highest of any."""
        return 2 if self.unread else max((file.exit_code for file in self.files), default=0)

    @property
    def advice(self) -> tuple[Advice, ...]:
        """Findings of every file; what two files include is told once. A path that is lost is one as well."""
        found = [advice for file in self.files for advice in (*file.advice, *_lost(file))]
        return tuple(dict.fromkeys(found))


def _lost(file: FileAdvice) -> list[Advice]:
    found = []
    for name in file.lost:
        ends = [end for traced in file.paths if traced.path == name for end in traced.ends]
        at = next((end.at for end in ends if end.at is not None), None)
        found.append(
            Advice(
                rule=_LOST,
                severity=Severity.ERROR,
                file=at.file if at else file.file,
                line=at.line if at else 0,
                what=f"no server carries a WebSocket on {name}",
                why=str(ends[-1]).strip() if ends else "no server leads anything",
                cure=f"wslb doctor --conf {file.file} --path {name} shows where it goes.",
            )
        )
    return found


def as_text(told: Advised) -> str:
    """For people: each finding with why and cure, a summary for each file."""
    parts = [part for file in told.files for part in (*file.paths, *file.advice, _summary(told, file))]
    return clean("\n".join(map(str, parts)))


def _summary(told: Advised, file: FileAdvice) -> str:
    return file.summary if len(told.files) == 1 else f"{file.file}: {file.summary}"


def as_json(told: Advised) -> str:
    """One document, by ``advice.schema.json`` of this folder."""
    document = {
        "schema": SCHEMA,
        "files": [
            {"file": file.file, "source": file.source, "read": file.files, "untold": file.untold} for file in told.files
        ],
        "counts": {level.value: sum(a.severity is level for f in told.files for a in f.advice) for level in Severity},
        "advice": [advice.document() for file in told.files for advice in file.advice],
        "paths": [{"in": file.file, **traced.document()} for file in told.files for traced in file.paths],
        "unread": [{"file": str(error.path), "why": str(error)} for error in told.unread],
    }
    return json.dumps(redacted_all(document), indent=1, ensure_ascii=False)


def as_sarif(told: Advised) -> str:
    """A log of one run (SARIF 2.1.0); files below the working folder have relative URIs, as code scanning asks."""
    used = {advice.rule: advice for advice in told.advice}
    places = {rule: number for number, rule in enumerate(used)}
    run = {
        "tool": {"driver": {"name": "wslb", **_version(), "rules": [_sarif_rule(a) for a in used.values()]}},
        "invocations": [
            {
                "executionSuccessful": not told.unread,
                "exitCode": told.exit_code,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": str(e)}, "locations": [_place(str(e.path), 0)]}
                    for e in told.unread
                ],
            }
        ],
        "artifacts": [{"location": {"uri": _uri(file.file)}} for file in told.files],
        "results": [_sarif_result(advice, places[advice.rule]) for advice in told.advice],
    }
    return json.dumps(redacted_all({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}), indent=1)


def _version() -> dict[str, str]:
    try:
        return {"version": version("wslb")}
    except PackageNotFoundError:  # a copy of the source that nobody installed
        return {}


def _rules_page() -> str:
    """Address of docs/reference/advice.md, where the package names it (``project.urls``, Rules); else empty."""
    try:
        urls = metadata("wslb").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    named = (url.partition(", ") for url in urls)
    return next((address for label, _, address in named if label.lower() == "rules"), "")


def _sarif_rule(advice: Advice) -> dict[str, Any]:
    rule = next((rule for rule in RULES if rule.id == advice.rule), None)
    why = rule.why if rule else _LOST_WHY if advice.rule == _LOST else _REFUSED
    cure = rule.cure if rule else advice.cure
    level = _LEVELS[rule.severity if rule else advice.severity]
    return {
        "id": advice.rule,
        "shortDescription": {"text": why},
        "help": {"text": f"{why}\n{cure}"},
        **({"helpUri": f"{page}#{advice.rule.lower()}"} if (page := _rules_page()) and rule else {}),
        "defaultConfiguration": {"level": level},
    }


def _sarif_result(advice: Advice, index: int) -> dict[str, Any]:
    return {
        "ruleId": advice.rule,
        "ruleIndex": index,
        "level": _LEVELS[advice.severity],
        "message": {"text": f"{advice.what}. {advice.why} {advice.cure}"},
        "locations": [_place(advice.file, advice.line)],
    }


def _place(file: str, line: int) -> dict[str, Any]:
    region = {"region": {"startLine": line}} if line else {}
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(file)}, **region}}


def _uri(file: str) -> str:
    name = _below(file)
    return quote(name) if not name.startswith("/") else f"file://{quote(name)}"


def _below(file: str) -> str:
    """A path from the working folder on, where the file lies below it; else the absolute one."""
    absolute = os.path.normpath(Path(file).absolute())
    folder = PurePosixPath(Path.cwd())
    path = PurePosixPath(absolute)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else absolute


def as_github(told: Advised) -> str:
    """Workflow commands that GitHub Actions shows at the lines, and a summary for each file."""
    kinds = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
    lines = [
        workflow_command(
            kinds[advice.severity],
            title=advice.rule,
            text=f"{advice.what}\nwhy: {advice.why}\ncure: {advice.cure}",
            file=_below(advice.file),
            line=advice.line,
        )
        for advice in told.advice
    ]
    lines += [
        workflow_command("error", title="Not read", text=str(error), file=_below(str(error.path)))
        for error in told.unread
    ]
    return "\n".join((*lines, *(clean(_summary(told, file)) for file in told.files)))


FORMATS: Mapping[str, Callable[[Advised], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}
"""Ways to tell it, by the value of ``--format``."""
