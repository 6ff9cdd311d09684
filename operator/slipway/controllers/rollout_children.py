"""The objects below a rollout, from the cache: by label, never by owner, since Orphan has no owners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.task_label import Latency
from slipway.api.v1alpha1.task_quality import BusinessMetric
from slipway.controllers.rollout_shadow import paired_task
from slipway.core.definitions.changes import Definitions
from slipway.core.desired.names import GROUP, JOB_LABEL, ROLLOUT_LABEL, predictor_service
from slipway.core.desired.network_policy import policy_names
from slipway.core.pairs import PairedTask
from slipway.core.plan import ObjectKey
from slipway.core.rollout import Snapshot
from slipway.features.definitions import definitions
from slipway.runtime.world import Object, World

_NETWORK = "networking.k8s.io/v1"
_SERVICE_LABEL = "kubernetes.io/service-name"
_SERVED_BY = "serving.kserve.io/inferenceservice"
"""KServe's label on pods: the name of their InferenceService."""


def children(snapshot: Snapshot, world: World) -> Snapshot:
    """The snapshot with services, their ready endpoints and Pods, route, NetworkPolicies, Jobs and the Jobs' Pods."""
    namespace, mine = snapshot.namespace, {ROLLOUT_LABEL: snapshot.name}
    services = {_name(live): live for live in world.list("InferenceService", namespace, mine)}
    adopted = {_name(live): live for live in _adopted(snapshot, world) if _name(live) not in services}
    jobs = {_name(job): job for job in world.list("Job", namespace, mine)}
    pods = {name: tuple(world.list("Pod", namespace, {JOB_LABEL: name})) for name in jobs}
    key = ObjectKey("gateway.networking.k8s.io/v1", "HTTPRoute", namespace, route_name(snapshot))
    named = (world.get(ObjectKey(_NETWORK, "NetworkPolicy", namespace, name)) for name in policy_names(snapshot.name))
    policies = {_name(live): live for live in named if live is not None}
    ready = {name: ready_replicas(live, world) for name, live in services.items()}
    ready |= {name: _said_ready(live) for name, live in adopted.items()}
    served = _by_service(world.list("Pod", namespace, mine))
    snapshot = replace(snapshot, services=services | adopted, ready=ready, served_pods=served)
    return replace(snapshot, jobs=jobs, job_pods=pods, route=world.get(key), policies=policies)


def route_name(snapshot: Snapshot) -> str:
    """That of the HTTPRoute which the spec names, or of the rollout's own."""
    traffic = snapshot.spec.traffic if snapshot.spec else None
    named = traffic.gateway_api.http_route_ref if traffic and traffic.gateway_api else None
    return named.name if named is not None else snapshot.name


def _adopted(snapshot: Snapshot, world: World) -> Iterable[Object]:
    """The InferenceService that the spec names, and one that was adopted before, whatever the spec says by now."""
    named = {each.inference_service for each in snapshot.status.variants if each.adopted}
    if snapshot.spec is not None and snapshot.spec.adopt is not None:
        named.add(snapshot.spec.adopt.inference_service_ref.name)
    for name in sorted(named):
        live = world.get(ObjectKey("serving.kserve.io/v1beta1", "InferenceService", snapshot.namespace, name))
        if live is not None:
            yield live


def _said_ready(inference_service: Object) -> int:
    """Replicas of a service without our labels, by KServe's word: its pods and endpoints are not watched."""
    conditions = (inference_service.get("status") or {}).get("conditions") or ()
    if not any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions):
        return 0
    return max(1, int((inference_service["spec"].get("predictor") or {}).get("minReplicas") or 1))


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
    must be, its type, its business metrics, how its answers are compared, what its features mean; and, of a task of
    requests, all of it."""

    exists: bool
    positive: str = "1"
    latency: Latency | None = None
    type: str = ""
    business: tuple[BusinessMetric, ...] = ()
    paired: PairedTask = field(default_factory=PairedTask)
    definitions: Definitions | None = None
    contract: ModelTaskSpec | None = None


def task_of(name: str, namespace: str, world: World) -> TaskFacts:
    """The facts of the task. Raises pydantic's ValidationError for one that the schema would have refused: a latency
    that cannot be read is not the same as none."""
    task = world.get(ObjectKey(f"{GROUP}/v1alpha1", "ModelTask", namespace, name))
    if task is None:
        return TaskFacts(False)
    spec = task.get("spec") or {}
    positive = str((spec.get("label") or {}).get("positive") or "1")
    if (spec.get("serving") or {}).get("mode") == "Batch":
        return TaskFacts(True, positive, definitions=_definitions(spec))
    typed = ModelTaskSpec.model_validate(spec)
    latency, business = typed.serving.latency, typed.business_metrics
    known = (positive, latency, typed.type, business, paired_task(typed), definitions(typed))
    return TaskFacts(True, *known, contract=typed)


def _definitions(spec: Object) -> Definitions | None:
    """Of a Batch task; None for one that cannot be read, which is told elsewhere."""
    try:
        return definitions(ModelTaskSpec.model_validate(spec))
    except ValidationError:
        return None
