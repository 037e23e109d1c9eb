"""A user's own configuration in the lab: the real httpd says of each what becomes of an upgrade, and by which line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.proxies.apache.adoption.configurations import BROKEN, SOUND, Written, lines_of
from wslb.commands.attempt import Attempt
from wslb.config import Settings
from wslb.lab.trial import open_trial
from wslb.model.results import Outcome, ScenarioResult
from wslb.scenarios import runner

pytestmark = pytest.mark.live


async def tried(written: Written, folder: Path) -> tuple[list[ScenarioResult], int | None, Path]:
    """Results of what is asked of a configuration, in the words of the command."""
    text, line = lines_of(written)
    file = folder / "site.conf"
    file.write_text(text)
    attempt = Attempt(paths=written.paths)
    async with open_trial(Settings(), file, defines=written.defines, values=written.values) as trial:
        attempt.begin(trial)
        results = [attempt.worded(await runner.run(scenario, trial.lab)) for scenario in attempt.scenarios]
    return results, line, file


@pytest.mark.parametrize("written", SOUND.values(), ids=SOUND.keys())
async def test_a_sound_configuration_is_green_and_its_line_is_named(written: Written, tmp_path: Path) -> None:
    results, line, file = await tried(written, tmp_path)
    wrong = [(r.name, r.outcome, r.reason, r.first_failure, r.explanation) for r in results if r.outcome != "passed"]
    assert not wrong
    first = results[0].explanation
    assert f"{file}:{line}: " in first
    assert "took it" in first
    assert written.says in first
    assert tuple(r.name.split("-", 2)[2] for r in results if "upgrade" not in r.name) == written.turns


@pytest.mark.parametrize("written", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_configuration_is_red_with_line_and_cause(written: Written, tmp_path: Path) -> None:
    results, line, file = await tried(written, tmp_path)
    assert results[0].outcome is Outcome.FAILED, (results[0].reason, results[0].explanation)
    assert written.says in results[0].explanation
    if line is not None:
        assert f"{file}:{line}: " in results[0].explanation
