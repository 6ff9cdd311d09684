"""The examples of training on the rows that they name: what they show is what happens."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec
from slipway_pipelines.data.prepare import prepare
from slipway_pipelines.estimators import parameter_value
from slipway_pipelines.function.loader import load
from slipway_pipelines.modelling import _rules
from slipway_pipelines.request import read_request
from slipway_pipelines.steps import Steps

from tests.demo import data
from tests.unit.pipelines.made import run

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def test_the_rules_of_the_judged_task_leave_something_to_learn(tmp_path: Path) -> None:
    file = tmp_path / "phishing.csv"
    file.write_text(data.training_files(data.rows())["phishing.csv"])
    task = yaml.safe_load((EXAMPLES / "training" / "judged.yaml").read_text())["spec"]
    parts: dict[str, Any] = {
        "sources": [{"name": "pages", "uri": file.as_uri()}],
        "split": {"by": "Column", "column": "split"},
    }
    request = {"name": "r", "namespace": "team", "uid": "u", "task": task, "spec": run("", data=parts)}
    given = {"SLIPWAY_TRAINING": json.dumps(request)}
    asked = read_request(given)
    _, justified = _rules(asked, prepare(asked, given, Steps()).parts)
    assert (justified.status, justified.reason) == ("True", "RulesDoNotSuffice")


def test_the_function_of_the_example_builds_what_its_manifest_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = TrainingRunSpec.model_validate(yaml.safe_load((EXAMPLES / "training" / "function.yaml").read_text())["spec"])
    assert spec.trainer.function is not None
    function = load(EXAMPLES / "training" / "function", spec.trainer.function.entrypoint)
    typed = {name: parameter_value(name, text, "BinaryClassification") for name, text in spec.parameters.items()}
    made = function.estimator(typed, spec.seed, True)
    assert (made.trust, made.max_iter, made.random_state) == (0.7, 40, 7)
    found = [row for row in data.rows() if row.split == "train"]
    made.fit([row.features for row in found], [row.label for row in found])
    assert made.predict_proba([row.features for row in found]).shape == (len(found), 2)


def test_a_policy_that_trains_again_may_look_at_test_rows_again() -> None:
    policy = yaml.safe_load((EXAMPLES / "retrain" / "policy.yaml").read_text())["spec"]
    assert policy["runTemplate"]["spec"]["allow"]["testReuse"] >= policy["budget"]["triggered"] + 4
