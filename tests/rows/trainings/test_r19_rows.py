"""Rows 19 to 29 on the same data: what becomes of rows and columns before a model sees them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.demo.kube import Object
from tests.rows import cards
from tests.rows.trainings.said import found, part, said

pytestmark = pytest.mark.timeout(1500)


def test_r19_a_little_missing_is_filled_more_is_warned_of_and_half_is_dropped(report: Object) -> None:
    told = {one["columns"][0]: one["reason"] for one in report["findings"] if one["reason"].startswith("Column")}
    assert told == {"device": "ColumnSparse", "loyalty": "ColumnDropped"}


def test_r20_of_an_event_reported_twice_one_row_is_left(report: Object) -> None:
    step = next(one for one in report["steps"] if one["step"] == "deduplicate")
    assert step["before"] - step["after"] == 50
    assert report["facts"]["duplicates.events"] == 50
    assert part(report, "test")["novelRows"] == part(report, "test")["rows"]


def test_r21_edited_copies_do_not_straddle_parts(report: Object) -> None:
    assert report["facts"]["near_duplicates.clusters"] >= 38
    (apart,) = found(report, "NearDuplicatesApart")
    assert 30 <= int(apart["message"].split()[0]) <= 40, "those of the first days that recur in the last"


@pytest.fixture(scope="module")
def noise(artifacts: Callable[[str, str], Path]) -> Object:
    """What the data report says of the two annotators."""
    return dict(json.loads((artifacts("annotated", "data") / "report.json").read_text())["facts"])


def test_r22_the_noise_of_labels_is_told_and_what_no_model_can_reach_is_refused(runs: dict[str, Object]) -> None:
    assert float(runs["annotated"]["status"]["noise"]) == pytest.approx(0.1, abs=0.02)
    status, reason, message = said(runs["sure"], "DataValid")
    assert (status, reason) == ("False", "CriterionAboveCeiling")
    assert "'surely'" in message
    assert "train" not in {step["name"] for step in runs["sure"]["status"]["steps"]}


def test_r23_two_people_give_cohens_kappa(noise: Object) -> None:
    frame = cards.annotated()
    frame = frame[frame["part"] != "test"]  # labels of test rows are not looked at
    agreed = (frame["ann"] == frame["bob"]).mean()
    chance = sum(frame["ann"].eq(one).mean() * frame["bob"].eq(one).mean() for one in (0, 1))
    assert noise["kappa.ann.bob"] == pytest.approx((agreed - chance) / (1 - chance), abs=1e-4)


def test_r25_weekends_are_a_slice_made_from_the_timestamp(tracked: Callable[[str], Any]) -> None:
    named = {name for name in tracked("history").data.metrics if name.startswith("slice.") and "weekend" in name}
    assert any("yes" in name for name in named), named
    assert any("no" in name.partition("weekend")[2] for name in named), named


def test_r24_parts_follow_in_time_with_a_gap_and_the_random_split_is_compared(report: Object) -> None:
    ends = {name: (part(report, name)["from"], part(report, name)["to"]) for name in ("train", "validation", "test")}
    for earlier, later in (("train", "validation"), ("validation", "test")):
        assert pd.Timestamp(ends[later][0]) - pd.Timestamp(ends[earlier][1]) >= pd.Timedelta(3, "D")
    assert found(report, "TimeGap")
    assert report["facts"]["time_gap.low"] <= report["facts"]["time_gap"]


def train_rows() -> pd.DataFrame:
    frame = cards.annotated()
    return frame[frame["part"] == "train"]


def test_r26_scales_come_from_train_rows_alone(steps: Object) -> None:
    scaler, train = steps["numeric"]["scale"], train_rows()
    assert scaler.mean_[0] == pytest.approx(train["amount"].mean())
    assert scaler.scale_[0] == pytest.approx(train["amount"].std(ddof=0))
    assert scaler.mean_[0] != pytest.approx(cards.annotated()["amount"].mean(), rel=1e-6)


def test_r27_many_values_are_encoded_by_target_and_few_as_columns(steps: Object) -> None:
    assert sum(name.startswith("categorical__land_") for name in steps["names"]) == 3
    assert [name for name in steps["names"] if "shop" in name] == ["many_valued__shop"]


def test_r28_a_window_sums_up_what_was_before_and_nothing_else(steps: Object) -> None:
    frame = cards.annotated()
    seconds = frame["paid_at"].astype("datetime64[ns, UTC]").astype(np.int64) / 1e9
    sums = [
        frame["amount"][(frame["card"] == card) & (seconds < at) & (seconds >= at - 7 * 86_400)].sum()
        for card, at in zip(frame["card"], seconds, strict=True)
    ]
    expected = pd.Series(sums, index=frame.index)[frame["part"] == "train"]
    place = steps["names"].index("numeric__week")
    assert steps["numeric"]["scale"].mean_[place] == pytest.approx(expected.mean())


def test_r29_an_expression_is_computed_within_the_model(steps: Object, artifacts: Callable[[str, str], Path]) -> None:
    train = train_rows()
    place = steps["names"].index("numeric__each")
    assert steps["numeric"]["scale"].mean_[place] == pytest.approx((train["amount"] / train["items"]).mean())
    signature = (artifacts("annotated", "model") / "MLmodel").read_text()
    assert '"each"' not in signature
    assert '"week"' in signature
