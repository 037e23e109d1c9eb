"""What every product in `PROXIES` keeps: start, ready, reload, stop, accidents, refusals, rights, and nothing left."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from tests.foreign.provide import Missing, program
from tests.live.command import place
from tests.plugin.project import run as pytest_run
from wslb.config import RuntimeChoice, Settings
from wslb.errors import ProxyConfigRejected, StartError
from wslb.interfaces import Capability
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.model.balancer import Balancer, LbMethod, Site
from wslb.model.results import Outcome
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster
from wslb.proxies.registry import PROXIES
from wslb.runtimes.local.local_runtime import LocalRuntime
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.acts import restarted
from wslb.waiting import until

pytestmark = pytest.mark.live

RELOADS = {"apache": signal.SIGUSR1, "nginx": signal.SIGHUP, "haproxy": signal.SIGUSR2}
"""The signal that reads the configuration again and leaves tunnels alone."""

TURNS = {"haproxy": ["liberty", "liberty", "liberty", "node"]}
"""A fresh cycle of 3 to 1, where it is not that of byrequests."""

PROGRAM = "WSLB_TEST_{}"
"""Variable that names a product's program where it is not on PATH."""


async def settings_of(name: str, folder: Path, *, port: int = 0) -> Settings:
    binary = os.environ.get(PROGRAM.format(name.upper()))
    found = await LocalRuntime(folder).find((binary,) if binary else getattr(PROXIES[name].dialect, "binaries", ()))
    if found is None:
        try:
            binary = str(program(name))
        except Missing as exc:
            pytest.skip(f"{name} is not here ({exc}): install it, or name it by {PROGRAM.format(name.upper())}")
    return Settings(proxy=name, runtime=RuntimeChoice.LOCAL, httpd=binary, port=port)


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=list(PROXIES))
async def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    settings = await settings_of(request.param, tmp_path_factory.mktemp("found"))
    async with open_lab(settings) as lab:
        yield lab


def site_of(lab: Lab, balancer: Balancer = CLUSTER) -> Site:
    site = balanced(balancer)
    return site if Capability.MEMBER_PATHS in lab.proxy.dialect.capabilities.can else site.at_root()


async def serve(lab: Lab) -> None:
    site = site_of(lab)
    await lab.begin("product", site, balancer=site.balancers[0])


def processes(lab: Lab) -> list[psutil.Process]:
    parent = psutil.Process(lab.proxy.pid)
    return [parent, *parent.children(recursive=True)]


async def test_it_is_ready_when_it_is_served_and_elects_from_the_first(product: Lab) -> None:
    await serve(product)
    _, _, body = await product.proxy.fetch(product.proxy.dialect.ready_path)
    assert body == product.proxy.dialect.ready_text(product.proxy.generation)  # type: ignore[attr-defined]
    assert [c.backend for c in await product.open_in_turn(3)] == ["liberty", "node", "liberty"]


async def test_its_members_are_those_of_the_site_and_each_election_is_told(product: Lab) -> None:
    weighted = cluster(replace(LIBERTY, loadfactor=3), NODE)
    site = site_of(product, weighted)
    await product.begin("product", site, balancer=site.balancers[0])
    before = await product.status()
    assert [(m.route, m.loadfactor, m.status, m.elected, m.busy) for m in before] == [
        ("liberty", 3, "Init Ok", 0, 0),
        ("node", 1, "Init Ok", 0, 0),
    ]
    held = await product.open_in_turn(4, hold=True)
    await product.settled(busy=4)
    assert [m.busy for m in await product.status()] == [3, 1]
    await product.close(held)
    record = await product.collect()
    assert [(m.elected, m.busy) for m in record.after] == [(3, 0), (1, 0)]
    smooth = ["liberty", "liberty", "node", "liberty"]
    assert [h.logged_by for h in record.handshakes] == TURNS.get(product.settings.proxy, smooth)


async def test_a_site_starts_it_anew_and_the_old_one_has_gone(product: Lab) -> None:
    await serve(product)
    old = processes(product)
    await serve(product)
    assert product.proxy.pid not in {process.pid for process in old}
    assert not [process for process in old if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


async def test_a_path_is_whole_segments(product: Lab) -> None:
    await serve(product)
    assert [(await product.proxy.fetch(path))[0] for path in ("/wsx", "/nowhere")] == [404, 404]


async def test_a_reload_leaves_tunnels_alone_and_is_no_accident(product: Lab) -> None:
    await serve(product)
    (held,) = await product.open_in_turn(1, hold=True)
    product.proxy.signal(RELOADS[product.settings.proxy])
    await restarted(product, idle=False)
    (after,) = await product.open_in_turn(1)
    assert after.accepted
    assert held.accepted
    await held.ping()
    assert await product.proxy.lost() is None
    assert "restart" in {event.kind for event in (await product.collect()).events}, "the signal was lost"


async def test_stopped_it_answers_nobody_and_twice_is_once(product: Lab) -> None:
    await serve(product)
    old = processes(product)
    await product.proxy.stop()
    await product.proxy.stop()
    assert (product.proxy.running, product.proxy.pid) == (False, None)
    assert not [process for process in old if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    with pytest.raises(ConnectionError):
        await product.proxy.fetch("/ws")


async def test_killed_by_somebody_else_it_is_told_as_an_accident(product: Lab) -> None:
    await serve(product)
    assert await product.proxy.lost() is None
    pid = product.proxy.pid
    os.kill(pid or 0, signal.SIGKILL)
    lost = await until(product.proxy.lost, seconds=5, what="the notice of the kill")
    assert lost.pid == pid
    await product.proxy.kill()


async def test_a_worker_that_somebody_kills_is_told_as_an_accident(product: Lab) -> None:
    await serve(product)
    worker = processes(product)[1]
    worker.kill()
    lost = await until(product.proxy.lost, seconds=5, what="the notice of the kill")
    assert lost.pid == worker.pid


async def test_a_stopped_process_is_seen(product: Lab) -> None:
    await serve(product)
    assert product.proxy.stopped() == ()
    worker = processes(product)[1]
    worker.suspend()
    try:
        await until(lambda: asyncio.sleep(0, bool(product.proxy.stopped())), seconds=5, what="the stop")
        assert [pid for _, pid in product.proxy.stopped()] == [worker.pid]
    finally:
        worker.resume()


async def test_a_refused_configuration_is_told_with_file_and_line(
    product: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = product.proxy.dialect.render  # type: ignore[attr-defined]
    monkeypatch.setattr(product.proxy.dialect, "render", lambda *a, **k: f"{render(*a, **k)}\nBogusWord on;\n")
    with pytest.raises(ProxyConfigRejected, match=r"(?i)bogusword") as caught:
        await product.proxy.apply(site_of(product).resolved(product.addresses))
    assert caught.value.file is not None
    text = Path(product.proxy.runtime.folder, caught.value.file.name).read_text(encoding="utf-8")
    assert text.splitlines()[(caught.value.line or 0) - 1] == "BogusWord on;"
    assert not product.proxy.running


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
async def test_who_serves_is_not_root(product: Lab) -> None:
    await serve(product)

    async def given_up() -> bool:
        return 0 not in {process.uids().effective for process in processes(product)[1:]}

    await until(given_up, seconds=10, what="every child becomes somebody else, who is root until it has")


async def test_no_line_of_an_idle_start_is_alarming(product: Lab) -> None:
    await serve(product)
    await product.open_in_turn(2)
    assert not [line for line in await product.proxy.log() if line.alarming]


@pytest.mark.parametrize("name", list(PROXIES))
async def test_a_port_in_use_is_told(name: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port}.* is taken"):
            async with open_lab(await settings_of(name, tmp_path, port=port)):
                pass


@pytest.mark.parametrize("name", list(PROXIES))
async def test_nothing_is_left(name: str, tmp_path: Path) -> None:
    async with open_lab(await settings_of(name, tmp_path)) as lab:
        await serve(lab)
        await lab.open_in_turn(2, hold=True)
        folder, old = Path(lab.proxy.runtime.folder), processes(lab)
    assert not folder.exists()
    assert not [process for process in old if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("name", ["lb-byrequests", "weights-three-members"])
async def test_a_claim_that_it_breaks_is_found_out(product: Lab, name: str) -> None:
    (scenario,) = [one for one in SCENARIOS if one.name == name]
    result = await runner.run(scenario, product)
    assert (result.outcome, result.reason) == (Outcome.PASSED, "")

    def heavier(site: Site) -> Site:
        balancer = site.balancers[0]
        return site.with_balancer(balancer.with_member(replace(balancer.members[1], loadfactor=2)))

    result = await runner.run(scenario, product, tamper=heavier)
    assert result.outcome is Outcome.FAILED
    assert {"members_as_claimed", "follows_model"} <= {v.check for v in result.verdicts if v.breaks}
    if product.settings.proxy != "apache":
        said = " ".join(f"{v.expected} {v.observed} {v.phrase}" for v in result.verdicts)
        assert product.proxy.dialect.capabilities.words
        assert not {"httpd", "balancer-manager"} & set(said.replace("'", " ").split())


@pytest.mark.parametrize("name", ["lb-bybusyness-held", "weights-bybusyness"])
async def test_tunnels_that_are_counted_by_another_method_are_found_out(product: Lab, name: str) -> None:
    (scenario,) = [one for one in SCENARIOS if one.name == name]

    def in_turn(site: Site) -> Site:
        return site.with_balancer(replace(site.balancers[0], lbmethod=LbMethod.BYREQUESTS))

    result = await runner.run(scenario, product, tamper=in_turn)
    assert result.outcome is Outcome.FAILED
    assert {"members_as_claimed", "follows_model"} <= {v.check for v in result.verdicts if v.breaks}


async def test_a_change_that_does_not_reach_it_is_found_out(product: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    if product.settings.proxy != "haproxy":
        pytest.skip("what balancer-manager does not obey is in test_selftest.py, and nginx has no way to be changed")
    monkeypatch.setattr(product.proxy.dialect, "commands", lambda *_: ())
    for name in ("manager-drain", "manager-disable", "manager-loadfactor", "weights-changed"):
        (scenario,) = [one for one in SCENARIOS if one.name == name]
        result = await runner.run(scenario, product)
        assert result.outcome is Outcome.FAILED
        assert "served_by" in {v.check for v in result.verdicts if v.breaks}


async def test_what_it_cannot_be_asked_is_skipped_with_the_reason(product: Lab) -> None:
    (scenario,) = [one for one in SCENARIOS if one.name == "weights-changed"]
    result = await runner.run(scenario, product)
    if Capability.CONTROL in product.proxy.dialect.capabilities.can:
        assert result.outcome is Outcome.PASSED
    else:
        assert result.outcome is Outcome.SKIPPED
        assert "has no way to change its members while it runs" in result.reason


async def test_every_claim_that_is_listed_as_measured_is_a_scenario_and_holds_or_is_skipped_for_a_reason(
    product: Lab,
) -> None:
    dialect = product.proxy.dialect
    if dialect.capabilities.measured is None:
        return
    own = {one.name for one in SCENARIOS if any(o.proxy == dialect.title and o.asked for o in one.elsewhere)}
    own |= {one.name for one in SCENARIOS if dialect.title in one.site.native}
    carrier, installation = product.settings.carrier, product.proxy.installation
    old = {one.name for one in SCENARIOS if dialect.too_old_for(one.site, carrier, installation)}
    listed = [one for one in SCENARIOS if not runner.lacking(one, product)]
    assert {one.name for one in listed} == (own | set(dialect.capabilities.measured)) - old
    assert len(listed) >= 100
    for scenario in listed:
        result = await runner.run(scenario, product)
        assert result.outcome is Outcome.PASSED, (scenario.name, result.reason, result.verdicts)


@pytest.mark.parametrize("name", sorted(PROXIES))
async def test_it_stands_for_a_person(name: str, tmp_path: Path) -> None:
    settings = await settings_of(name, tmp_path)
    words = ("up", "--proxy", name, "--port", "0", "--tls-port", "0", "--backend-ports", "free")
    program = ("--httpd", str(settings.httpd)) if settings.httpd else ()
    with place() as here:
        running = here.start(*words, *program)
        running.wait_until_printed("Ctrl+C")
        assert re.search(rf"^✔ {PROXIES[name].dialect.title} +\S+/\d", running.out, re.MULTILINE), running.out
        assert not re.search(r"httpd|balancer-manager", running.out) or name == "apache"
        url = re.search(r"console    (http:\S+)", running.out)
        assert (url is None) == (name == "haproxy")  # its answers of its own fit into a buffer, and the page does not
        if url:
            with urllib.request.urlopen(url[1], timeout=10) as page:  # noqa: ASYNC210, S310 - nothing else is on this loop
                assert page.headers["Content-Type"].startswith("text/html")
                assert b'id="uri"' in page.read()
        config = re.search(r"config     (\S+)", running.out)
        assert config
        assert "127.0.0.10" in Path(config[1]).read_text()
        running.process.send_signal(signal.SIGINT)
        assert running.end().code == 0
        assert here.leftovers() == []


ASKED = """\
from wslb.scenarios import SCENARIOS

async def test_one(wslb_ask, wslb_lab):
    await wslb_ask(next(one for one in SCENARIOS if one.name == "lb-byrequests"))
    assert wslb_lab.proxy.dialect.title == {title!r}
"""


@pytest.mark.parametrize("name", sorted(PROXIES))
async def test_a_test_of_pytest_has_it(name: str, tmp_path: Path) -> None:
    settings = await settings_of(name, tmp_path)
    (tmp_path / "test_mine.py").write_text(ASKED.format(title=PROXIES[name].dialect.title), encoding="utf-8")
    program = (f"--wslb-httpd={settings.httpd}",) if settings.httpd else ()
    ended = pytest_run(tmp_path, f"--wslb-proxy={name}", *program)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout
