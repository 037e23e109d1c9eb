"""What a lab starts ends in reverse order, also when it comes up only half-way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.backends import FakeBackends
from tests.fakes.proxy import FakeProxy, FakeRuntime
from wslb.config import Settings
from wslb.errors import RuntimeUnavailable, StartError
from wslb.interfaces import Installation
from wslb.lab import launch
from wslb.lab.placement import Placement
from wslb.model.balancer import Site
from wslb.proxies.apache.apache_product import ApacheProduct

DEAD = StartError(name="x", reason="it does not start")
World = Callable[..., list[str]]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Parts that note when they start and stop; one of them may fail."""

    def build(*, fails: str = "") -> list[str]:
        log: list[str] = []

        def step(name: str) -> None:
            log.append(name)
            if name == fails:
                raise DEAD

        class Folder:
            path = tmp_path

            def remove(self) -> None:
                step("remove folder")

        class Runtime(FakeRuntime):
            async def write(self, name: str, content: bytes, *, secret: bool = False) -> str:
                assert content
                return await super().write(name, content, secret=secret)

            async def connects(self, host: str, port: int) -> bool:
                return fails != "no way"

        runtime = Runtime()
        httpd = Installation(
            binary="/fake/httpd", modules_folder="/m", version="2.4.99", built_in=frozenset(), loadable=frozenset()
        )

        async def enter(stack: contextlib.AsyncExitStack, *_: object, **__: object) -> Placement:
            step("enter runtime")
            stack.callback(lambda: step("leave runtime"))
            return Placement(product=Product(), runtime=runtime, installation=httpd, why="asked for")

        class Fleet(FakeBackends):
            def __init__(self, **_: object) -> None:
                super().__init__()

            async def start(self) -> None:
                step("start backends")

            async def stop(self) -> None:
                step("stop backends")

        class Proxy(FakeProxy):
            def __init__(self, **_: object) -> None:
                super().__init__(FakeBackends())

            async def prepare(self, files: object) -> None:
                step("prepare proxy")

            async def apply(self, site: Site) -> None:
                await super().apply(site)
                step("start proxy")

            async def stop(self) -> None:
                step("stop proxy")

        class Product(ApacheProduct):
            def managed(self, **_: Any) -> Any:
                return Proxy()

        async def close_quietly(lab: Any) -> None:
            step("close tunnels")

        for name, part in {
            "RunFolder": Folder,
            "enter": enter,
            "Fleet": Fleet,
            "LocalRuntime": lambda _: FakeRuntime(),
            "sweep": lambda: ("a dead run",),
            "_close_quietly": close_quietly,
        }.items():
            monkeypatch.setattr(launch, name, part)
        monkeypatch.setattr(launch, "LocalRuntime", type("LocalRuntime", (FakeRuntime,), {"__init__": _any}))
        return log

    return build


def _any(self: FakeRuntime, _: object) -> None:
    FakeRuntime.__init__(self)


UP = ["enter runtime", "start backends", "prepare proxy", "start proxy"]
DOWN = ["close tunnels", "stop backends", "stop proxy", "leave runtime", "remove folder"]


async def test_tunnels_end_before_programs_and_programs_before_their_folder(world: World) -> None:
    log = world()
    async with launch.open_lab(Settings()) as lab:
        assert log == UP
        assert lab.environment["leftovers"] == ["a dead run"]
        assert lab.environment["proxy_version"] == "2.4.99"
        assert lab.environment["runtime_reason"] == "asked for"
    assert log == UP + DOWN


async def test_a_test_that_breaks_inside_leaves_nothing(world: World) -> None:
    log = world()
    with pytest.raises(ZeroDivisionError):
        async with launch.open_lab(Settings()):
            raise ZeroDivisionError
    assert log == UP + DOWN


@pytest.mark.parametrize(
    ("fails", "down"),
    [
        ("enter runtime", ["remove folder"]),
        ("start backends", DOWN[1:]),
        ("prepare proxy", DOWN[1:]),
        ("start proxy", DOWN[1:]),
    ],
)
async def test_what_came_up_half_way_goes_down_again(world: World, fails: str, down: list[str]) -> None:
    log = world(fails=fails)
    with pytest.raises(StartError) as caught:
        async with launch.open_lab(Settings()):
            pytest.fail("a lab that did not come up")
    assert caught.value is DEAD
    assert log == UP[: UP.index(fails) + 1] + down


async def test_a_proxy_that_cannot_reach_the_backends_is_said_at_once(world: World) -> None:
    log = world(fails="no way")
    with pytest.raises(RuntimeUnavailable, match="cannot reach the backends at 127"):
        async with launch.open_lab(Settings()):
            pytest.fail("a lab without a way")
    assert log == ["enter runtime", "start backends", *DOWN[1:]]


@pytest.mark.parametrize("fails", ["close tunnels", "stop backends", "stop proxy"])
async def test_what_does_not_end_well_keeps_nothing_else_from_ending(world: World, fails: str) -> None:
    log = world(fails=fails)
    with pytest.raises(StartError):
        async with launch.open_lab(Settings()):
            pass
    assert log == UP + DOWN
