"""Acting: idempotent, fenced, silent when there is nothing to change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from slipway.core.plan import Action, Apply, Archive, Create, Delete, ObjectKey, SetFinalizers, SetOwners, Unavailable
from slipway.runtime.errors import Conflict, Forbidden, Refused
from slipway.runtime.executor import Executor
from slipway.runtime.feed import Feed
from slipway.runtime.kinds import WATCHED
from slipway.runtime.queue import WorkQueue
from slipway.runtime.store import Store, key_of

from tests.unit.runtime.fakes import ROLLOUT, Clock, FakeApi, failing, make

ROUTE = make(
    "HTTPRoute", "fraud", "gateway.networking.k8s.io/v1", metadata={"labels": {"slipway.dev/rollout": "fraud"}}
)
SECRET = make("ServiceAccount", "sa", "v1")
JOB = make("Job", "j", "batch/v1", metadata={"labels": {"slipway.dev/rollout": "fraud"}})


class Bench:
    """An executor on a fake API server."""

    def __init__(self) -> None:
        self.api, self.store = FakeApi(), Store(Clock().monotonic)
        self.queue = WorkQueue(Clock().monotonic)
        self.executor = Executor(self.api, self.store, Feed(self.store, self.queue, ["ModelRollout"]), WATCHED)

    def run(self, *actions: Action) -> dict[tuple[ObjectKey, str], str]:
        return asyncio.run(self.executor.run(actions))

    def known(self, obj: dict[str, Any]) -> dict[str, Any]:
        seeded = self.api.seed(obj)
        self.store.put(seeded)
        return seeded


def route(weight: int) -> dict[str, Any]:
    return {**ROUTE, "spec": {"weight": weight}}


def test_the_answer_is_kept_before_any_event_comes() -> None:
    bench = Bench()
    bench.run(Apply(route(5)))
    found = bench.store.get(key_of(ROUTE))
    assert found is not None
    assert found["spec"] == {"weight": 5}
    assert bench.queue.poll() == ROLLOUT


@pytest.mark.parametrize("manifest", [route(5), SECRET])
def test_steady_state_writes_nothing(manifest: dict[str, Any]) -> None:
    bench = Bench()
    for _ in range(3):
        bench.run(Apply(manifest))
    assert len(bench.api.writes) == 1


def test_a_change_by_hand_is_put_back() -> None:
    bench = Bench()
    bench.run(Apply(route(5)))
    live = bench.api.objects[key_of(ROUTE)]
    bench.store.put(bench.api.seed({**live, "spec": {"weight": 90}}))
    bench.run(Apply(route(5)))
    assert bench.api.objects[key_of(ROUTE)]["spec"] == {"weight": 5}


def test_a_change_of_status_alone_causes_no_write() -> None:
    bench = Bench()
    bench.run(Apply(route(5)))
    bench.store.put(bench.api.seed({**bench.api.objects[key_of(ROUTE)], "status": {"parents": []}}))
    bench.run(Apply(route(5)))
    assert len(bench.api.writes) == 1


def test_what_was_deleted_is_applied_again() -> None:
    bench = Bench()
    bench.run(Apply(route(5)))
    bench.store.remove(bench.api.objects.pop(key_of(ROUTE)))
    bench.run(Apply(route(5)))
    assert key_of(ROUTE) in bench.api.objects


def test_a_stale_version_is_refused_and_the_object_read_anew() -> None:
    bench = Bench()
    old = bench.known(route(5))
    newer = bench.api.seed(route(50))
    with pytest.raises(Conflict):
        bench.run(Apply(route(0), old["metadata"]["resourceVersion"]))
    assert bench.store.get(key_of(ROUTE)) == newer


def test_create_leaves_what_exists() -> None:
    bench = Bench()
    bench.api.seed({**JOB, "spec": {"mine": True}})
    bench.run(Create(JOB))
    assert bench.api.objects[key_of(JOB)]["spec"] == {"mine": True}
    assert bench.store.get(key_of(JOB)) is not None
    bench.run(Create(JOB))
    assert len(bench.api.writes) == 1


def test_delete_spares_another_object_of_the_same_name() -> None:
    bench = Bench()
    bench.known(JOB)
    bench.run(Delete(key_of(JOB), "uid-of-the-one-before"))
    assert key_of(JOB) in bench.api.objects


def test_delete_of_what_is_gone_is_done() -> None:
    bench = Bench()
    bench.known(JOB)
    uid = JOB["metadata"]["uid"]
    bench.run(Delete(key_of(JOB), uid))
    assert bench.store.get(key_of(JOB)) is None
    bench.run(Delete(key_of(JOB), uid))


def test_delete_that_waits_for_a_finalizer_is_seen_as_such() -> None:
    bench = Bench()
    obj = bench.known({**JOB, "metadata": {**JOB["metadata"], "finalizers": ["slipway.dev/traffic"]}})
    bench.run(Delete(key_of(JOB), obj["metadata"]["uid"]))
    found = bench.store.get(key_of(JOB))
    assert found is not None
    assert "deletionTimestamp" in found["metadata"]


def test_finalizers_are_fenced_and_their_version_is_handed_on() -> None:
    bench = Bench()
    rollout = bench.known(make("ModelRollout", "fraud"))
    version = rollout["metadata"]["resourceVersion"]
    followed = bench.run(SetFinalizers(ROLLOUT, version, ("slipway.dev/traffic",)))
    assert followed == {(ROLLOUT, version): bench.api.objects[ROLLOUT]["metadata"]["resourceVersion"]}
    with pytest.raises(Conflict):
        bench.run(SetFinalizers(ROLLOUT, version, ()))


def test_the_first_failure_stops_the_rest() -> None:
    bench = Bench()
    bench.api.fault = failing(Forbidden("no"), "apply")
    with pytest.raises(Forbidden):
        bench.run(Apply(route(5)), Create(JOB))
    assert key_of(JOB) not in bench.api.objects


ENTRY = make("ConfigMap", "entry", "v1", data={"entry.json": "{}"})


class Tags:
    """MLflow's answers."""

    def __init__(self, answer: Unavailable | None = None) -> None:
        self.answer, self.found = answer, dict[str, dict[str, str]]()

    async def tag_run(self, run: str, tags: Mapping[str, str]) -> Unavailable | None:
        self.found.setdefault(run, {}).update(tags)
        return self.answer


def test_what_is_not_watched_is_made_once_and_not_read_back() -> None:
    bench = Bench()
    bench.api.fault = failing(Forbidden("no reading"), "get")
    bench.run(Create(ENTRY))
    bench.run(Create(ENTRY))
    assert list(bench.api.objects) == [key_of(ENTRY)]


def test_owners_are_replaced_and_what_is_gone_has_none() -> None:
    bench = Bench()
    bench.run(SetOwners(key_of(ENTRY), ({"name": "fraud"},)))
    bench.api.seed(ENTRY)
    bench.run(SetOwners(key_of(ENTRY), ({"name": "fraud"},)))
    assert bench.api.objects[key_of(ENTRY)]["metadata"]["ownerReferences"] == [{"name": "fraud"}]


def test_a_name_that_is_never_made_twice_needs_no_uid() -> None:
    bench = Bench()
    bench.api.seed(ENTRY)
    bench.run(Delete(key_of(ENTRY), ""))
    assert bench.api.objects == {}


@pytest.mark.parametrize("answer", [None, Unavailable("MLflowUnavailable", "away")])
def test_an_archive_holds_the_text_and_its_failure_stops_nothing(answer: Unavailable | None) -> None:
    bench = Bench()
    tags = bench.executor._tagger = Tags(answer)
    bench.run(Archive(key_of(ENTRY), "entry.json", "0f3c", "slipway.ledger.u.000001."), Create(JOB))
    assert tags.found == {}, "what cannot be read is not archived"
    bench.api.seed(ENTRY)
    bench.run(Archive(key_of(ENTRY), "entry.json", "0f3c", "slipway.ledger.u.000001."), Create(JOB))
    assert tags.found == {"0f3c": {"slipway.ledger.u.000001.00": "{}"}}
    assert key_of(JOB) in bench.api.objects


def test_an_object_of_somebody_else_in_the_way_of_a_create_is_told() -> None:
    """A watch by label never shows it: its maker would wait for ever for what it made."""
    bench, ours = Bench(), {"app.kubernetes.io/managed-by": "slipway"}
    bench.api.seed(JOB)
    for _ in range(2):
        with pytest.raises(Refused, match=r"without the label app\.kubernetes\.io/managed-by=slipway"):
            bench.run(Create(make("Job", "j", "batch/v1", metadata={"labels": ours})))
    assert bench.store.get(key_of(JOB)) is None
    bench.api.seed(make("Job", "k", "batch/v1", metadata={"labels": ours}))
    bench.run(Create(make("Job", "k", "batch/v1", metadata={"labels": ours})))
