"""Everything that is learnt about the cluster goes through here: into the store, and on to the queue."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from slipway.core.plan import ObjectKey
from slipway.runtime.kinds import Kind
from slipway.runtime.mapping import affected
from slipway.runtime.queue import WorkQueue
from slipway.runtime.store import Store, key_of

Object = Mapping[str, Any]


class Feed:
    """Level-triggered: an event only says that something changed; what it is stands in the store."""

    def __init__(self, store: Store, queue: WorkQueue, deciding: Iterable[str]) -> None:
        """`deciding` are the kinds that have a controller; other keys are not queued."""
        self._store = store
        self._queue = queue
        self._deciding = frozenset(deciding)

    def seen(self, obj: Object) -> None:
        """The object as a watch, a list, or the answer to a write shows it."""
        before = self._store.get(key_of(obj))
        if self._store.put(obj):
            self._enqueue(obj if before is None else before, obj)

    def gone(self, obj: Object) -> None:
        """The object was deleted; `obj` is its last state."""
        if self._store.remove(obj):
            self._enqueue(obj)

    def vanished(self, key: ObjectKey) -> None:
        """The API server says that there is no such object."""
        known = self._store.get(key)
        if known is not None:
            self._store.drop(key, known["metadata"].get("uid", ""), 0)
            self._enqueue(known)

    def listed(self, kind: Kind, namespace: str, present: Container[ObjectKey], version: int) -> None:
        """The end of a LIST at `version`: what is older and not in it was deleted while nobody looked."""
        for known in self._store.listed(kind.api_version, kind.kind, namespace, present, version):
            self._enqueue(known)

    def enqueue_all(self) -> None:
        """Every object that has a controller is decided anew: at the start of leadership and at a resync."""
        for kind in sorted(self._deciding):
            for key in self._store.keys(kind):
                self._queue.add(key)

    def _enqueue(self, *states: Object) -> None:
        for key in {key for state in states for key in affected(state, self._store)}:
            if key.kind in self._deciding:
                self._queue.add(key)
