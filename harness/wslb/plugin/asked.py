"""What a session that uses us keeps, and what it says in the end."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from wslb.plugin.parcel import PARCEL, Parcel

if TYPE_CHECKING:
    from wslb.model.results import ScenarioResult
    from wslb.reports.document import Document
    from wslb.reports.ongoing import Ongoing


def options(config: pytest.Config) -> dict[str, Any]:
    """Ours as given, None for what was not, by the names that settings have."""
    return {
        name.removeprefix("wslb_"): value for name, value in vars(config.option).items() if name.startswith("wslb_")
    }


def _timed(config: pytest.Config) -> bool:
    """Whether pytest-timeout ends tests that take too long, so that we need not."""
    return config.pluginmanager.hasplugin("timeout") and bool(config.getoption("timeout") or config.getini("timeout"))


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
        from wslb.scenarios.ending import Ends
        from wslb.wire.naming import NameRule

        self._worker = config if hasattr(config, "workerinput") else None
        self._folder = None if self._worker else config.getoption("--wslb-report")
        try:
            self.settings = read_settings(options(config), os.environ)
            NameRule(rule=self.settings.identify or "auto")
            if self._folder:
                try_folder(Path(self._folder), option="--wslb-report")
        except ConfigError as exc:
            raise pytest.UsageError(f"{exc} {exc.hint}".strip()) from exc
        self.run = Ongoing(
            planned=(),
            command=shlex.join(["pytest", *config.invocation_params.args]),
            percentiles=self.settings.percentiles,
        )
        self.ends = Ends(self.settings, limited=not _timed(config))
        self._users: dict[str, int] = {}
        self._session: pytest.Session | None = None
        self._sent = 0
        self._taken: list[tuple[int, ScenarioResult]] = []
        self._failed = self._lost = ""
        self._saved: Document | None = None
        self._written: tuple[Path, ...] = ()
        self._causes: dict[tuple[str, str], str] = {}
        self._lines: dict[str, str] = {}

    @classmethod
    def of(cls, config: pytest.Config) -> Asked:
        """The one of this session."""
        if _ASKED not in config.stash:
            config.stash[_ASKED] = cls(config)
            config.pluginmanager.register(config.stash[_ASKED], "wslb asked")
        return config.stash[_ASKED]

    @classmethod
    def already(cls, config: pytest.Config) -> Asked | None:
        """The one of this session, where anything was asked of us."""
        return config.stash.get(_ASKED, None)

    def plan(self, items: list[pytest.Item]) -> None:
        """Keep which tests use us, and which scenarios they ask, as far as their parameters tell."""
        from wslb.scenarios.scenario import Scenario

        self._users = {item.nodeid: number for number, item in enumerate(items)}
        self._session = items[0].session
        scenarios = [
            item.callspec.params.get("scenario")
            for item in items
            if isinstance(item, pytest.Function)
            and hasattr(item, "callspec")
            and (item.get_closest_marker("wslb_lb") or item.get_closest_marker("wslb_behaviour"))
        ]
        self.run.planned = tuple(s.name for s in scenarios if isinstance(s, Scenario))

    def go_on(self) -> None:
        """End the session where nothing further is to be asked: with the exit code that the report has."""
        from wslb.errors import RunEnded

        over = self.ends.over
        if isinstance(over, RunEnded):
            self.run.interrupted = over.by
        elif over:
            self.run.failed(over)
        if over:
            self.leave("\n".join([str(over), *over.log_tail]), self.run.report().exit_code)

    def leave(self, text: str, code: int) -> NoReturn:
        """End the session; a worker of pytest-xdist may only ask for it, and fails the test that it was at."""
        if not self._worker or self._session is None:
            pytest.exit(text, returncode=code)
        self._session.shouldstop = text
        pytest.fail(text, pytrace=False)

    def take(self, parcel: Parcel) -> None:
        """Keep what a worker of pytest-xdist tells; its results stand in the order of the tests, whoever was faster."""
        self._users = self._users or dict(parcel.users)
        self._taken = sorted([*self._taken, *((parcel.at, result) for result in parcel.results)], key=itemgetter(0))
        self.run.results = [result for _, result in self._taken]
        self.run.planned = self.run.planned or parcel.planned
        self.run.environment = self.run.environment or parcel.environment
        self.run.interrupted = self.run.interrupted or parcel.interrupted
        if parcel.error and not self.run.error:
            self.run.error, self.run.error_exit_code = parcel.error, parcel.error_exit_code

    def lose(self, sentence: str) -> None:
        """Remember what a worker of pytest-xdist did not tell; only a session that is red for it has a red report."""
        self._lost = self._lost or sentence

    def _parcel(self, at: int = 0) -> str:
        """What this worker has not told yet."""
        begin, self._sent = self._sent, len(self.run.results)
        return Parcel(
            at=at,
            users=tuple(self._users.items()),
            planned=self.run.planned,
            results=tuple(self.run.results[begin:]),
            environment=self.run.environment,
            interrupted=self.run.interrupted,
            error=self.run.error,
            error_exit_code=self.run.error_exit_code,
        ).packed()

    def told(self, result: ScenarioResult) -> str:
        """What a test says of a scenario that did not hold; where its cause was told before, only that."""
        from wslb.model.results import Report
        from wslb.reports import json_file
        from wslb.reports.causes.explained import explanation, key
        from wslb.reports.screen import failure_text

        found = explanation(json_file.document(Report(results=(result,)))).causes
        cause = found[0].cause if found else None
        first = self._causes.setdefault(key(cause), result.name) if cause else result.name
        if cause and first != result.name:
            again = f"    cause     the one of {first}: {cause.sentence}\n    again     {result.reproduce}"
            text = f"✖ {result.name}: {result.question}\n{again}"
        else:
            text = "\n".join(filter(None, (failure_text(result, cause.sentence if cause else ""), result.explanation)))
        self._lines[text] = cause.sentence if cause else (result.reason or text).partition("\n")[0]
        return text

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep pytest's summary to a line for each scenario: where CI is set, it repeats all that a failure says."""
        report = yield
        line = self._lines.get(str(call.excinfo.value)) if call.excinfo else None
        crash = getattr(report.longrepr, "reprcrash", None)
        if line and crash:
            crash.message = line
        if self._worker and item.nodeid in self._users:
            vars(report)[PARCEL] = self._parcel(self._users[item.nodeid])
        return report

    def pytest_report_collectionfinish(self) -> str:
        """What the tests are going to use."""
        return f"wslb: runtime {self.settings.runtime.value}, carrier {self.settings.carrier.module}"

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that somebody ended the session; what pytest ends by itself has no signal."""
        if type(excinfo.value) is KeyboardInterrupt:  # those of pytest and pytest-xdist are kinds of it
            self.run.interrupted = self.run.interrupted or "SIGINT"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a test that uses us and failed, with or without a scenario that did."""
        if report.failed and report.nodeid in self._users:
            self._failed = self._failed or f"{report.nodeid} failed; the output of pytest says why"

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the report, also of a session that failed or was interrupted: a red one leaves no green report."""
        if self._worker:
            self._worker.workeroutput[PARCEL] = self._parcel()  # type: ignore[attr-defined]
            return
        if self._users and self._session is None and (self.run.error or self.run.interrupted):
            session.exitstatus = self.run.report().exit_code  # of what workers told, as they could not end the session
        if self._lost and exitstatus != pytest.ExitCode.OK:
            self._failed = self._failed or self._lost
        if exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}:
            self._failed = self._failed or f"pytest ended with exit code {int(exitstatus)}"
        if self._failed and self.run.report().exit_code in {0, 5}:
            self.run.error, self.run.error_exit_code = self._failed, 4
        if self._folder and (self.run.results or self.run.error or (self.run.planned and self.run.interrupted)):
            from wslb.errors import EvidenceError
            from wslb.reports import github, json_file
            from wslb.reports.files import write

            self._saved = json_file.document(self.run.report())
            try:
                self._written = write(self._saved, Path(self._folder))
            except EvidenceError as exc:
                raise pytest.exit.Exception(f"{exc} {exc.hint}", returncode=exitstatus or 4) from exc
            github.publish(self._saved, os.environ.get("GITHUB_STEP_SUMMARY"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
        """Behind all that pytest itself says: the causes of what failed, and the report's path."""
        yield
        from wslb.model.disclosure import clean
        from wslb.reports import json_file
        from wslb.reports.causes.explained import explanation

        saved = self._saved or json_file.document(self.run.report())
        for line in explanation(saved).lines():
            terminalreporter.write_line(clean(line))
        for path in self._written:
            if path.suffix == ".html":
                terminalreporter.write_line(f"report  {path.resolve().as_uri()}")


_ASKED = pytest.StashKey[Asked]()


def judge(result: ScenarioResult, asked: Asked) -> None:
    """Skip or fail the test, as the scenario was; a cause that was told before is only named again."""
    from wslb.model.results import Outcome

    if result.outcome is Outcome.SKIPPED:
        pytest.skip(result.reason)
    if result.outcome is not Outcome.PASSED:
        pytest.fail(asked.told(result), pytrace=False)


@contextmanager
def hearing(run: Ongoing) -> Iterator[None]:
    """Signals end a session as Ctrl+C does: fixtures are torn down and the report is written."""
    from wslb.caller import ENDING

    def interrupt(number: int, _: object) -> None:
        run.interrupted = signal.Signals(number).name
        raise KeyboardInterrupt

    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]  # as nohup wants
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, known in before.items():
            signal.signal(number, known)
