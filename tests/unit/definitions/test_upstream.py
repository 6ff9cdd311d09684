"""Columns of two runs: what has changed is told with its figures, and chance accuses nobody."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.api.v1alpha1.fingerprints import SeenColumn
from slipway.core.definitions.upstream import categories_low, differences, distance_low
from slipway_pipelines.columns import Columns
from slipway_pipelines.inputs import seen_columns
from slipway_pipelines.profile import feature_references

COLUMNS = Columns(("amount",), ("country",), "y", sources={"amount": "paid"}, text=("note",))


def seen(amount: Any, country: Any = "IT") -> dict[str, SeenColumn]:
    """The columns of a table, as a training records them."""
    rows = len(amount)
    country = [country] * rows if isinstance(country, str) else country
    train = pd.DataFrame({"amount": np.asarray(amount, float), "country": country, "note": ["n"] * rows})
    return {one.name: one for one in seen_columns(COLUMNS, train, feature_references(train, COLUMNS))}


def told(before: dict[str, SeenColumn], now: dict[str, SeenColumn]) -> dict[str, str]:
    return differences(tuple(before.values()), tuple(now.values()))


def drawn(seed: int, rows: int = 3000) -> Any:
    return np.random.default_rng(seed).gamma(2, 50, rows)


def test_columns_are_named_as_the_data_names_them() -> None:
    found = seen(drawn(0))
    assert list(found) == ["paid", "country", "note"]
    assert (found["paid"].type, found["note"].type, found["country"].type) == ("Fraction", "Text", "Text")


def test_rows_of_the_same_source_differ_in_nothing() -> None:
    rng = np.random.default_rng(5)
    for seed in range(40):
        one, other = (seen(drawn(seed * 2 + half), rng.choice(["IT", "FR", "US"], 3000)) for half in (0, 1))
        assert told(one, other) == {}


@pytest.mark.parametrize("unit", [0.01, 100.0, -1.0])
def test_another_unit_is_another_distribution_with_both_ranges(unit: float) -> None:
    before, now = drawn(1), drawn(2) * unit
    found = told(seen(before), seen(now))
    assert set(found) == {"paid"}
    assert f"range {before.min()} to {before.max()} -> {now.min()} to {now.max()}" in found["paid"]
    assert "distributions differ by at least" in found["paid"]


def test_a_shift_within_the_range_is_found() -> None:
    assert "distributions differ" in told(seen(drawn(1)), seen(drawn(2) + 60))["paid"]


def test_cents_instead_of_units_are_another_type() -> None:
    assert told(seen(drawn(1)), seen(drawn(2).round()))["paid"] == "type Fraction -> Whole"


def test_a_few_wild_values_are_told_by_the_range() -> None:
    now = drawn(2)
    now[:5] = 1e9
    assert told(seen(drawn(1)), seen(now))["paid"].startswith("range ")


def test_missing_values_are_told_and_a_column_that_is_empty_by_now() -> None:
    now = drawn(2)
    now[:900] = np.nan
    assert told(seen(drawn(1)), seen(now))["paid"] == "missing 0.0% -> 30.0%"
    assert "missing 0.0% -> 100.0%" in told(seen(drawn(1)), seen(np.full(3000, np.nan)))["paid"]


def test_a_constant_that_moves_is_found_and_one_that_stays_is_not() -> None:
    assert "distributions differ" in told(seen(np.full(3000, 5.0)), seen(np.full(3000, 7.0)))["paid"]
    for value in (5.0, 0.0, -5.0, 1.7e9):
        assert told(seen(np.full(3000, value)), seen(np.full(3000, value))) == {}


def test_large_numbers_are_compared_to_the_last_bit() -> None:
    one, other = (np.random.default_rng(seed).integers(1_700_000_000, 1_700_001_000, 3000) for seed in (1, 2))
    assert told(seen(one), seen(other)) == {}
    assert "distributions differ" in told(seen(one), seen(other + 500))["paid"]


def test_categories_that_come_and_go_are_told_without_their_names() -> None:
    before, now = ["IT"] * 1500 + ["FR"] * 1500, ["IT"] * 1500 + ["secret"] * 1500
    found = told(seen(drawn(1), before), seen(drawn(2), now))
    assert found == {"country": "categories of at least 50% of the rows differ"}
    assert "secret" not in seen(drawn(2), now)["country"].model_dump_json()


def test_numbers_where_names_were_are_another_type() -> None:
    assert "type Text -> Whole" in told(seen(drawn(1), "IT"), seen(drawn(2), "39"))["country"]


def test_few_rows_accuse_nobody() -> None:
    assert told(seen(drawn(1, 20)), seen(drawn(2, 20) * 2)) == {}


VALUES = st.lists(st.sampled_from([-3.0, 0.0, 0.1, 1.0, 2.0, 5.0, 1e6]), min_size=1, max_size=60)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_the_distance_is_a_lower_bound_of_kolmogorovs(one: list[float], other: list[float]) -> None:
    grid = np.array([*one, *other])
    below = [np.array([(np.asarray(rows) < x).mean() for x in [*grid, np.inf]]) for rows in (one, other)]
    upto = [np.array([(np.asarray(rows) <= x).mean() for x in grid]) for rows in (one, other)]
    true = max(np.abs(below[0] - below[1]).max(), np.abs(upto[0] - upto[1]).max())
    low = distance_low(seen(one)["paid"], seen(other)["paid"])
    assert low <= true + 1e-5
    assert distance_low(seen(one)["paid"], seen(one)["paid"]) <= 1e-5


NAMES = st.lists(st.sampled_from([*"abcdefghijklmnop"]), min_size=1, max_size=80)


@settings(deadline=None)
@given(NAMES, NAMES)
def test_that_of_categories_is_a_lower_bound_of_the_total_variation(one: list[str], other: list[str]) -> None:
    true = sum(abs(one.count(name) / len(one) - other.count(name) / len(other)) for name in "abcdefghijklmnop") / 2
    columns = [seen([1.0] * len(names), names)["country"] for names in (one, other)]
    assert categories_low(*columns) <= true + 1e-5
