"""Which cluster is used: the one of KUBECONFIG where the user gives one, else the embedded one of this machine."""

from __future__ import annotations

import dataclasses
import os
import platform

from tests.cluster.environment import Environment
from tests.cluster.errors import ClusterError
from tests.cluster.external.describe import describe
from tests.cluster.images import Images, Store
from tests.cluster.places import Places, given_kubeconfig
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
    found = describe(kubeconfig, places, progress)
    progress.say(f"using the cluster of KUBECONFIG ({kubeconfig})")
    images = Images(places, progress, Store.of(found), found.base_image)
    complete = dataclasses.replace(found, base_image=images.base(), images=make_all(images))
    complete.save(places.environment)
    return complete
