"""Fixtures that every test folder shares."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "dealgram",
    deadline=None,  # time is measured in benchmarks, never asserted in tests
    derandomize=True,  # a red run must be red again on the next machine
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("dealgram")
