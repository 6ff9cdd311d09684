"""`kubectl get` with the user's own configuration, whatever way it logs in."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.cluster.errors import ClusterError

Object = dict[str, Any]
_REMEDY = "check KUBECONFIG, or unset it to use the embedded cluster (Linux and root)"


class Reader:
    """Objects of one cluster as parsed JSON."""

    def __init__(self, kubectl: str, kubeconfig: str) -> None:
        self._kubectl = kubectl
        self._environment = {**os.environ, "KUBECONFIG": kubeconfig}

    def get(self, *arguments: str) -> Object:
        """Empty where there is no such object or kind. Raises ClusterError where the cluster does not answer."""
        command = [self._kubectl, "get", *arguments, "--ignore-not-found", "-o", "json", "--request-timeout=15s"]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode and "the server doesn't have a resource type" not in done.stderr:
            asked = f"kubectl get {' '.join(arguments)}"
            raise ClusterError(f"the cluster of KUBECONFIG refuses `{asked}`: {done.stderr.strip()[-400:]}", _REMEDY)
        return json.loads(done.stdout) if done.stdout.strip() and not done.returncode else {}

    def items(self, kind: str, *arguments: str) -> list[Object]:
        """The objects of a kind in all namespaces."""
        found: list[Object] = self.get(kind, "--all-namespaces", *arguments).get("items", [])
        return found


def one_file(kubectl: str, kubeconfig: str, state: Path) -> str:
    """The path of a kubeconfig that holds all: helm takes no list of files. Raises ClusterError."""
    paths = kubeconfig.split(os.pathsep)
    if not any(Path(path).is_file() for path in paths):
        raise ClusterError(f"KUBECONFIG names no file that is there: {kubeconfig}", _REMEDY)
    if len(paths) == 1:
        return kubeconfig
    command = [kubectl, "config", "view", "--raw", "--flatten", "--minify"]
    environment = {**os.environ, "KUBECONFIG": kubeconfig}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"the files of KUBECONFIG do not join: {done.stderr.strip()[-400:]}", _REMEDY)
    joined = state / "kubeconfig"
    with os.fdopen(os.open(joined, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(done.stdout)
    return str(joined)
