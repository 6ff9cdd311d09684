"""What test rows can prove is known before they are opened, and every look at them is counted by overlap."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway_pipelines.columns import Columns
from slipway_pipelines.criteria import parse
from slipway_pipelines.metrics import METRICS, Rows
from slipway_pipelines.metrics.binary import sorted_by_score
from slipway_pipelines.openings import KEPT, Opening, TestSet, counted, overlap, sketch
from slipway_pipelines.provable import Shortfall, proof_power, shortfalls

Z = 1.6448536269514722
BINARY = METRICS["BinaryClassification"]


@pytest.mark.parametrize(("truth", "units"), [(0.98, 230), (0.97, 600), (0.96, 2650)])
def test_a_proof_of_95_percent_takes_as_many_positives_as_simulated(truth: float, units: int) -> None:
    """The figures of Slipway's rules of evidence."""
    assert proof_power(units, truth, 0.95, Z) >= 0.8
    assert proof_power(round(0.75 * units), truth, 0.95, Z) < 0.8


def validated(hits: int, positives: int, negatives: int = 100) -> tuple[Rows, np.ndarray]:
    truth = np.append(np.ones(positives, int), np.zeros(negatives, int))
    called = np.append((np.arange(positives) < hits).astype(int), np.zeros(negatives, int))
    rows, order = sorted_by_score(Rows(truth, called, np.column_stack([1.0 - called, called]).astype(float), 1))
    return rows, np.arange(len(truth))[order]


def short(expression: str, rows: Rows, clusters: np.ndarray, test: int) -> tuple[Shortfall, ...]:
    return shortfalls([parse("c", expression, tuple(BINARY))], BINARY, rows, clusters, test)


def test_few_positives_cannot_prove_much_and_the_number_that_could_is_said() -> None:
    rows, clusters = validated(30, 30)
    (found,) = short("recall >= 0.95", rows, clusters, len(rows))
    assert found.expected == 30
    assert found.needed is not None
    assert 40 <= found.needed <= 70
    assert "recall >= 0.95" in str(found)
    assert short("recall >= 0.8", rows, clusters, len(rows)) == ()
    assert short("recall >= 0.95", rows, clusters, 10 * len(rows)) == ()


def test_a_model_that_will_fail_is_no_want_of_rows() -> None:
    rows, clusters = validated(50, 100)
    assert short("recall >= 0.9", rows, clusters, len(rows)) == ()


def test_perfection_is_beyond_any_number_of_rows() -> None:
    rows, clusters = validated(100, 100)
    (found,) = short("recall >= 1", rows, clusters, 10_000)
    assert found.needed is None


def test_rows_of_one_entity_count_once() -> None:
    rows, clusters = validated(60, 60)
    assert short("recall >= 0.9", rows, clusters, len(rows)) == ()
    assert len(short("recall >= 0.9", rows, clusters // 10, len(rows))) == 1


def events(first: int, last: int, **columns: object) -> TestSet:
    frame = pd.DataFrame({"id": [f"e{number}" for number in range(first, last)], **columns})
    return sketch(frame, Columns((), (), "y", id="id"))


def test_small_sets_are_compared_exactly() -> None:
    assert overlap(events(0, 100), events(75, 400)) == 0.25
    assert overlap(events(0, 100), events(100, 200)) == 0.0


def test_large_sets_are_compared_within_a_few_percent() -> None:
    mine, other = events(0, 40_000), events(30_000, 90_000)
    assert len(mine.hashes) == KEPT
    assert overlap(mine, other) == pytest.approx(0.25, abs=0.05)


def test_a_small_set_within_a_huge_one_is_not_taken_for_new() -> None:
    mine, huge = events(0, 30), events(0, 60_000)
    assert math.isnan(overlap(mine, huge))
    assert counted(mine, [Opening(1, "a", "u", huge)])


def test_times_apart_share_nothing_whatever_the_sketches_cannot_say() -> None:
    mine = TestSet(events(0, 30).hashes, 30, "2026-02-01", "2026-02-28")
    before = TestSet(events(0, 60_000).hashes, 60_000, "2026-01-01", "2026-01-31")
    assert overlap(mine, before) == 0.0


def test_without_an_id_an_event_is_its_features_and_its_label() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, float("nan")], "c": ["x", None, "y"], "y": ["0", "1", "1"]})
    columns = Columns(("a",), ("c",), "y")
    assert overlap(sketch(frame, columns), sketch(frame.iloc[::-1], columns)) == 1.0
    assert overlap(sketch(frame, columns), sketch(frame.assign(y="9"), columns)) == 0.0


@given(st.integers(0, 300), st.integers(1, 300), st.integers(0, 300), st.integers(1, 300))
def test_tags_keep_a_set_and_overlap_is_a_share(a: int, n: int, b: int, m: int) -> None:
    mine, other = events(a, a + n), events(b, b + m)
    back = TestSet.of_tags(mine.tags())
    assert (back.hashes.tolist(), back.rows) == (mine.hashes.tolist(), mine.rows)
    assert 0 <= overlap(mine, other) <= 1
    assert overlap(mine, mine) == 1


def test_five_percent_count_and_less_does_not() -> None:
    earlier = [Opening(1, "old", "u-1", events(0, 100)), Opening(2, "older", "u-2", events(0, 6))]
    assert [one.run for one in counted(events(95, 195), earlier)] == ["old"]
    assert [one.run for one in counted(events(97, 197), earlier)] == []
    assert [one.run for one in counted(events(0, 100), earlier)] == ["old", "older"]
