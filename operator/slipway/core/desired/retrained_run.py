"""The TrainingRun that a RetrainPolicy makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GROUP = "slipway.dev"
POLICY_LABEL = f"{GROUP}/policy"
TRIGGERS_ANNOTATION = f"{GROUP}/triggers"


@dataclass(frozen=True)
class Policy:
    """Whose run it is. `template` is spec.runTemplate as the API server holds it."""

    namespace: str
    name: str
    uid: str
    template: Mapping[str, Any]


def retrained_run(policy: Policy, name: str, causes: Sequence[str]) -> dict[str, Any]:
    """The manifest; `causes` are the names of the triggers that asked for it."""
    given = policy.template.get("metadata") or {}
    labels = {**(given.get("labels") or {}), "app.kubernetes.io/managed-by": "slipway", POLICY_LABEL: policy.name}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "TrainingRun",
        "metadata": {
            "name": name,
            "namespace": policy.namespace,
            "labels": labels,
            "annotations": {**(given.get("annotations") or {}), TRIGGERS_ANNOTATION: ",".join(causes)},
            "ownerReferences": [
                {
                    "apiVersion": f"{GROUP}/v1alpha1",
                    "kind": "RetrainPolicy",
                    "name": policy.name,
                    "uid": policy.uid,
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": {**policy.template["spec"], "cause": _cause(policy.template["spec"])},
    }


def _cause(spec: Mapping[str, Any]) -> str:
    """A policy repeats a design that exists, so the schema's default, Redesign, is never what it means."""
    cause = str(spec.get("cause") or "Refresh")
    return "Refresh" if cause == "Redesign" else cause
