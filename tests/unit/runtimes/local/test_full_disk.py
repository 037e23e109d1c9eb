"""A full disk has lost lines of logs, which are no evidence of what httpd did; on a nearly full one nothing starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from wslb.errors import MachineExhausted
from wslb.runtimes.local.local_runtime import LocalRuntime


class Disk(NamedTuple):
    """What statvfs(3) says of it."""

    f_blocks: int
    f_bfree: int
    f_bavail: int
    f_frsize: int = 4096


@pytest.mark.parametrize(
    ("disk", "as_root", "full"),
    [
        (Disk(100, 0, 0), True, True),
        (Disk(100, 5, 0), True, False),
        (Disk(100, 5, 0), False, True),
        (Disk(100, 5, 5), False, False),
        (Disk(0, 0, 0), False, False),
    ],
)
async def test_a_log_on_a_full_disk_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk, as_root: bool, full: bool
) -> None:
    (tmp_path / "access.log").write_text("a line")
    runtime = LocalRuntime(tmp_path)
    runtime.as_root = as_root
    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    if full:
        with pytest.raises(MachineExhausted, match="is full, and a log in it may lack lines"):
            await runtime.read("access.log")
    else:
        assert await runtime.read("access.log") == b"a line"


@pytest.mark.parametrize("blocks", [0, 7, 8])
async def test_no_program_starts_without_room_for_its_first_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    runtime = LocalRuntime(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: Disk(100, blocks, blocks))
    if blocks < 8:
        with pytest.raises(MachineExhausted, match=rf"has {blocks * 4} KiB, too little for echo to start"):
            await runtime.start(["/bin/true"], name="echo")
        assert list(tmp_path.iterdir()) == []
    else:
        process = await runtime.start(["/bin/true"], name="echo")
        await process.stop(grace_seconds=0)
        assert (tmp_path / "echo.out").exists()
