"""``report.html``: one file, readable offline, without scripts, and in a sandbox; made from the saved document alone.

All text is written here by Jinja2 with autoescape on; scripts only fold, filter and copy. The same document gives the
same bytes: no clock, no random number, no order that a set would give.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from harness.reporters import svg, texts
from harness.reporters.cards import Card, card
from harness.reporters.embedded import embed
from harness.reporters.errorlog import log_groups
from harness.reporters.headline import SHAPES, WORDS, Headline, failure_of, first_failure, headline, not_run
from harness.reporters.inspector import groups
from harness.reporters.scope import not_tested
from harness.reporters.turns import turns_of
from harness.resources import resource

__all__ = ["render"]

MOST_ASKED = 4
"""Failed scenarios whose first failing handshake is shown by itself."""


def render(document: Mapping[str, Any]) -> str:
    """Text of ``report.html``.

    Args:
        document: the saved document of a run (`harness.reporters.json_file.document`).
    """
    scenarios = document["scenarios"]
    line = headline(document)
    failure = first_failure(document)
    asked = _asked_for(document)
    inspected = groups(scenarios, asked_for=asked)
    cards = tuple(card(scenario, number, inspected) for number, scenario in enumerate(scenarios, 1))
    first = next((c for c in cards if failure and c.scenario is failure.scenario), None)
    data = embed(document, shown=[(group.scenario, group.number) for group in inspected], more={})
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            document=document,
            headline=line,
            counts=document["counts"],
            counts_bar=svg.counts_bar(document["counts"], len(not_run(document))),
            missing=not_run(document),
            first=first,
            excerpt=_excerpt(first) if first else "",
            words=WORDS,
            shapes=SHAPES,
            icon=_icon(line),
            env_line=_environment_line(document),
            environment=facts(document["environment"]),
            backends=_backends(document["environment"]),
            sections=_sections(document),
            cards=cards,
            groups=inspected,
            logs=log_groups(scenarios),
            log_lines=sum(len(scenario["log"]) for scenario in scenarios),
            scope=not_tested(document),
            data=data,
            style=Markup(resource("reporters/templates/style.css")),  # noqa: S704 - a file of this package
            script=Markup(resource("reporters/templates/script.js")),  # noqa: S704 - a file of this package
        )
    )


def _asked_for(document: Mapping[str, Any]) -> list[tuple[str, int]]:
    """First failing connection of the first failed scenarios."""
    asked: list[tuple[str, int]] = []
    for scenario in document["scenarios"]:
        if scenario["outcome"] != "failed" or len(asked) == MOST_ASKED:
            continue
        number = failure_of(scenario).connection
        if number is not None:
            asked.append((scenario["name"], number))
    return asked


def _excerpt(first: Card) -> Markup | str:
    """The strip around the first failure, when it is about one connection."""
    turns = turns_of(first.scenario)
    number = first.failure.connection if first.failure else None
    if number is None or number not in turns.numbers:
        return ""
    position = turns.numbers.index(number)
    return svg.strip(turns, rows=[range(max(0, position - 14), min(len(turns), position + 15))])


def _sections(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Anchors of the navigation bar, in the page's order."""
    found = [("scenarios", "Scenarios")]
    if document["scenarios"]:
        found.append(("sequence", "Sequence"))
    if any(scenario["connections"] for scenario in document["scenarios"]):
        found.append(("handshake", "Handshake"))
    return [*found, ("log", "Log"), ("environment", "Environment"), ("scope", "Not tested"), ("data", "Data")]


def _environment_line(document: Mapping[str, Any]) -> list[str]:
    """The run's surroundings in one line."""
    environment = document["environment"]
    words = [str(environment.get(key) or "") for key in ("proxy", "carrier", "runtime")]
    backends = environment.get("backends")
    if backends:
        words.append(texts.count(len(backends), "backend"))
    words.append(texts.spoken_time(document["started"]))
    return [word for word in words if word]


def facts(environment: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Facts as rows, nested ones with their path; backends have a table of their own."""
    rows: list[tuple[str, str]] = []
    for key, value in environment.items():
        label = f"{prefix}{key}".replace("_", " ")
        if key == "backends" and not prefix:
            continue
        if isinstance(value, Mapping):
            rows += facts(value, f"{label} ")
        elif isinstance(value, list):
            rows.append((label, ", ".join(str(item) for item in value) or "none"))
        else:
            rows.append((label, _value(value)))
    return rows


def _backends(environment: Mapping[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """Backends as rows with the columns of all of them."""
    found = environment.get("backends")
    if not isinstance(found, Mapping) or not all(isinstance(backend, Mapping) for backend in found.values()):
        return []
    columns = list(dict.fromkeys(key for backend in found.values() for key in backend))
    return [
        (str(name), {key.replace("_", " "): _value(backend.get(key)) for key in columns})
        for name, backend in found.items()
    ]


def _value(value: object) -> str:
    return texts.DASH if value is None or value == "" else str(value)


def _icon(line: Headline) -> str:
    """Shape of the verdict as an SVG for a data URI."""
    image = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        f'<text y="14" font-size="15">{line.shape}</text></svg>'
    )
    return quote(image, safe="")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: resource(f"reporters/templates/{name}")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_final,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["ms"] = texts.milliseconds
    environment.filters["duration"] = texts.seconds
    environment.filters["number"] = texts.number
    environment.filters["signed"] = texts.signed
    environment.filters["time"] = texts.spoken_time
    environment.filters["shortened"] = texts.shortened
    environment.globals["count"] = texts.count
    return environment


def _final(value: object) -> object:
    """Every printed value: no control character gets through; Markup comes from this package and is clean."""
    return value if isinstance(value, Markup) else texts.clean(str(value))
