"""What the runner does to a scenario before it asks it."""

from __future__ import annotations

from dataclasses import replace

from wslb.model.balancer import ProcessModel
from wslb.model.sites import CLUSTER, balanced
from wslb.scenarios.runner import roomy

SITE = balanced(CLUSTER)


def test_long_series_that_are_held_get_threads() -> None:
    assert roomy(SITE, 200) is SITE
    assert roomy(SITE, 600).process_model.workers >= 600
    assert replace(roomy(SITE, 600), process_model=SITE.process_model) == SITE


def test_scenario_that_counts_its_threads_keeps_them() -> None:
    few = replace(SITE, process_model=ProcessModel(children=1, threads=25))
    assert roomy(few, 100_000) is few
