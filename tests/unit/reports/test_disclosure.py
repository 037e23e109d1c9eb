"""A secret planted in every part of a result is in nothing that is written or shown; without redaction it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.reports.test_screen import BAD, shown
from wslb.model import disclosure
from wslb.model.results import Report, ScenarioResult
from wslb.reports import github, json_file, screen
from wslb.reports.files import write
from wslb.reports.screen import Verbosity

SECRET = "Hu5h-4711-Hu5h"
FIELDS = (
    ("Authorization", f"Bearer {SECRET}"),
    ("Proxy-Authorization", f"Basic {SECRET}"),
    ("Cookie", f"a={SECRET}"),
    ("Set-Cookie", f"a={SECRET}; Path=/"),
    ("Sec-WebSocket-Protocol", f"chat, token.{SECRET}"),
    ("Referer", f"https://user:{SECRET}@example.org/?access_token={SECRET}"),
)


def planted() -> ScenarioResult:
    handshakes = tuple(
        replace(
            one,
            url=f"ws://user:{SECRET}@example.org/ws?token={SECRET}",
            request=(*one.request, *FIELDS),
            response=(*one.response, *FIELDS),
            error=f"ws://user:{SECRET}@example.org/ws?x={SECRET} did not answer",
            greeting=f"Authorization: Bearer {SECRET}",
            arrivals=tuple(replace(a, target=f"/ws?token={SECRET}", headers=FIELDS) for a in one.arrivals),
        )
        for one in BAD.record.handshakes
    )
    verdicts = tuple(replace(one, observed=f"Cookie: a={SECRET} came") for one in BAD.verdicts)
    reproduce = f"wslb check 'ws://user:{SECRET}@example.org/?x={SECRET}'"
    return replace(BAD, record=replace(BAD.record, handshakes=handshakes), verdicts=verdicts, reproduce=reproduce)


def everything(folder: Path) -> dict[str, str]:
    """All that is written and shown of a run, by its name."""
    result = planted()
    report = Report(
        results=(result,),
        planned=(result.name,),
        started="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        environment={},
        command=f"wslb check ws://user:{SECRET}@example.org/",
        error=f"Authorization: {SECRET} was refused",
    )
    write(report, folder)
    document = json_file.document(report)
    return {
        **{path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()},
        "summary": github.summary(document),
        "annotations": "\n".join(github.annotate(document)),
        "-vv": "".join(shown(result, verbosity=Verbosity.HEADERS)),
    }


def test_secret_is_nowhere(tmp_path: Path) -> None:
    found = everything(tmp_path)
    assert {"report.json", "report.html", "junit.xml", "summary", "annotations", "-vv"} <= found.keys()
    assert [name for name, text in found.items() if SECRET in text] == []


def test_without_redaction_it_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same: Callable[[object], object] = lambda value: value  # noqa: E731 - one for two names
    monkeypatch.setattr(json_file, "redacted_all", same)
    monkeypatch.setattr(json_file, "field_value", lambda _, value: value)
    monkeypatch.setattr(screen, "redacted", same)
    monkeypatch.setattr(screen, "field_value", lambda _, value: value)
    found = everything(tmp_path)
    for name in ("report.json", "report.html", "junit.xml", "annotations", "-vv"):
        assert SECRET in found[name], name
    assert disclosure.redacted(found["-vv"]) != found["-vv"]
