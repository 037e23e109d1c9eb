"""The same inputs in each run, without a deadline: what is asked is whether anything is raised, not how fast."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "wslb", derandomize=True, database=None, deadline=None, max_examples=200, suppress_health_check=list(HealthCheck)
)
settings.load_profile("wslb")
