"""Which cluster is used: the one of KUBECONFIG where the user gives one, else the embedded one of this machine."""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from tests.cluster import external
from tests.cluster.environment import Environment
from tests.cluster.errors import ClusterError
from tests.cluster.images import Images
from tests.cluster.places import Places
from tests.cluster.progress import Progress
from tests.cluster.project_images import make_all
from tests.cluster.up import EmbeddedCluster


def bring_up(places: Places, progress: Progress) -> Environment:
    """The cluster with all that the project needs, and its description. Raises ClusterError."""
    kubeconfig = given_kubeconfig(places)
    if kubeconfig:
        return _use(kubeconfig, places, progress)
    require_embedded(platform.system(), os.geteuid())
    return EmbeddedCluster(places, progress).up()


def given_kubeconfig(places: Places, environment: Mapping[str, str] | None = None) -> str:
    """The user's KUBECONFIG; empty where there is none, or where it is the embedded cluster's own."""
    given = (os.environ if environment is None else environment).get("KUBECONFIG", "")
    paths = [Path(one) for one in given.split(os.pathsep) if one]
    return "" if all(path.absolute() == places.kubeconfig.absolute() for path in paths) else given


def require_embedded(system: str, user: int) -> None:
    """Raises ClusterError, naming both ways, where the embedded cluster cannot be."""
    if system == "Linux" and user == 0:
        return
    found = f"this is {system}" if system != "Linux" else f"this is user {user}"
    raise ClusterError(
        f"there is no KUBECONFIG, and the embedded cluster needs Linux and root ({found})",
        "either give a cluster (kind, k3d, …) through KUBECONFIG, or run this as root on Debian 12",
    )


def _use(kubeconfig: str, places: Places, progress: Progress) -> Environment:
    environment = external.describe(kubeconfig, progress)
    external.state_directory(places.state)
    places.cache.mkdir(parents=True, exist_ok=True)
    registry, plain = environment.registry, environment.registry_plain_http
    images = Images(places, progress, registry, plain, environment.base_image)
    complete = dataclasses.replace(environment, base_image=images.base(), images=make_all(images))
    complete.save(places.environment)
    return complete
