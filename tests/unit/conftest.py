"""Properties are asked here with the settings of tests/fuzz: the same inputs in each run, without a deadline."""

from __future__ import annotations

import tests.fuzz.conftest  # noqa: F401 - sets them
