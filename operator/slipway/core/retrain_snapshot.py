"""All that one decision about a RetrainPolicy knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec, RetrainPolicyStatus, RunSummary
from slipway.core.desired.retrained_run import TRIGGERS_ANNOTATION, Policy
from slipway.core.drift import Look

Object = Mapping[str, Any]
ENDED = ("Succeeded", "Failed", "Cancelled")
REQUESTED = "Requested"
"""Outcome of a run that is written down and not yet seen: it is to be made."""


@dataclass(frozen=True)
class Served:
    """The rollout that is watched: the stable revision (empty before the first), and versions on their way."""

    revision: str = ""
    rolling: tuple[str, ...] = ()


@dataclass(frozen=True)
class RetrainSnapshot:
    """One observation. `spec` is None when it does not validate, and `invalid` says why; `raw` is the spec as written.

    `served` is None when there is no such rollout. `runs` carry the policy's label, in any order. `slot` is how often,
    in seconds, the triggers are looked at anew.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    raw: Object
    spec: RetrainPolicySpec | None
    status: RetrainPolicyStatus
    invalid: str = ""
    inactive: tuple[str, ...] = ()
    served: Served | None = None
    looks: tuple[Look, ...] = ()
    runs: tuple[Object, ...] = field(default=())
    slot: float = 60.0

    @property
    def policy(self) -> Policy:
        """As its runs know it."""
        return Policy(self.namespace, self.name, self.uid, self.raw["runTemplate"])

    def run(self, name: str) -> Object | None:
        """One of the policy's runs."""
        return next((run for run in self.runs if run["metadata"]["name"] == name), None)


def phase(run: Object) -> str:
    """Where a TrainingRun stands; Pending before it says anything."""
    return str((run.get("status") or {}).get("phase") or "Pending")


def ended(run: Object) -> bool:
    """Whether a TrainingRun has come to its end."""
    return phase(run) in ENDED


def in_flight(run: Object) -> bool:
    """Whether a TrainingRun trains or is about to. One that a person holds back does not keep others from training."""
    held = bool((run.get("spec") or {}).get("suspend"))
    return not ended(run) and not held


def made_at(run: Object) -> datetime:
    """When a TrainingRun was created."""
    return datetime.fromisoformat(run["metadata"]["creationTimestamp"])


def summary(run: Object) -> RunSummary:
    """A TrainingRun, as the status of its policy shows it."""
    metadata = run["metadata"]
    causes = (metadata.get("annotations") or {}).get(TRIGGERS_ANNOTATION, "")
    return RunSummary(
        name=metadata["name"],
        causes=tuple(cause for cause in causes.split(",") if cause),
        created_at=made_at(run),
        outcome=phase(run),
        version=str((run.get("status") or {}).get("version") or ""),
    )
