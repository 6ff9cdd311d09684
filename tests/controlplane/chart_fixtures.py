"""A plugin for modules that test the chart: `pytest_plugins = ("tests.controlplane.chart_fixtures",)`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.bare import ControlPlane, ControlPlaneBinaries, control_plane_binaries
from tests.controlplane.charted import Release


@pytest.fixture(scope="session")
def binaries() -> ControlPlaneBinaries:
    """etcd, kube-apiserver, kubectl, helm."""
    return control_plane_binaries()


@pytest.fixture(scope="session")
def released(binaries: ControlPlaneBinaries) -> Iterator[Release]:
    """The chart as installed without a single flag; shared, so a test puts back what it changes."""
    with ControlPlane(binaries) as plane:
        release = Release(plane, binaries)
        release.install()
        yield release


@pytest.fixture
def blank(binaries: ControlPlaneBinaries) -> Iterator[Release]:
    """A control plane without the chart, for one test."""
    with ControlPlane(binaries) as plane:
        yield Release(plane, binaries)
