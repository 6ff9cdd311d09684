"""The environment of the user's cluster, or all that it lacks, at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.cluster.build import GoTools
from tests.cluster.environment import Environment, Gateway
from tests.cluster.errors import ClusterError
from tests.cluster.external import gateway, kserve, programs, registry, services
from tests.cluster.external.reach import Reach
from tests.cluster.external.reader import Reader, one_file
from tests.cluster.external.services import Service
from tests.cluster.images import PLATFORM, Store
from tests.cluster.places import Places
from tests.cluster.progress import Progress

# A name without a host means another registry to each engine, so the user says which.
NO_BASE = (
    "a base image with Python 3.11: name one that this machine can read in SLIPWAY_BASE_IMAGE, as host/repository:tag,"
    " such as your mirror's library/python:3.11-slim"
)


@dataclass
class Findings:
    """What a cluster has; `missing` holds one sentence with a remedy for each thing that it has not."""

    registry: Store | None
    prometheus: Service | None
    mlflow: Service | None
    gateway: Gateway | None
    missing: list[str] = field(default_factory=list)


def describe(
    kubeconfig: str, places: Places, progress: Progress, environment: Mapping[str, str] | None = None
) -> Environment:
    """Nothing is changed there. Raises ClusterError that lists all that is missing, with remedies."""
    given = os.environ if environment is None else environment
    make_directories(places)
    tools = GoTools(places.cache, progress)
    kubectl, helm = programs.kubectl(tools, progress), programs.helm(tools, progress)
    path = one_file(kubectl, kubeconfig, places.state)
    found = find(Reader(kubectl, path), given, Reach())
    base = given.get("SLIPWAY_BASE_IMAGE", "")
    missing = [*found.missing, *([] if base else [NO_BASE])]
    if missing or not (found.registry and found.prometheus and found.mlflow and found.gateway):
        listed = "".join(f"\n  - {one}" for one in missing)
        raise ClusterError(
            f"the cluster of KUBECONFIG ({kubeconfig}) lacks:{listed}",
            "install or name these (docs/own-cluster.md), or unset KUBECONFIG for the embedded cluster (Linux, root)",
        )
    return Environment(
        kubeconfig=path,
        provider="kubeconfig",
        registry=found.registry.name,
        registry_host=found.registry.host,
        registry_plain_http=found.registry.plain_http,
        prometheus=found.prometheus.inside,
        prometheus_host_url=found.prometheus.outside,
        mlflow=found.mlflow.inside,
        mlflow_host_url=found.mlflow.outside,
        gateway=found.gateway,
        base_image=base,
        kubectl=kubectl,
        helm=helm,
    )


def find(reader: Reader, env: Mapping[str, str], reach: Reach) -> Findings:
    """Looks for each of the five; what the user names in the environment comes first."""
    missing: list[str] = []
    _find_node(reader, missing)
    kserve.find(reader, missing)
    return Findings(
        gateway=gateway.find(reader, env, reach, missing),
        prometheus=services.find_prometheus(reader, env, reach, missing),
        mlflow=services.find_mlflow(reader, env, reach, missing),
        registry=registry.find(reader, env, reach, missing),
        missing=missing,
    )


def _find_node(reader: Reader, missing: list[str]) -> None:
    architectures = {node["status"]["nodeInfo"]["architecture"] for node in reader.items("nodes")}
    if PLATFORM[1] not in architectures:
        missing.append(
            f"a node of architecture {PLATFORM[1]}, which images are made for: there are nodes of"
            f" {', '.join(sorted(architectures)) or 'none'}; add one"
        )


def make_directories(places: Places) -> None:
    """Those of environment.json and of logs. Raises ClusterError where that is not allowed."""
    for path in (places.state, places.logs):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ClusterError(
                f"{path} cannot be made: {error.strerror}", "name a directory of yours in SLIPWAY_CACHE"
            ) from error
