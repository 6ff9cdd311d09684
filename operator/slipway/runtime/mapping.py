"""Whose business a change is: from any object to the keys that must be decided again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from slipway.core.definitions.sharing import sharing
from slipway.core.plan import ObjectKey
from slipway.core.references import task_name
from slipway.runtime.kinds import API_VERSION, GROUP, OWNER_LABELS
from slipway.runtime.store import Store, key_of

Object = Mapping[str, Any]
_Reference = Callable[[Object], str]
_SERVICE_NAME = "kubernetes.io/service-name"
_PREDICTOR = "-predictor"


def affected(obj: Object, store: Store) -> set[ObjectKey]:
    """The keys of Slipway's own kinds whose decision may change with `obj`, itself included.

    Too many are harmless, since a decision without news writes nothing; one too few would wait for the resync.
    """
    key = key_of(obj)
    found = set(_owners(obj, store)) or set(_adopting(obj, store))
    if key.api_version == API_VERSION:
        found.add(key)
        found.update(_related(key, obj, store))
    return found


def _owners(obj: Object, store: Store) -> Iterator[ObjectKey]:
    metadata = obj["metadata"]
    namespace = metadata.get("namespace", "")
    labels = metadata.get("labels") or {}
    for label, kind in OWNER_LABELS.items():
        if labels.get(label):
            yield ObjectKey(API_VERSION, kind, namespace, labels[label])
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("apiVersion", "").startswith(f"{GROUP}/"):
            yield ObjectKey(API_VERSION, owner["kind"], namespace, owner["name"])
    if obj["kind"] == "EndpointSlice":
        yield from _behind_slice(labels, namespace, store)


def _adopting(obj: Object, store: Store) -> Iterator[ObjectKey]:
    """Rollouts that name an object which nobody of ours has made: a service or route that is adopted."""
    if obj["kind"] not in ("InferenceService", "HTTPRoute"):
        return
    name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace", "")
    for rollout in store.list("ModelRollout", namespace):
        if name in _adopted_names(rollout):
            yield key_of(rollout)


def _adopted_names(rollout: Object) -> set[str]:
    spec = rollout.get("spec") or {}
    gateway = (spec.get("traffic") or {}).get("gatewayAPI") or {}
    references = ((spec.get("adopt") or {}).get("inferenceServiceRef"), gateway.get("httpRouteRef"))
    variants = (rollout.get("status") or {}).get("variants") or ()
    kept = {each.get("inferenceService", "") for each in variants if each.get("adopted")}
    return {each["name"] for each in references if each and "name" in each} | kept


def _behind_slice(labels: Mapping[str, str], namespace: str, store: Store) -> Iterator[ObjectKey]:
    """A slice of a Service whose labels were changed still leads to its InferenceService by name."""
    service = labels.get(_SERVICE_NAME, "")
    if service.endswith(_PREDICTOR):
        name = service.removesuffix(_PREDICTOR)
        parent = store.get(ObjectKey("serving.kserve.io/v1beta1", "InferenceService", namespace, name))
        if parent is not None:
            yield from _owners(parent, store)


def _related(key: ObjectKey, obj: Object, store: Store) -> Iterator[ObjectKey]:
    spec = obj.get("spec") or {}
    if task := task_name(obj):
        yield ObjectKey(API_VERSION, "ModelTask", key.namespace, task)
    if key.kind == "ModelTask":
        for kind in ("ModelRollout", "TrainingRun", "RetrainPolicy"):
            yield from _referring(store, kind, key, _task_of)
        for name in sharing(key.name, store.list("TrainingRun", key.namespace)):
            yield ObjectKey(API_VERSION, "ModelTask", key.namespace, name)
    elif key.kind == "ModelRollout":
        yield from _referring(store, "RetrainPolicy", key, _rollout_of)
        yield from _referring(store, "RolloutRequest", key, _target_of)
    elif key.kind == "RolloutRequest":
        target = spec.get("target") or {}
        if target.get("kind") and target.get("name"):
            yield ObjectKey(API_VERSION, target["kind"], key.namespace, target["name"])
    elif key.kind == "MetricTemplate":
        for kind in ("ModelRollout", "RetrainPolicy"):
            yield from store.keys(kind)


def _referring(store: Store, kind: str, key: ObjectKey, reference: _Reference) -> Iterator[ObjectKey]:
    for other in store.list(kind, key.namespace):
        if reference(other) == key.name:
            yield key_of(other)


def _task_of(obj: Object) -> str:
    if obj["kind"] == "RetrainPolicy":
        return task_name((obj.get("spec") or {}).get("runTemplate") or {})
    return task_name(obj)


def _target_of(obj: Object) -> str:
    return str(((obj.get("spec") or {}).get("target") or {}).get("name", ""))


def _rollout_of(obj: Object) -> str:
    return str(((obj.get("spec") or {}).get("rolloutRef") or {}).get("name", ""))
