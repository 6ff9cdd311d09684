"""`slipway lint` of a hold-out: who is held out gets the task's rules, so there must be some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from slipway.cli.__main__ import main

from tests.unit.cli.manifests import TASK, rollout, text

RULES = {"when": [{"name": "large", "if": "amount > 5000", "predict": "1"}], "serve": "ModelOnly"}


def linted(tmp_path: Path, **task: Any) -> int:
    """The exit code for a rollout that holds out, and its task."""
    manifest = rollout()
    manifest["spec"]["traffic"] = {**manifest["spec"]["traffic"], "assignment": {}, "globalHoldout": "1%"}
    path = tmp_path / "rollout.yaml"
    path.write_text(text(manifest, {**TASK, "spec": {**TASK["spec"], **task}}))
    return main(["lint", "--no-kserve", str(path)])


def test_without_rules_it_is_an_error_with_its_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert linted(tmp_path) == 1
    said = capsys.readouterr().out
    assert "spec.traffic.globalHoldout" in said
    assert "has no spec.rules" in said
    assert "serve: ModelOnly" in said


def test_with_rules_it_is_legal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert linted(tmp_path, rules=RULES) == 0, capsys.readouterr().out


def test_of_other_tasks_no_feedback_is_looked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = {"type": "Regression", "metrics": {"primary": "rmse"}, "label": {"column": "price"}}
    linted(tmp_path, rules=RULES, criteria=[{"name": "near", "expression": "rmse <= 3"}], **other)
    assert "no feedback is looked for" in capsys.readouterr().out
