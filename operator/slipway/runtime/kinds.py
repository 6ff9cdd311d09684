"""The kinds that the operator watches, and what of each object it keeps in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GROUP = "slipway.dev"
API_VERSION = f"{GROUP}/v1alpha1"
MANAGED = "app.kubernetes.io/managed-by=slipway"
OWNER_LABELS: Mapping[str, str] = {
    f"{GROUP}/rollout": "ModelRollout",
    f"{GROUP}/trainingrun": "TrainingRun",
    f"{GROUP}/policy": "RetrainPolicy",
}

# Labels by which decisions look for children: looked up, not searched for.
INDEXED = (*OWNER_LABELS, "kubernetes.io/service-name", "batch.kubernetes.io/job-name")


@dataclass(frozen=True)
class Kind:
    """A watched resource. `selector` limits LIST and WATCH on the server's side, which is what bounds memory."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True
    selector: str = ""

    @property
    def group(self) -> str:
        """The API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]


# KServe hands the labels of an InferenceService on to its Deployment, Pods and Service, and the endpoint slice
# controller hands those of a Service on to its slices, so one selector finds everything below a rollout.
WATCHED: tuple[Kind, ...] = (
    Kind(API_VERSION, "ModelTask", "modeltasks"),
    Kind(API_VERSION, "TrainingRun", "trainingruns"),
    Kind(API_VERSION, "ModelRollout", "modelrollouts"),
    Kind(API_VERSION, "RetrainPolicy", "retrainpolicies"),
    Kind(API_VERSION, "RolloutRequest", "rolloutrequests"),
    Kind(API_VERSION, "MetricTemplate", "metrictemplates", namespaced=False),
    Kind("serving.kserve.io/v1beta1", "InferenceService", "inferenceservices"),
    Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes"),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", selector=MANAGED),
    Kind("batch/v1", "Job", "jobs", selector=MANAGED),
    Kind("batch/v1", "CronJob", "cronjobs", selector=MANAGED),
    Kind("apps/v1", "Deployment", "deployments", selector=MANAGED),
    Kind("v1", "Pod", "pods", selector=MANAGED),
    Kind("v1", "Service", "services", selector=MANAGED),
    Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", selector=MANAGED),
)
BY_KIND: Mapping[tuple[str, str], Kind] = {(kind.api_version, kind.kind): kind for kind in WATCHED}

_NOISE = ("kubectl.kubernetes.io/last-applied-configuration",)


def pruned(obj: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without what no decision reads: managed fields, the client's last applied copy, a Pod's template.

    Shallow where it can be: the input is not changed, deeper parts are shared with it.
    """
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key != "managedFields"}
    annotations = metadata.get("annotations")
    if annotations and any(key in annotations for key in _NOISE):
        metadata["annotations"] = {key: value for key, value in annotations.items() if key not in _NOISE}
    result = {**obj, "metadata": metadata}
    if obj.get("kind") == "Pod":
        result["spec"] = _pod_spec(obj.get("spec", {}))
    return result


def _pod_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    containers = [{"name": each.get("name"), "image": each.get("image")} for each in spec.get("containers", ())]
    kept = {key: spec[key] for key in ("nodeName", "serviceAccountName") if key in spec}
    return {**kept, "containers": containers}
