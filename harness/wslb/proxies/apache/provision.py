"""How this machine gets an Apache httpd: with its own package manager, when that asks for no password.

Debian's ``apache2-bin`` is the server and its modules without a service, so nothing starts to listen on port 80.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wslb.errors import RuntimeUnavailable

__all__ = ["PACKAGE_MANAGERS", "InstallCommands", "PackageManager", "install", "install_commands"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageManager:
    """A package manager.

    Attributes:
        program: looked for on PATH.
        install: arguments that install without questions.
        refresh: arguments that bring its lists up to date, run first; empty when it does so itself.
        as_root: needs root rights; Homebrew must not have them.
    """

    program: str
    install: tuple[str, ...]
    refresh: tuple[str, ...] = ()
    as_root: bool = True


PACKAGE_MANAGERS: tuple[PackageManager, ...] = (
    PackageManager(
        program="apt-get",
        refresh=("update",),
        install=("install", "-y", "--no-install-recommends", "apache2-bin"),
    ),
    PackageManager(program="dnf", install=("install", "-y", "httpd", "mod_ssl")),
    PackageManager(program="yum", install=("install", "-y", "httpd", "mod_ssl")),
    PackageManager(program="zypper", install=("--non-interactive", "install", "apache2")),
    PackageManager(program="pacman", install=("-S", "--noconfirm", "apache")),
    PackageManager(program="apk", install=("add", "apache2", "apache2-proxy", "apache2-ssl")),
    PackageManager(program="brew", install=("install", "httpd"), as_root=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallCommands:
    """What installs httpd here.

    Attributes:
        commands: argument vectors, in order.
        unattended: they run without asking for a password.
    """

    commands: tuple[tuple[str, ...], ...]
    unattended: bool

    @property
    def text(self) -> str:
        """What a person would type."""
        return " && ".join(" ".join(command) for command in self.commands)


def install_commands(
    *,
    which: Callable[[str], str | None] = shutil.which,
    root: bool | None = None,
    sudo_without_password: Callable[[], bool] | None = None,
) -> InstallCommands | None:
    """The way to install httpd on this machine, None when no known package manager is here."""
    is_root = os.geteuid() == 0 if root is None else root
    manager = next((manager for manager in PACKAGE_MANAGERS if which(manager.program)), None)
    if manager is None:
        return None
    commands = [(manager.program, *words) for words in (manager.refresh, manager.install) if words]
    if not manager.as_root:
        return InstallCommands(commands=tuple(commands), unattended=not is_root)
    if is_root:
        return InstallCommands(commands=tuple(commands), unattended=True)
    free = bool(which("sudo")) and (sudo_without_password or _sudo_is_free)()
    prefix = ("sudo", "-n") if free else ("sudo",)
    return InstallCommands(commands=tuple((*prefix, *command) for command in commands), unattended=free)


def _sudo_is_free() -> bool:
    try:
        return subprocess.run(["sudo", "-n", "true"], capture_output=True, timeout=10, check=False).returncode == 0  # noqa: S607 - sudo of the user's own PATH
    except (OSError, subprocess.TimeoutExpired):
        return False


def install(*, say: Callable[[str], None], run: Callable[[Sequence[str]], int] | None = None) -> None:
    """Install httpd.

    Raises:
        RuntimeUnavailable: there is no way to do it unattended, or it failed; the hint is the command to type.
    """
    chosen = install_commands()
    if chosen is None:
        raise RuntimeUnavailable(
            runtime="local",
            reason="no Apache httpd is here, and no known package manager either",
            hint="Install Apache httpd 2.4 by hand, then name it: --httpd /path/to/httpd",
        )
    if not chosen.unattended:
        raise RuntimeUnavailable(
            runtime="local",
            reason="no Apache httpd is here, and installing it needs a password",
            hint=f"Type: {chosen.text}",
        )
    for command in chosen.commands:
        say(f"$ {' '.join(command)}")
        if (run or _run)(command) != 0:
            raise RuntimeUnavailable(
                runtime="local",
                reason=f"no Apache httpd is here, and {' '.join(command)} failed",
                hint=f"See why, then try again: {chosen.text}",
            )


def _run(command: Sequence[str]) -> int:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
