"""An API server in memory: versions, conflicts, preconditions, finalizers, and faults on demand."""

from __future__ import annotations

import copy
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from slipway.core.plan import ObjectKey
from slipway.runtime.errors import AlreadyExists, ApiError, Conflict, Gone
from slipway.runtime.executor import Fence
from slipway.runtime.kinds import API_VERSION, Kind
from slipway.runtime.store import key_of

Object = Mapping[str, Any]
ROLLOUT = ObjectKey(API_VERSION, "ModelRollout", "team", "fraud")


def make(kind: str, name: str, api_version: str = API_VERSION, namespace: str = "team", **parts: Any) -> dict[str, Any]:
    """An object as the API server would return it, except for its version."""
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{kind}-{name}", **parts.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


class FakeApi:
    """Counts every write; `fault(verb, key)` may raise."""

    def __init__(self) -> None:
        self.objects: dict[ObjectKey, dict[str, Any]] = {}
        self.writes: list[tuple[str, ObjectKey]] = []
        self.fault: Callable[[str, ObjectKey], None] = lambda verb, key: None
        self.versions = itertools.count(1)

    def seed(self, obj: Object) -> dict[str, Any]:
        """Puts an object there, without counting it as a write."""
        kept = copy.deepcopy(dict(obj))
        kept["metadata"]["resourceVersion"] = str(next(self.versions))
        self.objects[key_of(kept)] = kept
        return copy.deepcopy(kept)

    async def get(self, key: ObjectKey) -> Object:
        self.fault("get", key)
        return copy.deepcopy(self._live(key))

    async def list(self, kind: Kind, namespace: str = "") -> AsyncIterator[tuple[list[Object], int]]:
        self.fault("list", ObjectKey(kind.api_version, kind.kind, namespace, ""))
        found = [obj for key, obj in self.objects.items() if key.kind == kind.kind and namespace in ("", key.namespace)]
        yield copy.deepcopy(found), next(self.versions)

    async def apply(self, manifest: Object, key: ObjectKey, fence: Fence | None) -> Object:
        self._write("apply", key)
        live = self.objects.get(key, {"metadata": {"uid": f"uid-{key.kind}-{key.name}"}})
        if fence is not None and (key not in self.objects or live["metadata"]["uid"] != fence.uid):
            raise Conflict("the uid differs", key)
        self._fence(live, fence.resource_version if fence else None, key)
        merged = {**live, **manifest, "metadata": {**live["metadata"], **manifest["metadata"]}}
        return self._save(key, merged)

    async def create(self, manifest: Object, key: ObjectKey) -> Object:
        self._write("create", key)
        if not key.name:
            key = replace(key, name=f"{manifest['metadata']['generateName']}{next(self.versions)}")
        if key in self.objects:
            raise AlreadyExists("it exists", key)
        return self._save(
            key, {**manifest, "metadata": {"uid": f"uid-{key.name}", "name": key.name, **manifest["metadata"]}}
        )

    async def delete(self, key: ObjectKey, uid: str, propagation: str) -> Object:
        self._write("delete", key)
        live = self._live(key)
        if uid not in ("", live["metadata"]["uid"]):
            raise Conflict("the uid differs", key)
        if live["metadata"].get("finalizers"):
            return self._save(
                key, {**live, "metadata": {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
            )
        del self.objects[key]
        return {"kind": "Status", "status": "Success"}

    async def set_finalizers(self, key: ObjectKey, resource_version: str, finalizers: Sequence[str]) -> Object:
        self._write("finalizers", key)
        live = self._live(key)
        self._fence(live, resource_version, key)
        return self._save(key, {**live, "metadata": {**live["metadata"], "finalizers": list(finalizers)}})

    async def set_owners(self, key: ObjectKey, owners: Sequence[Object]) -> Object:
        self._write("owners", key)
        live = self._live(key)
        return self._save(key, {**live, "metadata": {**live["metadata"], "ownerReferences": list(owners)}})

    async def replace_status(self, key: ObjectKey, resource_version: str, status: Object) -> Object:
        self._write("status", key)
        live = self._live(key)
        self._fence(live, resource_version, key)
        return self._save(key, {**live, "status": dict(status)})

    def _write(self, verb: str, key: ObjectKey) -> None:
        self.writes.append((verb, key))
        self.fault(verb, key)

    def _live(self, key: ObjectKey) -> dict[str, Any]:
        if key not in self.objects:
            raise Gone("not found", key)
        return self.objects[key]

    def _fence(self, live: Object, resource_version: str | None, key: ObjectKey) -> None:
        if resource_version is not None and live["metadata"].get("resourceVersion") != resource_version:
            raise Conflict("the object has been modified", key)

    def _save(self, key: ObjectKey, obj: Object) -> Object:
        before = self.objects.get(key)
        changed = {**obj, "metadata": {**obj["metadata"]}}
        if before != changed:
            changed["metadata"]["resourceVersion"] = str(next(self.versions))
        self.objects[key] = copy.deepcopy(changed)
        return copy.deepcopy(changed)


def failing(error: ApiError, *verbs: str) -> Callable[[str, ObjectKey], None]:
    """A fault for the verbs given."""

    def fault(verb: str, key: ObjectKey) -> None:
        if verb in verbs:
            raise error

    return fault
