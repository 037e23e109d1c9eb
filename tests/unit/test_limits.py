"""Who waits in a listener's accept queue."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from wslb.scenarios.limits import waiting_in

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = (
    "   0: 0100007F:{port:04X} 0100007F:D903 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1\n"
)


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([], 0),
        ([(8080, "0A", 4711)], 0),
        ([(8080, "01", 0)], 1),
        ([(8080, "01", 0), (8080, "01", 0), (8080, "01", 4712), (8080, "03", 0), (8081, "01", 0)], 2),
    ],
    ids=["nobody", "the listener", "one", "accepted, half open and other ports do not wait"],
)
def test_waiting_is_established_without_a_file(rows: list[tuple[int, str, int]], count: int) -> None:
    table = HEAD + "".join(ROW.format(port=port, state=state, inode=inode) for port, state, inode in rows)
    assert waiting_in(table, port=8080) == count


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/net/tcp is Linux's")
def test_the_kernel_tells_who_waits() -> None:
    table = Path("/proc/net/tcp")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            assert waiting_in(table.read_text(encoding="ascii"), port=port) == 2
            accepted, _ = listener.accept()
            with accepted:
                assert waiting_in(table.read_text(encoding="ascii"), port=port) == 1
                assert waiting_in(table.read_text(encoding="ascii"), port=port, taken_on=True) == 1
