"""Every test of this folder needs a Docker engine, and leaves in it what was there before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import engine
from wslb.config import PullPolicy, RuntimeChoice, Settings


@pytest.fixture(autouse=True)
def the_engine_is_as_before() -> Iterator[None]:
    before = engine.everything()
    yield
    assert engine.everything() == before


@pytest.fixture
def settings() -> Settings:
    """A container of an image that is here."""
    return Settings(runtime=RuntimeChoice.DOCKER, image=engine.image(), pull=PullPolicy.NEVER)
