"""Deduplicate, labels, split with its embargo, clusters and origins: which rows are left, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from slipway.api.v1alpha1.task_label import Maturity
from slipway_pipelines.columns import Columns
from slipway_pipelines.data.arrange import arranged
from slipway_pipelines.data.deduplicate import deduplicate, equality
from slipway_pipelines.data.labels import joined, matured
from slipway_pipelines.data.near import LARGEST, clustered
from slipway_pipelines.data.record import Record
from slipway_pipelines.data.slicing import slice_table
from slipway_pipelines.data.source import ORIGIN
from slipway_pipelines.faults import DataFault
from slipway_pipelines.split import SplitPlan, Splits
from slipway_pipelines.validate import validate

from tests.unit.pipelines.made import COLUMNS, table

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
WITHOUT_ID = replace(COLUMNS, id=None)
DAY = 86_400.0


def checked(frame: pd.DataFrame, columns: Columns = COLUMNS) -> pd.DataFrame:
    return validate(frame, columns, "BinaryClassification", "1")


def reasons(record: Record) -> set[str]:
    return {one.reason for one in record.findings}


def test_of_an_event_the_last_row_is_kept_and_contradictions_are_told() -> None:
    frame, record = table(100), Record()
    later = frame.head(10).assign(at=frame["at"].max() + pd.Timedelta(1, "D"), fraud="1", amount=7.0)
    kept = deduplicate(checked(pd.concat([later, frame], ignore_index=True)), COLUMNS, record)
    assert len(kept) == 100
    assert kept.set_index("id").loc["t00003", "amount"] == 7.0
    assert record.facts["duplicates.events"] == 10
    assert record.facts["duplicates.contradictory_labels"] == (frame.head(10)["fraud"] == "0").sum()
    assert reasons(record) == {"DuplicateEvents", "ContradictoryLabels"}


def split(frame: pd.DataFrame, columns: Columns, record: Record, by: str = "Time", **plan: Any) -> Splits:
    rows = checked(frame, columns)
    equal = equality(rows, columns, record)
    return arranged(rows, columns, SplitPlan(by, SHARES, 1, **plan), equal, None, record)


def test_what_recurs_in_a_later_part_leaves_train_and_test_stays_whole() -> None:
    frame, record = table(400), Record()
    columns = replace(WITHOUT_ID, timestamp=None, entity=None)
    parts = split(pd.concat([frame, frame.head(200)], ignore_index=True), columns, record, "Random")
    assert parts.rows["test"] == 90
    assert parts.rows["train"] < 420
    amounts = set(parts.train["amount"])
    assert not amounts & set(parts.test["amount"])
    assert 0 < (~parts.novel).sum() < 90
    assert {"EqualRows", "RecurringRows"} <= reasons(record)


def test_rows_that_are_equal_by_chance_are_told_and_kept() -> None:
    rng, record = np.random.default_rng(0), Record()
    frame = pd.DataFrame({name: rng.integers(0, 3, 500).astype(float) for name in "abcd"})
    frame["fraud"] = rng.choice(["0", "1"], 500)
    columns = Columns(("a", "b", "c", "d"), (), "fraud")
    assert sum(split(frame, columns, record, "Random").rows.values()) == 500
    assert "EqualRowsAreCommon" in reasons(record)


def test_an_id_tells_equal_rows_apart() -> None:
    frame, record = table(100), Record()
    copies = pd.concat([frame, frame.assign(id=frame["id"] + "b")], ignore_index=True)
    assert sum(split(copies, COLUMNS, record).rows.values()) == 200


def test_the_embargo_keeps_its_distance_from_each_later_part() -> None:
    record = Record()
    parts = split(table(1000), COLUMNS, record, embargo=2 * DAY)
    gap = pd.Timedelta(2, "D")
    assert parts.validation["at"].min() - parts.train["at"].max() >= gap
    assert parts.test["at"].min() - parts.validation["at"].max() >= gap
    assert parts.rows["test"] == 150
    assert 1000 - sum(parts.rows.values()) == pytest.approx(96, abs=2)
    assert "Embargo" in reasons(record)


def test_an_embargo_that_leaves_nothing_is_named() -> None:
    with pytest.raises(DataFault, match="embargo") as caught:
        split(table(100), COLUMNS, Record(), embargo=30 * DAY)
    assert caught.value.reason == "SplitEmpty"


@pytest.mark.parametrize("by", ["Time", "Random", "Entity"])
def test_made_rows_only_train_and_never_from_the_future(by: str) -> None:
    frame = table(600)
    made = frame.tail(100).assign(id="m" + frame.tail(100)["id"])
    both = pd.concat([frame.assign(**{ORIGIN: "Organic"}), made.assign(**{ORIGIN: "Synthetic"})], ignore_index=True)
    parts = split(both, COLUMNS, Record(), by)
    for part in (parts.validation, parts.test):
        assert set(part[ORIGIN]) == {"Organic"}
    assert "Synthetic" in set(parts.train[ORIGIN])
    assert parts.rows["test"] == 90 or by == "Entity"
    if by == "Time":
        assert parts.train["at"].max() < parts.validation["at"].min()
    if by == "Entity":
        assert not set(parts.train["card"]) & set(parts.test["card"])


def test_made_rows_that_a_column_holds_out_fail_the_run() -> None:
    frame = table(300).assign(part=["train"] * 200 + ["test"] * 100, **{ORIGIN: ["Organic"] * 250 + ["Synthetic"] * 50})
    columns = replace(COLUMNS, split="part")
    with pytest.raises(DataFault, match="50 rows of origin Synthetic") as caught:
        split(frame, columns, Record(), "Column")
    assert caught.value.reason == "SyntheticHeldOut"


def near_pairs(count: int, noise: float, seed: int = 5) -> pd.DataFrame:
    """`count` rows and an edited copy of each."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, 8))
    both = np.concatenate([values, values + rng.normal(scale=noise / np.sqrt(8), size=values.shape)])
    frame = pd.DataFrame(both, columns=[f"x{n}" for n in range(8)])
    return frame.assign(
        land=np.tile(rng.choice(["IT", "FR"], count), 2), label=np.tile(rng.choice(["0", "1"], count), 2)
    )


NEAR = Columns(tuple(f"x{n}" for n in range(8)), ("land",), "label")


def test_planted_pairs_are_found_and_no_cluster_straddles_parts() -> None:
    frame, record = near_pairs(2000, 0.05), Record()
    clusters = clustered(frame, NEAR, 0.1, record)
    found = (clusters[:2000] == clusters[2000:]).mean()
    assert found >= 0.95
    assert len(np.unique(clusters)) >= 2000, "rows that are not near are not joined"
    parts = arranged(frame.assign(c=clusters), NEAR, SplitPlan("Random", SHARES, 1), None, clusters, record)
    kept = [set(part["c"]) for part in (parts.train, parts.validation, parts.test)]
    assert len(set.union(*kept)) == sum(map(len, kept))
    assert parts.rows["test"] == 600, "test is left as it is"


def test_another_category_or_a_missing_value_is_not_near() -> None:
    frame = near_pairs(200, 0.01)
    frame.loc[200:299, "land"] = "US"
    frame.loc[300:399, "x0"] = np.nan
    clusters = clustered(frame, NEAR, 0.1, Record())
    assert (clusters[:200] != clusters[200:]).all()


def test_a_chain_is_cut() -> None:
    frame = pd.DataFrame({"x0": np.arange(1000.0), "label": "0"})
    record = Record()
    clusters = clustered(frame, Columns(("x0",), (), "label"), 0.01, record)
    assert np.bincount(clusters).max() <= LARGEST
    assert "NearDuplicateChains" in reasons(record)


def test_texts_that_were_edited_are_near_and_others_are_not() -> None:
    rng = np.random.default_rng(3)
    words = [f"word{n}" for n in range(500)]
    written = [list(rng.choice(words, 40)) for _ in range(100)]
    texts = [" ".join(each) for each in written]
    edited = [" ".join([*each[:20], "changed", *each[21:]]) for each in written]
    frame = pd.DataFrame({"note": texts + edited, "label": "0"})
    clusters = clustered(frame, Columns((), (), "label", text=("note",)), 0.1, Record())
    assert (clusters[:100] == clusters[100:]).mean() >= 0.95
    assert len(np.unique(clusters)) >= 100


MATURITY = Maturity.model_validate({"p95": "10d", "completeness": "80%", "absenceMeansNegativeAfter": "15d"})


def test_young_rows_leave_and_old_silence_is_negative() -> None:
    frame, record = table(960), Record()  # 40 days of hours
    frame.loc[frame["fraud"] == "0", "fraud"] = None
    frame.loc[0, "fraud"] = "0"
    kept = matured(checked(frame), COLUMNS, MATURITY, "0", record)
    newest = frame["at"].max()
    assert (newest - kept["at"]).min() >= pd.Timedelta(10, "D")
    silent = frame[frame["fraud"].isna()].set_index("id")["at"]
    assert set(kept["id"]) >= set(silent[newest - silent >= pd.Timedelta(15, "D")].index)
    assert not set(kept["id"]) & set(silent[newest - silent < pd.Timedelta(15, "D")].index)
    assert record.facts["labels.immature_rows"] == 240
    assert any("counting what is never told" in one.message for one in record.findings)


def test_ages_need_a_timestamp() -> None:
    columns = replace(COLUMNS, timestamp=None)
    with pytest.raises(DataFault, match=r"spec\.timestamp"):
        matured(checked(table(50), columns), columns, MATURITY, "0", Record())


def test_late_labels_are_joined_and_the_last_one_counts() -> None:
    frame, record = table(5).drop(columns="fraud"), Record()
    labels = pd.DataFrame({"id": ["t00001", "t00002", "t00001", "x"], "fraud": ["0", "1", "1", "1"]})
    found = joined(frame, labels, "id", "fraud", record)
    assert [value if isinstance(value, str) else None for value in found["fraud"]] == [None, "1", "1", None, None]
    assert reasons(record) == {"LabelsOfNoEvent"}


def test_slices_are_columns_that_no_model_sees_and_days_from_the_timestamp() -> None:
    columns = replace(COLUMNS, slices=("branch", "weekday", "weekend", "country", "absent"))
    frame = table(200).assign(branch=range(200))
    found = slice_table(checked(frame, columns), columns)
    assert list(found) == ["branch", "weekday", "weekend", "country"]
    assert found["branch"][7] == "7"
    saturday = frame["at"].dt.dayofweek == 5
    assert set(found["weekday"][saturday]) == {"Saturday"}
    assert set(found["weekend"][saturday]) == {"yes"}
