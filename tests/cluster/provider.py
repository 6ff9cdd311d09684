"""Which cluster is used: the one of KUBECONFIG where the user gives one, else the embedded one of this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.environment import Environment
from tests.cluster.places import Places
from tests.cluster.progress import Progress
from tests.cluster.up import EmbeddedCluster


def bring_up(places: Places, progress: Progress) -> Environment:
    """The cluster with all that the project needs, and its description. Raises ClusterError."""
    return EmbeddedCluster(places, progress).up()


def given_kubeconfig(places: Places, environment: Mapping[str, str] | None = None) -> str:
    """The user's KUBECONFIG; empty where there is none, or where it is the embedded cluster's own."""
    given = (os.environ if environment is None else environment).get("KUBECONFIG", "")
    paths = [Path(one) for one in given.split(os.pathsep) if one]
    return "" if all(path.absolute() == places.kubeconfig.absolute() for path in paths) else given
