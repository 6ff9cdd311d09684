"""Rows 5 to 29 on made data with known faults: five TrainingRuns side by side, and what each says of its rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.demo import kube
from tests.demo.kube import Cluster, Object, condition
from tests.demo.settings import Environment
from tests.rows import cards
from tests.rows.fixtures import EXAMPLES

pytestmark = pytest.mark.timeout(1500)

NOTE = "only cards with online use"
COLUMN = {"by": "Column", "column": "part"}
CONTRACT = "schema_type: dataframe\ncolumns:\n  items: {dtype: int64, checks: {less_than_or_equal_to: 3}}\n"
DATA: dict[str, tuple[str, Object]] = {
    "history": ("cards", {
        "sources": [
            {"name": "bank", "uri": "history.csv", "origin": "Organic", "exposureNote": NOTE},
            {"name": "made", "uri": "synthetic.csv", "origin": "Synthetic"},
        ],
        "quality": {"nearDuplicates": {"distance": "0.01"}},
    }),
    "annotated": ("seen-by-two", {"sources": [{"name": "file", "uri": "annotated.csv"}], "split": COLUMN}),
    "sure": ("too-sure", {"sources": [{"name": "file", "uri": "annotated.csv"}], "split": COLUMN}),
    "made-up": ("seen-by-two", {
        "sources": [
            {"name": "file", "uri": "annotated.csv"}, {"name": "made", "uri": "made.csv", "origin": "Synthetic"},
        ],
        "split": COLUMN,
    }),
    "broken": ("seen-by-two", {
        "sources": [{"name": "file", "uri": "annotated.csv"}],
        "split": COLUMN, "quality": {"contract": {"configMapRef": {"name": "contract"}}},
    }),
}  # fmt: skip


@pytest.fixture(scope="module")
def published(cluster: Cluster, namespace: str, environment: Environment) -> str:
    """The files behind HTTP, the tasks, the contract."""
    for name, content in (("made-data", cards.files()), ("contract", {"schema.yaml": CONTRACT})):
        cluster.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
             "data": content}
        )  # fmt: skip
    replaced = {
        "phishing-data": "made-data", "/phishing.csv": "/history.csv",
        "python:3.11-slim": environment.images["pipelines"],
    }  # fmt: skip
    for manifest in kube.manifests(EXAMPLES / "data.yaml", replaced):
        manifest["metadata"]["namespace"] = namespace
        cluster.apply(manifest)
    sure = {**cards.ANNOTATED, "criteria": [{"name": "surely", "expression": "accuracy >= 0.97"}]}
    weekends = {"slices": {"columns": ["weekend"], "minimumRows": 30}}
    for name, changes in (("cards", weekends), ("seen-by-two", cards.ANNOTATED), ("too-sure", sure)):
        cluster.apply(cards.task(name, namespace, **changes))
    kube.wait(
        lambda: cluster.get("Deployment", "made-data", namespace),
        lambda found: bool(found.get("status", {}).get("readyReplicas")), 120, "the server of the files",
    )  # fmt: skip
    return namespace


@pytest.fixture(scope="module")
def runs(cluster: Cluster, published: str) -> Iterator[dict[str, Object]]:
    """All runs, ended."""
    for name, (task, data) in DATA.items():
        cluster.apply(cards.run(name, published, task, dict(data)))
    yield {
        name: kube.wait(
            lambda name=name: cluster.get("TrainingRun", name, published),
            lambda found: found.get("status", {}).get("phase") in ("Succeeded", "Failed"),
            600, f"the end of {name}",
        )
        for name in DATA
    }  # fmt: skip
    for name in DATA:
        cluster.delete("TrainingRun", name, published)


@pytest.fixture(scope="module")
def tracking() -> str:
    """MLflow, as this machine reaches it."""
    from tests.cluster.environment import Environment as Found
    from tests.cluster.places import Places

    return Found.load(Places.of_environment().environment).mlflow_host_url


@pytest.fixture(scope="module")
def artifacts(
    runs: dict[str, Object], tracking: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Path]:
    """Downloads an artifact of a run from MLflow."""
    from mlflow.artifacts import download_artifacts

    def download(name: str, path: str) -> Path:
        run, target = runs[name]["status"]["runId"], tmp_path_factory.mktemp(name)
        return Path(download_artifacts(run_id=run, artifact_path=path, dst_path=str(target), tracking_uri=tracking))

    return download


@pytest.fixture(scope="module")
def tracked(runs: dict[str, Object], tracking: str) -> Callable[[str], Any]:
    """What MLflow has of a run."""
    from mlflow import MlflowClient

    return lambda name: MlflowClient(tracking).get_run(runs[name]["status"]["runId"])


@pytest.fixture(scope="module")
def report(artifacts: Callable[[str, str], Path]) -> Object:
    """The data report over the history."""
    return dict(json.loads((artifacts("history", "data") / "report.json").read_text()))


@pytest.fixture(scope="module")
def steps(artifacts: Callable[[str, str], Path]) -> Object:
    """The fitted steps of the annotated run's model, by name."""
    import mlflow.sklearn

    pipeline = mlflow.sklearn.load_model(str(artifacts("annotated", "model")))
    return {**pipeline["features"].named_transformers_, "names": list(pipeline["features"].get_feature_names_out())}


def said(obj: Object, kind: str) -> tuple[str, str, str]:
    found = condition(obj, kind)
    return found.get("status", ""), found.get("reason", ""), found.get("message", "")


def found(report: Object, reason: str) -> list[Object]:
    return [one for one in report["findings"] if one["reason"] == reason]


def part(report: Object, name: str) -> Object:
    return dict(next(one for one in report["splits"] if one["name"] == name))


def test_r05_a_leak_that_nobody_declared_is_found_and_told_by_run_and_task(
    runs: dict[str, Object], cluster: Cluster, published: str
) -> None:
    status, reason, message = said(runs["history"], "LeakageDetected")
    assert (status, reason) == ("True", "PredictsAlone")
    assert "'refund'" in message
    assert "'amount'" not in message
    assert said(runs["annotated"], "LeakageDetected")[0] == "False"
    task = kube.wait(
        lambda: cluster.get("ModelTask", "cards", published),
        lambda one: bool(condition(one, "LeakageDetected")), 60, "the task to say what its run found",
    )  # fmt: skip
    assert said(task, "LeakageDetected")[2].startswith("TrainingRun history: ")


def test_r06_accuracy_alone_on_rare_labels_is_warned_of(runs: dict[str, Object]) -> None:
    assert said(runs["annotated"], "AccuracyMisleading")[:2] == ("True", "ImbalancedLabels")
    assert said(runs["history"], "AccuracyMisleading")[0] == ""


def test_r07_a_claim_that_the_data_does_not_bear_out_is_unsupported(
    runs: dict[str, Object], cluster: Cluster, published: str
) -> None:
    assert said(runs["history"], "JustificationUnsupported")[:2] == ("True", "NoTimeGap")
    kube.wait(
        lambda: cluster.get("ModelTask", "cards", published),
        lambda one: one.get("status", {}).get("justification", "").startswith("Changing: not supported"),
        60, "the task to say so",
    )  # fmt: skip


def test_r15_each_step_shows_its_seconds(runs: dict[str, Object]) -> None:
    names = [step["name"] for step in runs["history"]["status"]["steps"]]
    assert names[1:8] == ["acquire", "validate", "deduplicate", "features", "labels", "split", "inspect"]
    failed = {step["name"]: step["state"] for step in runs["broken"]["status"]["steps"]}
    assert failed == {"start": "Succeeded", "acquire": "Failed"}


def test_r16_who_could_get_into_the_rows_is_carried_along(
    report: Object, artifacts: Callable[[str, str], Path]
) -> None:
    assert {one["name"]: (one["origin"], one["exposureNote"]) for one in report["sources"]} == {
        "bank": ("Organic", NOTE), "made": ("Synthetic", ""),
    }  # fmt: skip
    assert NOTE in (artifacts("history", "data") / "report.html").read_text()


def test_r17_rows_whose_label_may_still_come_are_left_out(report: Object) -> None:
    newest = cards.history()["paid_at"].max()
    assert pd.Timestamp(part(report, "test")["to"]) <= newest - pd.Timedelta(3, "D")
    young = (cards.with_copies().drop_duplicates("payment")["paid_at"] > newest - pd.Timedelta(3, "D")).sum()
    made = (cards.synthetic()["paid_at"] > newest - pd.Timedelta(3, "D")).sum()
    assert report["facts"]["labels.immature_rows"] == young + made


def test_r18_made_rows_only_train(runs: dict[str, Object], report: Object) -> None:
    labelled = next(row for row in report["steps"] if row["step"] == "labels")["after"]
    assert sum(one["rows"] for one in report["splits"]) < labelled
    status, reason, message = said(runs["made-up"], "DataValid")
    assert (status, reason) == ("False", "SyntheticHeldOut")
    assert "origin Synthetic" in message
    assert runs["made-up"]["status"]["phase"] == "Failed"


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


def test_a_broken_contract_ends_a_run_at_its_first_pod(
    runs: dict[str, Object], cluster: Cluster, published: str
) -> None:
    status, reason, message = said(runs["broken"], "DataValid")
    assert (status, reason) == ("False", "ContractBroken")
    above = int((cards.annotated()["items"] > 3).sum())
    assert f"{above} times" in message
    assert len(cluster.list("Pod", published, labels="slipway.dev/trainingrun=broken")) == 1
