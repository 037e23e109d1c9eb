"""Names of further backends."""

from __future__ import annotations

import pytest

from wslb.errors import ConfigError
from wslb.fleet.fleet import VARIANTS, _program


def test_further_instances_have_addresses_of_their_own() -> None:
    names = (
        "liberty",
        "node",
        "liberty-2",
        "node-2",
        *(f"{base}-{v}" for base in ("liberty", "node") for v in VARIANTS),
    )
    programs = [_program(name) for name in names]
    assert len({program.address for program in programs}) == len(names)


def test_a_variant_brings_its_options() -> None:
    assert _program("node-idle").options == ("--idle-seconds", "1")
    assert _program("node-2").options == ()


@pytest.mark.parametrize("name", ["nobody", "node-fast"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        _program(name)
