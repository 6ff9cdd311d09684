"""Carries out the actions of a plan: each idempotent, in order, stopping at the first failure."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from slipway.core.ledger.archive import tags
from slipway.core.plan import (
    Action,
    Apply,
    Archive,
    Create,
    Delete,
    Deliver,
    ObjectKey,
    SetFinalizers,
    SetOwners,
    Unavailable,
)
from slipway.runtime.errors import AlreadyExists, ApiError, Conflict, Gone, Refused
from slipway.runtime.feed import Feed
from slipway.runtime.kinds import Kind, pruned
from slipway.runtime.store import Store, key_of

Object = Mapping[str, Any]
log = logging.getLogger(__name__)
_MEMORY = 20_000


@dataclass(frozen=True)
class Fence:
    """The one object, at the one version, upon which a write may fall."""

    uid: str
    resource_version: str


class Api(Protocol):
    """What the executor needs of the API server."""

    async def get(self, key: ObjectKey) -> Object: ...
    async def apply(self, manifest: Object, key: ObjectKey, fence: Fence | None) -> Object: ...
    async def create(self, manifest: Object, key: ObjectKey) -> Object: ...
    async def delete(self, key: ObjectKey, uid: str, propagation: str) -> Object: ...
    async def set_finalizers(self, key: ObjectKey, resource_version: str, finalizers: Sequence[str]) -> Object: ...
    async def set_owners(self, key: ObjectKey, owners: Sequence[Object]) -> Object: ...


class Tagger(Protocol):
    """What the executor needs of MLflow."""

    async def tag_run(self, run: str, tags: Mapping[str, str]) -> Unavailable | None: ...


class Takes(Protocol):
    """What the executor needs of whoever sends announcements."""

    def take(self, delivery: Deliver) -> None: ...


def fingerprint(value: Any) -> bytes:
    """A short digest of a JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


class Executor:
    """Acts, and keeps what the API server answered, so that the next decision never reads an older world.

    An Apply is sent only if it may change something: when neither the manifest nor the live object differ from
    what the last apply of it answered, nothing is written. After a restart each manifest is applied once.
    """

    def __init__(
        self,
        api: Api,
        store: Store,
        feed: Feed,
        kinds: Iterable[Kind],
        tagger: Tagger | None = None,
        courier: Takes | None = None,
    ) -> None:
        """`kinds` are watched; answers about others are not kept. Without a `tagger` nothing is archived, without a
        `courier` nobody is told."""
        self._tagger, self._courier = tagger, courier
        self._watched = {(each.api_version, each.kind): each.selector for each in kinds}
        self._api = api
        self._store = store
        self._feed = feed
        self._applied: dict[ObjectKey, tuple[bytes, bytes]] = {}

    async def run(self, actions: Sequence[Action]) -> dict[tuple[ObjectKey, str], str]:
        """Raises `ApiError` at the first failure.

        Returns, for each fenced write, which version followed on which: nothing but our own change lies between.
        """
        followed: dict[tuple[ObjectKey, str], str] = {}
        for action in actions:
            match action:
                case Apply():
                    await self._apply(action)
                case Create():
                    await self._create(action)
                case Delete():
                    await self._delete(action)
                case SetFinalizers():
                    await self._set_finalizers(action, followed)
                case SetOwners():
                    await self._set_owners(action)
                case Archive():
                    await self._archive(action)
                case Deliver():
                    self._deliver(action)
        return followed

    async def refresh(self, key: ObjectKey) -> None:
        """Reads a watched object anew, past the watch that may lag."""
        try:
            self._learn(await self._api.get(key))
        except Gone:
            self._feed.vanished(key)

    async def _apply(self, action: Apply) -> None:
        key, wanted = key_of(action.manifest), fingerprint(action.manifest)
        remembered = self._applied.get(key)
        if remembered is not None and remembered[0] == wanted and await self._state(key) == remembered[1]:
            return
        try:
            answer = await self._api.apply(action.manifest, key, self._fence(key, action.resource_version))
        except Conflict:
            await self.refresh(key)
            raise
        self._learn(answer)
        if len(self._applied) >= _MEMORY:
            self._applied.clear()  # it only saves requests
        self._applied[key] = (wanted, _state_of(answer))

    def _fence(self, key: ObjectKey, version: str | None) -> Fence | None:
        if version is None:
            return None
        live = self._store.get(key)
        if live is None or live["metadata"].get("resourceVersion") != version:
            raise Conflict("the object changed after it was read", key)
        return Fence(live["metadata"].get("uid", ""), version)

    async def _state(self, key: ObjectKey) -> bytes:
        live = self._store.get(key)
        if live is None:  # not watched, or gone: reading is no write
            try:
                live = await self._api.get(key)
            except Gone:
                return b""
        return _state_of(live)

    async def _create(self, action: Create) -> None:
        key = key_of(action.manifest)
        if self._store.get(key) is not None:
            return
        try:
            self._learn(await self._api.create(action.manifest, key))
        except AlreadyExists:
            if (key.api_version, key.kind) in self._watched:
                await self._taken(key, action.manifest)

    async def _taken(self, key: ObjectKey, manifest: Object) -> None:
        """Learns what has the name already. What a watch by label does not show would be waited for without end."""
        selector = self._watched[key.api_version, key.kind]
        try:
            live = await self._api.get(key)
        except Gone:
            self._feed.vanished(key)
            return
        if selector and _carries(manifest, selector) and not _carries(live, selector):
            message = (
                f"an object of that name exists without the label {selector}, so that it is not seen: delete it, or "
                "give the label back if the operator has made it"
            )
            raise Refused(message, key)
        self._learn(live)

    async def _delete(self, action: Delete) -> None:
        try:
            answer = await self._api.delete(action.key, action.uid, action.propagation)
        except Gone:
            self._feed.vanished(action.key)
        except Conflict:  # another object of that name lives there now
            await self.refresh(action.key)
        else:
            if answer.get("kind") == "Status":
                self._feed.vanished(action.key)
            else:
                await self.refresh(action.key)  # it may wait for finalizers, or be gone

    async def _set_finalizers(self, action: SetFinalizers, followed: dict[tuple[ObjectKey, str], str]) -> None:
        try:
            answer = await self._api.set_finalizers(action.key, action.resource_version, action.finalizers)
        except Gone:
            self._feed.vanished(action.key)
            return
        except Conflict:
            await self.refresh(action.key)
            raise
        self._learn(answer)
        followed[action.key, action.resource_version] = answer["metadata"]["resourceVersion"]

    async def _set_owners(self, action: SetOwners) -> None:
        try:
            self._learn(await self._api.set_owners(action.key, action.owners))
        except Gone:
            self._feed.vanished(action.key)

    async def _archive(self, action: Archive) -> None:
        """What fails here is seen by the next decision, which finds no tags; it must not stop this one."""
        if self._tagger is None:
            return
        try:
            text = str((await self._api.get(action.key)).get("data", {}).get(action.entry, ""))
        except ApiError as error:
            log.warning("%s could not be read to be archived: %s", action.key.name, error)
            return
        failed = await self._tagger.tag_run(action.run, tags(action.prefix, text))
        if failed is not None:
            log.warning("%s could not be archived: %s", action.key.name, failed.message)

    def _deliver(self, action: Deliver) -> None:
        if self._courier is not None:
            self._courier.take(action)

    def _learn(self, obj: Object) -> None:
        if (obj["apiVersion"], obj["kind"]) in self._watched:
            self._feed.seen(obj)


def _carries(obj: Object, selector: str) -> bool:
    """Whether an object has the one label of a selector."""
    name, _, value = selector.partition("=")
    return (obj["metadata"].get("labels") or {}).get(name) == value


def _state_of(obj: Object) -> bytes:
    """All of a live object that an apply could change: not its status, versions and managed fields."""
    obj = pruned(obj)
    metadata = {key: obj["metadata"].get(key) for key in ("uid", "labels", "annotations", "finalizers")}
    owners = obj["metadata"].get("ownerReferences")
    rest = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    return fingerprint([metadata, owners, rest])
