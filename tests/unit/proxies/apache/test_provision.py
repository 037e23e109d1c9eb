from __future__ import annotations

import pytest

from wslb.errors import RuntimeUnavailable
from wslb.proxies.apache import provision
from wslb.proxies.apache.provision import PACKAGE_MANAGERS, InstallCommands, install_commands


def only(*programs: str):  # type: ignore[no-untyped-def]
    return lambda name: f"/usr/bin/{name}" if name in programs else None


@pytest.mark.parametrize(
    ("programs", "root", "free", "text", "unattended"),
    [
        (
            ("apt-get",),
            True,
            False,
            "apt-get update && apt-get install -y --no-install-recommends apache2-bin",
            True,
        ),
        (
            ("apt-get", "sudo"),
            False,
            False,
            "sudo apt-get update && sudo apt-get install -y --no-install-recommends apache2-bin",
            False,
        ),
        (("dnf", "sudo"), False, True, "sudo -n dnf install -y httpd mod_ssl", True),
        (("dnf",), False, True, "sudo dnf install -y httpd mod_ssl", False),
        (("brew",), False, False, "brew install httpd", True),
        (("brew",), True, False, "brew install httpd", False),
    ],
)
def test_the_plan_is_what_a_person_would_type(
    programs: tuple[str, ...], root: bool, free: bool, text: str, unattended: bool
) -> None:
    found = install_commands(which=only(*programs), root=root, sudo_without_password=lambda: free)
    assert found is not None
    assert (found.text, found.unattended) == (text, unattended)


def test_every_manager_is_found_by_its_program() -> None:
    for manager in PACKAGE_MANAGERS:
        assert install_commands(which=only(manager.program), root=True) is not None
    assert install_commands(which=only(), root=True) is None


def install(monkeypatch: pytest.MonkeyPatch, chosen: InstallCommands | None, code: int = 0) -> list[str]:
    monkeypatch.setattr(provision, "install_commands", lambda: chosen)
    said: list[str] = []
    provision.install(say=said.append, run=lambda _: code)
    return said


FREE = InstallCommands(commands=(("pkg", "install", "httpd"),), unattended=True)


def test_it_says_what_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert install(monkeypatch, FREE) == ["$ pkg install httpd"]


@pytest.mark.parametrize(
    ("chosen", "code", "reason", "hint"),
    [
        (None, 0, "no known package manager", "--httpd"),
        (InstallCommands(commands=(("sudo", "pkg"),), unattended=False), 0, "needs a password", "Type: sudo pkg"),
        (FREE, 100, "pkg install httpd failed", "pkg install httpd"),
    ],
)
def test_what_cannot_be_done_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, chosen: InstallCommands | None, code: int, reason: str, hint: str
) -> None:
    with pytest.raises(RuntimeUnavailable, match=reason) as caught:
        install(monkeypatch, chosen, code)
    assert hint in caught.value.hint
