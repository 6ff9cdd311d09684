"""What a rollout still needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.abtest_status import ABTestResult, primary_name
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus, StageProgress
from slipway.api.v1alpha1.scalars import Duration
from slipway.cli.words import instant, lasting, measured

_UNDECIDED = "Experiment {} has ended undecided, and is judged no more: "
_ENDED = {
    "Advance": "Experiment {} has ended: it is won, and judged no more.",
    "Promote": _UNDECIDED + "ifInconclusive is Promote, so it counts as passed.",
    "Hold": _UNDECIDED + "ifInconclusive is Hold, so a person decides.",
    "KeepStable": _UNDECIDED + "the candidate goes back once nobody holds the rollout.",
}
_AROUND = {
    "Build": "The build Job ends: with an image it goes on, else the version has failed.",
    "Prove": "The proof Job ends: it must answer, and keep the latency of the task.",
    "Start": "All replicas of the candidate become ready and stay so for warmUp; after progressDeadline it has failed.",
    "Promote": "The gateway carries the route to the new version.",
    "Rollback": "Its last requests end and rollback.scaleDownDelay passes; or another version is asked for.",
}

_LIFTED = (
    "onBreach is Hold, so a person decides: abort ends it, and a commit that changes the gate has it judged anew. One "
    "that takes the gate or its stage out, or asks for more traffic, moves nothing forward."
)


def moves(spec: Mapping[str, Any], status: ModelRolloutStatus, now: datetime) -> Iterator[str]:
    """What would move the rollout, a sentence each."""
    stage = status.stage
    if stage is None:
        yield _next_version(spec)
    elif stage.type in _AROUND:
        yield _AROUND[stage.type]
    else:
        yield from _in_stage(spec, status, stage, now)
    if status.held is not None:
        held = f"{status.held.by} holds it ({status.held.reason})"
        yield f"{held}: nothing advances until it is resumed; a breach still acts."
    if spec.get("paused"):
        yield "spec.paused is true: nothing advances until it is false; a breach still acts."
    yield from _held(spec, status)


def _next_version(spec: Mapping[str, Any]) -> str:
    mlflow = (spec.get("model") or {}).get("mlflow") or {}
    if mlflow.get("alias"):
        return f"The alias {mlflow['alias']} of model {mlflow.get('name', '')} moves to another version."
    if mlflow.get("version"):
        return "spec.model.mlflow.version names another version, or the predictor changes."
    return "spec.model or the predictor changes."


def _in_stage(
    spec: Mapping[str, Any], status: ModelRolloutStatus, stage: StageProgress, now: datetime
) -> Iterator[str]:
    asked: Mapping[str, Any] = next((each for each in spec.get("stages") or () if each.get("name") == stage.name), {})
    test = status.ab_test
    ended = test if test is not None and test.stage == stage.name and test.ended_at is not None else None
    if ended is not None:
        yield _ENDED[ended.outcome or "KeepStable"].format(ended.stage)
    if ended is None or ended.outcome != "Hold":
        yield from _evidence(asked, stage, now)
    yield from _gates(spec, status, ended)
    groups = (asked.get("approval") or {}).get("groups") or ()
    if groups:
        yield f"Approved by {stage.approved}." if stage.approved else f"A member of {' or '.join(groups)} approves it."


def _evidence(asked: Mapping[str, Any], stage: StageProgress, now: datetime) -> Iterator[str]:
    yield from _time(asked, stage, now)
    answered = "requests" if stage.pairs is None else "pairs of answers"
    counts = (("minExposures", stage.exposures, "distinct entities"), ("minSamples", stage.samples, answered))
    for field, counted, noun in counts:
        if asked.get(field) and counted < asked[field]:
            yield f"{asked[field] - counted} more {noun}: {counted} of {asked[field]} were counted."


def _gates(spec: Mapping[str, Any], status: ModelRolloutStatus, ended: ABTestResult | None) -> Iterator[str]:
    """Of an experiment that has ended nothing is judged any more, and with an open end no gate lets it pass."""
    for gate in status.gates:
        if gate.enforcement == "DryRun" or (ended is not None and gate.name == primary_name(ended.stage)):
            continue
        if gate.breaches:
            yield f"Gate {gate.name} has breached: {measured(gate)}. {_of_breach(spec)}"
        elif ended is not None and ended.outcome == "Hold":
            continue
        elif gate.verdict == "Wait":
            yield f"Gate {gate.name} needs more evidence: {measured(gate)}, after {gate.samples} samples."
        elif gate.verdict != "Pass":
            yield f"Gate {gate.name} cannot be judged: {gate.message or gate.verdict}."


def _of_breach(spec: Mapping[str, Any]) -> str:
    held = spec.get("onBreach") == "Hold"
    return _LIFTED if held else "An enforced gate sends the candidate back."


def _time(asked: Mapping[str, Any], stage: StageProgress, now: datetime) -> Iterator[str]:
    if not asked.get("minDuration"):
        return
    since = stage.running_since
    counted = stage.accrued_seconds + (max(0.0, (now - since).total_seconds()) if since is not None else 0.0)
    left = Duration(asked["minDuration"]).seconds - counted
    if left <= 0:
        return
    told = f"{lasting(left)} more of minDuration {asked['minDuration']}"
    if since is None:
        yield f"{told}: its clock stands, because the traffic or the pods are not as asked for."
    else:
        yield f"{told}: not before {instant(stage.expected_end)}." if stage.expected_end else f"{told}."


def _held(spec: Mapping[str, Any], status: ModelRolloutStatus) -> Iterator[str]:
    """What the spec sets to hold it, where this version acts on that."""
    acts = {field for field in ("advanceThrough", "freeze") if not _inactive(status, field)}
    names = [stage.get("name") for stage in spec.get("stages") or ()]
    ceiling = spec.get("advanceThrough")
    if "advanceThrough" in acts and ceiling in names and status.stage:
        beyond = status.stage.index - names.index(ceiling)
        if beyond == 0 and names[-1] != ceiling:
            waits = "the next stage begins, and waits with its traffic"
            yield f"spec.advanceThrough is {ceiling}: {waits} until that is raised."
        elif beyond > 0 and status.stage.type not in _AROUND:
            yield f"spec.advanceThrough is {ceiling}: evidence does not pass this stage until that is raised."
    for freeze in (spec.get("freeze") or ()) if "freeze" in acts else ():
        when = f"{freeze.get('cron')} ({freeze.get('timeZone', 'UTC')}), for {freeze.get('for')}"
        yield f"Nothing advances in freeze {freeze.get('name')}: {when}."


def _inactive(status: ModelRolloutStatus, field: str) -> bool:
    return any(field in each for each in status.inactive_fields)
