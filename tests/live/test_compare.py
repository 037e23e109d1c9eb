"""``wslb compare`` on a real httpd: the methods are told apart by what the manual says of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wslb.commands.compare import COMPARED
from wslb.commands.workloads import FAULTY, WORKLOADS, Workload, scenario_of
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod
from wslb.model.comparison import ComparedMethods, ComparedWorkload, MethodNumbers, Stat
from wslb.model.results import Outcome, Report
from wslb.reports import json_file
from wslb.reports.recommended import contests, to_set
from wslb.reports.timeline import fault_numbers
from wslb.scenarios import runner

pytestmark = pytest.mark.live


def compare(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = "import sys; from wslb.cli.main import main; sys.argv[0] = 'wslb'; main()"
    return subprocess.run(
        [sys.executable, "-c", command, "compare", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_methods_are_told_apart_and_recommended(tmp_path: Path) -> None:
    done = compare("uneven", "traffic", "--json", "--report", tmp_path)
    assert done.returncode == 0, done.stderr
    document = json_file.decode(done.stdout)
    assert document.comparison is not None
    assert json_file.load(tmp_path / "report.json") == document
    assert [scenario.name for scenario in document.scenarios] == [
        f"compare-{workload}-{method.value}-{number}"
        for number in range(1, 6)
        for workload in ("uneven", "traffic")
        for method in COMPARED
    ]
    uneven, traffic = contests(document.comparison)
    assert uneven.best == ("bybusyness",)
    assert traffic.best == ()
    by_method = {method.lbmethod.value: method for method in uneven.workload.methods}
    assert by_method["bybusyness"].deviation == Stat(median=0, low=0, high=0)
    assert by_method["byrequests"].deviation == Stat(median=3, low=3, high=3)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"<dd>{uneven.advice}</dd>" in page
    assert f"→ {uneven.advice}" in done.stderr


def test_own_members_and_work_are_compared_by_the_shares_that_they_ought_to_have(tmp_path: Path) -> None:
    own = "hold 24, close first, hold 16"
    done = compare(
        "--weights", "3:1", "--workload", own, "--lbmethods", "byrequests,bybusyness", "--json", "--report", tmp_path
    )
    assert done.returncode == 0, done.stderr
    document = json_file.decode(done.stdout)
    assert document.comparison is not None
    (contest,) = contests(document.comparison)
    byrequests, bybusyness = contest.workload.methods
    assert byrequests.deviation == Stat(median=4.5, low=4.5, high=4.5), "12 and 10 of 22, where 16.5 and 5.5 are due"
    assert bybusyness.deviation == Stat(median=7, low=7, high=7), "14 and 14: it asks loadfactors between equals only"
    assert "byrequests was best for own-1." in done.stderr
    assert "ProxySet lbmethod=byrequests" in done.stderr


@pytest.mark.parametrize("members", [3, 8])
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
async def test_every_workload_runs_over_other_members_too(lab: Lab, workload: Workload, members: int) -> None:
    weights = (3, 1, 2) if members == 3 else (1,) * members
    for method in COMPARED:
        result = await runner.run(scenario_of(workload, method, 1, connections=12, weights=weights), lab)
        assert result.outcome is Outcome.PASSED, [str(one) for one in result.verdicts if one.breaks] or result.reason


@pytest.mark.parametrize("method", COMPARED, ids=lambda method: method.value)
def test_httpd_takes_the_lines_that_an_administrator_is_given(method: LbMethod, tmp_path: Path) -> None:
    numbers = {one: Stat(median=float(one is not method), low=None, high=None) for one in COMPARED}
    told = [
        MethodNumbers(
            lbmethod=one, runs=5, connections=9, timed=9, breaks=None, deviation=stat, p50=None, p99=None, errors=None,
            recovery=None,
        )
        for one, stat in numbers.items()
    ]  # fmt: skip
    workload = ComparedWorkload(
        name="own", title="Own", does="", deviation="connections", criteria=("deviation",), note="", methods=tuple(told)
    )
    comparison = ComparedMethods(
        repeats=5, connections=9, lbmethods=COMPARED, skipped=(), workloads=(workload,), runs=()
    )
    conf = "\n".join(to_set(comparison)).replace("    ProxySet", '    BalancerMember "ws://127.0.0.1:9/"\n    ProxySet')
    assert f"lbmethod={method.value}" in conf
    (tmp_path / "site.conf").write_text(f'{conf}\nProxyPass "/ws" "balancer://mycluster/ws"\n')
    words = [sys.executable, "-m", "wslb", "doctor", "--conf", str(tmp_path / "site.conf"), "--run-httpd"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert "error" not in ran.stdout + ran.stderr, ran.stdout + ran.stderr


@pytest.mark.parametrize("method", COMPARED, ids=lambda method: method.value)
async def test_a_killed_member_costs_its_tunnels_and_comes_back(lab: Lab, method: LbMethod) -> None:
    workload = next(workload for workload in WORKLOADS if workload.name == "fault")
    result = await runner.run(scenario_of(workload, method, 1, connections=0), lab)
    assert result.outcome is Outcome.PASSED, [str(one) for one in result.verdicts if one.breaks]
    (saved,) = json_file.document(Report(results=(result,))).scenarios
    (fault,) = fault_numbers(saved)
    held = sum(connection.backend == "node" for connection in saved.connections[:FAULTY])
    assert fault.text == "node: killed"
    assert 0 < fault.lost == held
    assert fault.recovered is not None
