"""Rows 8 and 9: a heuristic that meets the criteria comes first; of what it lets through the model is judged apart."""

from __future__ import annotations

import pytest

from tests.demo import data
from tests.demo.kube import condition
from tests.rows.training import Trained


def test_r09_rules_that_suffice_stop_the_training(trained: Trained) -> None:
    run = trained.ended("t-ruled")
    assert condition(run, "MLJustified")["status"] == "False"
    assert condition(run, "Stalled")["reason"] == "RulesSuffice"
    assert "version" not in run["status"]
    assert run["status"].get("testOpenings", 0) == 0
    assert "train" not in {step["name"] for step in run["status"]["steps"]}


def test_r09_the_rules_alone_can_be_the_first_version_that_is_served(trained: Trained) -> None:
    run = trained.ended("t-heuristic")
    assert run["status"]["phase"] == "Succeeded"
    assert condition(run, "CriteriaMet")["status"] == "True"
    version = trained.client().get_model_version("training-t-heuristic", run["status"]["version"])
    assert version.tags["slipway.evaluation"] == "passed"
    measured = trained.tracked("t-heuristic").data.metrics
    positives = sum(row.label == "1" for row in data.rows() if row.split == "test")
    tested = sum(row.split == "test" for row in data.rows())
    assert measured["test.recall"] == 1, "its rule answers every row"
    assert measured["test.precision"] == pytest.approx(positives / tested)


def test_r09_rules_that_do_not_suffice_justify_a_model_and_are_measured_beside_it(trained: Trained) -> None:
    assert condition(trained.ended("t-searched"), "MLJustified")["status"] == "True"
    measured = trained.tracked("t-searched").data.metrics
    assert {"rules.validation.recall", "linear.validation.recall", "test.recall-minus-rules"} <= measured.keys()
    assert "test.recall-missed-by-rules" in measured


def test_r08_recall_on_the_positives_that_no_rule_catches_is_reported(trained: Trained) -> None:
    """The rule of the task calls every page without https phishing."""
    positives = [row for row in data.rows() if row.split == "test" and row.label == "1"]
    missed = [row for row in positives if row.instance()["https"] != 0]
    assert 0 < len(missed) < len(positives), "else there is nothing to tell apart"
    measured = trained.tracked("t-searched").data.metrics
    found, recall = measured["test.recall-missed-by-rules"] * len(missed), measured["test.recall"] * len(positives)
    assert found == pytest.approx(round(found), abs=1e-6), "a count of those that the rules let through"
    assert recall - (len(positives) - len(missed)) <= found <= recall
    assert measured["test.recall-missed-by-rules.low"] <= measured["test.recall-missed-by-rules"]
    assert "test.recall-missed-by-rules" not in trained.tracked("t-shared").data.metrics, "without rules none is missed"
