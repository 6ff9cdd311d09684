"""Conditions and phase, derived anew at every decision from status and snapshot."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.conditions import Condition
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus, Variant
from slipway.core.first_revision import judged, not_judged
from slipway.core.kstatus import inactive
from slipway.core.rollout.abtest import OPEN
from slipway.core.rollout.abtest_plan import UNDERPOWERED
from slipway.core.rollout.abtest_words import of_experiment
from slipway.core.rollout.adoption import ADOPTED
from slipway.core.rollout.announcing import told
from slipway.core.rollout.barriers import advance_allowed, stopped
from slipway.core.rollout.logged import predictions_logged
from slipway.core.rollout.presence import complaint, endpoints, live_service, size
from slipway.core.rollout.probation import CONDITION, TOO_SHORT, undercut
from slipway.core.rollout.probation import told as told_of_probation
from slipway.core.rollout.redefined import feature_definition_changed
from slipway.core.rollout.referenced import references_resolved
from slipway.core.rollout.replacement import coming
from slipway.core.rollout.route import RouteView
from slipway.core.rollout.snapshot import Resolved
from slipway.core.rollout.stages import is_short
from slipway.core.rollout.turn import BEFORE_TRAFFIC, BUILD, PROMOTE, PROVE, ROLLBACK, START, TRAFFIC_STAGES, Turn

ORDER = (
    "Accepted", "Ready", "Reconciling", "Progressing", "Stalled", "AdvanceAllowed", "FeatureDefinitionChanged",
    "ModelResolved", "ReferencesResolved", "Certified", "ImageBuilt",
    "ModelProven", "BatchScored", "SplitAgrees", "EvidenceAvailable", "PredictionsLogged", "PairsCompared",
    "InitialRevisionGated", CONDITION, ADOPTED, "Announced", "InactiveFields", "ShortStages", "ExperimentValid",
    UNDERPOWERED,
)  # fmt: skip
Statement = tuple[str, str, str]
_CONDITION_OF_FAILURE = {"build": "ImageBuilt", "prove": "ModelProven"}
_PHASES = {
    BUILD: "Building",
    PROVE: "Proving",
    START: "Starting",
    PROMOTE: "Promoting",
    ROLLBACK: "RollingBack",
    **{name: name for name in TRAFFIC_STAGES},
    "Approval": "AwaitingApproval",
}


def conclude(turn: Turn, route: RouteView) -> ModelRolloutStatus:
    """The status with conditions, phase, and what was seen of the variants."""
    stated = _derived(turn, route) | dict(turn.said)
    conditions = conditions_of(turn.status, stated, turn.snapshot.generation, turn.now)
    variants = tuple(
        v.model_copy(
            update={
                "replicas": size(turn, v),
                "ready_replicas": turn.snapshot.ready.get(v.inference_service, 0),
            }
        )
        for v in turn.status.variants
    )
    return turn.status.model_copy(
        update={
            "observed_generation": turn.snapshot.generation,
            "conditions": conditions,
            "phase": _phase(turn, stated),
            "variants": variants,
            "inactive_fields": turn.snapshot.inactive,
        }
    )


def conditions_of(
    status: ModelRolloutStatus, stated: dict[str, Statement], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Conditions in their order; the time of transition changes with the status only."""
    before = {condition.type: condition for condition in status.conditions}
    found = []
    for kind in ORDER:
        if kind not in stated:
            continue
        value, reason, message = stated[kind]
        old = before.get(kind)
        if old and old.reason == reason and reason.endswith("Unavailable"):
            message = old.message  # an outage words itself anew at every attempt
        since = old.last_transition_time if old and old.status == value else now.replace(microsecond=0)
        found.append(
            Condition.model_validate(
                {
                    "type": kind,
                    "status": value,
                    "reason": reason,
                    "message": message[:2000],
                    "observed_generation": generation,
                    "last_transition_time": since,
                }
            )
        )
    return tuple(found)


def _derived(turn: Turn, route: RouteView) -> dict[str, Statement]:
    stated: dict[str, Statement] = {
        "Accepted": ("True", "Valid", "the spec is valid"),
        "Ready": _ready(turn, route),
        "Reconciling": _reconciling(turn, route),
        "Progressing": _idle(turn),
        "Stalled": ("False", "NotStalled", "nothing waits for a person"),
    }
    if not turn.snapshot.task:
        message = f"ModelTask {turn.spec.task_ref.name} does not exist: no new version is rolled out until it does"
        stated["Accepted"] = ("False", "TaskNotFound", message)
        stated["Stalled"] = ("True", "TaskNotFound", message)
    too_short = undercut(turn)
    if too_short:
        stated["Accepted"] = ("False", TOO_SHORT, too_short)
        stated["Stalled"] = ("True", TOO_SHORT, too_short)
    stated |= of_model(turn) | references_resolved(turn)
    stated |= {said.type: (said.status, said.reason, said.message) for said in inactive(turn.snapshot.inactive)}
    stated |= _of_first_revision(turn) | _of_adopted(turn)
    stated |= of_experiment(turn) | told_of_probation(turn)
    stated |= predictions_logged(turn)
    stated |= advance_allowed(turn) | feature_definition_changed(turn) | told(turn)
    short = [s.name for s in turn.spec.stages if s.type in TRAFFIC_STAGES and is_short(s)]
    if short:
        message = f"stages of less than ten minutes are for trying out, not for production: {', '.join(short)}"
        stated["ShortStages"] = ("True", "StagesOfSeconds", message)
    return stated


def _ready(turn: Turn, route: RouteView) -> Statement:
    stable = turn.variant("stable")
    if stable is None:
        return "False", "NothingServes", "no version serves yet"
    if live_service(turn, stable) is None or endpoints(turn, stable) == 0:
        return "False", "StableUnavailable", f"version {stable.version} cannot answer: {complaint(turn, stable)}"
    if not route.exists or route.refused:
        return "False", "RouteNotCarried", route.complaint or "the HTTPRoute does not exist yet"
    if stable.successor is not None:
        return "True", "Serving", f"version {stable.version} serves, although {complaint(turn, stable)}"
    return "True", "Serving", f"version {stable.version} serves"


def _reconciling(turn: Turn, route: RouteView) -> Statement:
    """False in a steady campaign of days, or tools that wait for it would hang (traffic.md 14)."""
    if turn.stage_type in (*BEFORE_TRAFFIC, PROMOTE):
        return "True", _PHASES[turn.stage_type], "a version is being brought up"
    if turn.stage_type == ROLLBACK and not route.carried:
        return "True", "RollingBack", "traffic is being taken from the candidate"
    for variant in turn.status.variants:
        if variant.successor is not None:
            name = variant.successor.inference_service
            message = (
                f"{name} replaces {variant.inference_service}, which was deleted: {complaint(turn, coming(variant))}"
            )
            return "True", "Replacing", message
    return "False", "Settled", "what the spec asks for is in place, or under evaluation"


def _idle(turn: Turn) -> Statement:
    stable = turn.variant("stable")
    if stable is None:
        return "False", "Waiting", "there is no version to roll out"
    return "False", "Complete", f"version {stable.version} serves all traffic"


def of_model(turn: Turn) -> dict[str, Statement]:
    """What is known of the model and its image."""
    stated: dict[str, Statement] = {}
    model, history = turn.snapshot.model, turn.status.history
    if isinstance(model, Resolved):
        if model.evaluation == "passed":
            stated["Certified"] = ("True", "EvaluationPassed", f"version {model.version} passed its evaluation")
        elif turn.spec.certification is not None:
            stated["Certified"] = ("True", "Waived", f"not evaluated; waived: {turn.spec.certification.waiver}")
    last = history[0] if history else None
    failed = last and last.outcome == "Failed" and not turn.status.target and turn.status.rejected
    if turn.status.variants:
        newest = max(turn.status.variants, key=lambda v: v.number)
        if newest.adopted:
            return stated
        stated["ImageBuilt"] = ("True", "Built", newest.image)
        stated["ModelProven"] = _proven(newest)
    if last and failed and last.stage in _CONDITION_OF_FAILURE:
        stated.pop("ModelProven", None)
        stated[_CONDITION_OF_FAILURE[last.stage]] = ("False", last.reason, last.message)
    return stated


def _proven(newest: Variant) -> Statement:
    if newest.benchmark is None:
        return "True", "Answers", f"version {newest.version} answers; its task declares no latency"
    if newest.benchmark.verdict == "Pass":
        return "True", "FastEnough", f"version {newest.version}: {newest.benchmark.message}"
    reason = "TooSlow" if newest.benchmark.verdict == "TooSlow" else "LatencyUnproven"
    return "False", reason, f"version {newest.version} serves all the same: {newest.benchmark.message}"


def _of_first_revision(turn: Turn) -> dict[str, Statement]:
    """Which gates a first revision has kept before its traffic, for as long as it is what serves."""
    stable = turn.variant("stable")
    if turn.spec.initial_revision != "Gated" or turn.snapshot.batch is not None:
        return {}
    rest = ", ".join(not_judged(turn.spec))
    left = f"; not judged before live requests: {rest}" if rest else ""
    if stable is None:
        names = ", ".join(gate.name for gate in judged(turn.spec)) or "no gate"
        return {"InitialRevisionGated": ("Unknown", "NotProvenYet", f"judged before the first traffic: {names}{left}")}
    if stable.ungated is None:
        return {}
    if stable.ungated:
        message = f"version {stable.version} serves as the first revision, and no gate has judged it before that"
        return {"InitialRevisionGated": ("False", "Ungated", message)}
    kept = f"version {stable.version}: {stable.benchmark.message if stable.benchmark else 'its gates were kept'}"
    return {"InitialRevisionGated": ("True", "Proven", f"{kept}{left}")}


def _of_adopted(turn: Turn) -> dict[str, Statement]:
    """That a service was adopted, for as long as the rollout may still send traffic to it."""
    found = next((each for each in turn.status.variants if each.adopted), None)
    if found is None:
        return {}
    message = f"InferenceService {found.version} is {found.name}; it is neither changed nor deleted by this rollout"
    return {ADOPTED: ("True", ADOPTED, message)}


def _phase(turn: Turn, stated: dict[str, Statement]) -> str:
    if turn.snapshot.deleting:
        return "Deleting"
    if stated["Stalled"][1] in ("Breached", "StageNotSupported", OPEN):
        return "Held"
    if turn.stage_type:
        return "Paused" if stopped(turn) and turn.stage_type != ROLLBACK else _PHASES.get(turn.stage_type, "Held")
    if turn.variant("stable") is not None:
        return "Serving"
    return "Failed" if stated["Stalled"][0] == "True" else "Pending"
