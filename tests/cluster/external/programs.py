"""kubectl and helm: the user's own, else those that the embedded cluster built, else built now where Go is there."""

from __future__ import annotations

import shutil

from tests.cluster.build import GoTools, find_go
from tests.cluster.errors import ClusterError
from tests.cluster.progress import Progress

# Program, the tool that it is built with, how long that takes, where to get it.
_KUBECTL = ("kubectl", "kubernetes", "six minutes", "https://kubernetes.io/docs/tasks/tools")
_HELM = ("helm", "helm", "two minutes", "https://helm.sh/docs/intro/install")


def kubectl(tools: GoTools, progress: Progress) -> str:
    """Its path. Raises ClusterError that names both ways to get it."""
    return _program(_KUBECTL, tools, progress)


def helm(tools: GoTools, progress: Progress) -> str:
    """Its path. Raises ClusterError that names both ways to get it."""
    return _program(_HELM, tools, progress)


def _program(wanted: tuple[str, str, str, str], tools: GoTools, progress: Progress) -> str:
    name, tool, duration, address = wanted
    found = shutil.which(name)
    if found:
        return found
    if not tools.built(tool):
        try:
            find_go()
        except ClusterError as error:
            raise ClusterError(
                f"there is no {name} on the PATH, and no Go to build it with",
                f"install {name} ({address}), or Go 1.21 or newer (https://go.dev/dl), which builds it in {duration}",
            ) from error
        progress.say(f"there is no {name} on the PATH: building it with Go, once ({duration})")
    return str(tools.ensure(tool) / name)
