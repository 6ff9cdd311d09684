"""What holds for all tests: no property fails because the machine is busy (speed belongs into benchmarks).

What a commit is refused for must be the commit's: properties are tried on the same cases each time, on 30 where they
name no number. SLIPWAY_EXPLORE=1 tries others, and 100 of them (`make faults`); what it finds becomes an example of its
own.
Nor does a test train with more threads than one, as in our Jobs: on two busy cores they wait for each other.
Of tests that are marked `sweep`, `make test` runs a sample (SLIPWAY_SWEEP: one in how many), another with each commit
(SLIPWAY_SEED); `make faults` runs them all.
With SLIPWAY_NO_SKIPS=1 a test that would be skipped fails: `make test` sets it where all that a test may lack is there.
"""

from __future__ import annotations

import os
import zlib
from collections import defaultdict
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when scikit-learn is first imported
_EXPLORE = os.environ.get("SLIPWAY_EXPLORE") == "1"
settings.register_profile(
    "slipway",
    max_examples=100 if _EXPLORE else 30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not _EXPLORE,
)
settings.load_profile("slipway")


class _FilesOrTrainings(LoadFileScheduling):
    """As `--dist loadfile`, but all files of a directory `trainings` are one: they share TrainingRuns."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        directory = file.rpartition("/")[0]
        return directory if directory.endswith("/trainings") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return _FilesOrTrainings(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The sample has every so many-th case of a function, from one on that the seed says; the others are taken out."""
    one_in, seed = int(os.environ.get("SLIPWAY_SWEEP", "1")), os.environ.get("SLIPWAY_SEED", "")
    cases: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("sweep"):
            cases[item.nodeid.partition("[")[0]].append(item)
    out: set[pytest.Item] = set()
    for name, found in cases.items():
        first = zlib.crc32(f"{seed} {name}".encode()) % min(one_in, len(found))
        out |= set(found) - set(found[first::one_in])
    config.hook.pytest_deselected(items=list(out))
    items[:] = [item for item in items if item not in out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("SLIPWAY_NO_SKIPS") == "1":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was to be skipped, and SLIPWAY_NO_SKIPS forbids it: {report.longreprtext}"
    return report
