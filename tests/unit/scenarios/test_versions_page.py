"""docs/versions.md says what the data say: read the difference, then ``--update-golden``."""

from __future__ import annotations

from pathlib import Path

import pytest

from wslb.proxies.apache.since import CARRIES_UPGRADES, DIRECTIVES, HOT_SPARES, PARAMETERS, VALUES, Since
from wslb.scenarios import SCENARIOS
from wslb.scenarios.scenario import Elsewhere

PAGE = Path(__file__).parents[3] / "docs" / "versions.md"

HEAD = """# What differs by version of httpd

The scenarios claim what httpd 2.4.71 does. On another version each is asked with the claim of that version, or skipped
with the reason. Both tables are made from the data that decide it; `make test-versions` asks httpd of other versions.

Besides: before 2.4.49 balancer-manager answers XML only to who sends its nonce, and before 2.4.68 the XML has no nonce
(CHANGES 2.4.68, PR 63074): wslb reads it from the page for people. Before 2.4.62 a lab is ready only once every child
has started, for each one that starts resets the turns.

## Claims of other versions

| httpd | Over | What it does | Scenarios | There | Source |
|---|---|---|---|---|---|
"""

OTHERS = """
## Claims of other products

nginx and HAProxy are asked these scenarios with a claim of their own; `make test` asks both (`docs/howto/`).

| Product | Over | What it does | Scenarios | There | Source |
|---|---|---|---|---|---|
"""

MIDDLE = """
## What a version does not know yet

A scenario whose site needs it is skipped on older versions, and `wslb doctor` counts them.

| First version | What | Source |
|---|---|---|
"""


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def claims(*, of_httpd: bool) -> list[str]:
    found: dict[Elsewhere, list[str]] = {}
    for scenario in SCENARIOS:
        for other in (one for one in scenario.elsewhere if (one.proxy == "httpd") is of_httpd):
            key = next((one for one in found if alike(one, other)), other)
            found.setdefault(key, []).append(scenario.name)
    return [
        f"| {one.versions} | {one.carrier.module if one.carrier else 'either'} | {cell(one.does)} | "
        f"{', '.join(f'`{name}`' for name in names)} | {'asked' if one.asked else 'skipped'} | {cell(one.source)} |"
        for one, names in sorted(found.items(), key=lambda item: (item[0].proxy, item[0].before, item[0].does, item[1]))
    ]


def alike(one: Elsewhere, other: Elsewhere) -> bool:
    """One row of the table: only limits and checks may differ."""

    def told(elsewhere: Elsewhere) -> tuple[object, ...]:
        return elsewhere.versions, elsewhere.carrier, elsewhere.does, elsewhere.source, elsewhere.asked

    return told(one) == told(other)


def known() -> list[str]:
    rows: list[tuple[str, Since]] = [("tunnels over mod_proxy_http, dependably", CARRIES_UPGRADES)]
    rows += [("members of `status=+R`", HOT_SPARES)]
    rows += [(f"`{name}{'>' if name.startswith('<') else ''}`", since) for name, since in DIRECTIVES.items()]
    rows += [(f"parameter `{name}=`", since) for name, since in PARAMETERS.items()]
    rows += [(f"`{name}={value}`", since) for (name, value), since in VALUES.items()]
    rows.sort(key=lambda row: (row[1].version, row[0]))
    return [f"| {since.text} | {what} | {cell(since.source)} |" for what, since in rows]


def test_the_page_of_versions_says_what_the_data_say(pytestconfig: pytest.Config) -> None:
    text = (
        HEAD
        + "\n".join(claims(of_httpd=True))
        + "\n"
        + OTHERS
        + "\n".join(claims(of_httpd=False))
        + "\n"
        + MIDDLE
        + "\n".join(known())
        + "\n"
    )
    if pytestconfig.getoption("--update-golden"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text
