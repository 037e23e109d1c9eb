"""Which percentiles are shown: parsed once, saved with the run, the same in a redraw."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests import runs
from wslb.cli import cli
from wslb.errors import ConfigError
from wslb.model import percentiles
from wslb.reports import html, json_file

LONG = runs.judged(runs.record("LN" * 150, elapsed=[0.001 + i / 1e5 for i in range(300)]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50,90,99,99.9", (50, 90, 99, 99.9)),
        (" p99 , 50 ", (50, 99)),
        ("99.9999", (99.9999,)),
        ("50,50.0", (50,)),
    ],
)
def test_percentiles_are_understood(text: str, expected: tuple[float, ...]) -> None:
    assert percentiles.parse(text) == expected


@pytest.mark.parametrize("text", ["", ",", "0", "100", "-1", "50,,90", "nan", "1e1", "many", "50;90", "99.99999"])
def test_others_are_not(text: str) -> None:
    with pytest.raises(ValueError, match="is no percentile"):
        percentiles.parse(text)


def test_a_dozen_is_enough() -> None:
    assert len(percentiles.parse(",".join(map(str, range(1, 13))))) == 12
    with pytest.raises(ValueError, match="13 percentiles are too many"):
        percentiles.parse(",".join(map(str, range(1, 14))))


@pytest.mark.parametrize("command", [["test"], ["report", "report.json"], ["load"]], ids=lambda words: words[0])
def test_a_wrong_one_is_wrong_usage_in_one_sentence(command: list[str]) -> None:
    result = CliRunner().invoke(cli, [*command, "--percentiles", "50,120"])
    assert isinstance(result.exception, ConfigError)  # which ends the command with exit code 2
    assert str(result.exception).startswith("--percentiles is '50,120', but must be at most 12 numbers between 0 and ")


def heads(page: str) -> list[str]:
    """Column heads of the table of latencies."""
    table = page.partition('<table class="times">')[2].partition("</thead>")[0]
    return [cell.partition("<")[0] for cell in table.split('<th scope="col">')[1:]]


def test_page_shows_those_that_the_run_asked_for() -> None:
    page = html.render(runs.saved(LONG, percentiles=(75.0, 95.5)))
    assert heads(page) == ["Kind", "n", "Fastest", "p75", "p95.5", "Slowest"]
    assert [name for name in ("p50", "p75", "p90", "p95.5", "p99") if f">{name}</text>" in page] == ["p75", "p95.5"]


def test_page_shows_its_own_when_nobody_asked() -> None:
    document = runs.saved(LONG)
    assert document.percentiles == ()
    assert heads(html.render(document))[3:-1] == ["p50", "p90", "p99", "p99.9"]


def test_names_on_the_axis_never_touch() -> None:
    page = html.render(runs.saved(LONG, percentiles=(50.0, 50.5, 51.0, 90.0)))
    assert [name for name in ("p50", "p50.5", "p51", "p90") if f">{name}</text>" in page] == ["p50", "p90"]
    assert heads(page)[3:-1] == ["p50", "p50.5", "p51", "p90"]


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        ([], {}, ["p75", "p99.9"]),
        (["--percentiles", "25,60"], {}, ["p25", "p60"]),
        ([], {"WSLB_PERCENTILES": "33"}, ["p33"]),
    ],
)
def test_redraw_shows_those_of_the_run_unless_asked(
    tmp_path: Path, options: list[str], environ: dict[str, str], expected: list[str]
) -> None:
    saved = tmp_path / "report.json"
    text = json_file.text(runs.saved(LONG, percentiles=(75.0, 99.9)))
    saved.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(cli, ["report", str(saved), *options], env=environ)
    assert result.exit_code == 0
    assert heads((tmp_path / "report.html").read_text(encoding="utf-8"))[3:-1] == expected
    assert saved.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(("percent", "samples"), [(50, 20), (90, 100), (99, 1000), (99.9, 10_000)])
def test_a_percentile_needs_ten_samples_beyond_it(percent: float, samples: int) -> None:
    assert percentiles.samples_needed(percent) == samples
