"""Rows 1, 2, 5, 7, 11 and 30: what a contract must say, and which claims a cluster refuses, each with its field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.demo import kube
from tests.demo.kube import Cluster, Object, Refused, condition
from tests.rows import cards

NAME = "r01"


def refusal(cluster: Cluster, manifest: Object) -> str:
    with pytest.raises(Refused) as caught:
        cluster.apply(manifest)
    assert caught.value.status == 422
    return str(caught.value)


@pytest.mark.parametrize(
    "path", ["goal", "type", "serving", "serving.latency", "criteria", "features", "label", "justification", "metrics"]
)
def test_r01_without_one_of_its_parts_a_task_is_refused_by_name(cluster: Cluster, namespace: str, path: str) -> None:
    manifest = cards.task(NAME, namespace)
    *parents, last = path.split(".")
    place: Any = manifest["spec"]
    for parent in parents:
        place = place[parent]
    del place[last]
    assert last in refusal(cluster, manifest)


@pytest.mark.parametrize("path", ["criteria", "features"])
def test_r01_an_empty_list_is_no_list(cluster: Cluster, namespace: str, path: str) -> None:
    assert f"spec.{path}" in refusal(cluster, cards.task(NAME, namespace, **{path: []}))


@pytest.mark.parametrize(
    ("kind", "metric", "legal"),
    [
        ("BinaryClassification", "rmse", "average_precision"),
        ("MulticlassClassification", "brier_score", "top_k_accuracy"),
        ("Regression", "recall", "mae"),
        ("Ranking", "accuracy", "ndcg"),
        ("AnomalyDetection", "accuracy", "roc_auc"),
    ],
)
def test_r02_a_metric_of_another_type_is_refused_with_the_legal_ones(
    cluster: Cluster, namespace: str, kind: str, metric: str, legal: str
) -> None:
    own = [{"name": "c", "expression": f"{legal} >= 0.5"}]
    said = refusal(cluster, cards.task(NAME, namespace, type=kind, metrics={"primary": metric}, criteria=own))
    assert f"type: {kind}" in said
    assert legal in said
    proved = [{"name": "c", "expression": f"{metric} >= 0.5"}]
    asked = cards.task(NAME, namespace, type=kind, metrics={"primary": legal}, criteria=proved)
    assert "spec.criteria" in refusal(cluster, asked)


def test_r05_a_feature_that_is_known_later_is_refused(cluster: Cluster, namespace: str) -> None:
    late = [{"name": "amount", "type": "Numeric"}, {"name": "code", "type": "Categorical", "availableAfter": "30d"}]
    said = refusal(cluster, cards.task(NAME, namespace, features=late))
    assert "LeakageDetected" in said
    assert "code is known only after" in said


@pytest.mark.parametrize("column", ["fraud", "payment"])
def test_r05_the_label_or_the_id_as_a_feature_is_refused(cluster: Cluster, namespace: str, column: str) -> None:
    leaking = [{"name": "amount", "type": "Numeric"}, {"name": "x", "column": column, "type": "Categorical"}]
    assert "LeakageDetected: 'x' is the" in refusal(cluster, cards.task(NAME, namespace, features=leaking))


def test_r07_an_unstructured_task_needs_a_text_and_shows_it(cluster: Cluster, namespace: str) -> None:
    assert "Text" in refusal(cluster, cards.task(NAME, namespace, justification="Unstructured"))
    features = [{"name": "note", "type": "Text"}]
    cluster.apply(cards.task("r07", namespace, justification="Unstructured", features=features, entity=None, id=None))
    task = kube.wait(
        lambda: cluster.get("ModelTask", "r07", namespace), lambda one: bool(condition(one, "Ready")), 180, "Ready"
    )
    assert task["status"]["justification"] == "Unstructured: supported by the texts note"
    assert [one["field"] for one in task["status"]["limitations"]] == ["id", "entity"]
    assert "without id, entity" in condition(task, "Ready")["message"]
    cluster.delete("ModelTask", "r07", namespace)


def test_r29_an_expression_that_cannot_be_read_is_refused_with_its_place(cluster: Cluster, namespace: str) -> None:
    features = [{"name": "amount", "type": "Numeric"}, {"name": "each", "expression": "amount / itms"}]
    said = refusal(cluster, cards.task(NAME, namespace, features=features))
    assert "spec.features[1].expression" in said
    assert "character 10" in said


def test_r30_fractions_add_up(cluster: Cluster, namespace: str) -> None:
    data = {"sources": [{"name": "a", "uri": "a.csv"}], "split": {"train": "80%", "validation": "15%", "test": "15%"}}
    assert "add up to 100%" in refusal(cluster, cards.run(NAME, namespace, NAME, data))
