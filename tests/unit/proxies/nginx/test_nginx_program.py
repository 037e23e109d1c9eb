"""One nginx from its check to its end, without nginx: what it is told, what is said of it, and what is left."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fakes.nginx import NGINX, FakeAnswer, FakeNginx, FakeSession
from wslb.errors import ContractError, ProxyConfigRejected, StartError
from wslb.interfaces import Front
from wslb.proxies.nginx.nginx_dialect import NginxDialect
from wslb.proxies.nginx.nginx_program import NginxProgram

DIALECT = NginxDialect()
FRONT = Front(plain=8080)
URL = "http://127.0.0.1:8080/wslb-ready"
CONFIG = f'location = /wslb-ready {{ return 200 "{DIALECT.ready_text("one")}"; }}\n'
ARGV = "/fake/nginx -p /fake -e /fake/error.log -c /fake/nginx.conf"
TAKEN = f"2026/11/26 04:00:00 [emerg] 9#9: bind() to 127.0.0.1:8080{NginxProgram.PORT_TAKEN}whatever a C library says)"


class Stage:
    """A program, and the fakes below it."""

    def __init__(self, *, start_seconds: float = 5.0) -> None:
        self.runtime = FakeNginx()
        self.session = FakeSession(self.runtime)
        session: Any = self.session
        self.program = NginxProgram(
            dialect=DIALECT,
            runtime=self.runtime,
            installation=NGINX,
            session=session,
            start_seconds=start_seconds,
            stop_seconds=3.0,
        )

    async def start(self) -> str:
        return await self.program.start(CONFIG, front=FRONT, generation="one")

    def logs(self, *lines: str) -> None:
        self.runtime.files["error.log"] = "\n".join(lines).encode()


async def running() -> Stage:
    stage = Stage()
    await stage.start()
    return stage


async def test_it_is_checked_started_and_found_ready_with_logs_of_its_own() -> None:
    stage = Stage()
    stage.runtime.files |= dict.fromkeys(("error.log", "access.log", "nginx.out", "nginx.pid"), b"of another run")
    assert await stage.start() == f"# configuration file:\n{CONFIG}"
    assert stage.runtime.calls == [
        "remove error.log",
        "remove access.log",
        "remove nginx.out",
        "remove nginx.pid",
        f"run {ARGV} -T",
        "remove error.log",
        f"start {ARGV}",
    ]
    assert stage.runtime.files == {"nginx.conf": CONFIG.encode(), "nginx.out": b"", "error.log": b""}
    assert (stage.program.pid, stage.program.running, stage.session.asked) == (100, True, [f"GET {URL}"])


async def test_it_is_asked_until_this_generation_answers() -> None:
    stage = Stage()
    stage.session.troubles += [aiohttp.ClientConnectionError("refused"), TimeoutError(), ConnectionResetError()]
    await stage.start()
    assert stage.session.asked == [f"GET {URL}"] * 4


@pytest.mark.parametrize(
    ("said", "file", "line", "text"),
    [
        (
            'nginx: [warn] low\nnginx: [emerg] unknown directive "x" in /fake/nginx.conf:7\nnginx: test failed\n',
            "/fake/nginx.conf",
            7,
            '[emerg] unknown directive "x" in /fake/nginx.conf:7',
        ),
        ("nginx: [emerg] no events section\n", "/fake/nginx.conf", None, "[emerg] no events section"),
        ("nginx: nothing to say\n", "/fake/nginx.conf", None, "no reason was given"),
    ],
)
async def test_a_configuration_that_it_refuses_is_never_started(
    said: str, file: str, line: int | None, text: str
) -> None:
    stage = Stage()
    stage.runtime.refusal = said
    with pytest.raises(ProxyConfigRejected) as caught:
        await stage.start()
    assert (caught.value.file, caught.value.line, caught.value.text) == (Path(file), line, text)
    assert (stage.runtime.masters, stage.program.pid, stage.program.running) == ([], None, False)


async def test_a_check_that_does_not_end_is_told() -> None:
    stage = Stage()
    stage.runtime.hangs = True
    with pytest.raises(StartError) as caught:
        await stage.start()
    assert str(caught.value) == "nginx did not start: nginx -T did not end in time."
    assert not stage.runtime.masters


@pytest.mark.parametrize(
    ("returncode", "log", "reason"),
    [
        (1, "no such group", "it ended with exit code 1"),
        (-9, "killed", "it was ended by SIGKILL"),
        (None, TAKEN, "its port is taken"),
        (1, TAKEN, "it ended with exit code 1"),
    ],
)
async def test_one_that_cannot_serve_is_ended_with_its_last_words(
    returncode: int | None, log: str, reason: str
) -> None:
    stage = Stage()
    stage.runtime.begins.append((returncode, log))
    with pytest.raises(StartError) as caught:
        await stage.start()
    assert str(caught.value) == f"nginx did not start: {reason}."
    assert (caught.value.log_tail, caught.value.hint) == ((log,), "The last lines of its log say why.")
    (master,) = stage.runtime.masters
    assert (master.graces, stage.program.pid, stage.session.asked) == ([3.0], None, [])
    assert stage.runtime.calls[-1] == f"start {ARGV}", "it is not noted as one that serves"


async def test_another_generation_on_its_port_is_not_readiness() -> None:
    stage = Stage(start_seconds=0.01)
    stage.session.answers[URL] = FakeAnswer(body=DIALECT.ready_text("another"))
    stage.runtime.begins.append((None, "start worker process 101"))
    with pytest.raises(StartError, match="it did not answer on its readiness path") as caught:
        await stage.start()
    assert caught.value.log_tail == ("start worker process 101",)
    assert caught.value.waited > 0
    (master,) = stage.runtime.masters
    assert (master.graces, stage.program.running) == ([3.0], False)


async def test_a_start_that_is_given_up_leaves_no_nginx() -> None:
    stage = Stage()
    stage.session.troubles.append(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await stage.start()
    (master,) = stage.runtime.masters
    assert (master.graces, stage.program.pid) == ([3.0], None)


@pytest.mark.parametrize(("way", "grace"), [("stop", 3.0), ("kill", 0)])
async def test_ended_twice_is_ended_once(way: str, grace: float) -> None:
    stage = await running()
    for _ in range(2):
        await getattr(stage.program, way)()
    (master,) = stage.runtime.masters
    assert (master.graces, stage.program.pid, stage.program.running) == ([grace], None, False)


async def test_a_signal_reaches_the_master_and_needs_one() -> None:
    stage = await running()
    stage.program.signal(signal.SIGHUP)
    (master,) = stage.runtime.masters
    assert master.signals == [signal.SIGHUP]
    await stage.program.stop()
    with pytest.raises(ContractError) as caught:
        stage.program.signal(signal.SIGHUP)
    assert str(caught.value) == "Backend nginx broke its contract: it does not run."


async def test_a_master_that_ended_by_itself_is_lost_with_its_last_words() -> None:
    stage = await running()
    assert await stage.program.lost() is None
    stage.program.signal(signal.SIGHUP)  # a reload ends nothing
    (master,) = stage.runtime.masters
    master.returncode = -9
    stage.logs("last words")
    lost = await stage.program.lost()
    assert lost is not None
    assert str(lost) == "nginx (pid 100) was ended by SIGKILL in mid-run, which the scenario did not do."
    assert lost.log_tail == ("last words",)
    assert not stage.program.running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
async def test_a_master_that_we_ended_is_not_lost(number: int) -> None:
    stage = await running()
    stage.program.signal(number)
    (master,) = stage.runtime.masters
    master.returncode = 0
    assert await stage.program.lost() is None
    await stage.start()  # another one, of which we have ended nothing
    stage.runtime.masters[-1].returncode = 1
    assert str(await stage.program.lost()).startswith("nginx (pid 101) ended with exit code 1 in mid-run")


@pytest.mark.parametrize(
    ("number", "pid", "lost"),
    [(9, 12, True), (15, 12, True), (9, 11, False), (11, 12, False), (99, 12, False)],
    ids=["killed", "ended", "by us", "crashed", "a number that begins alike"],
)
async def test_a_worker_that_somebody_ended_is_lost(number: int, pid: int, lost: bool) -> None:
    stage = await running()
    await stage.program.kill_child(11)
    assert stage.runtime.calls[-1] == "run sh -c kill -KILL 11"
    stage.logs("start worker process 12", f"[alert] 9#9: worker process {pid} exited on signal {number}")
    told = "A worker of nginx (pid 12) was ended in mid-run by SIGKILL or SIGTERM, which the scenario did not do."
    assert str(await stage.program.lost()) == (told if lost else "None")


async def test_one_that_does_not_run_is_neither_lost_nor_stopped() -> None:
    stage = Stage()
    stage.runtime.states[100] = "stopped"
    assert (await stage.program.lost(), stage.program.stopped()) == (None, ())
    await stage.start()
    assert stage.program.stopped() == (("nginx", 100),)
    stage.runtime.masters[-1].returncode = 0
    assert stage.program.stopped() == ()


async def test_stopped_processes_are_named() -> None:
    stage = await running()
    stage.runtime.workers = frozenset({101, 102})
    stage.runtime.states = {101: "stopped", 102: "zombie"}
    assert stage.program.stopped() == (("A worker of nginx", 101),)
    stage.runtime.states[100] = "tracing-stop"
    assert stage.program.stopped() == (("nginx", 100), ("A worker of nginx", 101))


async def test_its_last_lines_have_the_standard_streams_first_and_no_blank_ones() -> None:
    stage = Stage()
    stage.runtime.files |= {"nginx.out": b"one\n\n \xff two\n", "error.log": b"three\n\nfour\n"}
    assert await stage.program.log_tail() == ("one", " \ufffd two", "three", "four")
    assert await stage.program.log_tail(1) == ("four",)
