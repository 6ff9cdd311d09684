"""Objects of a simulated API server: versions, generations, finalizers, labels. No validation, no defaults."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from slipway.core.plan import ObjectKey

Object = dict[str, Any]
T = TypeVar("T")
FOREGROUND = "foregroundDeletion"
START = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def copied(obj: T) -> T:
    """A deep copy: a simulated day takes hundreds of thousands, and `copy.deepcopy` five times as long."""
    found: T = pickle.loads(pickle.dumps(obj, pickle.HIGHEST_PROTOCOL))
    return found


class ApiServer:
    """Holds objects; reads return copies."""

    def __init__(self) -> None:
        self.now = START
        self.objects: dict[ObjectKey, Object] = {}
        self.counter = itertools.count(1)

    def put(self, key: ObjectKey, spec: Any, **metadata: Any) -> Object:
        at = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        meta = {"name": key.name, "namespace": key.namespace, "uid": f"u{next(self.counter)}", "generation": 1}
        meta |= {"creationTimestamp": at, "resourceVersion": str(next(self.counter)), **metadata}
        self.objects[key] = {"apiVersion": key.api_version, "kind": key.kind, "metadata": meta, "spec": spec}
        return self.objects[key]

    def touch(self, obj: Object, new_generation: bool = False) -> None:
        obj["metadata"]["resourceVersion"] = str(next(self.counter))
        obj["metadata"]["generation"] += new_generation

    def edit(self, key: ObjectKey, change: Callable[[Any], None]) -> None:
        """A person edits a spec."""
        change(self.objects[key]["spec"])
        self.touch(self.objects[key], new_generation=True)

    def delete(self, key: ObjectKey, foreground: bool = False) -> None:
        """Somebody deletes an object: finalizers hold it; in the foreground also one of the garbage collector's."""
        obj = self.objects[key]
        obj["metadata"].setdefault("deletionTimestamp", "now")
        if foreground:
            obj["metadata"].setdefault("finalizers", []).append(FOREGROUND)
        self.touch(obj)
        self.collect(key)

    def collect(self, key: ObjectKey) -> None:
        obj = self.objects.get(key)
        if obj and obj["metadata"].get("deletionTimestamp") and not obj["metadata"].get("finalizers"):
            del self.objects[key]

    def get(self, key: ObjectKey) -> Object | None:
        return copied(self.objects.get(key))

    def list(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Sequence[Object]:
        def match(obj: Object) -> bool:
            mine = obj["metadata"].get("labels") or {}
            return obj["kind"] == kind and all(mine.get(k) == v for k, v in labels.items())

        return [copied(obj) for obj in self.objects.values() if match(obj)]
