"""pytest plugin: options, markers, the fixtures ``wslb_lab`` and ``wslb_ask``, and the report of a session.

A project that asks for nothing of it is not disturbed: everything but pytest is imported, read and registered when the
first test is collected that uses a fixture of ours, or when an option of ours is given.
"""

from __future__ import annotations

import inspect
import os
import shlex
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wslb.config import Settings
    from wslb.lab.afar import LoopThread
    from wslb.lab.lab import Lab
    from wslb.model.results import ScenarioResult
    from wslb.scenarios.scenario import Scenario

Ask = Callable[["Scenario | str"], Awaitable["ScenarioResult"]]
"""What the fixture ``wslb_ask`` is."""

OPTIONS = {
    "report": "DIR: write report.json, report.html and junit.xml into it",
    "runtime": "NAME: where the proxy runs: auto, docker, local",
    "httpd": "FILE: program of the httpd, where the proxy runs",
    "modules": "DIR: folder of its modules",
    "mpm": "event | worker | prefork",
    "image": "NAME: image of the container",
    "pull": "WHEN: the image is pulled: missing, always, never",
    "docker-network": "HOW: the container is reached: auto, host, published",
    "carrier": "NAME: module that must carry the tunnels: wstunnel, http",
    "percentiles": "P,P,…: of latencies: which the report shows",
    "connections": "N: length of the long serial scenarios",
}
"""Options of the same names as the command line's, with ``--wslb-`` in front."""

FIXTURES = frozenset({"wslb_lab", "wslb_ask", "wslb_settings"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the plugin."""
    group = parser.getgroup("wslb", "wslb: WebSocket load balancing")
    for name, told in OPTIONS.items():
        metavar, _, text = told.partition(": ")
        group.addoption(f"--wslb-{name}", metavar=metavar, help=text)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Before pytest keeps its streams: a broken one would end a session, and its report, in the middle."""
    if early_config.known_args_namespace.wslb_report:
        from wslb.caller import lasting_streams

        lasting_streams()
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Markers; settings too where an option is given, so that a wrong one is a usage error."""
    config.addinivalue_line("markers", "wslb_lb: asks a shipped scenario of the main job")
    config.addinivalue_line("markers", "wslb_behaviour: asks a shipped scenario beyond the main job")
    if any(_options(config).values()):
        Asked.of(config)
    if config.getoption("--wslb-report") and config.getoption("dist", "no") != "no":
        raise pytest.UsageError(
            "--wslb-report needs all tests in one process: each worker of pytest-xdist has a lab of its own, and none "
            "of them sees the whole. Leave -n out, or leave the report out."
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """The scenarios that this session is going to ask, for a report that says when it is partial."""
    users = [item for item in session.items if _uses_us(item)]
    if users:
        Asked.of(session.config).plan(users)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object:
    """Run a coroutine test that uses the lab and that no plugin was told to run: it needs no mark and no setting."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test) or not _uses_us(pyfuncitem) or pyfuncitem.get_closest_marker("anyio"):
        return None
    import asyncio

    names = inspect.signature(test).parameters.keys() & pyfuncitem.funcargs.keys()
    asyncio.run(test(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def _uses_us(item: pytest.Item) -> bool:
    return not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


def _options(config: pytest.Config) -> dict[str, str | None]:
    return {name.replace("-", "_"): config.getoption(f"--wslb-{name}") for name in OPTIONS}


class Asked:
    """What a session that uses us keeps; also a plugin, with the hooks that only such a session needs.

    Raises:
        pytest.UsageError: an option or a variable is wrong.
    """

    def __init__(self, config: pytest.Config) -> None:
        from wslb.config import read_settings
        from wslb.errors import ConfigError
        from wslb.reports.files import try_folder
        from wslb.reports.ongoing import Ongoing

        self._folder = config.getoption("--wslb-report")
        try:
            self.settings = read_settings(_options(config), os.environ)
            if self._folder:
                try_folder(Path(self._folder), option="--wslb-report")
        except ConfigError as exc:
            raise pytest.UsageError(f"{exc} {exc.hint}".strip()) from exc
        self.run = Ongoing(
            planned=(),
            command=shlex.join(["pytest", *config.invocation_params.args]),
            percentiles=self.settings.percentiles,
        )
        self._users: frozenset[str] = frozenset()
        self._failed = ""
        self._written: tuple[Path, ...] = ()

    @classmethod
    def of(cls, config: pytest.Config) -> Asked:
        """The one of this session."""
        if _ASKED not in config.stash:
            config.stash[_ASKED] = cls(config)
            config.pluginmanager.register(config.stash[_ASKED], "wslb asked")
        return config.stash[_ASKED]

    def plan(self, items: list[pytest.Item]) -> None:
        """Keep which tests use us, and which scenarios they ask, as far as their parameters tell."""
        from wslb.scenarios.scenario import Scenario

        self._users = frozenset(item.nodeid for item in items)
        scenarios = [
            item.callspec.params.get("scenario")
            for item in items
            if isinstance(item, pytest.Function)
            and hasattr(item, "callspec")
            and (item.get_closest_marker("wslb_lb") or item.get_closest_marker("wslb_behaviour"))
        ]
        self.run.planned = tuple(s.name for s in scenarios if isinstance(s, Scenario))

    def pytest_report_collectionfinish(self) -> str:
        """What the tests are going to use."""
        return f"wslb: runtime {self.settings.runtime.value}, carrier {self.settings.carrier.module}"

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that somebody ended the session; what pytest ends by itself has no signal."""
        if isinstance(excinfo.value, KeyboardInterrupt) and not isinstance(excinfo.value, pytest.Session.Interrupted):
            self.run.interrupted = self.run.interrupted or "SIGINT"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a test that uses us and failed, with or without a scenario that did."""
        if report.failed and report.nodeid in self._users:
            self._failed = self._failed or f"{report.nodeid} failed; the output of pytest says why"

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the report, also of a session that failed or was interrupted: a red one leaves no green report."""
        if exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}:
            self._failed = self._failed or f"pytest ended with exit code {int(exitstatus)}"
        if self._failed and self.run.report().exit_code in {0, 5}:
            self.run.error, self.run.error_exit_code = self._failed, 4
        if self._folder and (self.run.results or self.run.error or (self.run.planned and self.run.interrupted)):
            from wslb.errors import EvidenceError
            from wslb.reports import github, json_file
            from wslb.reports.files import write

            report = self.run.report()
            try:
                self._written = write(report, Path(self._folder))
            except EvidenceError as exc:
                raise pytest.exit.Exception(f"{exc} {exc.hint}", returncode=exitstatus or 4) from exc
            github.publish(json_file.document(report), os.environ.get("GITHUB_STEP_SUMMARY"))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The report's path, last and on its own line."""
        for path in self._written:
            if path.suffix == ".html":
                terminalreporter.write_line(f"report  {path.resolve().as_uri()}")


_ASKED = pytest.StashKey[Asked]()


@pytest.fixture(scope="session")
def wslb_settings(pytestconfig: pytest.Config) -> Settings:
    """Settings of this session."""
    return Asked.of(pytestconfig).settings


@pytest.fixture(scope="session")
def _wslb_signals(pytestconfig: pytest.Config) -> Iterator[None]:
    """Signals end a session that has a lab as Ctrl+C does: fixtures are torn down and the report is written."""
    from wslb.caller import ENDING

    run = Asked.of(pytestconfig).run

    def interrupt(number: int, _: object) -> None:
        run.interrupted = signal.Signals(number).name
        raise KeyboardInterrupt

    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]  # as nohup wants
    before = {number: signal.signal(number, interrupt) for number in heard}
    yield
    for number, known in before.items():
        signal.signal(number, known)


@pytest.fixture(scope="session")
def _wslb_opened(
    wslb_settings: Settings, pytestconfig: pytest.Config, _wslb_signals: None
) -> Iterator[tuple[Lab, LoopThread]]:
    """One lab for the whole session; without one, the session ends with exit code 3 instead of a quiet skip."""
    from wslb.errors import HarnessError
    from wslb.lab.afar import LoopThread
    from wslb.lab.launch import open_lab

    run = Asked.of(pytestconfig).run
    with LoopThread() as thread:
        opened = thread.holding(open_lab(wslb_settings))
        try:
            lab = opened.__enter__()
        except HarnessError as exc:
            run.failed(exc)
            pytest.exit("\n".join([str(exc), *exc.log_tail, exc.hint]), returncode=run.error_exit_code)
        run.environment = lab.environment
        try:
            yield lab, thread
        finally:
            opened.__exit__(None, None, None)


@pytest.fixture
def wslb_lab(_wslb_opened: tuple[Lab, LoopThread], request: pytest.FixtureRequest) -> Lab:
    """The lab, serving the article's balancer on ``/ws`` and ``/wss`` with fresh counters for each test."""
    from wslb.lab.afar import afar
    from wslb.model.sites import wide

    lab, thread = _wslb_opened
    site = wide()
    thread.wait(lab.begin(request.node.name, site, balancer=site.balancers[0]))
    return afar(lab, thread)


@pytest.fixture
def wslb_ask(_wslb_opened: tuple[Lab, LoopThread], pytestconfig: pytest.Config) -> Ask:
    """Ask a scenario (or the name of a shipped one): skips, fails or passes the test, and goes into the report."""
    from wslb.model.results import Outcome
    from wslb.reports.screen import failure_text
    from wslb.scenarios import SCENARIOS, runner

    lab, thread = _wslb_opened
    run = Asked.of(pytestconfig).run

    async def one(scenario: Scenario | str) -> ScenarioResult:
        if isinstance(scenario, str):
            scenario = next(known for known in SCENARIOS if known.name == scenario)
        result = await thread.do(runner.run(scenario, lab))
        run.add(result)
        if result.outcome is Outcome.SKIPPED:
            pytest.skip(result.reason)
        if result.outcome is not Outcome.PASSED:
            pytest.fail(failure_text(result), pytrace=False)
        return result

    return one
