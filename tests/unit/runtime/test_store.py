"""The store and the feed: losing, doubling and reordering events changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from slipway.core.plan import ObjectKey
from slipway.runtime.feed import Feed
from slipway.runtime.kinds import API_VERSION, BY_KIND, pruned
from slipway.runtime.queue import WorkQueue
from slipway.runtime.store import Store, key_of

from tests.unit.runtime.fakes import Clock, make

ROLLOUTS = BY_KIND[API_VERSION, "ModelRollout"]
Event = tuple[str, dict[str, Any]]


def at(obj: dict[str, Any], version: int, uid: str = "") -> dict[str, Any]:
    metadata = {**obj["metadata"], "resourceVersion": str(version)}
    return {**obj, "metadata": {**metadata, **({"uid": uid} if uid else {})}}


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Event], dict[ObjectKey, dict[str, Any]]]:
    """What happened to a few objects, in order, and what is there in the end."""
    live: dict[ObjectKey, dict[str, Any]] = {}
    events: list[Event] = []
    version = 0
    for name in draw(st.lists(st.sampled_from("abc"), max_size=12)):
        version += 1
        key = ObjectKey(API_VERSION, "ModelRollout", "team", name)
        if key in live and draw(st.booleans()):
            events.append(("DELETED", at(live.pop(key), version)))
            continue
        uid = live[key]["metadata"]["uid"] if key in live else f"{name}{version}"
        live[key] = at(make("ModelRollout", name, spec={"step": version}), version, uid)
        events.append(("MODIFIED", live[key]))
    return events, live


def play(events: Sequence[Event]) -> Store:
    store = Store(Clock().monotonic)
    for kind, obj in events:
        if kind == "DELETED":
            store.remove(obj)
        else:
            store.put(obj)
    return store


def contents(store: Store) -> dict[ObjectKey, dict[str, Any]]:
    return {key_of(obj): dict(obj) for obj in store.list("ModelRollout", "team")}


@given(histories(), st.data())
def test_doubled_and_reordered_events_end_in_the_same_store(
    history: tuple[list[Event], dict[ObjectKey, dict[str, Any]]], data: st.DataObject
) -> None:
    events, live = history
    doubled = events + (data.draw(st.lists(st.sampled_from(events))) if events else [])
    assert contents(play(data.draw(st.permutations(doubled)))) == live


@given(histories(), st.data())
def test_lost_events_are_healed_by_a_list(
    history: tuple[list[Event], dict[ObjectKey, dict[str, Any]]], data: st.DataObject
) -> None:
    events, live = history
    arrived = [event for event in events if data.draw(st.booleans())]
    late = [event for event in events if data.draw(st.booleans())]
    store = play(arrived)
    feed = Feed(store, WorkQueue(Clock().monotonic), ["ModelRollout"])
    for obj in live.values():
        feed.seen(obj)
    feed.listed(ROLLOUTS, "", set(live), len(events))
    for kind, obj in late:  # events older than the list, still on their way
        feed.gone(obj) if kind == "DELETED" else feed.seen(obj)
    assert contents(store) == live


@given(histories(), st.data())
def test_every_change_reaches_the_queue(
    history: tuple[list[Event], dict[ObjectKey, dict[str, Any]]], data: st.DataObject
) -> None:
    events, _ = history
    queue = WorkQueue(Clock().monotonic)
    feed = Feed(Store(Clock().monotonic), queue, ["ModelRollout"])
    for kind, obj in data.draw(st.permutations(events)):
        feed.gone(obj) if kind == "DELETED" else feed.seen(obj)
    assert len(queue) >= len(
        {key_of(obj) for kind, obj in events if kind != "DELETED"}
        - {key_of(obj) for kind, obj in events if kind == "DELETED"}
    )


def test_the_answer_to_our_own_write_is_not_undone_by_the_watch() -> None:
    store = Store(Clock().monotonic)
    rollout = make("ModelRollout", "fraud")
    store.put(at(rollout, 1))
    assert store.put({**at(rollout, 5), "status": {"step": 2}})
    assert not store.put({**at(rollout, 3), "status": {"step": 1}})
    found = store.get(key_of(rollout))
    assert found is not None
    assert found["status"] == {"step": 2}


def test_tombstones_are_dropped_in_time() -> None:
    clock = Clock()
    store = Store(clock.monotonic, keep_tombstones=10)
    store.put(at(make("ModelRollout", "a"), 1))
    store.remove(at(make("ModelRollout", "a"), 2))
    store.purge_tombstones()
    assert not store.put(at(make("ModelRollout", "a"), 1))
    clock.seconds += 11
    store.purge_tombstones()
    assert store.put(at(make("ModelRollout", "a"), 1))


def test_lists_by_label_and_namespace() -> None:
    store = Store(Clock().monotonic)
    labels = {"slipway.dev/rollout": "fraud", "slipway.dev/revision": "1"}
    store.put(at(make("Pod", "x", "v1", metadata={"labels": labels}), 1))
    store.put(at(make("Pod", "y", "v1", metadata={"labels": {**labels, "slipway.dev/revision": "2"}}), 2))
    store.put(at(make("Pod", "z", "v1", "other", metadata={"labels": labels}), 3))
    names = [each["metadata"]["name"] for each in store.list("Pod", "team", {"slipway.dev/rollout": "fraud"})]
    assert names == ["x", "y"]
    assert len(store.list("Pod", "team", {"slipway.dev/revision": "2"})) == 1
    assert len(store.list("Pod", "")) == 3
    store.put(at(make("Pod", "x", "v1", metadata={"labels": {}}), 4))
    assert len(store.list("Pod", "team", {"slipway.dev/rollout": "fraud"})) == 1


def test_what_nobody_reads_is_not_kept() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "…", "kept": "1"}
    metadata = {"managedFields": [{}], "annotations": annotations}
    containers = [{"name": "main", "image": "i", "env": [{"name": "A", "value": "1"}]}]
    pod = make("Pod", "x", "v1", metadata=metadata, spec={"containers": containers, "nodeName": "n", "volumes": [{}]})
    kept = pruned(pod)
    assert "managedFields" not in kept["metadata"]
    assert kept["metadata"]["annotations"] == {"kept": "1"}
    assert kept["spec"] == {"nodeName": "n", "containers": [{"name": "main", "image": "i"}]}
    assert pod["metadata"]["managedFields"] == [{}], "the input is not touched"
