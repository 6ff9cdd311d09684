"""The TrainingRun that a RetrainPolicy makes, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GROUP = "slipway.dev"
POLICY_LABEL = f"{GROUP}/policy"
TRIGGERS_ANNOTATION = f"{GROUP}/triggers"
Metadata = dict[str, Any]


@dataclass(frozen=True)
class Policy:
    """Whose run it is. `template` is spec.runTemplate as the API server holds it."""

    namespace: str
    name: str
    uid: str
    template: Mapping[str, Any]

    def metadata(self, name: str, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None) -> Metadata:
        """Metadata of what the policy makes, which goes with it."""
        owner = {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": "RetrainPolicy",
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }
        return {
            "name": name,
            "namespace": self.namespace,
            "labels": {**labels, "app.kubernetes.io/managed-by": "slipway", POLICY_LABEL: self.name},
            **({"annotations": dict(annotations)} if annotations is not None else {}),
            "ownerReferences": [owner],
        }


def retrained_run(policy: Policy, name: str, causes: Sequence[str], emergency: bool, base: str = "") -> dict[str, Any]:
    """The manifest; `causes` are the names of what asked for it.

    Args:
        emergency: triggers asked for it, and not the calendar.
        base: the version that it continues; empty where it trains in full.
    """
    given = policy.template.get("metadata") or {}
    annotations = {**(given.get("annotations") or {}), TRIGGERS_ANNOTATION: ",".join(causes)}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "TrainingRun",
        "metadata": policy.metadata(name, given.get("labels") or {}, annotations),
        "spec": {
            **policy.template["spec"],
            "cause": _cause(policy.template["spec"], emergency),
            **({"incremental": {"base": base}} if base else {}),
        },
    }


def _cause(spec: Mapping[str, Any], emergency: bool) -> str:
    """A policy repeats a design that exists, so the schema's default, Redesign, is never what it means."""
    return "Emergency" if emergency or spec.get("cause") == "Emergency" else "Refresh"
