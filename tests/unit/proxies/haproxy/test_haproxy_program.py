"""One HAProxy from its check to its end, without HAProxy, and what its statistics socket is asked."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fakes.nginx import FakeAnswer, FakeMaster, FakeNginx
from tests.unit.proxies.haproxy.test_haproxy import HAPROXY
from wslb.errors import ContractError, ProxyConfigRejected, StartError
from wslb.interfaces import BalancerChange, Completed, MemberChange
from wslb.model.balancer import MemberState
from wslb.model.sites import LIBERTY, NODE, balanced, cluster
from wslb.proxies.haproxy.haproxy_dialect import HaproxyDialect
from wslb.proxies.haproxy.haproxy_proxy import HaproxyProxy

READY = "[NOTICE]   (100) : Loading success.\n"
TAKEN = "[ALERT]    (100) : Starting frontend front: cannot bind socket (Address already in use) [127.0.0.1:8081]\n"
SITE = balanced(cluster(LIBERTY, NODE)).at_root().resolved({"ws://liberty": "127.0.0.1:1", "ws://node": "127.0.0.1:2"})
BALANCER = SITE.balancers[0]
STAT = """\
# pxname,svname,qcur,scur,bin,bout,status,weight,bck,lbtot,addr,algo,
mycluster,liberty,0,1,9,9,no check,1,0,3,127.0.0.1:1,,
mycluster,node,0,0,9,9,DRAIN,1,0,2,127.0.0.1:2,,
mycluster,BACKEND,0,1,18,18,UP,2,0,5,,roundrobin,
"""


class FakeHaproxy(FakeNginx):
    """Where it runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = str(folder)
        self.output = READY
        self.caught: list[str] = []

    async def run(self, argv: Sequence[str], *, timeout_seconds: float = 20) -> Completed:
        self.calls.append(f"run {argv[-1]}")
        if self.hangs:
            raise TimeoutError
        if argv[0] == "cat":
            return Completed(returncode=0, output=f"SigCgt:\t{self.caught.pop(0)}\n" if self.caught else "")
        return Completed(returncode=int(self.refusal is not None), output=self.refusal or "")

    async def start(self, argv: Sequence[str], *, name: str) -> FakeMaster:
        code, said = self.begins.popleft() if self.begins else (None, self.output)
        self.files[f"{name}.out"] = said.encode()
        self.masters.append(FakeMaster(pid=100 + len(self.masters), returncode=code))
        return self.masters[-1]


class Session:
    """Answers what the configuration has on its readiness path, unless something else is to come first."""

    def __init__(self, runtime: FakeHaproxy) -> None:
        self.runtime = runtime
        self.troubles: list[BaseException] = []

    @asynccontextmanager
    async def get(self, url: str, **how: Any) -> AsyncIterator[FakeAnswer]:
        if self.troubles:
            raise self.troubles.pop()
        found = re.search(r'string "([^"]*)"', self.runtime.files["haproxy.cfg"].decode())
        assert found
        yield FakeAnswer(body=found[1])


def proxy_in(folder: Path, *, start_seconds: float = 5.0) -> tuple[HaproxyProxy, FakeHaproxy, Session]:
    runtime = FakeHaproxy(folder)
    session = Session(runtime)
    given: Any = session
    proxy = HaproxyProxy(
        dialect=HaproxyDialect(),
        runtime=runtime,
        installation=HAPROXY,
        session=given,
        user=None,
        ports=(0, 0),
        start_seconds=start_seconds,
        stop_seconds=1.0,
    )
    return proxy, runtime, session


async def test_it_is_checked_started_and_asked_until_it_answers(tmp_path: Path) -> None:
    proxy, runtime, session = proxy_in(tmp_path)
    session.troubles += [aiohttp.ClientConnectionError("refused"), TimeoutError()]
    runtime.files["tls/proxy.key"] = b"key"
    await proxy.apply(SITE)
    assert "run -c" in runtime.calls
    assert (proxy.running, proxy.pid) == (True, 100)
    assert runtime.files["tls/proxy.pem.key"] == b"key"
    assert "tls/proxy.pem.key" in runtime.secrets
    await proxy.stop()
    assert not proxy.running


async def test_it_is_not_ready_before_its_master_catches_the_signal_to_reload(tmp_path: Path) -> None:
    """Measured on 2.8.25: at ``Loading success.`` SIGUSR2 is still ignored, in 60 of 60 starts."""
    proxy, runtime, _ = proxy_in(tmp_path)
    runtime.caught = ["0000000000000001", "0000000000000000", "0000000000000800"]
    await proxy.apply(SITE)
    assert runtime.caught == []
    assert proxy.running


@pytest.mark.parametrize(
    ("said", "line", "text"),
    [
        ("[ALERT] (9) : config : parsing [/x/haproxy.cfg:7] : unknown keyword 'y'\n", 7, "unknown keyword 'y'"),
        ("[ALERT] (9) : no frontend\n", None, "[ALERT] (9) : no frontend"),
        ("", None, "no reason was given"),
    ],
)
async def test_what_it_refuses_is_told_as_its_own(tmp_path: Path, said: str, line: int | None, text: str) -> None:
    proxy, runtime, _ = proxy_in(tmp_path)
    runtime.refusal = said
    with pytest.raises(ProxyConfigRejected) as caught:
        await proxy.apply(SITE)
    assert (caught.value.line, caught.value.text) == (line, text)
    assert str(caught.value).startswith("HAProxy refused its configuration")
    assert not proxy.running


async def test_a_check_without_end_is_no_start(tmp_path: Path) -> None:
    proxy, runtime, _ = proxy_in(tmp_path)
    runtime.hangs = True
    with pytest.raises(StartError, match=r"haproxy -c did not end in time"):
        await proxy.apply(SITE)


async def test_it_ends_at_once_or_never_answers(tmp_path: Path) -> None:
    proxy, runtime, _ = proxy_in(tmp_path, start_seconds=0.1)
    runtime.begins.append((1, "[ALERT] (9) : out of memory\n"))
    with pytest.raises(StartError) as caught:
        await proxy.apply(SITE)
    assert caught.value.log_tail == ("[ALERT] (9) : out of memory",)
    runtime.output = "[NOTICE]   (100) : New worker (101) forked\n"
    with pytest.raises(StartError, match="did not answer on its readiness path"):
        await proxy.apply(SITE)
    assert all(master.returncode is not None for master in runtime.masters)


async def test_a_signal_needs_it_to_run_and_one_that_ends_it_is_no_accident(tmp_path: Path) -> None:
    proxy, runtime, _ = proxy_in(tmp_path)
    with pytest.raises(ContractError, match="does not run"):
        proxy.signal(signal.SIGUSR2)
    await proxy.apply(SITE)
    proxy.signal(signal.SIGUSR2)
    assert runtime.masters[-1].signals == [signal.SIGUSR2]
    runtime.masters[-1].returncode = -9
    lost = await proxy.lost()
    assert lost is not None
    assert (lost.name, lost.pid) == ("HAProxy", 100)
    proxy.signal(signal.SIGTERM)
    assert await proxy.lost() is None


async def test_a_worker_that_was_lost_is_told_by_the_master_unless_we_ended_it(tmp_path: Path) -> None:
    proxy, runtime, _ = proxy_in(tmp_path)
    await proxy.apply(SITE)
    assert await proxy.lost() is None
    runtime.files["haproxy.out"] += b"[ALERT]    (100) : Current worker (101) exited with code 137 (Killed)\n"
    lost = await proxy.lost()
    assert lost is not None
    assert (lost.pid, lost.how) == (101, "ended in mid-run with code 137")


@asynccontextmanager
async def statistics(folder: Path, answers: dict[str, str]) -> AsyncIterator[list[str]]:
    """A statistics socket."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().strip())
        writer.write(answers.get(asked[-1], "").encode())
        writer.close()

    async with await asyncio.start_unix_server(answer, path=folder / HaproxyDialect.socket):
        yield asked


async def test_members_are_what_its_statistics_say(tmp_path: Path) -> None:
    proxy, _, _ = proxy_in(tmp_path)
    assert await proxy.status() == ()
    await proxy.apply(SITE)
    with pytest.raises(ContractError, match="statistics socket does not answer"):
        await proxy.status()
    async with statistics(tmp_path, {"show stat": STAT}):
        shown = await proxy.status(BALANCER)
    assert [(one.route, one.elected, one.busy) for one in shown] == [("liberty", 3, 1), ("node", 2, 0)]
    await proxy.stop()
    with pytest.raises(ContractError, match="does not run"):
        await proxy.status()


@pytest.mark.skipif(shutil.which("perl") is None, reason="there is no Perl, as in a Debian's container")
async def test_of_a_container_a_program_in_it_asks_the_statistics(tmp_path: Path) -> None:
    proxy, runtime, _ = proxy_in(tmp_path)
    await proxy.apply(SITE)

    async def run(argv: Sequence[str], *, timeout_seconds: float = 20) -> Completed:
        process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = await asyncio.wait_for(process.communicate(), timeout_seconds)
        return Completed(returncode=process.returncode or 0, output=output.decode())

    runtime.name, runtime.run = "docker", run  # type: ignore[method-assign]  # a container is a place for programs
    with pytest.raises(ContractError, match="statistics socket does not answer: No such file"):
        await proxy.status()
    async with statistics(tmp_path, {"show stat": STAT}):
        shown = await proxy.status(BALANCER)
    assert [(one.route, one.elected, one.busy) for one in shown] == [("liberty", 3, 1), ("node", 2, 0)]


async def test_a_change_is_asked_there_and_its_refusal_told(tmp_path: Path) -> None:
    proxy, _, _ = proxy_in(tmp_path)
    await proxy.apply(SITE)
    drained = MemberChange(route="node", state=MemberState.DRAIN)
    async with statistics(tmp_path, {"show stat": STAT}) as asked:
        await proxy.change(BALANCER, drained)
    assert asked[-1] == "show stat"
    assert any("node" in command for command in asked[:-1])
    command = asked[0]
    async with statistics(tmp_path, {command: "No such server.\n"}):
        with pytest.raises(ContractError, match=re.escape(f"{command}: No such server.")):
            await proxy.attempt(BALANCER, drained)
    with pytest.raises(ContractError, match="keeps its method"):
        await proxy.change(BALANCER, BalancerChange(lbmethod="leastconn"))
