"""Objects of a simulated API server: versions, generations, finalizers, labels. No validation, no defaults."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from slipway.core.plan import ObjectKey

Object = dict[str, Any]
P = ParamSpec("P")
T = TypeVar("T")
FOREGROUND = "foregroundDeletion"
START = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def copied(obj: T) -> T:
    """A deep copy: a simulated day takes hundreds of thousands, and `copy.deepcopy` five times as long."""
    found: T = pickle.loads(pickle.dumps(obj, pickle.HIGHEST_PROTOCOL))
    return found


def remembered(begin: Callable[P, T]) -> Callable[P, T]:
    """The simulation that `begin` makes of these arguments, run once: many tests begin alike, each with a copy."""
    made: dict[bytes, bytes] = {}

    @wraps(begin)
    def a_copy(*args: P.args, **kwargs: P.kwargs) -> T:
        asked = pickle.dumps((args, kwargs))
        if asked not in made:
            made[asked] = pickle.dumps(begin(*args, **kwargs), pickle.HIGHEST_PROTOCOL)
        found: T = pickle.loads(made[asked])
        return found

    return a_copy


class ApiServer:
    """Holds objects; reads return copies."""

    def __init__(self) -> None:
        self.now = START
        self.objects: dict[ObjectKey, Object] = {}
        self._counted = 0

    def _next(self) -> int:
        self._counted += 1
        return self._counted

    def put(self, key: ObjectKey, spec: Any, **metadata: Any) -> Object:
        at = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        meta = {"name": key.name, "namespace": key.namespace, "uid": f"u{self._next()}", "generation": 1}
        meta |= {"creationTimestamp": at, "resourceVersion": str(self._next()), **metadata}
        self.objects[key] = {"apiVersion": key.api_version, "kind": key.kind, "metadata": meta, "spec": spec}
        return self.objects[key]

    def touch(self, obj: Object, new_generation: bool = False) -> None:
        obj["metadata"]["resourceVersion"] = str(self._next())
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
