"""`slipway lint` of experiments: what decides must be counted by groups of entities, and agree with the task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from slipway.cli.__main__ import main

from tests.unit.cli.manifests import GATEWAY, TASK, rollout, text

APPROVALS = [{"name": "approval_rate", "template": {"name": "approvals"}, "better": "Higher"}]


def linted(tmp_path: Path, task: dict[str, Any] | None = None, **test: Any) -> int:
    """The exit code for a rollout with one experiment, and its task."""
    changed = {**TASK, "spec": {**TASK["spec"], "businessMetrics": APPROVALS, **(task or {})}}
    fields = {"metric": "positive_rate", "effect": {"value": "5%"}, **test}
    stage = {"name": "ab", "type": "ABTest", "abTest": fields, "minDuration": "7d"}
    path = tmp_path / "rollout.yaml"
    path.write_text(text(rollout(stages=[stage]), changed))
    return main(["lint", "--no-kserve", str(path)])


@pytest.mark.parametrize("metric", ["positive_rate", "error_rate", "mean_score", "approval_rate"])
def test_what_may_decide(tmp_path: Path, capsys: pytest.CaptureFixture[str], metric: str) -> None:
    assert linted(tmp_path, metric=metric) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("task", "test", "says"),
    [
        ({}, {"metric": "latency_p99"}, "'latency_p99' cannot decide; legal: error_rate, positive_rate"),
        ({}, {"metric": "revenue"}, "mean_score, approval_rate"),
        (
            {"type": "Regression", "metrics": {"primary": "rmse"}, "label": {"column": "price"}, "businessMetrics": []},
            {"metric": "mean_score"},
            "mean_score is that of a BinaryClassification; the task is a Regression",
        ),
    ],
)
def test_what_may_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: dict[str, Any], test: dict[str, Any], says: str
) -> None:
    assert linted(tmp_path, task, **test) == 1
    assert says in capsys.readouterr().out


def test_a_direction_that_the_task_does_not_share_is_odd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert linted(tmp_path, metric="approval_rate", better="Lower") == 0
    assert "the task says of approval_rate that Higher is better" in capsys.readouterr().out


def test_a_metric_that_needs_labels_is_told_of_as_not_acted_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert linted(tmp_path, metric="precision") == 0
    assert "spec.stages[0].abTest.metric: accepted, but not acted on" in capsys.readouterr().out


def test_a_share_that_cells_cannot_give_is_odd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert linted(tmp_path, weight="0.03%") == 0
    assert "spec.stages[0].abTest.weight: 0.03% becomes 0.024%" in capsys.readouterr().out


def test_without_an_assignment_an_experiment_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage = {"name": "ab", "type": "ABTest", "abTest": {"metric": "error_rate", "effect": {"value": "5%"}}}
    path = tmp_path / "rollout.yaml"
    path.write_text(text(rollout(stages=[stage], traffic=GATEWAY)))
    assert main(["lint", "--no-kserve", str(path)]) == 1
    assert "stages of type ABTest need traffic.assignment" in capsys.readouterr().out
