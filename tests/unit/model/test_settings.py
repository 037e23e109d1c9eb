"""What balancer-manager shows of a configuration, held against what is claimed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import CLUSTER, status
from wslb.model.settings import deviations
from wslb.model.sites import with_parameters, with_proxy_set

USUAL = {"lbset": "0", "min": "0", "ttl": "0", "redirect": "", "max": "64", "smax": "64", "maxattempts": "1"}


@pytest.mark.parametrize(
    ("own", "shared", "shown", "told"),
    [
        ({}, {}, {}, []),
        ({}, {}, {"lbset": "1"}, ["node has lbset=1, not 0"]),
        ({"lbset": "1"}, {}, {"lbset": "1"}, []),
        ({"lbset": "1"}, {}, {}, ["node has lbset=0, not 1"]),
        ({}, {}, {"max": "1", "smax": "1"}, ["node has max=1, not 64", "node has smax=1, not 64"]),
        ({"max": "1"}, {}, {"max": "1", "smax": "1"}, []),
        ({"max": "1"}, {}, {}, ["node has max=64, not 1"]),
        ({}, {}, {"redirect": "x"}, ["node has redirect=x, not none"]),
        ({}, {}, {"maxattempts": "5"}, ["node has maxattempts=5, not 1"]),
        ({}, {"maxattempts": "5"}, {}, ["liberty has maxattempts=1, not 5", "node has maxattempts=1, not 5"]),
    ],
)
def test_each_setting_that_differs_is_told(
    own: dict[str, str], shared: dict[str, str], shown: dict[str, str], told: list[str]
) -> None:
    claimed = with_proxy_set(CLUSTER.with_member(with_parameters(CLUSTER.member("node"), **own)), **shared)
    page = [
        replace(status("liberty"), settings=tuple(USUAL.items())),
        replace(status("node"), settings=tuple({**USUAL, **shown}.items())),
    ]
    assert deviations(claimed, page) == told


@pytest.mark.parametrize(
    ("threads", "shown", "wrong"),
    [
        (64, "50", False),
        (32, "50", False),
        (1, "0", False),
        (1, "50", True),
        (32, "32", False),
        (64, "32", True),
        (64, "0", True),
        (None, "0", True),
    ],
)
def test_a_process_of_one_thread_shows_no_size_whatever_is_set(threads: int | None, shown: str, wrong: bool) -> None:
    claimed = CLUSTER.with_member(with_parameters(CLUSTER.member("node"), max="50"))
    page = [replace(status("node"), settings=(("max", shown),))]
    assert bool(deviations(claimed, page, threads=threads)) is wrong


def test_what_is_not_shown_cannot_deviate() -> None:
    assert deviations(CLUSTER, [status("liberty"), status("node")]) == []
