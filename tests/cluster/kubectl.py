"""Runs the kubectl that we built, and turns its failures into errors that say what was asked."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.cluster.errors import ClusterError


class Kubectl:
    """kubectl with one kubeconfig."""

    def __init__(self, program: Path, kubeconfig: Path) -> None:
        self.program = program
        self.kubeconfig = kubeconfig

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 120.0) -> str:
        """Standard output. Raises ClusterError with standard error."""
        command = [str(self.program), "--kubeconfig", str(self.kubeconfig), *arguments]
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired as expired:
            raise ClusterError(
                f"kubectl {' '.join(arguments[:4])} gave no answer in {timeout:.0f} s",
                "see the log of kube-apiserver",
            ) from expired
        if done.returncode:
            raise ClusterError(
                f"kubectl {' '.join(arguments[:4])} failed: {done.stderr.strip()[-1500:]}",
                f"try it by hand: {self.program} --kubeconfig {self.kubeconfig} {' '.join(arguments)}",
            )
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """The parsed JSON of `kubectl get …`."""
        return json.loads(self.run("get", *arguments, "-o", "json"))

    def await_kinds(self, *plurals: str, seconds: float = 60.0) -> None:
        """Waits until kinds that were defined just now are served: Established is said a moment before, and whoever
        creates an object in that moment is told that there is no such kind. Raises ClusterError."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.run("get", ",".join(plurals), "--all-namespaces", "--output=name")
                return
            except ClusterError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def apply(self, manifests: str) -> str:
        """Server-side, so that large CRDs fit and a second call changes nothing."""
        arguments = ("apply", "--server-side", "--force-conflicts", "--field-manager=slipway-cluster", "-f", "-")
        return self.run(*arguments, stdin=manifests)
