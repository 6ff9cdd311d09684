"""Which predictions are made in the event loop, and when that ends."""

from __future__ import annotations

import time

from slipway_serving.service.pace import Pace, pace_of, shortest


def test_only_quick_models_with_few_rows_predict_at_once() -> None:
    assert Pace(0.0001).at_once(1)
    assert not Pace(0.0001).at_once(1000)
    assert not Pace(0.01).at_once(1)


def test_a_model_that_is_slow_once_is_handed_over_for_a_while_and_longer_each_time() -> None:
    pace = Pace(0.0001)
    pace.took(0.001)
    assert pace.at_once(1)
    for spell in (1000, 2000):
        pace.took(1.0)
        assert [pace.at_once(1) for _ in range(spell + 1)] == [False] * spell + [True]


def test_a_slow_model_is_tried_once() -> None:
    calls: list[float] = []

    def predict() -> None:
        calls.append(1)
        time.sleep(0.02)

    assert shortest(predict) >= 0.02
    assert len(calls) == 1
    calls.clear()
    assert shortest(lambda: calls.append(1)) < 0.01
    assert len(calls) == 5


def test_a_model_that_fails_now_and_then_starts_all_the_same_and_is_handed_over() -> None:
    answers = iter((1, 2))
    assert not pace_of(lambda: next(answers)).at_once(1)  # StopIteration at the third
    assert pace_of(lambda: 1).at_once(1)
