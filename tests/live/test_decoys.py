"""Addresses that behave as dead backends do, on this machine's own loopback."""

from __future__ import annotations

import socket

import pytest

from wslb.fleet.decoys import DECOYS, Blackhole, Refusing


def test_refusing_refuses() -> None:
    decoy = Refusing("127.0.0.1")
    try:
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", decoy.port), timeout=5):
            pass
    finally:
        decoy.close()


def test_a_blackhole_never_answers() -> None:
    decoy = Blackhole("127.0.0.1")
    try:
        with pytest.raises(TimeoutError), socket.create_connection(("127.0.0.1", decoy.port), timeout=0.3):
            pass
    finally:
        decoy.close()


def test_a_blackhole_takes_the_port_of_a_program_that_has_just_ended_and_gives_it_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as program:
        port = program.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            program.accept()[0].close()
    decoy = Blackhole("127.0.0.1", port)
    try:
        with pytest.raises(TimeoutError), socket.create_connection(("127.0.0.1", port), timeout=0.3):
            pass
    finally:
        decoy.close()
    socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize("kind", DECOYS.values(), ids=DECOYS.keys())
def test_closing_twice_is_closing_once(kind: type[Refusing] | type[Blackhole]) -> None:
    decoy = kind("127.0.0.1")
    decoy.close()
    decoy.close()
