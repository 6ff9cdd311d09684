"""What others need to know of the cluster: `environment.json`, written by `up`, read by the demo and the tests."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.cluster.errors import ClusterError


@dataclass(frozen=True)
class Gateway:
    """The Gateway that routes attach to; `address` is `host:port` as this machine reaches it."""

    namespace: str
    name: str
    address: str


@dataclass(frozen=True)
class Environment:
    """URLs without suffix are those that pods use; `*_host_url` are the same services seen from this machine.

    `registry` is its host:port in image references, for nodes and pods; `registry_host` is what this machine pushes to.
    `images` holds the project's own (operator, builder, pipelines), pinned by digest; `audit_log` is a file of this
    machine with one JSON line per write of a service account, empty where the cluster is not the embedded one.
    """

    kubeconfig: str
    provider: str
    registry: str
    registry_host: str
    registry_plain_http: bool
    prometheus: str
    prometheus_host_url: str
    mlflow: str
    mlflow_host_url: str
    gateway: Gateway
    base_image: str
    kubectl: str
    helm: str
    audit_log: str = ""
    images: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Environment:
        """Raises ClusterError where no cluster has been brought up."""
        try:
            document = json.loads(path.read_text())
            return cls(**{**document, "gateway": Gateway(**document["gateway"])})
        except (FileNotFoundError, ValueError, TypeError, KeyError) as error:
            raise ClusterError(f"{path} describes no cluster: {error}", "run `python -m tests.cluster up`") from error

    def save(self, path: Path) -> None:
        """In one step; a file that says the same already is left as it is."""
        content = json.dumps(asdict(self), indent=1) + "\n"
        if path.exists() and path.read_text() == content:
            return
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(content)
        temporary.chmod(0o644)
        temporary.rename(path)
