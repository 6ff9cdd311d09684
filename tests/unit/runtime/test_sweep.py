"""LISTs: priming, healing, kinds that are not there yet."""

from __future__ import annotations

import asyncio

import pytest
from slipway.runtime.errors import KindMissing, Unreachable
from slipway.runtime.feed import Feed
from slipway.runtime.kinds import API_VERSION, BY_KIND
from slipway.runtime.queue import WorkQueue
from slipway.runtime.store import Store
from slipway.runtime.sweep import Sweeper

from tests.unit.runtime.fakes import ROLLOUT, Clock, FakeApi, failing, make

KINDS = (BY_KIND[API_VERSION, "ModelRollout"], BY_KIND["serving.kserve.io/v1beta1", "InferenceService"])


def bench() -> tuple[FakeApi, Store, WorkQueue, Sweeper]:
    api, store = FakeApi(), Store(Clock().monotonic)
    queue = WorkQueue(Clock().monotonic)
    feed = Feed(store, queue, ["ModelRollout"])
    return api, store, queue, Sweeper(api, feed, store, KINDS, (), 300)


def test_a_sweep_primes_and_finds_what_was_deleted_while_nobody_looked() -> None:
    api, store, queue, sweeper = bench()
    api.seed(make("ModelRollout", "fraud"))
    assert not sweeper.primed
    asyncio.run(sweeper.sweep())
    assert sweeper.primed
    assert queue.poll() == ROLLOUT
    queue.done(ROLLOUT)
    del api.objects[ROLLOUT]
    asyncio.run(sweeper.sweep())
    assert store.get(ROLLOUT) is None


def test_a_kind_that_is_not_served_is_no_failure() -> None:
    api, _, _, sweeper = bench()
    missing = failing(KindMissing("no CRD"), "list")
    api.fault = lambda verb, key: missing(verb, key) if key.kind == "InferenceService" else None
    asyncio.run(sweeper.sweep())
    assert sweeper.primed
    assert sweeper.missing == {"InferenceService"}
    api.fault = lambda verb, key: None
    asyncio.run(sweeper.sweep())
    assert sweeper.missing == frozenset()


def test_an_api_server_that_is_away_leaves_it_unprimed() -> None:
    api, _, _, sweeper = bench()
    api.fault = failing(Unreachable("away"), "list")
    with pytest.raises(Unreachable):
        asyncio.run(sweeper.sweep())
    assert not sweeper.primed


def test_an_object_written_after_the_list_stays() -> None:
    api, store, _, sweeper = bench()
    asyncio.run(sweeper.sweep())
    store.put(api.seed(make("ModelRollout", "fraud")))
    assert store.get(ROLLOUT) is not None
