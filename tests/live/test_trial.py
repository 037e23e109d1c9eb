"""A user's own configuration in the lab: the real httpd says of each what becomes of an upgrade, and by which line.

All are served before the first is judged, some beside each other: most of the time of one is waiting.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.proxies.apache.adoption.configurations import ADVISED, BROKEN, REFUSED, SOUND, Written, lines_of
from wslb.certificates import Authority
from wslb.commands.attempt import Attempt
from wslb.config import Settings
from wslb.errors import ProxyConfigRejected
from wslb.lab.trial import open_trial
from wslb.model.results import JudgedAdvice, Outcome, ScenarioResult, Standing
from wslb.scenarios import runner

pytestmark = pytest.mark.live

AT_ONCE = 3
EVERY = {**SOUND, **ADVISED, **BROKEN}


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one configuration.

    Attributes:
        traced: numbers of the lines that may take each path by the text alone.
    """

    file: Path
    line: int | None
    results: list[ScenarioResult]
    advice: tuple[JudgedAdvice, ...]
    traced: list[set[int | None]]

    @property
    def told(self) -> tuple[str, ...]:
        """Errors and warnings of the doctor, each with what the lab makes of it."""
        return tuple(f"{one.rule} {one.standing}" for one in self.advice if one.severity != "note")


async def tried(written: Written, folder: Path) -> Tried:
    """Results of what is asked of a configuration, in the words of the command."""
    text, line = lines_of(written)
    folder.mkdir()
    file = folder / written.name
    (folder / "ca.pem").write_bytes(Authority().pem)
    file.write_text(text.replace("@CA@", str(folder / "ca.pem")))
    for name, content in written.beside.items():
        (folder / name).write_text(content)
    attempt = Attempt(paths=written.paths)
    async with open_trial(Settings(), file, defines=written.defines, values=written.values) as trial:
        attempt.begin(trial)
        results = [attempt.worded(await runner.run(scenario, trial.lab)) for scenario in attempt.scenarios]
        traced = [{end.at.line if end.at else None for end in one.question.ends} for one in attempt.asked]
    return Tried(file, line, results, attempt.advice(), traced)


@pytest.fixture(scope="module")
async def trials(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tried]:
    """Of every configuration that a selected test asks for."""
    calls = (getattr(item, "callspec", None) for item in request.session.items if item.path == request.path)
    wanted = [call.params["name"] for call in calls if call is not None]
    gate, folder = asyncio.Semaphore(AT_ONCE), tmp_path_factory.mktemp("trials")

    async def one(name: str) -> Tried:
        async with gate:
            return await tried(EVERY[name], folder / name)

    names = [name for name in dict.fromkeys(wanted) if name in EVERY]
    return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))


@pytest.mark.parametrize("name", [*SOUND, *ADVISED])
async def test_what_opens_a_tunnel_is_green_and_its_line_is_named(name: str, trials: dict[str, Tried]) -> None:
    written, seen = EVERY[name], trials[name]
    results = seen.results
    assert not [f"{r.name} {r.outcome.value}: {r.reason or r.first_failure}" for r in results if r.outcome != "passed"]
    first = results[0].explanation
    assert f"{seen.file}:{seen.line}: " in first
    assert "took it" in first
    assert seen.line in seen.traced[0]
    assert written.says in first
    assert tuple(r.name.split("-", 2)[2] for r in results if "upgrade" not in r.name) == written.turns
    assert seen.told == written.advice


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_configuration_is_red_with_line_and_cause(name: str, trials: dict[str, Tried]) -> None:
    written, seen = EVERY[name], trials[name]
    first = seen.results[0]
    assert first.outcome is Outcome.FAILED, (first.reason, first.explanation)
    assert written.says in first.explanation
    if seen.line is not None:
        assert f"{seen.file}:{seen.line}: " in first.explanation
    assert seen.told == written.advice


@pytest.mark.parametrize("name", EVERY)
async def test_no_advice_of_the_doctor_is_refuted(name: str, trials: dict[str, Tried]) -> None:
    assert [one for one in trials[name].advice if one.standing is Standing.REFUTED] == []


@pytest.mark.parametrize("name", REFUSED)
async def test_what_httpd_refuses_is_not_mended_and_it_says_why(name: str, tmp_path: Path) -> None:
    written, says = REFUSED[name]
    with pytest.raises(ProxyConfigRejected) as refused:
        await tried(written, tmp_path / name)
    _, line = lines_of(written)
    assert f"{tmp_path / name / written.name}:{line}: " in refused.value.text
    assert says in refused.value.text


def test_the_corpus_is_large_and_most_of_it_runs_as_it_is() -> None:
    assert len(EVERY) + len(REFUSED) >= 103
    assert len(REFUSED) <= 0.05 * (len(EVERY) + len(REFUSED))
    assert sum(not written.advice for written in SOUND.values()) >= 60
