"""What the data says before a model is trained: leaks, noise, gaps over time, sparse columns, and the report of it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from slipway_pipelines.columns import Columns
from slipway_pipelines.criteria import parse
from slipway_pipelines.data.noise import annotated
from slipway_pipelines.data.page import page
from slipway_pipelines.data.prepare import Prepared, prepare
from slipway_pipelines.data.record import Record
from slipway_pipelines.data.report import data_report
from slipway_pipelines.data.said import conditions
from slipway_pipelines.faults import DataFault
from slipway_pipelines.fit import build_pipeline
from slipway_pipelines.request import TrainingRequest, read_request
from slipway_pipelines.steps import Steps

from tests.unit.pipelines.made import environment, table, task


def prepared(frame: pd.DataFrame, directory: Path, **parts: Any) -> tuple[TrainingRequest, Prepared]:
    file = directory / "rows.csv"
    frame.to_csv(file, index=False)
    given = environment(file, directory / "log", "http://127.0.0.1:9", **parts)
    request = read_request(given)
    return request, prepare(request, given, Steps())


def said(request: TrainingRequest, found: Prepared) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in conditions(found, request.task)}


LEAKS = [{"name": name, "type": kind} for name, kind in (
    ("amount", "Numeric"), ("items", "Numeric"), ("refund", "Numeric"), ("chargeback", "Categorical"),
    ("reviewed", "Numeric"),
)]  # fmt: skip


def test_leaks_that_nobody_declared_are_found_and_honest_features_are_not(tmp_path: Path) -> None:
    frame, rng = table(1500), np.random.default_rng(1)
    fraud = frame["fraud"] == "1"
    frame["refund"] = np.where(fraud, frame["amount"], 0) + rng.normal(0, 0.01, 1500)
    frame["chargeback"] = np.where(fraud, "10.4", None)
    newest = frame["at"].rank(ascending=False) <= 200
    frame["reviewed"] = np.where(newest, np.nan, rng.random(1500))
    request, found = prepared(frame, tmp_path, task={"features": LEAKS})
    by_column = {column: one.reason for one in found.record.findings for column in one.columns}
    assert by_column["refund"] == "PredictsAlone"
    assert by_column["chargeback"] == "PresenceTellsTheLabel"
    assert by_column["reviewed"] == "VanishesInTheNewestRows"
    assert not {"amount", "items"} & {c for c, r in by_column.items() if r.startswith(("Pred", "Pres", "Van"))}
    assert said(request, found)["LeakageDetected"][0] == "True"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingRequest, Prepared]:
    accuracy = {"criteria": [{"name": "a", "expression": "accuracy >= 0.8"}], "justification": "Changing"}
    frame = table(1500)
    frame = frame[(frame["fraud"] == "0") | (np.arange(1500) % 3 == 0)].assign(unasked=1)
    return prepared(frame, tmp_path_factory.mktemp("plain"), task=accuracy)


def test_rows_without_a_fault_say_so_and_accuracy_alone_is_warned_of(plain: tuple[TrainingRequest, Prepared]) -> None:
    found = said(*plain)
    assert found["LeakageDetected"] == ("False", "NothingFound")
    assert found["AccuracyMisleading"] == ("True", "ImbalancedLabels")
    assert found["JustificationUnsupported"] == ("True", "NoTimeGap")


def test_a_world_that_changes_shows_a_gap_over_time(tmp_path: Path) -> None:
    frame = table(1500)
    late = frame["at"].rank(pct=True).to_numpy() > 0.7
    flipped = late & (np.random.default_rng(0).random(1500) < 0.9)
    frame["fraud"] = np.where(flipped, np.where(frame["amount"] > 90, "0", "1"), frame["fraud"])
    request, found = prepared(frame, tmp_path, task={"justification": "Changing"})
    assert said(request, found)["JustificationUnsupported"] == ("False", "TimeGap")
    assert found.record.facts["time_gap"] > 0.1


def test_the_report_is_json_and_a_page_that_shows_what_it_says(plain: tuple[TrainingRequest, Prepared]) -> None:
    request, found = plain
    report = json.loads(json.dumps(data_report(found, request), allow_nan=False))
    assert report["rows"] == sum(part["rows"] for part in report["splits"])
    assert [column["name"] for column in report["columns"]] == ["amount", "items", "country"]
    assert report["columns"][0]["histogram"]
    assert sum(report["columns"][0]["histogram"]) == report["splits"][0]["rows"]
    assert report["notUsed"] == ["unasked"]
    shown = page({**report, "goal": "<script>alert(1)</script>"})
    assert "<script>" not in shown
    for text in ("train", "country", report["digest"], f"{report['rows']:,}"):
        assert text in shown


def sparse(frame: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return frame.assign(
        few=np.where(rng.random(len(frame)) < 0.03, np.nan, rng.normal(5, 2, len(frame))),
        some=np.where(rng.random(len(frame)) < 0.2, np.nan, rng.normal(0, 1, len(frame))),
        useless=np.where(rng.random(len(frame)) < 0.6, np.nan, rng.normal(0, 1, len(frame))),
        shop=[f"s{n}" for n in rng.integers(0, 80, len(frame))],
    )


FEATURES = [
    *({"name": name, "type": "Numeric"} for name in ("amount", "items", "few", "some", "useless")),
    {"name": "country", "type": "Categorical"},
    {"name": "shop", "type": "Categorical"},
    {"name": "per_item", "expression": "amount / items"},
    {"name": "abroad_and_dear", "expression": "per_item > 20"},
    {"name": "before", "window": {"aggregate": "Count", "over": "7d"}, "servedFrom": "Request"},
]


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingRequest, Prepared]:
    return prepared(sparse(table(1000)), tmp_path_factory.mktemp("rich"), task={"features": FEATURES})


def test_little_that_is_missing_is_imputed_more_is_warned_of_and_half_is_dropped(
    rich: tuple[TrainingRequest, Prepared],
) -> None:
    _, found = rich
    warned = {one.columns[0]: one.reason for one in found.record.findings if one.severity == "Warning" and one.columns}
    told = {name: warned.get(name) for name in ("few", "some", "useless")}
    assert told == {"few": None, "some": "ColumnSparse", "useless": "ColumnDropped"}
    assert found.chosen.dropped == ("useless",)
    assert found.chosen.by_target == ("shop",)


def test_everything_is_fitted_on_train_rows_within_one_pipeline_that_pickles(
    rich: tuple[TrainingRequest, Prepared],
) -> None:
    request, found = rich
    columns, train = request.columns, found.parts.train
    pipeline = build_pipeline(columns, LogisticRegression(max_iter=500), found.chosen)
    pipeline.fit(train[list(columns.features)], train[columns.label])
    names = pipeline["features"].get_feature_names_out()
    assert not [name for name in names if "useless" in name and "country" not in name]
    assert {"numeric__per_item", "numeric__abroad_and_dear", "numeric__before"} <= set(names)
    assert "numeric__missingindicator_few" in names
    assert not [name for name in names if name.startswith("categorical__shop")]
    assert sum(name.startswith("many_valued__shop") for name in names) == 1
    scaled = pipeline["features"].transform(pipeline["derive"].transform(train[list(columns.features)]))
    place = list(names).index("numeric__amount")
    assert scaled[:, place].mean() == pytest.approx(0, abs=1e-9)
    assert scaled[:, place].std() == pytest.approx(1)
    medians = pipeline["features"].named_transformers_["numeric"]["impute"].statistics_
    assert medians[list(columns.numeric).index("few")] == train["few"].median()
    row = found.parts.test[list(columns.features)].head(1).assign(items=0.0, shop="never seen", country=None)
    again = pickle.loads(pickle.dumps(pipeline))
    assert 0 <= again.predict_proba(row)[0, 1] <= 1
    assert "per_item" not in columns.features


def test_the_window_counts_earlier_rows_of_the_same_card(rich: tuple[TrainingRequest, Prepared]) -> None:
    _, found = rich
    every = pd.concat([found.parts.train, found.parts.validation, found.parts.test])
    row = every.sort_values("at").iloc[-1]
    week = every[(every["at"] < row["at"]) & (every["at"] >= row["at"] - pd.Timedelta(7, "D"))]
    assert row["before"] == (week["card"] == row["card"]).sum()


def test_text_is_words_of_train_rows(tmp_path: Path) -> None:
    frame = table(600)
    frame["note"] = np.where(frame["fraud"] == "1", "urgent transfer please", "monthly bill as usual")
    frame.loc[::3, "note"] = "nothing special"
    frame.loc[::7, "note"] = None
    features = [{"name": "note", "type": "Text"}, {"name": "amount", "type": "Numeric"}]
    request, found = prepared(frame, tmp_path, task={"features": features, "justification": "Unstructured"})
    train = found.parts.train
    pipeline = build_pipeline(request.columns, LogisticRegression(), found.chosen)
    pipeline.fit(train[["amount", "note"]], train["fraud"])
    score = pipeline.predict_proba(pd.DataFrame({"amount": [100.0, 100.0], "note": ["urgent transfer", None]}))[:, 1]
    assert score[0] > score[1]


def annotators(error: float, prevalence: float) -> tuple[pd.DataFrame, Any]:
    rng = np.random.default_rng(4)
    truth = rng.random(20_000) < prevalence
    given = [np.where(rng.random(20_000) < error, ~truth, truth) for _ in range(2)]
    names = ("ann", "bob")
    frame = pd.DataFrame({f"slipway:{name}": np.where(one, "1", "0") for name, one in zip(names, given, strict=True)})
    return frame.assign(y=frame["slipway:ann"]), Columns(("x",), (), "y", annotators=names)


def test_annotators_tell_the_noise_and_refuse_what_no_model_can_reach() -> None:
    frame, columns = annotators(0.1, 0.5)
    record = Record()
    annotated(frame, columns, "1", [parse("a", "accuracy >= 0.85", ("accuracy",))], record)
    assert record.facts["kappa.ann.bob"] == pytest.approx(0.64, abs=0.02)
    assert record.facts["noise"] == pytest.approx(0.1, abs=0.01)
    assert record.facts["ceiling.accuracy"] == pytest.approx(0.9, abs=0.01)
    with pytest.raises(DataFault, match=r"a perfect model would reach 0\.90") as caught:
        annotated(frame, columns, "1", [parse("a", "accuracy >= 0.95", ("accuracy",))], Record())
    assert caught.value.reason == "CriterionAboveCeiling"


def test_annotators_without_a_row_in_common_and_with_odd_names_are_told_of(tmp_path: Path) -> None:
    frame, rng = table(900), np.random.default_rng(6)
    people = ("ann (Milan)", "bob, Turin", "cy %")
    for place, name in enumerate(people):
        frame[name] = np.where(rng.random(900) < 0.05, "1", frame["fraud"])
        frame.loc[[row for row in range(900) if row % 3 == place], name] = None
    frame.loc[frame["bob, Turin"].notna(), "cy %"] = None
    label = {"column": "fraud", "positive": "1", "annotators": list(people)}
    request, found = prepared(frame, tmp_path, task={"label": label})
    report = json.loads(json.dumps(data_report(found, request), allow_nan=False))
    assert "kappa.bob, Turin.cy %" not in report["facts"]
    assert any("have no row in common" in one["message"] for one in report["findings"])
    assert "data.kappa.ann :Milan:.bob: Turin" in found.record.numbers


def test_the_noise_of_test_labels_stays_unknown(tmp_path: Path) -> None:
    frame = table(900)
    newest = frame["at"] >= frame["at"].sort_values().iloc[int(900 * 0.85)]
    frame["ann"] = frame["bob"] = frame["fraud"]
    frame.loc[newest, "bob"] = np.where(frame["fraud"][newest] == "1", "0", "1")
    label = {"column": "fraud", "positive": "1", "annotators": ["ann", "bob"]}
    assert prepared(frame, tmp_path, task={"label": label})[1].record.facts["noise"] == 0


def test_annotators_of_a_number_are_no_classes(tmp_path: Path) -> None:
    frame = table(300).assign(price=lambda one: one["amount"] * 2, ann="9.5", bob="9")
    changes = {
        "type": "Regression", "label": {"column": "price", "annotators": ["ann", "bob"]},
        "metrics": {"primary": "mae"}, "criteria": [{"name": "near", "expression": "mae <= 9"}],
    }  # fmt: skip
    assert "noise" not in prepared(frame, tmp_path, task=changes)[1].record.facts


def test_labels_that_contradict_the_rows_are_suspected(tmp_path: Path) -> None:
    frame, rng = table(1500), np.random.default_rng(9)
    frame["fraud"] = np.where(frame["amount"] > 100, "1", "0")
    wrong = rng.random(1500) < 0.15
    frame.loc[wrong, "fraud"] = np.where(frame["fraud"][wrong] == "1", "0", "1")
    _, found = prepared(frame, tmp_path)
    assert found.record.facts["noise.suspected"] == pytest.approx(0.15, abs=0.06)
    assert "LabelNoiseSuspected" in {one.reason for one in found.record.findings}


def test_embargo_auto_is_maturity_and_the_longest_window(tmp_path: Path) -> None:
    label = {"column": "fraud", "positive": "1", "maturity": {"p95": "3d"}}
    given = environment(tmp_path / "a.csv", tmp_path / "log", "x", task={"features": FEATURES, "label": label})
    assert read_request(given).split_plan.embargo == 10 * 86_400
    asked = {"sources": [{"name": "a", "uri": "file:///a.csv"}], "split": {"embargo": "36h"}}
    given = environment(tmp_path / "a.csv", tmp_path / "log", "x", spec={"data": asked})
    assert read_request(given).split_plan.embargo == 36 * 3600


def test_a_wrong_expression_is_refused_before_data_is_read(tmp_path: Path) -> None:
    features = [*task()["features"], {"name": "x", "expression": "amount / nothing"}]
    with pytest.raises(DataFault, match="'nothing' is no feature"):
        read_request(environment(tmp_path / "a.csv", tmp_path / "log", "x", task={"features": features}))


def test_slices_that_cannot_be_judged_are_told_before_a_test_row_is_opened(tmp_path: Path) -> None:
    with pytest.raises(DataFault, match="'shop'; the rows have") as caught:
        prepared(table(300), tmp_path, task={"slices": {"columns": ["country", "shop"]}})
    assert caught.value.reason == "SliceUnknown"
    slices = {"columns": ["country"], "worst": "recall >= rules.recall"}
    with pytest.raises(DataFault, match=r"spec\.slices\.worst .* with a number"):
        read_request(environment(tmp_path / "a.csv", tmp_path / "log", "x", task={"slices": slices}))
