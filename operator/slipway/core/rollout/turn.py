"""One decision on its way: the snapshot, the instant, and the status as decided so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from slipway.api.v1alpha1.abtest_status import ABTestResult
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus, StageProgress, Target, Variant
from slipway.core.ledger.entry import Decision, Kind
from slipway.core.plan import Notice
from slipway.core.rollout.snapshot import Snapshot, variant

BUILD, PROVE, START, PROMOTE, ROLLBACK = "Build", "Prove", "Start", "Promote", "Rollback"
BEFORE_TRAFFIC = (BUILD, PROVE, START)
TRAFFIC_STAGES = ("Shadow", "Canary", "ABTest")
TICK = timedelta(seconds=1)
"""The reconcile's clock counts whole seconds: what begins now may have begun up to one later, and must not count it."""


@dataclass(frozen=True)
class Turn:
    """`said` are the conditions that parts of the decision want to state: type → (status, reason, message);
    `decisions` go into the evidence ledger."""

    snapshot: Snapshot
    spec: ModelRolloutSpec
    now: datetime
    status: ModelRolloutStatus
    notices: tuple[Notice, ...] = ()
    wake: float | None = None
    said: tuple[tuple[str, tuple[str, str, str]], ...] = ()
    decisions: tuple[Decision, ...] = ()

    def set(self, **fields: Any) -> Turn:
        """With some fields of the status changed."""
        return replace(self, status=self.status.model_copy(update=fields))

    def set_stage(self, **fields: Any) -> Turn:
        """With some fields of the running stage changed."""
        return self.set(stage=self.progress.model_copy(update=fields))

    def set_variant(self, name: str, **fields: Any) -> Turn:
        """With some fields of one variant changed."""
        changed = tuple(v.model_copy(update=fields) if v.name == name else v for v in self.status.variants)
        return self.set(variants=changed)

    def without(self, name: str) -> Turn:
        """With one variant dropped: what is no variant is cleaned up."""
        return self.set(variants=tuple(v for v in self.status.variants if v.name != name))

    def notice(self, kind: Literal["Normal", "Warning"], reason: str, message: str) -> Turn:
        """With an Event to tell."""
        return replace(self, notices=(*self.notices, Notice(kind, reason, message)))

    def record(self, kind: Kind, reason: str, message: str) -> Turn:
        """With an entry for the evidence ledger: this decision, and the status that it was taken upon."""
        return replace(self, decisions=(*self.decisions, Decision(kind, reason, message, self.status)))

    def at_latest(self, seconds: float) -> Turn:
        """Decides again in at most `seconds`."""
        return replace(self, wake=max(0.0, min(seconds, self.wake) if self.wake is not None else seconds))

    def say(self, kind: str, status: str, reason: str, message: str) -> Turn:
        """States a condition; the last statement of a type counts."""
        return replace(self, said=(*self.said, (kind, (status, reason, message))))

    def variant(self, name: str) -> Variant | None:
        return variant(self.status, name)

    def the(self, name: str) -> Variant:
        """The variant in a place that must be taken at this point of the decision. Raises LookupError if it is not."""
        found = variant(self.status, name)
        if found is None:
            raise LookupError(f"there is no {name}")
        return found

    @property
    def progress(self) -> StageProgress:
        """The running stage, which there must be at this point of the decision. Raises LookupError if there is none."""
        if self.status.stage is None:
            raise LookupError("no stage is running")
        return self.status.stage

    @property
    def target(self) -> Target:
        """What is being rolled out, which there must be at this point. Raises LookupError if there is nothing."""
        if self.status.target is None:
            raise LookupError("nothing is being rolled out")
        return self.status.target

    @property
    def contents(self) -> str:
        """The keyed digest of what the predictor names; empty where it names nothing, or where that is not known."""
        return self.snapshot.contents if isinstance(self.snapshot.contents, str) else ""

    @property
    def stage(self) -> StageProgress | None:
        return self.status.stage

    @property
    def stage_type(self) -> str:
        return self.status.stage.type if self.status.stage else ""

    def age(self, since: datetime | None) -> float:
        """Seconds since an instant; 0 when it is unknown."""
        return max(0.0, (self.now - since).total_seconds()) if since else 0.0

    def _experiment_anew(self) -> ABTestResult | None:
        """The running experiment without what was seen of it; one that the rollout has passed stays as it ended. What
        was looked at has spent some of the error, so that the rest is planned anew."""
        known = self.status.ab_test
        if known is None or self.stage is None or known.stage != self.stage.name or known.ended_at is not None:
            return known
        kept = {"stage", "metric", "design", "ends_at", "restarts"}
        if not known.looked_at:
            kept |= {"required", "expected_days", "reachable", "detectable", "baseline", "basis", "underpowered"}
        fields = {name: getattr(known, name) for name in kept}
        fields["restarts"] += known.looked_at
        return ABTestResult(**fields, verdict="Worse" if known.verdict == "Worse" else "Running")

    def new_epoch(self) -> Turn:
        """Evidence restarts: the split changed, or somebody disturbed it. A breach is not forgotten with it: it is a
        person's to decide upon."""
        breached = tuple(gate for gate in self.status.gates if gate.breaches)
        turn = self.set(
            epoch=self.status.epoch + 1, epoch_since=self.now, gates=breached, split=None,
            ab_test=self._experiment_anew(),
        )  # fmt: skip
        if turn.stage is None:
            return turn
        return turn.set_stage(
            epoch=turn.status.epoch, accrued_seconds=0, running_since=None, exposures=0, samples=0, expected_end=None,
            route_generation=0, route_observed_at=None, reported_at=None, pairs=None,
        )  # fmt: skip
