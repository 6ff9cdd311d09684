"""A run or a policy of the rules alone, beside a task that has none to serve: said before anything is applied."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from slipway.validation import check_together

from tests.unit.cli.manifests import TASK

RULES = {"when": [{"name": "first", "if": "1 > 0", "predict": "1"}]}
TRAINER = {"type": "BuiltIn", "builtIn": {"estimator": "Rules"}}


def task(rules: Any) -> dict[str, Any]:
    manifest = deepcopy(TASK)
    return manifest | {"spec": manifest["spec"] | ({"rules": rules} if rules else {})}


def run(trainer: Any = TRAINER) -> dict[str, Any]:
    spec = {"taskRef": {"name": TASK["metadata"]["name"]}, "trainer": trainer}
    return {"kind": "TrainingRun", "metadata": {**TASK["metadata"], "name": "run"}, "spec": spec}


def policy() -> dict[str, Any]:
    return {"kind": "RetrainPolicy", "metadata": run()["metadata"], "spec": {"runTemplate": {"spec": run()["spec"]}}}


@pytest.mark.parametrize("rules", [None, {**RULES, "serve": "ModelOnly"}])
@pytest.mark.parametrize(
    ("made", "field"),
    [
        (run(), ("spec", "trainer", "builtIn", "estimator")),
        (policy(), ("spec", "runTemplate", "spec", "trainer", "builtIn", "estimator")),
    ],
)
def test_a_task_without_rules_that_are_served_is_told(rules: Any, made: Any, field: Any) -> None:
    (found,) = [finding for _, finding in check_together([task(rules), made])]
    assert found.location == field
    assert "needs spec.rules with serve: Hybrid" in str(found)


def test_rules_that_are_served_and_other_estimators_pass() -> None:
    linear = {"type": "BuiltIn", "builtIn": {"estimator": "Linear"}}
    assert list(check_together([task(RULES), run(), policy()])) == []
    assert list(check_together([task(None), run(linear)])) == []
