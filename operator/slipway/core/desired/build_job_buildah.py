"""The steps before a build that adds packages of the system: two containers, of which one runs foreign commands.

What runs a Dockerfile has no credentials, no token and no volume that a process with credentials runs anything from: it
reads the base in one volume and leaves an image in another, which the last container takes as data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slipway.core.desired.confinement import confined_container
from slipway.core.desired.key_of import KeyOf

FETCH, INSTALL = "fetch-base", "install-packages"
"""Names of the containers."""

_MODULE = ["python3", "-m", "slipway_serving.build.system"]
_BASE, _RESULT = "/system/base", "/system/result"
# vfs keeps a whole copy of the root file system for each layer of the base.
_STORAGE = "20Gi"


@dataclass(frozen=True)
class SystemImage:
    """What is added to the base. `image` is the builder's with Buildah; `texts` are the ConfigMap keys with a template
    and with apt's sources; `authorities` those with certificates, which apt trusts too."""

    image: str
    seccomp_profile: str = ""
    """Path below the kubelet's folder of profiles; empty means Unconfined."""

    packages: tuple[str, ...] = ()
    texts: tuple[KeyOf, ...] = ()
    authorities: tuple[KeyOf, ...] = ()

    @property
    def arguments(self) -> list[str]:
        """What all three processes are told."""
        words = ["--system-base", _BASE, "--system-result", _RESULT]
        return words + [word for name in sorted(self.packages) for word in ("--system-package", name)]


def with_system_image(
    pod: dict[str, Any], system: SystemImage, arguments: Sequence[str], secrets: Sequence[KeyOf]
) -> dict[str, Any]:
    """The pod of a build with the two steps before it and their volumes."""
    (build,) = pod["containers"]
    texts = [one.entry for one in system.texts]
    common = {key: build[key] for key in ("resources", "terminationMessagePolicy")}
    fetch = {
        **common,
        "name": FETCH,
        "image": build["image"],
        "command": [*_MODULE, "fetch"],
        "args": list(arguments),
        "env": [_HOME, *texts, *(one.entry for one in secrets)],
        "securityContext": confined_container(),
        "volumeMounts": [_TMP, {"name": "base", "mountPath": _BASE}],
    }
    install = {
        **common,
        "name": INSTALL,
        "image": system.image,
        "command": [*_MODULE, "install"],
        "args": list(arguments),
        "env": [_HOME, *texts, *(one.entry for one in system.authorities)],
        "securityContext": {**confined_container(), "seccompProfile": _seccomp(system.seccomp_profile)},
        "volumeMounts": [
            {"name": "scratch", "mountPath": "/tmp"},
            {"name": "base", "mountPath": _BASE, "readOnly": True},
            {"name": "result", "mountPath": _RESULT},
        ],
    }
    build = {
        **build,
        "env": [*build["env"], *texts],
        "volumeMounts": [*build["volumeMounts"], {"name": "result", "mountPath": _RESULT, "readOnly": True}],
    }
    volumes = [*pod["volumes"], _volume("base", "8Gi"), _volume("result", "8Gi"), _volume("scratch", _STORAGE)]
    return {**pod, "initContainers": [fetch, install], "containers": [build], "volumes": volumes}


_HOME = {"name": "HOME", "value": "/tmp"}
_TMP = {"name": "tmp", "mountPath": "/tmp"}


def _volume(name: str, size: str) -> dict[str, Any]:
    return {"name": name, "emptyDir": {"sizeLimit": size}}


def _seccomp(profile: str) -> dict[str, str]:
    return {"type": "Localhost", "localhostProfile": profile} if profile else {"type": "Unconfined"}
