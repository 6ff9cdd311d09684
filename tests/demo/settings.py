"""What a run of the demo is given, and where it finds the cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.places import Places

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
    """The cluster that `python -m tests.cluster up` brought up or found: what its environment file holds."""

    kubeconfig: str
    kubectl: str
    helm: str
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
    images: Mapping[str, str]
    """Image references by the project's names for them: operator, pipelines, builder, base."""
    seccomp_profile: str = ""
    """Profile of the nodes for the step that runs Buildah; empty where nobody knows of one."""
    audit_log: Path | None = None
    """Writes of service accounts, a line each, where the API server keeps such a log within reach."""


def load(path: Path | None = None) -> Environment:
    """Reads the environment file of the cluster.

    Raises:
        FileNotFoundError: when no cluster is up.
    """
    path = path or state_directory() / "environment.json"
    if not path.exists():
        raise FileNotFoundError("no cluster is up: run `make cluster`")
    raw = json.loads(path.read_text(encoding="utf-8"))
    gateway = raw["gateway"]
    address, _, port = gateway["address"].rpartition(":")
    return Environment(
        kubeconfig=raw["kubeconfig"], kubectl=raw["kubectl"], helm=raw["helm"],
        prometheus=raw["prometheus_host_url"], prometheus_inside=raw["prometheus"], mlflow_inside=raw["mlflow"],
        registry=raw["registry"], registry_plain_http=raw["registry_plain_http"],
        gateway_name=gateway["name"], gateway_namespace=gateway["namespace"],
        gateway_address=address, gateway_port=int(port),
        seccomp_profile="slipway-buildah.json" if raw.get("provider") == "embedded" else "",
        images={"base": raw.get("base_image", ""), **raw.get("images", {})},
        audit_log=Path(raw["audit_log"]) if raw.get("audit_log") else None,
    )  # fmt: skip


def state_directory() -> Path:
    """Where `python -m tests.cluster up` keeps what it knows of the cluster that is used here."""
    return Places.of_environment().state
