"""ModelRollout: brings each new version of a model into service, by evidence. It lives as long as the service does."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec
from slipway.api.v1alpha1.constraints import Later, Name
from slipway.api.v1alpha1.gates import Gates
from slipway.api.v1alpha1.kind import AGE, Column, Kind, ready_column
from slipway.api.v1alpha1.metrics import PAIRED, cel_list
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.rollout_hooks import Hooks, Notifications
from slipway.api.v1alpha1.rollout_model import BuildImage, Candidates, Certification, ModelSource, Predictor
from slipway.api.v1alpha1.rollout_policy import Adopt, Alarm, Freezes, Promotion, Rollback
from slipway.api.v1alpha1.rollout_stages import Stages
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus
from slipway.api.v1alpha1.rollout_traffic import PredictionLog, QaHeader, Traffic
from slipway.api.v1alpha1.scalars import Duration, share_cel


def _weights_rise(spec: Any) -> bool:
    weights = [stage.canary.weight for stage in spec.stages if stage.canary is not None]
    return weights == sorted(weights)


def _gate_names_differ(spec: Any) -> bool:
    everywhere = {gate.name for gate in spec.gates}
    return all(gate.name not in everywhere for stage in spec.stages for gate in stage.gates)


def _headers_differ(spec: Any) -> bool:
    if spec.qa_header is None or not _assigned(spec):
        return True
    return bool(spec.qa_header.name.lower() != spec.traffic.assignment.header.lower())


def _needs(spec: Any, stage_type: str) -> bool:
    return any(stage.type == stage_type for stage in spec.stages)


def _has_route(spec: Any) -> bool:
    gateway = spec.traffic.gateway_api if spec.traffic is not None else None
    return gateway is not None and gateway.http_route_ref is not None


def _pairs_gated(spec: Any) -> bool:
    shadows = [stage for stage in spec.stages if stage.type == "Shadow"]
    return any(gate.metric in PAIRED for stage in shadows for gate in stage.gates)


def _assigned(spec: Any) -> bool:
    return spec.traffic is not None and spec.traffic.assignment is not None


_HAS_ROUTE = "has(self.traffic) && has(self.traffic.gatewayAPI) && has(self.traffic.gatewayAPI.httpRouteRef)"
_HAS_CANDIDATES = "has(self.candidates) && self.candidates.size() > 0"
_HAS_ASSIGNMENT = "has(self.traffic) && has(self.traffic.assignment)"
# `map` and `join` have no bound on their result, and so no acceptable cost: places are written out instead.
_INDICES = f"[{', '.join(str(place) for place in range(20))}]"
_STAGE_NAMES = " + ".join(
    f"(self.stages.size() > {place} ? ' ' + self.stages[{place}].name : '')" for place in range(20)
)
_LAWS = (
    Rule(
        f"has(self.model) != ({_HAS_CANDIDATES})",
        "set exactly one of model, candidates: one model, or the arms of an A/B/n test",
        lambda spec: (spec.model is None) == bool(spec.candidates),
    ),
    Rule(
        f"!({_HAS_ROUTE}) || (has(self.adopt) && has(self.deletionPolicy) && self.deletionPolicy == 'Orphan')",
        "traffic.gatewayAPI.httpRouteRef needs adopt, and deletionPolicy: Orphan: a route that the operator has not "
        "made does not go with the rollout",
        lambda spec: not _has_route(spec) or (spec.adopt is not None and spec.deletion_policy == "Orphan"),
    ),
    Rule(
        "!has(self.advanceThrough) || self.stages.exists(s, s.name == self.advanceThrough)",
        "advanceThrough must be the name of one of the stages",
        lambda spec: spec.advance_through is None or any(s.name == spec.advance_through for s in spec.stages),
        message_cel=f"'advanceThrough must be the name of one of the stages:' + {_STAGE_NAMES}",
        field=".advanceThrough",
    ),
    Rule(
        f"{_INDICES}.all(i, i >= self.stages.size() || !has(self.stages[i].canary) || {_INDICES}.all(j, j <= i || "
        "j >= self.stages.size() || !has(self.stages[j].canary) || "
        f"{share_cel('self.stages[i].canary.weight')} <= {share_cel('self.stages[j].canary.weight')}))",
        "stages of type Canary must have weights that do not fall from one to the next",
        _weights_rise,
        field=".stages",
    ),
    Rule(
        f"!has(self.qaHeader) || !({_HAS_ASSIGNMENT}) || self.qaHeader.name.lowerAscii() != "
        "self.traffic.assignment.header.lowerAscii()",
        "qaHeader must have another name than traffic.assignment.header, which assigns entities",
        _headers_differ,
        field=".qaHeader",
    ),
    Rule(
        "has(self.traffic) || !self.stages.exists(s, s.type in ['Shadow', 'Canary', 'ABTest'])",
        "traffic is required with stages of type Shadow, Canary or ABTest",
        lambda spec: spec.traffic is not None or not any(_needs(spec, t) for t in ("Shadow", "Canary", "ABTest")),
    ),
    Rule(
        "!has(self.traffic) || self.stages.size() > 0",
        "stages must have at least 1 entry where there is traffic; none is for a task with serving.mode Batch",
        lambda spec: spec.traffic is None or len(spec.stages) > 0,
        field=".stages",
    ),
    Rule(
        f"{_HAS_ASSIGNMENT} || !self.stages.exists(s, s.type == 'ABTest')",
        "stages of type ABTest need traffic.assignment (type GatewayAPI): an experiment compares entities, not "
        "requests",
        lambda spec: _assigned(spec) or not _needs(spec, "ABTest"),
        field=".stages",
    ),
    Rule(
        f"{_HAS_ASSIGNMENT} || !self.stages.exists(s, has(s.minExposures))",
        "minExposures needs traffic.assignment: exposures are distinct entities; without it use minSamples",
        lambda spec: _assigned(spec) or all(stage.min_exposures is None for stage in spec.stages),
        field=".stages",
    ),
    Rule(
        f"!({_HAS_CANDIDATES}) || self.stages.exists(s, s.type == 'ABTest')",
        "candidates need a stage of type ABTest, which chooses among them",
        lambda spec: not spec.candidates or _needs(spec, "ABTest"),
    ),
    Rule(
        f"!has(self.gates) || !self.gates.exists(g, has(g.metric) && g.metric in {cel_list(PAIRED)})",
        f"gates of the rollout hold in every stage; {', '.join(PAIRED)} belong into the gates of a Shadow stage",
        lambda spec: not any(gate.metric in PAIRED for gate in spec.gates),
        field=".gates",
    ),
    Rule(
        "!has(self.gates) || self.stages.all(s, !has(s.gates) || s.gates.all(g, !self.gates.exists(r, r.name == "
        "g.name)))",
        "gates of a stage must have other names than the gates of the rollout: status lists both by name",
        _gate_names_differ,
        field=".stages",
    ),
    Rule(
        "has(self.predictionLog) || !self.stages.exists(s, has(s.gates) && s.type == 'Shadow' && s.gates.exists(g, "
        f"has(g.metric) && g.metric in {cel_list(PAIRED)}))",
        f"{', '.join(PAIRED)} come from the answers that both models log: set predictionLog, such as "
        "{uri: s3://lake/predictions/, secretRef: {name: lake}}",
        lambda spec: spec.prediction_log is not None or not _pairs_gated(spec),
        field=".stages",
    ),
)


class ModelRolloutSpec(Spec):
    """Which model serves, how it gets there, and what must hold on the way and afterwards."""

    laws = _LAWS

    task_ref: LocalReference = Field(description="The ModelTask: what the model is for, and what counts as good.")
    model: ModelSource | None = Field(
        None, description="The model to serve. Its resolved version and digest stand in status."
    )
    candidates: Annotated[Candidates, Later("only one candidate is rolled out: use model")] = Field(
        (), description="The arms of an A/B/n test, instead of one model."
    )
    certification: Certification | None = Field(
        None, description="A waiver for a model that no TrainingRun has evaluated; without one it is refused."
    )
    image: BuildImage = Field(BuildImage(), description="How the served image is built, and where it is pushed.")
    predictor: Predictor = Field(Predictor(), description="How the model server runs.")
    warm_up: Duration = Field(
        Duration("30s"), description="How long a variant must be ready before its first request, such as 30s."
    )
    traffic: Traffic | None = Field(
        None, description="How requests reach the variants. Absent only for a task with serving.mode Batch."
    )
    adopt: Adopt | None = Field(
        None,
        description="Takes over a running service as the first stable, without downtime. It is never changed, and "
        "never deleted.",
    )
    initial_revision: Literal["Gated", "ServeDirectly"] = Field(
        "Gated",
        description="The first revision has no stable to compare with. Gated: under a synthetic load it must keep the "
        "bounds of the rollout's gates on latency and errors before it gets traffic. ServeDirectly: it serves as soon "
        "as it answers, also where it is slower than its task declares.",
    )
    prediction_log: PredictionLog | None = Field(
        None, description="Keeps requests, answers and variants, for labels, backtests and skew checks."
    )
    qa_header: QaHeader | None = Field(
        None, description="Sends requests with a header to the candidate, for testers, whatever the weights."
    )
    hooks: Hooks = Field((), description="URLs to call when something happens.")
    notifications: Notifications = Field((), description="Channels to tell people.")
    stages: Stages = Field(
        description="The steps that a candidate passes, in this order, before it serves everyone. Empty for a task "
        "with serving.mode Batch."
    )
    gates: Gates = Field(
        (), description="Limits that hold in every stage and, while the previous variant is kept, after promotion."
    )
    promotion: Promotion = Field(Promotion(), description="What happens when the last stage has passed.")
    rollback: Rollback = Field(Rollback(), description="How the way back is taken.")
    advance_through: Name | None = Field(
        None,
        description="Last stage that the candidate may pass on its own; raised by a pull request. Absent: no limit. "
        "Lowering it never moves traffic back. A RolloutRequest may go beyond it.",
    )
    freeze: Freezes = Field(
        (), description="Times during which nothing begins or advances; a rollback always goes ahead."
    )
    on_breach: Literal["Rollback", "Hold"] = Field(
        "Rollback",
        description="When a gate breaches, also after promotion while the previous variant is kept. Rollback: "
        "stable serves "
        "all. Hold: the split stays and people decide.",
    )
    alarm: Alarm | None = Field(
        None,
        description="The fast alarm: looks every ten seconds whether a class's share of the live answers has jumped, "
        "and acts before any gate has enough evidence. Absent: nobody looks.",
    )
    progress_deadline: Duration = Field(
        Duration("2h"),
        description="Without progress for this long (image, pods, route), the rollout is Stalled; such as 2h.",
    )
    deletion_policy: Literal["Delete", "Orphan"] = Field(
        "Delete",
        description="When the ModelRollout is deleted. Delete: the service goes as well. Orphan: stable keeps serving.",
    )
    paused: bool = Field(False, description="Nothing advances while true; a breach still acts.")


KIND = Kind(
    kind="ModelRollout",
    plural="modelrollouts",
    short_names=("mr",),
    doc="ModelRollout brings each new version of a model into service by evidence, and back when the evidence turns.",
    spec=ModelRolloutSpec,
    status=ModelRolloutStatus,
    longest_name=35,
    why_name="its InferenceServices are named <name>-<10 hex digits>-<digit>, and KServe labels their pods "
    "isvc.<that>-predictor, which may have 63 characters",
    longest_host=39,
    why_host="KServe makes the host name <name>-<10 hex digits>-<digit>-predictor-<namespace>, which may have 63",
    columns=(
        Column("Phase", ".status.phase", "Summary of the state."),
        Column("Stage", ".status.stage.name", "Stage of the candidate."),
        Column("Stable", '.status.variants[?(@.name=="stable")].version', "Version that stable serves."),
        Column("Candidate", '.status.variants[?(@.name=="candidate")].version', "Version that is being rolled out."),
        Column("Weight", '.status.variants[?(@.name=="candidate")].weight', "Share asked for the candidate."),
        Column("Observed", ".status.split.observed", "Share measured.", priority=1),
        ready_column(),
        Column("Message", '.status.conditions[?(@.type=="Progressing")].message', "What it waits for.", priority=1),
        AGE,
    ),
    rules=(),
)
