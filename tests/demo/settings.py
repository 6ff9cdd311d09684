"""What a run of the demo is given, and where it finds the cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = Path("/var/lib/slipway-cluster/environment.json")
OPERATOR_NAMESPACE = "slipway-system"


@dataclass(frozen=True)
class Options:
    """The command line."""

    namespace: str = "demo"
    plain: bool = False
    keep: bool = False
    rate: float = 40.0
    """Requests a second that the client sends."""
    limit: int = 60_000
    """Requests that it sends at most."""


@dataclass(frozen=True)
class Environment:
    """The cluster that `python -m tests.cluster up` brought up or found."""

    kubeconfig: str
    bin: str
    prometheus: str
    """As this host reaches it."""
    prometheus_inside: str
    """As pods reach it."""
    mlflow_inside: str
    registry: str
    registry_plain_http: bool
    gateway_name: str
    gateway_namespace: str
    gateway_address: str
    gateway_port: int
    images: dict[str, str]
    """Image references by the project's names for them: operator, pipelines, builder, base."""


def load(path: Path = ENVIRONMENT) -> Environment:
    """Reads the environment file of the cluster.

    Raises:
        FileNotFoundError: when no cluster is up.
    """
    if not path.exists():
        raise FileNotFoundError("no cluster is up: run `make cluster`")
    raw = json.loads(path.read_text(encoding="utf-8"))
    return Environment(**raw)
