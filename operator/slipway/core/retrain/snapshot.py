"""All that one decision about a RetrainPolicy knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.incremental import NOTHING_NEW
from slipway.api.v1alpha1.retrain_status import RetrainPolicyStatus, RunSummary
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.core.desired.retrained_run import TRIGGERS_ANNOTATION, Policy
from slipway.core.drift import Look
from slipway.core.measurement import Labelled
from slipway.core.metric_trigger import MetricLook
from slipway.core.performance_look import PerformanceLook
from slipway.core.rollout.snapshot import Request

Object = Mapping[str, Any]
Seen = Look | MetricLook | PerformanceLook
ENDED = ("Succeeded", "Failed", "Cancelled")
REQUESTED = "Requested"
"""Outcome of a run that is written down and not yet seen: it is to be made."""


@dataclass(frozen=True)
class Ended:
    """How a version ended in the watched rollout."""

    version: str
    digest: str
    outcome: str
    at: datetime


@dataclass(frozen=True)
class Served:
    """The rollout that is watched: the stable revision (empty before the first) and its version.

    `gated` are versions that wait or are proven, `rolling` those that have come to a stage. `history` is that of the
    rollout, newest first, of the registered model that the policy trains. `model` is the registered model that the
    rollout takes its versions from; empty where it takes them from none.
    """

    revision: str = ""
    version: str = ""
    gated: tuple[str, ...] = ()
    rolling: tuple[str, ...] = ()
    history: tuple[Ended, ...] = ()
    model: str = ""


@dataclass(frozen=True)
class RetrainSnapshot:
    """One observation. `spec` is None when it does not validate, and `invalid` says why; `raw` is the spec as written.

    `served` is None when there is no such rollout. `runs` carry the policy's label or were ordered by it, in any order.
    `slot` is how often, in seconds, the triggers are looked at anew. `damage` says what is wrong with the data itself,
    `label_damage` what is with the labels that come later; `requests` have no final answer yet.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    raw: Object
    spec: RetrainPolicySpec | None
    status: RetrainPolicyStatus
    created: datetime
    invalid: str = ""
    inactive: tuple[str, ...] = ()
    served: Served | None = None
    looks: tuple[Seen, ...] = ()
    runs: tuple[Object, ...] = field(default=())
    slot: float = 60.0
    damage: tuple[str, ...] = ()
    label_damage: tuple[str, ...] = ()
    requests: tuple[Request, ...] = ()
    labelled: Labelled = field(default_factory=Labelled)

    @property
    def broken(self) -> tuple[str, ...]:
        """What is broken about features and labels: nothing is trained on it."""
        return (*self.damage, *self.label_damage)

    @property
    def policy(self) -> Policy:
        """As its runs know it."""
        return Policy(self.namespace, self.name, self.uid, self.raw["runTemplate"])

    def run(self, name: str) -> Object | None:
        """One of the policy's runs."""
        return next((run for run in self.runs if run["metadata"]["name"] == name), None)


def evidence(looks: Iterable[Seen]) -> tuple[str, ...]:
    """What confirms triggers, beyond their names: features that drifted, figures of matured labels."""
    seen = tuple(looks)
    drifting = sorted({name for look in seen for name in look.drifting})
    figures = [look.words for look in seen if isinstance(look, PerformanceLook) and look.confirmed]
    return (*((f"{', '.join(drifting)} drifted",) if drifting else ()), *figures)


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


def ended_at(run: Object) -> datetime | None:
    """When a TrainingRun ended; None before that, and of one that does not say."""
    at = (run.get("status") or {}).get("endedAt") if ended(run) else None
    return datetime.fromisoformat(at) if at else None


def summary(run: Object) -> RunSummary:
    """A TrainingRun, as the status of its policy shows it."""
    metadata, status = run["metadata"], run.get("status") or {}
    causes = (metadata.get("annotations") or {}).get(TRIGGERS_ANNOTATION, "")
    return RunSummary(
        name=metadata["name"],
        causes=tuple(cause for cause in causes.split(",") if cause),
        created_at=made_at(run),
        ended_at=ended_at(run),
        outcome=phase(run),
        version=str(status.get("version") or ""),
        run_id=str(status.get("runId") or ""),
        data_digest=str(status.get("dataDigest") or ""),
        base=str(((run.get("spec") or {}).get("incremental") or {}).get("base") or ""),
        reason=_reason(status),
    )


def _reason(status: Object) -> str:
    """Why a run has made no model; empty while it may, and where it has."""
    said = {each["type"]: each for each in status.get("conditions") or ()}
    if status.get("phase") == "Failed":
        return str(said.get("Stalled", {}).get("reason", ""))
    registered = said.get("Registered", {})
    return NOTHING_NEW if registered.get("reason") == NOTHING_NEW else ""
