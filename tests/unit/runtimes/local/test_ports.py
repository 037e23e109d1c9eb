"""Ports for listeners: those asked for, and free ones that differ."""

from wslb.runtimes.local.local_runtime import ports_to_listen


def test_free_ports_differ_from_each_other_and_from_those_asked_for() -> None:
    """The kernel hands out one number twice when asked twice: of 500 picked one after another some would be equal."""
    (taken,) = ports_to_listen(0)
    ports = ports_to_listen(taken, *[0] * 500)
    assert ports[0] == taken
    assert len(set(ports)) == len(ports)
    assert all(1024 <= port <= 65535 for port in ports)
