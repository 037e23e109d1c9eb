"""Options that only this project's own tests have, and the lab as the library opens it, on the loop of the tests."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from wslb.config import Settings
from wslb.errors import HarnessError
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.model.sites import wide
from wslb.reports.ongoing import exit_code_of


def pytest_configure() -> None:
    """Let programs that a test starts hear every signal, under nohup and in the background of a shell too.

    What is ignored would stay so in them (exec(3p)).
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew, to be read before a commit")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def session_lab(wslb_settings: Settings, _wslb_signals: None) -> AsyncIterator[Lab]:
    """One lab for all tests that look into it; what stands for it in the plugin is for those that use it."""
    try:
        async with open_lab(wslb_settings) as lab:
            yield lab
    except HarnessError as exc:
        pytest.exit("\n".join([str(exc), *exc.log_tail, exc.hint]), returncode=exit_code_of(exc))


@pytest_asyncio.fixture(loop_scope="session")
async def lab(session_lab: Lab, request: pytest.FixtureRequest) -> Lab:
    """That lab, serving the article's balancer with fresh counters."""
    site = wide()
    await session_lab.begin(request.node.name, site, balancer=site.balancers[0])
    return session_lab
