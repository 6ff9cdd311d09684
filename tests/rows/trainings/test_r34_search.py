"""Rows 33 to 40: folds where rows are few; searches that are counted, capped, kept, shared, and worth a number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.demo import kube
from tests.demo.kube import Cluster, Refused, condition
from tests.rows.commands import run as slipway
from tests.rows.fixtures import training_run
from tests.rows.training import GRID, Trained


def test_r33_folds_judge_the_parameters(trained: Trained) -> None:
    assert trained.ended("t-searched")["status"]["search"]["folds"] == 3
    assert trained.tracked("t-searched").data.params["folds"] == "3"


def test_r34_what_tuning_was_worth_is_logged(trained: Trained) -> None:
    search = trained.ended("t-searched")["status"]["search"]
    assert float(search["gain"]) == pytest.approx(float(search["best"]) - float(search["default"]), abs=1e-5)
    assert trained.tracked("t-searched").data.metrics["search.gain"] == pytest.approx(float(search["gain"]), abs=1e-5)


def test_r35_a_grid_tries_every_combination_once(trained: Trained) -> None:
    tried = {
        (one.data.params.get("learning_rate"), one.data.params.get("min_samples_leaf"))
        for one in trained.trials("t-searched")
    }
    assert tried == {(None, None), ("0.05", "5"), ("0.05", "20"), ("0.2", "5"), ("0.2", "20")}


def test_r35_the_number_of_runs_is_shown_before_the_start(cluster: Cluster, namespace: str, trained: Trained) -> None:
    made = training_run("t-held", namespace, "GradientBoosting", "phishing.csv")
    made["spec"] |= {"tuning": GRID, "suspend": True}
    cluster.apply(made)
    held = kube.wait(
        lambda: cluster.get("TrainingRun", "t-held", namespace),
        lambda run: bool(run.get("status", {}).get("search")), 180, "the number of runs",
    )  # fmt: skip
    assert (held["status"]["phase"], held["status"]["search"]["runs"]) == ("Suspended", 4)
    assert cluster.get("Job", "t-held-train", namespace) is None
    cluster.patch("TrainingRun", "t-held", namespace, {"spec": {"suspend": False}})
    run = trained.ended("t-held")
    assert run["status"]["search"]["runs"] == 4
    cluster.delete("TrainingRun", "t-held", namespace)


def test_r35_a_search_beyond_its_cap_is_refused(cluster: Cluster, namespace: str) -> None:
    made = training_run("t-wide", namespace, "GradientBoosting", "phishing.csv")
    made["spec"]["tuning"] = {**GRID, "maxRuns": 3}
    with pytest.raises(Refused, match="takes 4 runs"):
        cluster.apply(made)


def test_r36_random_tries_more_values_of_a_dimension_than_a_grid(trained: Trained) -> None:
    tried = {one.data.params.get("learning_rate") for one in trained.trials("t-shared")} - {None}
    assert len(tried) == 7, "a grid of eight over three dimensions has two"


def test_r37_pods_share_a_search_and_each_trial_is_made_once(trained: Trained) -> None:
    run = trained.ended("t-shared")
    assert condition(run, "CriteriaMet")["status"] in ("True", "False")
    numbers = sorted(int(one.data.tags["slipway.trial"]) for one in trained.trials("t-shared"))
    assert numbers == list(range(8))
    pods = trained.cluster.list("Pod", trained.namespace, labels="slipway.dev/trainingrun=t-shared")
    indexes = {pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] for pod in pods}
    assert indexes == {"0", "1"}


def test_r38_the_default_space_is_that_of_the_estimator(trained: Trained) -> None:
    tried = [one.data.params for one in trained.trials("t-shared") if one.data.tags["slipway.trial"] != "0"]
    assert len(tried) == 7
    for found in tried:
        assert 0.01 <= float(found["learning_rate"]) <= 0.3
        assert 5 <= int(found["min_samples_leaf"]) <= 100
        assert 0 <= float(found["l2_regularization"]) <= 0.1


def test_r39_the_big_three_of_a_network_are_searched_in_their_ranges(trained: Trained) -> None:
    tried = [one.data.params for one in trained.trials("t-network") if one.data.tags["slipway.trial"] != "0"]
    assert len(tried) == 4
    for found in tried:
        assert 1e-5 <= float(found["learning_rate_init"]) <= 1e-2
        assert 32 <= int(found["batch_size"]) <= 256
        assert 0 <= float(found["alpha"]) <= 0.1
    assert len({found["batch_size"] for found in tried}) > 1, "it is searched"


def test_r40_more_than_three_dimensions_are_warned_of(tmp_path: Path, namespace: str) -> None:
    made = training_run("t-many", namespace, "GradientBoosting", "phishing.csv")
    space = {name: {"choices": ["1", "2"]} for name in ("a", "b", "c", "d")}
    made["spec"]["tuning"] = {"algorithm": "Random", "trials": 5, "space": space}
    file = tmp_path / "run.json"
    file.write_text(json.dumps(made))
    said = slipway("lint", str(file))
    assert "4 dimensions are searched" in said.stdout + said.stderr
