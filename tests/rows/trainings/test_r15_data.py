"""Rows 5 to 18 on made data with known faults: what each run says of its rows and of its task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.demo import kube
from tests.demo.kube import Cluster, Object, condition
from tests.rows import cards
from tests.rows.trainings.conftest import NOTE
from tests.rows.trainings.said import part, said

pytestmark = pytest.mark.timeout(1500)


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
        lambda one: bool(condition(one, "LeakageDetected")), 180, "the task to say what its run found",
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
        180, "the task to say so",
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
    assert NOTE in artifacts("history", "model-card.md").read_text()


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


def test_a_broken_contract_ends_a_run_at_its_first_pod(
    runs: dict[str, Object], cluster: Cluster, published: str
) -> None:
    status, reason, message = said(runs["broken"], "DataValid")
    assert (status, reason) == ("False", "ContractBroken")
    above = int((cards.annotated()["items"] > 3).sum())
    assert f"{above} times" in message
    assert len(cluster.list("Pod", published, labels="slipway.dev/trainingrun=broken")) == 1
