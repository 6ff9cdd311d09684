"""`slipway lint` of runs and policies that continue a version: what their task must have."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.cli.__main__ import main

from tests.unit.cli.manifests import TASK, text

EXAMPLES = Path(__file__).parents[3] / "examples"


def example(name: str) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{name}/incremental.yaml").read_text())
    return manifest


def linted(tmp_path: Path, manifest: dict[str, Any], run: dict[str, Any], **task: Any) -> int:
    """The exit code for a manifest whose run is `run`, and its task."""
    run["taskRef"] = {"name": TASK["metadata"]["name"]}
    manifest["metadata"]["namespace"] = TASK["metadata"]["namespace"]
    changed = {**TASK, "spec": {**TASK["spec"], **task}}
    path = tmp_path / "manifests.yaml"
    path.write_text(text(manifest, changed))
    return main(["lint", "--no-kserve", str(path)])


@pytest.mark.parametrize("name", ["training", "retrain"])
def test_new_rows_are_told_by_their_time(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    manifest = example(name)
    run = manifest["spec"] if name == "training" else manifest["spec"]["runTemplate"]["spec"]
    assert linted(tmp_path, manifest, run, timestamp="at") == 0, capsys.readouterr().out
    assert linted(tmp_path, manifest, run, timestamp=None) == 1
    said = capsys.readouterr().out
    assert ("spec.incremental: " if name == "training" else "spec.mode: ") in said
    assert "set spec.timestamp of ModelTask" in said


def test_naive_bayes_has_no_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = copy.deepcopy(example("training"))
    manifest["spec"]["trainer"]["builtIn"]["estimator"] = "NaiveBayes"
    numbers = {"type": "Regression", "metrics": {"primary": "mae"}, "label": {"column": "price"}, "criteria": []}
    assert linted(tmp_path, manifest, manifest["spec"], timestamp="at", **numbers) == 1
    assert "spec.trainer.builtIn.estimator: NaiveBayes has no numbers" in capsys.readouterr().out


@pytest.mark.parametrize("estimator", ["GradientBoosting", "Linear", "RandomForest", "NearestNeighbours"])
def test_an_estimator_without_partial_fit_is_refused_with_those_that_have_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], estimator: str
) -> None:
    for name in ("training", "retrain"):
        manifest = example(name)
        run = manifest["spec"] if name == "training" else manifest["spec"]["runTemplate"]["spec"]
        run["trainer"]["builtIn"]["estimator"] = estimator
        assert linted(tmp_path, manifest, run, timestamp="at") == 1
        assert "StochasticGradient, NeuralNetwork, NaiveBayes" in capsys.readouterr().out
