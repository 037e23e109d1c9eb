"""pytest plugin: options, markers, the fixtures ``wslb_lab`` and ``wslb_ask``, and the report of a session.

A project that asks for nothing of it is not disturbed: everything but pytest is imported, read and registered when the
first test is collected that uses a fixture of ours, or when an option of ours is given.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from wslb.config import Settings
    from wslb.lab.lab import Lab
    from wslb.lab.labs import Labs
    from wslb.lab.trial import Trial
    from wslb.model.results import ScenarioResult
    from wslb.plugin.asked import Asked
    from wslb.reports.ongoing import Ongoing
    from wslb.scenarios.scenario import Scenario

Ask = Callable[["Scenario | str"], Awaitable["ScenarioResult"]]
"""What the fixture ``wslb_ask`` is."""


class Try(Protocol):
    """What the fixture ``wslb_try`` is."""

    async def __call__(
        self,
        conf: str | Path,
        *,
        paths: Sequence[str] = (),
        defines: Sequence[str] = (),
        values: Mapping[str, str] | None = None,
    ) -> tuple[ScenarioResult, ...]:
        """Ask all that ``wslb try`` asks of a configuration; the test fails where a claim of it does.

        Args:
            conf: the file; a relative one stands beside the ini-file of pytest, as the command would be called there.
            paths: these alone.
            defines: names as after httpd's ``-D``.
            values: of placeholders and variables.
        """
        ...


OPTIONS = {
    "report": "DIR: write report.json, report.html and junit.xml into it",
    "proxy": "NAME: which proxy: apache, nginx or haproxy",
    "runtime": "NAME: where the proxy runs: auto, docker, local",
    "httpd": "FILE: program of the httpd, where the proxy runs",
    "modules": "DIR: folder of its modules",
    "mpm": "event | worker | prefork",
    "image": "NAME: image of the container",
    "pull": "WHEN: the image is pulled: missing, always, never",
    "docker-network": "HOW: the container is reached: auto, host, published",
    "carrier": "NAME: module that must carry the tunnels: wstunnel, http",
    "percentiles": "P,P,…: of latencies: which the report shows",
    "ca": "FILE: authority of the certificates of wss:// servers of --wslb-backend",
    "identify": "RULE: what of the answers of --wslb-backend says who it was: header:NAME, json:FIELD, …",
    "connections": "N: length of the long serial scenarios",
    "deadline": "SECONDS: of the session; then no further scenario is asked",
    "limit": "SECONDS: longest time of a scenario, errored after it; 300, and none beside pytest-timeout",
}
"""Options of the same names as the command line's, with ``--wslb-`` in front."""

FIXTURES = frozenset({"wslb_lab", "wslb_ask", "wslb_try", "wslb_settings"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the plugin."""
    group = parser.getgroup("wslb", "wslb: WebSocket load balancing")
    for name, told in OPTIONS.items():
        metavar, _, text = told.partition(": ")
        group.addoption(f"--wslb-{name}", metavar=metavar, help=text)
    told = "a real server (ws:// or wss://) in a stand-in's place, behind a recorder; may be repeated"
    group.addoption("--wslb-backend", metavar="NAME=URL", action="append", help=told)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Before pytest keeps its streams: a broken one would end a session, and its report, in the middle."""
    if early_config.known_args_namespace.wslb_report:
        from wslb.caller import lasting_streams

        lasting_streams()
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Markers; settings too where an option is given, so that a wrong one is a usage error."""
    config.addinivalue_line(
        "markers",
        "wslb_lab(conf, defines=(), values={}, server=None): wslb_lab serves this httpd configuration, as wslb try "
        "does, and clients come to this virtual host of it",
    )
    config.addinivalue_line("markers", "wslb_lb: asks a shipped scenario of the main job")
    config.addinivalue_line("markers", "wslb_behaviour: asks a shipped scenario beyond the main job")
    if any(value for name, value in vars(config.option).items() if name.startswith("wslb_")):
        _asked(config)
    dist = config.getoption("dist", "no")
    if dist == "each" and config.getoption("--wslb-report"):
        raise pytest.UsageError(
            "--wslb-report tells each scenario once, and with --dist each every worker of pytest-xdist asks all of "
            "them. Take another --dist, or leave the report out."
        )
    if dist != "no":
        from wslb.plugin.workers import Gathering

        config.pluginmanager.register(Gathering(config), "wslb workers")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """The scenarios that this session is going to ask, for a report that says when it is partial."""
    users = [item for item in session.items if _uses_us(item)]
    for item in users:
        _marked(item)
    if users:
        _asked(session.config).plan(users)


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


def _asked(config: pytest.Config) -> Asked:
    """What this session keeps, from the first time on that something is asked of us."""
    from wslb.plugin.asked import Asked

    return Asked.of(config)


def _uses_us(item: pytest.Item) -> bool:
    return not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def wslb_settings(pytestconfig: pytest.Config) -> Settings:
    """Settings of this session."""
    return _asked(pytestconfig).settings


@pytest.fixture(scope="session")
def _wslb_signals(pytestconfig: pytest.Config) -> Iterator[None]:
    """Signals end a session that has a lab as Ctrl+C does."""
    from wslb.plugin.asked import hearing

    with hearing(_asked(pytestconfig).run):
        yield


@pytest.fixture(scope="session")
def _wslb_labs(wslb_settings: Settings, _wslb_signals: None) -> Iterator[Labs]:
    """What this session opens."""
    from wslb.lab.labs import Labs

    with Labs(wslb_settings) as labs:
        yield labs


def _article(labs: Labs, asked: Asked) -> Lab:
    """The article's lab; without one, the session ends with exit code 3 instead of a quiet skip."""
    from wslb.errors import HarnessError

    run = asked.run
    try:
        lab = labs.article()
    except HarnessError as exc:
        run.failed(exc)
        asked.leave("\n".join([str(exc), *exc.log_tail, exc.hint]), run.error_exit_code)
    run.environment = lab.environment
    return lab


def _trial(labs: Labs, run: Ongoing, conf: str | Path, **given: Any) -> Trial:
    """The lab of a configuration; without one, the test fails in a sentence."""
    from wslb.errors import HarnessError

    try:
        trial = labs.trial(Path(conf), **given)
    except HarnessError as exc:
        pytest.fail("\n".join([str(exc), *exc.log_tail, exc.hint]), pytrace=False)
    run.environment = run.environment or trial.lab.environment
    return trial


def _begun(labs: Labs, run: Ongoing, request: pytest.FixtureRequest) -> Lab:
    """The lab of a test, with fresh counters: of the configuration that its mark names, else the article's."""
    from wslb.errors import ConfigError, LabError
    from wslb.model.sites import wide

    _asked(request.config).go_on()
    mark = request.node.get_closest_marker("wslb_lab")
    if mark is None:
        lab = _article(labs, _asked(request.config))
        site = wide(backends=lab.fleet.real or None)
        name, ends = request.node.name, _asked(request.config).ends
        try:
            labs.thread.wait(lab.begin(name, site, balancer=site.balancers[0]))
        except LabError as exc:
            labs.thread.wait(ends.start(name, "\n".join([str(exc), *exc.log_tail]), lab))
            raise
        labs.thread.wait(ends.start(name, "", lab))
        return lab
    given = {name: value for name, value in mark.kwargs.items() if name in _READ}
    trial = _trial(labs, run, mark.kwargs["conf"], commands=True, **given)
    try:
        site = trial.stand_before(mark.kwargs.get("server"))
    except ConfigError as exc:
        pytest.fail(f"the mark wslb_lab of {request.node.name}: {exc}", pytrace=False)
    labs.thread.wait(trial.lab.begin(request.node.name, site, balancer=None))
    return trial.lab


_READ = frozenset({"defines", "values"})
"""What a mark ``wslb_lab`` may say besides the configuration and the server of it that is meant."""


def _marked(item: pytest.Item) -> None:
    """Refuse a mark ``wslb_lab`` that says what it cannot.

    Raises:
        pytest.UsageError: no configuration is named, or something else is, or the test asks scenarios of the article's.
    """
    for mark in item.iter_markers("wslb_lab"):
        unknown = mark.kwargs.keys() - {"conf", "server", *_READ}
        if mark.args or unknown or "conf" not in mark.kwargs:
            raise pytest.UsageError(
                f"{item.nodeid}: the mark is wslb_lab(conf=FILE, defines=[NAME], values={{NAME: VALUE}}, server=NAME)"
                + (f", and has no {', '.join(sorted(unknown))}" if unknown else "")
            )
        if "wslb_ask" in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(
                f"{item.nodeid}: wslb_ask asks scenarios of the article's lab; of a configuration, wslb_try asks"
            )


@pytest.fixture
def wslb_lab(_wslb_labs: Labs, request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Lab:
    """The lab, with fresh counters for each test.

    It serves the article's balancer on ``/ws`` and ``/wss``, or the configuration that the mark ``wslb_lab(conf=FILE)``
    names. Then a backend of the lab stands in the place of each member, ``10.0.0.11-3000`` in that of
    ``10.0.0.11:3000``, which greets and runs CL commands on every path.
    """
    from wslb.lab.afar import afar

    return afar(_begun(_wslb_labs, _asked(pytestconfig).run, request), _wslb_labs.thread)


@pytest.fixture
def wslb_ask(_wslb_labs: Labs, request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Ask:
    """Ask a scenario (or the name of a shipped one): skips, fails or passes the test, and goes into the report."""
    from wslb.plugin.asked import judge
    from wslb.scenarios import runner

    asked = _asked(pytestconfig)
    run = asked.run
    asked.go_on()
    lab = _article(_wslb_labs, asked)
    limited = request.node.get_closest_marker("timeout") is None

    async def one(scenario: Scenario | str) -> ScenarioResult:
        if isinstance(scenario, str):
            scenario = _shipped(scenario)
        asked.go_on()
        result = await _wslb_labs.thread.do(runner.run(scenario, lab, limit=asked.ends.limit(limited=limited)))
        run.add(result)
        await _wslb_labs.thread.do(asked.ends.add(result, lab))
        judge(result, asked)
        return result

    return one


def _shipped(name: str) -> Scenario:
    """The scenario of this name; a test that names none fails in a sentence."""
    from wslb.errors import meant
    from wslb.scenarios import SCENARIOS

    known = {scenario.name: scenario for scenario in SCENARIOS}
    if name not in known:
        hint = meant(name, known)
        pytest.fail(f"wslb_ask: no scenario is named {name!r}. {hint} wslb list prints them all.", pytrace=False)
    return known[name]


@pytest.fixture
def wslb_try(_wslb_labs: Labs, pytestconfig: pytest.Config) -> Try:
    """Ask all that ``wslb try`` asks of a configuration: fails the test with line and cause; reported too."""
    from wslb.commands.attempt import Attempt
    from wslb.model.results import Outcome
    from wslb.plugin.asked import judge
    from wslb.scenarios import runner

    asked = _asked(pytestconfig)
    run = asked.run

    async def tried(
        conf: str | Path,
        *,
        paths: Sequence[str] = (),
        defines: Sequence[str] = (),
        values: Mapping[str, str] | None = None,
    ) -> tuple[ScenarioResult, ...]:
        asked.go_on()
        trial = _trial(_wslb_labs, run, conf, commands=False, defines=defines, values=values)
        attempt = Attempt(paths=paths)

        async def all_of_them() -> tuple[ScenarioResult, ...]:
            attempt.begin(trial)
            found = []
            for one in attempt.scenarios:
                if not asked.ends.over:
                    found.append(await runner.run(one, trial.lab, limit=asked.ends.limit(limited=False)))
            return tuple(map(attempt.worded, found))

        results = await _wslb_labs.thread.do(all_of_them())
        for result in results:
            run.add(result)
        for result in results:
            if result.outcome is not Outcome.SKIPPED:
                judge(result, asked)
        if len(results) < len(attempt.scenarios):
            asked.go_on()
        return results

    return tried
