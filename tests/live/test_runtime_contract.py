"""The contract of `wslb.interfaces.Runtime`, held by every runtime: the same calls, the same outcomes."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from tests.live import engine
from wslb.config import DockerNetwork, PullPolicy, RuntimeChoice, Settings
from wslb.errors import ProxyConfigRejected, StartError
from wslb.fleet.managed import unprivileged
from wslb.interfaces import Installation, Runtime
from wslb.lab.placement import enter
from wslb.model.balancer import Balancer, Carrier, Member, Mount, Site
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.proxies.managed_proxy import ManagedProxy
from wslb.runtimes.runfolder import RunFolder
from wslb.waiting import until

SITE = Site(
    mounts=(
        Mount(
            path="/ws",
            target=Balancer(name="mycluster", members=(Member(route="a", url="ws://127.0.0.1:9"),)),
            target_path="/CLRunner",
        ),
    )
)
PLACES = {
    "local": (RuntimeChoice.LOCAL, DockerNetwork.AUTO),
    "docker-host": (RuntimeChoice.DOCKER, DockerNetwork.AUTO),
    "docker-published": (RuntimeChoice.DOCKER, DockerNetwork.PUBLISHED),
}
DOCKER = pytest.mark.docker


def settings_of(name: str, **more: object) -> Settings:
    choice, network = PLACES[name]
    image = engine.image() if choice is RuntimeChoice.DOCKER else None
    if choice is RuntimeChoice.LOCAL and not (shutil.which("apache2", path="/usr/sbin") or shutil.which("httpd")):
        pytest.skip("no httpd on this machine; wslb doctor says how to install it")
    return Settings(runtime=choice, image=image, pull=PullPolicy.NEVER, docker_network=network, **more)  # type: ignore[arg-type]


@pytest.fixture(
    scope="module",
    params=[name if name == "local" else pytest.param(name, marks=DOCKER) for name in PLACES],
)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Runtime, Installation]]:
    async with contextlib.AsyncExitStack() as stack:
        folder = RunFolder()
        stack.callback(folder.remove)
        place = await enter(stack, settings, folder.path)
        yield place.runtime, place.installation


@pytest.fixture(scope="module")
async def runtime(name: str) -> AsyncIterator[Runtime]:
    async with opened(settings_of(name)) as (found, _):
        yield found


@contextlib.asynccontextmanager
async def proxied(
    settings: Settings, *, dialect: ApacheDialect | None = None, start_seconds: float = 15
) -> AsyncIterator[ManagedProxy]:
    async with opened(settings) as (runtime, installation), aiohttp.ClientSession(trust_env=False) as session:
        proxy = ManagedProxy(
            dialect=dialect or ApacheDialect(),
            runtime=runtime,
            installation=installation,
            session=session,
            carrier=Carrier.WSTUNNEL,
            user=unprivileged() if runtime.as_root else None,
            trust=None,
            ports=(settings.port, settings.tls_port),
            start_seconds=start_seconds,
            stop_seconds=4,
        )
        await proxy.prepare({})
        try:
            yield proxy
        finally:
            await proxy.stop()


# -- files --


@pytest.mark.parametrize(
    "content", [b"", b"plain\n", b"no line end", bytes(range(256)) * 400], ids=["0", "1", "2", "3"]
)
async def test_a_written_file_is_read_back_byte_by_byte(runtime: Runtime, content: bytes) -> None:
    path = await runtime.write("some/folder/a file's name", content)
    assert path == f"{runtime.folder}/some/folder/a file's name"
    assert await runtime.read("some/folder/a file's name") == content
    assert (await runtime.run(["cat", path])).output.encode()[:5] == content.decode(errors="replace").encode()[:5]


async def test_a_file_can_be_written_again_and_removed_twice(runtime: Runtime) -> None:
    for content in (b"long content", b"short"):
        await runtime.write("again", content, secret=True)
        assert await runtime.read("again") == content
    for _ in range(2):
        await runtime.remove("again")
        assert await runtime.read("again") == b""


async def test_a_secret_is_for_its_owner_alone(runtime: Runtime) -> None:
    open_to_all = await runtime.write("open", b"x")
    secret = await runtime.write("tls/secret", b"x", secret=True)
    modes = (await runtime.run(["stat", "-c", "%a", open_to_all, secret])).output.split()
    assert modes[0][1:] == "44", "everybody may read, nobody else write"
    assert modes[1][1:] == "00"


async def test_a_listing_has_the_names_and_none_is_empty(runtime: Runtime) -> None:
    await runtime.write("listed/one", b"")
    await runtime.write("listed/.two", b"")
    assert await runtime.listing(f"{runtime.folder}/listed") == {"one", ".two"}
    assert await runtime.listing("/no/such/folder") == frozenset()


# -- commands --


async def test_find_takes_the_first_that_exists(runtime: Runtime) -> None:
    assert await runtime.find(["no-such-program-here", "sh", "ls"]) in {"/bin/sh", "/usr/bin/sh"}
    assert await runtime.find(["/no/such/program", "/bin/ls"]) == "/bin/ls"
    assert await runtime.find(["no-such-program-here"]) is None


async def test_run_gives_exit_code_and_both_streams(runtime: Runtime) -> None:
    done = await runtime.run(["sh", "-c", "echo out; echo err >&2; printf 'no line end'; exit 3"])
    assert done.returncode == 3
    assert sorted(done.output.split("\n")) == ["err", "no line end", "out"]


@pytest.mark.parametrize("argument", ["a b", "it's", '"', "$HOME `id` $(id)", "*", "\\", "-n", ";exit 7", "ü→"])
async def test_an_argument_is_never_text_for_a_shell(runtime: Runtime, argument: str) -> None:
    done = await runtime.run(["printf", "%s|", argument, "end"])
    assert (done.returncode, done.output) == (0, f"{argument}|end|")


async def test_a_command_that_hangs_is_ended_at_its_deadline(runtime: Runtime) -> None:
    with pytest.raises(TimeoutError):
        await runtime.run(["sleep", "60"], timeout_seconds=0.3)
    assert (await runtime.run(["echo", "still", "there"])).output == "still there\n"


async def test_a_command_gets_no_input(runtime: Runtime) -> None:
    assert (await runtime.run(["cat"])).output == ""


# -- programs --


async def alive(runtime: Runtime, pids: Sequence[str]) -> list[str]:
    text = "; ".join(
        f"s=$(cut -d' ' -f3 /proc/{pid}/stat 2>/dev/null) && [ \"$s\" != Z ] && echo {pid}" for pid in pids
    )
    return (await runtime.run(["sh", "-c", f"{text}; true"])).output.split()


async def test_a_program_runs_until_it_is_stopped_and_stop_is_idempotent(runtime: Runtime) -> None:
    process = await runtime.start(["sh", "-c", "echo begun; exec sleep 600"], name="program")
    assert process.returncode is None
    assert process.pid > 0
    await until(lambda: runtime.read("program.out"), seconds=10, what="its output")
    assert await runtime.read("program.out") == b"begun\n"
    for _ in range(3):
        await process.stop(grace_seconds=5)
        assert process.returncode == -signal.SIGTERM
    process.signal(signal.SIGUSR1)
    assert await alive(runtime, [str(process.pid)]) == []


async def test_the_end_of_a_program_is_noticed_with_its_exit_code(runtime: Runtime) -> None:
    process = await runtime.start(["sh", "-c", "exit 7"], name="short")

    async def ended() -> bool:
        return process.returncode is not None

    await until(ended, seconds=10, what="its end")
    assert process.returncode == 7
    await process.stop(grace_seconds=1)
    assert process.returncode == 7


async def test_a_program_that_ignores_the_request_is_forced_with_all_its_children(runtime: Runtime) -> None:
    script = "trap '' TERM; sh -c \"trap '' TERM; sleep 600 & echo \\$! ; wait\" & echo $!; while :; do sleep 0.1; done"
    process = await runtime.start(["sh", "-c", script], name="stubborn")

    async def two_lines() -> bool:
        return (await runtime.read("stubborn.out")).count(b"\n") == 2

    await until(two_lines, seconds=10, what="both children")
    pids = [*(await runtime.read("stubborn.out")).decode().split(), str(process.pid)]
    assert len(await alive(runtime, pids)) == 3
    await process.stop(grace_seconds=0.2)
    assert process.returncode == -signal.SIGKILL
    assert await alive(runtime, pids) == []


async def test_a_signal_reaches_the_program_alone(runtime: Runtime) -> None:
    script = "trap 'echo got' USR1; sleep 600 & echo ready; while :; do wait $!; done"
    process = await runtime.start(["sh", "-c", script], name="signalled")
    await until(lambda: runtime.read("signalled.out"), seconds=10, what="readiness")
    process.signal(signal.SIGUSR1)

    async def got() -> bool:
        return b"got" in await runtime.read("signalled.out")

    await until(got, seconds=10, what="the signal")
    assert process.returncode is None
    await process.stop(grace_seconds=0)


async def test_two_programs_of_one_name_are_two(runtime: Runtime) -> None:
    first = await runtime.start(["sleep", "600"], name="same")
    second = await runtime.start(["sleep", "600"], name="same")
    await first.stop(grace_seconds=2)
    assert (first.returncode, second.returncode) == (-signal.SIGTERM, None)
    await second.stop(grace_seconds=2)


# -- httpd --


async def test_httpd_serves_one_site_after_the_other(name: str) -> None:
    async with proxied(settings_of(name)) as proxy:
        seen = set()
        for _ in range(3):
            await proxy.apply(SITE)
            assert proxy.running
            assert (await proxy.fetch("/WSConsole.html"))[0] == 200
            assert len(await proxy.status()) == 1
            seen.add(proxy.generation)
        assert len(seen) == 3
        assert any(line.code == "AH00489" for line in await proxy.log())
        await proxy.stop()
        await proxy.stop()
        assert not proxy.running


async def test_a_graceful_restart_by_signal_works(name: str) -> None:
    async with proxied(settings_of(name)) as proxy:
        await proxy.apply(SITE)
        proxy.signal(signal.SIGUSR1)

        async def restarted() -> bool:
            return sum(line.code == "AH00489" for line in await proxy.log()) == 2

        await until(restarted, seconds=15, what="the second generation")
        assert proxy.running


async def test_a_killed_httpd_leaves_no_child_that_serves(name: str) -> None:
    async with proxied(settings_of(name)) as proxy:
        await proxy.apply(SITE)
        pid = proxy.pid
        children = await proxy.runtime.run(["sh", "-c", f"cat /proc/{pid}/task/{pid}/children"])
        assert len(children.output.split()) >= 4
        await proxy.kill()
        assert await alive(proxy.runtime, children.output.split()) == []
        await proxy.apply(SITE)
        assert proxy.running


async def test_a_configuration_that_httpd_rejects_is_named_with_its_line(name: str) -> None:
    async with proxied(settings_of(name)) as proxy:
        bad = Site(mounts=SITE.mounts, directives=("NoSuchDirective On",))
        with pytest.raises(ProxyConfigRejected, match="NoSuchDirective") as caught:
            await proxy.apply(bad)
        assert caught.value.line == proxy.config.splitlines().index("NoSuchDirective On") + 1
        assert not proxy.running
        await proxy.apply(SITE)
        assert proxy.running


class Idle(ApacheDialect):
    """A server that passes its syntax check and then never answers."""

    def arguments(self, installation: Installation, *, folder: str, config: str) -> tuple[str, ...]:
        del installation, folder, config
        return ("sh", "-c", 'case "$*" in *-t*) exit 0;; esac; echo idle; exec sleep 600', "httpd")


async def test_a_start_that_takes_too_long_is_an_error_and_leaves_nothing(name: str) -> None:
    async with proxied(settings_of(name), dialect=Idle(), start_seconds=0.6) as proxy:
        with pytest.raises(StartError, match="did not answer on its readiness path") as caught:
            await proxy.apply(SITE)
        assert caught.value.waited >= 0.6
        assert "idle" in caught.value.log_tail
        assert not proxy.running


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("RedirectMatch 410 ^/wslb-ready", "410 Gone"),
        ("RedirectMatch 302 ^/wslb-ready http://127.0.0.1:9/in", "302 Found to http://127.0.0.1:9/in"),
    ],
)
async def test_a_readiness_path_that_answers_something_else_is_told_with_the_status(
    name: str, line: str, said: str
) -> None:
    async with proxied(settings_of(name)) as proxy:
        with pytest.raises(StartError) as caught:
            await proxy.apply(replace(SITE, directives=(line,), modules=("alias",)))
        assert f"/wslb-ready answers {said} without this run's id" in str(caught.value)
        assert 3 <= caught.value.waited < 15, "the whole patience was used up"
        assert "ProxyPass /wslb-ready !" in caught.value.hint
        assert not proxy.running
        await proxy.apply(SITE)
        assert proxy.running


async def test_after_a_start_that_took_too_long_the_next_has_half_as_long(name: str) -> None:
    async with proxied(settings_of(name), dialect=Idle(), start_seconds=4.0) as proxy:
        waited = []
        for _ in range(2):
            with pytest.raises(StartError) as caught:
                await proxy.apply(SITE)
            waited.append(caught.value.waited)
        assert waited[0] >= 4
        assert 2 <= waited[1] < waited[0]


class Late(ApacheDialect):
    """A server that needs a second before it begins to start."""

    def arguments(self, installation: Installation, *, folder: str, config: str) -> tuple[str, ...]:
        real = super().arguments(installation, folder=folder, config=config)
        return ("sh", "-c", 'case "$*" in *-DFOREGROUND*) sleep 1;; esac; exec "$@"', "late", *real)


async def test_a_slow_start_is_waited_for(name: str) -> None:
    async with proxied(settings_of(name), dialect=Late()) as proxy:
        await proxy.apply(SITE)
        assert (await proxy.fetch("/WSConsole.html"))[0] == 200


async def test_a_port_in_use_is_named(name: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} ") as caught:
            async with proxied(settings_of(name, port=port)) as proxy:
                await proxy.apply(SITE)
        assert "--port" in caught.value.hint


async def test_what_the_runtime_wrote_is_gone_with_it(name: str) -> None:
    async with opened(settings_of(name)) as (runtime, _):
        folder = runtime.folder
        await runtime.write("something", b"x")
    assert not Path(folder).exists()
