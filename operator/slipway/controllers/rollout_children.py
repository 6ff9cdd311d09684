"""The objects below a rollout, from the cache: by label, never by owner, since Orphan has no owners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.task_label import Latency
from slipway.api.v1alpha1.task_quality import BusinessMetric
from slipway.core.desired.names import GROUP, JOB_LABEL, ROLLOUT_LABEL, predictor_service
from slipway.core.desired.network_policy import policy_name
from slipway.core.plan import ObjectKey
from slipway.core.rollout import Snapshot
from slipway.runtime.world import Object, World

_SERVICE_LABEL = "kubernetes.io/service-name"
_SERVED_BY = "serving.kserve.io/inferenceservice"
"""KServe's label on pods: the name of their InferenceService."""


def children(snapshot: Snapshot, world: World) -> Snapshot:
    """The snapshot with services, their ready endpoints and Pods, route, NetworkPolicy, Jobs and the Jobs' Pods."""
    namespace, mine = snapshot.namespace, {ROLLOUT_LABEL: snapshot.name}
    services = {_name(live): live for live in world.list("InferenceService", namespace, mine)}
    jobs = {_name(job): job for job in world.list("Job", namespace, mine)}
    pods = {name: tuple(world.list("Pod", namespace, {JOB_LABEL: name})) for name in jobs}
    key = ObjectKey("gateway.networking.k8s.io/v1", "HTTPRoute", namespace, snapshot.name)
    policy = world.get(ObjectKey("networking.k8s.io/v1", "NetworkPolicy", namespace, policy_name(snapshot.name)))
    ready = {name: ready_replicas(live, world) for name, live in services.items()}
    served = _by_service(world.list("Pod", namespace, mine))
    snapshot = replace(snapshot, services=services, ready=ready, served_pods=served)
    return replace(snapshot, jobs=jobs, job_pods=pods, route=world.get(key), policy=policy)


def _by_service(pods: Iterable[Object]) -> Mapping[str, tuple[Object, ...]]:
    """Pods by the name of their InferenceService; those of Jobs have none."""
    found: dict[str, tuple[Object, ...]] = {}
    for pod in pods:
        name = (pod["metadata"].get("labels") or {}).get(_SERVED_BY)
        if name:
            found[name] = (*found.get(name, ()), pod)
    return found


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def ready_replicas(inference_service: Object, world: World) -> int:
    """Replicas that answer: ready by the Deployment and by the endpoints of the Service that KServe made.

    Both must belong to this very InferenceService: those of one that was deleted and made anew live on for moments
    until the garbage collector takes them, and a route to a Service that goes is an outage (traffic.md 1).
    """
    metadata = inference_service["metadata"]
    namespace, service = metadata["namespace"], predictor_service(metadata["name"])
    made = [ObjectKey(api, kind, namespace, service) for api, kind in (("v1", "Service"), ("apps/v1", "Deployment"))]
    live = [world.get(key) for key in made]
    if any(obj is None or not _owned(obj, metadata["uid"]) for obj in live):
        return 0
    deployment = live[1] or {}
    slices = world.list("EndpointSlice", namespace, {_SERVICE_LABEL: service})
    addresses = set(_ready_addresses(slices))
    return min(len(addresses), int((deployment.get("status") or {}).get("readyReplicas") or 0))


def _owned(obj: Object, uid: str) -> bool:
    metadata = obj["metadata"]
    owners = metadata.get("ownerReferences") or ()
    return not metadata.get("deletionTimestamp") and any(owner.get("uid") == uid for owner in owners)


def _ready_addresses(slices: Iterable[Object]) -> Iterable[str]:
    """One address of each endpoint that takes new requests; an unknown readiness counts as ready, as the API says."""
    for each in slices:
        for endpoint in each.get("endpoints") or ():
            conditions = endpoint.get("conditions") or {}
            if conditions.get("ready", True) is not False and endpoint.get("addresses"):
                yield endpoint["addresses"][0]


@dataclass(frozen=True)
class TaskFacts:
    """What a rollout takes from its ModelTask: whether it exists, the class that it calls positive, how fast an answer
    must be, its type, its business metrics."""

    exists: bool
    positive: str = "1"
    latency: Latency | None = None
    type: str = ""
    business: tuple[BusinessMetric, ...] = ()


def task_of(name: str, namespace: str, world: World) -> TaskFacts:
    """The facts of the task. Raises pydantic's ValidationError for one that the schema would have refused: a latency
    that cannot be read is not the same as none."""
    task = world.get(ObjectKey(f"{GROUP}/v1alpha1", "ModelTask", namespace, name))
    if task is None:
        return TaskFacts(False)
    spec = task.get("spec") or {}
    positive = str((spec.get("label") or {}).get("positive") or "1")
    if (spec.get("serving") or {}).get("mode") == "Batch":
        return TaskFacts(True, positive)
    typed = ModelTaskSpec.model_validate(spec)
    return TaskFacts(True, positive, typed.serving.latency, typed.type, typed.business_metrics)
