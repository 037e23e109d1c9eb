"""pytest plugin: markers, options, the ``lab`` and ``ask`` fixtures, and the report of a session."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from wslb.config import Settings, read_settings
from wslb.errors import HarnessError
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.model.results import Outcome, ScenarioResult
from wslb.model.sites import wide
from wslb.reports import github, json_file
from wslb.reports.files import write
from wslb.reports.ongoing import Ongoing
from wslb.reports.screen import failure_text
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.scenario import Scenario

_RUN = pytest.StashKey[Ongoing]()
_SETTINGS = pytest.StashKey[Settings]()

Ask = Callable[[Scenario | str], Awaitable[ScenarioResult]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the same names as the command line's, with ``--lb-`` in front."""
    group = parser.getgroup("wslb", "wslb: WebSocket load balancing")
    group.addoption("--lb-report", metavar="DIR", help="write report.json, report.html and junit.xml into DIR")
    group.addoption("--lb-runtime", metavar="NAME", help="where the proxy runs: auto, docker, local")
    group.addoption("--lb-httpd", metavar="FILE", help="program of the httpd, where the proxy runs")
    group.addoption("--lb-image", metavar="NAME", help="image of the container")
    group.addoption("--lb-pull", metavar="WHEN", help="when the image is pulled: missing, always, never")
    group.addoption("--lb-docker-network", metavar="HOW", help="how the container is reached: auto, host, published")
    group.addoption("--lb-carrier", metavar="NAME", help="module that must carry the tunnels: wstunnel, http")
    group.addoption("--lb-percentiles", metavar="P,P,…", help="of latencies: which the report shows")
    group.addoption("--lb-connections", metavar="N", type=int, help="length of the long serial scenarios")


def pytest_configure(config: pytest.Config) -> None:
    """Settings once, from options over the environment; a wrong one is a usage error."""
    config.addinivalue_line("markers", "lb: asks a shipped scenario of a real proxy")
    config.addinivalue_line("markers", "behaviour: asks a shipped scenario beyond the main job")
    names = ("report", "runtime", "httpd", "image", "pull", "docker_network", "carrier", "connections", "percentiles")
    options = {name: config.getoption(f"--lb-{name.replace('_', '-')}") for name in names}
    try:
        config.stash[_SETTINGS] = read_settings(options, os.environ)
    except HarnessError as exc:
        raise pytest.UsageError(f"{exc} {exc.hint}".strip()) from exc
    command = shlex.join(["python -m pytest", *config.invocation_params.args]).replace("'python -m pytest'", "pytest")
    config.stash[_RUN] = Ongoing(planned=(), command=command, percentiles=config.stash[_SETTINGS].percentiles)


def pytest_collection_finish(session: pytest.Session) -> None:
    """The scenarios that this session is going to ask, for a report that says when it is partial."""
    scenarios = [
        item.callspec.params.get("scenario")
        for item in session.items
        if isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and (item.get_closest_marker("lb") or item.get_closest_marker("behaviour"))
    ]
    session.config.stash[_RUN].planned = tuple(s.name for s in scenarios if isinstance(s, Scenario))


def pytest_report_header(config: pytest.Config) -> str:
    """What the tests are going to use."""
    settings = config.stash[_SETTINGS]
    return f"wslb: runtime {settings.runtime.value}, carrier {settings.carrier.module}"


def pytest_keyboard_interrupt(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Remember that the session did not come to its end."""
    if isinstance(excinfo.value, KeyboardInterrupt) and _current is not None and not _current.interrupted:
        _current.interrupted = "SIGINT"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report, also of a session that failed or was interrupted."""
    run = session.config.stash[_RUN]
    folder = session.config.getoption("--lb-report")
    if folder and (run.results or run.error or (run.planned and run.interrupted)):
        report = run.report()
        session.config.stash[_WRITTEN] = write(report, Path(folder))
        github.publish(json_file.document(report), os.environ.get("GITHUB_STEP_SUMMARY"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The report's path, last and on its own line."""
    for path in config.stash.get(_WRITTEN, ()):
        if path.suffix == ".html":
            terminalreporter.write_line(f"report  {path.resolve().as_uri()}")


_WRITTEN = pytest.StashKey[tuple[Path, ...]]()
_current: Ongoing | None = None


@pytest.fixture(scope="session")
def lb_settings(pytestconfig: pytest.Config) -> Settings:
    """Settings of this session."""
    return pytestconfig.stash[_SETTINGS]


@pytest.fixture(scope="session")
def _term_is_interrupt(pytestconfig: pytest.Config) -> Iterator[None]:
    """SIGTERM ends a session that has a lab as Ctrl+C does: fixtures are torn down and the report is written."""
    global _current  # noqa: PLW0603 - pytest hands no config to pytest_keyboard_interrupt
    run = _current = pytestconfig.stash[_RUN]

    def interrupt(number: int, _: object) -> None:
        run.interrupted = signal.Signals(number).name
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, before)
    _current = None


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _session_lab(
    lb_settings: Settings, pytestconfig: pytest.Config, _term_is_interrupt: None
) -> AsyncIterator[Lab]:
    """One lab for the whole session; without one, the session ends with exit code 3 instead of a quiet skip."""
    run = pytestconfig.stash[_RUN]
    opened = open_lab(lb_settings)
    try:
        lab = await opened.__aenter__()
    except HarnessError as exc:
        run.failed(exc)
        pytest.exit("\n".join([str(exc), *exc.log_tail, exc.hint]), returncode=run.error_exit_code)
    run.environment = lab.environment
    try:
        yield lab
    finally:
        await opened.__aexit__(*sys.exc_info())


@pytest_asyncio.fixture(loop_scope="session")
async def lab(_session_lab: Lab, request: pytest.FixtureRequest) -> Lab:
    """The lab, serving the article's balancer on ``/ws`` and ``/wss`` with fresh counters for each test."""
    site = wide()
    await _session_lab.begin(request.node.name, site, balancer=site.balancers[0])
    return _session_lab


@pytest.fixture
def ask(_session_lab: Lab, pytestconfig: pytest.Config) -> Ask:
    """Ask a scenario (or the name of a shipped one): skips, fails or passes the test, and goes into the report."""

    async def one(scenario: Scenario | str) -> ScenarioResult:
        if isinstance(scenario, str):
            scenario = next(known for known in SCENARIOS if known.name == scenario)
        result = await runner.run(scenario, _session_lab)
        pytestconfig.stash[_RUN].add(result)
        if result.outcome is Outcome.SKIPPED:
            pytest.skip(result.reason)
        if result.outcome is not Outcome.PASSED:
            pytest.fail(failure_text(result), pytrace=False)
        return result

    return one
