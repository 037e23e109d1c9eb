from __future__ import annotations

import resource

import pytest

from wslb.runtimes.local import openfiles


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ((256, 20_000), 20_000),
        ((1024, resource.RLIM_INFINITY), openfiles.ENOUGH),
        ((20_000, 20_000), None),
        ((1_000_000, 1_000_000), None),
    ],
)
def test_the_soft_limit_follows_the_hard_one(
    limits: tuple[int, int], wanted: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: asked.append(pair))
    assert openfiles.raise_limit() == (wanted or limits[0])
    assert asked == ([(wanted, limits[1])] if wanted else [])


def test_a_system_that_refuses_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert openfiles.raise_limit() == 256
