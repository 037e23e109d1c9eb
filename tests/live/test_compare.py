"""``wslb compare`` on a real httpd: the methods are told apart by what the manual says of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wslb.commands.compare import COMPARED
from wslb.commands.workloads import FAULTY, WORKLOADS, scenario_of
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod
from wslb.model.comparison import Stat
from wslb.model.results import Outcome, Report
from wslb.reports import json_file
from wslb.reports.recommended import contests
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
