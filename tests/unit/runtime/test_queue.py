"""The work queue: serial by key, coalescing, fair, patient."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st
from slipway.core.plan import ObjectKey
from slipway.runtime.queue import WorkQueue, backoff

from tests.unit.runtime.fakes import Clock


def key(name: str) -> ObjectKey:
    return ObjectKey("v", "K", "n", name)


def taken(queue: WorkQueue) -> ObjectKey | None:
    """What a worker would get now, or None."""
    return queue.poll()


def new(clock: Clock, gap: float = 0.0) -> WorkQueue:
    return WorkQueue(clock.monotonic, gap=gap, rng=random.Random(1))


def test_doubled_keys_come_once() -> None:
    queue = new(Clock())
    for _ in range(5):
        queue.add(key("a"))
    assert len(queue) == 1
    assert taken(queue) == key("a")
    assert taken(queue) is None


def test_a_key_in_work_is_not_handed_out_again_before_it_is_done() -> None:
    queue = new(Clock())
    queue.add(key("a"))
    assert taken(queue) == key("a")
    queue.add(key("a"))
    assert taken(queue) is None
    queue.done(key("a"))
    assert taken(queue) == key("a")


def test_first_come_first_served() -> None:
    queue = new(Clock())
    for name in "abc":
        queue.add(key(name))
    assert taken(queue) == key("a")
    queue.add(key("a"))  # the busy one goes to the end
    queue.done(key("a"))
    assert [taken(queue), taken(queue), taken(queue)] == [key("b"), key("c"), key("a")]


def test_timers_fire_in_time_and_the_earlier_wins() -> None:
    clock = Clock()
    queue = new(clock)
    queue.add_after(key("a"), 10)
    queue.add_after(key("a"), 5)
    queue.add_after(key("a"), 20)
    assert taken(queue) is None
    clock.seconds += 5
    assert taken(queue) == key("a")
    queue.done(key("a"))
    clock.seconds += 100
    assert taken(queue) is None, "the later timers were superseded"


def test_a_run_answers_the_timer_that_waited() -> None:
    clock = Clock()
    queue = new(clock)
    queue.add_after(key("a"), 5)
    queue.add(key("a"))
    assert taken(queue) == key("a")
    queue.done(key("a"))
    clock.seconds += 100
    assert taken(queue) is None


def test_a_burst_becomes_one_run_in_each_gap() -> None:
    clock = Clock()
    queue = new(clock, gap=1.0)
    queue.add(key("a"))
    assert taken(queue) == key("a")
    queue.done(key("a"))
    queue.add(key("a"))
    assert taken(queue) is None
    clock.seconds += 1.0
    assert taken(queue) == key("a")


def test_retries_grow_and_are_forgotten_on_success() -> None:
    clock = Clock()
    queue = new(clock)
    delays = [queue.retry(key("a")) for _ in range(30)]
    assert delays[0] <= 0.25
    assert max(delays) <= 120.0
    assert all(delay >= 60.0 for delay in delays[12:])
    queue.succeeded(key("a"))
    assert queue.retry(key("a")) <= 0.25


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_backoff_stays_within_half_and_full(failures: int, jitter: float) -> None:
    full = min(120.0, 0.25 * 2.0 ** min(failures - 1, 30))
    assert full / 2 <= backoff(failures, jitter) <= full


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["add", "after", "work", "done", "wait"]))))
def test_nothing_is_lost_and_nothing_is_handled_twice_at_once(steps: list[tuple[str, str]]) -> None:
    clock = Clock()
    queue = new(clock)
    active: set[ObjectKey] = set()
    owed: set[ObjectKey] = set()
    for name, step in steps:
        if step in ("add", "after"):
            queue.add_after(key(name), 0 if step == "add" else 3)
            owed.add(key(name))
        elif step == "wait":
            clock.seconds += 3
        elif step == "work" and (got := queue.poll()) is not None:
            assert got not in active
            active.add(got)
            owed.discard(got)
        elif step == "done" and key(name) in active:
            active.discard(key(name))
            queue.done(key(name))
    for each in active:
        queue.done(each)
    clock.seconds += 100
    rest = set()
    while (got := queue.poll()) is not None:
        rest.add(got)
        queue.done(got)
    assert owed <= rest


def test_a_sleeping_worker_wakes_up() -> None:
    async def play() -> tuple[ObjectKey, ObjectKey]:
        queue = WorkQueue(asyncio.get_running_loop().time)
        asyncio.get_running_loop().call_later(0.01, queue.add, key("a"))
        queue.add_after(key("b"), 0.05)
        return await queue.get(), await queue.get()

    assert asyncio.run(play()) == (key("a"), key("b"))
