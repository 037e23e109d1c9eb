from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from wslb.config import RuntimeChoice, Settings
from wslb.errors import LabError, RuntimeUnavailable, StartError
from wslb.interfaces import Installation
from wslb.lab import placement as module
from wslb.lab.placement import Placement, enter
from wslb.proxies.apache import apache_product, provision
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.proxies.apache.provision import InstallCommands

HTTPD = Installation(
    binary="httpd", modules_folder="/m", version="2.4.65", built_in=frozenset(), loadable=frozenset({"none"})
)


class Fake:
    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Runtimes that come up or raise; returns the log of what was entered and left."""

    def build(*, docker: LabError | None = None, local: LabError | None = None) -> list[str]:
        log: list[str] = []
        errors = {"docker": docker, "local": local}

        def opener(name: str) -> Any:
            @contextlib.asynccontextmanager
            async def opened(settings: Settings, folder: Path, progress: Any) -> AsyncIterator[Fake]:
                log.append(f"try {name}")
                error = errors[name]
                if error:
                    raise error
                yield Fake(name)
                log.append(f"left {name}")

            return opened

        async def find_httpd(runtime: Any, dialect: Any, *, binary: str | None, **_: Any) -> Installation:
            return HTTPD

        monkeypatch.setattr(module, "RUNTIMES", {name: opener(name) for name in errors})
        monkeypatch.setattr(apache_product, "find_httpd", find_httpd)
        monkeypatch.setattr(ApacheDialect, "missing", lambda *_: ())
        return log

    return build


def _commands(*command: str, unattended: bool) -> InstallCommands:
    return InstallCommands(commands=(command,), unattended=unattended)


NO_ENGINE = RuntimeUnavailable(runtime="docker", reason="no Docker engine runs here", hint="start it")
NO_HTTPD = RuntimeUnavailable(runtime="local", reason="neither httpd nor apache2 was found", hint="install it")


async def entered(settings: Settings, **more: Any) -> Placement:
    async with contextlib.AsyncExitStack() as stack:
        return await enter(stack, settings, Path("/run"), **more)
    raise AssertionError


@pytest.mark.parametrize(
    ("settings", "docker", "runtime", "why", "log"),
    [
        (Settings(), None, "docker", "auto: a Docker engine answers", ["try docker", "left docker"]),
        (Settings(), NO_ENGINE, "local", "auto: no Docker engine runs here", ["try docker", "try local", "left local"]),
        (
            Settings(),
            StartError(name="The container", reason="no shell"),
            "local",
            "auto: The container did not start: no shell",
            ["try docker", "try local", "left local"],
        ),
        (Settings(httpd="/x/httpd"), None, "local", "auto: a program was named", ["try local", "left local"]),
        (Settings(image="x"), None, "docker", "auto: an image was named", ["try docker", "left docker"]),
        (Settings(runtime=RuntimeChoice.LOCAL), None, "local", "asked for", ["try local", "left local"]),
        (Settings(runtime=RuntimeChoice.DOCKER), None, "docker", "asked for", ["try docker", "left docker"]),
    ],
)
async def test_the_place_and_its_reason(
    world: Callable[..., list[str]], settings: Settings, docker: LabError | None, runtime: str, why: str, log: list[str]
) -> None:
    seen = world(docker=docker)
    found = await entered(settings)
    assert (found.runtime.name, found.why) == (runtime, why)
    assert seen == log, "what was entered is left again"


@pytest.mark.parametrize("settings", [Settings(runtime=RuntimeChoice.DOCKER), Settings(image="x")])
async def test_a_container_that_was_asked_for_is_not_traded_for_the_local_httpd(
    world: Callable[..., list[str]], settings: Settings
) -> None:
    log = world(docker=NO_ENGINE)
    with pytest.raises(RuntimeUnavailable, match="no Docker engine runs here"):
        await entered(settings)
    assert log == ["try docker"]


async def test_neither_names_both_reasons_and_the_way_out(
    world: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    world(docker=NO_ENGINE, local=NO_HTTPD)
    monkeypatch.setattr(
        provision,
        "install_commands",
        lambda: _commands("sudo", "get", "httpd", unattended=False),
    )
    with pytest.raises(RuntimeUnavailable) as caught:
        await entered(Settings(), say=lambda _: None)
    assert "no Docker engine runs here, and neither httpd nor apache2 was found" in str(caught.value)
    assert "sudo get httpd" in caught.value.hint


async def test_httpd_is_installed_where_that_asks_for_nothing_and_somebody_is_told(
    world: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = world(docker=NO_ENGINE, local=NO_HTTPD)
    monkeypatch.setattr(provision, "install_commands", lambda: _commands("get", "httpd", unattended=True))
    monkeypatch.setattr(provision, "install", lambda *, say: (say("$ get httpd"), world(docker=NO_ENGINE)))
    told: list[str] = []
    found = await entered(Settings(), say=told.append)
    assert told == ["$ get httpd"]
    assert found.why == "auto: no Docker engine runs here; httpd was installed"
    assert log == ["try docker", "try local"]
