"""Windows: only what was known before, and one value whichever side computes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.features.windows import Window, aggregate_at, aggregates

AGGREGATES = ("Count", "Sum", "Mean", "Min", "Max", "Std", "DistinctCount", "Last")


def table(*rows: tuple[int, float, float | None]) -> tuple[Any, Any, Any]:
    """Entity, instant in seconds, value."""
    entity, instant, value = zip(*rows, strict=True)
    return np.array(entity), np.array(instant, float), np.array([np.nan if v is None else v for v in value], float)


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [
        ("Count", [0, 1, 1, 3, 0]), ("Sum", [0, 5, 5, 112, 0]), ("Mean", [None, 5, 5, 112 / 3, None]),
        ("Min", [None, 5, 5, 5, None]), ("Max", [None, 5, 5, 100, None]), ("Last", [None, 5, 5, 100, None]),
        ("Std", [None, 0, 0, np.std([5, 7, 100]), None]), ("DistinctCount", [0, 1, 1, 3, 0]),
    ],
)  # fmt: skip
def test_the_present_event_and_its_twin_do_not_count(aggregate: str, expected: list[float | None]) -> None:
    found = aggregates(Window(aggregate, "x", 100), *table((1, 0, 5), (1, 10, 7), (1, 10, 100), (1, 12, 1), (2, 11, 9)))
    np.testing.assert_allclose(found, [np.nan if value is None else value for value in expected])


def test_the_window_ends_on_its_left_edge_inclusive() -> None:
    found = aggregates(Window("Count", None, 10), *table((1, 0, 1), (1, 1, 1), (1, 11, 1)))
    assert found.tolist() == [0, 1, 1]


events = st.lists(
    st.tuples(st.integers(-1, 3), st.integers(0, 30), st.one_of(st.none(), st.integers(-5, 5))), min_size=1, max_size=40
)


@given(events, st.sampled_from(AGGREGATES), st.integers(1, 20))
def test_training_and_serving_agree_and_the_future_changes_nothing(
    rows: list[tuple[int, float, float | None]], aggregate: str, seconds: int
) -> None:
    entity, instant, value = table(*rows)
    window = Window(aggregate, "x", seconds)
    found = aggregates(window, entity, instant, value)
    for row, (one, at) in enumerate(zip(entity, instant, strict=True)):
        if one < 0:
            continue
        known = (entity == one) & (instant < at)
        served = aggregate_at(window, at, instant[known], value[known])
        np.testing.assert_allclose(found[row], served, atol=1e-9)
        past = instant <= at
        without_future = aggregates(window, entity[past], instant[past], value[past])
        np.testing.assert_allclose(without_future[past[:row].sum()], served, atol=1e-9)
