"""The status of a ModelRollout. Numbers that are not integers are strings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.abtest_status import ABTestResult, Delta, Together
from slipway.api.v1alpha1.base import Status
from slipway.api.v1alpha1.conditions import ConditionedStatus
from slipway.api.v1alpha1.constraints import MapBy
from slipway.api.v1alpha1.fingerprints import CarriedFingerprints
from slipway.api.v1alpha1.rollout_benchmark import Benchmark, Proof
from slipway.api.v1alpha1.rollout_commands import Held, RequestAnswers, SkippedStages
from slipway.api.v1alpha1.rollout_hooks import Announcements
from slipway.api.v1alpha1.rollout_ledger import Ledger
from slipway.api.v1alpha1.rollout_pairs import BeforeMirror, Pairs
from slipway.api.v1alpha1.rollout_probation import Probation

RETIRING = 16
"""Most InferenceServices that wait for their last requests at once."""


class Successor(Status):
    """The InferenceService that is to take the place of one that somebody deleted."""

    inference_service: str = Field("", description="Its name.")
    since: datetime | None = Field(None, description="Since when it has been asked for.")
    ready_since: datetime | None = Field(None, description="Since when all of its replicas have been ready.")


class Retiring(Status):
    """An InferenceService that somebody deleted and another has replaced; it is held until its requests are done."""

    name: str = Field(description="Its name.")
    since: datetime | None = Field(None, description="Since when the gateway has sent nothing to it.")


class Variant(Status):
    """One revision of the rollout and its InferenceService."""

    name: Literal["stable", "candidate", "previous"] = Field(description="stable, candidate or previous.")
    role: str = Field("", description="What it does now: Serving, Shadow, Canary, ABTest, Warming, Draining or Kept.")
    revision: str = Field(
        "", description="Hash of all that makes its answers: model, image, decision layer, predictor."
    )
    number: int = Field(0, description="Number of the revision, counted up over the life of the rollout.")
    model: str = Field("", description="Registered model that the version is of; empty for a run or an image.")
    version: str = Field("", description="Version in the model registry.")
    digest: str = Field("", description="Digest of the model.")
    image: str = Field("", description="Image, pinned by digest.")
    inference_service: str = Field("", description="Name of its InferenceService.")
    weight: str = Field("", description="Share of live traffic that it is asked to serve, such as 5%.")
    mirror: str = Field("", description="Share of live requests that it is asked to get as copies, such as 100%.")
    replicas: int = Field(0, description="Replicas asked for.")
    ready_replicas: int = Field(0, description="Replicas that are ready.")
    since: datetime | None = Field(None, description="When it took this role.")
    keep_until: datetime | None = Field(None, description="Until when it stays warm.")
    benchmark: Benchmark | None = Field(None, description="How fast its image answered before it got traffic.")
    definitions: CarriedFingerprints = None
    successor: Successor | None = Field(
        None, description="What takes the place of its InferenceService, which somebody deleted and which serves on."
    )
    ungated: bool | None = Field(
        None, description="Of a first revision: whether no gate has judged it before it served."
    )
    adopted: bool | None = Field(
        None, description="True: somebody else made its InferenceService, which is neither changed nor deleted."
    )
    contents: str = Field(
        "", description="Keyed digest of what it named of Secrets and ConfigMaps when its rollout began."
    )
    template: str = Field(
        "", description="The predictor as first written, in JSON without replicas: a later change makes a new revision."
    )


class Target(Status):
    """What is being rolled out, pinned."""

    model: str = Field("", description="Registered model that the version is of; empty for a run or an image.")
    version: str = Field("", description="Version in the model registry.")
    digest: str = Field("", description="Digest of the model.")
    image: str = Field("", description="Image, pinned by digest.")
    revision: str = Field("", description="Hash of the revision.")
    number: int = Field(0, description="Number of the revision.")
    started_at: datetime | None = Field(None, description="When its rollout began.")
    contents: str = Field(
        "", description="Keyed digest of what the predictor names of Secrets and ConfigMaps, as rolled out."
    )
    definitions: CarriedFingerprints = None
    proof_attempt: int = Field(0, description="Proofs that gave no verdict and were repeated.")
    cause: str = Field("", description="Why the model was trained: Redesign, Refresh or Emergency.")
    promote: str = Field("", description="Who asked, and why, that it pass all stages but those of type Approval.")
    skipped: SkippedStages = Field((), description="Stages that it has not passed by evidence, and why.")


class Queued(Status):
    """A version that appeared while another one was being rolled out."""

    model: str = Field("", description="Registered model that the version is of; empty for a run or an image.")
    version: str = Field("", description="Version in the model registry.")
    digest: str = Field("", description="Digest of the model.")
    cause: str = Field("", description="Why it was trained. One of cause Emergency keeps its place in the queue.")
    evaluation: str = Field("", description="What its evaluation came to.")
    definitions: CarriedFingerprints = None


class Split(Status):
    """The share of the candidate: as asked for, and as measured."""

    requested: str = Field("", description="Share asked for: assigned cells of 4,096, or the weight.")
    observed: str = Field("", description="Share measured.")
    low: str = Field("", description="Lower end of the 99.9% interval of the measured share.")
    high: str = Field("", description="Upper end of it.")
    basis: Literal["Entities", "Requests"] = Field("Requests", description="What was counted.")
    agrees: bool | None = Field(
        None, description="Whether the share asked for lies in the interval; absent: not yet known."
    )


class StageProgress(Status):
    """The stage that the candidate is in."""

    name: str = Field("", description="Name of the stage.")
    index: int = Field(0, description="Its place in spec.stages, from 0; -1 before them, their number after them.")
    type: str = Field("", description="Its type.")
    epoch: int = Field(0, description="Counts restarts of evidence, such as after a changed weight.")
    since: datetime | None = Field(None, description="When the stage began.")
    accrued_seconds: int = Field(0, description="Time that counts towards minDuration, in seconds.")
    running_since: datetime | None = Field(
        None, description="Since when the clock has been running; absent: it stands."
    )
    exposures: int = Field(0, description="Distinct entities that the candidate served in this epoch.")
    samples: int = Field(0, description="Requests that the candidate answered in this epoch; with pairs: these.")
    expected_end: datetime | None = Field(None, description="When the stage will pass if all stays as it is.")
    route_generation: int = Field(0, description="Generation of the HTTPRoute that first carried this stage.")
    route_observed_at: datetime | None = Field(None, description="Since when the gateway carries the route asked for.")
    ready_since: datetime | None = Field(None, description="Since when all replicas of the candidate have been ready.")
    withheld_since: datetime | None = Field(
        None, description="Since when the candidate gets no traffic, because it could not answer."
    )
    reported_at: datetime | None = Field(None, description="When the measurements here and in gates were last written.")
    approved: str = Field("", description="In a stage of type Approval: who has approved.")
    source: str = Field(
        "", description="In a stage of type Approval: the stage whose traffic it keeps, and whose gates hold on."
    )
    advance: str = Field("", description="Who asked, and why, to go on to the next stage before this one has passed.")
    message: str = Field("", description="What the stage waits for.")
    pairs: Pairs | None = Field(None, description="With a mirror and a prediction log: the answers, pair by pair.")
    before_mirror: BeforeMirror | None = Field(None, description="Stable's latency before its requests were mirrored.")


class GateResult(Status):
    """The latest judgement of one gate."""

    name: str = Field(description="Name of the gate.")
    metric: str = Field("", description="Its metric.")
    value: str = Field("", description="Value of the candidate.")
    low: str = Field("", description="Lower end of the confidence interval.")
    high: str = Field("", description="Upper end of the confidence interval.")
    bound: str = Field("", description="Limit that was applied, relations to stable resolved.")
    samples: int = Field(0, description="Events behind the value.")
    stable_value: str = Field("", description="Value of stable at the same time.")
    verdict: Literal["Pass", "Breach", "Wait", "Invalid", "Unknown"] = Field("Unknown", description="The judgement.")
    message: str = Field("", description="The reason, for a person.")
    since: datetime | None = Field(None, description="Since when the verdict has been the same.")
    unjudged_since: datetime | None = Field(
        None, description="Since when nobody could judge it: Unknown or Invalid, in whatever order."
    )
    breaches: int = Field(0, description="1 once it has breached: that is a person's to decide upon.")
    in_a_row: int = Field(0, description="Windows in a row that breached; the gate breaches at its failures.")
    counted_at: datetime | None = Field(None, description="When the last window of this row ended.")
    gate: str = Field("", description="Hash of the gate as it was written: a breach sticks to it alone.")
    enforcement: Literal["Enforce", "DryRun"] = Field(
        "Enforce", description="Whether the verdict decides anything; that of DryRun is only told."
    )


# 20 of the rollout, 20 of the stage, and 20 that hold on in one of type Approval, or the metric that decides an ABTest;
# of a Shadow stage besides the 4 that come with agreement, and stable's latency.
GateResults = Annotated[tuple[GateResult, ...], MapBy(65)]


class HistoryEntry(Status):
    """How one revision ended."""

    revision: str = Field("", description="Hash of the revision.")
    number: int = Field(0, description="Number of the revision.")
    model: str = Field("", description="Registered model that the version is of; empty for a run or an image.")
    version: str = Field("", description="Version in the model registry.")
    digest: str = Field("", description="Digest of the model.")
    outcome: Literal["Promoted", "RolledBack", "Failed", "Superseded", "Aborted", "Inconclusive"] = Field(
        description="How it ended."
    )
    stage: str = Field("", description="The stage in which it ended.")
    reason: str = Field("", description="Why, in one CamelCase word.")
    message: str = Field("", description="Why, for a person.")
    started_at: datetime | None = Field(None, description="When its rollout began.")
    ended_at: datetime | None = Field(None, description="When it ended.")
    gates: GateResults = Field((), description="The gates as they were at the end: the evidence.")
    ab_test: ABTestResult | None = Field(None, description="Its experiment, if it came to one.")
    benchmark: Benchmark | None = Field(None, description="How fast its image answered before it got traffic.")
    cause: str = Field("", description="Why its model was trained.")
    skipped: SkippedStages = Field((), description="Stages that it has not passed by evidence, and why.")
    requests: RequestAnswers = Field((), description="What people asked of it by RolloutRequests, newest first.")


class Rejected(Status):
    """A model that failed or was rolled back; it is not tried again without a RolloutRequest."""

    digest: str = Field("", description="Digest of the model.")
    model: str = Field("", description="Registered model that the version is of; empty for a run or an image.")
    version: str = Field("", description="Version in the model registry.")
    reason: str = Field("", description="Why, in one CamelCase word.")
    at: datetime | None = Field(None, description="When.")
    intent: str = Field("", description="Hash of what the spec asked for: a changed spec tries it again.")


class BatchStatus(Status):
    """The last scoring Job that ended, of a task with serving.mode Batch."""

    last_run: str = Field("", description="Name of its Job.")
    outcome: Literal["", "Succeeded", "Failed"] = Field("", description="How it ended.")
    ended_at: datetime | None = Field(None, description="When it ended.")
    revision: str = Field("", description="Hash of the revision that scored.")
    rows: int | None = Field(None, description="Rows of the input that were written; absent when its pods are gone.")
    bad_records: int = Field(0, description="Rows among them without an answer.")
    seconds: int = Field(0, description="How long its last pod took.")
    output: str = Field("", description="Directory of the scores.")
    message: str = Field("", description="What it came to, or why it failed.")
    running: str = Field("", description="Name of the Job that scores now.")


class ModelRolloutStatus(ConditionedStatus):
    """What the operator has observed and done. Its conditions: Accepted, Ready, Reconciling, Progressing, Stalled."""

    phase: str = Field("", description="A summary for people, derived from the rest; programs read conditions.")
    revision_counter: int = Field(0, description="Number of the newest revision.")
    epoch: int = Field(0, description="Counts restarts of evidence over the life of the rollout.")
    epoch_since: datetime | None = Field(None, description="When this epoch began.")
    variants: Annotated[tuple[Variant, ...], MapBy(8)] = Field((), description="The InferenceServices of the rollout.")
    retiring: Annotated[tuple[Retiring, ...], MapBy(RETIRING)] = Field(
        (), description="InferenceServices that somebody deleted, held until their requests are done."
    )
    target: Target | None = Field(None, description="What is being rolled out, pinned.")
    queued: Queued | None = Field(None, description="The version that waits.")
    ignored: Queued | None = Field(
        None, description="With onNewVersion Ignore: the version that appeared while another one was being rolled out."
    )
    held: Held | None = Field(None, description="Who has stopped the rollout by a RolloutRequest; absent: nobody.")
    requests: RequestAnswers = Field((), description="The latest RolloutRequests and their answers, newest first.")
    split: Split | None = Field(None, description="The candidate's share, asked for and measured.")
    stage: StageProgress | None = Field(None, description="The stage that the candidate is in.")
    gates: GateResults = Field((), description="The latest judgement of each gate.")
    stable_gates: GateResults = Field(
        (), description="While another version is rolled out: of the gates that still guard the promoted one."
    )
    ab_test: ABTestResult | None = Field(None, description="The experiment of what is being rolled out.")
    probation: Probation | None = Field(
        None, description="How the version that was promoted last does by its own labels."
    )
    side_by_side: Annotated[tuple[Delta, ...], MapBy(24)] = Field(
        (), description="In stages with live traffic: what the model answers beside what the business counts."
    )
    metrics_together: Annotated[tuple[Together, ...], MapBy(24)] = Field(
        (), description="How the model's metrics and those of the business moved together over past experiments."
    )
    ledger: Ledger | None = Field(None, description="The evidence ledger: each decision with its inputs.")
    announcements: Announcements | None = Field(
        None, description="With hooks or notifications: what happened, and who is still to be told."
    )
    batch: BatchStatus | None = Field(None, description="With serving.mode Batch: the last run.")
    proofs: Annotated[tuple[Proof, ...], Field(max_length=10)] = Field(
        (), description="The latest images that were proven, newest first."
    )
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=10)] = Field(
        (), description="How the latest revisions ended, newest first."
    )
    rejected: Annotated[tuple[Rejected, ...], Field(max_length=20)] = Field(
        (), description="Models that failed or were rolled back, newest first."
    )

    @property
    def standing_breach(self) -> str:
        """The first enforced gate whose breach stands, a lost experiment among them; empty when none does. Nothing goes
        forward then, whoever asks for it."""
        return next((each.name for each in self.gates if each.breaches and each.enforcement == "Enforce"), "")
