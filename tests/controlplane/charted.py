"""The chart, installed by the real helm on a control plane."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from slipway.api.v1alpha1 import GROUP, KINDS

from tests.cluster.bare import ControlPlane, ControlPlaneBinaries
from tests.cluster.errors import ClusterError

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "slipway"
NAMESPACE = "slipway-system"
OPERATOR = f"system:serviceaccount:{NAMESPACE}:slipway"


@dataclass(frozen=True)
class Release:
    """A control plane, and helm for it."""

    plane: ControlPlane
    binaries: ControlPlaneBinaries

    def helm(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Runs helm in the release's namespace."""
        command = [str(self.binaries.helm), "--kubeconfig", str(self.plane.kubeconfig), "--namespace", NAMESPACE]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=timeout, check=False)

    def install(self, *arguments: str, chart: Path = CHART) -> str:
        """`helm install slipway`; returns the notes, once the kinds are served."""
        done = self.helm("install", "slipway", str(chart), "--create-namespace", *arguments)
        assert done.returncode == 0, done.stderr
        self.plane.kubectl.await_kinds(*(f"{kind.plural}.{GROUP}" for kind in KINDS))
        return done.stdout

    def upgrade(self, *arguments: str, chart: Path = CHART) -> str:
        """`helm upgrade slipway`; returns the notes."""
        done = self.helm("upgrade", "slipway", str(chart), *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """As an administrator. Raises ClusterError with kubectl's message."""
        return self.plane.kubectl.run(*arguments, stdin=stdin)

    def as_user(self, user: str, groups: tuple[str, ...], *arguments: str, stdin: str | None = None) -> str:
        """As somebody else. Raises ClusterError with kubectl's message."""
        flags = [f"--as={user}", *(f"--as-group={group}" for group in groups)]
        return self.kubectl(*arguments, *flags, stdin=stdin)

    def get(self, *arguments: str) -> Any:
        """Parsed JSON of `kubectl get`."""
        return self.plane.kubectl.get(*arguments)

    def create(self, manifest: dict[str, Any]) -> str:
        """Creates one object, as an administrator."""
        return self.kubectl("create", "-f", "-", stdin=json.dumps(manifest))


def eventually(check: Callable[[], None], seconds: float = 60.0) -> None:
    """Until `check` raises nothing: what the API server learns from its own watches takes a moment."""
    until = time.monotonic() + seconds
    while True:
        try:
            return check()
        except (AssertionError, ClusterError, pytest.fail.Exception):
            if time.monotonic() >= until:
                raise
            time.sleep(0.2)


def rollout(namespace: str, name: str) -> dict[str, Any]:
    """A small legal ModelRollout."""
    canary = {"name": "canary", "type": "Canary", "canary": {"weight": "5%"}, "minDuration": "1h", "minSamples": 10}
    return {
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "taskRef": {"name": name},
            "model": {"type": "MLflow", "mlflow": {"name": name, "version": "1"}},
            "traffic": {"type": "GatewayAPI", "gatewayAPI": {"parentRefs": [{"name": "public"}]}},
            "stages": [canary],
        },
    }
