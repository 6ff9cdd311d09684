"""What the tests of the control plane share: one kube-apiserver with its etcd for the whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.bare import ControlPlane


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """Without any of our kinds: a test applies what it needs, in a namespace of its own."""
    with ControlPlane() as running:
        yield running
