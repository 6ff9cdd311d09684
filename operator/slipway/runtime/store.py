"""The operator's own copy of the objects it watches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from slipway.core.plan import ObjectKey
from slipway.runtime.kinds import INDEXED, pruned

Object = Mapping[str, Any]
_Index = tuple[str, str, str, str]  # kind, namespace, label, value


def key_of(obj: Object) -> ObjectKey:
    """The key of an object as the API server returns it."""
    metadata = obj["metadata"]
    return ObjectKey(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"])


def version_of(obj: Object) -> int:
    """The resourceVersion as a number, which Kubernetes promises to be comparable within a resource.

    Source: KEP-5504 (comparable resource versions); etcd's revisions have behaved so since the beginning.
    """
    version = obj.get("metadata", {}).get("resourceVersion", "0")
    return int(version) if version.isdigit() else 0


class Store:
    """Newest version wins, whoever brings it: a watch, a list, or the answer to a write of our own.

    Events may therefore be lost, doubled and reordered: a removal leaves a tombstone with the version at which
    the object went, so that a late older event does not bring it back.
    """

    def __init__(self, now: Callable[[], float], keep_tombstones: float = 900.0) -> None:
        """`now` is a monotonic clock in seconds; tombstones are kept for `keep_tombstones` seconds."""
        self._now = now
        self._keep = keep_tombstones
        self._objects: dict[ObjectKey, Object] = {}
        self._names: defaultdict[tuple[str, str], set[ObjectKey]] = defaultdict(set)  # by kind and namespace
        self._labelled: defaultdict[_Index, set[ObjectKey]] = defaultdict(set)
        self._tombstones: dict[str, tuple[int, float]] = {}
        self._horizons: dict[tuple[str, str, str], int] = {}  # by apiVersion, kind, and namespace or "" for all

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: ObjectKey) -> Object | None:
        """The object, or None."""
        return self._objects.get(key)

    def list(self, kind: str, namespace: str = "", labels: Mapping[str, str] | None = None) -> Sequence[Object]:
        """Objects of a kind that carry all `labels`, by name; an empty namespace means all of them."""
        labels = labels or {}
        found = (self._objects[key] for key in self._candidates(kind, namespace, labels))
        wanted = labels.items()
        chosen = [obj for obj in found if wanted <= (obj["metadata"].get("labels") or {}).items()]
        return sorted(chosen, key=lambda obj: (obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))

    def keys(self, kind: str) -> Iterator[ObjectKey]:
        """The keys of all objects of a kind."""
        return iter(self._candidates(kind, "", {}))

    def every(self, kind: str) -> Iterator[Object]:
        """All objects of a kind, in no order."""
        return (self._objects[key] for key in self._candidates(kind, "", {}))

    def put(self, obj: Object) -> bool:
        """Keeps the object unless something newer is known; tells whether it was news."""
        key, version, uid = key_of(obj), version_of(obj), obj["metadata"].get("uid", "")
        if version <= self._tombstones.get(uid, (-1, 0.0))[0]:
            return False
        known = self._objects.get(key)
        if version <= (self._horizon(key) if known is None else version_of(known)):
            return False
        if known is not None:
            self._unindex(key, known)
        kept = pruned(obj)
        self._objects[key] = kept
        self._index(key, kept)
        return True

    def remove(self, obj: Object) -> bool:
        """Forgets the object at the version given; tells whether it was known."""
        return self.drop(key_of(obj), obj["metadata"].get("uid", ""), version_of(obj))

    def drop(self, key: ObjectKey, uid: str, version: int) -> bool:
        """Forgets the object of this uid, which went at `version` (0: at the version last seen)."""
        known = self._objects.get(key)
        is_same = known is not None and known["metadata"].get("uid", "") == uid
        if is_same and known is not None:
            version = max(version, version_of(known))
            self._unindex(key, known)
            del self._objects[key]
        self._tombstones[uid] = (max(version, self._tombstones.get(uid, (0, 0.0))[0]), self._now())
        return is_same

    def listed(
        self, api_version: str, kind: str, namespace: str, present: Container[ObjectKey], version: int
    ) -> Sequence[Object]:
        """A whole LIST at `version` was put: what is older and not in it is gone, and is returned.

        From now on an unknown object that is not newer than the LIST is an echo of something deleted.
        """
        gone = []
        for known in self.list(kind, namespace):
            key = key_of(known)
            if key.api_version == api_version and key not in present and version_of(known) <= version:
                self.drop(key, known["metadata"].get("uid", ""), version)
                gone.append(known)
        scope = (api_version, kind, namespace)
        self._horizons[scope] = max(version, self._horizons.get(scope, 0))
        return gone

    def purge_tombstones(self) -> None:
        """Forgets tombstones so old that no event of their object can still be on its way."""
        limit = self._now() - self._keep
        self._tombstones = {uid: stone for uid, stone in self._tombstones.items() if stone[1] >= limit}

    def _horizon(self, key: ObjectKey) -> int:
        scopes = ((key.api_version, key.kind, ""), (key.api_version, key.kind, key.namespace))
        return max(self._horizons.get(scope, -1) for scope in scopes)

    def _candidates(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Iterable[ObjectKey]:
        if namespace:
            for label in INDEXED:
                if label in labels:
                    return self._labelled.get((kind, namespace, label, labels[label]), ())
            return self._names.get((kind, namespace), ())
        return [key for (name, _), keys in self._names.items() if name == kind for key in keys]

    def _index(self, key: ObjectKey, obj: Object) -> None:
        self._names[key.kind, key.namespace].add(key)
        for entry in _entries(key, obj):
            self._labelled[entry].add(key)

    def _unindex(self, key: ObjectKey, obj: Object) -> None:
        self._names[key.kind, key.namespace].discard(key)
        for entry in _entries(key, obj):
            self._labelled[entry].discard(key)
            if not self._labelled[entry]:
                del self._labelled[entry]


def _entries(key: ObjectKey, obj: Object) -> Iterator[_Index]:
    labels = obj["metadata"].get("labels") or {}
    for label in INDEXED:
        if label in labels:
            yield key.kind, key.namespace, label, labels[label]
