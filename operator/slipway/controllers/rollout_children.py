"""The objects below a rollout, from the cache: by label, never by owner, since Orphan has no owners."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from slipway.core.desired.names import GROUP, JOB_LABEL, ROLLOUT_LABEL, predictor_service
from slipway.core.plan import ObjectKey
from slipway.core.rollout import Snapshot
from slipway.runtime.world import Object, World

_SERVICE_LABEL = "kubernetes.io/service-name"


def children(snapshot: Snapshot, world: World) -> Snapshot:
    """The snapshot with services, their ready endpoints, route, Jobs and the Jobs' Pods."""
    namespace, mine = snapshot.namespace, {ROLLOUT_LABEL: snapshot.name}
    services = {_name(live): live for live in world.list("InferenceService", namespace, mine)}
    jobs = {_name(job): job for job in world.list("Job", namespace, mine)}
    pods = {name: tuple(world.list("Pod", namespace, {JOB_LABEL: name})) for name in jobs}
    key = ObjectKey("gateway.networking.k8s.io/v1", "HTTPRoute", namespace, snapshot.name)
    ready = {name: ready_endpoints(name, namespace, world) for name in services}
    return replace(snapshot, services=services, jobs=jobs, job_pods=pods, route=world.get(key), ready=ready)


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def ready_endpoints(inference_service: str, namespace: str, world: World) -> int:
    """Distinct ready endpoints behind the Service that KServe makes for an InferenceService."""
    slices = world.list("EndpointSlice", namespace, {_SERVICE_LABEL: predictor_service(inference_service)})
    return len(set(_ready_addresses(slices)))


def _ready_addresses(slices: Iterable[Object]) -> Iterable[str]:
    """One address of each endpoint that takes new requests; an unknown readiness counts as ready, as the API says."""
    for each in slices:
        for endpoint in each.get("endpoints") or ():
            conditions = endpoint.get("conditions") or {}
            if conditions.get("ready", True) is not False and endpoint.get("addresses"):
                yield endpoint["addresses"][0]


def task_of(name: str, namespace: str, world: World) -> tuple[bool, str]:
    """Whether the ModelTask exists, and which class it calls positive."""
    task = world.get(ObjectKey(f"{GROUP}/v1alpha1", "ModelTask", namespace, name))
    label = ((task or {}).get("spec") or {}).get("label") or {}
    return task is not None, str(label.get("positive") or "1")
