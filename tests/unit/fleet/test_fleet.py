"""Names of further backends."""

from __future__ import annotations

import pytest

from backends.recorder.__main__ import FAULTS
from wslb.errors import ConfigError, NotAskable
from wslb.fleet.fleet import VARIANTS, program_of
from wslb.fleet.servers import RELAYED, parts, recorders


def test_further_instances_have_addresses_of_their_own() -> None:
    names = (
        "liberty",
        "node",
        "liberty-2",
        "node-2",
        *(f"{base}-{v}" for base in ("liberty", "node") for v in VARIANTS),
    )
    programs = [program_of(name) for name in names]
    assert len({program.address for program in programs}) == len(names)


def test_a_variant_brings_its_options() -> None:
    assert program_of("node-idle").options == ("--idle-seconds", "1")
    assert program_of("node-2").options == ()


@pytest.mark.parametrize("name", ["nobody", "node-fast"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        program_of(name)


SERVERS = {"app": "ws://one:9080/WSConsole", "node": "wss://two"}


def test_servers_play_the_parts_of_their_names_and_the_others_what_is_left() -> None:
    assert parts(SERVERS) == {"liberty": "app", "node": "node"}
    assert parts({"b": "ws://b", "a": "ws://a"}) == {"liberty": "b", "node": "a"}
    assert parts({"node": "ws://b"}) == {"node": "node"}
    assert parts({}) == {}


def test_a_recorder_stands_before_each_server() -> None:
    made = recorders(SERVERS, ca="/ca.pem")
    assert made["liberty"].arguments == ("--to", "ws://one:9080/WSConsole")
    assert made["liberty"].cl_path == "/WSConsole/CLRunner"
    assert made["node"].arguments == ("--to", "wss://two", "--ca", "/ca.pem")
    assert {program.module for program in made.values()} == {"backends.recorder"}
    assert program_of("node-2", made).address not in {program.address for program in made.values()}


@pytest.mark.parametrize(("name", "needs"), [("liberty", "two servers"), ("node-idle", "an idle limit")])
def test_what_real_servers_lack_is_not_asked(name: str, needs: str) -> None:
    with pytest.raises(NotAskable, match=needs):
        program_of(name, recorders({"node": "ws://b"}, ca=None))


def test_the_faults_that_a_lab_asks_of_a_recorder_are_those_it_can_do() -> None:
    assert FAULTS.keys() == RELAYED
