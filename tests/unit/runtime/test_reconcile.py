"""Reconciler, status, notices and dispatcher together, over a fake API server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from slipway.core.plan import Apply, Notice, ObjectKey, Plan, SetFinalizers
from slipway.runtime.dispatcher import PATIENCE, Dispatcher
from slipway.runtime.errors import Conflict, Forbidden, Unreachable
from slipway.runtime.executor import Executor
from slipway.runtime.feed import Feed
from slipway.runtime.kinds import WATCHED
from slipway.runtime.live import LiveWorld
from slipway.runtime.notices import Notices
from slipway.runtime.queue import WorkQueue
from slipway.runtime.reconciler import Reconciler
from slipway.runtime.status import StatusWriter
from slipway.runtime.store import Store
from slipway.runtime.world import Object, Settings, World

from tests.unit.runtime.fakes import ROLLOUT, Clock, FakeApi, failing, make

ROUTE = make("HTTPRoute", "fraud", "gateway.networking.k8s.io/v1")


class Script:
    """A controller that does as told."""

    kind = "ModelRollout"

    def __init__(self, decide: Callable[[Object], Plan]) -> None:
        self._decide = decide

    async def observe(self, obj: Object, world: World, now: datetime) -> Object:
        return obj

    def decide(self, snapshot: Object, now: datetime) -> Plan:
        return self._decide(snapshot)


class Bench:
    """One rollout, one controller."""

    def __init__(self, decide: Callable[[Object], Plan], **parts: Any) -> None:
        self.api, self.clock = FakeApi(), Clock()
        self.store = Store(self.clock.monotonic)
        self.queue = WorkQueue(self.clock.monotonic, gap=0.0)
        feed = Feed(self.store, self.queue, ["ModelRollout"])
        status = StatusWriter(self.api, feed)
        world = LiveWorld(Settings(), self.store, None, None, None, None, None)  # type: ignore[arg-type]
        executor = Executor(self.api, self.store, feed, WATCHED)
        self.notices = Notices(self.api, self.clock.monotonic, "here")
        reconciler = Reconciler({"ModelRollout": Script(decide)}, world, self.clock, executor, status, self.notices)
        self.dispatcher = Dispatcher(self.queue, reconciler, status, self.store, self.clock, jitter=lambda: 0.5)
        self.store.put(self.api.seed(make("ModelRollout", "fraud", **parts)))

    def handle(self, times: int = 1) -> None:
        for _ in range(times):
            asyncio.run(self.dispatcher.handle(ROLLOUT))

    @property
    def status(self) -> Any:
        return self.api.objects[ROLLOUT].get("status")

    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.api.writes]


def test_status_is_replaced_as_a_whole_and_only_when_it_differs() -> None:
    bench = Bench(lambda _: Plan(status={"stage": {"name": "canary"}, "gates": ({"name": "p99"},)}), status={"old": 1})
    bench.handle(3)
    assert bench.status == {"stage": {"name": "canary"}, "gates": [{"name": "p99"}]}
    assert bench.verbs() == ["status"]


def test_none_leaves_the_status() -> None:
    bench = Bench(lambda _: Plan(), status={"kept": 1})
    bench.handle()
    assert bench.api.writes == []


def test_the_next_decision_never_sees_the_status_before_the_one_written() -> None:
    seen: list[int] = []

    def climb(obj: Object) -> Plan:
        step = int((obj.get("status") or {}).get("step", 0))
        seen.append(step)
        return Plan(status={"step": step + 1}, requeue_after=0)

    bench = Bench(climb)
    bench.handle(5)  # without a single watch event
    assert seen == [0, 1, 2, 3, 4]


def test_a_stale_cache_conflicts_and_is_read_anew() -> None:
    bench = Bench(lambda obj: Plan(status={"step": (obj.get("status") or {}).get("step", 0) + 1}))
    bench.api.seed({**bench.api.objects[ROLLOUT], "status": {"step": 7}})  # another leader's, unseen here
    bench.handle()
    assert bench.status == {"step": 7}
    bench.handle()
    assert bench.status == {"step": 8}


def test_the_status_follows_our_own_finalizer_without_a_conflict() -> None:
    def decide(obj: Object) -> Plan:
        version = obj["metadata"]["resourceVersion"]
        missing = not obj["metadata"].get("finalizers")
        actions = (SetFinalizers(ROLLOUT, version, ("slipway.dev/traffic",)),) if missing else ()
        return Plan(actions, status={"ready": True})

    bench = Bench(decide)
    bench.handle()
    assert bench.verbs() == ["finalizers", "status"]
    assert bench.status == {"ready": True}


def test_what_the_api_server_prunes_is_not_written_for_ever() -> None:
    bench = Bench(lambda _: Plan(status={"kept": 1, "unknown": 2}))
    replace = bench.api.replace_status

    async def pruning(key: ObjectKey, version: str, status: Object) -> Object:
        return await replace(key, version, {name: each for name, each in status.items() if name != "unknown"})

    bench.api.replace_status = pruning  # type: ignore[method-assign]
    bench.handle(3)
    assert bench.verbs() == ["status"]


def test_a_refusal_is_said_on_the_object_once_and_withdrawn_with_success() -> None:
    others = [{"type": "Ready", "status": "True", "reason": "Serving"}]
    bench = Bench(lambda _: Plan((Apply(ROUTE),)), status={"conditions": others})
    bench.api.fault = failing(Forbidden("routes are not yours", ROLLOUT), "apply")
    bench.handle(3)
    condition = bench.status["conditions"][1]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Stalled", "True", "ApplyRefused")
    assert "routes are not yours" in condition["message"]
    assert bench.verbs().count("status") == 1
    bench.api.fault = lambda verb, key: None
    bench.handle()
    assert bench.status["conditions"] == others


def test_a_failure_that_may_pass_is_said_after_patience() -> None:
    bench = Bench(lambda _: Plan((Apply(ROUTE),)))
    bench.api.fault = failing(Unreachable("HTTP 500: webhook"), "apply")
    bench.handle(PATIENCE)
    assert bench.status is None
    bench.handle()
    assert bench.status["conditions"][0]["reason"] == "ApplyFailing"
    assert bench.status["conditions"][0]["type"] == "Reconciling"


def test_a_fault_of_a_controller_harms_only_its_object() -> None:
    def broken(_: Object) -> Plan:
        raise ZeroDivisionError("by zero")

    bench = Bench(broken)
    bench.handle(PATIENCE + 1)
    assert bench.status["conditions"][0]["reason"] == "InternalError"
    assert bench.queue.poll() == ROLLOUT, "the condition itself was news"
    bench.handle()
    bench.queue.done(ROLLOUT)
    bench.clock.seconds += 120
    assert bench.queue.poll() == ROLLOUT, "and there is a retry"


def test_a_worker_outlives_the_cancellation_of_what_it_waits_for_and_not_its_own() -> None:
    def cancelled(_: Object) -> Plan:
        raise asyncio.CancelledError

    bench = Bench(cancelled)
    bench.handle(PATIENCE + 1)
    assert bench.status["conditions"][0]["reason"] == "InternalError"
    assert bench.queue.failures(ROLLOUT) == PATIENCE + 1

    def stopped(_: Object) -> Plan:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        Bench(stopped).handle()


def test_conflicts_are_no_news_for_people() -> None:
    bench = Bench(lambda _: Plan((Apply(ROUTE),)))
    bench.api.fault = failing(Conflict("changed"), "apply")
    bench.handle(PATIENCE + 5)
    assert bench.status is None


@pytest.mark.parametrize(("wish", "waits"), [(None, 300), (7.0, 7), (9999.0, 300)])
def test_the_next_time_is_the_wish_or_the_resync(wish: float | None, waits: float) -> None:
    bench = Bench(lambda _: Plan(requeue_after=wish))
    bench.handle()
    bench.clock.seconds += waits - 1
    assert bench.queue.poll() is None
    bench.clock.seconds += 1.01
    assert bench.queue.poll() == ROLLOUT


def test_a_deleted_object_is_forgotten() -> None:
    bench = Bench(lambda _: Plan())
    bench.store.remove(bench.api.objects.pop(ROLLOUT))
    bench.handle()
    bench.clock.seconds += 10_000
    assert bench.queue.poll() is None


def test_the_same_words_are_written_once_in_ten_minutes_and_then_with_their_count() -> None:
    bench = Bench(lambda _: Plan(notices=(Notice("Warning", "Breach", "p99 is 120 ms"),)))
    bench.handle(5)
    assert bench.verbs() == ["create"]
    bench.clock.seconds += 601
    bench.handle()
    events = [obj for key, obj in bench.api.objects.items() if key.kind == "Event"]
    assert bench.verbs() == ["create", "create"]
    assert events[-1]["count"] == 5


def test_an_event_that_cannot_be_written_stops_nothing() -> None:
    bench = Bench(lambda _: Plan(status={"done": True}, notices=(Notice("Normal", "A", "b"),)))
    bench.api.fault = failing(Forbidden("no events"), "create")
    bench.handle()
    assert bench.status == {"done": True}
    assert bench.queue.failures(ROLLOUT) == 0
