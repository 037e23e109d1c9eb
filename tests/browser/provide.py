"""Sees to a browser for the tests, as ``wslb doctor --install`` sees to httpd: where that needs no password.

``python -m tests.browser.provide`` installs what is missing, or says in one line why the browser tests will be skipped.
Besides a browser, Playwright's driver needs a library that a bare system may lack.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")

PACKAGES = {
    "apt-get": ("chromium", "libatomic1"),
    "dnf": ("chromium", "libatomic"),
    "zypper": ("chromium", "libatomic1"),
}
"""By package manager; each installs with ``install -y``."""


def program() -> str | None:
    """The browser to use: named in WSLB_BROWSER, or installed."""
    if named := os.environ.get("WSLB_BROWSER"):
        return named
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    return found or (str(MACOS) if MACOS.exists() else None)


@cache
def missing() -> str:
    """What a browser test lacks here, as a clause; empty when nothing."""
    if program() is None:
        return f"no browser: none of {', '.join(PROGRAMS)} is installed, and WSLB_BROWSER names none"
    driver = subprocess.run(
        [sys.executable, "-m", "playwright", "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    if driver.returncode:
        last = (driver.stderr.strip() or driver.stdout.strip()).splitlines()[-1:]
        return f"Playwright's driver does not start: {' '.join(last)}"
    return ""


def commands() -> tuple[tuple[str, ...], ...]:
    """What installs a browser here, in order; empty where no known package manager is."""
    manager = next((name for name in PACKAGES if shutil.which(name)), None)
    if manager is None:
        return ()
    sudo = () if os.geteuid() == 0 else ("sudo",)
    install = (*sudo, manager, "install", "-y", *PACKAGES[manager])
    return ((*sudo, manager, "update"), install) if manager == "apt-get" else (install,)


def unattended() -> bool:
    """Whether these commands ask for no password."""
    if os.geteuid() == 0:
        return True
    if not shutil.which("sudo"):
        return False
    asked = subprocess.run(
        ["sudo", "-n", "true"],  # noqa: S607 - sudo of the user's own PATH
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return asked.returncode == 0


def main() -> int:
    """Install what is missing; 0 also where the tests will be skipped, 3 where they are required."""
    if not missing():
        return 0
    way = commands()
    if way and unattended():
        for command in way:
            sys.stderr.write(f"$ {' '.join(command)}\n")
            if subprocess.run(
                command,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                check=False,
            ).returncode:
                break
        missing.cache_clear()
    if why := missing():
        typed = " && ".join(" ".join(command) for command in way) or "install Chromium"
        sys.stderr.write(f"The browser tests will be skipped: {why}. To run them: {typed}\n")
        return 3 if os.environ.get("WSLB_REQUIRE_BROWSER") == "1" else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
