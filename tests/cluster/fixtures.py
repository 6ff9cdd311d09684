"""pytest fixtures for whoever tests on the cluster: `pytest_plugins = ["tests.cluster.fixtures"]`."""

from __future__ import annotations

import pytest

from tests.cluster.bare import ControlPlaneBinaries, control_plane_binaries
from tests.cluster.environment import Environment
from tests.cluster.places import Places
from tests.cluster.progress import Progress
from tests.cluster.provider import bring_up

__all__ = ["binaries", "cluster", "control_plane_binaries"]


@pytest.fixture(scope="session")
def cluster() -> Environment:
    """The cluster, brought up where it is not; it stays when the tests end, so that the next run finds it warm."""
    return bring_up(Places.of_environment(), Progress())


@pytest.fixture(scope="session")
def binaries() -> ControlPlaneBinaries:
    """etcd, kube-apiserver, kubectl and helm, built where they are missing."""
    return control_plane_binaries()
