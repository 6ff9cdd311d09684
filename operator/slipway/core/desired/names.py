"""Names, labels and owner references of what a rollout owns: one place, so that a reader finds them by one search."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GROUP = "slipway.dev"
ROLLOUT_LABEL = f"{GROUP}/rollout"
REVISION_LABEL = f"{GROUP}/revision"
JOB_LABEL = f"{GROUP}/job"
PROOF_LABEL = f"{GROUP}/proof"
"""On Jobs and pods that prove an image: what a NetworkPolicy selects."""

PAIRS_LABEL = f"{GROUP}/pairs"
"""On the Job that compares pairs, and its pods: what their NetworkPolicy selects."""

FINALIZER = f"{GROUP}/traffic"
REVISION_HEADER = "x-slipway-revision"
ASSIGNMENT_HEADER = "x-slipway-assignment"
HOLDOUT_HEADER = "x-slipway-holdout"
PREDICTOR_PORT = 80

GENERATIONS = 9
"""InferenceServices of one revision that may exist at once: the second to the ninth have their number as a suffix."""


@dataclass(frozen=True)
class Identity:
    """Whose children are made. `owned` is False under deletionPolicy Orphan: children must outlive their rollout."""

    namespace: str
    name: str
    uid: str
    owned: bool = True

    @property
    def key(self) -> str:
        """How the rollout is called in metrics and environments."""
        return f"{self.namespace}/{self.name}"

    def metadata(self, name: str, labels: Mapping[str, str], owned: bool | None = None) -> dict[str, Any]:
        """Metadata of a child. The reference never blocks a foreground deletion: Argo CD would take the children
        while our finalizer still moves traffic away (traffic.md 7)."""
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": self.namespace,
            "labels": {"app.kubernetes.io/managed-by": "slipway", ROLLOUT_LABEL: self.name, **labels},
        }
        if self.owned if owned is None else owned:
            metadata["ownerReferences"] = [
                {
                    "apiVersion": f"{GROUP}/v1alpha1",
                    "kind": "ModelRollout",
                    "name": self.name,
                    "uid": self.uid,
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ]
        return metadata


def canonical(value: Any) -> str:
    """JSON with one spelling for each value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def short_hash(value: Any) -> str:
    """10 hex digits of the SHA-256 over canonical JSON, of which the first is a letter: in a manifest without quotes,
    YAML reads 4842376619 as a number and 484237e59 as a float, and the API server then refuses it."""
    digits = hashlib.sha256(canonical(value).encode()).hexdigest()[:10]
    first = "abcdef"[int(digits[0]) % 6] if digits[0].isdecimal() else digits[0]
    return first + digits[1:]


def inference_service_name(rollout: str, revision: str, generation: int = 1) -> str:
    """Name of the InferenceService of a revision; those that replace a deleted one count from 2 to GENERATIONS."""
    return f"{rollout}-{revision}" if generation == 1 else f"{rollout}-{revision}-{generation}"


def predictor_service(inference_service: str) -> str:
    """Name of the Service that KServe makes in Standard mode."""
    return f"{inference_service}-predictor"
