"""What a pod has that trains by a function of the user's: a container that fetches the code, and one that runs it.

They share no credential and no volume that could hold a row: the first gets the repository's Secret, and ends before
anything of the code runs; the second gets the code, to read, and the socket over which it is asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1.training_trainer import FunctionTrainer
from slipway.core.desired.confinement import confined_container

FETCH, FUNCTION = "fetch", "function"
_CODE, _EXCHANGE, _DIFFERENCE = "/code", "/exchange", "/difference"
_SOCKET = {"name": "SLIPWAY_CODE_SOCKET", "value": f"{_EXCHANGE}/socket"}
_DIRECTORY = {"name": "SLIPWAY_CODE", "value": _CODE}
_HOME = {"name": "HOME", "value": "/tmp"}
# 64 MiB of a pack may be inflated to the bounds of the files.
_FETCHING = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}


@dataclass(frozen=True)
class FunctionPod:
    """The additions to a training pod. `threads` is the variable that bounds the threads of the fit."""

    trainer: FunctionTrainer
    image: str
    resources: Mapping[str, Any]
    threads: Mapping[str, Any]

    def init_containers(self) -> list[dict[str, Any]]:
        """In their order; the second is a sidecar, which ends when the training container has."""
        return [self._fetch(), self._function()]

    def variables(self) -> list[dict[str, Any]]:
        """Of the training container: where code and socket are."""
        return [_DIRECTORY, _SOCKET]

    def mounts(self) -> list[dict[str, Any]]:
        """Of the training container."""
        return [_mount("code", _CODE, True), _mount("exchange", _EXCHANGE)]

    def volumes(self) -> list[dict[str, Any]]:
        """Of the pod. Each container has a scratch directory of its own."""
        empty = {"code": "256Mi", "exchange": "1Mi", "fetch-tmp": "256Mi", "function-tmp": "8Gi"}
        found = [{"name": name, "emptyDir": {"sizeLimit": size}} for name, size in empty.items()]
        if self.trainer.git.difference is not None:
            name = self.trainer.git.difference.config_map_ref.name
            found.append({"name": "difference", "configMap": {"name": name}})
        return found

    def _fetch(self) -> dict[str, Any]:
        git = self.trainer.git
        digest = {"digest": git.difference.digest} if git.difference is not None else None
        wanted = {"url": git.url, "commit": git.commit, "ref": git.ref, "difference": digest}
        secret = {"prefix": "SLIPWAY_GIT_", "secretRef": {"name": git.secret_ref.name}} if git.secret_ref else None
        place = {"name": "SLIPWAY_CODE_DIFFERENCE", "value": f"{_DIFFERENCE}/difference.json"}
        return {
            "name": FETCH,
            "image": self.image,
            "command": ["python3", "-m", "slipway_pipelines.function.fetch"],
            "env": [
                _HOME,
                _DIRECTORY,
                {"name": "SLIPWAY_CODE_WANTED", "value": json.dumps(wanted, sort_keys=True)},
                *([place] if digest else []),
            ],
            **({"envFrom": [secret]} if secret else {}),
            "resources": _FETCHING,
            "securityContext": confined_container(),
            "terminationMessagePolicy": "File",
            "volumeMounts": [
                _mount("code", _CODE),
                _mount("fetch-tmp", "/tmp"),
                *([_mount("difference", _DIFFERENCE, True)] if digest else []),
            ],
        }

    def _function(self) -> dict[str, Any]:
        return {
            "name": FUNCTION,
            "image": self.image,
            "command": ["python3", "-m", "slipway_pipelines.function.worker"],
            "restartPolicy": "Always",
            "env": [
                _HOME,
                _DIRECTORY,
                _SOCKET,
                # Sets of texts are walked in one order: what depends on it comes out again.
                {"name": "PYTHONHASHSEED", "value": "0"},
                {"name": "SLIPWAY_ENTRYPOINT", "value": self.trainer.entrypoint},
                {**self.threads, "valueFrom": _of_container(self.threads["valueFrom"])},
            ],
            "resources": self.resources,
            "securityContext": confined_container(),
            "terminationMessagePolicy": "File",
            "volumeMounts": [
                _mount("code", _CODE, True),
                _mount("exchange", _EXCHANGE),
                _mount("function-tmp", "/tmp"),
            ],
        }


def _of_container(source: Mapping[str, Any]) -> dict[str, Any]:
    return {"resourceFieldRef": {**source["resourceFieldRef"], "containerName": FUNCTION}}


def _mount(name: str, path: str, read_only: bool = False) -> dict[str, Any]:
    return {"name": name, "mountPath": path, **({"readOnly": True} if read_only else {})}
