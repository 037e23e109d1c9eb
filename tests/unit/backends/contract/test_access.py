"""Which pages run commands, and who reaches the control port: as tables."""

from __future__ import annotations

import pytest

from backends.contract import access
from backends.contract.request import RequestHead

NAMES = frozenset({"iseries.example.org"})


def asked(*headers: tuple[str, str]) -> RequestHead:
    return RequestHead(
        method="GET",
        target="/CLRunner",
        http_version="1.1",
        headers=tuple((name.encode(), value.encode()) for name, value in headers),
    )


def refused(*headers: tuple[str, str], required: bool = False) -> bool:
    allowed = (access.origin("https://tools.example.org"),)
    answer = access.foreign_page(asked(*headers), names=NAMES, allowed=allowed, required=required)
    assert answer is None or answer.status == 403
    return answer is not None


@pytest.mark.parametrize(
    ("origin", "host", "forwarded"),
    [
        ("http://127.0.0.102:8888", "127.0.0.102:8888", None),
        ("http://127.0.0.1", "127.0.0.1:80", None),
        ("https://127.0.0.1:443", "127.0.0.1", None),
        ("HTTP://LocalHost:8080", "localhost:8080", None),
        ("http://[::1]:8080", "[::1]:8080", None),
        ("http://iseries.example.org:8888", "ISERIES.example.org:8888", None),
        ("http://127.0.0.1:8080", "127.0.0.102:8888", "127.0.0.1:8080"),
        ("http://127.0.0.1:8080", "127.0.0.102:8888", "127.0.0.1:8080, inner.example.org"),
        ("https://tools.example.org", "127.0.0.102:8888", None),
        ("https://tools.example.org:443", "127.0.0.102:8888", None),
    ],
)
def test_own_pages_run_commands(origin: str, host: str, forwarded: str | None) -> None:
    others = () if forwarded is None else (("X-Forwarded-Host", forwarded),)
    assert not refused(("Host", host), ("Origin", origin), *others)


@pytest.mark.parametrize(
    ("origin", "host", "forwarded"),
    [
        ("http://foreign.example", "127.0.0.102:8888", None),
        ("http://foreign.example:8888", "foreign.example:8888", None),  # the name was led here afterwards
        ("http://foreign.example:8080", "127.0.0.102:8888", "foreign.example:8080"),  # the same, through the proxy
        ("http://127.0.0.1:9", "127.0.0.2:8080", None),  # another server of this machine
        ("https://127.0.0.1:8080", "127.0.0.102:8888", None),
        ("http://localhost.foreign.example:8080", "localhost.foreign.example:8080", None),
        ("http://127.0.0.1.foreign.example", "127.0.0.1.foreign.example", None),
        ("http://127.0.0.1:8080@foreign.example", "127.0.0.1:8080", None),
        ("http://tools.example.org", "127.0.0.102:8888", None),  # allowed over https alone
        ("https://tools.example.org.foreign.example", "127.0.0.102:8888", None),
        ("null", "127.0.0.1:8888", None),
        ("", "127.0.0.1:8888", None),
        ("file://", "127.0.0.1:8888", None),
        ("http://127.0.0.1:8888/", "127.0.0.1:8888", None),  # an origin has no path
    ],
)
def test_foreign_pages_run_none(origin: str, host: str, forwarded: str | None) -> None:
    others = () if forwarded is None else (("X-Forwarded-Host", forwarded),)
    assert refused(("Host", host), ("Origin", origin), *others)


def test_two_origins_are_none() -> None:
    own = ("Origin", "http://127.0.0.1:8888")
    assert not refused(("Host", "127.0.0.1:8888"), own)
    assert refused(("Host", "127.0.0.1:8888"), own, own)


def test_without_origin_simulated_commands_run_and_real_ones_do_not() -> None:
    host = ("Host", "127.0.0.1:8888")
    assert not refused(host)
    assert refused(host, required=True)
    assert not refused(host, ("Origin", "http://127.0.0.1:8888"), required=True)
    assert not refused(host, ("Origin", "http://127.0.0.1:9"))
    assert refused(host, ("Origin", "http://127.0.0.1:9"), required=True)


def control(**given: object) -> int:
    asked = {
        "host": "127.0.0.1:10001",
        "origins": (),
        "authorization": "Bearer right",
        "token": "right",
        "open_to_all": False,
        "names": NAMES,
    }
    found = access.control_refusal(**(asked | given))  # type: ignore[arg-type]  # a table of rows
    return found[0] if found else 200


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 200),
        ({"host": "localhost:10001"}, 200),
        ({"host": "[::1]:10001"}, 200),
        ({"host": "iseries.example.org"}, 200),
        ({"host": "foreign.example:10001"}, 403),
        ({"host": None}, 403),
        ({"host": ""}, 403),
        ({"origins": ("http://foreign.example",)}, 403),
        ({"origins": ("http://127.0.0.1:10001",)}, 403),
        ({"origins": ("null",)}, 403),
        ({"authorization": ""}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Basic right"}, 401),
        ({"authorization": "bearer right"}, 200),
        ({"authorization": "Bearer ré"}, 401),
        ({"token": None}, 403),
        ({"token": None, "open_to_all": True}, 200),
        ({"authorization": "", "open_to_all": True}, 200),
        ({"host": "foreign.example", "open_to_all": True}, 403),
        ({"origins": ("null",), "open_to_all": True}, 403),
    ],
)
def test_control_port(given: dict[str, object], status: int) -> None:
    assert control(**given) == status
