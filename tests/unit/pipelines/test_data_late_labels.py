"""Labels that come later, from a place of their own: joined by a column that both have, and recorded."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from slipway_pipelines.data.prepare import Prepared, prepare
from slipway_pipelines.faults import DataFault
from slipway_pipelines.request import read_request
from slipway_pipelines.steps import Steps

from tests.unit.pipelines.made import environment, table


def prepared(directory: Path, frame: Any, source: dict[str, Any], **more: str) -> Prepared:
    frame.to_csv(directory / "rows.csv", index=False)
    label = {"column": "fraud", "positive": "1", "source": source}
    given = environment(directory / "rows.csv", directory / "log", "http://127.0.0.1:9", task={"label": label})
    given |= more
    return prepare(read_request(given), given, Steps())


def test_labels_are_joined_by_a_column_that_is_not_the_id(tmp_path: Path) -> None:
    frame = table(300).assign(receipt=lambda one: "r" + one["id"])
    with sqlite3.connect(tmp_path / "labels.db") as database:
        frame[["receipt", "fraud"]].to_sql("labels", database, index=False)
    sql = {"secretRef": {"name": "warehouse"}, "query": "select * from labels", "key": "receipt"}
    url = f"sqlite:///{tmp_path / 'labels.db'}"
    found = prepared(tmp_path, frame.drop(columns="fraud"), {"sql": sql}, SLIPWAY_LABELS_url=url)
    assert sum(found.parts.rows.values()) == 300
    assert found.record.facts["labels.digest"].startswith("sha256:")


def test_a_column_that_is_missing_on_either_side_is_named_with_the_side(tmp_path: Path) -> None:
    frame = table(300)
    frame[["id"]].to_csv(tmp_path / "labels.csv", index=False)
    source = {"uri": (tmp_path / "labels.csv").as_uri()}
    with pytest.raises(DataFault, match=r"spec\.label\.source has no column 'fraud'"):
        prepared(tmp_path, frame.drop(columns="fraud"), source)
    frame[["id", "fraud"]].to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(DataFault, match="the data has no column 'id'"):
        prepared(tmp_path, frame.drop(columns=["fraud", "id"]), source)


def test_a_label_of_nothing_is_that_of_no_row(tmp_path: Path) -> None:
    frame = table(300)
    labels = frame[["id", "fraud"]].copy()
    labels.loc[299, "id"] = None
    labels.to_csv(tmp_path / "labels.csv", index=False)
    found = prepared(tmp_path, frame.drop(columns="fraud"), {"uri": (tmp_path / "labels.csv").as_uri()})
    assert sum(found.parts.rows.values()) == 299


def test_where_only_positives_are_ever_told_old_silence_is_the_other_class(tmp_path: Path) -> None:
    frame = table(600)
    frame.loc[frame["fraud"] == "0", "fraud"] = None
    frame.to_csv(tmp_path / "rows.csv", index=False)
    maturity = {"p95": "1d", "absenceMeansNegativeAfter": "2d"}
    label = {"column": "fraud", "positive": "1", "maturity": maturity}
    given = environment(tmp_path / "rows.csv", tmp_path / "log", "http://127.0.0.1:9", task={"label": label})
    found = prepare(read_request(given), given, Steps())
    assert set(found.parts.train["fraud"]) == {"0", "1"}
    given = environment(tmp_path / "rows.csv", tmp_path / "log", "http://127.0.0.1:9")
    with pytest.raises(DataFault, match="nothing to learn"):
        prepare(read_request(given), given, Steps())
