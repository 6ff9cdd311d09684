"""Where the pods of a rollout run, and as whom: what a tenant says of it."""

from __future__ import annotations

from typing import Any

from slipway.api.v1alpha1.rollout_model import Predictor


def placement(predictor: Predictor) -> dict[str, Any]:
    """Fields of a pod: nodes, taints, priority, and the ServiceAccount, whose token the pod does not get. What is not
    asked for is absent, so that a template of before is the same."""
    asked: dict[str, Any] = {
        "nodeSelector": dict(predictor.node_selector),
        "tolerations": [
            each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in predictor.tolerations
        ],
        "priorityClassName": predictor.priority_class_name,
        "serviceAccountName": predictor.service_account_name,
    }
    return {name: value for name, value in asked.items() if value}
