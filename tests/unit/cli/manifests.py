"""Manifests to check, as Python values."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import yaml

Manifest = dict[str, Any]

GATEWAY = {"type": "GatewayAPI", "gatewayAPI": {"parentRefs": [{"name": "public"}]}}
ERRORS = {"name": "errors", "metric": "error_rate", "op": "<=", "bound": "1%"}
SHADOW = {
    "name": "shadow",
    "type": "Shadow",
    "shadow": {"percent": "100%"},
    "minDuration": "1h",
    "minSamples": 1000,
}
CANARY = {
    "name": "canary-5",
    "type": "Canary",
    "canary": {"weight": "5%"},
    "minDuration": "24h",
    "minExposures": 1000,
}
ROLLOUT: Manifest = {
    "apiVersion": "slipway.dev/v1alpha1",
    "kind": "ModelRollout",
    "metadata": {"name": "card-fraud", "namespace": "team-a"},
    "spec": {
        "taskRef": {"name": "card-fraud"},
        "model": {"type": "MLflow", "mlflow": {"name": "card-fraud", "alias": "candidate"}},
        "traffic": {**GATEWAY, "assignment": {"header": "x-slipway-bucket"}},
        "stages": [SHADOW, CANARY],
        "gates": [ERRORS],
    },
}
TASK: Manifest = {
    "apiVersion": "slipway.dev/v1alpha1",
    "kind": "ModelTask",
    "metadata": {"name": "card-fraud", "namespace": "team-a"},
    "spec": {
        "goal": "Lose less money to card fraud",
        "justification": "Changing",
        "type": "BinaryClassification",
        "label": {"column": "is_fraud", "positive": "1"},
        "serving": {"mode": "Inline", "latency": {"p99": "100ms"}},
        "features": [{"name": "amount", "type": "Numeric"}],
        "metrics": {"primary": "average_precision"},
        "criteria": [{"name": "catch", "expression": "recall >= 0.75"}],
    },
}


def rollout(**spec: Any) -> Manifest:
    """A valid ModelRollout with some fields of its spec replaced."""
    manifest = deepcopy(ROLLOUT)
    manifest["spec"].update(deepcopy(spec))
    return manifest


def task_with_rule(**changes: str) -> Manifest:
    """A valid ModelTask whose one rule has some parts replaced."""
    manifest = deepcopy(TASK)
    manifest["spec"]["features"] += [{"name": "country", "type": "Categorical"}, {"name": "note", "type": "Text"}]
    manifest["spec"]["rules"] = {"when": [{"name": "large", "if": "amount > 5", "predict": "1", **changes}]}
    return manifest


def text(*manifests: Manifest) -> str:
    """As a file of several documents."""
    return yaml.safe_dump_all(manifests, sort_keys=False)
