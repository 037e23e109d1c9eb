"""Whatever the user's umask, the parts of a lab read what another part has made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wslb.runtimes.local.local_runtime import LocalRuntime


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o777])
async def test_what_a_lab_writes_and_what_its_programs_write_can_be_read(tmp_path: Path, mask: int) -> None:
    runtime = LocalRuntime(tmp_path)
    before = os.umask(mask)
    try:
        await runtime.write("deep/er/page.html", b"page")
        await runtime.write("tls/key", b"key", secret=True)
        told = await runtime.run(["/bin/sh", "-c", "umask"])
    finally:
        os.umask(before)
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"deep": 0o755, "deep/er": 0o755, "deep/er/page.html": 0o644, "tls": 0o755, "tls/key": 0o600}
    assert told.output.strip() in {"0022", "022"}
