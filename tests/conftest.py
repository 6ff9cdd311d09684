"""What holds for all tests: no property fails because the machine is busy (speed belongs into benchmarks).

With SLIPWAY_NO_SKIPS=1 a test that would be skipped fails: `make test` sets it where all that a test may lack is there.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("slipway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slipway")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("SLIPWAY_NO_SKIPS") == "1":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was to be skipped, and SLIPWAY_NO_SKIPS forbids it: {report.longreprtext}"
    return report
